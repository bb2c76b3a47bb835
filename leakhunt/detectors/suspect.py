"""What a detector may look at: a holder, what it holds, and who owns it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.awaits import Awaits
from leakhunt.analysis.callables import function_of
from leakhunt.analysis.classes import Classes
from leakhunt.analysis.holder import Holder
from leakhunt.analysis.paths import Path, Step
from leakhunt.analysis.samples import Samples, samples_of
from leakhunt.analysis.shares import is_own_type
from leakhunt.detectors import known
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE

MOST = 0.5
"""Share of the objects above which all are called so."""
_SAMPLED = 500
_SHOWN_FUNCTIONS = 3
_BOXED = 8
"""Items of a box that are looked at."""
_ATTRIBUTES = 64
"""Attributes of an entry that are looked at: a mapping may be its own ``__dict__``."""
_WRAPPER_ATTRIBUTES = 4
"""An object with more is no mere wrapper around a callable (its ``__dict__`` counts)."""
_METHOD = "builtins.method"
_UNWRITTEN_STEPS = 4
"""Nodes between an object and its attribute at most: its ``__dict__``, that of a thread."""


@dataclass(frozen=True, slots=True)
class Owner:
    """The nearest object above the holder, or itself, that has a type of its own."""

    path: str
    type: str
    node: int
    inside: tuple[Step, ...]
    """Steps from the owner down to the holder; empty when the holder owns itself."""

    @property
    def key(self) -> str | None:
        """The last literal key on the way (``'tick'``), as written; None when there is none."""
        return self._keys[-1] if self._keys else None

    @property
    def first_key(self) -> str | None:
        """The literal key nearest to the owner; None when there is none."""
        return self._keys[0] if self._keys else None

    @property
    def _keys(self) -> list[str]:
        return [step.text[1:-1] for step in self.inside if step.text.startswith(("['", '["'))]


class Scene:
    """What all suspects of one graph share.  Everything is computed when asked for."""

    def __init__(self, graph: HeapGraph) -> None:
        self.graph = graph
        self.classes = Classes(graph)

    @cached_property
    def awaits(self) -> Awaits:
        """The unfinished asyncio tasks."""
        return Awaits(self.graph)

    @cached_property
    def samples(self) -> Samples | None:
        """Sampled allocations; None when there was no sampling."""
        return samples_of(self.graph.columns)

    @cached_property
    def index_by_type(self) -> dict[str, int]:
        """Type indexes by name; of several classes of one name the last.  O(types) once."""
        count = len(self.graph.columns.type_node)
        return {self.graph.name_of_type(index): index for index in range(count)}


@dataclass(frozen=True, eq=False)
class Suspect:
    """One holder of one graph.  Everything is computed when asked for."""

    scene: Scene
    holder: Holder

    @property
    def graph(self) -> HeapGraph:
        """The final snapshot."""
        return self.scene.graph

    @cached_property
    def objects(self) -> tuple[int, ...]:
        """A sample of the directly held nodes, keys left out when there are values."""
        direct = self.holder.direct
        if not len(direct):
            return ()
        tree, columns = self.graph.tree, self.graph.columns
        kinds = columns.edge_kind[tree.parent_edge[direct].astype(np.int64)]
        values = direct[kinds != EdgeKind.KEY]
        chosen = values if len(values) else direct
        step = max(1, len(chosen) // _SAMPLED)
        return tuple(int(node) for node in chosen[::step])

    @cached_property
    def types(self) -> tuple[str, ...]:
        """Type names of the sampled objects."""
        return tuple(self.graph.type_name(node) for node in self.objects)

    @cached_property
    def path(self) -> str:
        """Path of the holder, as written."""
        return str(self.holder.path)

    @cached_property
    def owner(self) -> Owner | None:
        """Who keeps the holder; None when no object above has a type of its own."""
        path = self.holder.path
        for count in range(len(path.steps), -1, -1):
            kind = path.steps[count - 1].type if count else path.start_type
            node = path.steps[count - 1].node if count else self._start_node
            if is_own_type(kind) and not kind.startswith("<"):
                text = str(Path(path.start, path.start_type, path.steps[:count]))
                return Owner(text, kind, node, path.steps[count:])
        return None

    @property
    def subject(self) -> str | None:
        """The type that names the leak, quoted; None when it is the language's own and says
        nothing."""
        name = self.holder.main_type
        return f"`{name}`" if is_own_type(name) else None

    @property
    def when_done(self) -> str:
        """When what is held should be let go, in words."""
        subject = self.subject
        return (
            "when it is done with" if subject is None else f"when the {subject} it belongs to ends"
        )

    @property
    def _start_node(self) -> int:
        """The node the path starts with.  The way from it to the first step may lead through a
        ``__dict__`` that is not written."""
        path = self.holder.path
        if not path.steps:
            return self.holder.node
        way = [path.steps[0].node]
        while len(way) <= _UNWRITTEN_STEPS and int(self.graph.tree.parent[way[-1]]) != NO_NODE:
            way.append(int(self.graph.tree.parent[way[-1]]))
        above = way[1:] or way
        return next((n for n in above if self.graph.type_name(n) == path.start_type), above[0])

    def methods(self, node: int) -> frozenset[str]:
        """Names in the class of an object and in its bases.  O(names) each time."""
        return self.scene.classes.attributes_of(self.graph.type_index(node))

    def is_kind(self, node: int, names: frozenset[str]) -> bool:
        """Is an object of one of these types, or of a subclass?  O(1) after the first."""
        return not names.isdisjoint(self.scene.classes.names_of(self.graph.type_index(node)))

    # ---- what the objects are ----

    def share(self, names: frozenset[str]) -> float:
        """Part of the objects that are of one of these types or of a subclass, 0 to 1."""
        bases = self.scene.classes.names_of
        hits = sum(n for t, n in self._count_by_type.items() if not names.isdisjoint(bases(t)))
        return hits / max(1, len(self.objects))

    @cached_property
    def _count_by_type(self) -> Counter[int]:
        return Counter(self.graph.type_index(node) for node in self.objects)

    def mostly(self, names: frozenset[str]) -> bool:
        """Are most of the objects of one of these types?"""
        return self.share(names) > MOST

    def count_of(self, names: frozenset[str]) -> int:
        """Leaked nodes of these types, all depths."""
        return sum(share.count for share in self.holder.shares if share.type in names)

    def has_each(self, names: frozenset[str]) -> bool:
        """Is there about one such node, or more, for each object?"""
        least = max(1.0, MOST * len(self.holder.direct) / max(1, self.entry_edges))
        return self.count_of(names) >= least

    @cached_property
    def entry_edges(self) -> int:
        """Edges of one entry: two when keys leaked too."""
        kinds = self.holder.edge_kinds
        return 2 if EdgeKind.KEY in kinds and len(kinds) > 1 else 1

    def functions(self) -> tuple[str, ...]:
        """What the held callables run, the commonest first: ``200 run Session.on_tick
        (shop/session.py:14)``."""
        found = (function_of(self.graph, node) for node in self.objects)
        counts = Counter(str(place) for place in found if place is not None)
        return tuple(
            f"{'they' if number == len(self.objects) else f'{number:,} of those looked at'} "
            f"run {place}"
            for place, number in counts.most_common(_SHOWN_FUNCTIONS)
        )

    def inner_edges(self, node: int) -> tuple[int, ...]:
        """Edges to what an entry keeps itself: its attributes, or the first items of a box (a
        named tuple is one, too).  Some dozens at most."""
        graph = self.graph
        first = tuple(graph.edges(node)[:_BOXED])
        if graph.type_name(node) in known.BOXES:
            return first
        if any(graph.kind(e) == EdgeKind.INDEX for e in first):
            return tuple(e for e in first if graph.kind(e) == EdgeKind.INDEX)
        named = tuple(islice(graph.named_edges(node), _ATTRIBUTES))
        namespace = graph.named_child(node, "__dict__")
        # each attribute is a key and a value
        inside = () if namespace is None else graph.edges(namespace)[: 2 * _ATTRIBUTES]
        return named + tuple(e for e in inside if graph.kind(e) == EdgeKind.VALUE)

    def carries_callable(self, node: int) -> bool:
        """Is it a callable, or a small box around one?"""
        name = self.graph.type_name(node)
        if name in known.CALLABLES:
            return True
        if name in known.BOXES:
            return any(kind in known.CALLABLES for kind in self._inner_types(node))
        return self._has_callback(node) or self._wraps_method(node)

    def _inner_types(self, node: int) -> list[str]:
        return [self.graph.type_name(self.graph.target(e)) for e in self.inner_edges(node)]

    def _wraps_method(self, node: int) -> bool:
        """Is it an object of few attributes, one of them another object's bound method?"""
        if not is_own_type(self.graph.type_name(node)):
            return False
        edges = self.inner_edges(node)
        if len(edges) > _WRAPPER_ATTRIBUTES:
            return False
        bound = (self.graph.named_child(self.graph.target(e), "__self__") for e in edges)
        kinds = self._inner_types(node)
        return any(
            kind == _METHOD and owner not in (None, node)
            for kind, owner in zip(kinds, bound, strict=True)
        )

    def _has_callback(self, node: int) -> bool:
        found = self.graph.attribute(node, *known.CALLBACK_NAMES)
        return found is not None and self.graph.type_name(found) in known.CALLABLES

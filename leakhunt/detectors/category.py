"""Which of the thirteen words fits a holder: an ordered registry of small pure functions.

Each looks at facts of the graph; the first that says yes decides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from leakhunt.agent.format import EdgeKind, Fact
from leakhunt.analysis.holders import Holder
from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.graph.heap_graph import HeapGraph

_MOST = 0.5
_SAMPLED = 500
_PENDING = 0


@dataclass(frozen=True, eq=False)
class Suspect:
    """What a category function may look at."""

    graph: HeapGraph
    holder: Holder

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
        """Path of the holder."""
        return str(self.holder.path)

    def mostly(self, names: frozenset[str]) -> bool:
        """Are most of the objects of one of these types?"""
        hits = sum(name in names for name in self.types)
        return hits > _MOST * max(1, len(self.types))

    def count_of(self, names: frozenset[str]) -> int:
        """Leaked nodes of these types, all depths."""
        return sum(share.count for share in self.holder.shares if share.type in names)

    def has_each(self, names: frozenset[str]) -> bool:
        """Is there about one such node, or more, for each object?"""
        least = max(1.0, _MOST * len(self.holder.direct) / max(1, self.entry_edges))
        return self.count_of(names) >= least

    @cached_property
    def entry_edges(self) -> int:
        """Edges of one entry: two when keys leaked too."""
        kinds = self.holder.edge_kinds
        return 2 if EdgeKind.KEY in kinds and len(kinds) > 1 else 1

    def carries_callable(self, node: int) -> bool:
        """Is it a callable, or a small box around one?"""
        if self.graph.type_name(node) in known.CALLABLES:
            return True
        if self.graph.type_name(node) not in known.BOXES:
            return self._has_callback(node)
        targets = (self.graph.target(e) for e in self.graph.edges(node)[:8])
        return any(self.graph.type_name(t) in known.CALLABLES for t in targets)

    def _has_callback(self, node: int) -> bool:
        found = self.graph.attribute(node, *known.CALLBACK_NAMES)
        return found is not None and self.graph.type_name(found) in known.CALLABLES


Rule = Callable[[Suspect], bool]


def _is_log(s: Suspect) -> bool:
    if s.mostly(known.LOG_TYPES) or s.holder.type in known.LOG_HOLDERS:
        return True
    return s.has_each(known.LOG_TYPES) and not s.mostly(known.CALLABLES)


def _is_timer(s: Suspect) -> bool:
    if s.mostly(known.TIMER_TYPES):
        return True
    return s.path.endswith(("._scheduled", "._ready")) and s.has_each(known.TIMER_TYPES)


def _is_pending(s: Suspect) -> bool:
    if s.mostly(known.FUTURE_TYPES):
        done = sum(_is_done(s.graph, node) for node in s.objects)
        return done <= _MOST * len(s.objects)
    return s.mostly(known.SUSPENDED_TYPES)


def _is_done(graph: HeapGraph, node: int) -> bool:
    state = graph.fact(node, Fact.STATE)
    if state is not None:
        return state != _PENDING
    word = graph.attribute(node, "_state")
    return word is not None and graph.text(word) in known.DONE_STATES


def _is_thread(s: Suspect) -> bool:
    path = s.path
    return (
        s.mostly(known.THREAD_TYPES)
        or any(share.type in known.THREAD_TYPES for share in s.holder.shares[:3])
        or path.startswith(("threading._active", "thread '*'"))
        or "_thread._local" in {s.holder.type, s.graph.type_name(_parent(s))}
    )


def _parent(s: Suspect) -> int:
    parent = int(s.graph.tree.parent[s.holder.node])
    return parent if parent < s.graph.node_count else s.holder.node


def _is_stream(s: Suspect) -> bool:
    if not s.has_each(known.STREAM_TYPES):
        return False
    below = [n for n in s.objects if s.graph.type_name(n) in known.STREAM_TYPES]
    closed = sum(s.graph.fact(n, Fact.CLOSED) == 1 or s.graph.fact(n, Fact.FD) == -1 for n in below)
    return not below or closed <= _MOST * len(below)


def _is_class(s: Suspect) -> bool:
    if s.mostly(known.CLASS_TYPES) or s.path == "sys.modules":
        return True
    metaclasses = sum(_is_type_object(s, node) for node in s.objects)
    if metaclasses > _MOST * max(1, len(s.objects)):
        return True
    return s.holder.main_type in known.CLASS_TYPES and s.has_each(known.CLASS_TYPES)


def _is_type_object(s: Suspect, node: int) -> bool:
    return s.graph.named_child(node, "__mro__") is not None


def _is_listener(s: Suspect) -> bool:
    if s.path.startswith(known.LISTENER_PATHS) or s.path.endswith(known.LISTENER_NAMES):
        return bool(s.objects)
    if s.holder.type not in known.REGISTRY_TYPES and not s.holder.sizes.final:
        return False
    if s.holder.type in known.CACHE_WRAPPERS:
        return False
    callables = sum(s.carries_callable(node) for node in s.objects)
    return callables > _MOST * max(1, len(s.objects))


def _is_closure(s: Suspect) -> bool:
    kinds = {step.kind for step in s.holder.path.steps}
    texts = {step.text for step in s.holder.path.steps}
    in_function = "cell" in kinds or not texts.isdisjoint({".__defaults__", ".__kwdefaults__"})
    link = s.holder.chain_step
    if link is not None and link.type in known.CALLABLES:
        return True
    return in_function or s.mostly(known.CLOSURE_TYPES)


def _is_cache(s: Suspect) -> bool:
    if s.holder.chain_step is not None:
        return False
    if s.holder.type in known.CACHE_WRAPPERS or s.holder.type in known.MAPPING_TYPES:
        return True
    kinds = s.holder.edge_kinds
    return EdgeKind.VALUE in kinds or EdgeKind.ELEMENT in kinds


REGISTRY: tuple[tuple[Category, Rule], ...] = (
    (Category.TIMER, _is_timer),
    (Category.PENDING, _is_pending),
    (Category.LOG, _is_log),
    (Category.THREAD, _is_thread),
    (Category.CLASS, _is_class),
    (Category.LISTENER, _is_listener),
    (Category.STREAM, _is_stream),
    (Category.CLOSURE, _is_closure),
    (Category.CACHE, _is_cache),
)


def categorise(graph: HeapGraph, holder: Holder) -> Category:
    """The first category whose rule fits; collection when none does."""
    suspect = Suspect(graph, holder)
    for category, rule in REGISTRY:
        if rule(suspect):
            return category
    return Category.COLLECTION

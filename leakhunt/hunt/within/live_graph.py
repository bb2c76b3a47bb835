"""The heap of this process as a graph, as far as ways to some of its objects go.

For the names of paths (:class:`~leakhunt.analysis.paths.PathNamer`) where a snapshot would take
longer than all else: at the end of a test run.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

from leakhunt.agent._heap import holders
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.hunt.within.kinds import is_exactly, name_of, namespace_of
from leakhunt.hunt.within.references import Reference, references_of
from leakhunt.hunt.within.ways import Ways

_TEXTS: Final = (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL)
_NAMED_AT: Final = 3
"""Place of a global in a way: below ``sys.modules``, the module and its namespace."""


class _Root:
    """Stands for what keeps objects without being one."""

    def __init__(self, kind: RootKind, label: str) -> None:
        self.kind, self.label = kind, label


class _Shape(NamedTuple):
    """What the ways to an object have in common with those to its like."""

    number: int
    step: tuple[int, str | None, int] | None
    """The last one: kind, name, and id of the type that it leads to."""
    is_namespace: bool


class LiveGraph:
    """Shortest ways from the modules, or else from the interpreter, to some objects.

    Nodes and edges are numbered as they are met.  What was met is kept alive.
    """

    def __init__(self, found: Ways) -> None:
        """O(steps of the ways and modules)."""
        self._objects: list[Any] = []
        self._node_by_id: dict[int, int] = {}
        self._edges: list[Reference] = []
        self._edge_by_ends: dict[tuple[int, int], int] = {}
        self._seeds: dict[int, tuple[int, Reference]] = {}
        """By id of an object that a root refers to: node of the root, and how."""
        self._seed(RootKind.MODULES, "sys.modules", "modules", sys.modules)
        for label, field, one in found.references:
            self._seed(RootKind.INTERPRETER, label, field, one)
        self._steps = found.steps
        self._found = dict.fromkeys(self._node(found.steps[one][0]) for one in found.reached)
        self._below: dict[int, set[int]] = {}
        """Ids of the objects that follow one in some way, by its id."""
        for number, (_, before) in self._steps.items():
            self._below.setdefault(id(before), set()).add(number)
        self._shapes: dict[int, _Shape] = {}
        self._shape_numbers: dict[tuple[int, tuple[int, str | None, int]], int] = {}
        self._modules = self._find_modules()
        self._namespaces: dict[int, list[int]] | None = None

    def _seed(self, kind: RootKind, label: str, field: str | int, one: Any) -> None:
        if id(one) not in self._seeds:
            edge_kind = EdgeKind.INDEX if type(field) is int else EdgeKind.FIELD
            root = self._node(_Root(kind, label))
            self._seeds[id(one)] = root, Reference(edge_kind, field, one)

    def _node(self, one: Any) -> int:
        node = self._node_by_id.get(id(one))
        if node is None:
            node = self._node_by_id[id(one)] = len(self._objects)
            self._objects.append(one)
        return node

    def _find_modules(self) -> dict[str, tuple[int, int]]:
        namespaces = ((name, one, namespace_of(one)) for name, one in list(sys.modules.items()))
        return {
            name: (self._node(one), self._node(namespace))
            for name, one, namespace in namespaces
            if type(name) is str and namespace is not None
        }

    # ---- the objects ----

    @property
    def found(self) -> list[int]:
        """Nodes to which there is a way."""
        return list(self._found)

    def object(self, node: int) -> Any:
        """The object itself."""
        return self._objects[node]

    def holder(self, node: int) -> Any:
        """The last object before a found node on its way; None when a root holds it."""
        return self._steps[id(self._objects[node])][1]

    # ---- ways ----

    def chain(self, node: int, most: int) -> list[tuple[int, int]]:
        """(edge into, node) from the root down to a found node, the edge of the root -1; of one
        that is longer than ``most``, the two ends."""
        way = self._way(node)
        root, reference = self._seeds[id(way[0])]
        steps = [(-1, root), (self._number(root, reference), self._node(way[0]))]
        pairs = list(pairwise(way))
        if len(pairs) > most:
            pairs = [*pairs[: most // 2], *pairs[-(most // 2) :]]
        return steps + [(self._edge(one, other), self._node(other)) for one, other in pairs]

    def _way(self, node: int) -> list[Any]:
        way, one = [], self._objects[node]
        while one is not None:
            way.append(one)
            one = self._steps[id(one)][1]
        return way[::-1]

    def signature(self, node: int) -> int:
        """The same for found nodes whose ways differ in indexes and keys only, and in how often
        one step is repeated.  O(objects on the ways) for all nodes together."""
        waiting, one = [], self._objects[node]
        while one is not None and id(one) not in self._shapes:
            waiting.append(one)
            one = self._steps[id(one)][1]
        while waiting:
            one = waiting.pop()
            self._shapes[id(one)] = self._shape(one)
        return self._shapes[id(self._objects[node])].number

    def _shape(self, one: Any) -> _Shape:
        """By that of the object before it."""
        before = self._steps[id(one)][1]
        if before is None:
            root, reference = self._seeds[id(one)]
            above, edge = _Shape(-1 - root, None, False), self._number(root, reference)
        else:
            above, edge = self._shapes[id(before)], self._edge(before, one)
        kind, text = self.kind(edge), self.edge_text(edge)
        if kind == EdgeKind.VALUE and above.is_namespace:
            text = self.text(self.name_of_edge(edge))
        step, number = (kind, text, id(type(one))), above.number
        if step != above.step:
            number = self._shape_numbers.setdefault((number, step), len(self._shape_numbers))
        return _Shape(number, step, text == "__dict__" or one is sys.modules)

    def _edge(self, one: Any, following: Any) -> int:
        """The edge from an object to the next of a way.  O(references) once an object."""
        ends = id(one), id(following)
        if ends not in self._edge_by_ends:
            wanted = self._below[id(one)]
            for reference in references_of(one):
                if id(reference.target) in wanted:
                    self._number(one, reference)
        edge = self._edge_by_ends.get(ends)
        if edge is None:
            edge = self._number(one, Reference(EdgeKind.UNKNOWN, 0, following))
        return edge

    def _number(self, one: Any, reference: Reference) -> int:
        """Of an edge; of several between two objects the first counts, but for one with a key."""
        ends = id(one), id(reference.target)
        edge = self._edge_by_ends.get(ends)
        if edge is None:
            edge = self._edge_by_ends[ends] = len(self._edges)
            self._edges.append(reference)
        elif self._edges[edge].kind == EdgeKind.KEY:
            self._edges[edge] = reference
        return edge

    # ---- what paths are written from (leakhunt.analysis.named_graph.NamedGraph) ----

    @property
    def modules(self) -> Mapping[str, tuple[int, int]]:
        """Module node and its namespace dict by name in sys.modules."""
        return self._modules

    @property
    def sys_modules(self) -> int:
        """The dict ``sys.modules``."""
        return self._node(sys.modules)

    @property
    def thread_count(self) -> int:
        """None is looked at."""
        return 0

    def type_name(self, node: int) -> str:
        """``module.QualName`` of a node's type."""
        return name_of(type(self._objects[node]))

    def name_as_type(self, node: int) -> str | None:
        """``module.QualName`` of a node that is a type, and not one whose holder is asked for."""
        one = self._objects[node]
        is_type = issubclass(type(one), type) and node not in self._found
        return name_of(one) if is_type else None

    def is_root(self, node: int) -> bool:
        """Is it a root rather than an object?"""
        return type(self._objects[node]) is _Root

    def root(self, node: int) -> tuple[int, str, int | None]:
        """Kind and label of a root; no line."""
        root = self._objects[node]
        return root.kind, root.label, None

    def kind(self, edge: int) -> int:
        """Edge kind."""
        return self._edges[edge].kind

    def name_of_edge(self, edge: int) -> int:
        """Index of an INDEX edge, key node of a VALUE edge."""
        reference = self._edges[edge]
        if reference.kind == EdgeKind.VALUE:
            return self._node(reference.name)
        return reference.name if type(reference.name) is int else 0

    def edge_text(self, edge: int) -> str | None:
        """Name of an ATTR, FIELD or LOCAL edge."""
        reference = self._edges[edge]
        return reference.name if reference.kind in _TEXTS else None

    def edge_text_is(self, edge: int, text: str) -> bool:
        """Is it an ATTR, FIELD or LOCAL edge of this name?"""
        return self.edge_text(edge) == text

    def text(self, node: int) -> str | None:
        """Text of a str node."""
        one = self._objects[node]
        return one if type(one) is str else None

    def key(self, node: int) -> str | int | None:
        """Value of a str node, or of an int node of 64 bits: not each longer one can be written."""
        one = self._objects[node]
        is_told = type(one) is str or (type(one) is int and -(2**63) <= one < 2**63)
        return one if is_told else None

    def named_child(self, node: int, *names: str) -> int | None:
        """Target of the first ATTR, FIELD or LOCAL edge with one of the names."""
        for reference in references_of(self._objects[node]):
            if reference.kind in _TEXTS and reference.name in names:
                return self._node(reference.target)
        return None

    def entries(self, node: int) -> int | None:
        """Length of a list or tuple, None of others."""
        one = self._objects[node]
        return len(one) if is_exactly(one, list, tuple) else None

    def item(self, node: int, index: int) -> int | None:
        """Node at an index of a list or tuple, None when there is none."""
        one = self._objects[node]
        is_there = is_exactly(one, list, tuple) and 0 <= index < len(one)
        return self._node(one[index]) if is_there else None

    def edge_between(self, source: int, target: int) -> int:
        """An edge from one node to another that it refers to, one with a key when there is one."""
        one, other = self._objects[source], self._objects[target]
        self._below.setdefault(id(one), set()).add(id(other))
        return self._edge(one, other)

    def namespaces_with(self, node: int) -> list[int]:
        """Namespaces of :attr:`modules` that name a global on one of the ways.  O(names in all
        modules) once."""
        if self._namespaces is None:
            self._namespaces = {}
            named = {id(sys.modules)}
            for _ in range(_NAMED_AT):
                named = {below for one in named for below in self._below.get(one, ())}
            namespaces = {namespace for _, namespace in self._modules.values()}
            for namespace, one in holders(
                [self._steps[one][0] for one in named], [self._objects[node] for node in namespaces]
            ):
                of_one = self._namespaces.setdefault(self._node(one), [])
                of_one.append(self._node(namespace))
        return self._namespaces.get(node, [])

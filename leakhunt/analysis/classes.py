"""What a class is and offers, read from its snapshot."""

from __future__ import annotations

from functools import cached_property

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE


class Classes:
    """Classes of one graph; each is read once, when asked for."""

    def __init__(self, graph: HeapGraph) -> None:
        self._graph = graph
        self._bases: dict[int, tuple[int, ...]] = {}
        self._names: dict[int, frozenset[str]] = {}

    def names_of(self, type_index: int) -> frozenset[str]:
        """``module.QualName`` of a class and its bases, ``object`` left out.  O(bases) once."""
        found = self._names.get(type_index)
        if found is None:
            own = self._graph.name_of_type(type_index)
            bases = (self._name(node) for node in self._mro(type_index)[1:])
            found = self._names[type_index] = frozenset({own, *bases})
        return found

    def attributes_of(self, type_index: int) -> frozenset[str]:
        """Names in a class and its bases, ``object`` left out.  O(names) each time."""
        names: set[str] = set()
        for base in self._mro(type_index):
            namespace = self._graph.named_child(base, "__dict__")
            names.update(() if namespace is None else _keys(self._graph, namespace))
        return frozenset(names)

    def _mro(self, type_index: int) -> tuple[int, ...]:
        """Nodes of a class and its bases, ``object`` left out; empty when it was not met."""
        found = self._bases.get(type_index)
        if found is None:
            found = self._bases[type_index] = self._read_mro(type_index)
        return found

    def _read_mro(self, type_index: int) -> tuple[int, ...]:
        graph = self._graph
        node = int(graph.columns.type_node[type_index])
        if node == NO_NODE:
            return ()
        mro = graph.named_child(node, "__mro__")
        if mro is None:
            return (node,)
        bases = tuple(graph.target(edge) for edge in graph.edges(mro))
        return bases[:-1] if len(bases) > 1 else bases

    def _name(self, node: int) -> str:
        """``module.QualName`` of a class object, also of one without instances."""
        index = self._index_by_node.get(node)
        if index is not None:
            return self._graph.name_of_type(index)
        graph = self._graph
        name = graph.named_child(node, "__qualname__", "__name__")
        namespace = graph.named_child(node, "__dict__")
        edge = None if namespace is None else graph.value_edge(namespace, "__module__")
        module = None if edge is None else graph.text(graph.target(edge))
        return f"{module or '?'}.{'' if name is None else graph.text(name)}"

    @cached_property
    def _index_by_node(self) -> dict[int, int]:
        nodes = self._graph.columns.type_node.tolist()
        return {node: index for index, node in enumerate(nodes) if node != NO_NODE}


def _keys(graph: HeapGraph, namespace: int) -> list[str]:
    found = (
        graph.text(int(graph.columns.edge_name[edge]))
        for edge in graph.edges(namespace)
        if graph.kind(edge) == EdgeKind.VALUE
    )
    return [name for name in found if name is not None]

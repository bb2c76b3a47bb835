"""What a node is to a person: the colours of a drawing."""

from __future__ import annotations

from enum import StrEnum

from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE

_KIND_BY_TYPE_WORDS = {
    "container": (
        "list", "dict", "set", "frozenset", "tuple", "mappingproxy", "dict_items", "dict_values",
    ),
    "callable": (
        "function", "method", "builtin_function_or_method", "method_descriptor", "classmethod",
        "staticmethod", "property", "cell", "code", "generator", "coroutine", "async_generator",
        "frame",
    ),
    "value": (
        "str", "bytes", "bytearray", "int", "float", "complex", "bool", "NoneType", "ellipsis",
        "NotImplementedType",
    ),
    "module": ("module",),
}  # fmt: skip


class NodeKind(StrEnum):
    """Sorts of nodes that are drawn alike."""

    ROOT = "root"
    MODULE = "module"
    CLASS = "class"
    CALLABLE = "callable"
    CONTAINER = "container"
    VALUE = "value"
    INSTANCE = "instance"


_KIND_BY_TYPE = {
    f"builtins.{word}": NodeKind(kind)
    for kind, words in _KIND_BY_TYPE_WORDS.items()
    for word in words
} | {
    "collections.deque": NodeKind.CONTAINER,
    "collections.OrderedDict": NodeKind.CONTAINER,
    "collections.defaultdict": NodeKind.CONTAINER,
    "functools.partial": NodeKind.CALLABLE,
    "functools._lru_cache_wrapper": NodeKind.CALLABLE,
}


class Kinds:
    """What the nodes of one graph are, and what they are called."""

    def __init__(self, graph: HeapGraph) -> None:
        self._graph = graph
        types = graph.columns.type_node
        self._type_by_class = {int(node): i for i, node in enumerate(types) if node != NO_NODE}
        modules = graph.plan.modules
        self._module_by_node = {node: name for name, (node, _) in modules.items()}
        self._module_by_namespace = {space: name for name, (_, space) in modules.items()}

    def of(self, node: int) -> NodeKind:
        """The kind of a node; the globals of a module count as the module.  O(1)."""
        if self._graph.is_root(node):
            return NodeKind.ROOT
        if node in self._type_by_class:
            return NodeKind.CLASS
        if node in self._module_by_namespace:
            return NodeKind.MODULE
        name = self._graph.type_name(node)
        if name == "builtins.type":
            return NodeKind.CLASS
        return _KIND_BY_TYPE.get(name, NodeKind.INSTANCE)

    def label(self, node: int) -> str:
        """What a person would call a node: by name if it has one, a value by itself, a container
        by its size, else by its type.  O(degree)."""
        graph, c = self._graph, self._graph.columns
        if graph.is_root(node):
            return c.string(int(c.root_label[node - c.heap_count]))
        if node in self._type_by_class:
            return f"class {graph.name_of_type(self._type_by_class[node])}"
        if node in self._module_by_node:
            return f"module {self._module_by_node[node]}"
        if node in self._module_by_namespace:
            return f"globals of {self._module_by_namespace[node]}"
        kind, type_name = self.of(node), graph.type_name(node).removeprefix("builtins.")
        if kind is NodeKind.VALUE:
            key = graph.key(node)
            return type_name if key is None else repr(key)
        name = self._qualified_name(node) if kind is NodeKind.CALLABLE else None
        if name is not None:
            return f"{type_name} {name}"
        entries = graph.entries(node)
        return type_name if entries is None else f"{type_name} of {entries:,}"

    def _qualified_name(self, node: int) -> str | None:
        """Of a function, of the function of a method, of a code object."""
        graph = self._graph
        function = graph.named_child(node, "__func__")
        node = node if function is None else function
        named = graph.named_child(node, "__qualname__", "co_qualname")
        return None if named is None else graph.text(named)

"""What paths are written from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol


class NamedGraph(Protocol):
    """What a name is made of: a snapshot (:class:`~leakhunt.graph.heap_graph.HeapGraph`), or the
    heap of this process (:class:`~leakhunt.hunt.within.live_graph.LiveGraph`)."""

    @property
    def modules(self) -> Mapping[str, tuple[int, int]]:
        """Module node and its namespace dict by name in sys.modules."""

    @property
    def sys_modules(self) -> int | None:
        """The dict ``sys.modules``."""

    @property
    def thread_count(self) -> int:
        """Threads that run."""

    def chain(self, node: int, most: int) -> list[tuple[int, int]]:
        """(edge into, node) from the seed down to a node, the edge of the seed -1; of one that is
        longer than ``most``, the two ends."""

    def type_name(self, node: int) -> str:
        """``module.QualName`` of a node's type."""

    def name_as_type(self, node: int) -> str | None:
        """``module.QualName`` of a node that is a type with instances."""

    def is_root(self, node: int) -> bool:
        """Is it a named root rather than an object?"""

    def root(self, node: int) -> tuple[int, str, int | None]:
        """Kind, label and line of a root."""

    def kind(self, edge: int) -> int:
        """Edge kind."""

    def name_of_edge(self, edge: int) -> int:
        """Index of an INDEX edge, key node of a VALUE edge."""

    def edge_text(self, edge: int) -> str | None:
        """Name of an ATTR, FIELD or LOCAL edge."""

    def edge_text_is(self, edge: int, text: str) -> bool:
        """Is it an ATTR, FIELD or LOCAL edge of this name?"""

    def text(self, node: int) -> str | None:
        """Text of a str node, when known."""

    def key(self, node: int) -> str | int | None:
        """Value of a str or int node, when known."""

    def named_child(self, node: int, *names: str) -> int | None:
        """Target of the first ATTR, FIELD or LOCAL edge with one of the names."""

    def entries(self, node: int) -> int | None:
        """Number of entries of a container, None when it is none."""

    def item(self, node: int, index: int) -> int | None:
        """Node at an index of a list or tuple, None when there is none."""

    def edge_between(self, source: int, target: int) -> int:
        """An edge from one node to another that it refers to, one with a key when there is one."""

    def namespaces_with(self, node: int) -> Iterable[int]:
        """The namespaces of :attr:`modules` that refer to a node."""

"""A snapshot as a test wants to ask it: by address, with names."""

from __future__ import annotations

from collections import Counter
from functools import cached_property

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import Fact, NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.store.columns import NO_STRING, SnapshotColumns

Edge = tuple[str, int | str | None, int]
"""Kind, name, address of the target.  The name of a VALUE is the address of its key."""

_TEXT_NAMED = (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL)


class SnapshotView:
    """Edges, types and facts by the address of a node."""

    def __init__(self, columns: SnapshotColumns) -> None:
        # plain lists: asked one by one, numpy's scalars are slow
        self.columns = columns
        self.address: list[int] = columns.node_address.tolist()
        self.offset: list[int] = columns.edge_offset.tolist()
        self.target: list[int] = columns.edge_target.tolist()
        self.kind: list[int] = columns.edge_kind.tolist()
        self._types = [columns.type_string(i) for i in range(columns.type_count)]
        self._type: list[int] = columns.node_type.tolist()
        self._node = {a: i for i, a in enumerate(self.address[: columns.heap_count])}

    def node(self, address: int) -> int | None:
        """Node id of an address, or None."""
        return self._node.get(address)

    def type_of(self, node: int) -> str:
        return self._types[self._type[node]]

    def edges(self, node: int) -> list[Edge]:
        """All edges of a node."""
        columns = self.columns
        found: list[Edge] = []
        for e in range(self.offset[node], self.offset[node + 1]):
            kind = EdgeKind(self.kind[e])
            raw = int(columns.edge_name[e])
            name: int | str | None = None
            if kind in _TEXT_NAMED:
                name = None if raw == NO_STRING else columns.string(raw)
            elif kind is EdgeKind.VALUE:
                name = self.address[raw]
            elif kind is EdgeKind.INDEX:
                name = raw
            found.append((kind.name, name, self.address[self.target[e]]))
        return found

    def owned(self, node: int) -> Counter[int]:
        """Addresses of what a node owns: the implied type and weak references left out."""
        return Counter(
            self.address[self.target[e]]
            for e in range(self.offset[node], self.offset[node + 1])
            if self.kind[e] not in (EdgeKind.TYPE, EdgeKind.WEAK)
        )

    def attributes(self, node: int) -> dict[str, int]:
        """Targets of attributes by name, in inline values or in the ``__dict__``."""
        found: dict[str, int] = {}
        for kind, name, target in self.edges(node):
            if name == "__dict__":
                found |= self.items(self.must(target))
            elif kind == "ATTR" and isinstance(name, str):
                found[name] = target
        return found

    def items(self, node: int) -> dict[str, int]:
        """Values of a dict by the text of the key."""
        found: dict[str, int] = {}
        for kind, key, target in self.edges(node):
            if kind == "VALUE" and isinstance(key, int):
                text = self.columns.text_id_of_node(self.must(key))
                if text is not None:
                    found[self.columns.string(text)] = target
        return found

    def must(self, address: int) -> int:
        """Node id of an address that is known to be there."""
        return self._node[address]

    def facts(self, node: int) -> dict[str, int]:
        return {Fact(k).name: v for k, v in self.columns.facts_of_node(node).items()}

    def is_tracked(self, node: int) -> bool:
        return bool(self.columns.node_flags[node] & NodeFlag.TRACKED)

    @cached_property
    def source(self) -> npt.NDArray[np.int64]:
        """Source node of each edge."""
        offsets = self.columns.edge_offset.astype(np.int64)
        return np.repeat(np.arange(self.columns.node_count), offsets[1:] - offsets[:-1])

    @cached_property
    def owners(self) -> npt.NDArray[np.int64]:
        """Edges found to each node, weak ones left out."""
        is_owning = self.columns.edge_kind != EdgeKind.WEAK
        targets = self.columns.edge_target[is_owning]
        return np.bincount(targets, minlength=self.columns.node_count)

    def census(self) -> Counter[str]:
        """Tracked objects by type."""
        columns = self.columns
        tracked = np.nonzero(columns.node_flags & NodeFlag.TRACKED)[0]
        counts = np.bincount(columns.node_type[tracked], minlength=columns.type_count)
        found: Counter[str] = Counter()
        for i, n in enumerate(counts):
            if n:
                found[columns.type_string(i)] += int(n)
        return found

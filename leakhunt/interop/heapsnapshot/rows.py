"""Nodes and edges of a snapshot as rows of numbers, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.graph.heap_graph import HeapGraph, Mask
from leakhunt.interop.heapsnapshot.ids import ObjectIds
from leakhunt.interop.heapsnapshot.layout import (
    CATEGORIES,
    CATEGORY_BY_ROOT_KIND,
    EDGE_FIELDS,
    EDGE_TYPE_BY_KIND,
    FIRST_ORDINAL,
    GARBAGE,
    IMMORTAL,
    LIMIT,
    NAME_BY_KIND,
    NATIVE_HOLDS,
    NODE_FIELDS,
    NODE_TYPE_BY_NAME,
    ROOTS,
    UNKNOWN_NAME,
    V8Edge,
    V8Node,
)
from leakhunt.interop.heapsnapshot.strings import (
    MORE_BYTES,
    NO_NUMBER,
    NO_TEXT,
    StringTable,
    string_table,
)
from leakhunt.store.columns import I64, NO_NODE, NO_STRING, U32

CHUNK = 1 << 17
"""Nodes or edges in one piece: their arrays stay in the processor's cache."""

_NAMED = (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL)
_LARGEST = LIMIT - 1


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Nodes beside the snapshot's own, for sizes that need more than 32 bits."""

    owner: I64
    """(parts,) node of the snapshot, ascending."""
    size: I64
    """(parts,) bytes."""
    id: I64
    """(parts,) id."""


class Rows:
    """One snapshot as rows; about 20 bytes a node beside the snapshot itself.

    A node whose size needs more than 32 bits keeps what fits and owns further nodes with the
    rest: its retained size is then right in every reader.
    """

    def __init__(self, graph: HeapGraph, ids: ObjectIds) -> None:
        self._graph = graph
        self.columns = graph.columns
        self._ids = ids.of(graph)
        self.strings: StringTable = string_table(graph.columns)
        self._parts = self._split(ids)

    # ---- counts ----

    @property
    def node_count(self) -> int:
        """Nodes in the file."""
        return FIRST_ORDINAL + self.columns.node_count + len(self._parts.owner)

    @property
    def edge_count(self) -> int:
        """Edges in the file."""
        entries = sum(len(nodes) for nodes in self._entries)
        fixed = 1 + len(CATEGORIES)
        return fixed + entries + self.columns.edge_count + len(self._parts.owner)

    @property
    def split_count(self) -> int:
        """Objects whose size needs more than 32 bits."""
        return len(set(self._parts.owner.tolist()))

    # ---- roots ----

    @cached_property
    def _entries(self) -> list[I64]:
        """For each category, the nodes its edges lead to.  O(nodes)."""
        graph, c = self._graph, self.columns
        found: dict[str, I64] = {}
        for kind, name in CATEGORY_BY_ROOT_KIND.items():
            same = c.root_kind == kind
            if kind is RootKind.INTERPRETER:  # and whatever kind a newer agent may have added
                same = ~np.isin(c.root_kind, [k for k in CATEGORY_BY_ROOT_KIND if k != kind])
            found[name] = c.heap_count + np.flatnonzero(same)
        held = graph.held_roots.astype(np.int64)
        is_immortal = (c.node_flags[held] & NodeFlag.IMMORTAL) != 0
        found[NATIVE_HOLDS] = held[~is_immortal]
        found[IMMORTAL] = held[is_immortal]
        found[GARBAGE] = np.flatnonzero(self._is_garbage)
        return [found[name] for name in CATEGORIES]

    @cached_property
    def _is_garbage(self) -> Mask:
        """(node_count,) reached from no GC root.  O(nodes + edges)."""
        mask: Mask = self._graph.distance == NO_NODE
        return mask

    # ---- nodes ----

    def node_chunks(self) -> Iterator[U32]:
        """Rows of NODE_FIELDS, flat.  O(nodes)."""
        yield self._head_nodes()
        for start in range(0, self.columns.node_count, CHUNK):
            yield self._nodes(start, min(start + CHUNK, self.columns.node_count))
        yield self._part_nodes()

    def _head_nodes(self) -> U32:
        fixed = self.strings.fixed
        names = ["", ROOTS, *CATEGORIES]
        degree = [1, len(CATEGORIES), *(len(nodes) for nodes in self._entries)]
        rows = np.zeros((FIRST_ORDINAL, len(NODE_FIELDS)), np.uint32)
        rows[:, 0] = V8Node.SYNTHETIC
        rows[:, 1] = [fixed(name) for name in names]
        rows[:, 2] = 1 + 2 * np.arange(FIRST_ORDINAL)
        rows[:, 4] = degree
        return rows.ravel()

    def _nodes(self, start: int, end: int) -> U32:
        c = self.columns
        types = c.node_type[start:end]
        v8_type, names = self._type_rows
        rows = np.empty((end - start, len(NODE_FIELDS)), np.uint32)
        rows[:, 0] = v8_type[types]
        rows[:, 1] = names[types]
        own = self._own_name[start:end]
        np.copyto(rows[:, 1], own, where=own != NO_STRING)
        rows[:, 2] = self._ids[start:end]
        rows[:, 3] = np.minimum(c.node_size[start:end], _LARGEST)
        rows[:, 4] = np.diff(c.edge_offset[start : end + 1])
        low, high = np.searchsorted(self._parts.owner, [start, end])
        np.add.at(rows[:, 4], self._parts.owner[low:high] - start, 1)
        return rows.ravel()

    def _part_nodes(self) -> U32:
        rows = np.zeros((len(self._parts.owner), len(NODE_FIELDS)), np.uint32)
        rows[:, 0] = V8Node.NATIVE
        rows[:, 1] = self.strings.fixed(MORE_BYTES)
        rows[:, 2] = self._parts.id
        rows[:, 3] = self._parts.size
        return rows.ravel()

    @cached_property
    def _type_rows(self) -> tuple[U32, U32]:
        """(type_count,) V8 type and name of the nodes of each type.  O(types)."""
        graph, c, fixed = self._graph, self.columns, self.strings.fixed
        names = self.strings.type_name.copy()
        types = np.full(c.type_count, V8Node.OBJECT, np.uint32)
        for i in range(c.type_count):
            types[i] = NODE_TYPE_BY_NAME.get(graph.name_of_type(i), V8Node.OBJECT)
        names[types == V8Node.STRING] = fixed(NO_TEXT)
        names[types == V8Node.NUMBER] = fixed(NO_NUMBER)
        if len(c.root_kind):
            types[c.node_type[c.heap_count :]] = V8Node.SYNTHETIC
        return types, names

    @cached_property
    def _own_name(self) -> U32:
        """(node_count,) index of a node's own name, NO_STRING when it has none.  O(nodes)."""
        c, first = self.columns, self.strings.first_text
        names = np.full(c.node_count, NO_STRING, np.uint32)
        v8_type = self._type_rows[0]
        text_count = int(np.count_nonzero(c.string_node != NO_NODE))
        texts = c.string_node[:text_count]
        is_str = v8_type[c.node_type[texts]] == V8Node.STRING
        names[texts[is_str]] = first + np.flatnonzero(is_str)
        is_int = v8_type[c.node_type[c.int_node]] == V8Node.NUMBER
        names[c.int_node[is_int]] = self.strings.int_name[is_int]
        functions = np.flatnonzero(v8_type[c.node_type] == V8Node.CLOSURE)
        owner, text = self._qualnames(functions)
        names[owner] = first + text
        names[c.heap_count :] = first + c.root_label.astype(np.int64)
        return names

    def _qualnames(self, functions: I64) -> tuple[I64, I64]:
        """Functions whose qualified name was recorded, and the string id of it."""
        graph, c = self._graph, self.columns
        edges, owner = graph.expand(functions)
        named = (c.edge_kind[edges] == EdgeKind.FIELD) & np.isin(
            c.edge_name[edges], graph.string_ids("__qualname__")
        )
        texts, found = self._text_of(c.edge_target[edges[named]])
        return functions[owner[named][found]], texts[found]

    def _text_of(self, nodes: npt.NDArray[np.integer]) -> tuple[I64, npt.NDArray[np.bool_]]:
        """String id of each str node, and whether it has one.  O(log n) each."""
        c = self.columns
        at = np.minimum(np.searchsorted(c.string_node, nodes), max(len(c.string_node) - 1, 0))
        if not len(c.string_node):
            return at, np.zeros(len(nodes), np.bool_)
        return at, c.string_node[at] == nodes

    # ---- edges ----

    def edge_chunks(self) -> Iterator[U32]:
        """Rows of EDGE_FIELDS, flat, by source in the order of the nodes.  O(edges)."""
        yield self._head_edges()
        count = self.columns.edge_count
        for start in range(0, max(count, 1), CHUNK):
            yield self._edges(start, min(start + CHUNK, count))

    def _head_edges(self) -> U32:
        targets = [np.array([1]), 2 + np.arange(len(CATEGORIES))]
        targets += [FIRST_ORDINAL + nodes for nodes in self._entries]
        rows = np.empty((sum(map(len, targets)), len(EDGE_FIELDS)), np.uint32)
        rows[:, 0] = V8Edge.ELEMENT
        rows[:, 1] = np.concatenate([np.arange(len(part)) for part in targets])
        rows[:, 2] = np.concatenate(targets) * len(NODE_FIELDS)
        return rows.ravel()

    def _edges(self, start: int, end: int) -> U32:
        c, first = self.columns, self.strings.first_text
        kind, name = c.edge_kind[start:end], c.edge_name[start:end]
        rows = np.empty((end - start, len(EDGE_FIELDS)), np.uint32)
        rows[:, 0] = EDGE_TYPE_BY_KIND[kind]
        rows[:, 1] = self._name_by_kind[kind]
        rows[:, 2] = (c.edge_target[start:end].astype(np.int64) + FIRST_ORDINAL) * len(NODE_FIELDS)
        np.copyto(rows[:, 1], name, where=kind == EdgeKind.INDEX)
        named = np.isin(kind, _NAMED) & (name != NO_STRING)
        rows[named, 1] = first + name[named].astype(np.int64)
        for text, word in ((self._cell_ids, V8Edge.CONTEXT), (self._code_ids, V8Edge.PROPERTY)):
            rows[(kind == EdgeKind.FIELD) & np.isin(name, text), 0] = word
        values = np.flatnonzero(kind == EdgeKind.VALUE)
        self._name_values(rows, values, name[values])
        idle = self._idle_edges
        rows[idle[slice(*np.searchsorted(idle, [start, end]))] - start, 0] = V8Edge.WEAK
        return self._with_parts(rows, start, end).ravel()

    @cached_property
    def _idle_edges(self) -> I64:
        """Edges from garbage to live objects, ascending.  Garbage keeps nothing alive: written
        as weak, they change no dominator.  O(edges of garbage)."""
        edges, _ = self._graph.expand(np.flatnonzero(self._is_garbage))
        return edges[~self._is_garbage[self.columns.edge_target[edges]]]

    def _name_values(self, rows: U32, at: I64, keys: U32) -> None:
        """Name values of mappings: by the text of the key, its number, or its type."""
        c = self.columns
        rows[at, 1] = self.strings.type_key[c.node_type[keys]]
        texts, has_text = self._text_of(keys)
        rows[at[has_text], 1] = self.strings.first_text + texts[has_text]
        if not len(c.int_node):
            return
        i = np.minimum(np.searchsorted(c.int_node, keys), len(c.int_node) - 1)
        has_int = c.int_node[i] == keys
        at, i = at[has_int], i[has_int]
        value = c.int_value[i]
        rows[at, 1] = self.strings.int_name[i]
        is_index = (value >= 0) & (value < LIMIT)
        rows[at[is_index], 0] = V8Edge.ELEMENT
        rows[at[is_index], 1] = value[is_index]

    @cached_property
    def _name_by_kind(self) -> U32:
        fixed = self.strings.fixed
        table = np.full(max(EdgeKind) + 1, fixed(UNKNOWN_NAME), np.uint32)
        for kind, word in NAME_BY_KIND.items():
            table[kind] = fixed(word)
        return table

    @cached_property
    def _cell_ids(self) -> I64:
        return self._graph.string_ids("cell_contents")

    @cached_property
    def _code_ids(self) -> I64:
        """memlab never follows an internal edge named ``code``."""
        return self._graph.string_ids("code")

    # ---- sizes above 32 bits ----

    def _split(self, ids: ObjectIds) -> Parts:
        sizes = self.columns.node_size
        owners, parts, part_ids = [], [], []
        for node in np.flatnonzero(sizes > _LARGEST).tolist():
            rest, part = int(sizes[node]) - _LARGEST, 0
            while rest > 0:
                owners.append(node)
                parts.append(min(rest, _LARGEST))
                part_ids.append(ids.of_part(int(self._ids[node]), part))
                rest, part = rest - parts[-1], part + 1
        as_i64 = [np.array(column, np.int64) for column in (owners, parts, part_ids)]
        return Parts(*as_i64)

    def _with_parts(self, rows: U32, start: int, end: int) -> U32:
        """The rows with the edges to parts inserted behind those of their owners."""
        if not len(self._parts.owner):
            return rows
        behind = self.columns.edge_offset[self._parts.owner + 1].astype(np.int64)
        # An edge belongs to the chunk that its owner's last edge is in; to the first when none.
        here = (behind > start) & (behind <= end)
        if start == 0:
            here |= behind == 0
        parts = np.flatnonzero(here)
        ordinal = FIRST_ORDINAL + self.columns.node_count + parts
        extra = np.empty((len(parts), len(EDGE_FIELDS)), np.uint32)
        extra[:, 0] = V8Edge.INTERNAL
        extra[:, 1] = self.strings.fixed(MORE_BYTES)
        extra[:, 2] = ordinal * len(NODE_FIELDS)
        return np.insert(rows, behind[parts] - start, extra, axis=0)

"""One heap snapshot as frozen arrays: what every layer above reads.

Pure data: no I/O.  ``reader.py`` makes it from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

NO_STRING = 0xFFFF_FFFF
"""``edge_name`` of a string-named edge whose text is not known."""

NO_NODE = 0xFFFF_FFFF
"""``string_node`` of a string that is not the text of a node."""

U8 = npt.NDArray[np.uint8]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]
U16 = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True, eq=False)
class SnapshotColumns:
    """Columns of one snapshot.

    Node ids are ordinals ``0 .. node_count-1``: first the ``heap_count`` objects in
    ascending address order, then the named roots in stream order.  Edges of node v are
    ``edge_offset[v]:edge_offset[v+1]``, in stream order; absent (NULL) references are left
    out; an edge of kind TYPE to the heap type is appended last.
    """

    header: Mapping[str, Any]
    """What was known before the walk (``docs/snapshot-format.md``, header)."""
    footer: Mapping[str, Any]
    """What was measured by the walk (counts, pause_ns, rss_bytes ...)."""

    node_address: U64
    """(node_count,) address; 0 for roots."""
    node_type: U32
    """(node_count,) index into the type columns."""
    node_size: U64
    """(node_count,) shallow size in bytes, as ``sys.getsizeof`` would say; 0 for roots."""
    node_refcount: U32
    """(node_count,) references counted; 0 for immortal objects and roots."""
    node_flags: U8
    """(node_count,) :class:`~leakhunt.agent.format.NodeFlag`."""

    edge_offset: U64
    """(node_count+1,) first edge of each node."""
    edge_target: U32
    """(edge_count,) node id."""
    edge_kind: U8
    """(edge_count,) :class:`~leakhunt.agent.graph_kinds.EdgeKind`."""
    edge_name: U32
    """(edge_count,) meaning by kind: see :class:`~leakhunt.agent.graph_kinds.EdgeKind`."""

    type_name: U32
    """(type_count,) string id of ``module.QualName``."""
    type_flags: U8
    """(type_count,) :class:`~leakhunt.agent.format.TypeFlag`."""
    type_node: U32
    """(type_count,) node id of the type object, or NO_NODE."""
    type_base_size: U64
    """(type_count,) bytes of an instance without items, collector header included."""

    string_offset: U64
    """(string_count+1,) byte offsets into string_bytes."""
    string_bytes: U8
    """UTF-8 (surrogatepass) of all strings."""
    string_node: U32
    """(string_count,) node id whose text this is; strings that are the text of a node come
    first, ascending by node id; then NO_NODE for symbols, labels and type names."""
    string_flags: U8
    """(string_count,) :class:`~leakhunt.agent.format.StringFlag`."""

    int_node: U32
    """(int_count,) node id of ints used as keys, ascending."""
    int_value: I64
    """(int_count,) their values."""

    fact_node: U32
    """(fact_count,) node id, ascending (stable)."""
    fact_id: U16
    """(fact_count,) :class:`~leakhunt.agent.format.Fact`."""
    fact_value: I64
    """(fact_count,) value."""

    root_kind: U8
    """(root_count,) :class:`~leakhunt.agent.graph_kinds.RootKind` of node ``heap_count + i``."""
    root_label: U32
    """(root_count,) string id of its label."""

    unreached_address: U64
    """(unreached_count,) blocks born since the baseline, still allocated, reached by no walk."""
    unreached_type: I32
    """(unreached_count,) type index when the header is plausible, else -1."""
    unreached_size: U64
    """(unreached_count,) bytes."""

    site_parent: I32 = field(default_factory=lambda: np.empty(0, np.int32))
    """(site_count,) row of the calling frame, always an earlier one; -1 for the outermost kept.
    Sites and samples are there when allocations were sampled; ``footer["sites"]`` says how."""
    site_file: U32 = field(default_factory=lambda: np.empty(0, np.uint32))
    """(site_count,) string id of the file."""
    site_function: U32 = field(default_factory=lambda: np.empty(0, np.uint32))
    """(site_count,) string id of the code's qualified name."""
    site_line: U32 = field(default_factory=lambda: np.empty(0, np.uint32))
    """(site_count,) line; 0 when it is not known."""

    sample_address: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    """(sample_count,) address of a sampled block that is live."""
    sample_node: U32 = field(default_factory=lambda: np.empty(0, np.uint32))
    """(sample_count,) node id of the object in it; NO_NODE for buffers and what no walk met."""
    sample_site: I32 = field(default_factory=lambda: np.empty(0, np.int32))
    """(sample_count,) row of the innermost frame; -1 when it is not known."""
    sample_size: U64 = field(default_factory=lambda: np.empty(0, np.uint64))
    """(sample_count,) bytes asked for.  With d = ``footer["sites"]["sample_bytes"]`` the block
    stands for ``1 / (1 - exp(-size / d))`` blocks of its size."""
    sample_epoch: U32 = field(default_factory=lambda: np.empty(0, np.uint32))
    """(sample_count,) marks (captures with a new birth epoch) before it was allocated."""
    sample_flags: U8 = field(default_factory=lambda: np.empty(0, np.uint8))
    """(sample_count,) :class:`~leakhunt.agent.format.SampleFlag`."""

    derived: Any = field(default_factory=dict)
    """Mapping of name to array: what was derived from these columns and kept with them
    (``graph/derived.py``); empty unless they were opened from their cache."""

    @property
    def heap_count(self) -> int:
        """Number of objects (nodes that are not roots)."""
        return len(self.node_type) - len(self.root_kind)

    @property
    def node_count(self) -> int:
        """Number of nodes, roots included."""
        return len(self.node_type)

    @property
    def edge_count(self) -> int:
        """Number of edges."""
        return len(self.edge_target)

    @property
    def type_count(self) -> int:
        """Number of types."""
        return len(self.type_name)

    def string(self, string_id: int) -> str:
        """Text of a string id.  O(length)."""
        start, end = self.string_offset[string_id], self.string_offset[string_id + 1]
        return bytes(self.string_bytes[int(start) : int(end)]).decode("utf-8", "surrogatepass")

    def type_string(self, type_index: int) -> str:
        """``module.QualName`` of a type index.  O(length)."""
        return self.string(int(self.type_name[type_index]))

    def text_id_of_node(self, node_id: int) -> int | None:
        """String id of the text of a str node, or None when it was not recorded.  O(log n)."""
        i = _place(self.string_node, node_id)
        if i < len(self.string_node) and int(self.string_node[i]) == node_id:
            return i
        return None

    def int_of_node(self, node_id: int) -> int | None:
        """Value of an int node used as a key, or None.  O(log n)."""
        i = _place(self.int_node, node_id)
        if i < len(self.int_node) and int(self.int_node[i]) == node_id:
            return int(self.int_value[i])
        return None

    def facts_of_node(self, node_id: int) -> dict[int, int]:
        """Facts of one node by fact id.  O(log n)."""
        lo = _place(self.fact_node, node_id)
        hi = _place(self.fact_node, node_id, "right") if node_id >= 0 else lo
        return {int(self.fact_id[i]): int(self.fact_value[i]) for i in range(lo, hi)}


def _place(nodes: U32, node_id: int, side: Literal["left", "right"] = "left") -> int:
    """Where a node id is, or would be, among ascending ones.  O(log n).

    The id takes the type of the column: for another one numpy would convert the column.
    """
    return int(np.searchsorted(nodes, np.uint32(max(node_id, 0)), side))

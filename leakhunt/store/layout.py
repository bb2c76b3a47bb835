"""The columns of a snapshot as a table: name, type, length, unit and meaning of each.

What :class:`leakhunt.store.columns.SnapshotColumns` says for people, this says for code:
the decoder's bytes become arrays by it, and the columns file describes itself with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.store.columns import NO_STRING, SnapshotColumns


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """One column."""

    name: str
    dtype: str
    """numpy's notation, little-endian."""
    axis: str
    """What is counted: all columns of one axis have the same length; ``node+1`` is one longer
    than ``node``."""
    unit: str
    doc: str


def _specs(*rows: tuple[str, str, str, str, str]) -> tuple[ColumnSpec, ...]:
    return tuple(ColumnSpec(*row) for row in rows)


COLUMNS = _specs(
    ("node_address", "<u8", "node", "address", "address of the object; 0 for roots"),
    ("node_type", "<u4", "node", "type index", "row of the type columns"),
    ("node_size", "<u8", "node", "bytes", "shallow size; 0 for roots"),
    ("node_refcount", "<u4", "node", "references", "counted; 0 for immortal objects and roots"),
    ("node_flags", "|u1", "node", "bits", "1 born, 2 tracked, 4 root, 8 immortal"),
    ("edge_offset", "<u8", "node+1", "edge", "first edge of each node; the last is the total"),
    ("edge_target", "<u4", "edge", "node id", "what the edge leads to"),
    ("edge_kind", "|u1", "edge", "kind", "EdgeKind of leakhunt/agent/graph_kinds.py"),
    ("edge_name", "<u4", "edge", "by kind", "index, node id of the key, or string id"),
    ("type_name", "<u4", "type", "string id", "module.QualName"),
    ("type_flags", "|u1", "type", "bits", "1 heap, 2 collected, 4 opaque, 8 root"),
    ("type_node", "<u4", "type", "node id", "the type object; 4294967295 when not a node"),
    ("type_base_size", "<u8", "type", "bytes", "an instance without items"),
    ("string_offset", "<u8", "string+1", "bytes", "start of each string in string_bytes"),
    ("string_bytes", "|u1", "byte", "bytes", "UTF-8 (surrogatepass) of all strings"),
    ("string_node", "<u4", "string", "node id", "whose text it is; 4294967295 for other texts"),
    ("string_flags", "|u1", "string", "bits", "1 truncated, 2 masked"),
    ("int_node", "<u4", "int", "node id", "ints used as keys, ascending"),
    ("int_value", "<i8", "int", "value", "their values"),
    ("fact_node", "<u4", "fact", "node id", "ascending"),
    ("fact_id", "<u2", "fact", "fact", "Fact of leakhunt/agent/format.py"),
    ("fact_value", "<i8", "fact", "value", "by fact"),
    ("root_kind", "|u1", "root", "kind", "RootKind of leakhunt/agent/graph_kinds.py"),
    ("root_label", "<u4", "root", "string id", "label of the root"),
    ("unreached_address", "<u8", "unreached", "address", "blocks that no walk reached"),
    ("unreached_type", "<i4", "unreached", "type index", "-1 when not plausible"),
    ("unreached_size", "<u8", "unreached", "bytes", "size of the block"),
    ("site_parent", "<i4", "site", "site", "the caller's row; -1 for the outermost frame kept"),
    ("site_file", "<u4", "site", "string id", "file of the code"),
    ("site_function", "<u4", "site", "string id", "qualified name of the code"),
    ("site_line", "<u4", "site", "line", "0 when not known"),
    ("sample_address", "<u8", "sample", "address", "of the sampled block"),
    ("sample_node", "<u4", "sample", "node id", "the object in it; 4294967295 for none"),
    ("sample_site", "<i4", "sample", "site", "where it was allocated; -1 when not known"),
    ("sample_size", "<u8", "sample", "bytes", "of the block, as asked for"),
    ("sample_epoch", "<u4", "sample", "count", "marks before it"),
    ("sample_flags", "|u1", "sample", "bits", "1: of an earlier object in the block"),
)
"""Every column, in the order of the fields of SnapshotColumns and of the columns file."""

Arrays = dict[str, npt.NDArray[Any]]


def problem_of_lengths(arrays: Arrays) -> str | None:
    """What is wrong with the lengths of columns, or None.  O(1)."""
    length_by_axis: dict[str, tuple[int, str]] = {}
    for spec in COLUMNS:
        axis, _, extra = spec.axis.partition("+")
        length = len(arrays[spec.name]) - int(extra or 0)
        expected, other = length_by_axis.setdefault(axis, (length, spec.name))
        if length != expected:
            return f"column {spec.name} does not have the length of column {other}"
    if length_by_axis["root"][0] > length_by_axis["node"][0]:
        return "there are more roots than nodes"
    limits = {"node": 1 << 32, "type": 1 << 31, "string": 1 << 32, "site": 1 << 31}
    for axis, limit in limits.items():
        if not 0 <= length_by_axis[axis][0] < limit:
            return f"the columns count {length_by_axis[axis][0]} rows of {axis}"
    return None


def problem_of_values(columns: SnapshotColumns) -> str | None:
    """What is wrong with an index, offset or kind in the columns, or None.

    The decoder makes no such columns; a columns file may hold anything.  O(n), reads every
    column but addresses, sizes and values.
    """
    c = columns
    strings, types, nodes = len(c.string_node), c.type_count, c.node_count
    sites = len(c.site_parent)
    texts = int(np.count_nonzero(c.string_node != NO_STRING))
    checks = (
        ("node_type", _is_below(c.node_type, types)),
        ("edge_offset", _is_partition(c.edge_offset, c.edge_count)),
        ("edge_target", _is_below(c.edge_target, nodes)),
        ("edge_kind", _is_below(c.edge_kind, max(EdgeKind) + 1) and bool(c.edge_kind.all())),
        ("type_name", _is_below(c.type_name, strings)),
        ("type_node", _is_below(c.type_node, nodes, or_none=True)),
        ("string_offset", _is_partition(c.string_offset, len(c.string_bytes))),
        ("string_bytes", _is_text(c)),
        ("string_node", _is_below(c.string_node[:texts], nodes)),
        ("string_node", _is_ascending(c.string_node[:texts], strict=True)),
        ("int_node", _is_below(c.int_node, nodes) and _is_ascending(c.int_node, strict=True)),
        ("fact_node", _is_below(c.fact_node, nodes) and _is_ascending(c.fact_node)),
        ("root_label", _is_below(c.root_label, strings)),
        ("unreached_type", bool(((c.unreached_type >= -1) & (c.unreached_type < types)).all())),
        ("site_parent", bool(((c.site_parent >= -1) & (c.site_parent < np.arange(sites))).all())),
        ("site_file", _is_below(c.site_file, strings)),
        ("site_function", _is_below(c.site_function, strings)),
        ("sample_node", _is_below(c.sample_node, nodes, or_none=True)),
        ("sample_site", bool(((c.sample_site >= -1) & (c.sample_site < sites)).all())),
        ("node_flags", _has_roots_last(c)),
        ("node_address", _is_ascending(c.node_address[: c.heap_count], strict=True)),
    )
    for name, is_right in checks:
        if not is_right:
            return f"column {name} holds a value that is out of range or out of order"
    return _problem_of_edge_names(columns, strings, nodes)


def _is_below(values: npt.NDArray[Any], limit: int, *, or_none: bool = False) -> bool:
    if len(values) == 0:
        return True
    if or_none:
        return bool(((values < limit) | (values == NO_STRING)).all())
    return int(values.max()) < limit


def _is_ascending(values: npt.NDArray[Any], *, strict: bool = False) -> bool:
    before, after = values[:-1], values[1:]
    return bool((before < after).all() if strict else (before <= after).all())


def _is_partition(offsets: npt.NDArray[Any], total: int) -> bool:
    return int(offsets[0]) == 0 and int(offsets[-1]) == total and _is_ascending(offsets)


def _is_text(c: SnapshotColumns) -> bool:
    """Are the bytes UTF-8, cut between characters only?"""
    try:
        c.string_bytes.tobytes().decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    offsets = np.minimum(c.string_offset, len(c.string_bytes)).astype(np.int64)
    starts = c.string_bytes[offsets[offsets < len(c.string_bytes)]]
    return not bool(((starts & 0xC0) == 0x80).any())


def _has_roots_last(c: SnapshotColumns) -> bool:
    is_root = (c.node_flags & 4) != 0
    return bool(is_root[c.heap_count :].all()) and not bool(is_root[: c.heap_count].any())


def _problem_of_edge_names(c: SnapshotColumns, strings: int, nodes: int) -> str | None:
    limits = np.full(max(EdgeKind) + 1, 1 << 32, dtype=np.uint64)
    for kind in (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL):
        limits[kind] = strings
    limits[EdgeKind.VALUE] = nodes
    chunk = 1 << 18  # temporary arrays stay in the processor's cache
    for start in range(0, c.edge_count, chunk):
        kinds, names = c.edge_kind[start : start + chunk], c.edge_name[start : start + chunk]
        bad = names >= limits[kinds]
        if bad.any():
            worst = np.flatnonzero(bad & ((names != NO_STRING) | (kinds == EdgeKind.VALUE)))
            if len(worst):
                return f"edge {start + int(worst[0])} has a name that does not exist"
    return None

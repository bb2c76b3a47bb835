"""The ``snapshot`` object at the start of a file, parsed strictly."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leakhunt.errors import SnapshotError
from leakhunt.interop.heapsnapshot.layout import OUR_FORMAT

_MOST_BYTES = 1 << 22
"""No header comes near it."""
_MOST_FIELDS = 64
_NODE_FIELDS = ("type", "name", "id", "self_size", "edge_count")
_EDGE_FIELDS = ("type", "name_or_index", "to_node")
_SECTION_BY_META = {
    "trace_function_info_fields": "trace_function_infos",
    "sample_fields": "samples",
    "location_fields": "locations",
    "scope_fields": "scopes",
    "scope_context_var_fields": "scope_context_vars",
    "scope_use_fields": "scope_uses",
}
_MANDATORY = ("sample_fields", "location_fields", "scope_fields")
"""Naming these fields makes their sections mandatory."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the rest of the file must agree with."""

    title: str
    node_count: int
    edge_count: int
    node_fields: tuple[str, ...]
    node_types: tuple[str, ...]
    edge_fields: tuple[str, ...]
    edge_types: tuple[str, ...]
    width_by_section: Mapping[str, int]
    """Numbers in a row of each optional section."""
    mandatory: frozenset[str]
    """Optional sections that must be there."""
    checksums: Mapping[str, str] | None
    """Of files that leakhunt wrote."""


def read_header(data: bytes) -> tuple[Header, int]:
    """The header that starts at the beginning of ``data``, and the bytes it takes.

    Raises:
        SnapshotError: it is not JSON, or lacks what every reader needs.
    """
    text = data[:_MOST_BYTES].decode("latin-1")  # a byte is a character: offsets stay true
    try:
        _, end = json.JSONDecoder().raw_decode(text)
        value = json.loads(data[:end].decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"the snapshot object is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise SnapshotError("the snapshot object is no object")
    return _header(value), end


def _header(value: Mapping[str, Any]) -> Header:
    meta = value.get("meta")
    if not isinstance(meta, dict):
        raise SnapshotError("the snapshot object has no meta object")
    node_fields, node_types = _fields(meta, "node", _NODE_FIELDS)
    edge_fields, edge_types = _fields(meta, "edge", _EDGE_FIELDS)
    traces = _count(value, "trace_function_count") if "trace_function_count" in value else 0
    mandatory = {_SECTION_BY_META[name] for name in _MANDATORY if name in meta}
    mandatory |= {"trace_function_infos", "trace_tree"} if traces else set()
    ours = value.get("leakhunt")
    is_ours = isinstance(ours, dict) and ours.get("format") == OUR_FORMAT
    return Header(
        title=str(value.get("title", "")),
        node_count=_count(value, "node_count"),
        edge_count=_count(value, "edge_count"),
        node_fields=node_fields,
        node_types=node_types,
        edge_fields=edge_fields,
        edge_types=edge_types,
        width_by_section={
            section: len(_names(meta, name))
            for name, section in _SECTION_BY_META.items()
            if name in meta
        },
        mandatory=frozenset(mandatory),
        checksums={k: str(v) for k, v in ours.items()} if is_ours and ours is not None else None,
    )


def _fields(
    meta: Mapping[str, Any], what: str, needed: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Field names of nodes or edges, and the words of the enumeration of their type."""
    fields = _names(meta, f"{what}_fields")
    missing = [name for name in needed if name not in fields]
    if missing:
        raise SnapshotError(f"meta.{what}_fields lacks {missing[0]!r}")
    if len(set(fields)) < len(fields) or len(fields) > _MOST_FIELDS:
        raise SnapshotError(f"meta.{what}_fields names a field twice, or more than {_MOST_FIELDS}")
    types = meta.get(f"{what}_types")
    if not isinstance(types, list) or len(types) != len(fields):
        raise SnapshotError(f"meta.{what}_types does not have one entry for each field")
    words = types[fields.index("type")]
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise SnapshotError(f"meta.{what}_types does not list the words of the type")
    return fields, tuple(words)


def _names(meta: Mapping[str, Any], name: str) -> tuple[str, ...]:
    value = meta.get(name)
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        raise SnapshotError(f"meta.{name} is no list of names")
    return tuple(value)


def _count(value: Mapping[str, Any], name: str) -> int:
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise SnapshotError(f"{name} of the snapshot object is {number!r}")
    return number

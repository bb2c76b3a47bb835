"""The JSON objects of snapshot files: parsing them strictly, and the members they must have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from leakhunt.errors import SnapshotError

MAX_JSON_BYTES = 1 << 24
"""No header, footer or directory of ours comes near it."""

_COUNT: tuple[type, ...] = (int,)
_MAYBE_COUNT: tuple[type, ...] = (int, type(None))
_Rules = Mapping[str, tuple[type, ...]]

_HEADER: _Rules = {
    "format": (str,),
    "tool": (str,),
    "label": (str,),
    "sequence": _COUNT,
    "process": (dict,),
    "python": (dict,),
    "created": (str,),
    "mode": (str,),
    "redaction": (str,),
    "identity": (dict,),
}
_PROCESS: _Rules = {"pid": _COUNT}
_PYTHON: _Rules = {"version": (str,)}
_IDENTITY: _Rules = {
    "method": (str,),
    "exact": (bool,),
    "since": (str, type(None)),
    "inferred_types": (list,),
}
_FOOTER: _Rules = {
    "nodes": _COUNT,
    "edges": _COUNT,
    "roots": _COUNT,
    "types": _COUNT,
    "bytes": _COUNT,
    "pause_ns": _COUNT,
    "walk_ns": _COUNT,
    "file_bytes": _MAYBE_COUNT,
    "rss_bytes": _MAYBE_COUNT,
    "peak_extra_bytes": _MAYBE_COUNT,
    "collecting": (bool, int),
    "gc_counts": (list, type(None)),
}
_FOOTER_ADDED: _Rules = {
    "mode": (str,),
    "predicted_walk_ns": _COUNT,
    "predicted_fork_ns": _COUNT,
    "fork_refused": (str,),
    "sites": (dict,),
    "lost_known": (bool,),
}
"""Members that the first streams of version 1 did not have."""

_SITES: _Rules = {"source": (str,)}
_TRACED_ADDED: _Rules = {"left_out": _COUNT, "unknown_stacks": _COUNT}
_SAMPLED: _Rules = {
    "source": (str,),
    "sample_bytes": _COUNT,
    "frames": _COUNT,
    "epoch": _COUNT,
    "samples": _COUNT,
    "lost": _COUNT,
    "unknown_stacks": _COUNT,
    "reuse": _COUNT,
    "is_sound": (bool,),
}


def parse_object(text: bytes, what: str, offset: int) -> dict[str, Any]:
    """A JSON object of a file.  ``what`` and ``offset`` are for the error.

    Raises:
        SnapshotError: it is not JSON, or no object.
    """
    try:
        value = json.loads(text.decode("utf-8"), parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise SnapshotError(f"the {what} at byte {offset} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise SnapshotError(f"the {what} at byte {offset} is not a JSON object")
    return value


def check_header(header: Mapping[str, Any], expected_format: str) -> None:
    """Raises SnapshotError unless the members every reader relies on are there."""
    _check(header, _HEADER, "header")
    if header["format"] != expected_format:
        raise SnapshotError(f"the header says format {header['format']!r}, not {expected_format!r}")
    _check(header["process"], _PROCESS, "header.process")
    _check(header["python"], _PYTHON, "header.python")
    _check(header["identity"], _IDENTITY, "header.identity")
    if not all(isinstance(name, str) for name in header["identity"]["inferred_types"]):
        raise SnapshotError("the header's inferred_types are not all names")


def check_footer(footer: Mapping[str, Any], counts: Mapping[str, int]) -> None:
    """Raises SnapshotError unless the footer is whole and its counts are the ones found."""
    _check(footer, _FOOTER, "footer")
    _check(footer, {k: v for k, v in _FOOTER_ADDED.items() if k in footer}, "footer")
    sites = footer.get("sites", {"source": "none"})
    _check(sites, _SAMPLED if sites.get("source") == "sampled" else _SITES, "footer.sites")
    _check(sites, {k: v for k, v in _TRACED_ADDED.items() if k in sites}, "footer.sites")
    for name, found in counts.items():
        if footer[name] != found:
            raise SnapshotError(f"the footer counts {footer[name]} {name}, the records {found}")


def _check(members: Mapping[str, Any], rules: _Rules, where: str) -> None:
    for name, types in rules.items():
        if name not in members:
            raise SnapshotError(f"the {where} has no member {name!r}")
        value = members[name]
        is_stray_bool = isinstance(value, bool) and bool not in types
        if not isinstance(value, types) or is_stray_bool:
            raise SnapshotError(f"member {name!r} of the {where} is {_shown(value)}")
        if isinstance(value, int) and value < 0:
            raise SnapshotError(f"member {name!r} of the {where} is negative")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")

"""Open a snapshot as a heap graph, with all that is derived from it kept beside the file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakhunt.errors import MemoryNeedError, SnapshotError
from leakhunt.hunt.inputs import refuse_pipe
from leakhunt.target.progress import OnProgress, Progress, ignore_progress

if TYPE_CHECKING:
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.store.columns import SnapshotColumns

_DECODE_BYTES_A_NODE, _DECODE_BYTES_AN_EDGE = 60, 14
"""Most memory of decoding, its result included: measured, rounded up."""
_COLUMN_BYTES_A_NODE, _COLUMN_BYTES_AN_EDGE = 60, 9
"""Of that, what stays."""


@dataclass(frozen=True, slots=True, eq=False)
class OpenHeap:
    """A snapshot, opened."""

    graph: HeapGraph
    is_cached: bool
    """Read from its cache: nothing was decoded or derived."""
    notes: tuple[str, ...]
    """What there is to say about the cache: made again and why, or not kept and why."""


def open_heap(
    path: Path | str,
    *,
    derive: bool = True,
    cache: bool = True,
    on_progress: OnProgress | None = None,
) -> OpenHeap:
    """The heap graph of a snapshot file of any form.

    From its cache when that is whole and ours: milliseconds whatever the size.  Otherwise the
    file is decoded and, with ``derive``, everything is derived and the cache written; without,
    it is only decoded.  ``on_progress`` may raise to cancel: nothing half-made is left.

    Raises:
        UsageError: a pipe, a socket or a device.
        SnapshotError: missing, unreadable, truncated, damaged, foreign or newer.
        MemoryNeedError: too little memory for it; the message says how much it takes.
    """
    from leakhunt.store.cache import cache_path
    from leakhunt.store.reader import SnapshotForm, form_of_file, open_snapshot

    path, tell = Path(path), on_progress or ignore_progress
    refuse_pipe(path)
    form = form_of_file(path)
    if form is SnapshotForm.COLUMNS:  # mapped as it is, and nothing is kept beside it
        graph = _derived(open_snapshot(path), derive=derive, tell=tell)
        return OpenHeap(graph, is_cached=False, notes=())
    if not derive and not (cache and os.path.lexists(cache_path(path))):
        cache = False  # nothing to read there, and nothing will be kept
    key, footer = _outline(path, is_stream=form is SnapshotForm.STREAM)
    notes: list[str] = []
    if cache and key:
        found = _from_cache(path, key)
        if not isinstance(found, str):
            return OpenHeap(found, is_cached=True, notes=())
        if found:
            notes.append(f"the cache of {path} was not used: {found}")
    _check_memory(path, footer, derive=derive)
    try:
        tell(Progress("decode"))
        columns = open_snapshot(path)
        graph = _derived(columns, derive=derive, tell=tell)
    except MemoryError as error:
        raise _too_little(path, _need(footer, derive=derive), None) from error
    if derive and cache and key:
        kept = _keep(path, key, graph, tell)
        if isinstance(kept, str):
            notes.append(f"no cache was kept for {path}: {kept}")
        else:
            graph = kept
    return OpenHeap(graph, is_cached=False, notes=tuple(notes))


def open_columns(path: Path | str) -> SnapshotColumns:
    """The columns of a snapshot file of any form, with what was derived from them when there is
    a cache; their :class:`HeapGraph` then has it from the start.  Makes no cache.

    Raises:
        SnapshotError: missing, unreadable, truncated, damaged, foreign or newer.
        MemoryNeedError: too little memory for it.
    """
    return open_heap(path, derive=False).graph.columns


def _outline(path: Path, *, is_stream: bool) -> tuple[str, Mapping[str, Any]]:
    """Key and footer; empty for a stream that decoding will complain about."""
    from leakhunt.store.outline import key_of_file, outline_of_stream

    if not is_stream:
        return key_of_file(path), {}
    try:
        outline = outline_of_stream(path)
    except SnapshotError:
        return "", {}
    return outline.key, outline.footer


def _from_cache(path: Path, key: str) -> HeapGraph | str:
    from leakhunt.graph.derived import DERIVED, VERSION, with_derived
    from leakhunt.graph.heap_graph import HeapGraph
    from leakhunt.store.cache import read_cache

    found = read_cache(path, f"{key}-{VERSION}", DERIVED)
    if isinstance(found, str):
        return found
    try:
        columns = with_derived(found.columns, found.extra)
    except ValueError as error:
        return f"it is damaged ({error})"
    return HeapGraph(columns)


def _derived(columns: SnapshotColumns, *, derive: bool, tell: OnProgress) -> HeapGraph:
    from leakhunt.graph.derived import derive as derive_all
    from leakhunt.graph.heap_graph import HeapGraph

    graph = HeapGraph(columns)
    if derive:
        derive_all(
            graph, lambda name, done, total: tell(Progress("derive", done, total, message=name))
        )
    return graph


def _keep(path: Path, key: str, graph: HeapGraph, tell: OnProgress) -> HeapGraph | str:
    """Write the cache and read it again, mapped: the memory is then the system's to take back.
    Answers why that could not be."""
    from leakhunt.graph.derived import DERIVED, VERSION, derive
    from leakhunt.store.cache import write_cache

    tell(Progress("keep"))
    arrays = derive(graph)
    extra = [(spec, arrays[spec.name]) for spec in DERIVED]
    problem = write_cache(path, f"{key}-{VERSION}", graph.columns, extra)
    return problem or _from_cache(path, key)


def _need(footer: Mapping[str, Any], *, derive: bool) -> int:
    """Most memory that opening takes, by the footer's counts; 0 when they are not known."""
    from leakhunt.graph.derived import scratch_bytes

    counts = [footer.get(name) for name in ("nodes", "edges")]
    nodes, edges = (n if isinstance(n, int) and n > 0 else 0 for n in counts)
    decoding = nodes * _DECODE_BYTES_A_NODE + edges * _DECODE_BYTES_AN_EDGE
    columns = nodes * _COLUMN_BYTES_A_NODE + edges * _COLUMN_BYTES_AN_EDGE
    return max(decoding, columns + scratch_bytes(nodes, edges)) if derive else decoding


def _check_memory(path: Path, footer: Mapping[str, Any], *, derive: bool) -> None:
    from leakhunt.store.memory import available_bytes

    need, available = _need(footer, derive=derive), available_bytes()
    if available is not None and need > available:
        raise _too_little(path, need, available)


def _too_little(path: Path, need: int, available: int | None) -> MemoryNeedError:
    needed = f"about {need / 1e6:,.0f} MB" if need else "more memory than there is"
    there = "" if available is None else f"; {available / 1e6:,.0f} MB are free"
    return MemoryNeedError(f"the analysis of {path} needs {needed} of memory{there}")

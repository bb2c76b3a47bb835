"""Sampling on and off, and what is asked of it."""

from __future__ import annotations

import sysconfig
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from leakhunt.tracemalloc_ext._snapshot import Sample, SampledSnapshot, Tables

try:
    from leakhunt.agent import _heap
except ImportError as exc:
    reason = (
        "free-threaded builds of CPython are not served"
        if sysconfig.get_config_var("Py_GIL_DISABLED")
        else str(exc)
    )
    raise ImportError(f"leakhunt.tracemalloc_ext cannot be used here: {reason}") from exc

SAMPLE_BYTES = 524288
MAX_FRAMES = 64

_NOT_SEEN = (
    "not seen: the RAW domain of the allocators, and memory that C code takes from the system"
    " itself"
)
_REUSE = (
    (
        "an object that came back from one of the interpreter's free lists passes for the one that"
        " had its block before"
    ),
    (
        "of tuples, lists, dicts and floats that came back from the interpreter's free lists it is"
        " not known where they were made: they are counted as <from a free list>"
    ),
    (
        "of tuples, lists, dicts and floats that waited long on one of the interpreter's free lists"
        " it is not known where they were made: they are counted as <from a free list>"
    ),
)
_DISPLACED = (
    "another hook took ours out of the allocators: which samples are still alive is not known, so"
    " snapshots are empty until stop() and start()"
)


class Sampling(NamedTuple):
    """What is switched on."""

    source: str
    """``"sampled"``; ``"tracemalloc"`` when that was tracing already and its exact traces are
    used; ``"none"``."""
    sample_bytes: int
    """Mean distance of samples; 0 when traces are exact or nothing is on."""
    max_frames: int
    limits: tuple[str, ...]
    """What cannot be known this way, in sentences."""


class Overhead(NamedTuple):
    """What sampling costs in memory, and what it could not keep."""

    memory_bytes: int
    """Tables in use: at most 4 MB and 64 bytes a live sample."""
    live_sample_count: int
    sample_count: int
    """Since the start."""
    lost_sample_count: int
    """There was no memory for them: estimates are too low."""
    unknown_stack_count: int
    """Samples whose stack found no room: their site is not known."""
    place_count: int
    function_count: int


def start(sample_bytes: int = SAMPLE_BYTES, max_frames: int = MAX_FRAMES, *, seed: int = 0) -> None:
    """Begin to sample: one block for every ``sample_bytes`` allocated, on average.

    Keeps ``max_frames`` innermost frames of each stack (1 to 128).  ``seed`` makes the choice
    repeatable; 0 takes a random one.  When :mod:`tracemalloc` is tracing, nothing is switched
    on: its exact traces are used.  Again with the same values it does nothing.

    Raises ValueError for values that are not possible; RuntimeError when sampling runs with
    other values, the process has more than one interpreter, or there is no memory.
    """
    if _heap.sites_status()["running"]:
        now = get_sampling()
        if (now.sample_bytes, now.max_frames) != (sample_bytes, max_frames):
            raise RuntimeError(
                f"sampling runs already, with sample_bytes={now.sample_bytes} and"
                f" max_frames={now.max_frames}: stop() it first"
            )
    elif not tracemalloc.is_tracing():
        _heap.sites_start(sample_bytes=sample_bytes, frames=max_frames, seed=seed)


def stop() -> bool:
    """End sampling; all samples and their memory are gone.  Does nothing when it is off.

    False when another hook was installed above ours: then ours stays where it is and passes
    all calls through.  :mod:`tracemalloc` is left as it is.
    """
    return _heap.sites_stop()


def is_tracing() -> bool:
    """True between start() and stop(), and while tracemalloc traces; in a child of fork False."""
    return get_sampling().source != "none"


def get_sampling() -> Sampling:
    """What is switched on, and what it cannot see."""
    status = _heap.sites_status()
    if status["running"]:
        limits = [_NOT_SEEN]
        limits += _REUSE[status["reuse"] : status["reuse"] + 1]
        if not status["sound"]:
            limits.append(_DISPLACED)
        return Sampling("sampled", status["sample_bytes"], status["frames"], tuple(limits))
    if tracemalloc.is_tracing():
        return Sampling("tracemalloc", 0, tracemalloc.get_traceback_limit(), ())
    return Sampling("none", 0, 0, ())


def get_traceback_limit() -> int:
    """Frames kept of each stack; 0 when nothing is on."""
    return get_sampling().max_frames


def get_object_traceback(obj: object) -> tracemalloc.Traceback | None:
    """Where an object was allocated, oldest frame first; None when it was not sampled.

    Most objects are not.  Costs a look-up, and milliseconds when there is an answer.
    """
    if get_sampling().source == "tracemalloc":
        return tracemalloc.get_object_traceback(obj)
    block = _heap.sites_block(obj)
    if block == 0:
        return None
    for sample in Tables(_heap.sites_read()).samples():
        if sample.address == block:
            return tracemalloc.Traceback(sample.frames)
    return None


def get_traced_memory() -> tuple[int, int]:
    """Bytes of live blocks now and at most since start(), as estimated; (0, 0) when off.

    Too much when another hook took ours out of the allocators (see ``get_sampling().limits``).
    """
    if get_sampling().source == "tracemalloc":
        return tracemalloc.get_traced_memory()
    status = _heap.sites_status()
    return round(max(status["current_bytes"], 0.0)), round(status["peak_bytes"])


def get_overhead() -> Overhead:
    """Memory of our own tables, and samples that could not be kept.  All 0 when off."""
    if get_sampling().source == "tracemalloc":
        return Overhead(tracemalloc.get_tracemalloc_memory(), 0, 0, 0, 0, 0, 0)
    status = _heap.sites_status()
    return Overhead(
        status["memory_bytes"] if status["running"] else 0, status["live_samples"],
        status["samples"], status["lost_samples"], status["unknown_stacks"], status["places"],
        status["functions"],
    )  # fmt: skip


def take_snapshot() -> SampledSnapshot:
    """The live samples by where they were made.

    Costs about a microsecond a sample.  Raises RuntimeError when nothing is switched on.
    """
    now = get_sampling()
    if now.source == "tracemalloc":
        return _exact_snapshot(now)
    if now.source == "none":
        raise RuntimeError("sampling is not switched on: call start() before")
    tables = Tables(_heap.sites_read())
    return SampledSnapshot(
        list(tables.samples()),
        now.max_frames,
        sample_bytes=now.sample_bytes,
        source=now.source,
        limits=now.limits,
        function_by_frame=tables.function_by_frame,
    )


def _exact_snapshot(now: Sampling) -> SampledSnapshot:
    """What tracemalloc knows, in our form."""
    snapshot = tracemalloc.take_snapshot()
    samples = [
        Sample(0, trace[1], trace[2], 0)
        for trace in snapshot.traces._traces  # type: ignore[attr-defined]  # noqa: SLF001
    ]
    return SampledSnapshot(
        samples, snapshot.traceback_limit, sample_bytes=0, source=now.source, limits=now.limits
    )


@contextmanager
def sampling(
    sample_bytes: int = SAMPLE_BYTES, max_frames: int = MAX_FRAMES, *, seed: int = 0
) -> Iterator[None]:
    """Sample inside a ``with`` block; the arguments are those of start()."""
    start(sample_bytes, max_frames, seed=seed)
    try:
        yield
    finally:
        stop()

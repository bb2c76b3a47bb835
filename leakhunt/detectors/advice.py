"""One concrete sentence per category: what to do, and where."""

from __future__ import annotations

from leakhunt.detectors.base import Category

_ADVICE = {
    Category.LISTENER: (
        "Remove the callable from `{path}` when the `{type}` it belongs to ends, or register it "
        "weakly."
    ),
    Category.TIMER: (
        "Cancel the timer in `{path}` when it is no longer needed (`.cancel()`), or shorten its "
        "delay."
    ),
    Category.CLOSURE: (
        "Drop the callable that captures `{path}`, or pass the `{type}` as an argument instead "
        "of capturing it."
    ),
    Category.CACHE: (
        "Give `{path}` a bound (`maxsize`, or eviction by age), or delete each entry when its "
        "`{type}` is done with."
    ),
    Category.PENDING: ("Resolve or cancel what `{path}` waits for, and await it with a timeout."),
    Category.STREAM: (
        "Close each `{type}` in `{path}` when done (`with`, or `.close()` in a finally)."
    ),
    Category.LOG: (
        "Keep text instead of records or exceptions in `{path}`, or flush and clear it; remove "
        "handlers that were added per request."
    ),
    Category.CYCLE: (
        "Break the reference cycle through `{type}` with a weak reference, or let the collector "
        "run (`gc.enable()`)."
    ),
    Category.THREAD: (
        "End each thread kept by `{path}` (signal it, then `.join()`), or use one pool and shut "
        "it down."
    ),
    Category.CLASS: ("Create each `{type}` in `{path}` once and reuse it, not once per request."),
    Category.COLLECTION: (
        "Remove entries from `{path}` when their `{type}` is done with, or bound it "
        "(`deque(maxlen=...)`)."
    ),
    Category.NATIVE: (
        "Look at the extension that handles `{type}`: it takes references or memory and does "
        "not give them back; try a newer version."
    ),
    Category.FRAGMENTATION: (
        "Restart workers periodically, or free large buffers before small ones."
    ),
}


def advise(category: Category, path: str, type_name: str) -> str:
    """The advice for one finding."""
    return _ADVICE[category].format(path=path, type=type_name)

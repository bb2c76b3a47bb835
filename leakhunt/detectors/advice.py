"""One concrete sentence per category: what to do, and where."""

from __future__ import annotations

from leakhunt.analysis.shares import is_own_type
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


_BUFFER = (
    "Empty `{path}` once its contents are used (write them out in parts), or bound its length."
)
_BY_PLACE = (
    (
        (".__defaults__", ".__kwdefaults__"),
        (
            "A default value is made once, with the function: use `None` there and make a new "
            "one in each call, so that `{path}` holds nothing."
        ),
    ),
)
"""Where the place alone says what is wrong."""
_PLAIN = {
    Category.CACHE: (
        "Give `{path}` a bound (`maxsize`, or eviction by age), or delete its entries when they "
        "are done with."
    ),
    Category.COLLECTION: (
        "Remove entries from `{path}` when they are done with, or bound it (`deque(maxlen=...)`)."
    ),
    Category.LISTENER: "Remove the callable from `{path}` when it is done with.",
}
"""For entries of types of the language, whose names say nothing."""
_CHAIN = (
    "Cut the chain at `{path}`: each `{type}` in it keeps the next; keep only as many as needed."
)


def advise(
    category: Category,
    path: str,
    type_name: str,
    *,
    is_buffer: bool = False,
    is_chain: bool = False,
) -> str:
    """The advice for one finding.

    ``is_buffer``: one object that grows by itself.  ``is_chain``: a linked structure.
    """
    text = _ADVICE[category]
    if not is_own_type(type_name):
        text = _PLAIN.get(category, text)
    if is_buffer:
        text = _BUFFER
    elif is_chain:
        text = _CHAIN
    for words, special in _BY_PLACE:
        if any(word in path for word in words):
            text = special
    return text.format(path=path, type=type_name)

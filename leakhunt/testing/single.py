"""Assertions about one object: nobody keeps it, it is not too large."""

from __future__ import annotations

import gc
import re
import sys
import weakref
from types import FrameType
from typing import Any, Final

from leakhunt.errors import UsageError
from leakhunt.testing.errors import LeakError

_BYTES_BY_UNIT: Final = {
    "": 1, "b": 1,
    "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12,
    "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40,
}  # fmt: skip
_IMMORTAL: Final = (type(None), type(Ellipsis), type(NotImplemented), bool)
"""Types of objects that live as long as the interpreter does."""
_PARTS = 6
"""Of an object that is too large, so many of its largest parts are named."""


def assert_collected(obj: object) -> None:
    """Fail when something still keeps an object that should be gone.

    ``obj`` is a weak reference, best, or the object itself: then the variables of the calling
    function do not count, all others do.  Nothing but a reference cycle of its own is fine: the
    collector takes that.

    Raises:
        LeakError: the text names every place that must let go.
        UsageError: an object that is never collected, as None is: what a reference that is dead
            gives when it is called.
        TargetError: the snapshot that tells who holds it could not be taken.
    """
    __tracebackhide__ = True
    caller = sys._getframe(1)  # noqa: SLF001 - there is no other way to the calling function
    apart: tuple[FrameType, ...] = ()
    if isinstance(obj, weakref.ReferenceType):
        gc.collect()
        target = obj()
        if target is None:
            return
        obj = target
        del target
    else:
        apart = (caller,)
    from leakhunt.hunt.within.keepers import who_keeps
    from leakhunt.report.text.paths_screen import render_paths
    from leakhunt.report.text.sheet import TextOptions

    kind, address = type(obj), id(obj)
    if kind in _IMMORTAL:
        raise UsageError(
            f"assert_collected was given {obj!r}, which is never collected",
            hint="give the object, or a weak reference to it without calling it",
        )
    name = f"{kind.__module__}.{kind.__qualname__}"
    del obj
    report = who_keeps(address, name, apart)
    del caller, apart
    if report is None:
        return
    text = render_paths(report, TextOptions(width=96, hints=False)).rstrip("\n")
    raise LeakError(f"{name} is still held\n\n{text}")


def assert_max_size(obj: object, limit: str | float) -> None:
    """Fail when an object with all it refers to (pympler's asizeof) is larger than ``limit``.

    ``limit`` is a number of bytes or a text like ``'10 MB'`` (10,000,000) or ``'10 MiB'``.
    Classes, functions and modules that it refers to do not count: they are not its own.

    Raises:
        LeakError: the text names its largest parts.
        UsageError: ``limit`` is no size.
    """
    __tracebackhide__ = True
    from pympler import asizeof

    measure: Any = asizeof
    most = parse_size(limit)
    size = measure.asizeof(obj)
    if size <= most:
        return
    from leakhunt.report import units

    kind = type(obj)
    head = f"{kind.__module__}.{kind.__qualname__} takes {units.size(size)}"
    lines = [f"{head}, more than {units.size(most)} ({limit})", ""]
    lines += ["its largest parts:", *_largest(measure.asized(obj, detail=2))]
    raise LeakError("\n".join(lines))


def _largest(sized: Any) -> list[str]:
    """Lines like ``  12.0 MiB  .cache``, the largest first; an instance's dict is looked into."""
    from leakhunt.report import units
    from leakhunt.report.escape import escape

    parts = [
        inner
        for part in sized.refs
        for inner in (part.refs if part.name.startswith("__dict__") and part.refs else [part])
    ]
    parts = [part for part in parts if part.size and not part.name.startswith("[K]")]
    parts.sort(key=lambda part: -part.size)
    rows = [(units.size(part.size), escape(_part_name(part.name))) for part in parts[:_PARTS]]
    rows.insert(0, (units.size(sized.flat), "(itself)"))
    width = max((len(size) for size, _ in rows), default=0)
    return [f"  {size:>{width}}  {name}" for size, name in rows]


def _part_name(name: str) -> str:
    """pympler calls the value of an attribute or a key ``[V] name: ...``."""
    found = re.fullmatch(r"\[V\] (.*?)(: .*)?", name, re.DOTALL)
    return found[1] if found else name.partition(": ")[0]


def parse_size(limit: str | float) -> int:
    """Bytes of ``10``, ``'10 MB'``, ``'1.5GiB'``.  Raises UsageError."""
    __tracebackhide__ = True
    if isinstance(limit, int | float) and not isinstance(limit, bool) and 0 <= limit < 2**63:
        return int(limit)
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([A-Za-z]*)\s*", str(limit), re.ASCII)
    if not isinstance(limit, str) or not found or found[2].lower() not in _BYTES_BY_UNIT:
        raise UsageError(
            f"{limit!a} is no size", hint="give bytes, or a text like '10 MB', '1 GiB'"
        )
    return int(float(found[1]) * _BYTES_BY_UNIT[found[2].lower()])

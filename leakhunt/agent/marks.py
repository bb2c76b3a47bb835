"""``leakhunt.mark``: the program says that a moment has come."""

from __future__ import annotations

import sys

_FINDER = type(sys.implementation)


def mark(label: str) -> None:
    """Name this moment for who is hunting in this process; does nothing when nobody is.

    A client that waits for marks takes its snapshot now: the call returns when it is done, a
    minute later at most, and other threads run meanwhile.  Without one it costs less than a
    microsecond.

    Raises:
        TypeError: ``label`` is not a str.
    """
    if not isinstance(label, str):
        raise TypeError(f"a label is a str, not {type(label).__name__}")
    prepared = sys.modules.get("leakhunt.agent._heap")
    if prepared is not None:
        prepared.mark(label)
    # An agent that was brought by an attach stands there while its client is connected.
    for finder in sys.meta_path:
        if type(finder) is _FINDER and hasattr(finder, "leakhunt_mark"):
            finder.leakhunt_mark(label)

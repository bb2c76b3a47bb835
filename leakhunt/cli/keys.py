"""Single keys from the terminal, for hunts whose load a person makes."""

from __future__ import annotations

import os
import select
import sys
from types import TracebackType
from typing import Final, Self

from leakhunt.cli import streams

_LABELS_BY_KEY: Final = {
    "w": ("window",),
    "l": ("loaded",),
    "f": ("final",),
    "\n": ("loaded", "final"),
    "\r": ("loaded", "final"),
    " ": ("loaded", "final"),
}
_PROMPTS: Final = {
    "window": "w: a third of the load is done (a look at it lets a LEAK be proved)",
    "loaded": "Enter: the load is over",
    "final": "Enter: take the final snapshot",
}


class Keys:
    """A context manager: the terminal gives keys at once and shows none; Ctrl-C still works."""

    def __init__(self, *, is_wanted: bool) -> None:
        self._is_wanted = is_wanted
        self._saved: list[object] | None = None
        self._prompted: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        if self._is_wanted:
            import termios
            import tty

            descriptor = sys.stdin.fileno()
            self._saved = termios.tcgetattr(descriptor)
            tty.setcbreak(descriptor)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._saved is not None:
            import termios

            termios.tcsetattr(sys.stdin.fileno(), termios.TCSADRAIN, self._saved)  # type: ignore[arg-type]
            self._saved = None

    def poll(self, choices: tuple[str, ...]) -> str | None:
        """The label that a key just pressed stands for; says first which keys there are."""
        if choices != self._prompted:
            self._prompted = choices
            prompts = [_PROMPTS[label] for label in choices if label in _PROMPTS]
            streams.narrate("".join(f"  {prompt}\n" for prompt in prompts))
        while select.select([sys.stdin], [], [], 0)[0]:
            key = os.read(sys.stdin.fileno(), 1).decode("ascii", "replace")
            if not key:
                return "loaded" if "loaded" in choices else choices[-1]
            for label in _LABELS_BY_KEY.get(key, ()):
                if label in choices:
                    return label
        return None

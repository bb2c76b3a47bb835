"""When a started program is ready to be hunted."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from leakhunt.errors import UsageError
from leakhunt.target.family import find_listener, find_program

DEFAULT_WAIT_S = 5.0
"""Without ``--ready``: a program that listens on nothing by then is taken as it is."""
_HINT = "give port:8000, line:REGEX, or delay:2s"
_OUTPUT_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class Ready:
    """A sign of readiness; without any of the three, the default."""

    port: int | None = None
    line: re.Pattern[bytes] | None = None
    delay_s: float | None = None

    def __str__(self) -> str:
        if self.port is not None:
            return f"it listens on port {self.port}"
        if self.line is not None:
            return f"a line matches {self.line.pattern.decode('utf-8', 'replace')!r}"
        if self.delay_s is not None:
            return f"{self.delay_s:g} s have passed"
        return f"it listens on a port, or {DEFAULT_WAIT_S:g} s have passed"


def parse_ready(text: str) -> Ready:
    """``port:8000``, ``line:REGEX``, ``delay:2s`` (or ``500ms``, ``1m``).  Raises UsageError."""
    kind, colon, value = text.partition(":")
    if not colon or not value:
        raise UsageError(f"{text!r} is no sign of readiness", hint=_HINT)
    if kind == "port":
        if not value.isdecimal() or not 0 < int(value[:6]) < 65536:
            raise UsageError(f"{value!r} is no port", hint="give port:8000")
        return Ready(port=int(value))
    if kind == "line":
        try:
            return Ready(line=re.compile(value.encode("utf-8", "surrogateescape")))
        except (re.error, ValueError) as exc:
            raise UsageError(
                f"{value!r} is no regular expression: {exc}", hint="see the syntax of Python's re"
            ) from exc
    if kind == "delay":
        return Ready(delay_s=parse_seconds(value))
    raise UsageError(f"{kind!r} is no kind of readiness", hint=_HINT)


def parse_seconds(text: str) -> float:
    """``2s``, ``500ms``, ``1.5m``, ``2``: seconds.  Raises UsageError."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)\s*(ms|s|m|min|h)?", text.strip())
    if found is None:
        raise UsageError(f"{text!r} is no time", hint="give for instance 2s, 500ms or 1.5m")
    factor = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}[found[2]]
    return float(found[1]) * factor


class ReadinessWatch:
    """Looks for the sign, from outside: nothing is sent to the program.

    ``output`` is the file that holds what the program prints.
    """

    def __init__(
        self,
        ready: Ready,
        root: int,
        output: Path,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ready = ready
        self._root = root
        self._output = output
        self._clock = clock
        self._started = clock()

    def look(self) -> int | None:
        """The process to hunt once it is ready, else None.  Cost: one look at /proc."""
        ready = self._ready
        if ready.port is not None:
            return find_program(self._root, ready.port)
        if ready.line is not None:
            return find_program(self._root) if self._has_line(ready.line) else None
        waited_s = self._clock() - self._started
        if ready.delay_s is None:
            listener = find_listener(self._root)
            if listener is not None or waited_s < DEFAULT_WAIT_S:
                return listener
        elif waited_s < ready.delay_s:
            return None
        return find_program(self._root)

    def _has_line(self, line: re.Pattern[bytes]) -> bool:
        try:
            with self._output.open("rb") as file:
                return any(line.search(one) for one in file.read(_OUTPUT_BYTES_MAX).splitlines())
        except OSError:
            return False

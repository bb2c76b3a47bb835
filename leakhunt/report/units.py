"""Numbers as people read them. Sizes are binary: 1 KiB = 1,024 B; exact values are in the JSON.

Every function returns ASCII only.
"""

from __future__ import annotations

import math
from typing import Final

_SIZE_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")
_SHORT_UNITS: Final = ("", "K", "M", "G", "T", "P", "E")
_COUNT_UNITS: Final = ("", "k", "M", "G", "T", "P", "E")
_UNKNOWN: Final = "?"


def size(value: float | None, *, signed: bool = False) -> str:
    """Bytes with one decimal from 1 KiB on: ``512 B``, ``10.1 KiB``, ``+20.6 MiB``."""
    if value is None or not math.isfinite(value):
        return _UNKNOWN
    scaled, step = _scale(value, 1024)
    digits = _number(scaled, 0 if scaled >= 100 else 2) if step == 0 else f"{scaled:.1f}"
    return f"{_sign(value, signed)}{digits} {_SIZE_UNITS[step]}"


def short_size(value: float, *, signed: bool = False) -> str:
    """Bytes in at most six characters and a sign, for tables: ``512``, ``10.1K``, ``+20.6M``."""
    scaled, step = _scale(value, 1024, rounding=0.5)
    digits = f"{scaled:.0f}" if step == 0 or scaled >= 999.95 else f"{scaled:.1f}"
    return f"{_sign(value, signed)}{digits}{_SHORT_UNITS[step]}"


def count(value: float | None, *, signed: bool = False) -> str:
    """A number of things: ``2,045``, ``+1``, ``+0.25``."""
    if value is None or not math.isfinite(value):
        return _UNKNOWN
    return f"{_sign(value, signed)}{_number(abs(value), 2 if abs(value) < 10 else 1)}"


def short_count(value: int, *, signed: bool = False) -> str:
    """A count in at most six characters and a sign, for tables: ``9,999``, ``123.4k``."""
    if abs(value) < 10_000:
        return count(value, signed=signed)
    scaled, step = _scale(value, 1000)
    digits = f"{scaled:.0f}" if scaled >= 999.95 else f"{scaled:.1f}"
    return f"{_sign(value, signed)}{digits}{_COUNT_UNITS[step]}"


def duration(nanoseconds: int) -> str:
    """A time span: ``850 us``, ``12 ms``, ``1.2 s``."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1_000:.0f} us"
    if nanoseconds < 1_000_000_000:
        milliseconds = nanoseconds / 1_000_000
        return f"{milliseconds:.1f} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
    return f"{nanoseconds / 1_000_000_000:.1f} s"


def plural(number: int, one: str, many: str | None = None) -> str:
    """``1 leak``, ``2,000 leaks``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def _scale(value: float, base: int, *, rounding: float = 0.05) -> tuple[float, int]:
    """The magnitude in the largest unit that keeps it at one or more, and that unit's index.

    ``rounding`` is half of the last digit that will be shown.
    """
    scaled, step = abs(float(value)), 0
    # What would be shown as 1024 (or 1000) after rounding belongs to the next unit.
    while scaled >= base - (rounding if step else 0) and step < len(_SIZE_UNITS) - 1:
        scaled /= base
        step += 1
    return scaled, step


def _number(value: float, decimals: int) -> str:
    """At most ``decimals`` decimals, none that are zero."""
    text = f"{value:,.{decimals}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    if text == "0" and value > 0:
        return "<" + "0." + "0" * (decimals - 1) + "1"
    return text


def _sign(value: float, signed: bool) -> str:
    if value < 0:
        return "-"
    return "+" if signed and value > 0 else ""

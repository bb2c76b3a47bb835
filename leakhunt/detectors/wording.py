"""Titles and numbers as people read them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from leakhunt.analysis.code_line import UNNAMED, CodeLine
from leakhunt.analysis.places import Series
from leakhunt.analysis.sites import Site
from leakhunt.detectors.base import Category, Verdict

_NOUN = {
    Category.LISTENER: "Unremoved listener",
    Category.TIMER: "Uncancelled timer",
    Category.CLOSURE: "Retaining closure",
    Category.CACHE: "Unbounded cache",
    Category.PENDING: "Never finished task",
    Category.STREAM: "Unclosed stream",
    Category.LOG: "Kept log record",
    Category.CYCLE: "Reference cycle",
    Category.THREAD: "Thread that never ends",
    Category.CLASS: "Class or module made per cycle",
    Category.COLLECTION: "Growing collection",
    Category.NATIVE: "Native leak",
    Category.FRAGMENTATION: "Fragmentation",
}
_LEAVES = frozenset({"builtins.bytearray", "array.array", "builtins.str", "builtins.bytes"})


def noun(category: Category, verdict: Verdict, special: str | None = None) -> str:
    """The words a title starts with; those of a leak only when it may be one.

    ``special``: better words than those of the category.
    """
    if verdict is Verdict.NOT:
        return f"No leak ({category.value})"
    return special or _NOUN[category]


def human_bytes(size: float) -> str:
    """``10.1 KiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1024 or unit == "GiB":
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")


def human_rate(rate: float) -> str:
    """``+1``, ``+0.5``, ``+2.33``, ``+2,015``: three significant digits, and no power of ten."""
    return f"+{short_number(rate)}"


def short_number(number: float) -> str:
    """A number with three significant digits or all before the point."""
    is_whole = number == int(number) or abs(number) >= 100
    return f"{number:,.0f}" if is_whole else f"{number:.3g}"


def _is_type(text: str) -> bool:
    return "." in text and "`" not in text


def growth_words(main_type: str, count: int, size: int, cycles: int | None) -> str:
    """``+1 `shop.Session` per cycle (+10.1 KiB)``; ``entry`` is a word, not a type."""
    name = f"`{main_type}`" if _is_type(main_type) else main_type
    if cycles is None:
        return f"+{count:,} {name} (+{human_bytes(size)})"
    rate = human_rate(count / cycles)
    return f"{rate} {name} per cycle (+{human_bytes(size / cycles)})"


def buffer_title(path: str, type_name: str, grown: int, cycles: int | None) -> str:
    """``Growing buffer: `LOG.text` (str) grew by 38 B per cycle``."""
    short = type_name.removeprefix("builtins.")
    rate = human_bytes(grown if cycles is None else grown / cycles)
    return f"Growing buffer: `{path}` ({short}) grew by {rate}{' per cycle' * bool(cycles)}."


def is_leaf_type(type_name: str) -> bool:
    """Does it hold values without objects (text, bytes, numbers)?"""
    return type_name in _LEAVES


def holder_words(path: str, type_name: str, sizes: Series) -> str:
    """``held by `BUS.listeners` (list, 45 to 245)``."""
    short = type_name.removeprefix("builtins.")
    if short.startswith("<root"):
        return f"held by `{path}`"
    if sizes.final is None:
        return f"held by `{path}` ({short})"
    return f"held by `{path}` ({short}, {sizes.baseline or 0:,} to {sizes.final:,})"


def with_site(title: str, sites: Sequence[Site]) -> str:
    """``..., made at `shop/session.py:14` calling `dumps`.``; as it is where no allocation was
    seen."""
    if not sites or not sites[0].has_stack or sites[0].line.line is None:
        return title
    site = sites[0]
    call = "" if site.callee is None else f" calling `{_called(site.callee)}`"
    return f"{title.removesuffix('.')}, made at `{site.line.file}:{site.line.line}`{call}."


def _called(callee: CodeLine) -> str:
    return str(callee) if callee.function == UNNAMED else callee.function


def fingerprint(category: Category, path: str, main_type: str) -> str:
    """16 hex digits that name the leak in every run: no addresses, counts or indexes."""
    text = f"{category.value}\n{path}\n{main_type}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]

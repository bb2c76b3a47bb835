"""The one way a name from a target reaches a person's eyes.

Names of modules, attributes, keys, threads and types come from the program under inspection
and are hostile input: they may hold terminal control sequences, markup of the place they are
shown in, characters that reorder or hide text, halves of surrogate pairs, or a megabyte of
letters. :func:`escape` makes them one line of visible text, elides what is too long in the
middle, and then encodes the result for one output.

The escapes are for reading, not for reading back: a backslash of the name itself is kept as it
is. The exact name is in the JSON report.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
DEFAULT_LIMIT: Final = 200
"""Characters a name may take before its middle is left out."""

_MAX_STACKED_MARKS: Final = 2
"""Combining marks kept on one base character; no script in use needs more."""

_HIDDEN_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})

_HIDDEN_RANGES: Final = (
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x115F, 0x1160),  # Hangul fillers: letters by category, blank on screen
    (0x17B4, 0x17B5),  # Khmer inherent vowels, never drawn
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x2800, 0x2800),  # Braille blank
    (0x3164, 0x3164),
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFFA0, 0xFFA0),
    (0xE0100, 0xE01EF),
)
"""Characters that draw nothing although their category says letter, mark or symbol."""


class Output(StrEnum):
    """Where an escaped name goes."""

    TERMINAL = "terminal"
    """Plain text: terminals, pytest output, log files."""
    MARKUP = "markup"
    """Text that rich will parse as console markup (with ``emoji=False``)."""
    HTML = "html"
    """HTML text and double- or single-quoted attribute values."""
    MARKDOWN = "markdown"
    """Prose of GitHub-flavoured Markdown."""
    DOT = "dot"
    """The inside of a double-quoted string of the DOT language."""
    FOLDED = "folded"
    """One frame of a folded stack (``a;b;c 42``)."""


def escape(
    name: str,
    output: Output = Output.TERMINAL,
    *,
    limit: int | None = DEFAULT_LIMIT,
    ellipsis: str = ELLIPSIS,
) -> str:
    """``name`` as one line of visible text, safe in ``output``.

    At most ``limit`` characters are shown (counted before the encoding for the output, after
    hidden characters became escapes); None shows all. Cost: one pass over the shown part, and
    O(1) for each character left out.
    """
    return _ENCODERS[output](_visible(name, limit, ellipsis))


def elide(text: str, limit: int, ellipsis: str = ELLIPSIS) -> str:
    """``text`` cut in its middle to ``limit`` characters; it must already be escaped."""
    if len(text) <= limit:
        return text
    room = max(limit - len(ellipsis), 0)
    head = (room + 1) // 2
    tail = room - head
    return text[:head] + ellipsis[:limit] + (text[-tail:] if tail else "")


def _visible(name: str, limit: int | None, ellipsis: str) -> str:
    if name.isascii() and name.isprintable():
        return name if limit is None else elide(name, limit, ellipsis)
    if limit is None or len(name) <= limit:
        units = list(_units(name))
        if limit is None or sum(map(len, units)) <= limit:
            return "".join(units)
    # Each character yields at least one, so `limit` of them at either end are enough.
    return _elide_units(list(_units(name[:limit])), list(_units(name[-limit:])), limit, ellipsis)


def _elide_units(head: list[str], tail: list[str], limit: int, ellipsis: str) -> str:
    """Whole units from both ends: an escape is never cut in two."""
    room = max(limit - len(ellipsis), 0)
    left = _take(head, (room + 1) // 2)
    right = _take(tail[::-1], room // 2)[::-1]
    return "".join(left) + ellipsis[:limit] + "".join(right)


def _take(units: list[str], room: int) -> list[str]:
    taken: list[str] = []
    for unit in units:
        room -= len(unit)
        if room < 0:
            break
        taken.append(unit)
    return taken


def _units(name: str) -> Iterator[str]:
    """Each character as it is shown."""
    from unicodedata import category as category_of  # a table of 600 kB that few names need

    marks = _MAX_STACKED_MARKS  # a mark with nothing below it would sit on the quote before it
    for character in name:
        if " " <= character <= "~":
            marks = 0
            yield character
            continue
        category = category_of(character)
        if category in ("Mn", "Me"):
            marks += 1
            hidden = marks > _MAX_STACKED_MARKS or _draws_nothing(character)
        else:
            marks = 0
            hidden = category in _HIDDEN_CATEGORIES or _draws_nothing(character)
        yield _code(character) if hidden else character


def _draws_nothing(character: str) -> bool:
    code = ord(character)
    return any(low <= code <= high for low, high in _HIDDEN_RANGES)


_SHORT_CODES: Final = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def _code(character: str) -> str:
    short = _SHORT_CODES.get(character)
    if short is not None:
        return short
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _as_is(text: str) -> str:
    return text


def _markup(text: str) -> str:
    from rich.markup import escape as escape_markup  # costly to import, needed by few

    if text.endswith("\\"):  # it would escape the tag that follows, and only if one follows
        text = text[:-1] + "\\x5c"
    return escape_markup(text)


def _html(text: str) -> str:
    from html import escape as escape_html  # brings a table of all entities

    return escape_html(text, quote=True)


_MARKDOWN_SPECIAL: Final = (
    r"[\\`*_\[\]<>|~&$]|(?<=:)/|(?<=www)\.|^[-=]+(?= *$)|^(?:[-+]|#+)(?= |$)"
    r"|(?P<number>^\d+)(?=[.)](?: |$))"
)


def _markdown(text: str) -> str:
    """Behind a backslash no punctuation is markup, and no address becomes a link."""
    return re.sub(_MARKDOWN_SPECIAL, _behind_backslash, text)


def _behind_backslash(found: re.Match[str]) -> str:
    return f"{found[0]}\\" if found["number"] else f"\\{found[0]}"


def _dot(text: str) -> str:
    text = text.replace("&", "&amp;")  # Graphviz reads entities in labels
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _folded(text: str) -> str:
    return text.replace(";", "\\x3b")


_ENCODERS: Final[dict[Output, Callable[[str], str]]] = {
    Output.TERMINAL: _as_is,
    Output.MARKUP: _markup,
    Output.HTML: _html,
    Output.MARKDOWN: _markdown,
    Output.DOT: _dot,
    Output.FOLDED: _folded,
}

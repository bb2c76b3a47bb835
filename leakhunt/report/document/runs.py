"""Text in runs of one role each: what Markdown and HTML make of the styles of a screen."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import groupby
from typing import Final

from rich.style import Style
from rich.text import Text


class Role(StrEnum):
    """What a piece of text is."""

    PLAIN = "plain"
    STRONG = "strong"
    QUIET = "quiet"
    NAME = "name"
    """Out of the target: a path, a type, a key."""


@dataclass(frozen=True, slots=True)
class Run:
    """A piece of one line."""

    text: str
    role: Role = Role.PLAIN


Line = tuple[Run, ...]

_QUOTED: Final = re.compile("`([^`]+)`")
"""Sentences of findings put names between backticks; a backtick in a name may move the
borders, which changes what looks like a name and nothing else."""


def lines_of(text: Text | str) -> tuple[Line, ...]:
    """The lines of a text of the screen; what stands between backticks is a name."""
    rich_text = Text(text) if isinstance(text, str) else text
    return tuple(tuple(_runs(line)) for line in rich_text.split("\n"))


def plain(line: Line) -> str:
    """The text of a line."""
    return "".join(run.text for run in line)


def _runs(line: Text) -> Iterator[Run]:
    roles = _roles(line)
    is_tick = [False] * len(roles)
    for quoted in _QUOTED.finditer(line.plain):
        roles[quoted.start(1) : quoted.end(1)] = [Role.NAME] * len(quoted[1])
        is_tick[quoted.start()] = is_tick[quoted.end() - 1] = True
    kept = [
        (letter, role)
        for letter, role, ticked in zip(line.plain, roles, is_tick, strict=True)
        if not ticked
    ]
    for role, letters in groupby(kept, key=lambda pair: pair[1]):
        yield Run("".join(letter for letter, _ in letters), role)


def _roles(line: Text) -> list[Role]:
    """The role of each character, by the styles that lie on it."""
    styles = [_style(line.style)] * len(line.plain)
    for span in line.spans:
        added = _style(span.style)
        for i in range(span.start, min(span.end, len(styles))):
            styles[i] += added
    return [_role(style) for style in styles]


@lru_cache(maxsize=256)
def _style(style: str | Style) -> Style:
    return Style.parse(style) if isinstance(style, str) else style


@lru_cache(maxsize=256)
def _role(style: Style) -> Role:
    if style.color is not None and style.color.name == "cyan":
        return Role.NAME
    if style.bold:
        return Role.STRONG
    return Role.QUIET if style.dim else Role.PLAIN

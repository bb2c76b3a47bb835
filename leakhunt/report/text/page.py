"""From sections of renderables to lines of text."""

from __future__ import annotations

import io
from collections.abc import Iterable

from rich.console import Console, RenderableType

from leakhunt.report.text.sheet import Sheet


def draw(sections: Iterable[list[RenderableType]], sheet: Sheet) -> str:
    """The sections, a blank line between them; lines end in a line feed, no trailing blanks.

    Without ``options.color`` the text holds no escape sequence.  Empty sections are left out.
    """
    buffer = io.StringIO()
    console = Console(
        file=buffer,
        width=sheet.width,
        force_terminal=sheet.options.color,
        color_system="standard" if sheet.options.color else None,
        no_color=not sheet.options.color,
        highlight=False,
        markup=False,
        emoji=False,
        legacy_windows=False,
    )
    for number, section in enumerate(section for section in sections if section):
        if number:
            console.print()
        for renderable in section:
            console.print(renderable)
    lines = (line.rstrip(" ") for line in buffer.getvalue().split("\n"))
    return "\n".join(lines).rstrip("\n") + "\n"

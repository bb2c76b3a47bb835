"""A screen as a small SVG: runs of one style as one text, no fonts fetched from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

_WIDE, _HIGH, _SIZE = 8.4, 18, 14
"""Pixels of a cell, and of the letters in it."""
_FONTS = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"


def picture(lines: Sequence[Sequence[Segment]], title: str) -> str:
    """The SVG of a screen; the same text for the same screen."""
    width = max((sum(s.cell_length for s in line) for line in lines), default=0)
    ground = _common_ground(lines)
    classes: dict[str, str] = {}
    body: list[str] = []
    for y, line in enumerate(lines):
        body += _line(line, y, ground, classes)
    size = f"{width * _WIDE:.0f} {len(lines) * _HIGH}"
    styles = "".join(f".{name}{{{css}}}" for css, name in classes.items())
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {size}">'
        f"<title>{escape(title)}</title>"
        f"<style>text{{white-space:pre;font:{_SIZE}px {_FONTS}}}{styles}</style>"
        f'<rect width="100%" height="100%" fill="{ground}"/>'
    )
    return "\n".join([head, *body, "</svg>", ""])


def _line(line: Sequence[Segment], y: int, ground: str, classes: dict[str, str]) -> list[str]:
    grounds: list[str] = []
    texts: list[str] = []
    at = 0
    for text, style in _runs(line):
        cells = cell_len(text)
        back = _hex(style.bgcolor.get_truecolor()) if style.bgcolor else ground
        if back != ground:
            grounds.append(
                f'<rect x="{at * _WIDE:.1f}" y="{y * _HIGH}" width="{cells * _WIDE:.1f}"'
                f' height="{_HIGH}" fill="{back}"/>'
            )
        bare = text.strip(" ")
        if bare:
            start = at + len(text) - len(text.lstrip(" "))
            name = classes.setdefault(_css(style), f"s{len(classes)}")
            texts.append(
                f'<text class="{name}" x="{start * _WIDE:.1f}" y="{y * _HIGH + 14}"'
                f' textLength="{cell_len(bare) * _WIDE:.1f}">{escape(bare)}</text>'
            )
        at += cells
    return [*grounds, *texts]


def _runs(line: Sequence[Segment]) -> list[tuple[str, Style]]:
    """Neighbours that look alike, joined."""
    runs: list[tuple[str, Style]] = []
    for segment in line:
        style = (segment.style or Style()).without_color + Style(
            color=segment.style.color if segment.style else None,
            bgcolor=segment.style.bgcolor if segment.style else None,
        )
        if runs and _looks(runs[-1][1]) == _looks(style):
            runs[-1] = (runs[-1][0] + segment.text, style)
        else:
            runs.append((segment.text, style))
    return runs


def _looks(style: Style) -> tuple[str, str]:
    return _css(style), _hex(style.bgcolor.get_truecolor()) if style.bgcolor else ""


def _css(style: Style) -> str:
    color = _hex(style.color.get_truecolor()) if style.color else "#888"
    lines = [
        name
        for name, is_on in (("underline", style.underline), ("line-through", style.strike))
        if is_on
    ]
    css = f"fill:{color}"
    css += ";font-weight:bold" if style.bold else ""
    css += ";font-style:italic" if style.italic else ""
    css += f";text-decoration:{' '.join(lines)}" if lines else ""
    return css + (";opacity:.6" if style.dim else "")


def _common_ground(lines: Sequence[Sequence[Segment]]) -> str:
    count: dict[str, int] = {}
    for line in lines:
        for segment in line:
            if segment.style and segment.style.bgcolor:
                color = _hex(segment.style.bgcolor.get_truecolor())
                count[color] = count.get(color, 0) + segment.cell_length
    return max(count, key=lambda color: count[color], default="#000000")


def _hex(color: ColorTriplet) -> str:
    return color.hex

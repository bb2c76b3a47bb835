"""A flame graph as one SVG file without scripts: a box for each call, as wide as its bytes.

After Brendan Gregg, "The Flame Graph" (Communications of the ACM 59, 2016), drawn as an icicle:
callers above.  A box says all of itself in its tooltip.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape as escape_xml

from leakhunt.analysis.call_tree import Call, WeighedStack, call_tree
from leakhunt.analysis.sites import NOT_KNOWN, is_own_code
from leakhunt.interop.stacks.frame_name import frame_name
from leakhunt.report.escape import elide, escape
from leakhunt.report.units import size

_WIDTH = 1200
_MARGIN = 10
_ROW = 18
_TOP = 48
_LETTER = 6.6
"""Width of a letter of the 11 pixel monospaced font."""
_LEAST_WIDTH = 0.3
"""Narrower boxes are not drawn, nor what is below them."""
_DEEPEST = 256


def to_flamegraph(stacks: Sequence[WeighedStack], title: str) -> bytes:
    """UTF-8 SVG; own code is drawn warm, libraries cool.  O(frames)."""
    root = call_tree(stacks)
    boxes = list(_boxes(root)) if root.total_bytes > 0 else []
    height = _TOP + _ROW * (1 + max((call.depth for call, _, _ in boxes), default=0)) + _MARGIN
    heading = f"{escape(title)}: {size(round(root.total_bytes))} live, by where it was allocated"
    parts = [
        (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" font-family="monospace" font-size="11">\n'
            '<rect width="100%" height="100%" fill="#ffffff"/>\n'
            f'<text x="{_MARGIN}" y="26" font-size="15">{escape_xml(heading)}</text>\n'
        )
    ]
    parts += [_drawn(call, left, width, root.total_bytes) for call, left, width in boxes]
    return "".join([*parts, "</svg>\n"]).encode("utf-8")


def _boxes(root: Call) -> Iterator[tuple[Call, float, float]]:
    """Each call with its left edge and width in pixels."""
    scale = (_WIDTH - 2 * _MARGIN) / root.total_bytes
    queue = [(root, float(_MARGIN))]
    while queue:
        call, left = queue.pop()
        width = call.total_bytes * scale
        if width < _LEAST_WIDTH or call.depth > _DEEPEST:
            continue
        yield call, left, width
        for below in call.callees.values():
            queue.append((below, left))
            left += below.total_bytes * scale


def _drawn(call: Call, left: float, width: float, total: float) -> str:
    top = _TOP + _ROW * call.depth
    name = frame_name(call.frame)
    share = f"{size(round(call.total_bytes))}, {call.total_bytes / total:.1%}"
    letters = int((width - 6) / _LETTER)
    label = elide(name, letters) if letters >= 3 else ""
    text = f'<text x="{left + 3:.2f}" y="{top + 13}">{escape_xml(label)}</text>' if label else ""
    return (
        f"<g><title>{escape_xml(f'{name}: {share}')}</title>"
        f'<rect x="{left:.2f}" y="{top}" width="{max(width - 0.5, 0.1):.2f}" '
        f'height="{_ROW - 1}" rx="2" fill="{_colour(call)}"/>{text}</g>\n'
    )


def _colour(call: Call) -> str:
    """The same frame has the same colour in every picture."""
    if call.frame is None or call.frame == NOT_KNOWN:
        return "#d9d9d9"
    shade = zlib.crc32(f"{call.frame.function}\n{call.frame.file}".encode("utf-8", "replace")) % 24
    hue = 22 if is_own_code(call.frame.file) else 205
    return f"hsl({hue + shade % 6 * 3}, {60 + shade}%, {72 + shade // 6 * 2}%)"

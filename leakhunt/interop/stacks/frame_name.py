"""How a frame of a stack is called in the formats of others."""

from __future__ import annotations

from leakhunt.analysis.code_line import UNNAMED, CodeLine
from leakhunt.report.escape import Output, escape

_NAME_LIMIT = 200
_PLACE_LIMIT = 400


def frame_name(frame: CodeLine | None, output: Output = Output.TERMINAL) -> str:
    """``Session.__init__ (shop/session.py:14)``, safe in ``output``."""
    if frame is None:
        return "all"
    if not frame.file:
        return escape(frame.function, output)
    line = "" if frame.line is None else f":{frame.line}"
    name = escape(frame.function, output, limit=_NAME_LIMIT)
    place = f"{escape(frame.file, output, limit=_PLACE_LIMIT)}{line}"
    return place if frame.function == UNNAMED else f"{name} ({place})"

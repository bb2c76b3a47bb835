"""Allocation sites as JSON: written and read back."""

from __future__ import annotations

from typing import Any

from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.sites import Estimate, Site, SiteBasis
from leakhunt.report.json_fields import Fields


def site_object(site: Site) -> dict[str, Any]:
    """One site, as ``report-1.json`` describes it."""
    return {
        "basis": str(site.basis),
        **line_object(site.line),
        "callee": None if site.callee is None else line_object(site.callee),
        "type": site.type,
        "sample_count": site.sample_count,
        "bytes": None if site.bytes is None else estimate_object(site.bytes),
        "count": None if site.count is None else estimate_object(site.count),
        "stack": [line_object(frame) for frame in site.stack],
    }


def read_site(value: object, place: str) -> Site:
    """One site read back.  Raises UsageError naming what is wrong."""
    fields = Fields(value, place)
    return Site(
        basis=fields.one_of("basis", SiteBasis),
        line=_read_line(value, place),
        callee=fields.read_or_none("callee", _read_line),
        type=fields.text_or_none("type"),
        sample_count=fields.integer_or_none("sample_count"),
        bytes=fields.read_or_none("bytes", _read_estimate),
        count=fields.read_or_none("count", _read_estimate),
        stack=fields.each("stack", _read_line),
    )


def line_object(line: CodeLine) -> dict[str, Any]:
    """A line of code."""
    return {"file": line.file, "line": line.line, "function": line.function}


def _read_line(value: object, place: str) -> CodeLine:
    fields = Fields(value, place)
    return CodeLine(fields.text("function"), fields.text("file"), fields.integer_or_none("line"))


def estimate_object(estimate: Estimate) -> dict[str, float]:
    """An estimate with its interval."""
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}


def _read_estimate(value: object, place: str) -> Estimate:
    fields = Fields(value, place)
    return Estimate(fields.number("value"), fields.number("low"), fields.number("high"))

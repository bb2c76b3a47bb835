"""A trend as JSON (``leakhunt.trend/1``, and the member ``trend`` of a report), and back."""

from __future__ import annotations

import json
from typing import Any

from leakhunt.analysis.trend.results import GrownType, HolderTrend, Trend, TrendPoint, TypeTrend
from leakhunt.analysis.trend.slope import Slope
from leakhunt.report.json_fields import Fields, whole

SCHEMA = "leakhunt.trend/1"


def to_json(trend: Trend, files: list[str]) -> str:
    """What ``leakhunt trend --json`` prints, without a final newline: ASCII."""
    value = {"schema": SCHEMA, "files": files, "trend": to_dict(trend)}
    return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)


def to_dict(trend: Trend) -> dict[str, Any]:
    """The trend as plain dicts, lists, strings, numbers and None."""
    return {
        "unit": trend.unit,
        "points": [
            {
                "label": point.label,
                "x": point.x,
                "run": point.run,
                "objects": point.objects,
                "bytes": point.bytes,
            }
            for point in trend.points
        ],
        "objects_slope": _slope(trend.objects_slope),
        "bytes_slope": _slope(trend.bytes_slope),
        "types": [_type(one) for one in trend.types],
        "holders": [_holder(one) for one in trend.holders],
        "notes": list(trend.notes),
    }


def _slope(slope: Slope) -> dict[str, Any]:
    return {"rate": slope.rate, "r2": slope.r2}


def _type(one: TypeTrend) -> dict[str, Any]:
    return {
        "type": one.type,
        "counts": list(one.counts),
        "bytes": list(one.bytes),
        "count_slope": _slope(one.count_slope),
        "bytes_slope": _slope(one.bytes_slope),
    }


def _holder(one: HolderTrend) -> dict[str, Any]:
    return {
        "path": one.path,
        "type": one.type,
        "unit": one.unit,
        "values": list(one.values),
        "slope": _slope(one.slope),
        "bytes": list(one.bytes),
        "bytes_slope": _slope(one.bytes_slope),
        "types": [
            {
                "type": grown.type,
                "count_per_unit": grown.count_per_unit,
                "bytes_per_unit": grown.bytes_per_unit,
            }
            for grown in one.types
        ],
        "drained": one.drained,
        "noise": one.noise,
    }


def from_value(value: object, place: str) -> Trend:
    """The trend that :func:`to_dict` made.  Raises UsageError for what is missing or wrong."""
    fields = Fields(value, place)
    return Trend(
        unit=fields.text("unit"),
        points=fields.each("points", _read_point),
        objects_slope=_read_slope(fields.object("objects_slope")),
        bytes_slope=_read_slope(fields.object("bytes_slope")),
        types=fields.each("types", _read_type),
        holders=fields.each("holders", _read_holder),
        notes=fields.texts("notes"),
    )


def _read_slope(fields: Fields) -> Slope:
    return Slope(fields.number("rate"), fields.number_or_none("r2"))


def _read_point(value: object, place: str) -> TrendPoint:
    fields = Fields(value, place)
    return TrendPoint(
        label=fields.text("label"),
        x=fields.number("x"),
        run=fields.integer("run"),
        objects=fields.integer("objects"),
        bytes=fields.integer("bytes"),
    )


def _read_type(value: object, place: str) -> TypeTrend:
    fields = Fields(value, place)
    return TypeTrend(
        type=fields.text("type"),
        counts=fields.each("counts", whole),
        bytes=fields.each("bytes", whole),
        count_slope=_read_slope(fields.object("count_slope")),
        bytes_slope=_read_slope(fields.object("bytes_slope")),
    )


def _read_holder(value: object, place: str) -> HolderTrend:
    fields = Fields(value, place)
    return HolderTrend(
        path=fields.text("path"),
        type=fields.text("type"),
        unit=fields.text("unit"),
        values=fields.each("values", whole),
        slope=_read_slope(fields.object("slope")),
        bytes=fields.each("bytes", whole),
        bytes_slope=_read_slope(fields.object("bytes_slope")),
        types=fields.each("types", _read_grown),
        drained=fields.integer_or_none("drained"),
        noise=fields.text_or_none("noise"),
    )


def _read_grown(value: object, place: str) -> GrownType:
    fields = Fields(value, place)
    return GrownType(
        type=fields.text("type"),
        count_per_unit=fields.number("count_per_unit"),
        bytes_per_unit=fields.number("bytes_per_unit"),
    )

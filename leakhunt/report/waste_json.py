"""Waste as JSON (``leakhunt.waste/1``, and the member ``waste`` of a report), and back."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from leakhunt.analysis.waste.results import (
    ContainerPlace,
    Containers,
    ContainerType,
    Duplicates,
    DuplicateType,
    DuplicateValue,
    InstanceDicts,
    Waste,
)
from leakhunt.report.json_fields import Fields

SCHEMA = "leakhunt.waste/1"


def waste_to_json(waste: Waste, file: str) -> str:
    """What ``leakhunt waste --json`` prints, without a final newline: ASCII."""
    value = {"schema": SCHEMA, "file": file, "waste": to_dict(waste)}
    return json.dumps(value, indent=2, ensure_ascii=True, allow_nan=False)


def to_dict(waste: Waste) -> dict[str, Any]:
    """The waste as plain dicts, lists, strings, numbers and None."""
    return {
        "heap_bytes": waste.heap_bytes,
        "wasted_bytes": waste.wasted_bytes,
        "duplicates": None if waste.duplicates is None else _listed(asdict(waste.duplicates)),
        "containers": _listed(asdict(waste.containers)),
        "instance_dicts": [asdict(one) for one in waste.instance_dicts],
    }


def _listed(value: dict[str, Any]) -> dict[str, Any]:
    return {name: list(one) if isinstance(one, tuple) else one for name, one in value.items()}


def from_value(value: object, place: str) -> Waste:
    """What :func:`to_dict` made.  Raises UsageError for what is missing or wrong."""
    fields = Fields(value, place)
    return Waste(
        heap_bytes=fields.integer("heap_bytes"),
        duplicates=fields.read_or_none("duplicates", _read_duplicates),
        containers=_read_containers(fields.object("containers")),
        instance_dicts=fields.each("instance_dicts", _read_dicts),
    )


def _read_duplicates(value: object, place: str) -> Duplicates:
    fields = Fields(value, place)
    return Duplicates(
        wasted_bytes=fields.integer("wasted_bytes"),
        types=fields.each("types", _read_duplicate_type),
        values=fields.each("values", _read_duplicate_value),
        uncompared_objects=fields.integer("uncompared_objects"),
        uncompared_bytes=fields.integer("uncompared_bytes"),
    )


def _read_duplicate_type(value: object, place: str) -> DuplicateType:
    fields = Fields(value, place)
    return DuplicateType(
        fields.text("type"), *map(fields.integer, ("values", "objects", "wasted_bytes"))
    )


def _read_duplicate_value(value: object, place: str) -> DuplicateValue:
    fields = Fields(value, place)
    return DuplicateValue(
        type=fields.text("type"),
        text=fields.text_or_none("text"),
        objects=fields.integer("objects"),
        wasted_bytes=fields.integer("wasted_bytes"),
        path=fields.text("path"),
        path_objects=fields.integer("path_objects"),
    )


def _read_containers(fields: Fields) -> Containers:
    return Containers(
        wasted_bytes=fields.integer("wasted_bytes"),
        types=fields.each("types", _read_container_type),
        places=fields.each("places", _read_container_place),
    )


def _read_container_type(value: object, place: str) -> ContainerType:
    fields = Fields(value, place)
    names = ("empty_objects", "empty_bytes", "sparse_objects", "sparse_bytes")
    return ContainerType(fields.text("type"), *map(fields.integer, names))


def _read_container_place(value: object, place: str) -> ContainerPlace:
    fields = Fields(value, place)
    return ContainerPlace(
        type=fields.text("type"),
        is_empty=fields.boolean("is_empty"),
        path=fields.text("path"),
        objects=fields.integer("objects"),
        bytes=fields.integer("bytes"),
        wasted_bytes=fields.integer("wasted_bytes"),
    )


def _read_dicts(value: object, place: str) -> InstanceDicts:
    fields = Fields(value, place)
    names = ("objects", "dict_bytes", "attributes", "wasted_bytes")
    return InstanceDicts(fields.text("type"), *map(fields.integer, names))

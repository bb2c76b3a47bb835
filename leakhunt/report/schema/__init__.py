"""The JSON Schema files of our reports, one for each version."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

SCHEMA = "leakhunt.report/1"
"""What a report calls itself."""


def load_schema(version: int = 1, name: str = "report") -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of ``leakhunt.<name>/<version>``."""
    text = (files(__name__) / f"{name}-{version}.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import UsageError
from leakhunt.report.json_report import from_dict, from_json, to_dict, to_json
from leakhunt.report.model import Report
from tests.golden.sample_reports import ALL, LEAKY, nasty_report
from tests.nasty_names import NASTY_NAMES


@pytest.mark.parametrize("name", ALL)
def test_round_trip(name: str) -> None:
    assert from_json(to_json(ALL[name])) == ALL[name]


@pytest.mark.parametrize("name", NASTY_NAMES[:-1], ids=range(len(NASTY_NAMES) - 1))
def test_nasty_names_survive_exactly_and_as_ascii(name: str) -> None:
    report = nasty_report(name)
    text = to_json(report)
    assert text.isascii()
    assert all(line.isprintable() for line in text.split("\n"))
    assert from_json(text) == report


def test_members_and_their_order() -> None:
    assert list(to_dict(LEAKY)) == [
        "schema", "verdict", "target", "identity", "errors", "snapshots", "cycles", "rate",
        "memory", "growth", "findings", "notes", "collect_ns", "timings_ns", "load", "workers",
        "interventions", "settings", "trend", "native_holds", "waste", "bills",
    ]  # fmt: skip
    assert to_dict(LEAKY)["growth"][0]["bytes"]["delta"] == 19_600_000
    assert to_dict(LEAKY)["findings"][0]["per_cycle"] == {"count": 1.0, "bytes": 10_436.0}


def test_numbers_that_json_lacks_are_null() -> None:
    report = replace(LEAKY, rate_bytes=math.inf, rate_objects=math.nan)
    assert json.loads(to_json(report))["rate"] == {"bytes": None, "objects": None}


def test_facts_about_the_target_become_plain_json() -> None:
    report = replace(LEAKY, target={"scenario": Path("a/b.py"), "command": ("x", Path("y"))})
    assert to_dict(report)["target"] == {"scenario": "a/b.py", "command": ["x", "y"]}


def test_unknown_members_are_ignored() -> None:
    value = to_dict(LEAKY)
    value["of_a_later_version"] = 1
    value["findings"][0]["too"] = 2
    assert from_dict(value) == LEAKY


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a JSON value."""
    found = [path]
    items: Any = ()
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value[:2])
    for name, item in items:
        if name != "target":
            found += _paths(item, (*path, name))
    return found


class _Wrong:
    """A value of no JSON type."""


@pytest.mark.parametrize("path", _paths(to_dict(LEAKY)), ids=str)
def test_a_wrong_value_anywhere_is_one_clear_error(path: tuple[Any, ...]) -> None:
    value: Any = copy.deepcopy(to_dict(LEAKY))
    if not path:
        value = _Wrong()
    else:
        place = value
        for name in path[:-1]:
            place = place[name]
        place[path[-1]] = _Wrong()
    with pytest.raises(UsageError, match="not a leakhunt report"):
        from_dict(value)


def test_a_missing_member_is_named() -> None:
    value = to_dict(LEAKY)
    del value["findings"][1]["holder"]["path"]
    with pytest.raises(UsageError, match=r"findings\[1\]\.holder\.path is missing"):
        from_dict(value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        (b"\xff\xfe\xff", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "should be an object"),
        ('{"schema": "leakhunt.report/2"}', "has schema 'leakhunt.report/2'"),
        ('{"schema": 1}', "schema should be a string, not 1"),
    ],
)
def test_what_is_no_report(text: str | bytes, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_json(text)


def test_verdicts_and_categories_are_checked() -> None:
    for name, word in (("verdict", "MAYBE"), ("category", "gremlin")):
        value = to_dict(LEAKY)
        value["findings"][0][name] = word
        with pytest.raises(UsageError, match=word):
            from_dict(value)


def test_the_report_is_a_report() -> None:
    assert isinstance(from_json(to_json(LEAKY)), Report)

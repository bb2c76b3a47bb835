"""What can be asked of a watch, and the lines that it writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.errors import UsageError
from leakhunt.hunt.watch.options import (
    WatchOptions,
    check_watch_options,
    parse_address,
    parse_bytes,
    parse_rate,
)
from leakhunt.report.schema import load_schema
from leakhunt.report.watch_model import (
    EventKind,
    event_to_dict,
    event_to_json,
    event_to_line,
)
from leakhunt.target.cgroup import GroupLimit
from tests.unit.hunt.watching import MIB, PID, Fake, event


@pytest.mark.parametrize(
    ("text", "value"),
    [("500M", 500 * MIB), ("1.5GiB", 3 << 29), ("10", 10), ("2kb", 2048), ("1 T", 1 << 40)],
)
def test_sizes(text: str, value: int) -> None:
    assert parse_bytes(text) == value


@pytest.mark.parametrize("text", ["", "M", "-1M", "1X", "1e9", "nan", "9" * 40])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no size"):
        parse_bytes(text)


def test_rates_and_addresses() -> None:
    assert parse_rate("1MB/min") == MIB / 60
    assert parse_rate("36k/h") == pytest.approx(10.24)
    assert parse_address("9464") == ("127.0.0.1", 9464)
    assert parse_address("[::1]:80") == ("::1", 80)
    for text in ("1MB", "1MB/year", "/s"):
        with pytest.raises(UsageError):
            parse_rate(text)
    for text in ("", "x", ":80", "host:"):
        with pytest.raises(UsageError, match="is no port"):
            parse_address(text)


@pytest.mark.parametrize(
    "options",
    [
        {"pid": 0},
        {"interval_s": 0.0},
        {"interval_s": float("nan")},
        {"look_s": -1.0},
        {"max_rss_bytes": 0},
        {"rate_bytes_per_s": 0.0},
        {"budget_bytes": -1},
        {"metrics": ("0.0.0.0", 1)},
        {"metrics": ("127.0.0.1", 1 << 16)},
        {"textfile": Path("/nonexistent/m.prom")},
        {"command": " "},
        {"duration_s": 0.0},
    ],
)
def test_what_makes_no_watch_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        check_watch_options(WatchOptions(**{"pid": PID, **options}))
    assert caught.value.hint


def test_every_event_is_a_line_that_obeys_the_schema(saving: list[str], tmp_path: Path) -> None:
    schema = load_schema(name="watch")
    Draft202012Validator.check_schema(schema)
    fake = Fake(
        rss=lambda s: 100 * MIB + s / 60 * MIB,
        group=lambda _: GroupLimit(1, 2 * MIB),
        ends_s=6000.0,
    )
    with fake.watch(snapshot_dir=tmp_path, max_rss_bytes=150 * MIB) as watch:
        watch.run()
    assert saving[0] == "baseline"
    fake.events.append(event(kind=EventKind.NOTE, message="\x1b[31m\n" + "x" * 5000))
    assert {e.kind for e in fake.events} >= set(EventKind) - {EventKind.CLEAR}
    for one in fake.events:
        Draft202012Validator(schema).validate(event_to_dict(one))
        line = event_to_json(one)
        assert "\n" not in line
        assert json.loads(line)["schema"] == "leakhunt.watch/1"
        shown = event_to_line(one, "12:00:00")
        assert "\n" not in shown
        assert "\x1b" not in shown

"""Which hunt is repeated, and in what it differs."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import UsageError
from leakhunt.hunt.live_options import LiveOptions
from leakhunt.hunt.live_settings import is_live, live_options_of, live_settings_of
from leakhunt.hunt.options import HuntOptions, options_of, settings_of
from leakhunt.hunt.saved_report import read_report
from leakhunt.hunt.verify import VerifyOptions, again, compare, needs_control
from leakhunt.report.json_report import to_json
from leakhunt.report.model import Report
from leakhunt.target.family import Children
from leakhunt.target.readiness import parse_ready
from tests.golden.sample_reports import LEAKY, LIVE

SCENARIO = HuntOptions(
    Path("/srv/checkout.py"), cycles=70, warmup=3, python=Path("/env/python"), timeout_s=None,
    collect=False, max_pause_ms=50.0, ladder=4, content=True, capture="auto",
    rules=(Path("/srv/rules.py"),),
)  # fmt: skip
PROGRAM = LiveOptions(
    command=("gunicorn", "shop:app"), ready=parse_ready("port:8000"), load="wrk x", rounds=5,
    warmup=2, warmup_load="curl x", cycles=100, children=Children.ALL, redact=True,
)  # fmt: skip
PROCESS = LiveOptions(pid=4242, duration_s=60.0, timeout_s=None)


def before(options: HuntOptions | LiveOptions) -> Report:
    """A report of such a hunt, written and read again."""
    settings = (
        settings_of(options) if isinstance(options, HuntOptions) else live_settings_of(options)
    )
    return replace(LEAKY, settings=json.loads(json.dumps(settings)))


def wanted(options: HuntOptions | LiveOptions, **more: Any) -> HuntOptions | LiveOptions:
    changes = more.pop("changes", {})
    return again(before(options), VerifyOptions(Path("before.json"), changes, **more))


@pytest.mark.parametrize(
    "ready", ["port:80", "line:listening on [0-9]+", "delay:1.5s", "delay:250ms", None]
)
def test_settings_of_a_live_hunt_survive(ready: str | None) -> None:
    options = PROGRAM if ready is None else replace(PROGRAM, ready=parse_ready(ready))
    assert live_options_of(json.loads(json.dumps(live_settings_of(options)))) == options
    assert is_live(live_settings_of(options))


def test_settings_of_a_scenario_survive() -> None:
    assert options_of(json.loads(json.dumps(settings_of(SCENARIO)))) == SCENARIO
    assert not is_live(settings_of(SCENARIO))


def test_nothing_differs_unless_asked_for() -> None:
    assert wanted(SCENARIO) == SCENARIO
    assert wanted(PROGRAM) == PROGRAM
    assert wanted(SCENARIO, changes={"cycles": 9, "python": None}) == replace(SCENARIO, cycles=9)
    assert wanted(PROGRAM, changes={"timeout_s": 1.0}) == replace(PROGRAM, timeout_s=1.0)


def test_another_process_or_program() -> None:
    assert wanted(PROCESS, pid=7) == replace(PROCESS, pid=7)
    assert wanted(PROCESS, command=("python", "app.py")) == replace(
        PROCESS, pid=None, command=("python", "app.py")
    )
    assert wanted(PROGRAM, pid=7) == replace(PROGRAM, pid=7, command=())


@pytest.mark.parametrize(
    ("options", "more", "message"),
    [
        (PROCESS, {}, "the hunt before was of process 4242"),
        (SCENARIO, {"pid": 7}, "of a scenario, not of a process"),
        (SCENARIO, {"command": ("x",)}, "of a scenario, not of a process"),
        (PROGRAM, {"changes": {"ladder": 3}}, "--ladder is for scenarios"),
        (PROGRAM, {"changes": {"scenario": Path("x.py")}}, "--scenario is for scenarios"),
    ],
)
def test_what_does_not_go_together(
    options: HuntOptions | LiveOptions, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        wanted(options, **more)
    assert caught.value.hint


@pytest.mark.parametrize("options", [SCENARIO, PROGRAM])
def test_settings_that_are_none(options: HuntOptions | LiveOptions) -> None:
    good = before(options)
    assert good.settings is not None
    for name in good.settings:
        bad = replace(good, settings={**good.settings, name: {"x": 1}})
        with pytest.raises(UsageError, match=f"settings.{name} is"):
            again(bad, VerifyOptions(Path("b"), {}))


def test_who_ends_the_load(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    for options, needs in (
        (SCENARIO, False), (PROGRAM, False), (PROCESS, False),
        (replace(PROCESS, duration_s=None), True),
        (replace(PROCESS, duration_s=None, by_marks=True), False),
    ):  # fmt: skip
        path.write_text(to_json(before(options)))
        assert needs_control(path) is needs
        assert read_report(path) == before(options)
    path.write_text(to_json(LEAKY))
    assert needs_control(path) is False


def test_rates_of_other_cycles_do_not_compare() -> None:
    assert LIVE.load is not None
    other = replace(LIVE, load=replace(LIVE.load, cycle="second"))
    (note,) = compare(LIVE, other).notes
    assert note == "A cycle is one second now, one request before: rates do not compare."
    assert compare(LIVE, LIVE).notes == ()

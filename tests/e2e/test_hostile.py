"""Programs that do everything wrong: one clear answer each, nothing lost, nothing left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import LeakhuntError, TargetError, UsageError
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.report.json_report import to_json
from leakhunt.report.model import Report

HOSTILE = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios" / "hostile"
WHOLE = ("baseline", "window", "loaded", "final")

pytestmark = pytest.mark.e2e

SURVIVED = {
    "busy_threads", "changes_directory", "clears_modules", "closes_descriptors", "closes_stdout",
    "deep_chain", "deep_nesting", "forks", "frozen_heap", "liars", "nasty_names",
    "redirects_stdout", "reuses_descriptors", "signals",
}  # fmt: skip
"""The whole result, no errors."""

PARTIAL = {
    "raises_in_cycle": (
        "cycle 137 (load, 118 of 200) raised RuntimeError: cycle 137 fails",
        WHOLE,
        117,
    ),
    "keyboard_interrupt": ("cycle 25 (load, 6 of 200) raised KeyboardInterrupt", None, 5),
    "system_exit": ("cycle 25 (load, 6 of 200) raised SystemExit: 5", None, 5),
    "os_exit": ("the target exited with status 7 during cycle 20", ("baseline",), None),
    "killed": ("the target was killed by SIGKILL during cycle 30", ("baseline",), None),
    "segfault": ("the target was killed by SIGSEGV during cycle 30", ("baseline",), None),
    "hangs_in_cycle": ("not finished after 3 s (--timeout)", None, 10),
    "hangs_async": ("not finished after 3 s (--timeout)", None, 10),
}
"""(start of the error, snapshots or None for all but the window, cycles compared)."""

REFUSED = {
    "no_cycle": (UsageError, "defines no function cycle(i)"),
    "cycle_is_no_function": (UsageError, "defines no function cycle(i)"),
    "import_error": (UsageError, "No module named 'a_module_that_is_not_there'"),
    "syntax_error": (UsageError, "SyntaxError"),
    "cycle_takes_nothing": (TargetError, "takes 0 positional arguments"),
    "raises_in_setup": (TargetError, "the database is not there"),
}


def hunt(name: str, python: Path, **options: Any) -> Report:
    values: dict[str, Any] = {"timeout_s": 60.0, "settle_max_s": 1.5, **options}
    report = hunt_scenario(HuntOptions(HOSTILE / f"{name}.py", python=python, **values))
    json.loads(to_json(report))
    return report


def test_every_hostile_scenario_is_tried() -> None:
    others = {"raises_in_teardown", "hangs_in_native"}
    tried = SURVIVED | set(PARTIAL) | set(REFUSED) | others
    assert {path.stem for path in HOSTILE.glob("*.py")} == tried


@pytest.mark.parametrize("name", sorted(SURVIVED))
def test_survived(name: str, python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = tmp_path / "called.json"
    monkeypatch.setenv("LIARS_CALLED", str(called))
    report = hunt(name, python)
    assert report.errors == ()
    assert tuple(s.label for s in report.snapshots) == WHOLE
    assert not [note for note in report.notes if "teardown" in note]
    assert name != "liars" or json.loads(called.read_text("utf-8")) == []


@pytest.mark.parametrize("name", sorted(PARTIAL))
def test_partial(name: str, python: Path) -> None:
    message, labels, cycles = PARTIAL[name]
    report = hunt(name, python, timeout_s=3.0 if "hangs" in name else 60.0)
    assert report.errors[0].startswith(message)
    assert tuple(s.label for s in report.snapshots) == (labels or ("baseline", "loaded", "final"))
    assert report.cycles == cycles
    if labels == ("baseline",):
        assert report.findings == ()


def test_the_partial_result_names_the_leak(python: Path) -> None:
    report = hunt("raises_in_cycle", python)
    assert "raises_in_cycle.HELD" in {f.holder.path for f in report.findings}


def test_a_failing_teardown_costs_nothing(python: Path) -> None:
    report = hunt("raises_in_teardown", python)
    assert report.errors == ()
    assert any(
        note.startswith("teardown() raised RuntimeError: cannot clean up") for note in report.notes
    )


def test_a_hang_in_native_code_ends_in_time(python: Path) -> None:
    report = hunt("hangs_in_native", python, timeout_s=3.0)
    assert report.errors[0].startswith("not finished after 3 s (--timeout)")
    assert report.snapshots[0].label == "baseline"


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(name: str, python: Path) -> None:
    kind, message = REFUSED[name]
    with pytest.raises(LeakhuntError) as caught:
        hunt(name, python)
    assert type(caught.value) is kind
    assert message in str(caught.value)
    assert caught.value.hint

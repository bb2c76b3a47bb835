from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from leakhunt.cli import main
from leakhunt.errors import (
    LeakhuntError,
    NativeBuildError,
    SnapshotError,
    TargetError,
    UsageError,
)
from tests.nasty_names import NASTY_NAMES
from tests.unit.cli.conftest import FakeHunt

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("the scenario has no cycle()", hint="define cycle(i)"), 2),
        (SnapshotError("truncated at byte 17"), 2),
        (LeakhuntError("disk full", hint="free some"), 2),
        (TargetError("the target was killed by signal 9", hint="look at dmesg"), 3),
        (NativeBuildError("no compiler"), 3),
    ],
)
def test_errors_are_two_lines_and_a_code(
    fake: FakeHunt, scenario: Path, capsys: Captured, error: LeakhuntError, code: int
) -> None:
    fake.error = error
    assert main(["hunt", "--scenario", str(scenario)]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"error: {error}\nhint: {error.hint}\n"


def test_no_hint_no_line(fake: FakeHunt, scenario: Path, capsys: Captured) -> None:
    fake.error = TargetError("gone")
    main(["hunt", "--scenario", str(scenario)])
    assert capsys.readouterr().err == "error: gone\n"


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_names_in_messages_do_no_harm(
    fake: FakeHunt, scenario: Path, capsys: Captured, name: str
) -> None:
    fake.error = TargetError(f"cannot import {name}", hint=f"see {name}")
    assert main(["hunt", "--scenario", str(scenario)]) == 3
    err = capsys.readouterr().err
    assert err.replace("\n", "").isprintable()
    assert err.count("\n") == 2


def test_a_mistake_of_ours_is_no_answer(fake: FakeHunt, scenario: Path, capsys: Captured) -> None:
    fake.error = ZeroDivisionError("oops")
    assert main(["hunt", "--scenario", str(scenario)]) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError: oops" in err
    assert "error: this is a mistake in leakhunt" in err


def test_control_c(fake: FakeHunt, scenario: Path, capsys: Captured) -> None:
    fake.error = KeyboardInterrupt()
    assert main(["hunt", "--scenario", str(scenario)]) == 130
    out, err = capsys.readouterr()
    assert (out, err.lstrip("\n")) == ("", "error: interrupted\n")  # a fresh line after ^C


def test_sigterm_unwinds_and_puts_the_handler_back(
    fake: FakeHunt, scenario: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    unwound = []

    def hunted(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        finally:
            unwound.append(True)

    monkeypatch.setattr(sys.modules["leakhunt.hunt"], "hunt_scenario", hunted)
    before = signal.getsignal(signal.SIGTERM)
    assert main(["hunt", "--scenario", str(scenario)]) == 143
    assert unwound
    assert signal.getsignal(signal.SIGTERM) == before
    assert capsys.readouterr().err == "error: terminated\n"


SCENARIO = "SCENARIO"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hunt"], "missing option '--scenario'"),
        (["hunt", "--scenario", "nowhere.py"], "'nowhere.py' does not exist"),
        (["hunt", "--scenario", "."], "'.' is a directory"),
        (["hunt", "--scenario", SCENARIO, "--cycles", "0"], "0 is not in the range x>=1"),
        (["hunt", "--scenario", SCENARIO, "--cycles", "many"], "'many' is not a valid integer"),
        (["hunt", "--scenario", SCENARIO, "--warmup", "-1"], "-1 is not in the range"),
        (["hunt", "--scenario", SCENARIO, "--timeout", "nan"], "'nan' seconds"),
        (["hunt", "--scenario", SCENARIO, "--timeout", "inf"], "'inf' seconds"),
        (["hunt", "--scenario", SCENARIO, "--settle", "-3"], "'-3' seconds"),
        (["hunt", "--scenario", SCENARIO, "--settle", "soon"], "'soon' is not a number of seconds"),
        (["hunt", "--scenario", SCENARIO, "--max-pause", "0"], "'0' milliseconds"),
        (["hunt", "--scenario", SCENARIO, "--python", "python0.1"], "'python0.1' was not found"),
        (["hunt", "--scenario", SCENARIO, "--python", SCENARIO], "is not executable"),
        (["hunt", "--scenario", SCENARIO, "--save", SCENARIO], "is a file"),
        (["hunt", "--scenario", SCENARIO, "--sort", "colour"], "'colour' is not one of"),
        (["hunt", "--scenario", SCENARIO, "--top", "0"], "0 is not in the range"),
        (["hunt", "--scenario", SCENARIO, "stray"], "unexpected extra argument"),
        (["hunt", "--scenari\x1b[0m"], "no such option"),
        (["diff", SCENARIO], "missing argument 'LATER'"),
        (["diff", "a", "b"], "'a' does not exist"),
        (["diff", SCENARIO, SCENARIO, SCENARIO, SCENARIO], "unexpected extra argument"),
        (["diff", SCENARIO, SCENARIO, "--cycles", "0"], "0 is not in the range"),
        (["fly"], "no such command 'fly'"),
        (["--fly"], "no such option"),
    ],
)
def test_bad_requests(
    fake: FakeHunt, scenario: Path, capsys: Captured, arguments: list[str], message: str
) -> None:
    given = [str(scenario) if one == SCENARIO else one for one in arguments]
    assert main(given) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert first.startswith("error: ")
    assert message.lower() in first.lower()
    assert second.startswith("hint: leakhunt")
    assert second.endswith("--help lists the options")
    assert fake.options is None

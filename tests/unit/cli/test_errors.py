from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from types import ModuleType

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


def test_control_c_while_the_rest_is_imported(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(ModuleType):
        def __getattr__(self, _name: str) -> None:
            raise KeyboardInterrupt

    monkeypatch.setitem(sys.modules, "leakhunt.cli.app", Slow("leakhunt.cli.app"))
    assert main(["hunt"]) == 130
    assert capsys.readouterr().err == "\nerror: interrupted\n"


def test_no_memory_is_said(fake: FakeHunt, scenario: Path, capsys: Captured) -> None:
    fake.error = MemoryError()
    assert main(["hunt", "--scenario", str(scenario)]) == 3
    assert capsys.readouterr().err.startswith("error: leakhunt ran out of memory\nhint: ")


def test_a_directory_that_is_gone(
    scenario: Path, tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    for arguments in (
        ["hunt", "--scenario", "x.py"],
        ["hunt", "--scenario", str(scenario), "--python", "./x"],
        ["hunt", "--scenario", str(scenario), "--save", "x"],
        ["diff", "x", "y"],
    ):
        assert main(arguments) == 2
        first, second = capsys.readouterr().err.splitlines()
        assert first.startswith("error: ")
        assert second.startswith("hint: ")


def test_control_c(fake: FakeHunt, scenario: Path, capsys: Captured) -> None:
    fake.error = KeyboardInterrupt()
    assert main(["hunt", "--scenario", str(scenario)]) == 130
    out, err = capsys.readouterr()
    assert (out, err.lstrip("\n")) == ("", "error: interrupted\n")  # a fresh line after ^C


@pytest.mark.parametrize(
    ("number", "code", "message"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGHUP, 129, "the terminal went away")],
)
def test_signals_unwind_and_their_handlers_are_put_back(
    fake: FakeHunt,
    scenario: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    number: signal.Signals,
    code: int,
    message: str,
) -> None:
    unwound = []

    def hunted(*_: object) -> None:
        try:
            os.kill(os.getpid(), number)
            time.sleep(5)
        finally:
            unwound.append(True)

    monkeypatch.setattr(sys.modules["leakhunt.hunt"], "hunt_scenario", hunted)
    before = signal.getsignal(number)
    assert main(["hunt", "--scenario", str(scenario)]) == code
    assert unwound
    assert signal.getsignal(number) == before
    assert capsys.readouterr().err == f"error: {message}\n"


SCENARIO = "SCENARIO"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hunt", "--scenario", ""], "the path is empty"),
        (["hunt", "--scenario", SCENARIO, "--cycles", "0"], "0: at least 1 is needed"),
        (["hunt", "--scenario", SCENARIO, "--cycles", "many"], "'many' is not a whole number"),
        (["hunt", "--scenario", SCENARIO, "--warmup", "-1"], "-1: at least 0 is needed"),
        (["hunt", "--scenario", SCENARIO, "--warmup", "9" * 9000], "is not a whole number"),
        (["hunt", "--scenario", SCENARIO, "--timeout", "nan"], "'nan' seconds"),
        (["hunt", "--scenario", SCENARIO, "--timeout", "inf"], "'inf' seconds"),
        (["hunt", "--scenario", SCENARIO, "--settle", "-3"], "'-3' seconds"),
        (["hunt", "--scenario", SCENARIO, "--settle", "soon"], "'soon' is not a number of seconds"),
        (["hunt", "--scenario", SCENARIO, "--max-pause", "0"], "'0' milliseconds"),
        (["hunt", "--scenario", SCENARIO, "--python", ""], "the path is empty"),
        (["hunt", "--scenario", SCENARIO, "--save", ""], "the path is empty"),
        (["hunt", "--scenario", SCENARIO, "--sort", "colour"], "'colour' is not one of"),
        (["hunt", "--scenario", SCENARIO, "--top", "0"], "0: at least 1 is needed"),
        (["hunt", "--scenari\x1b[0m"], "no such option"),
        (["diff"], "missing argument 'BASELINE'"),
        (["diff", "", "b"], "the path is empty"),
        (["diff", SCENARIO, SCENARIO, SCENARIO, SCENARIO], "unexpected extra argument"),
        (["diff", SCENARIO, SCENARIO, "--cycles", "0"], "0: at least 1 is needed"),
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


LONG = "n" * 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["hunt", "--scenario", "nowhere.py"], "the scenario nowhere.py does not exist"),
        (["hunt", "--scenario", "."], "the scenario . is a directory"),
        (["hunt", "--scenario", LONG + ".py"], ".py cannot be read: File name too long"),
        (["hunt", "--scenario", SCENARIO, "--python", "python0.1"], "no interpreter 'python0.1'"),
        (["hunt", "--scenario", SCENARIO, "--python", SCENARIO], "is not executable"),
        (["hunt", "--scenario", SCENARIO, "--python", "/dev"], "is a directory"),
        (["hunt", "--scenario", SCENARIO, "--python", "./nowhere"], "nowhere does not exist"),
        (["hunt", "--scenario", SCENARIO, "--python", "./" + LONG], "File name too long"),
        (["hunt", "--scenario", SCENARIO, "--save", SCENARIO], "is not a directory"),
        (["hunt", "--scenario", SCENARIO, "--save", LONG], "File name too long"),
        (["diff", "nowhere.lkheap", SCENARIO], "there is no snapshot file nowhere.lkheap"),
        (["diff", SCENARIO, SCENARIO], "is not a snapshot"),
        (["diff", ".", "."], "is a directory"),
        (["diff", SCENARIO], "a diff takes 2 or 3 snapshots, not 1"),
        (["diff", LONG, LONG], "File name too long"),
        (["diff", "PIPE", "PIPE"], "is no regular file"),
    ],
)
def test_files_that_will_not_do(
    scenario: Path,
    tmp_path: Path,
    capsys: Captured,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo(tmp_path / "PIPE")
    given = [str(scenario) if one == SCENARIO else one for one in arguments]
    assert main(given) == 2
    out, err = capsys.readouterr()
    assert out == ""
    first, second = err.splitlines()
    assert message in first
    assert second.startswith("hint: ")
    assert "--help" not in second

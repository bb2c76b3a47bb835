from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.cli import main
from leakhunt.errors import TargetError
from leakhunt.report.verify_model import Verification
from tests.golden.sample_reports import CLEAN, LEAKY, PARTIAL, VERIFICATION
from tests.unit.cli.conftest import FakeHunt

FIXED = replace(VERIFICATION, after=CLEAN, changes=VERIFICATION.changes[-1:])
SUSPECT = replace(FIXED, after=replace(CLEAN, verdict="SUSPECT"))


def test_without_options_nothing_differs(
    fake: FakeHunt, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "before.json"]) == 1
    (options,) = fake.verified
    assert options.before == Path("before.json")
    assert [name for name, value in options.changes.items() if value] == []
    out, err = capsys.readouterr()
    assert out.startswith(" Not fixed: 1 fixed, 1 improved")
    assert err == ""


def test_every_option_arrives(fake: FakeHunt, scenario: Path, tmp_path: Path) -> None:
    main([
        "verify", "b", "--scenario", str(scenario), "--cycles", "7", "--warmup", "0", "--ladder",
        "3", "--python", sys.executable, "--timeout", "1.5", "--settle", "0", "--save",
        str(tmp_path / "new"), "--show-output",
    ])  # fmt: skip
    assert fake.verified[0].changes == {
        "scenario": scenario, "cycles": 7, "warmup": 0, "ladder": 3,
        "python": Path(sys.executable), "timeout_s": 1.5, "settle_max_s": 0.0,
        "save_dir": tmp_path / "new", "show_output": True,
    }  # fmt: skip


def test_no_time_limit(fake: FakeHunt) -> None:
    main(["verify", "b", "--timeout", "0"])
    assert fake.verified[0].changes["timeout_s"] > 1e8


@pytest.mark.parametrize(
    ("result", "strict", "code"),
    [
        (FIXED, False, 0),
        (FIXED, True, 0),
        (SUSPECT, False, 0),
        (SUSPECT, True, 1),
        (VERIFICATION, False, 1),
        (replace(FIXED, after=LEAKY), False, 1),
        (replace(FIXED, changes=VERIFICATION.changes[2:3]), False, 1),
        (replace(FIXED, after=PARTIAL), False, 3),
        (replace(FIXED, changes=()), False, 0),
    ],
)
def test_exit_codes(fake: FakeHunt, result: Verification, strict: bool, code: int) -> None:
    fake.verification = result
    assert main(["verify", "b", *["--strict"][: int(strict)]]) == code


def test_json(fake: FakeHunt, capsys: pytest.CaptureFixture[str]) -> None:
    main(["verify", "b", "--json"])
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (value["schema"], value["is_fixed"]) == ("leakhunt.verify/1", False)


def test_an_error_of_the_target(fake: FakeHunt, capsys: pytest.CaptureFixture[str]) -> None:
    fake.error = TargetError("gone", hint="look")
    assert main(["verify", "b"]) == 3
    assert capsys.readouterr().err == "error: gone\nhint: look\n"


def test_a_live_target_arrives(fake: FakeHunt) -> None:
    main(["verify", "b", "4711"])
    main(["verify", "b", "--cycles", "9", "--", "python", "app.py", "--strict"])
    assert [(one.pid, one.command) for one in fake.verified] == [
        (4711, ()), (None, ("python", "app.py", "--strict")),
    ]  # fmt: skip
    assert fake.verified[1].changes["cycles"] == 9

"""Hunt, fix, hunt again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.cli import main
from leakhunt.report.schema import load_schema

pytestmark = pytest.mark.e2e

LEAKY = """
SESSIONS, CACHE, LOG = [], {}, []
def cycle(i):
    SESSIONS.append([i])
    CACHE[f"key {i}"] = [i]
    LOG.append({"i": i})
"""
PARTLY = """
SESSIONS, CACHE, LOG, MORE = [], {}, [], []
def cycle(i):
    if i % 4 == 0:
        CACHE[f"key {i}"] = [i]
    LOG.append({"i": i})
    MORE.append([i])
"""
FIXED = "SESSIONS, CACHE, LOG = [], {}, []\ndef cycle(i): [i]\n"


def verify(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, dict[str, Any]]:
    code = main(["verify", *map(str, arguments), "--json"])
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema(name="verify")).validate(value)
    return code, value


def statuses(value: dict[str, Any]) -> dict[str, str]:
    return {change["holder"]: change["status"] for change in value["changes"]}


def test_a_fix_is_verified(
    tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, before = tmp_path / "app.py", tmp_path / "before.json"
    scenario.write_text(LEAKY)
    options = ("--scenario", str(scenario), "--cycles", "60", "--python", str(python))
    assert main(["hunt", *options, "--json"]) == 1
    before.write_text(capsys.readouterr().out)
    code, value = verify(capsys, before)
    assert (code, value["is_fixed"]) == (1, False)
    assert statuses(value) == dict.fromkeys(("app.SESSIONS", "app.CACHE", "app.LOG"), "unchanged")
    assert value["notes"] == []
    scenario.write_text(PARTLY)
    code, value = verify(capsys, before)
    assert code == 1
    assert statuses(value) == {
        "app.SESSIONS": "fixed", "app.CACHE": "improved", "app.LOG": "unchanged",
        "app.MORE": "new",
    }  # fmt: skip
    scenario.write_text(FIXED)
    code, value = verify(capsys, before)
    assert (code, value["is_fixed"], value["errors"]) == (0, True, [])
    assert set(statuses(value).values()) == {"fixed"}
    assert value["report"]["settings"] == json.loads(before.read_text())["settings"]


def test_differences_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario, saved = tmp_path / "app.py", tmp_path / "saved"
    scenario.write_text(LEAKY)
    assert main(["hunt", "--scenario", str(scenario), "--cycles", "60", "--save", str(saved)]) == 1
    capsys.readouterr()
    code, value = verify(capsys, saved, "--cycles", "90")
    assert code == 1
    assert value["notes"] == ["Rates are over 90 cycles now, over 60 before."]
    assert set(statuses(value).values()) == {"unchanged"}
    known = str(tmp_path / "known.json")
    assert main(["accept", str(saved / "report.json"), "--into", known]) == 0
    assert main(["verify", str(saved), "--baseline", known]) == 0
    capsys.readouterr()
    scenario.write_text(FIXED)
    code, value = verify(capsys, saved, "--cycles", "2")
    assert (code, set(statuses(value).values())) == (1, {"unknown"})
    scenario.write_text("def cycle(i):\n    if i > 40: raise OSError")
    code, value = verify(capsys, saved)
    assert (code, value["is_fixed"]) == (3, False)


def test_what_cannot_be_verified(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario, saved = tmp_path / "app.py", tmp_path / "saved"
    scenario.write_text(FIXED)
    main(["hunt", "--scenario", str(scenario), "--cycles", "9", "--save", str(saved)])
    capsys.readouterr()
    main(["diff", str(saved / "baseline.lkheap"), str(saved / "final.lkheap"), "--json"])
    (tmp_path / "diff.json").write_text(capsys.readouterr().out)
    report = json.loads((saved / "report.json").read_text())
    report["settings"]["cycles"] = "many"
    (tmp_path / "bad.json").write_text(json.dumps(report))
    for name, message in (
        ("missing.json", "there is no report to read"),
        ("diff.json", "does not say how its hunt was done"),
        ("bad.json", "settings.cycles is 'many'"),
        ("app.py", "not a leakhunt report"),
    ):
        assert main(["verify", str(tmp_path / name)]) == 2
        err = capsys.readouterr().err
        assert message in err
        assert "hint: " in err

"""A hunt that compares values, and the waste of its snapshots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from leakhunt.cli import main
from leakhunt.report.schema import load_schema

pytestmark = pytest.mark.e2e

SCENARIO = """
class Order:
    def __init__(self, i):
        self.status = "-".join(["wait", "ing"])
        self.lines, self.extra = [], {}
        vars(self)

ORDERS = [Order(i) for i in range(500)]
def cycle(i): pass
"""


def test_waste_of_a_hunt(tmp_path: Path, python: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario, saved = tmp_path / "orders.py", tmp_path / "saved"
    scenario.write_text(SCENARIO)
    options = ("--scenario", str(scenario), "--cycles", "9", "--python", str(python))
    assert main(["hunt", *options, "--content", "--save", str(saved), "--json"]) == 0
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema()).validate(report)
    assert (report["verdict"], report["errors"]) == ("NOT", [])
    assert main(["waste", str(saved / "final.lkheap"), "--json"]) == 0
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema(name="waste")).validate(value)
    found = value["waste"]
    assert found["wasted_bytes"] == report["waste"]["wasted_bytes"]
    best = found["duplicates"]["values"][0]
    assert (best["path"], best["objects"]) == ("orders.ORDERS[*].status", 500)
    assert b"wait-ing" not in (saved / "final.lkheap").read_bytes()
    places = {one["path"]: one["objects"] for one in found["containers"]["places"]}
    assert places["orders.ORDERS[*].lines"] == places["orders.ORDERS[*].extra"] == 500
    assert found["instance_dicts"][0]["type"] == "orders.Order"
    assert main(["waste", str(saved / "final.lkheap")]) == 0
    assert "orders.ORDERS[*].status" in capsys.readouterr().out


def test_without_content(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario, saved = tmp_path / "orders.py", tmp_path / "saved"
    scenario.write_text(SCENARIO)
    main(["hunt", "--scenario", str(scenario), "--cycles", "9", "--save", str(saved), "--json"])
    assert json.loads(capsys.readouterr().out)["waste"] is None
    assert main(["waste", str(saved / "final.lkheap")]) == 0
    out = capsys.readouterr().out
    assert "capture with --content" in out
    assert "orders.ORDERS[*].lines" in out
    assert main(["waste", str(scenario)]) == 2

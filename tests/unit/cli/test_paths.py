"""``leakhunt paths`` on the files of a real hunt."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from leakhunt.cli import main
from leakhunt.report.schema import load_schema

SCENARIO = """
ORDERS, INDEX = [], {}
class Order: pass
def cycle(i):
    ORDERS.append(Order())
    INDEX[i] = ORDERS[-1]
"""


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a hunt of a leak with two holders left."""
    folder = tmp_path_factory.mktemp("hunt")
    (folder / "orders.py").write_text(SCENARIO)
    command = ["hunt", "--scenario", str(folder / "orders.py"), "--cycles", "30", "--warmup", "5"]
    assert main([*command, "--save", str(folder / "saved"), "--json"]) == 1
    return folder / "saved"


def test_json(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["paths", str(saved), "--to", "orders.Order", "--all", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema(name="paths")).validate(found)
    assert (found["objects"], found["reachable"]) == (35, 35)
    assert {(one["place"], one["objects"]) for one in found["independent"]} == {
        ("orders.INDEX[*]", 35),
        ("orders.ORDERS[*]", 35),
    }


def test_screens(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    file = str(saved / "final.lkheap")
    assert main(["paths", file, "--to", "Order", "--avoid", "orders.ORDERS"]) == 0
    out = capsys.readouterr().out
    assert out.startswith(" 35 objects of orders.Order")
    assert "orders.INDEX" in out
    assert main(["paths", file, "--to", "Order", "--avoid", "orders", "--all"]) == 0
    assert "Without orders nothing would keep them." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["--to", "Ordr"], "no object has a type named Ordr", "orders.Order"),
        (["--to", "orders.INDX"], "orders has no .INDX", ".INDEX"),
        (["--to", "orders.Order", "--avoid", "orderz"], "no object has a type", "orders"),
        (["--to", "@12"], "there is no object at 0x12", "one snapshot"),
        ([], "missing option '--to'", "--help"),
    ],
)
def test_bad_requests(
    saved: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, hint: str
) -> None:
    capsys.readouterr()
    assert main(["paths", str(saved), *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert hint in err

"""``leakhunt whatif`` on the files of a real hunt."""

from __future__ import annotations

import json
import shutil
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


def answer(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> dict[str, object]:
    assert main(["whatif", *map(str, arguments), "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    Draft202012Validator(load_schema(name="whatif")).validate(found)
    return found


def test_one_holder_alone_frees_nothing(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    found = answer(capsys, saved / "final.lkheap", "--cut", "orders.ORDERS[*]")
    assert found["freed"] == {"bytes": 0, "objects": 0, "types": []}
    assert found["stays"] == {
        "objects": 35,
        "holders": [{"path": "orders.INDEX[*]", "type": "builtins.dict", "objects": 35}],
    }
    smallest = found["smallest_cut"]
    assert isinstance(smallest, dict)
    assert {cut["path"] for cut in smallest["references"]} == {
        "orders.INDEX[*]",
        "orders.ORDERS[*]",
    }


def test_a_finding_by_rank_and_by_fingerprint(
    saved: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = json.loads((saved / "report.json").read_text())
    fingerprint = report["findings"][0]["fingerprint"]
    capsys.readouterr()
    found = answer(capsys, saved, "--finding", "1")
    for place in (saved, saved / "report.json"):
        for name in (fingerprint, fingerprint[:6].upper()):
            again = answer(capsys, place, "--finding", name)
            assert again == found
    assert found["finding"]["fingerprint"] == fingerprint  # type: ignore[index]
    assert len(found["cuts"]) == 2  # type: ignore[arg-type]
    freed = found["freed"]
    assert isinstance(freed, dict)
    assert {t["type"]: t["count"] for t in freed["types"]}["orders.Order"] == 30


def test_a_finding_of_a_family_of_processes(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    expected = answer(capsys, saved, "--finding", "1")
    shutil.copytree(saved, tmp_path / "pid-7")
    report = json.loads((saved / "report.json").read_text())
    for snapshot in report["snapshots"]:
        snapshot["path"] = None
    report["findings"][0]["workers"] = {"count": 1, "of": 2, "pids": [7]}
    (tmp_path / "report.json").write_text(json.dumps(report))
    found = answer(capsys, tmp_path, "--finding", "1")
    assert found["snapshot"] == str(tmp_path / "pid-7" / "final.lkheap")
    assert {**found, "snapshot": ""} == {**expected, "snapshot": ""}
    shutil.rmtree(tmp_path / "pid-7")
    assert main(["whatif", str(tmp_path), "--finding", "1"]) == 2
    assert "are not there" in capsys.readouterr().err


def test_a_finding_whose_category_came_from_rules_is_found_by_its_holder(
    saved: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    shutil.copytree(saved, tmp_path / "again")
    report = json.loads((saved / "report.json").read_text())
    report["findings"][0].update(fingerprint="0123456789abcdef", category="listener")
    (tmp_path / "again" / "report.json").write_text(json.dumps(report))
    found = answer(capsys, tmp_path / "again", "--finding", "01234567")
    assert len(found["cuts"]) == 2  # type: ignore[arg-type]


def test_the_screen(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["whatif", str(saved), "--finding", "1"]) == 0
    out, err = capsys.readouterr()
    assert "2 places hold it, and each must let go." in " ".join(out.split())
    assert "orders.INDEX[*]  30 references to orders.Order" in out
    assert err == ""


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["{}/final.lkheap", "--cut", "orders.ORDRES"], "orders has no .ORDRES", ".ORDERS"),
        (
            ["{}/final.lkheap", "--cut", "sys.modules"],
            "names no reference",
            "attribute or an entry",
        ),
        (["{}/final.lkheap", "--finding", "1"], "it has no findings", "--save"),
        (["{}", "--finding", "7"], "no finding '7'", "1 ("),
        (["{}"], "say what goes", "--cut"),
        (["{}", "--cut", "orders.ORDERS", "--finding", "1"], "say what goes", "--cut"),
        (["{}/nothing", "--cut", "orders.ORDERS"], "nothing", ""),
        (["{}/nothing.json", "--finding", "1"], "no report to read", "--save"),
        (["{}/..", "--finding", "1"], "no report to read", "--save"),
    ],
)
def test_bad_requests(
    saved: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str, hint: str
) -> None:
    capsys.readouterr()
    assert main(["whatif", *(text.replace("{}", str(saved)) for text in arguments)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert hint in err

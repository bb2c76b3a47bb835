from __future__ import annotations

import json
from pathlib import Path

import pytest

from leakhunt.cli import main
from leakhunt.errors import SnapshotError
from tests.unit.cli.conftest import FakeHunt


def test_the_file_and_the_limit_arrive(fake: FakeHunt, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["waste", "x.lkheap"]) == 0
    assert main(["waste", "x.lkheap", "--top", "3"]) == 0
    assert main(["waste", "x.lkheap", "--all"]) == 0
    assert fake.wasted == [(Path("x.lkheap"), top) for top in (10, 3, None)]
    out, err = capsys.readouterr()
    assert out.startswith(" Waste  6.4 MiB, 12 % of the Python heap")
    assert err == ""


def test_json(fake: FakeHunt, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["waste", "x.lkheap", "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["schema"], value["file"]) == ("leakhunt.waste/1", "x.lkheap")


def test_errors(fake: FakeHunt, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["waste"]) == 2
    fake.error = SnapshotError("damaged", hint="again")
    assert main(["waste", "x"]) == 2
    assert capsys.readouterr().err.endswith("error: damaged\nhint: again\n")

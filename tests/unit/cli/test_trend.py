from __future__ import annotations

import json
from pathlib import Path

import pytest

from leakhunt.cli import main
from leakhunt.errors import UsageError
from tests.unit.cli.conftest import FakeHunt

FILES = ["a.lkheap", "b.lkheap", "c.lkheap"]


def test_files_and_unit_arrive(fake: FakeHunt, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trend", *FILES]) == 0
    assert main(["trend", *FILES, "--by", "minute"]) == 0
    paths = [Path(name) for name in FILES]
    assert fake.trended == [(paths, None), (paths, "minute")]
    out, err = capsys.readouterr()
    assert out.startswith(" Trend  4 snapshots")
    assert err == ""


def test_json_and_top(fake: FakeHunt, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trend", *FILES, "--json"]) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["schema"], value["files"]) == ("leakhunt.trend/1", FILES)
    main(["trend", *FILES, "--top", "1"])
    assert "2 more holders" in capsys.readouterr().out
    main(["trend", *FILES, "--top", "1", "--all"])
    assert "more holder" not in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [[], [*FILES, "--by", "week"], [*FILES, "--top", "0"]])
def test_bad_usage(
    fake: FakeHunt, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trend", *arguments]) == 2
    assert "error:" in capsys.readouterr().err


def test_an_error_of_the_use_case(fake: FakeHunt, capsys: pytest.CaptureFixture[str]) -> None:
    fake.error = UsageError("no ladder", hint="more files")
    assert main(["trend", *FILES]) == 2
    assert capsys.readouterr().err == "error: no ladder\nhint: more files\n"


@pytest.mark.parametrize("points", ["1", "0", "x"])
def test_a_ladder_has_two_points_at_least(
    fake: FakeHunt, scenario: Path, points: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hunt", "--scenario", str(scenario), "--ladder", points]) == 2
    assert fake.options is None

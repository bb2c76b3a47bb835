from __future__ import annotations

import json
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from leakhunt.cli import main
from leakhunt.cli.output import _SORT_KEYS
from leakhunt.report.growth_order import SORT_KEYS
from leakhunt.report.json_report import from_json
from tests.golden import sample_reports as samples
from tests.unit.cli.conftest import FakeHunt, FakeOptions


def test_the_fake_has_the_members_of_the_real_options() -> None:
    from leakhunt.hunt import HuntOptions

    assert [one.name for one in fields(HuntOptions)] == [one.name for one in fields(FakeOptions)]


def test_sort_keys_are_those_of_the_report() -> None:
    assert _SORT_KEYS == SORT_KEYS


def test_defaults(fake: FakeHunt, scenario: Path) -> None:
    main(["hunt", "--scenario", str(scenario)])
    assert fake.options == FakeOptions(
        scenario=scenario,
        cycles=200,
        warmup=20,
        python=None,
        timeout_s=300.0,
        settle_max_s=10.0,
        collect=True,
        max_pause_ms=None,
        save_dir=None,
        birth=True,
        show_output=False,
        sites=0,
    )


def test_every_option_arrives(fake: FakeHunt, scenario: Path, tmp_path: Path) -> None:
    arguments = [
        "hunt", "--scenario", str(scenario), "--cycles", "7", "--warmup", "0", "--python",
        sys.executable, "--timeout", "1.5", "--settle", "0", "--no-collect", "--max-pause", "50",
        "--save", str(tmp_path / "new"), "--show-output", "--no-birth", "--ladder", "4",
        "--content", "--no-sites",
        "--capture", "auto",
    ]  # fmt: skip
    main(arguments)
    assert fake.options == FakeOptions(
        scenario=scenario,
        cycles=7,
        warmup=0,
        python=Path(sys.executable),
        timeout_s=1.5,
        settle_max_s=0.0,
        collect=False,
        max_pause_ms=50.0,
        save_dir=tmp_path / "new",
        birth=False,
        show_output=True,
        ladder=4,
        content=True,
        capture="auto",
        sites=None,
    )


def test_timeout_zero_is_none(fake: FakeHunt, scenario: Path) -> None:
    main(["hunt", "--scenario", str(scenario), "--timeout", "0"])
    assert fake.options is not None
    assert fake.options.timeout_s is None


def test_the_interpreter_of_a_virtual_environment_stays_a_link(
    fake: FakeHunt, scenario: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "python9").symlink_to(sys.executable)
    monkeypatch.chdir(tmp_path)
    for given in ("./python9", str(tmp_path / "python9")):
        main(["hunt", "--scenario", str(scenario), "--python", given])
        assert fake.options is not None
        assert fake.options.python == tmp_path / "python9"


def test_the_name_of_an_interpreter_is_left_to_path(fake: FakeHunt, scenario: Path) -> None:
    main(["hunt", "--scenario", str(scenario), "--python", "python9"])
    assert fake.options is not None
    assert fake.options.python == Path("python9")


@pytest.mark.parametrize(
    ("report", "strict", "code"),
    [
        (samples.LEAKY, False, 1),
        (samples.LEAKY, True, 1),
        (samples.CLEAN, True, 0),
        (replace(samples.LEAKY, verdict="SUSPECT"), False, 0),
        (replace(samples.LEAKY, verdict="SUSPECT"), True, 1),
        (samples.PARTIAL, False, 3),
        (samples.EMPTY, False, 3),
    ],
)
def test_exit_codes(fake: FakeHunt, scenario: Path, report: Any, strict: bool, code: int) -> None:
    fake.report = report
    assert main(["hunt", "--scenario", str(scenario), *["--strict"][: int(strict)]]) == code


def test_the_screen_goes_to_stdout_and_nothing_to_stderr(
    fake: FakeHunt, scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["hunt", "--scenario", str(scenario)])
    out, err = capsys.readouterr()
    assert out.startswith("  LEAK  1 leak, 2 suspects")
    assert "\x1b" not in out
    assert err == ""


def test_json(fake: FakeHunt, scenario: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["hunt", "--scenario", str(scenario), "--json", "--sort", "type"])
    out, err = capsys.readouterr()
    report = from_json(out)
    assert [row.type for row in report.growth] == sorted(row.type for row in samples.GROWTH)
    assert replace(report, growth=samples.GROWTH) == samples.LEAKY
    assert err == ""


def test_sort_top_and_all(
    fake: FakeHunt, scenario: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["hunt", "--scenario", str(scenario), "--sort", "born", "--top", "1"])
    out, _ = capsys.readouterr()
    assert "1 of 7 types, by born" in out
    main(["hunt", "--scenario", str(scenario), "--all"])
    out, _ = capsys.readouterr()
    assert "builtins.cell" in out


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.lkheap" for name in "abc"]
    for path in paths:
        path.touch()
    return paths


@pytest.mark.parametrize("number", [2, 3])
def test_diff(
    fake: FakeHunt, files: list[Path], number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = files[:number]
    assert main(["diff", *map(str, paths), "--cycles", "9", "--json"]) == 1
    assert fake.diffed == [(paths, 9)]
    assert json.loads(capsys.readouterr().out)["schema"] == "leakhunt.report/1"


def test_diff_without_cycles(fake: FakeHunt, files: list[Path]) -> None:
    main(["diff", str(files[0]), str(files[1])])
    assert fake.diffed == [(files[:2], None)]


@pytest.mark.parametrize(
    ("words", "sites"),
    [((), 0), (("--sites",), 0), (("--sites=512",), 512), (("--no-sites",), None)],
)
def test_sampling_is_on_unless_it_is_refused(
    fake: FakeHunt, scenario: Path, words: tuple[str, ...], sites: int | None
) -> None:
    main(["hunt", "--scenario", str(scenario), *words])
    assert fake.options is not None
    assert fake.options.sites == sites

"""``hunt --tui``: what was found is walked in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from leakhunt.cli import main, screen
from leakhunt.errors import UsageError
from tests.unit.cli.conftest import FakeHunt


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Directories that were shown; each was there then."""
    folders: list[Path] = []

    def show(sources: Sequence[str]) -> None:
        (source,) = sources
        assert Path(source).is_dir()
        folders.append(Path(source))

    monkeypatch.setattr(screen, "show", show)
    monkeypatch.setattr(screen, "require_terminal", lambda: None)
    return folders


def test_the_saved_hunt_is_shown_and_nothing_printed(
    fake: FakeHunt, scenario: Path, shown: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    folder = scenario.parent / "out"
    folder.mkdir()
    assert main(["hunt", "--scenario", str(scenario), "--tui", "--save", str(folder)]) == 1
    assert shown == [folder]
    assert capsys.readouterr().out == ""
    assert folder.is_dir()


def test_without_a_directory_nothing_is_kept(
    fake: FakeHunt, scenario: Path, shown: list[Path]
) -> None:
    assert main(["hunt", "--scenario", str(scenario), "--tui"]) == 1
    assert fake.options is not None
    assert shown == [fake.options.save_dir]
    assert not shown[0].exists()


def test_json_is_printed_instead(
    fake: FakeHunt, scenario: Path, shown: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["hunt", "--scenario", str(scenario), "--tui", "--json"]) == 1
    assert shown == []
    assert capsys.readouterr().out.startswith("{")


def test_without_a_terminal_nothing_is_hunted(
    fake: FakeHunt, scenario: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def refuse() -> None:
        raise UsageError("there is no terminal to draw on")

    monkeypatch.setattr(screen, "require_terminal", refuse)
    assert main(["hunt", "--scenario", str(scenario), "--tui"]) == 2
    assert fake.options is None
    assert "no terminal" in capsys.readouterr().err

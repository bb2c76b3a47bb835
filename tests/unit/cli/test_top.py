"""`leakhunt top`: how often it may stop a process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from leakhunt.cli import main
from leakhunt.cli.commands import top
from leakhunt.report.top_model import TopReport, TopRow


@pytest.mark.parametrize("interval", ["0", "500ms"])
def test_looks_back_to_back_are_refused(interval: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "4242", "--interval", interval]) == 2
    assert "is no interval for looks" in capsys.readouterr().err


@pytest.mark.parametrize(("pause_s", "waits_s"), [(0.01, 1.0), (3.0, 30.0)])
def test_a_long_pause_is_followed_by_a_long_wait(
    pause_s: float, waits_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr(top, "time", clock)
    looks: Any = SimpleNamespace(keep_alive=lambda: None)
    last: Any = SimpleNamespace(pause_ns=int(pause_s * 1e9))
    top._wait(looks, 1.0, last)
    assert now[0] == pytest.approx(waits_s)


@pytest.mark.parametrize("width", [60, 80, 160])
@pytest.mark.parametrize("types", [3, 16, 17, 18, 200])
@pytest.mark.parametrize("height", [6, 24, 50])
def test_a_look_fits_the_terminal_whatever_its_size(
    height: int, types: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    rows = tuple(TopRow(f"shop.Type{i}", 10, 1000, None, None) for i in range(types))
    report = TopReport(7, 1, 0.0, 0.0, 10, 1 << 20, None, 1, 5, 1000, None, rows, types)
    lines = top._fitted(report, height).splitlines()
    assert len(lines) <= height
    shown = sum("shop.Type" in line for line in lines)
    if shown < types and height > 6:
        assert f"and {types - shown} more type" in lines[-1]
        assert len(lines) >= height - 2, "no line is wasted"


def test_a_terminal_that_changes_its_size_is_followed_between_two_looks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, asked = [0.0], [0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    def follow() -> None:
        asked[0] += 1

    monkeypatch.setattr(top, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    looks: Any = SimpleNamespace(keep_alive=lambda: None)
    top._wait(looks, 10.0, SimpleNamespace(pause_ns=0), follow)  # type: ignore[arg-type]
    assert now[0] == pytest.approx(10)
    assert asked[0] >= 40

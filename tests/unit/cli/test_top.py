"""`leakhunt top`: how often it may stop a process."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from leakhunt.cli import main
from leakhunt.cli.commands import top


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

"""What the tests of the use cases share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.hunt.watch import loop
from leakhunt.hunt.watch.loop import Watch
from tests.unit.hunt.fake_agent import FakeReach


@pytest.fixture
def saving(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Snapshots are files of 1,000 bytes; the labels in order."""
    labels: list[str] = []

    def capture(_self: Watch, _member: object, path: Path, label: str) -> int:
        path.write_bytes(bytes(1000))
        labels.append(label)
        return 5

    monkeypatch.setattr(Watch, "_capture", capture)
    monkeypatch.setattr(loop, "require_reachable", lambda *_, **__: None)
    return labels


@pytest.fixture
def target() -> Iterator[int]:
    """A process to hunt; nothing is done to it here."""
    with subprocess.Popen(["sleep", "60"]) as started:
        yield started.pid
        started.kill()


@pytest.fixture
def reach(tmp_path: Path) -> FakeReach:
    """Finds an agent in each process."""
    return FakeReach(tmp_path)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether a process has settled is looked at every millisecond."""
    monkeypatch.setattr("leakhunt.hunt.member.SAMPLE_S", 0.001)

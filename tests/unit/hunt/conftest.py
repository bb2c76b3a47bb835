"""What the tests of the use cases share."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.hunt.watch import loop
from leakhunt.hunt.watch.loop import Watch


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

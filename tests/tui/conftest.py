"""What the tests of the screens share."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.cases import shop_case


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A saved hunt of the drawn shop."""
    return shop_case(tmp_path / "shop")


@pytest.fixture(autouse=True)
def _colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)

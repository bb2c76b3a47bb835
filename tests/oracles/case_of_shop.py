"""A hunt in the shop, and what a comparison of its exports must say."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.analysis.comparison import Comparison
from leakhunt.analysis.diff import growth
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.interop.heapsnapshot.layout import CLASS_BY_TYPE
from leakhunt.store.reader import open_snapshot

ROOT = Path(__file__).resolve().parents[2]
SHOP_PYTHON = ROOT / ".venv-shop" / "bin" / "python"


def hunt_the_shop(folder: Path) -> Path:
    """The folder with the snapshots of a hunt."""
    if not SHOP_PYTHON.exists():
        pytest.skip("`make .venv-shop/.ready` makes the shop's environment")
    scenario = ROOT / "fixtures" / "scenarios" / "shop" / "leaky.py"
    options = HuntOptions(scenario, cycles=100, python=SHOP_PYTHON, save_dir=folder / "case")
    assert hunt_scenario(options).verdict == "LEAK"
    return folder / "case"


def expected_comparison(folder: Path) -> dict[str, tuple[int, int]]:
    """Born and late, and departed, by the class that DevTools makes of the type."""
    baseline, final, loaded = (
        open_snapshot(folder / f"{name}.lkheap") for name in ("baseline", "final", "loaded")
    )
    window = folder / "window.lkheap"
    comparison = Comparison(
        baseline, final, loaded, open_snapshot(window) if window.exists() else None
    )
    return {
        CLASS_BY_TYPE.get(row.type, row.type): (row.born + row.late, row.departed)
        for row in growth(comparison)
        if row.born + row.late + row.departed
    }

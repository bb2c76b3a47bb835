"""The Memory panel of a real Chromium shows our files, and in Comparison our numbers."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from leakhunt.hunt.export import export_heapsnapshots
from tests.oracles.case_of_shop import expected_comparison, hunt_the_shop
from tests.oracles.viewers import ask, needs_viewers

pytestmark = [
    pytest.mark.slow,
    pytest.mark.oracle,
    needs_viewers,
    pytest.mark.skipif(
        shutil.which(os.environ.get("CHROMIUM", "chromium")) is None, reason="no Chromium here"
    ),
]


def number(cell: str) -> int:
    """A count as the panel writes it, with narrow blanks between thousands."""
    return int(re.sub(r"[^\d-]", "", cell))


def test_the_comparison_of_the_panel_is_ours(tmp_path: Path) -> None:
    folder = hunt_the_shop(tmp_path)
    written = {
        file.path.stem: file.path for file in export_heapsnapshots([folder], tmp_path / "v8")
    }
    shown = json.loads(ask("memory_panel.mjs", written["baseline"], written["final"]))
    expected = expected_comparison(folder)
    rows = {cells[0]: (number(cells[1]), number(cells[2])) for cells in shown["comparison"]}
    assert len(rows) > 20  # as many as the panel draws at once
    assert {name: expected.get(name) for name in rows} == rows
    names = {cells[0].split("\u00d7")[0] for cells in shown["summary"]}
    assert {"builtins.dict", "(string)", "Function", "shop.reports.Reports"} <= names

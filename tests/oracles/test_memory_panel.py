"""The Memory panel of a real Chromium shows our files, and in Comparison our numbers."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from leakhunt.analysis.call_tree import WeighedStack
from leakhunt.analysis.code_line import CodeLine
from leakhunt.hunt.export import export_heapsnapshots
from leakhunt.interop.stacks.formats import stacks_to_bytes
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


def test_the_panel_opens_a_heapprofile(tmp_path: Path) -> None:
    main = CodeLine("main", "/app/app.py", 10)
    session = CodeLine("Session.__init__", "/app/shop.py", 14)
    stacks = (
        WeighedStack((session, main), 3_000_000.0, 30.0, 30),
        WeighedStack((main,), 1_000_000.0, 10.0, 10),
    )
    file = tmp_path / "sites.heapprofile"
    file.write_bytes(stacks_to_bytes(stacks, "heapprofile", name="sites", exporter="leakhunt"))
    rows = json.loads(ask("memory_panel.mjs", file))["summary"]
    cells_by_name = {cells[2].split("\n")[0]: cells for cells in rows if len(cells) > 2}
    shown = {n: [" ".join(c.split()) for c in cells[:2]] for n, cells in cells_by_name.items()}
    assert shown["Session.__init__"] == ["3.0 MB75.00 %", "3.0 MB75.00 %"]
    assert shown["main"] == ["1.0 MB25.00 %", "4.0 MB100.00 %"]
    assert "shop.py:14" in cells_by_name["Session.__init__"][2]

"""Sites: of findings, all that was sampled, and the flame graph."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from leakhunt.analysis.call_tree import WeighedStack, call_tree
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.samples import SiteGrowth, Weight
from leakhunt.analysis.sites import Estimate, Site, SiteBasis
from leakhunt.errors import UsageError
from leakhunt.hunt.assemble import write_report
from leakhunt.hunt.saved_report import read_report
from leakhunt.hunt.sites import SiteTree
from leakhunt.report.sites_model import SitesReport
from leakhunt.tui.model.flame import find_row, flame_rows
from leakhunt.tui.screens import sites
from tests.nasty_names import NASTY_NAMES
from tests.tui.driver import WIDE, Driver, drive

HERE = CodeLine("flame_rows", str(Path(__file__)), 40)
MAIN, WORK, LIBRARY = (CodeLine(name, f"/nowhere/{name}.py", 3) for name in ("main", "work", "lib"))
ODD = tuple(CodeLine(name, name, 1) for name in NASTY_NAMES[:40])


def tree() -> SiteTree:
    stacks = [
        WeighedStack((LIBRARY, WORK, MAIN), 6000, 6, 6, {"baseline": 100, "final": 6100}),
        WeighedStack((HERE, MAIN), 3000, 3, 3, {"final": 3000}),
        *(WeighedStack((line, MAIN), 25, 1, 1, {"final": 25}) for line in ODD),
    ]
    return SiteTree(("baseline", "final"), 8192, "growth", call_tree(stacks))


def table() -> SitesReport:
    weight = Weight(5, Estimate(6000, 4000, 9000), Estimate(5, 3, 8))
    rows = [SiteGrowth(line, None, {"final": weight}) for line in (WORK, HERE, *ODD)]
    return SitesReport(("baseline", "final"), 8192, tuple(rows))


@pytest.fixture
def sampled(shop: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hunt whose first finding was sampled."""
    monkeypatch.setattr(sites, "tabulate_sites", lambda paths: table())
    monkeypatch.setattr(sites, "site_tree", lambda paths, measure: tree())
    report = read_report(shop)
    site = Site(SiteBasis.SAMPLED, HERE, bytes=Estimate(6000, 1, 2), stack=(HERE, MAIN))
    findings = (replace(report.findings[0], sites=(site,)), *report.findings[1:])
    write_report(replace(report, findings=findings), shop / "report.json")
    return shop


def test_sites_of_findings_with_their_source(sampled: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("5")
        assert "1 site of findings" in driver.text
        assert "tui/test_sites.py:40" in driver.text
        assert "▶ 40" in driver.text
        assert "by main (/nowhere/main.py:3)" in driver.text

    drive(sampled, look, WIDE)


def test_pages_and_the_flame_graph(sampled: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("5", "l")
        assert "42 sites sampled; one block in 8.0 KiB on average" in driver.text
        await driver.press("l")
        assert "flame graph of growth" in driver.text
        assert "all 9.8 KiB" in driver.text
        await driver.press("down", "down")
        assert "work" in driver.text
        assert "0 B itself, 5.9 KiB in all; baseline 100 B; final 6.0 KiB" in driver.text
        await driver.press("enter")
        assert "all 9.8 KiB" not in driver.text
        await driver.press("escape", "right")
        assert "▶ 40" in driver.text
        await driver.press("u")
        assert "flame graph of all that lives" in driver.text

    drive(sampled, look, WIDE)


def test_names_appear_literally(sampled: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("5", "l", "end")
        seen = driver.text
        assert all(s.text.isprintable() for line in driver.segments() for s in line)
        await driver.press("pageup", "pageup")
        assert "[link=http://example.invalid]x[/link]" in seen + driver.text
        await driver.press("l", "down", "down", "right", "right", "right", "right")
        assert all(s.text.isprintable() for line in driver.segments() for s in line)

    drive(sampled, look, WIDE)


def test_nothing_was_sampled(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def nothing(paths: object) -> SitesReport:
        raise UsageError("no allocation was sampled", hint="hunt with --sites")

    monkeypatch.setattr(sites, "tabulate_sites", nothing)

    async def look(driver: Driver) -> None:
        await driver.press("5")
        assert "no allocation was sampled; hunt with --sites" in driver.text
        await driver.press("l", "u", "y", "escape", "left_square_bracket")

    drive(shop, look, WIDE)


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 4), max_size=5), st.integers(0, 1000)), max_size=12),
    st.integers(0, 60),
)
@example(
    [([0, 1, 0, 1], 10), ([], 50), ([3, 0, 0], 19), ([2, 0, 3, 0], 55), ([3, 2, 1], 23), ([], 35)],
    32,
)  # two ends that are the same number are not, once they were summed up
def test_boxes_lie_within_their_caller(stacks: list[tuple[list[int], int]], width: int) -> None:
    weighed = [
        WeighedStack(tuple(CodeLine(f"f{n}", "f.py", n) for n in frames), size, 1, 1)
        for frames, size in stacks
    ]
    root = call_tree(weighed)
    rows = flame_rows(root, width)
    for above, below in pairwise(rows):
        ends = [box.x for box in below] + [width]
        assert all(box.x + box.width <= end for box, end in zip(below, ends[1:], strict=True))
        for box in below:
            caller = next(
                one for one in above if any(c is box.call for c in one.call.callees.values())
            )
            assert caller.x <= box.x
            assert box.x + box.width <= caller.x + caller.width
    if rows:
        assert find_row(rows, root) == (0, 0)
        assert rows[0][0].width == width
    assert find_row(rows, call_tree([])) is None

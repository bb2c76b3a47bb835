"""The walk: from a finding to what holds it, and every question on the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.tui.model.case import Case
from leakhunt.tui.model.chain import ChainTree
from leakhunt.tui.model.suspects import Suspects
from leakhunt.tui.screens.chain import ChainView
from leakhunt.tui.screens.chain_questions import references_of
from tests.tui.driver import WIDE, Driver, drive


def subject(driver: Driver) -> str:
    """The line that says what is walked, and the one with its path."""
    return "\n".join(driver.lines()[2:4])


def row_with(driver: Driver, text: str) -> str:
    """The first line that has a text."""
    return next(line for line in driver.lines() if text in line)


def test_a_finding_opens_at_its_holder(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter")
        assert "builtins.list" in subject(driver)
        assert "shop.bus.BUS.listeners['tick']" in subject(driver)
        assert "held by 1 reference" in driver.text
        assert "holds 65 references" in driver.text
        assert "15 more: Enter loads 15" in driver.text
        assert row_with(driver, "builtins.dict['tick']").split()[-6:-3] == ["yes", "232", "B"]

    drive(shop, look, (160, 70))


def test_enter_walks_on_and_brackets_go_back_and_forward(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "down", "down", "enter")
        assert "builtins.method" in subject(driver)
        assert "list › method" in driver.lines()[1]
        await driver.press("left_square_bracket")
        assert "builtins.list" in subject(driver)
        await driver.press("right_square_bracket")
        assert "builtins.method" in subject(driver)
        await driver.press("left_square_bracket", "left_square_bracket")
        assert "LEAK  1 leak" in driver.text

    drive(shop, look, WIDE)


def test_a_line_unfolds_and_folds(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "down", "down", "right")
        assert ".__self__ shop.session.Session" in driver.text
        await driver.press("left")
        assert ".__self__ shop.session.Session" not in driver.text

    drive(shop, look, WIDE)


def test_more_neighbours_are_loaded_on_demand(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "end")
        assert "15 more" in driver.text
        await driver.press("enter", "end")
        assert "more: Enter" not in driver.text

    drive(shop, look, WIDE)


def test_neighbours_are_grouped_by_type(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "g")
        assert "65 × builtins.method" in driver.text

    drive(shop, look, WIDE)


def test_jumps_lead_to_holder_root_and_dominator(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "down", "down", "enter", "h")
        assert "builtins.list" in subject(driver)
        await driver.press("r")
        assert "sys.modules" in subject(driver)
        await driver.press("left_square_bracket", "up", "d")
        assert "builtins.dict" in subject(driver)

    drive(shop, look, WIDE)


def test_ignoring_a_retainer_finds_another_way(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "enter", "enter")
        assert "shop.bus.Bus" in subject(driver)
        await driver.go_to("['BUS']")
        await driver.press("i")
        assert "without 1 retainer: thread 'MainThread', serve() at app.py:31" in subject(driver)
        await driver.go_to(", local 'bus'")
        await driver.press("i")
        assert "nothing else keeps it" in subject(driver)
        await driver.press("I")
        assert "without" not in subject(driver)

    drive(shop, look, WIDE)


def test_what_if_says_what_a_cut_frees(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "w")
        assert "Cutting shop.bus.BUS.listeners['tick']" in driver.text
        assert "would free 5" in driver.text
        assert "65 × shop.session.Session" in " ".join(driver.text.split())
        await driver.press("escape")
        assert "would free" not in driver.text

    drive(shop, look, WIDE)


def test_all_references_are_cut_at_once(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter")
        heap = driver.app.heap
        assert heap is not None
        c = heap.graph.columns
        for node in range(c.heap_count):
            line = ChainTree(heap, node, Suspects(), (), lambda key: "").lines[0]
            found = references_of(heap, line)
            edges = [] if found is None else found[1].tolist()
            assert edges == [
                edge
                for edge in range(c.edge_count)
                if heap.graph.target(edge) == node and c.edge_kind[edge] != EdgeKind.WEAK
            ]
        await driver.press("home", "w")
        assert "Cutting all references to shop.bus.BUS.listeners['tick']" in driver.text

    drive(shop, look, WIDE)


def test_independent_paths_are_listed(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "up", "d", "up", "a")
        assert "independent path" in driver.text

    drive(shop, look, WIDE)


def test_the_whole_population_is_walked(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("p")
        assert "finding 1: 60 objects" in driver.text
        assert "60 × shop.bus.BUS.listeners['tick'][*]" in driver.text
        assert "members 60 objects" in driver.text
        await driver.press("end", "enter")
        assert "builtins.method" in subject(driver)

    drive(shop, look, WIDE)


def test_the_population_of_a_holder_is_shown_from_its_referrer_too(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter")
        assert "builtins.dict['tick']" in driver.chosen()
        await driver.press("p")
        assert "finding 1: 60 objects" in driver.text

    drive(shop, look, WIDE)


def test_where_one_was_survives_reopening(shop: Path) -> None:
    async def walk(driver: Driver) -> None:
        await driver.press("enter", "down", "down", "enter", "q")

    drive(shop, walk, WIDE)
    assert json.loads((shop / "notebook.json").read_text())["places"]["app"]["view"] == "chain"

    async def look(driver: Driver) -> None:
        assert "builtins.method" in subject(driver)
        assert "list › method" in driver.lines()[1]

    drive(shop, look, WIDE)


def test_roots_are_not_marked(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await driver.press("enter", "r", "m")
        view, heap = driver.app.screen, driver.app.heap
        assert isinstance(view, ChainView)
        assert heap is not None
        view.open_node(heap.graph.columns.heap_count)
        await driver.settle()
        view.rows.cursor = 0
        assert view.node is not None
        assert heap.graph.is_root(view.node)
        assert view.noted() is None

    drive(shop, look, WIDE)


def test_a_population_that_loads_leaves_no_line_for_keys(
    shop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Case, "population", lambda self, fingerprint: np.zeros(0, np.int64))

    async def look(driver: Driver) -> None:
        await driver.press("enter")
        assert "held by 1 reference" in driver.text
        await driver.press("1", "p")
        view = driver.app.screen
        assert isinstance(view, ChainView)
        assert "no reference of the program holds it" in driver.text
        assert view.node is None
        await driver.press("enter", "m", "h", "r", "d")

    drive(shop, look, WIDE)

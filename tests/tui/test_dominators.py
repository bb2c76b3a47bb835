"""Dominators: levels of the dominator tree as tiles and rows."""

from __future__ import annotations

from pathlib import Path

from leakhunt.hunt.heaps import open_heap
from leakhunt.tui.model.dominators import Level, bar, percent
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.widgets.rows import RowList
from leakhunt.tui.widgets.tiles import Tiles
from tests.builders import Obj
from tests.nasty_names import NASTY_NAMES
from tests.tui.cases import Shop, shop_case
from tests.tui.driver import WIDE, Driver, drive


def rows(driver: Driver) -> list[str]:
    """The lines of the list that hold something."""
    found = driver.app.screen.query_one(RowList).region
    lines = driver.lines()[found.y + 1 : found.bottom]
    return [line for line in lines if line.strip()]


async def go(driver: Driver) -> None:
    await driver.press("4")
    await driver.settle()


def test_a_level_adds_up(shop: Path) -> None:
    heap = HeapView(open_heap(shop / "final.lkcols").graph)
    graph = heap.graph
    top = Level(heap, None)
    assert top.total_bytes == sum(top.row(i).retained_bytes for i in range(len(top)))
    node = top.row(0).node
    below = Level(heap, node)
    assert below.total_bytes + int(graph.columns.node_size[node]) == top.row(0).retained_bytes
    sizes = [below.row(i).retained_bytes for i in range(len(below))]
    assert sizes == sorted(sizes, reverse=True)
    assert [t.retained_bytes for t in below.types()] == sorted(
        (t.retained_bytes for t in below.types()), reverse=True
    )
    assert sum(one.count for one in top.types()) <= len(top)
    assert top.largest(2) == [top.row(0).node, top.row(1).node]
    assert Level(heap, None).turned().largest(2) == top.largest(2)


def test_the_largest_comes_first_and_opens(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await go(driver)
        assert "all roots" in driver.text
        assert "shop.bus.BUS" in rows(driver)[0]
        await driver.press("enter", "enter", "enter")
        assert "shop.bus.BUS › shop.bus.BUS.listeners › shop.bus.BUS.listeners['tick']" in (
            driver.text
        )
        assert "65 objects" in driver.text
        assert "…[0]" in driver.text
        await driver.press("left_square_bracket")
        assert "…['tick']" in rows(driver)[0]
        await driver.press("right_square_bracket")
        assert "65 objects" in driver.text
        await driver.press("d", "escape")
        assert "all roots › shop.bus.BUS   " in driver.text

    drive(shop, look, WIDE)


def test_sorted_turned_and_grouped(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await go(driver)
        await driver.press("s")
        assert "itself↓" in driver.text
        await driver.press("S")
        assert "itself↑" in driver.text
        await driver.press("s", "g")
        assert "objects" in driver.text
        first = rows(driver)[0]
        assert "shop.bus.Bus" in first
        await driver.press("enter")
        assert "all roots › shop.bus.Bus   1 object" in driver.text

    drive(shop, look, WIDE)


def test_tiles_follow_the_cursor_and_clicks_choose_rows(shop: Path) -> None:
    async def look(driver: Driver) -> None:
        await go(driver)
        tiles = driver.app.screen.query_one(Tiles)
        lines = driver.lines()[tiles.region.y : tiles.region.bottom]
        assert "▸BUS" in lines[0] or "▸shop.bus.BUS" in lines[0]
        await driver.press("down")
        assert "▸shop.bus.BUS" not in "\n".join(
            driver.lines()[tiles.region.y : tiles.region.bottom]
        )
        await driver.pilot.click(Tiles, offset=(1, 1))
        await driver.settle()
        assert driver.app.screen.query_one(RowList).cursor == 0

    drive(shop, look, WIDE)


def test_where_one_was_is_kept(shop: Path) -> None:
    async def leave(driver: Driver) -> None:
        await go(driver)
        await driver.press("enter", "enter", "q")

    async def look(driver: Driver) -> None:
        await go(driver)
        assert "all roots › shop.bus.BUS › shop.bus.BUS.listeners" in driver.text

    drive(shop, leave, WIDE)
    drive(shop, look, WIDE)


def odd_names(shop: Shop) -> None:
    """A dict of large objects under every nasty name."""
    heap = shop.heap
    names: dict[str | int, Obj] = {
        name[:300]: heap.object(f"odd.{name[:300]}", 40_000) for name in NASTY_NAMES
    }
    heap.module("shop.odd", ODD=heap.dict(names))


def test_names_appear_literally(tmp_path: Path) -> None:
    case = shop_case(tmp_path / "case", cycles=6, edit=odd_names)

    async def look(driver: Driver) -> None:
        await go(driver)
        for _ in range(6):
            if "31mred" in driver.text:
                break
            await driver.press("enter")
        seen = ""
        for _ in range(3):
            assert all(s.text.isprintable() for line in driver.segments() for s in line)
            seen += driver.text
            await driver.press("pagedown")
        assert r"…['\x1b[2J\x1b[31mred\x1b[0m']" in seen
        assert "…['[/not-open]']" in seen

    drive(case, look, (120, 30))


def test_shares_in_words() -> None:
    assert [percent(share) for share in (0, 0.0001, 0.0042, 0.0996, 0.23, 1)] == [
        "0 %", "<0.1 %", "0.4 %", "10 %", "23 %", "100 %",
    ]  # fmt: skip
    assert bar(0) == ""
    assert bar(1) == "█" * 10
    assert bar(0.05) == "▌"
    assert len(bar(2.0)) == 10

"""Dominators: who holds the memory, largest first; below an object, what it holds alone."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from leakhunt.analysis.listing import Order
from leakhunt.errors import LeakhuntError
from leakhunt.report import units
from leakhunt.tui import keys, messages
from leakhunt.tui.cancelled import Cancelled
from leakhunt.tui.model.dominators import BAR_CELLS, Level, TypeRows, percent
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.screens.noting import Noting
from leakhunt.tui.screens.view import View
from leakhunt.tui.screens.writing import Writing
from leakhunt.tui.widgets.columns import Column
from leakhunt.tui.widgets.lines import Lines
from leakhunt.tui.widgets.rows import RowList, TextRows
from leakhunt.tui.widgets.tiles import Tiles, Weighed
from leakhunt.tui.widgets.words import name

_OBJECTS = (
    Column("", BAR_CELLS, keep=2),
    Column("share", 6, is_right=True, keep=3),
    Column("retained", 10, is_right=True, key="retained"),
    Column("itself", 10, is_right=True, key="size", keep=1),
    Column("type", 26, keep=4),
    Column("", 1),
    Column("path", least=26),
)
_TYPES = (
    Column("", BAR_CELLS),
    Column("share", 6, is_right=True),
    Column("retained", 10, is_right=True),
    Column("objects", 10, is_right=True),
    Column("type"),
)
_TILES: Final = 40
_ORDER_BY_KEY: Final = {"retained": Order.RETAINED, "size": Order.SHALLOW}


class DominatorsView(Noting, Writing, View):
    """A treemap and a list of one level of the dominator tree."""

    NAME = "dominators"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings(
        "walk",
        "+sort",
        "reverse",
        "+group",
        "+dominator",
        "copy",
        "mark",
        "note",
        "report",
        "export",
    )

    def __init__(self) -> None:
        super().__init__()
        self._way: list[tuple[int | None, str]] = [(None, "")]
        """Objects and types gone into, the one that is shown last."""
        self._ahead: list[tuple[int | None, str]] = []
        self._order = ("retained", True)
        self._is_grouped = False
        self._wanted: int | None = None
        """The object that the cursor shall be on."""
        self._tile_nodes: list[int] = []
        self._kept: list[int] = []
        """Addresses of the way that was kept, until the heap is open."""

    def body(self) -> ComposeResult:
        """Where we are, the treemap, the list."""
        yield Lines(id="dominators-way", classes="caption")
        yield Tiles()
        yield RowList(_OBJECTS)

    def begin(self) -> None:
        """The list has the keys."""
        super().begin()
        self._list.focus()

    @property
    def _list(self) -> RowList:
        return self.query_one(RowList)

    @property
    def _level(self) -> Level | None:
        source = self._list.source
        return source if isinstance(source, Level) else None

    # ---- what is shown ----

    def show_heap(self, heap: HeapView | None) -> None:
        """The heap is open; None: forget what was of another one."""
        if heap is None:
            self._way, self._ahead, self._wanted = [(None, "")], [], None
            self._tile_nodes, self._kept = [], []
            self._list.show(TextRows())
            self.query_one(Tiles).show([])
            self.query_one("#dominators-way", Static).update("opening the heap")
            return
        kept, self._kept = self._kept, []
        nodes = [node for address in kept if (node := heap.at_address(address)) is not None]
        self._way += [(node, "") for node in nodes]
        self._load()

    @work(thread=True, exclusive=True, group="dominators")
    def _load(self) -> None:
        """Find and sort what the level holds."""
        heap = self.own.heap
        if heap is None:
            return
        (node, of_type), (key, is_descending) = self._way[-1], self._order
        try:
            level = Level(heap, node, _ORDER_BY_KEY[key], of_type)
            if not is_descending:
                level.turned()
            groups = TypeRows(level) if self._is_grouped else None
            cursor = 0 if self._wanted is None else level.listing.position(self._wanted) or 0
        except LeakhuntError as error:
            self.own.from_worker(self.own.fail, error)
            return
        except Cancelled:
            return
        self.own.from_worker(self._show, level, groups, cursor)

    def _show(self, level: Level, groups: TypeRows | None, cursor: int) -> None:
        if level.heap is not self.own.heap:
            return  # another hunt came
        if (level.node, level.of_type) != self._way[-1] or (groups is None) == self._is_grouped:
            return  # the person went on
        self._wanted = None
        rows = self._list
        rows.set_columns(_OBJECTS if groups is None else _TYPES)
        rows.sorted_by = self._order if groups is None else ("", False)
        rows.show(level if groups is None else groups, cursor=cursor)
        self._caption(level)
        self._tile_nodes, items = _tiles(level, groups)
        self.query_one(Tiles).show(items)
        self._mark_tile()

    def _caption(self, level: Level) -> None:
        heap = level.heap
        steps = ["all roots"]
        for node, of_type in self._way[1:]:
            steps.append(name(of_type or heap.path(node or 0), 60))
        objects = units.plural(len(level), "object")
        text = f"{' › '.join(steps)}   {objects}, {units.size(level.total_bytes)}"
        self.query_one("#dominators-way", Static).update(text)

    def _mark_tile(self) -> None:
        """The tile of the row under the cursor stands out."""
        at, node, nodes = self._list.cursor, self._node, self._tile_nodes
        if node is not None:
            at = nodes.index(node) if node in nodes else -1
        self.query_one(Tiles).mark(at)

    def on_row_list_moved(self) -> None:
        """Another row."""
        self._mark_tile()

    @on(Tiles.Chosen)
    def _tile_chosen(self, message: Tiles.Chosen) -> None:
        level, nodes, at = self._level, self._tile_nodes, message.index
        if level is not None and at < len(nodes):
            self._list.cursor = level.listing.position(nodes[at]) or 0
        elif level is None and at < len(self._list.source):
            self._list.cursor = at

    # ---- down and up ----

    def on_row_list_opened(self) -> None:
        """Enter: what it holds."""
        source, at = self._list.source, self._list.cursor
        if isinstance(source, TypeRows):
            self._is_grouped = False
            self._go((self._way[-1][0], source.types[at].type))
        elif isinstance(source, Level):
            row = source.row(at)
            if row.has_dominated:
                self._go((row.node, ""))
            else:
                self.own.say("nothing goes when this goes")

    def _go(self, to: tuple[int | None, str]) -> None:
        self._way.append(to)
        self._ahead.clear()
        self._load()

    def go_back(self) -> bool:
        """One level up."""
        if len(self._way) == 1:
            return False
        gone = self._way.pop()
        self._ahead.append(gone)
        self._wanted = gone[0]
        self._load()
        return True

    def go_forward(self) -> bool:
        """Down again."""
        if not self._ahead:
            return False
        self._way.append(self._ahead.pop())
        self._load()
        return True

    def close(self) -> None:
        """Esc: one level up."""
        self.go_back()

    def action_to_dominator(self) -> None:
        """Up to what holds the level."""
        self.go_back()

    def open_node(self, node: int) -> None:
        """The level that an object is on, the cursor on it."""
        heap = self.own.heap
        if heap is None:
            return
        above = int(heap.graph.dominators[node])
        holder = above if above < heap.graph.node_count else None
        self._way = [(None, "")] if holder is None else [(None, ""), (holder, "")]
        self._wanted, self._is_grouped = node, False
        self._load()

    # ---- order ----

    def action_sort_next(self) -> None:
        """By what they retain, or by their own size."""
        key = "size" if self._order[0] == "retained" else "retained"
        self._order = (key, True)
        self._load()

    def action_sort_reverse(self) -> None:
        """The other way round."""
        self._order = (self._order[0], not self._order[1])
        self._load()

    def on_row_list_sort_asked(self, message: RowList.SortAsked) -> None:
        """A heading was clicked."""
        is_same = message.key == self._order[0]
        self._order = (message.key, not self._order[1] if is_same else True)
        self._load()

    def action_group(self) -> None:
        """By type, or object by object."""
        self._is_grouped = not self._is_grouped
        self._load()

    # ---- the row under the cursor ----

    @property
    def _node(self) -> int | None:
        level, at = self._level, self._list.cursor
        return None if level is None or at >= len(level) else level.row(at).node

    def action_walk(self) -> None:
        """The chain of the object."""
        if self._node is not None:
            self.post_message(messages.OpenNode(self._node))

    def action_copy(self) -> None:
        """Its path; of a type, its name."""
        source, heap = self._list.source, self.own.heap
        if isinstance(source, TypeRows) and len(source):
            self.post_message(messages.Copy(source.types[self._list.cursor].type))
        elif self._node is not None and heap is not None:
            self.post_message(messages.Copy(heap.path(self._node)))

    def drawn_around(self) -> str:
        """The object under the cursor."""
        heap = self.own.heap
        if self._node is None or heap is None or heap.graph.is_root(self._node):
            return ""
        return heap.key(self._node)

    def noted(self) -> tuple[str, str] | None:
        """The object under the cursor."""
        heap = self.own.heap
        if self._node is None or heap is None or heap.graph.is_root(self._node):
            return None
        return heap.key(self._node), heap.path(self._node)

    # ---- the place ----

    def place(self) -> dict[str, Any]:
        """Addresses on the way, so that another run of the same case finds them."""
        heap = self.own.heap
        if heap is None:
            return {}
        nodes = [node for node, of_type in self._way if node is not None and not of_type]
        return {"way": [heap.address(node) for node in nodes], "grouped": self._is_grouped}

    def restore(self, place: dict[str, Any]) -> None:
        """Back to it, as soon as the heap is open."""
        self._is_grouped = place.get("grouped") is True
        way = place.get("way")
        self._kept = [a for a in way if isinstance(a, int)] if isinstance(way, list) else []


def _tiles(level: Level, groups: TypeRows | None) -> tuple[list[int], list[Weighed]]:
    """What is largest, and one tile for all others; and the nodes of the tiles."""
    nodes: list[int] = []
    if groups is not None:
        sized = [(one.retained_bytes, name(one.type)) for one in groups.types[:_TILES]]
    else:
        nodes = level.largest(_TILES)
        retained = level.heap.graph.retained_bytes
        sized = [(int(retained[node]), level.title(node)) for node in nodes]
    items = [Weighed(size, title, _amounts(level, size)) for size, title in sized]
    rest = level.total_bytes - sum(size for size, _ in sized)
    if rest > 0:
        items.append(Weighed(rest, "all others", _amounts(level, rest), is_rest=True))
    return nodes, items


def _amounts(level: Level, retained_bytes: int) -> tuple[str, ...]:
    size = units.size(retained_bytes)
    return f"{size}, {percent(level.share(retained_bytes))}", size, units.short_size(retained_bytes)

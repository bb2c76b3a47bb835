"""The chain of one object as a tree that is loaded as it is opened: who refers to it, what it
refers to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from leakhunt.analysis.neighbours import Direction, Neighbour
from leakhunt.report import units
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.model.suspects import Suspects
from leakhunt.tui.widgets.words import Cell, Span, name

PAGE: Final = 50
"""Neighbours that are loaded at once."""
_TITLES: Final = {
    Direction.REFERRERS: "held by",
    Direction.REFERENTS: "holds",
}


class Kind(Enum):
    """What a line is."""

    SECTION = "section"
    NODE = "node"
    MORE = "more"
    """Stands for neighbours that are not loaded yet."""
    TYPE = "type"
    """Stands for all neighbours of one type."""


@dataclass(slots=True, eq=False)
class Line:
    """One line of the tree."""

    kind: Kind
    direction: Direction
    depth: int
    node: int
    """The neighbour; for a section the subject, for MORE and TYPE the node they belong to."""
    neighbour: Neighbour | None = None
    parent: Line | None = None
    is_open: bool = False
    total: int = 0
    """References of its own, in its direction."""
    text: str = ""
    """Of a TYPE line: the type; of MORE: what it says."""
    start: int = 0
    """Of MORE: how many come before."""
    sizes: tuple[int, int] = (0, 0)
    """Of a TYPE line: count and shallow bytes."""


@dataclass(slots=True)
class ChainTree:
    """Lines in the order they are shown."""

    heap: HeapView
    subject: int
    suspects: Suspects
    ignored: Collection[int]
    notes: Callable[[str], str]
    """The sign of a notebook key: a mark, a note, nothing."""
    is_grouped: bool = False
    lines: list[Line] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Both sections, opened."""
        self.lines = []
        for direction in Direction:
            total = self.heap.neighbours.count(self.subject, direction)
            self.lines.append(Line(Kind.SECTION, direction, 0, self.subject, total=total))
        for direction in reversed(Direction):
            at = next(i for i, line in enumerate(self.lines) if line.direction is direction)
            self.open(at)

    # ---- opening and closing ----

    def open(self, at: int) -> None:
        """Load the neighbours of a line, or more of them.  O(page)."""
        line = self.lines[at]
        if line.kind is Kind.MORE:
            self.lines[at : at + 1] = self._page(line.parent or line, line.start)
            return
        if line.is_open or not line.total or line.kind is Kind.TYPE:
            return
        line.is_open = True
        if self.is_grouped and line.total > 1:
            self.lines[at + 1 : at + 1] = self._types(line)
        else:
            self.lines[at + 1 : at + 1] = self._page(line, 0)

    def close(self, at: int) -> int:
        """Close a line, or the one it is in; answers where the cursor then is."""
        line = self.lines[at]
        if not line.is_open and line.parent is not None:
            at = self.lines.index(line.parent)
            line = line.parent
        end = at + 1
        while end < len(self.lines) and self.lines[end].depth > line.depth:
            end += 1
        del self.lines[at + 1 : end]
        line.is_open = False
        return at

    def _page(self, parent: Line, start: int) -> list[Line]:
        page = self.heap.neighbours.page(parent.node, parent.direction, start, PAGE, by_size=True)
        found = [self._line(parent, neighbour) for neighbour in page]
        rest = parent.total - start - len(page)
        if rest > 0:
            more = Line(
                Kind.MORE, parent.direction, parent.depth + 1, parent.node, parent=parent,
                text=f"{rest:,} more: Enter loads {min(rest, PAGE)}", start=start + len(page),
            )  # fmt: skip
            found.append(more)
        return found

    def _line(self, parent: Line, neighbour: Neighbour) -> Line:
        total = self.heap.neighbours.count(neighbour.node, parent.direction)
        return Line(
            Kind.NODE, parent.direction, parent.depth + 1, neighbour.node, neighbour, parent,
            total=total,
        )  # fmt: skip

    def _types(self, parent: Line) -> list[Line]:
        types = self.heap.neighbours.types(parent.node, parent.direction)
        return [
            Line(
                Kind.TYPE, parent.direction, parent.depth + 1, parent.node, parent=parent,
                text=one.type, sizes=(one.count, one.size_bytes),
            )
            for one in types
        ]  # fmt: skip

    # ---- as rows ----

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.lines)

    def cells(self, index: int) -> Sequence[Cell]:
        """Tree, whether it retains, size, retained size, age."""
        line = self.lines[index]
        if line.kind is Kind.SECTION:
            sign = "▾" if line.is_open else "▸"
            count = units.plural(line.total, "reference")
            return ([(f"{sign} {_TITLES[line.direction]} ", "strong"), (count, "quiet")],)
        indent = "  " * line.depth
        if line.kind is Kind.MORE:
            return ([(f"{indent}… {line.text}", "mark")],)
        if line.kind is Kind.TYPE:
            many, size = line.sizes
            head = [(f"{indent}{many:>9,} × ", "quiet"), (name(line.text), "")]
            return (head, "", units.size(size), "", "")
        return self._node_cells(line, indent)

    def _node_cells(self, line: Line, indent: str) -> Sequence[Cell]:
        neighbour = line.neighbour
        assert neighbour is not None
        node, words = line.node, self.heap.words(line.node)
        sign = ("▾ " if line.is_open else "▸ ") if line.total else "  "
        is_ignored = node in self.ignored
        ink = "ignored" if is_ignored else "suspect-node" if self.suspects.word(node) else ""
        kind: Span = (name(words.type, 80), ink)
        edge: Span = (name(neighbour.text, 60), "ignored" if is_ignored else "name")
        is_up = line.direction is Direction.REFERRERS
        spans = [(indent + sign, "quiet"), *((kind, edge) if is_up else (edge, (" ", ""), kind))]
        if words.value:
            spans.append((f"  {name(words.value, 60)}", "quiet"))
        if words.entries is not None:
            spans.append((f"  {units.plural(words.entries, 'entry', 'entries')}", "quiet"))
        mark = self.notes(self.heap.key(node))
        if mark:
            spans.append((f" {mark}", "mark"))
        return (
            spans,
            self._answer(neighbour, is_ignored=is_ignored),
            units.size(words.size_bytes),
            units.size(words.retained_bytes),
            (words.age, "quiet"),
        )

    @staticmethod
    def _answer(neighbour: Neighbour, *, is_ignored: bool) -> Cell:
        if is_ignored:
            return ("ignored", "quiet")
        answer = neighbour.retaining.answer
        if answer is None:
            return ("unknown", "suspect")
        return ("yes", "fine") if answer else ("no", "quiet")

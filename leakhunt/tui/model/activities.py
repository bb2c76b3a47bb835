"""What goes on in a program, alike ones together or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from leakhunt.analysis.code_line import CodeLine
from leakhunt.hunt.activities import Activity, Kind
from leakhunt.report import units
from leakhunt.tui.model.ages import OLD
from leakhunt.tui.model.heap import HeapView
from leakhunt.tui.widgets.words import Cell, name, sentence

_INK_BY_STATE: Final = {"stuck": "leak", "open": "strong", "running": "strong", "closed": "quiet",
                        "cancelled": "quiet", "ended": "suspect", "waits": ""}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Group:
    """Activities that are alike: of one kind, state and type, and at one place."""

    members: tuple[Activity, ...]

    @property
    def first(self) -> Activity:
        """The one that stands for all: one whose place is known."""
        return next((one for one in self.members if one.place is not None), self.members[0])

    def __len__(self) -> int:
        return len(self.members)


@dataclass(slots=True)
class ActivityTable:
    """Rows in the selection that a person asked for."""

    heap: HeapView | None = None
    activities: Sequence[Activity] = ()
    is_grouped: bool = True
    text: str = ""
    """Only what contains it, whatever the case."""
    members: Sequence[Activity] | None = None
    """Of the group that is open; None: all there are."""
    shown: list[Group] = field(default_factory=list)

    def arrange(self) -> None:
        """Select and group.  O(activities)."""
        wanted = self.text.lower()
        found = [
            one
            for one in (self.activities if self.members is None else self.members)
            if wanted in _searched(one)
        ]
        if not self.is_grouped or self.members is not None:
            self.shown = [Group((one,)) for one in found]
            return
        alike: dict[tuple[object, ...], list[Activity]] = {}
        for one in found:
            alike.setdefault(_likeness(one), []).append(one)
        self.shown = [Group(tuple(members)) for members in alike.values()]

    def __len__(self) -> int:
        return len(self.shown)

    def cells(self, index: int) -> Sequence[Cell]:
        """How many, kind, state, name, place, age and retained bytes."""
        group = self.shown[index]
        one = group.first
        count = len(group)
        return (
            units.short_count(count) if count > 1 else "",
            str(one.kind) if count == 1 else f"{one.kind}s",
            (one.state, _INK_BY_STATE.get(one.state, "")),
            self._title(group),
            (_short(one.place), "name"),
            (self._age(group), "quiet"),
            self._retained(group),
        )

    def counts(self) -> dict[Kind, int]:
        """How many there are of each kind."""
        return {kind: sum(one.kind is kind for one in self.activities) for kind in Kind}

    @property
    def stuck_count(self) -> int:
        """Tasks that nothing can wake."""
        return sum(one.state == "stuck" for one in self.activities)

    def _title(self, group: Group) -> Cell:
        one = group.first
        kind = name(one.type.rpartition(".")[2]) if one.type else "thread without object"
        if len(group) > 1:
            return kind
        words = " ".join(word for word in (name(one.name) if one.name else "", one.note) if word)
        return sentence(f"{kind}  {words}" if words else kind)

    def _age(self, group: Group) -> str:
        """When it came; of several, how many came after the earliest snapshot."""
        heap = self.heap
        if heap is None or not heap.ages.is_known:
            return ""
        ages = [heap.ages.of(one.node) for one in group.members]
        if len(ages) == 1:
            return ages[0]
        new = sum(age not in ("", OLD) for age in ages)
        return f"{units.short_count(new)} new" if new else OLD

    def _retained(self, group: Group) -> Cell:
        """Of one; what several retain may overlap and is not added up."""
        if self.heap is None or len(group) > 1:
            return ""
        return units.size(int(self.heap.graph.retained_bytes[group.first.node]))


def _likeness(one: Activity) -> tuple[object, ...]:
    """Equal for what is alike.  Of streams only a sample knows where they were made."""
    if one.kind is Kind.STREAM:
        return one.kind, one.state, one.type
    return one.kind, one.state, one.type, one.place, one.stack


def _searched(one: Activity) -> str:
    return f"{one.kind} {one.state} {one.type} {one.name} {one.place} {one.note}".lower()


def _short(place: CodeLine | None) -> str:
    """``Client.ask client.py:16``: the file without its folders."""
    if place is None:
        return ""
    file = place.file.rpartition("/")[2]
    return f"{name(place.function, 60)} {name(file, 60)}" + (f":{place.line}" if place.line else "")

"""A process and its workers, looked at about once a second; one of them also from inside."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from leakhunt.errors import TargetError
from leakhunt.report import units
from leakhunt.target.family import Children, find_family
from leakhunt.tui.model.live import Course, Moment, Watcher
from leakhunt.tui.widgets.words import Cell

ALL: Final = 0
"""In place of a process number: the family together."""
_FIND_EVERY: Final = 3
"""Looks between two looks for workers: those read the table of all processes."""


class FamilyWatcher:
    """Looks at a process and its workers; keeps an agent in one of them."""

    def __init__(self, pid: int, leaves: threading.Event | None = None) -> None:
        """``leaves``: set when nobody may enter a process any more.

        Raises TargetError when there is no such process.
        """
        self.pid = pid
        self._leaves = leaves
        self._watchers = {pid: Watcher(pid, leaves)}
        self._looks = 0
        self.why_not = ""
        """Why nothing is known from inside of the process that was chosen; empty when it is."""

    def look(self, chosen: int, *, is_inside: bool) -> dict[int, Moment]:
        """Each process now, the main one first; ``is_inside``: the chosen one also by an agent, or
        the only one.

        About 0.1 ms a process, and every third time one look at all processes of the machine.
        Raises TargetError when the main process ended; workers may come and go.
        """
        if self._looks % _FIND_EVERY == 0:
            self._find()
        self._looks += 1
        inside = self.pid if len(self._watchers) == 1 else chosen
        self.why_not = ""
        moments = {}
        for pid, watcher in list(self._watchers.items()):
            try:
                moments[pid] = watcher.look(is_inside=is_inside and pid == inside)
            except TargetError:
                if pid == self.pid:
                    raise
                self._watchers.pop(pid).close()
        if inside in self._watchers:
            self.why_not = self._watchers[inside].why_not
        return moments

    def _find(self) -> None:
        family = {one.pid: one for one in find_family(self.pid, Children.AUTO)}
        for pid in family.keys() - self._watchers.keys():
            try:
                self._watchers[pid] = Watcher(pid, self._leaves)
            except TargetError:
                continue  # it ended meanwhile

    @property
    def is_inside(self) -> bool:
        """Our agent is in one of them, or on its way there."""
        return any(watcher.is_inside for watcher in list(self._watchers.values()))

    def close(self) -> None:
        """Let all of them go."""
        for watcher in list(self._watchers.values()):
            watcher.close()


def together(moments: Mapping[int, Moment]) -> Moment:
    """The sums over a family.  What is known from inside is of one process: unknown here."""
    every = list(moments.values())
    descriptors = [one.descriptors for one in every]
    cpu = [one.cpu_percent for one in every if one.cpu_percent is not None]
    return Moment(
        at_s=every[0].at_s,
        rss_bytes=sum(one.rss_bytes for one in every),
        threads=sum(one.threads for one in every),
        descriptors=None if None in descriptors else sum(one or 0 for one in descriptors),
        cpu_percent=sum(cpu) if cpu else None,
        limit_bytes=every[0].limit_bytes,
        blocks=None,
        gc_ms=None,
        gc_count=None,
        loop_ms=None,
    )


@dataclass(slots=True)
class Courses:
    """The last minutes of each process that is there, and of all together.  As rows: the family,
    then each process."""

    by_pid: dict[int, Course] = field(default_factory=dict)

    def add(self, moments: Mapping[int, Moment]) -> None:
        """One more moment; processes that are gone are forgotten."""
        for pid in self.by_pid.keys() - moments.keys() - {ALL}:
            del self.by_pid[pid]
        for pid, moment in ((ALL, together(moments)), *moments.items()):
            self.by_pid.setdefault(pid, Course()).add(moment)

    @property
    def pids(self) -> list[int]:
        """:data:`ALL`, the main process, its workers: the line each stands on."""
        return list(self.by_pid)

    def __len__(self) -> int:
        """How many lines there are."""
        return len(self.by_pid)

    def cells(self, index: int) -> Sequence[Cell]:
        """Who, RSS, its change since we watch, threads, descriptors, CPU."""
        pid = self.pids[index]
        moments = self.by_pid[pid].moments
        last = moments[-1]
        change = last.rss_bytes - moments[0].rss_bytes
        number = len(self.by_pid) - 1
        who = f"all {number} together" if pid == ALL else f"{pid}{' main' if index == 1 else ''}"
        return (
            (who, "strong" if pid == ALL else ""),
            units.size(last.rss_bytes),
            (units.size(change, signed=True), "") if change else ("·", "quiet"),
            units.count(last.threads),
            "" if last.descriptors is None else units.count(last.descriptors),
            "" if last.cpu_percent is None else f"{last.cpu_percent:.0f} %",
        )

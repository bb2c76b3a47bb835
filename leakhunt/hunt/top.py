"""What a live process holds now, look by look."""

from __future__ import annotations

import tempfile
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from leakhunt.hunt.member import Journal, Member, Wishes
from leakhunt.report.top_model import TopReport, TopRow
from leakhunt.target.family import Children, find_behind_wrapper, find_family
from leakhunt.target.process_table import check_pid
from leakhunt.target.reach import no_such_process, reach_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from leakhunt.analysis.histogram import TypeTotal

RATES_OVER: Final = 6
"""Looks that a rate is taken over, at most: one burst moves it, and does not stay in it."""


@dataclass(frozen=True, slots=True)
class _Look:
    at_s: float
    rss_bytes: int
    totals: Mapping[str, TypeTotal]


class Top:
    """Attached to a process while it is open; each `look` takes a snapshot and throws it away.

    Given the number of a wrapper, it is the program below it.  Opening raises UsageError for a bad
    number, TargetError when it is out of reach.
    """

    def __init__(
        self,
        pid: int,
        *,
        capture: str = "auto",
        method: str = "auto",
        force: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        check_pid(pid)
        self._pid, self._method, self._force, self._clock = pid, method, force, clock
        self._wishes = Wishes(capture=capture, redact=True)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._member: Member | None = None
        self._looks: deque[_Look] = deque(maxlen=RATES_OVER)
        self.count = 0
        """Looks taken."""
        self._started_s = 0.0

    def __enter__(self) -> Self:
        self._pid = find_behind_wrapper(self._pid)
        family = find_family(self._pid, Children.NONE)
        if not family:
            raise no_such_process(self._pid)
        self._folder = tempfile.TemporaryDirectory(prefix="leakhunt-")
        self._member = Member(family[0], Path(self._folder.name), Journal(), self._wishes)
        try:
            self._member.attach(
                lambda one: reach_process(
                    one.pid, one.start_ticks, method=self._method, force=self._force
                )
            )
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the process."""
        if self._member is not None:
            self._member.detach()
            self._member = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def keep_alive(self) -> None:
        """Between two looks that are far apart: we are still there.  Raises TargetError."""
        assert self._member is not None
        self._member.keep_alive()

    def look(self, rows: int = 20) -> TopReport:
        """What it holds now, ``rows`` types of it.  It stands still for a capture.

        Raises TargetError when it ended or the capture failed.
        """
        from leakhunt.analysis.bills import bill_of_graph
        from leakhunt.analysis.histogram import totals_by_type
        from leakhunt.graph.heap_graph import HeapGraph
        from leakhunt.hunt.heaps import open_columns

        assert self._member is not None, "open it first"
        assert self._folder is not None
        path = Path(self._folder.name) / "now.lkheap"
        at_s = self._clock()
        done = self._member.capture("final", path)  # that label begins no epoch of births
        measure = self._member.measure_by_label["final"]
        columns = open_columns(path)
        self.count += 1
        self._started_s = self._started_s if self.count > 1 else at_s
        self._looks.append(_Look(at_s, measure.rss_bytes, totals_by_type(columns)))
        then, now = self._looks[0], self._looks[-1]
        span_s = now.at_s - then.at_s
        return TopReport(
            pid=self._pid,
            look=self.count,
            at_s=at_s - self._started_s,
            span_s=span_s,
            objects=columns.heap_count,
            rss_bytes=now.rss_bytes,
            rss_per_min=_per_min(now.rss_bytes - then.rss_bytes, span_s),
            threads=measure.threads,
            descriptors=measure.descriptors,
            pause_ns=done.pause_ns,
            bill=bill_of_graph(HeapGraph(columns)),
            rows=rows_of(then.totals, now.totals, span_s)[:rows],
            types=len(now.totals),
        )


def rows_of(
    then: Mapping[str, TypeTotal], now: Mapping[str, TypeTotal], span_s: float
) -> tuple[TopRow, ...]:
    """A row for each type that there is or was: most growth in bytes first, then most bytes."""
    found = []
    for name in now.keys() | then.keys():
        before, after = then.get(name), now.get(name)
        count = 0 if after is None else after.count
        size = 0 if after is None else after.bytes
        grown = count - (0 if before is None else before.count)
        bytes_grown = size - (0 if before is None else before.bytes)
        found.append(
            TopRow(name, count, size, _per_min(grown, span_s), _per_min(bytes_grown, span_s))
        )
    return tuple(sorted(found, key=lambda row: (-(row.bytes_per_min or 0), -row.bytes, row.type)))


def _per_min(grown: int, span_s: float) -> float | None:
    return 60 * grown / span_s if span_s > 0 else None

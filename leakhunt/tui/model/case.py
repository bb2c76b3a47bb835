"""The case that is open: a report, snapshots, a notebook.  Opened step by step by workers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from leakhunt.hunt.case import SavedCase, investigate_case
from leakhunt.hunt.free_memory import trim
from leakhunt.hunt.heaps import open_heap
from leakhunt.hunt.notebook import Notebook
from leakhunt.target.progress import OnProgress
from leakhunt.tui.model.ages import Ages
from leakhunt.tui.model.heap import HeapView

if TYPE_CHECKING:
    from leakhunt.detectors.base import Finding
    from leakhunt.detectors.investigate import Investigation
    from leakhunt.report.model import Report

Ints = npt.NDArray[np.int64]


@dataclass(eq=False)
class Case:
    """What a person looks at.  Methods that take ``tell`` may take long: workers call them;
    ``tell`` raises to cancel."""

    title: str
    notebook: Notebook
    files: Mapping[str, Path] = field(default_factory=dict)
    """Snapshots by label, in order of time; the last is the one that is walked."""
    folder: Path = field(default_factory=Path)
    report: Report | None = None
    """None until it is there; a single snapshot has none."""
    make_report: Callable[[], Report] | None = None
    """Compares the files; None when the report was there from the start, or never comes."""
    pid: int | None = None
    """The process that is watched, for Live."""

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._heap: HeapView | None = None
        self._investigation: Investigation | None = None

    @property
    def is_saved(self) -> bool:
        """Was the report read from the folder, and not made here?"""
        return self.report is not None and self.make_report is None

    @property
    def final(self) -> Path | None:
        """The snapshot that is walked."""
        return list(self.files.values())[-1] if self.files else None

    def read_report(self) -> Report | None:
        """The report, made when need be.  Raises LeakhuntError."""
        with self._lock:
            if self.report is None and self.make_report is not None:
                self.report = self.make_report()
            return self.report

    def open_final(self, tell: OnProgress) -> HeapView | None:
        """The heap that is walked, with what is derived from it; None without a snapshot.

        Milliseconds once it was analysed.  Raises LeakhuntError.
        """
        with self._lock:
            if self._heap is None and self.final is not None:
                graph = open_heap(self.final, on_progress=tell).graph
                self._heap = HeapView(graph)
                self._heap.warm()
                trim()
            return self._heap

    def open_ages(self, tell: OnProgress) -> Ages:
        """The earlier snapshots, to look births up in.

        Each is opened as the final one is, and its cache kept: decoded anew it would be held in
        memory, 70 bytes an object.  Raises LeakhuntError.
        """
        heap = self.open_final(tell)
        with self._lock:
            if heap is not None and not heap.ages.is_known and len(self.files) > 1:
                *earlier, last = self.files.items()
                graphs = {label: open_heap(path, on_progress=tell).graph for label, path in earlier}
                heap.ages = Ages({**graphs, last[0]: heap.graph})
                trim()
            return Ages({}) if heap is None else heap.ages

    def investigate(self) -> Investigation:
        """The findings once more, with their whole populations.  Seconds.

        Raises LeakhuntError: too few snapshots.
        """
        report = self.read_report()
        with self._lock:
            if self._investigation is None:
                assert report is not None
                saved = SavedCase(report, self.files, self.folder)
                self._investigation = investigate_case(saved)[0]
                trim()
            return self._investigation

    def population(self, fingerprint: str) -> Ints:
        """Ids in the final snapshot of all that the holder of a finding leaked; of one whose
        investigation finds none, the few that its report names.  Seconds the first time."""
        finding = self.finding(fingerprint)
        if finding is None:
            return np.zeros(0, np.int64)
        known = self.investigate().population_by_fingerprint
        nodes = known.get(fingerprint)
        if nodes is None or not len(nodes):
            nodes = np.array(finding.node_ids, np.int64)
        return np.unique(nodes)

    def finding(self, fingerprint: str) -> Finding | None:
        """A finding of the report."""
        findings = () if self.report is None else self.report.findings
        return next((f for f in findings if f.fingerprint == fingerprint), None)

    def verdict_of(self, finding: Finding) -> tuple[str, bool]:
        """The verdict that holds, and whether a person overruled the detectors."""
        own = self.notebook.verdicts.get(finding.fingerprint)
        return (str(finding.verdict), False) if own is None else (own, True)

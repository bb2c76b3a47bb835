"""The snapshots of one hunt, matched: what every analysis starts from."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.results import IdentityInfo
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph, Mask
from leakhunt.graph.identity import Link, LinkKind, compose, link
from leakhunt.graph.lazy import lazy
from leakhunt.store.columns import I32, I64, U8, SnapshotColumns

EPOCH_OLD = 0
EPOCH_FIRST = 1
"""Born between baseline and window."""
EPOCH_SECOND = 2
"""Born between window (or baseline) and loaded."""
EPOCH_LATE = 3

_BOUND = (
    "one that took the place of another of its type at the same address passes for the old "
    "one, as 41 to 100 % of replaced objects do"
)


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One snapshot of the hunt and where the nodes of final are in it."""

    name: str
    graph: HeapGraph
    of_final: I32
    """(final.node_count,) id here of each node of final, -1 when not there."""


class Comparison:
    """Snapshots in order of time; ``window`` and ``loaded`` may be missing."""

    def __init__(
        self,
        baseline: SnapshotColumns,
        final: SnapshotColumns,
        loaded: SnapshotColumns | None = None,
        window: SnapshotColumns | None = None,
        *,
        cycles: int | None = None,
        window_cycles: int | None = None,
        least: int | None = None,
    ) -> None:
        """``least``: fewest objects or entries that make a finding; None for what the number of
        cycles says.  Raises UsageError for cycle counts that cannot be."""
        if cycles is not None and cycles <= 0:
            raise UsageError(f"cycles is {cycles}", hint="give the number of cycles of the load")
        if window_cycles is not None and not 0 < window_cycles < (cycles or 0):
            raise UsageError(
                f"window_cycles is {window_cycles} of {cycles} cycles",
                hint="the window ends inside the load",
            )
        self.cycles = cycles
        self._least = least
        self.window_cycles = window_cycles if window is not None and loaded is not None else None
        given = [("baseline", baseline), ("window", window), ("loaded", loaded), ("final", final)]
        present = [(name, HeapGraph(columns)) for name, columns in given if columns is not None]
        if final is baseline:
            present[-1] = ("final", present[0][1])
        self._present = present
        self.baseline, self.final = present[0][1], present[-1][1]

    def prepare(self) -> None:
        """Compute what the search for holders needs of whole snapshots on all processors: the
        kernels let other threads run.  All of it would else be computed on first use, one after
        the other.  O(nodes + edges)."""
        final, baseline = self.final, self.baseline
        graphs = {id(graph): graph for _, graph in self._present}.values()
        steps: list[Callable[[], object]] = [
            *(partial(_grow, graph, counts=graph in (final, baseline)) for graph in graphs),
            lambda: final.reverse,
            lambda: final.is_namespace,
            lambda: self.stages,
        ]
        with ThreadPoolExecutor(len(steps)) as pool:
            for step in [pool.submit(step) for step in steps]:
                step.result()

    @lazy
    def links(self) -> tuple[Link, ...]:
        """Each snapshot against the one before, earliest first.  O(n log n) each."""
        graphs = [graph for _, graph in self._present]
        return tuple(link(a, b) for a, b in pairwise(graphs))

    @lazy
    def stages(self) -> dict[str, Stage]:
        """Every snapshot by name."""
        count = self.final.node_count
        found = {"final": Stage("final", self.final, np.arange(count, dtype=np.int32))}
        steps: list[I32] = []
        for (name, graph), step in zip(self._present[-2::-1], self.links[::-1], strict=True):
            steps.append(step.earlier)
            found[name] = Stage(name, graph, compose(steps))
        return found

    def stage(self, name: str) -> Stage | None:
        """A snapshot by name, None when it was not taken."""
        return self.stages.get(name)

    @property
    def to_baseline(self) -> I32:
        """(final.node_count,) id in baseline, -1 for what was born since."""
        return self.stages["baseline"].of_final

    @lazy
    def is_new(self) -> Mask:
        """(final.node_count,) objects born after the baseline; roots never are."""
        mask: Mask = self.to_baseline < 0
        mask[self.final.columns.heap_count :] = False
        return mask

    @lazy
    def epoch(self) -> U8:
        """(final.node_count,) EPOCH_OLD, EPOCH_FIRST, EPOCH_SECOND or EPOCH_LATE."""
        epoch = np.zeros(self.final.node_count, np.uint8)
        new = self.is_new
        loaded, window = self.stage("loaded"), self.stage("window")
        epoch[new] = EPOCH_SECOND
        if window is not None:
            epoch[new & (window.of_final >= 0)] = EPOCH_FIRST
        if loaded is not None:
            epoch[new & (loaded.of_final < 0)] = EPOCH_LATE
        return epoch

    @lazy
    def is_leaked(self) -> Mask:
        """(final.node_count,) born after baseline, in loaded, alive and reachable in final."""
        epoch = self.epoch
        mask: Mask = (epoch == EPOCH_FIRST) | (epoch == EPOCH_SECOND)
        return mask & self.final.reachable

    @lazy
    def is_same_process(self) -> bool:
        """Are all snapshots of one process?"""
        return all(step.kind is not LinkKind.PLACE for step in self.links)

    @lazy
    def is_exact(self) -> bool:
        """Is every link marked, by a method that claims to be exact?"""
        marked = all(step.kind is LinkKind.MARKED for step in self.links)
        return marked and all(
            bool((graph.columns.header.get("identity") or {}).get("exact"))
            and graph.columns.footer.get("births_sound") is not False
            for _, graph in self._present[1:]
        )

    @property
    def thresholds(self) -> int:
        """Fewest objects or entries that make a finding."""
        if self._least is not None:
            return self._least
        return 10 if self.cycles is None else max(3, -(-self.cycles // 20))

    def identity(self) -> IdentityInfo:
        """How birth was decided, in words."""
        if not self.is_same_process:
            note = (
                "The snapshots are of different processes: nothing is the same object in both; "
                "types are compared by count, holders by their path, and born and departed "
                "are not known."
            )
            return IdentityInfo("none (different processes)", False, (), note)
        headers = [graph.columns.header.get("identity") or {} for _, graph in self._present[1:]]
        marked = [step.kind is LinkKind.MARKED for step in self.links]
        inferred = tuple(sorted({str(t) for h in headers for t in h.get("inferred_types", ())}))
        if not all(marked):
            return IdentityInfo(
                "address and type", False, (), f"Birth is inferred for every type: {_BOUND}."
            )
        method = str(headers[0].get("method", "unknown"))
        if self.is_exact and not inferred:
            return IdentityInfo(method, True, (), "Birth is exact for every type.")
        note = f"Births of these are inferred: {_BOUND}." if inferred else ""
        return IdentityInfo(method, self.is_exact, inferred, note)


def _grow(graph: HeapGraph, *, counts: bool) -> None:
    """The tree of a snapshot, and how many entries and objects are where when ``counts``."""
    if counts:
        graph.surplus  # noqa: B018  the tree needs it too
    graph.reachable  # noqa: B018  kept by the graph
    if counts:
        graph.item_count  # noqa: B018
        graph.subtree_count  # noqa: B018


def item_counts(stage: Stage, nodes: npt.NDArray[np.integer]) -> I64:
    """Entries in one snapshot of nodes given by their ids in final; 0 where not there."""
    there = stage.of_final[nodes]
    counts = stage.graph.item_count[np.maximum(there, 0)].astype(np.int64)
    result: I64 = np.where(there >= 0, counts, 0)
    return result

"""From snapshot files to a report: what every hunt and diff ends with."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakhunt.errors import LeakhuntError
from leakhunt.report.model import Report, SnapshotSummary

if TYPE_CHECKING:
    from leakhunt.analysis.waste.results import Waste
    from leakhunt.detectors.base import Finding
    from leakhunt.detectors.rules import Rules
    from leakhunt.store.columns import SnapshotColumns

UserRules = Callable[[], "Rules"]
"""Gives what a user adds to the detectors."""


def open_all(files: Mapping[str, Path]) -> dict[str, SnapshotColumns]:
    """The snapshots by label, in the order of ``files``.  Raises SnapshotError."""
    from leakhunt.hunt.heaps import open_columns

    return {label: open_columns(path) for label, path in files.items()}


def user_rules(files: Sequence[Path]) -> UserRules:
    """The rules of the user's files, read now, so that a mistake shows before the work, and of
    installed packages, read when they are asked for: looking for them takes its time.

    Raises UsageError.
    """
    if not files:
        return _installed_rules
    from leakhunt.hunt.rules import load_rules

    rules = load_rules(files)
    return lambda: rules


def _installed_rules() -> Rules:
    from leakhunt.hunt.rules import load_rules

    return load_rules()


def assemble(
    *,
    columns: Mapping[str, SnapshotColumns],
    files: Mapping[str, Path],
    cycles: int | None,
    window_cycles: int | None,
    target: dict[str, Any],
    saved: bool,
    rules: Rules | None = None,
    ladder: Mapping[str, Path] | None = None,
    wants_waste: bool = False,
    least: int | None = None,
) -> Report:
    """Investigate and put it into a report.

    ``rules``: what a user adds to the detectors.  ``ladder``: files of the settled snapshots
    after the final one, by label; they are opened one after the other.  ``wants_waste``: also
    say what of the final snapshot is wasted.  ``least``: fewest objects that make a finding.
    """
    from leakhunt.detectors.investigate import CaseSnapshots, investigate
    from leakhunt.detectors.rules import NO_RULES

    rungs = _Rungs(ladder or {}, cycles or 0, saved)
    result = investigate(
        CaseSnapshots(
            baseline=columns["baseline"],
            final=columns["final"],
            loaded=columns.get("loaded"),
            window=columns.get("window"),
            cycles=cycles,
            window_cycles=window_cycles,
            ladder=rungs,
            least=least,
        ),
        rules or NO_RULES,
    )
    summaries = tuple(summarise(label, columns[label], files[label], saved) for label in columns)
    summaries += tuple(rungs.summaries)
    by_label = {summary.label: summary for summary in summaries}
    growth_bytes = by_label["final"].bytes - by_label["baseline"].bytes
    growth_objects = by_label["final"].objects - by_label["baseline"].objects
    return Report(
        verdict=worst_verdict(result.findings),
        target=target,
        identity=result.identity,
        errors=(),
        snapshots=summaries,
        cycles=cycles,
        rate_bytes=growth_bytes / cycles if cycles else None,
        rate_objects=growth_objects / cycles if cycles else None,
        memory=memory_of(by_label),
        growth=tuple(result.growth),
        findings=tuple(result.findings),
        notes=tuple(result.notes),
        trend=result.trend,
        native_holds=result.native_holds,
        bills=result.bills,
        waste=_waste(columns["final"]) if wants_waste else None,
    )


def _waste(columns: SnapshotColumns) -> Waste:
    from leakhunt.analysis.waste.find import find_waste
    from leakhunt.graph.heap_graph import HeapGraph

    return find_waste(HeapGraph(columns))


class _Rungs:
    """Opens the points of a ladder one by one, and keeps what a report says of each."""

    def __init__(self, files: Mapping[str, Path], cycles: int, saved: bool) -> None:
        self._files, self._cycles, self._saved = files, cycles, saved
        self.summaries: list[SnapshotSummary] = []

    def __iter__(self) -> Iterator[tuple[str, int, SnapshotColumns]]:
        # The final snapshot is the first point; before each of these the load ran once more.
        for number, (label, path) in enumerate(self._files.items(), 2):
            columns = open_all({label: path})[label]
            self.summaries.append(summarise(label, columns, path, self._saved))
            yield label, number * self._cycles, columns


def worst_verdict(findings: Iterable[Finding]) -> str:
    """LEAK, SUSPECT or NOT."""
    found = {str(finding.verdict) for finding in findings}
    return next((word for word in ("LEAK", "SUSPECT") if word in found), "NOT")


def summarise(label: str, columns: SnapshotColumns, path: Path, saved: bool) -> SnapshotSummary:
    """What a report says of one capture."""
    footer = columns.footer
    return SnapshotSummary(
        label=label,
        path=str(path) if saved else None,
        mode=str(footer.get("mode") or columns.header.get("mode", "in-process")),
        objects=columns.heap_count,
        edges=columns.edge_count,
        bytes=int(columns.node_size.sum()),
        pause_ns=int(footer.get("pause_ns", 0)),
        file_bytes=int(footer.get("file_bytes", 0)),
        rss_bytes=int(footer.get("rss_bytes", 0)),
        predicted_walk_ns=footer.get("predicted_walk_ns"),
        predicted_fork_ns=footer.get("predicted_fork_ns"),
        fork_refused=footer.get("fork_refused", ""),
    )


def memory_of(by_label: Mapping[str, SnapshotSummary]) -> dict[str, int | None]:
    """RSS and Python bytes at each moment; None where there is no snapshot."""
    memory: dict[str, int | None] = {}
    for label in ("baseline", "loaded", "final"):
        summary = by_label.get(label)
        memory[f"rss_{label}_bytes"] = summary.rss_bytes if summary else None
        memory[f"python_{label}_bytes"] = summary.bytes if summary else None
    return memory


def cycles_of_window(cycles: int) -> int | None:
    """Cycles before the window of a hunt: a third; None when there are too few."""
    return cycles // 3 or None


def write_report(report: Report, path: Path) -> None:
    """Keep the report beside its snapshots."""
    from leakhunt.report.json_report import to_json

    try:
        path.write_text(to_json(report) + "\n", encoding="utf-8")
        path.chmod(0o600)
    except OSError as exc:
        raise LeakhuntError(
            f"the report cannot be written to {path}: {exc.strerror or exc}",
            hint="the snapshots beside it are whole: leakhunt diff reads them",
        ) from exc

"""A hunt that was saved (``--save``): its report and its snapshots, opened again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.agent.format import ARCHIVE_SUFFIX, COLUMNS_SUFFIX, FILE_SUFFIX
from leakhunt.agent.scenario import ladder_labels
from leakhunt.errors import UsageError
from leakhunt.hunt.assemble import cycles_of_window, open_all
from leakhunt.hunt.saved_report import read_report, report_file
from leakhunt.report.model import Report
from leakhunt.target.save_dir import LADDER_MAX

if TYPE_CHECKING:
    from leakhunt.detectors.investigate import Investigation
    from leakhunt.store.columns import SnapshotColumns

_NO_REPORT = "give a directory that leakhunt hunt --save DIR filled, or its report.json"
_LABELS = ("baseline", "window", "loaded", "final")
_SUFFIXES = (FILE_SUFFIX, COLUMNS_SUFFIX, ARCHIVE_SUFFIX)


@dataclass(frozen=True, slots=True)
class SavedCase:
    """A report and the snapshots it is about."""

    report: Report
    files: Mapping[str, Path]
    """By label, in order of time."""

    folder: Path
    """Where the report is."""

    def of_process(self, pid: int) -> SavedCase:
        """The snapshots of one process of a family; the case itself when it has no such."""
        files = _snapshots(self.folder / f"pid-{pid}", {})
        return replace(self, files=files) if files else self

    @property
    def final(self) -> Path:
        """The last snapshot."""
        return list(self.files.values())[-1]


def open_case(path: Path) -> SavedCase:
    """The case in a directory that ``hunt --save`` filled, or of its ``report.json``.

    Raises UsageError: no report, or no snapshots beside it.
    """
    report = read_report(path, hint=_NO_REPORT)
    report_path = report_file(path)
    folder = report_path.parent
    said = {s.label: Path(s.path) for s in report.snapshots if s.path is not None}
    files = _snapshots(folder, said)
    for of_process in sorted(folder.glob("pid-*")) if not files else ():
        files = files or _snapshots(of_process, {})
    if not files:
        raise UsageError(
            f"the snapshots of {report_path} are not there",
            hint="keep them with: leakhunt hunt --save DIR ...",
        )
    return SavedCase(report, files, folder)


def snapshot_of(path: Path) -> Path:
    """The file itself; the final snapshot of a directory that a hunt filled.

    Raises UsageError for a directory of another kind.
    """
    return open_case(path).final if path.is_dir() else path


def ladder_of(path: Path) -> list[Path]:
    """The file itself; the settled and the loaded snapshots of a directory that a hunt filled, in
    order of time.

    Raises UsageError for a directory of another kind.
    """
    if not path.is_dir():
        return [path]
    case = open_case(path)
    beside = case.final.parent
    steps = _snapshots(beside, {}, ladder_labels(LADDER_MAX))
    return [*(path for label, path in case.files.items() if label != "window"), *steps.values()]


def _snapshots(
    folder: Path, said: Mapping[str, Path], labels: Sequence[str] = _LABELS
) -> dict[str, Path]:
    """In a folder, or where a report says they are."""
    files = {}
    for label in labels:
        beside = [folder / f"{label}{suffix}" for suffix in _SUFFIXES]
        candidates = [*beside, *([said[label]] if label in said else [])]
        found = next((path for path in candidates if path.is_file()), None)
        if found is not None:
            files[label] = found
    return files


def investigate_case(case: SavedCase) -> tuple[Investigation, SnapshotColumns]:
    """Investigate the snapshots again, as the hunt did; and the columns of the final one.

    Raises UsageError: too few snapshots.  SnapshotError: one cannot be read.
    """
    from leakhunt.detectors.investigate import CaseSnapshots, investigate

    files = dict(case.files)
    if "final" not in files:
        files["final"] = files.pop(next(reversed(files)))
    if "baseline" not in files:
        raise UsageError(
            f"the baseline of the hunt is not beside {case.final}",
            hint="a finding needs the snapshots of the whole hunt: save it again",
        )
    columns = open_all(files)
    cycles = case.report.cycles or None
    window = cycles_of_window(cycles or 0) if "window" in files else None
    found = investigate(
        CaseSnapshots(
            baseline=columns["baseline"],
            final=columns["final"],
            loaded=columns.get("loaded"),
            window=columns.get("window"),
            cycles=cycles,
            window_cycles=window,
        )
    )
    return found, columns["final"]

"""Repeat a hunt and say what became of its findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakhunt.errors import UsageError
from leakhunt.hunt.options import HuntOptions, options_of
from leakhunt.hunt.scenario import hunt_scenario
from leakhunt.report.model import Report
from leakhunt.target.progress import OnProgress
from leakhunt.target.save_dir import REPORT_NAME

if TYPE_CHECKING:
    from leakhunt.report.verify_model import Verification


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """Which hunt to repeat, and in what it is to differ."""

    before: Path
    """The report of the hunt, or the directory that ``--save`` filled."""
    changes: Mapping[str, Any]
    """Fields of HuntOptions that differ from the hunt before; None is no difference."""


def verify_hunt(options: VerifyOptions, on_progress: OnProgress | None = None) -> Verification:
    """Hunt again as before and compare the rates by fingerprint.

    Raises UsageError for a report that is none or that no hunt wrote, and whatever
    :func:`hunt_scenario` raises.
    """
    before = read_before(options.before)
    return compare(before, hunt_scenario(again(before, options), on_progress))


def read_before(path: Path) -> Report:
    """The report at a path, or in a directory.  Raises UsageError."""
    from leakhunt.report.json_report import from_json

    file = path / REPORT_NAME if path.is_dir() else path
    try:
        text = file.read_bytes()
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else None
        raise UsageError(
            f"there is no report to read at {file}: {why or exc}",
            hint="write one before the fix: leakhunt hunt --json ... > before.json",
        ) from exc
    return from_json(text)


def again(before: Report, options: VerifyOptions) -> HuntOptions:
    """The options of the hunt before with the differences.  Raises UsageError."""
    if before.settings is None:
        raise UsageError(
            f"{options.before} does not say how its hunt was done",
            hint="a diff is no hunt; write the report with: leakhunt hunt --json ...",
        )
    wanted = {name: value for name, value in options.changes.items() if value is not None}
    return replace(options_of(before.settings), **wanted)


def compare(before: Report, after: Report) -> Verification:
    """What became of the findings of one report in another.  Pure."""
    from leakhunt.detectors.verification import compare_findings
    from leakhunt.report.verify_model import Verification

    cycles = after.cycles or 0
    changes = compare_findings(
        before.findings,
        after.findings,
        cycles_before=before.cycles,
        cycles_after=after.cycles,
        least=max(3, -(-cycles // 20)),
    )
    return Verification(before, after, changes, _differences(before, after))


def _differences(before: Report, after: Report) -> tuple[str, ...]:
    """In which ways the hunts differ that may matter."""
    notes = []
    if before.errors:
        notes.append(f"The hunt before was partial: {before.errors[0]}")
    for name, words in (("scenario", "scenario"), ("python", "interpreter")):
        old = (before.settings or {}).get(name)
        new = (after.settings or {}).get(name)
        if old != new:
            notes.append(f"The {words} is {new or 'our own'} now, {old or 'our own'} before.")
    versions = [(report.target.get("python") or {}).get("version") for report in (before, after)]
    if versions[0] != versions[1]:
        notes.append(f"The target runs in Python {versions[1]} now, in {versions[0]} before.")
    if before.cycles and after.cycles and before.cycles != after.cycles:
        notes.append(f"Rates are over {after.cycles} cycles now, over {before.cycles} before.")
    return tuple(notes)

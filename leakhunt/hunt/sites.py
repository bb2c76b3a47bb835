"""Where was the memory of some snapshots allocated?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import leakhunt
from leakhunt.errors import UsageError
from leakhunt.report.sites_model import SitesReport
from leakhunt.store.files import replacing

if TYPE_CHECKING:
    from leakhunt.analysis.call_tree import Call, WeighedStack
    from leakhunt.analysis.samples import Samples
    from leakhunt.store.columns import SnapshotColumns

Measure = Literal["live", "growth"]

_SHOWN = ("baseline", "loaded", "final")


@dataclass(frozen=True, slots=True)
class WrittenStacks:
    """Allocation stacks in a format of another tool."""

    data: bytes
    file_format: str
    stack_count: int
    bytes: int
    """Live bytes that they stand for, as estimated."""

    def save(self, path: Path) -> None:
        """Write them, mode 0600.  Raises SnapshotError when that fails."""
        with replacing(path) as file:
            file.write(self.data)


@dataclass(frozen=True, slots=True)
class SiteTree:
    """Allocation stacks of some snapshots as a tree of calls, for flame graphs."""

    labels: tuple[str, ...]
    """Of the snapshots, in order of time."""
    sample_bytes: int
    """Mean distance of samples in the last snapshot; 0 when all allocations are there."""
    measure: Measure
    root: Call


def tabulate_sites(paths: Sequence[Path]) -> SitesReport:
    """Live bytes by allocation site at each moment.

    ``paths``: snapshots in order of time, or one directory that a hunt filled.  Raises UsageError
    when nothing was sampled, SnapshotError when a file cannot be read.
    """
    from leakhunt.analysis.samples import site_growth

    found, notes = _samples_by_label(paths)
    return SitesReport(tuple(found), _last(found).sample_bytes, site_growth(found), notes)


def site_tree(paths: Sequence[Path], *, measure: Measure = "live") -> SiteTree:
    """Who called whom to allocate what is live in the last snapshot, or what grew until it.

    ``paths``: as for :func:`tabulate_sites`, raises the same.  ``measure``: "live" for the bytes
    at the last snapshot, "growth" for those less the bytes at the first, stack by stack, where
    that is more than nothing.  O(samples log samples + frames).
    """
    from leakhunt.analysis.call_tree import call_tree

    found, _ = _samples_by_label(paths)
    stacks = _weighed_stacks(found, measure)
    return SiteTree(tuple(found), _last(found).sample_bytes, measure, call_tree(stacks))


def export_stacks(path: Path, file_format: str) -> WrittenStacks:
    """The allocation stacks of one snapshot, or of the final one of a hunt's directory.

    ``file_format``: one of ``STACK_FORMATS``.  Raises as :func:`tabulate_sites`.
    """
    from leakhunt.interop.stacks.formats import stacks_to_bytes

    file = _files([path])[-1]
    found, _ = _samples_by_label([file])
    stacks = _weighed_stacks(found, "live")
    exporter = f"leakhunt {leakhunt.__version__}"
    return WrittenStacks(
        data=stacks_to_bytes(stacks, file_format, name=file.name, exporter=exporter),
        file_format=file_format,
        stack_count=len(stacks),
        bytes=round(sum(stack.bytes for stack in stacks)),
    )


def _samples_by_label(paths: Sequence[Path]) -> tuple[dict[str, Samples], tuple[str, ...]]:
    """At least one, and what is not known of them.  Raises UsageError when nothing was sampled."""
    from leakhunt.analysis.samples import samples_of, site_notes

    found: dict[str, Samples] = {}
    notes: dict[str, None] = {}
    for path in _files(paths):
        columns = _columns(path)
        samples = samples_of(columns)
        label = _label(columns, path, found)
        notes |= dict.fromkeys(site_notes(columns, label))
        if samples is not None:
            found[label] = samples
    if not found:
        raise _nothing_sampled(paths[0], notes)
    return found, tuple(notes)


def _last(found: Mapping[str, Samples]) -> Samples:
    return list(found.values())[-1]


def _weighed_stacks(found: Mapping[str, Samples], measure: Measure) -> list[WeighedStack]:
    """Every stack with a sample at the last moment, the widest first."""
    from leakhunt.analysis.call_tree import WeighedStack
    from leakhunt.analysis.samples import weights_by_stack

    weights = {label: weights_by_stack(samples) for label, samples in found.items()}
    *earlier, last = weights
    stacks = []
    for stack, weight in weights[last].items():
        size, count = weight.bytes.value, weight.count.value
        before = weights[earlier[0]].get(stack) if earlier and measure == "growth" else None
        if before is not None:
            size, count = size - before.bytes.value, count - before.count.value
        sizes = {label: w[stack].bytes.value for label, w in weights.items() if stack in w}
        stacks.append(
            WeighedStack(stack, max(size, 0.0), max(count, 0.0), weight.sample_count, sizes)
        )
    return sorted(stacks, key=lambda stack: -stack.bytes)


def _files(paths: Sequence[Path]) -> list[Path]:
    from leakhunt.hunt.case import open_case
    from leakhunt.hunt.inputs import refuse_pipe

    if len(paths) == 1 and paths[0].is_dir():
        files = open_case(paths[0]).files
        return [path for label, path in files.items() if label in _SHOWN]
    for path in paths:
        refuse_pipe(path)
    return list(paths)


def _columns(path: Path) -> SnapshotColumns:
    from leakhunt.hunt.heaps import open_columns

    return open_columns(path)


def _label(columns: SnapshotColumns, path: Path, taken: dict[str, Samples]) -> str:
    """As it was called when it was taken; the file's name when that is missing or taken."""
    label = columns.header.get("label")
    name = label if isinstance(label, str) and label else path.name
    while name in taken:
        name = f"{name}'"
    return name


def _nothing_sampled(path: Path, notes: Iterable[str]) -> UsageError:
    why = " ".join(notes)
    if why:
        return UsageError(
            f"no allocation site is known in {path}: {why}",
            hint="hunt again when no other tool's tracing begins or ends meanwhile",
        )
    return UsageError(
        f"no allocation was sampled in {path}",
        hint="hunt without --no-sites, or call leakhunt.tracemalloc_ext.start() in the program",
    )

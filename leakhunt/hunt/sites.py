"""Where was the memory of some snapshots allocated?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import leakhunt
from leakhunt.errors import UsageError
from leakhunt.report.sites_model import SitesReport
from leakhunt.store.files import replacing

if TYPE_CHECKING:
    from leakhunt.analysis.samples import Samples
    from leakhunt.store.columns import SnapshotColumns

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


def tabulate_sites(paths: Sequence[Path]) -> SitesReport:
    """Live bytes by allocation site at each moment.

    ``paths``: snapshots in order of time, or one directory that a hunt filled.  Raises UsageError
    when nothing was sampled, SnapshotError when a file cannot be read.
    """
    from leakhunt.analysis.samples import samples_of, site_growth

    found: dict[str, Samples] = {}
    sample_bytes = 0
    for path in _files(paths):
        columns = _columns(path)
        samples = samples_of(columns)
        if samples is not None:
            found[_label(columns, path, found)] = samples
            sample_bytes = samples.sample_bytes
    if not found:
        raise _nothing_sampled(paths[0])
    return SitesReport(tuple(found), sample_bytes, site_growth(found))


def export_stacks(path: Path, file_format: str) -> WrittenStacks:
    """The allocation stacks of one snapshot, or of the final one of a hunt's directory.

    ``file_format``: one of ``STACK_FORMATS``.  Raises as :func:`tabulate_sites`.
    """
    from leakhunt.analysis.samples import samples_of, weights_by_stack
    from leakhunt.interop.stacks.formats import stacks_to_bytes
    from leakhunt.interop.stacks.tree import WeighedStack

    file = _files([path])[-1]
    samples = samples_of(_columns(file))
    if samples is None:
        raise _nothing_sampled(path)
    stacks = [
        WeighedStack(stack, weight.bytes.value, weight.count.value, weight.sample_count)
        for stack, weight in weights_by_stack(samples).items()
    ]
    exporter = f"leakhunt {leakhunt.__version__}"
    return WrittenStacks(
        data=stacks_to_bytes(stacks, file_format, name=file.name, exporter=exporter),
        file_format=file_format,
        stack_count=len(stacks),
        bytes=round(sum(stack.bytes for stack in stacks)),
    )


def _files(paths: Sequence[Path]) -> list[Path]:
    from leakhunt.hunt.case import open_case
    from leakhunt.hunt.files import refuse_pipe

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


def _nothing_sampled(path: Path) -> UsageError:
    return UsageError(
        f"no allocation was sampled in {path}",
        hint="hunt with --sites, or call leakhunt.tracemalloc_ext.start() in the program",
    )

"""What does the memory of a process consist of, and by what does it grow?"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.inputs import mapping_of
from leakhunt.hunt.live_options import SnapshotOptions
from leakhunt.report.bill_model import BillReport, TrimResult
from leakhunt.target.cgroup import limit_of_cgroup, memory_of_cgroup
from leakhunt.target.progress import OnProgress, Progress, ignore_progress

if TYPE_CHECKING:
    from leakhunt.analysis.bill import Bill
    from leakhunt.hunt.member import Member
    from leakhunt.store.columns import SnapshotColumns


def bill_of_process(
    pid: int,
    on_progress: OnProgress | None = None,
    *,
    capture: str = "auto",
    method: str = "auto",
    force: bool = False,
    trim: bool = False,
) -> BillReport:
    """The bill of a live process, from a snapshot that is taken for it and thrown away.

    It holds no text of the process but the names of types, code and modules.  ``trim``: have the
    C library give back what it holds free, after the snapshot, and say what that brought.  Raises
    as ``snapshot_process`` does, and LeakhuntError when the kernel does not say what is resident.
    """
    from leakhunt.hunt.heaps import open_columns
    from leakhunt.hunt.snapshot import snapshot_process

    tell, trimmed = on_progress or ignore_progress, list[TrimResult]()

    def give_back(member: Member) -> None:
        tell(Progress("trim", message="having malloc give back free memory"))
        done = member.trim()
        trimmed.append(
            TrimResult(done.is_trimmed, done.rss_before_bytes, done.rss_after_bytes, done.ns)
        )

    with tempfile.TemporaryDirectory(prefix="leakhunt-") as folder:
        output = Path(folder) / "now.lkheap"
        options = SnapshotOptions(
            pid, output, "now", method=method, force=force, capture=capture, redact=True
        )
        pid = snapshot_process(options, tell, afterwards=give_back if trim else None).pid
        columns = open_columns(output)
        limit = limit_of_cgroup(pid)
        return replace(
            _report(columns, _bill_in(columns, str(pid)), pid, None),
            cgroup_bytes=memory_of_cgroup(pid),
            cgroup_limit_bytes=None if limit is None else limit.limit_bytes,
            trim=trimmed[0] if trimmed else None,
        )


def bill_of_file(path: Path, before: Path | None = None) -> BillReport:
    """The bill of a snapshot, or of the final one in a directory that a hunt filled.

    ``before``: an earlier snapshot of that process, to say by what it grew since; of a directory,
    it is the baseline there.  Raises SnapshotError when it cannot be read, UsageError when it is
    no such file, LeakhuntError when the figures for a bill are not in it.
    """
    from leakhunt.hunt.case import open_case
    from leakhunt.hunt.heaps import open_columns

    file = path
    if path.is_dir():
        case = open_case(path)
        file, before = case.final, before or case.files.get("baseline")
    elif before is not None and before.is_dir():
        before = open_case(before).final
    columns = open_columns(file)
    pid = mapping_of(columns.header, "process").get("pid")
    number = pid if isinstance(pid, int) else 0
    report = _report(columns, _bill_in(columns, str(file)), number, str(file))
    if before is None or before == file:
        return report
    return replace(report, before=_bill_in(open_columns(before), str(before)))


def _bill_in(columns: SnapshotColumns, what: str) -> Bill:
    from leakhunt.analysis.bills import bill_of_graph
    from leakhunt.graph.heap_graph import HeapGraph

    bill = bill_of_graph(HeapGraph(columns))
    if bill is None:
        raise LeakhuntError(
            f"there are no figures for a memory bill of {what}",
            hint="an old snapshot has none, nor one taken where /proc/self/smaps cannot be read",
        )
    return bill


def _report(columns: SnapshotColumns, bill: Bill, pid: int, file: str | None) -> BillReport:
    return BillReport(
        pid=pid,
        snapshot=file,
        objects=columns.heap_count,
        cgroup_bytes=None,
        pause_ns=int(columns.footer.get("pause_ns", 0)),
        bill=bill,
    )

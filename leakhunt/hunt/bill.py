"""What does the memory of a process consist of?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.assemble import mapping_of
from leakhunt.hunt.live_options import SnapshotOptions
from leakhunt.report.bill_model import BillReport
from leakhunt.target.cgroup import memory_of_cgroup
from leakhunt.target.progress import OnProgress
from leakhunt.target.work_folder import WorkFolder

if TYPE_CHECKING:
    from leakhunt.store.columns import SnapshotColumns


def bill_of_process(
    pid: int,
    on_progress: OnProgress | None = None,
    *,
    capture: str = "auto",
    method: str = "auto",
    force: bool = False,
) -> BillReport:
    """The bill of a live process, from a snapshot that is taken for it and thrown away.

    It holds no text of the process but the names of types, code and modules.  Raises as
    ``snapshot_process`` does, and LeakhuntError when the kernel does not say what is resident.
    """
    from leakhunt.hunt.heaps import open_columns
    from leakhunt.hunt.snapshot import snapshot_process

    with WorkFolder() as folder:
        output = folder.path / "now.lkheap"
        options = SnapshotOptions(
            pid, output, "now", method=method, force=force, capture=capture, redact=True
        )
        snapshot_process(options, on_progress)
        return _report(open_columns(output), pid, None, memory_of_cgroup(pid), str(pid))


def bill_of_file(path: Path) -> BillReport:
    """The bill of a snapshot, or of the final one in a directory that a hunt filled.

    Raises SnapshotError when it cannot be read, UsageError when it is no such file, LeakhuntError
    when the figures for a bill are not in it.
    """
    from leakhunt.hunt.case import snapshot_of
    from leakhunt.hunt.heaps import open_columns

    file = snapshot_of(path)
    columns = open_columns(file)
    pid = mapping_of(columns.header, "process").get("pid")
    return _report(columns, pid if isinstance(pid, int) else 0, str(file), None, str(file))


def _report(
    columns: SnapshotColumns, pid: int, file: str | None, cgroup_bytes: int | None, what: str
) -> BillReport:
    from leakhunt.analysis.bills import bill_of_graph
    from leakhunt.graph.heap_graph import HeapGraph

    bill = bill_of_graph(HeapGraph(columns))
    if bill is None:
        raise LeakhuntError(
            f"there are no figures for a memory bill of {what}",
            hint="an old snapshot has none, nor one taken where /proc/self/smaps cannot be read",
        )
    return BillReport(
        pid=pid,
        snapshot=file,
        objects=columns.heap_count,
        cgroup_bytes=cgroup_bytes,
        pause_ns=int(columns.footer.get("pause_ns", 0)),
        bill=bill,
    )

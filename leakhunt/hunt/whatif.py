"""What if some references went?  Of a snapshot, or of a finding of a saved hunt."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from leakhunt.errors import UsageError
from leakhunt.hunt.case import SavedCase, investigate_case, open_case
from leakhunt.report.model import Report
from leakhunt.report.whatif_model import AskedFinding, SmallestCut, WhatIfReport
from leakhunt.target.progress import OnProgress, Progress, ignore_progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from leakhunt.analysis.whatif import CutStudy, WhatIf
    from leakhunt.detectors.base import Finding
    from leakhunt.detectors.investigate import Investigation

_CASE = re.compile(r"\.json$")
_NAMED_FINDINGS = 8


def what_if(
    path: Path,
    cuts: Sequence[str] = (),
    finding: str | None = None,
    *,
    on_progress: OnProgress | None = None,
) -> WhatIfReport:
    """What removing references would free, and what it would not.

    ``path`` is a snapshot, a directory that a hunt filled or its report.json; ``cuts`` are
    paths (docs/paths.md); ``finding`` is a rank or a fingerprint of the hunt.  ``on_progress``
    may raise to cancel.

    Raises UsageError: a path or finding that is not there.  SnapshotError: a file that cannot
    be read.
    """
    if bool(cuts) == (finding is not None):
        raise UsageError(
            "say what goes: paths with --cut, or one --finding",
            hint="for instance --cut 'shop.bus.BUS.listeners'",
        )
    is_case = path.is_dir() or _CASE.search(path.name) is not None
    tell = on_progress or ignore_progress
    if finding is None:
        return _of_paths(open_case(path).final if is_case else path, cuts, tell)
    if not is_case:
        raise UsageError(
            f"{path} is one snapshot: it has no findings",
            hint="give the directory that leakhunt hunt --save filled, or use --cut",
        )
    return _of_finding(open_case(path), finding, tell)


def _of_paths(path: Path, cuts: Sequence[str], tell: OnProgress) -> WhatIfReport:
    import numpy as np

    from leakhunt.analysis.resolve import Resolver
    from leakhunt.analysis.whatif import CutStudy
    from leakhunt.hunt.heaps import open_heap

    graph = open_heap(path, derive=False, on_progress=tell).graph
    tell(Progress("cut"))
    resolver = Resolver(graph)
    resolved = [resolver.resolve(text) for text in cuts]
    for one in resolved:
        if not len(one.edges):
            raise UsageError(
                f"{one.text} names no reference: nothing there could let go",
                hint="name what it holds, for instance an attribute or an entry of it",
            )
    study = CutStudy(graph, resolver.namer)
    result = study.study([study.reference(one) for one in resolved])
    smallest = None
    if result.stays_objects:
        targets = np.unique(np.concatenate([one.nodes for one in resolved]))
        smallest = _smallest(study, targets, "all that these references lead to")
    return _report(path, study, result, smallest=smallest)


def _of_finding(case: SavedCase, wanted: str, tell: OnProgress) -> WhatIfReport:
    from leakhunt.analysis.mincut import minimum_cut, references_into
    from leakhunt.analysis.whatif import CutStudy
    from leakhunt.graph.heap_graph import HeapGraph

    finding = find_finding(case.report, wanted)
    if finding.workers is not None and finding.workers.pids:
        case = case.of_process(finding.workers.pids[0])
    tell(Progress("analysis"))
    investigation, columns = investigate_case(case)
    tell(Progress("cut"))
    population = _population(investigation, finding)
    if population is None or not len(population):
        raise UsageError(
            f"no reference of the program holds finding {finding.rank} ({finding.holder.path})",
            hint="a cut frees what references hold; see what to do in the report",
        )
    graph = HeapGraph(columns)
    study = CutStudy(graph)
    cut = minimum_cut(graph, population)
    smallest = None
    parts = [study.severed(part) for part in cut.severed]
    if cut.why_not is not None:
        smallest = SmallestCut("the finding", (), cut.why_not, None, None)
        parts = [study.severed(part) for part in references_into(graph, population)]
    asked = AskedFinding(finding.rank, finding.fingerprint, finding.title, finding.holder.path)
    return _report(case.final, study, study.study(parts), smallest=smallest, asked=asked)


def _population(investigation: Investigation, finding: Finding) -> npt.NDArray[np.int64] | None:
    """What the finding's holder leaked, in the investigation that was made again.

    Without the rules of the hunt a finding may have another category, and so another
    fingerprint: its holder is the same.
    """
    by_fingerprint = investigation.population_by_fingerprint
    same = [f for f in investigation.findings if f.holder.path == finding.holder.path]
    for one in (finding, *same):
        if one.fingerprint in by_fingerprint:
            return by_fingerprint[one.fingerprint]
    return None


def find_finding(case: Report | Investigation, wanted: str) -> Finding:
    """A finding by rank or by fingerprint (or how that begins).  Raises UsageError."""
    findings = case.findings
    text = wanted.strip().lower()
    found = [f for f in findings if text == str(f.rank)]
    found = found or [f for f in findings if len(text) >= 4 and f.fingerprint.startswith(text)]
    if len(found) != 1:
        known = [f"{f.rank} ({f.fingerprint})" for f in findings[:_NAMED_FINDINGS]]
        known += ["..."] if len(findings) > _NAMED_FINDINGS else []
        raise UsageError(
            f"the hunt has no finding {wanted!r}" if not found else f"{wanted!r} is ambiguous",
            hint=f"it has {', '.join(known)}" if known else "it found nothing that grows",
        )
    return found[0]


def _smallest(study: CutStudy, population: npt.NDArray[np.int64], of: str) -> SmallestCut:
    from leakhunt.analysis.mincut import minimum_cut

    cut = minimum_cut(study.graph, population)
    if cut.why_not is not None:
        return SmallestCut(of, (), cut.why_not, None, None)
    parts = [study.severed(part) for part in cut.severed]
    result = study.study(parts)
    return SmallestCut(of, result.cuts, None, result.freed_bytes, result.freed_objects)


def _report(
    path: Path,
    study: CutStudy,
    result: WhatIf,
    *,
    smallest: SmallestCut | None = None,
    asked: AskedFinding | None = None,
) -> WhatIfReport:
    columns = study.graph.columns
    return WhatIfReport(
        snapshot=str(path),
        heap_objects=columns.heap_count,
        heap_bytes=int(columns.node_size.sum()),
        finding=asked,
        consequences=result,
        smallest=smallest,
    )

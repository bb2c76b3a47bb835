"""The use cases: hunt a scenario, compare snapshot files."""

from __future__ import annotations

import stat
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from leakhunt.agent.format import FILE_SUFFIX
from leakhunt.errors import LeakhuntError, SnapshotError, UsageError
from leakhunt.report.model import Report, SnapshotSummary
from leakhunt.target.interpreter import Interpreter, own_interpreter, probe
from leakhunt.target.native_build import native_agent_for
from leakhunt.target.progress import OnProgress, Progress, ignore_progress
from leakhunt.target.save_dir import REPORT_NAME, keep_snapshots, prepare_save_dir
from leakhunt.target.scenario_file import check_scenario_file
from leakhunt.target.scenario_run import ScenarioOutcome, ScenarioRun, ScenarioSpec

if TYPE_CHECKING:
    from leakhunt.detectors.investigate import Investigation
    from leakhunt.store.columns import SnapshotColumns

__all__ = ["HuntOptions", "Progress", "diff_files", "hunt_scenario"]


@dataclass(frozen=True, slots=True)
class HuntOptions:
    """What to hunt and how."""

    scenario: Path
    cycles: int = 200
    warmup: int = 20
    python: Path | None = None
    """Interpreter of the target; None for the one that runs leakhunt."""
    timeout_s: float | None = 300.0
    """For the whole run of the target; None for no limit."""
    settle_max_s: float = 10.0
    collect: bool = True
    """Force collections before the baseline and final snapshots."""
    max_pause_ms: float | None = None
    """Refuse a forced collection that would take longer."""
    save_dir: Path | None = None
    birth: bool = True
    """Track births, so that an address used again is not taken for an old object."""
    show_output: bool = False
    """Pass the target's output on to stderr."""


def hunt_scenario(options: HuntOptions, on_progress: OnProgress | None = None) -> Report:
    """Run the scenario in a child of its interpreter, compare its snapshots, name the leaks.

    Raises UsageError (bad options or scenario), TargetError (no baseline snapshot), SnapshotError.
    When the target failed later, the report covers what was captured and ``errors`` says why.
    """
    tell = on_progress or ignore_progress
    started = time.perf_counter_ns()
    _check_numbers(options)
    scenario = check_scenario_file(options.scenario)
    save_dir = None if options.save_dir is None else prepare_save_dir(options.save_dir)
    tell(Progress("interpreter"))
    interpreter = own_interpreter() if options.python is None else probe(options.python)
    native = native_agent_for(
        interpreter,
        on_build=lambda: tell(
            Progress("build", message=f"building the agent for CPython {interpreter.version_text}")
        ),
    )
    spec = ScenarioSpec(
        scenario=scenario,
        cycles=options.cycles,
        warmup=options.warmup,
        timeout_s=options.timeout_s,
        settle_max_s=options.settle_max_s,
        collect=options.collect,
        max_pause_ms=options.max_pause_ms,
        birth=options.birth,
        show_output=options.show_output,
    )
    with ScenarioRun(spec, interpreter, native, save_dir) as run:
        # Half of the tool's start-up happens while the target runs.
        import leakhunt.detectors.investigate
        import leakhunt.store.reader  # noqa: F401

        outcome = run.wait(tell)
        if outcome.error is not None:
            raise outcome.error
        ran = time.perf_counter_ns()
        paths = outcome.path_by_label
        if save_dir is not None:
            paths = keep_snapshots(save_dir, paths)
        report = _report_of_run(options, interpreter, replace(outcome, path_by_label=paths), tell)
    finished = time.perf_counter_ns()
    report = replace(
        report,
        timings_ns={
            "run_ns": ran - started,
            "load_ns": outcome.load_ns,
            "analysis_ns": finished - ran,
            "total_ns": finished - started,
        },
    )
    if save_dir is not None:
        _write_report(report, save_dir / REPORT_NAME)
    return report


def diff_files(paths: Sequence[Path], cycles: int | None = None) -> Report:
    """Compare snapshot files of one process: baseline, final or baseline, loaded, final.

    With three files of one hunt, its window is taken too when it lies beside them.
    Raises UsageError when they cannot be compared, SnapshotError when one cannot be read.
    """
    if len(paths) not in {2, 3}:
        raise UsageError(
            f"a diff takes 2 or 3 snapshots, not {len(paths)}",
            hint="give baseline and final, or baseline, loaded and final",
        )
    if cycles is not None and cycles < 1:
        raise UsageError(f"the number of cycles is {cycles}", hint="give --cycles 1 or more")
    started = time.perf_counter_ns()
    labels = ("baseline", "final") if len(paths) == 2 else ("baseline", "loaded", "final")
    files = {label: Path(path) for label, path in zip(labels, paths, strict=True)}
    for path in files.values():
        _refuse_pipe(path)
    columns = _open_all(files)
    _check_same_process(files, columns)
    header = columns["final"].header
    window = _window_beside(files, columns)
    if window is not None:
        path, found = window
        files = {"baseline": files["baseline"], "window": path, **files}
        columns = {"baseline": columns["baseline"], "window": found, **columns}
    report = _report(
        columns=columns,
        files=files,
        cycles=cycles,
        window_cycles=_cycles_of_window(cycles or 0) if window is not None else None,
        target={
            "command": None,
            "pid": _mapping(header, "process").get("pid"),
            "python": dict(_mapping(header, "python")),
            "scenario": None,
        },
        saved=True,
    )
    return replace(report, timings_ns={"total_ns": time.perf_counter_ns() - started})


def _window_beside(
    files: Mapping[str, Path], columns: Mapping[str, SnapshotColumns]
) -> tuple[Path, SnapshotColumns] | None:
    """The window that a hunt left beside its baseline and loaded files, if they need it.

    The loaded snapshot then knows births since the window only: the window closes the gap.
    """
    loaded = columns.get("loaded")
    if loaded is None or _mapping(loaded.header, "identity").get("since") != "window":
        return None
    path = files["baseline"].parent / f"window{FILE_SUFFIX}"
    if path in files.values() or not path.is_file():
        return None
    from leakhunt.store.reader import open_snapshot

    try:
        found = open_snapshot(path)
    except SnapshotError:
        return None
    is_same = _mapping(found.header, "process") == _mapping(loaded.header, "process")
    is_between = (
        _sequence(columns["baseline"].header) < _sequence(found.header) < _sequence(loaded.header)
    )
    return (path, found) if is_same and is_between else None


def _cycles_of_window(cycles: int) -> int | None:
    """Cycles before the window of a hunt: a third; None when there are too few."""
    return cycles // 3 or None


def _refuse_pipe(path: Path) -> None:
    """Opening a pipe nobody writes to would wait for ever; the reader tells all else."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise UsageError(f"{path} is no regular file", hint="copy the snapshot to a file first")


def _check_numbers(options: HuntOptions) -> None:
    """Refuse numbers that make no run."""
    if options.cycles < 1:
        raise UsageError(f"the number of cycles is {options.cycles}", hint="give 1 or more")
    if options.warmup < 0:
        raise UsageError(f"the number of warm-up cycles is {options.warmup}", hint="give 0 or more")
    for name, value in (
        ("time limit", options.timeout_s),
        ("settle time", options.settle_max_s),
        ("longest pause", options.max_pause_ms),
    ):
        if value is not None and not 0 <= value < 1e9:
            raise UsageError(f"the {name} is {value}", hint="give a number that is not negative")


def _report_of_run(
    options: HuntOptions, interpreter: Interpreter, outcome: ScenarioOutcome, tell: OnProgress
) -> Report:
    """Analyse what a run left, whole or partial."""
    files = dict(outcome.path_by_label)
    cycles, window_cycles = outcome.cycles_done, _window_cycles(options, outcome)
    notes = list(outcome.notes)
    target = {
        "command": [str(interpreter.path), str(options.scenario)],
        "pid": outcome.pid,
        "python": {"version": interpreter.version_text, "executable": interpreter.executable},
        "scenario": str(options.scenario),
    }
    tell(Progress("analysis"))
    if "final" not in files:
        notes.append(_use_last_as_final(files))
        if "loaded" not in outcome.path_by_label:
            cycles, window_cycles = window_cycles or 0, None
    if "final" not in files:
        return _report_of_baseline(files["baseline"], target, outcome, tuple(notes))
    report = _report(
        columns=_open_all(files),
        files=files,
        cycles=cycles or None,
        window_cycles=window_cycles,
        target=target,
        saved=options.save_dir is not None,
    )
    return replace(
        report,
        errors=outcome.errors,
        memory={**report.memory, **_memory_of_run(outcome)},
        notes=(*report.notes, *notes),
        collect_ns=outcome.collect_ns,
    )


def _window_cycles(options: HuntOptions, outcome: ScenarioOutcome) -> int | None:
    return _cycles_of_window(options.cycles) if "window" in outcome.path_by_label else None


def _use_last_as_final(files: dict[str, Path]) -> str:
    """Without a final snapshot compare with the last there is; says so."""
    for label in ("loaded", "window"):
        if label in files:
            files["final"] = files.pop(label)
            return (
                f"there is no final snapshot: baseline is compared with {label}, so what a"
                " collection would have freed counts as growth"
            )
    return "there is only a baseline: nothing to compare it with"


def _open_all(files: Mapping[str, Path]) -> dict[str, SnapshotColumns]:
    from leakhunt.store.reader import open_snapshot

    return {label: open_snapshot(path) for label, path in files.items()}


def _report(
    *,
    columns: Mapping[str, SnapshotColumns],
    files: Mapping[str, Path],
    cycles: int | None,
    window_cycles: int | None,
    target: dict[str, Any],
    saved: bool,
) -> Report:
    """Investigate and put it into a report."""
    from leakhunt.detectors.investigate import CaseSnapshots, investigate

    result = investigate(
        CaseSnapshots(
            baseline=columns["baseline"],
            final=columns["final"],
            loaded=columns.get("loaded"),
            window=columns.get("window"),
            cycles=cycles,
            window_cycles=window_cycles,
        )
    )
    summaries = tuple(_summary(label, columns[label], files[label], saved) for label in columns)
    by_label = {summary.label: summary for summary in summaries}
    growth_bytes = by_label["final"].bytes - by_label["baseline"].bytes
    growth_objects = by_label["final"].objects - by_label["baseline"].objects
    return Report(
        verdict=_verdict(result),
        target=target,
        identity=result.identity,
        errors=(),
        snapshots=summaries,
        cycles=cycles,
        rate_bytes=growth_bytes / cycles if cycles else None,
        rate_objects=growth_objects / cycles if cycles else None,
        memory=_memory(by_label),
        growth=tuple(result.growth),
        findings=tuple(result.findings),
        notes=tuple(result.notes),
    )


def _verdict(result: Investigation) -> str:
    """The worst of the findings."""
    found = {str(finding.verdict) for finding in result.findings}
    return next((word for word in ("LEAK", "SUSPECT") if word in found), "NOT")


def _summary(label: str, columns: SnapshotColumns, path: Path, saved: bool) -> SnapshotSummary:
    footer = columns.footer
    return SnapshotSummary(
        label=label,
        path=str(path) if saved else None,
        mode=str(columns.header.get("mode", "in-process")),
        objects=columns.heap_count,
        edges=columns.edge_count,
        bytes=int(columns.node_size.sum()),
        pause_ns=int(footer.get("pause_ns", 0)),
        file_bytes=int(footer.get("file_bytes", 0)),
        rss_bytes=int(footer.get("rss_bytes", 0)),
    )


def _memory(by_label: Mapping[str, SnapshotSummary]) -> dict[str, int | None]:
    """RSS and Python bytes at each moment; None where there is no snapshot."""
    memory: dict[str, int | None] = {}
    for label in ("baseline", "loaded", "final"):
        summary = by_label.get(label)
        memory[f"rss_{label}_bytes"] = summary.rss_bytes if summary else None
        memory[f"python_{label}_bytes"] = summary.bytes if summary else None
    return memory


def _memory_of_run(outcome: ScenarioOutcome) -> dict[str, int | None]:
    """What the child measured beside its snapshots."""
    memory: dict[str, int | None] = {}
    for label in ("baseline", "loaded", "final"):
        measure = outcome.measure_by_label.get(label)
        if measure is not None:
            memory[f"threads_{label}"] = measure.threads
            memory[f"descriptors_{label}"] = measure.descriptors
            memory[f"blocks_{label}"] = measure.blocks
    return memory


def _report_of_baseline(
    path: Path, target: dict[str, Any], outcome: ScenarioOutcome, notes: tuple[str, ...]
) -> Report:
    """A run that ended before a second snapshot: errors, no findings."""
    from leakhunt.analysis.results import IdentityInfo

    columns = _open_all({"baseline": path})["baseline"]
    summary = _summary("baseline", columns, path, saved=False)
    return Report(
        verdict="NOT",
        target=target,
        identity=IdentityInfo("none", False, (), "nothing was compared"),
        errors=outcome.errors,
        snapshots=(summary,),
        cycles=None,
        rate_bytes=None,
        rate_objects=None,
        memory=_memory({"baseline": summary}),
        growth=(),
        findings=(),
        notes=notes,
        collect_ns=outcome.collect_ns,
    )


def _check_same_process(files: Mapping[str, Path], columns: Mapping[str, SnapshotColumns]) -> None:
    """Addresses mean something within one process only, births from earlier to later only."""
    first, *others = columns
    for label in others:
        before, after = columns[first].header, columns[label].header
        if _mapping(before, "process") != _mapping(after, "process"):
            raise UsageError(
                f"{files[first]} and {files[label]} are of different processes"
                f" (pid {_mapping(before, 'process').get('pid')}"
                f" and {_mapping(after, 'process').get('pid')})",
                hint="compare snapshots that one run of one process wrote",
            )
        if _sequence(after) < _sequence(before):
            raise UsageError(
                f"{files[label]} was taken before {files[first]}",
                hint="give the snapshots in the order in which they were taken",
            )
        first = label


def _mapping(header: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = header.get(name)
    return value if isinstance(value, Mapping) else {}


def _sequence(header: Mapping[str, Any]) -> int:
    value = header.get("sequence", 0)
    return value if isinstance(value, int) else 0


def _write_report(report: Report, path: Path) -> None:
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

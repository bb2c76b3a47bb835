"""Hunt a scenario: run it in a child, compare its snapshots, name the leaks."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

from leakhunt.hunt.assemble import UserRules, cycles_of_window, user_rules, write_report
from leakhunt.hunt.options import (
    SCENARIO_SAMPLE_BYTES,
    USUAL_SITES,
    HuntOptions,
    check_numbers,
    settings_of,
)
from leakhunt.hunt.record import RunRecord, report_of
from leakhunt.report.model import Report
from leakhunt.target.interpreter import Interpreter, own_interpreter, probe
from leakhunt.target.native_build import native_agent_for
from leakhunt.target.progress import OnProgress, Progress, ignore_progress
from leakhunt.target.save_dir import REPORT_NAME, keep_snapshots, prepare_save_dir
from leakhunt.target.scenario_file import check_scenario_file
from leakhunt.target.scenario_run import ScenarioOutcome, ScenarioRun, ScenarioSpec


def hunt_scenario(options: HuntOptions, on_progress: OnProgress | None = None) -> Report:
    """Run the scenario in a child of its interpreter, compare its snapshots, name the leaks.

    Raises UsageError (bad options or scenario), TargetError (no baseline snapshot), SnapshotError.
    When the target failed later, the report covers what was captured and ``errors`` says why.
    """
    tell = on_progress or ignore_progress
    started = time.perf_counter_ns()
    check_numbers(options)
    scenario = check_scenario_file(options.scenario)
    rules = user_rules(options.rules)
    save_dir = None if options.save_dir is None else prepare_save_dir(options.save_dir)
    tell(Progress("interpreter"))
    interpreter = own_interpreter() if options.python is None else probe(options.python)
    native = native_agent_for(
        interpreter,
        on_build=lambda: tell(
            Progress("build", message=f"building the agent for CPython {interpreter.version_text}")
        ),
    )
    with ScenarioRun(_spec_of(options, scenario), interpreter, native, save_dir) as run:
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
        outcome = replace(outcome, path_by_label=paths)
        report = _report_of_run(options, interpreter, outcome, rules, tell)
    finished = time.perf_counter_ns()
    report = replace(
        report,
        settings=settings_of(options),
        timings_ns={
            "run_ns": ran - started,
            "load_ns": outcome.load_ns,
            "analysis_ns": finished - ran,
            "total_ns": finished - started,
        },
    )
    if save_dir is not None:
        write_report(report, save_dir / REPORT_NAME)
    return report


def _spec_of(options: HuntOptions, scenario: Path) -> ScenarioSpec:
    return ScenarioSpec(
        scenario=scenario,
        cycles=options.cycles,
        warmup=options.warmup,
        timeout_s=options.timeout_s,
        settle_max_s=options.settle_max_s,
        collect=options.collect,
        max_pause_ms=options.max_pause_ms,
        birth=options.birth,
        show_output=options.show_output,
        ladder=options.ladder,
        content=options.content,
        capture=options.capture,
        sites=SCENARIO_SAMPLE_BYTES if options.sites == USUAL_SITES else options.sites,
    )


def _report_of_run(
    options: HuntOptions,
    interpreter: Interpreter,
    outcome: ScenarioOutcome,
    rules: UserRules,
    tell: OnProgress,
) -> Report:
    """Analyse what a run left, whole or partial."""
    tell(Progress("analysis"))
    has_window = "window" in outcome.path_by_label
    return report_of(
        RunRecord(
            path_by_label=outcome.path_by_label,
            target={
                "command": [str(interpreter.path), str(options.scenario)],
                "pid": outcome.pid,
                "python": {
                    "version": interpreter.version_text,
                    "executable": interpreter.executable,
                },
                "scenario": str(options.scenario),
            },
            is_saved=options.save_dir is not None,
            cycles=outcome.cycles_done,
            window_cycles=cycles_of_window(options.cycles) if has_window else None,
            errors=outcome.errors,
            notes=outcome.notes,
            collect_ns=outcome.collect_ns,
            measure_by_label=outcome.measure_by_label,
            rules=rules,
            wants_waste=options.content,
        )
    )

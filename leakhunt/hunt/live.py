"""Hunt a live process: attach to it or start it, load it, compare its snapshots, let it go."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from leakhunt.errors import LeakhuntError, TargetError
from leakhunt.hunt.assemble import user_rules
from leakhunt.hunt.crew import Crew
from leakhunt.hunt.live_options import LiveOptions, check_live_options
from leakhunt.hunt.live_report import LiveOutcome, report_of_hunt
from leakhunt.hunt.live_settings import live_settings_of
from leakhunt.hunt.member import Journal, Member, Wishes
from leakhunt.hunt.options import LIVE_SAMPLE_BYTES, USUAL_SITES
from leakhunt.hunt.phases import LoadRecord, Phases, phases_of
from leakhunt.report.model import Report
from leakhunt.target.family import (
    WORKERS_MAX,
    Relative,
    find_behind_wrapper,
    find_family,
    wrapper_notes,
)
from leakhunt.target.launch import Launched
from leakhunt.target.process_table import read_entry
from leakhunt.target.progress import OnProgress, Progress, ignore_progress
from leakhunt.target.reach import Reached, no_such_process, reach_process, require_reachable
from leakhunt.target.save_dir import prepare_save_dir
from leakhunt.target.work_folder import WorkFolder

Reach = Callable[[Relative], Reached]

_SECOND_LOOK_S = 0.2
_FAMILY_S = 5.0


def hunt_live(
    options: LiveOptions, on_progress: OnProgress | None = None, *, reach: Reach | None = None
) -> Report:
    """Hunt a process that runs, or a program that is started for it, and its workers.

    Raises UsageError (bad options, no such load command), TargetError (out of reach, not ready,
    no baseline snapshot), SnapshotError.  When a target failed later, the report covers what was
    captured and ``errors`` says why.  Whatever happens, every process is let go of; one that was
    started is ended.  ``reach`` attaches (for tests).
    """
    tell = on_progress or ignore_progress
    check_live_options(options)
    rules = user_rules(options.rules)
    save_dir = None if options.save_dir is None else prepare_save_dir(options.save_dir)
    with WorkFolder(save_dir) as folder:
        hunt = _Hunt(options, folder.path, tell, reach or _reach(options, tell), reach is None)
        with hunt.target() as root:
            hunt.run(root)
        return report_of_hunt(hunt.outcome(), rules, save_dir, tell)


def _reach(options: LiveOptions, tell: OnProgress) -> Reach:
    def on_build() -> None:
        tell(Progress("build", message="building the agent for the target's interpreter"))

    def reach(relative: Relative) -> Reached:
        return reach_process(
            relative.pid,
            relative.start_ticks,
            method=options.method,
            force=options.force,
            hears_marks=options.load is None and options.duration_s is None,
            on_build=on_build,
        )

    return reach


@dataclass(slots=True)
class _Hunt:
    """One hunt from its beginning to its report."""

    options: LiveOptions
    folder: Path
    tell: OnProgress
    reach: Reach
    is_checked: bool
    """Look whether the process can be reached before it is loaded: else a long load could end in
    a refusal."""
    journal: Journal = field(default_factory=Journal)
    launched: Launched | None = None
    crew: Crew | None = None
    record: LoadRecord = field(default_factory=LoadRecord)
    taken: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    started_ns: int = field(default_factory=time.perf_counter_ns)
    is_alone: bool = True

    # --- the target -------------------------------------------------------------------------------

    @contextlib.contextmanager
    def target(self) -> Iterator[int]:
        """The process to hunt; a started program is ended when the hunt is over."""
        if self.options.pid is not None:
            program = find_behind_wrapper(self.options.pid)
            self.notes += wrapper_notes(self.options.pid, program)
            yield program
            return
        self.tell(Progress("start"))
        output = self.folder / "output.log"
        command, show_output = self.options.command, self.options.show_output
        with Launched(command, output, show_output=show_output) as launched:
            self.launched = launched
            tell_ready = Progress("ready", message=f"waiting until {self.options.ready}")
            self.tell(tell_ready)
            yield launched.wait_ready(self.options.ready, self.options.timeout_s)
            self._note_end(launched)
            self.tell(Progress("exit"))
            launched.end(signal.SIGTERM)
        if launched.was_killed:
            self.notes.append("the program did not end within 10 s of SIGTERM and was killed")

    def _note_end(self, launched: Launched) -> None:
        """A program that ended by itself before the last snapshot."""
        if launched.status is not None and "final" not in self.taken:
            self.errors.append(f"the program ended during the hunt: {launched.describe_end()}")

    def _find(self, root: int) -> tuple[Relative, ...]:
        """The family once two looks agree: a program that just began may still fork, and what
        was just forked may become another program."""
        family = find_family(root, self.options.children)
        deadline = time.monotonic() + _FAMILY_S
        while family and (len(family) > 1 or self.launched is not None):
            time.sleep(_SECOND_LOOK_S)
            before, family = family, find_family(root, self.options.children)
            if family == before or time.monotonic() > deadline:
                break
        if not family:
            raise self._gone(no_such_process(root))
        if len(family) > WORKERS_MAX:
            self.notes.append(
                f"the family has {len(family)} processes: the first {WORKERS_MAX} are hunted"
            )
        return family[:WORKERS_MAX]

    def _is_there(self, root: int) -> bool:
        """Whether there is anything left to load."""
        return read_entry(root) is not None and not self.options.stop_requested()

    # --- the hunt ---------------------------------------------------------------------------------

    def run(self, root: int) -> None:
        """Warm up, attach, take the snapshots at their moments, detach."""
        phases = phases_of(self.options, self.tell)
        self.record = phases.record
        if not self._is_there(root):
            raise self._gone(no_such_process(root))
        if self.options.pid is not None and self.is_checked:
            require_reachable(root, method=self.options.method, force=self.options.force)
        phases.warm_up(lambda: self._is_there(root))
        family = self._find(root)
        self.is_alone = len(family) == 1
        pause_ms = self.options.max_pause_ms
        wishes = Wishes(
            capture=self.options.capture,
            redact=self.options.redact,
            content=self.options.content,
            max_pause_ns=None if pause_ms is None else int(pause_ms * 1e6),
        )
        folders = {one.pid: self.folder / f"pid-{one.pid}" for one in family}
        members = [Member(one, folders[one.pid], self.journal, wishes) for one in family]
        with Crew(members) as crew:
            self.crew = crew
            self.tell(Progress("attach"))
            crew.each("leakhunt attached to it", lambda member: member.attach(self.reach))
            self._require_somebody(crew)
            self._load_analysis()
            self._follow(phases, crew)
            self._notice_newcomers(root, crew)

    def _follow(self, phases: Phases, crew: Crew) -> None:
        """Take the snapshots; the first Ctrl-C after the baseline ends the load only."""
        try:
            for label in phases.moments(crew):
                self._take(label, is_marked=phases.is_marked)
        except KeyboardInterrupt:
            if "baseline" not in self.taken or "final" in self.taken:
                raise
            self.errors.append("interrupted: the load was ended early")
            self.tell(Progress("interrupted", message="ending early; Ctrl-C again: at once"))
            for label in ("loaded", "final"):
                if label not in self.taken:
                    self._take(label, is_marked=False)

    def _take(self, label: str, *, is_marked: bool) -> None:
        """One snapshot of every process, at rest before baseline and final."""
        crew = self.crew
        assert crew is not None
        if label in {"baseline", "final"}:
            if not is_marked:
                limit_s = self.options.settle_max_s
                self.tell(Progress("settle"))
                crew.each("it came to rest", lambda member: member.settle(label, limit_s))
            if self.options.collect:
                self.tell(Progress("collect"))
                crew.each("it collected", lambda member: member.collect(label))
        if label == "baseline":
            self._start_watching(crew)
        self.tell(Progress(f"capture {label}"))
        crew.each(f"the {label} snapshot was taken", lambda member: member.capture(label))
        if crew.present:
            self.taken.append(label)
        if label == "baseline":
            self._require_somebody(crew)

    def _start_watching(self, crew: Crew) -> None:
        """Hooks are a pile: what is put on last comes off first."""
        sites = self.options.sites
        sample_bytes = LIVE_SAMPLE_BYTES if sites == USUAL_SITES else sites
        if sample_bytes is not None:
            crew.each("sampling began", lambda member: member.start_sites(sample_bytes))
        if self.options.birth:
            crew.each("birth tracking began", Member.start_births)

    def _require_somebody(self, crew: Crew) -> None:
        """Without a single process to go on with there is nothing to show."""
        if crew.present:
            return
        error = crew.members[0].error
        assert error is not None
        raise self._gone(error)

    def _gone(self, error: LeakhuntError) -> LeakhuntError:
        """Of a program that we started we know how it ended."""
        if self.launched is None or self.launched.status is None:
            return error
        return TargetError(f"the program ended: {self.launched.describe_end()}", hint=error.hint)

    def _notice_newcomers(self, root: int, crew: Crew) -> None:
        pids = crew.newcomers(root, self.options.children)
        if pids:
            shown = ", ".join(map(str, pids[:8])) + ("..." if len(pids) > 8 else "")
            self.notes.append(
                f"forked during the hunt, so without a baseline and not compared: process {shown}"
            )

    @staticmethod
    def _load_analysis() -> None:
        """Half of the tool's start-up, done while the target is at work."""
        import leakhunt.detectors.investigate
        import leakhunt.store.reader  # noqa: F401

    def outcome(self) -> LiveOutcome:
        """What the hunt left."""
        assert self.crew is not None
        command = self.launched.command if self.launched is not None else ()
        return LiveOutcome(
            members=self.crew.members,
            is_alone=self.is_alone,
            load=self.record,
            journal=self.journal,
            launched_command=command,
            exit_status=None if self.launched is None else self.launched.status,
            output=None if self.launched is None else self.launched.output,
            errors=tuple(self.errors),
            notes=tuple(self.notes),
            started_ns=self.started_ns,
            settings=live_settings_of(self.options),
        )

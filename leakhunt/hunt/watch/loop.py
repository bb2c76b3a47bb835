"""The watch itself: sample, judge, tell, take snapshots; for each process of a family."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from leakhunt.errors import LeakhuntError, TargetError
from leakhunt.hunt.watch.endpoint import Endpoint, write_textfile
from leakhunt.hunt.watch.groups import Groups, in_order
from leakhunt.hunt.watch.hook import Hook
from leakhunt.hunt.watch.member import Member
from leakhunt.hunt.watch.memory import give_back, tidy
from leakhunt.hunt.watch.options import WatchOptions, check_watch_options
from leakhunt.hunt.watch.ring import Ring
from leakhunt.hunt.watch.watched import Turn, Watched
from leakhunt.report.metrics import Counters, metrics_text
from leakhunt.report.watch_model import EventKind, Reason, WatchEvent, WatchSummary
from leakhunt.target.family import (
    Children,
    Relative,
    find_behind_wrapper,
    find_family,
    wrapper_notes,
)
from leakhunt.target.process_table import is_python
from leakhunt.target.reach import no_such_process, require_reachable
from leakhunt.target.sampler import ProcessSampler, Reading

OnEvent = Callable[[WatchEvent], None]

FAMILY_S: Final = 60.0
"""So often new workers are looked for."""
BASELINE_AGE_S: Final = 10.0
"""A process younger than this still starts: its baseline comes then..."""
BASELINE_LOAD: Final = 0.5
"""...or at this part of a limit."""
_EARLY: Final = 0.99
"""A reading that comes before this part of the interval guards limits, and is no sample."""
TIDY_S: Final = 60.0
"""So often what was only used for a while goes."""
AGAIN_S: Final = 600.0
"""Between two snapshots of a process for one reason."""


@dataclass(frozen=True, slots=True)
class World:
    """What a watch asks of the world; tests give another one."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    wait: Callable[[float], None] = time.sleep
    sampler: Callable[[int, int], ProcessSampler] = ProcessSampler
    program: Callable[[int], int] = find_behind_wrapper
    family: Callable[[int], tuple[Relative, ...]] | None = None
    """None looks for it as the options say."""
    age_s: Callable[[int], float] | None = None
    """Of a process, by its start in ticks; None asks the kernel."""


def watch_process(
    options: WatchOptions, on_event: OnEvent, *, world: World | None = None
) -> WatchSummary:
    """Watch a process and its workers until all of them ended, the time is over, or an exception
    (Ctrl-C) ends it.

    Raises UsageError for bad options and places that cannot be used, TargetError when the
    process is not there, is a wrapper of several programs or, with a folder for snapshots, is
    out of reach.
    """
    check_watch_options(options)
    watch = Watch(options, on_event, world or World())
    with watch:
        watch.run()
    return watch.summary


class Watch:
    """A watch; a context manager.  `step` takes one round of samples."""

    def __init__(self, options: WatchOptions, on_event: OnEvent, world: World) -> None:
        self.summary = WatchSummary()
        self._options = options
        self._on_event = on_event
        self._world = world
        self._members: dict[int, Member] = {}
        self._refused: set[tuple[int, int]] = set()
        self._groups = Groups()
        self._family_s = float("-inf")
        self._root = options.pid
        """The program: another one than was given when that is a wrapper's."""
        self._root_ticks: int | None = None
        self._holds_waste = True
        """The start, or a snapshot, left memory to give back."""
        self._tidied_s = float("-inf")
        self._ring: Ring | None = None
        self._endpoint: Endpoint | None = None
        self._hook = Hook(options.command) if options.command else None

    def __enter__(self) -> Self:
        options = self._options
        self._find_root()
        self._find_members()
        if not self._members:
            raise no_such_process(options.pid)
        if options.snapshot_dir is not None:
            require_reachable(self._root, method=options.method, force=options.force)
            self._ring = Ring(options.snapshot_dir, options.budget_bytes)
        if options.metrics is not None:
            host, port = options.metrics
            self._endpoint = Endpoint(host, port)
            shown = f"[{host}]" if ":" in host else host
            url = f"http://{shown}:{self._endpoint.port}/metrics"
            self._say(EventKind.NOTE, self._root, f"metrics are at {url}")
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members.values():
            member.end_look()
        if self._endpoint is not None:
            self._endpoint.close()
            self._endpoint = None

    @property
    def metrics_port(self) -> int | None:
        """Where metrics are served."""
        return None if self._endpoint is None else self._endpoint.port

    def run(self) -> None:
        """Rounds until there is nobody left to watch."""
        world, duration_s = self._world, self._options.duration_s
        started_s = world.clock()
        while self._members:
            self.step()
            self._stay_small()
            passed_s = world.clock() - started_s
            if not self._members or (duration_s is not None and passed_s >= duration_s):
                break
            wait_s = self._wait_s()
            world.wait(wait_s if duration_s is None else min(wait_s, duration_s - passed_s))

    def step(self) -> None:
        """One sample of every process, and what follows from it."""
        if self._world.clock() - self._family_s >= max(FAMILY_S, self._options.interval_s):
            self._leave_wrapper()
            self._find_members()
        for pid, reading in in_order(self._readings()).items():
            self._take(pid, self._members[pid], reading)
        if self._hook is not None:
            self._hook.tidy(self._world.clock())
        self._publish()

    def _readings(self) -> dict[int, Reading]:
        readings = {}
        for pid, member in list(self._members.items()):
            now_s = self._world.clock()
            if now_s >= member.listens_until_s:
                member.end_look(now_s)
            try:
                readings[pid] = member.read(now_s)
            except TargetError as error:
                self._lose(pid, str(error))
        return readings

    def _stay_small(self) -> None:
        now_s = self._world.clock()
        if self._holds_waste:
            give_back()
        elif now_s - self._tidied_s >= TIDY_S:
            tidy()
        else:
            return
        self._holds_waste, self._tidied_s = False, now_s

    def _wait_s(self) -> float:
        """Until the next sample is due, less where a limit is near."""
        now_s, interval_s = self._world.clock(), self._options.interval_s
        due_s = min(member.sampled_s for member in self._members.values()) + interval_s
        near_s = min(member.watched.wait_s() for member in self._members.values())
        heard_s = min(member.listens_until_s for member in self._members.values())
        return max(min(near_s, due_s - now_s, heard_s - now_s), 0.0)

    # --- one process ------------------------------------------------------------------------------

    def _take(self, pid: int, member: Member, reading: Reading) -> None:
        if reading.at_s - member.sampled_s < self._options.interval_s * _EARLY:
            for turn in member.watched.guard(reading):
                self._say(EventKind.SAMPLE, pid, sample=member)
                self._turn(pid, member, turn, reading)
            return
        member.sampled_s = reading.at_s
        member.samples += 1
        self.summary.samples += 1
        turns = member.watched.take(reading)
        # Near its limit a process is not looked into for figures: its snapshot comes first.
        if not turns and member.is_time_to_look(reading.at_s):
            turns = self._look(pid, member, reading.at_s)
        self._say(EventKind.SAMPLE, pid, sample=member)
        for turn in turns:
            self._turn(pid, member, turn, reading)
        if not member.has_baseline and not turns and self._is_settled(member):
            member.has_baseline = True
            self._save(pid, member, Reason.BASELINE, reading.at_s)

    def _turn(self, pid: int, member: Member, turn: Turn, reading: Reading) -> None:
        shared = reading.group if turn.reason is Reason.CGROUP else None
        if not turn.is_alarm:
            teller = pid if shared is None else self._groups.clear_alarm(shared)
            if teller is not None:
                self._say(EventKind.CLEAR, teller, turn.message, turn.reason)
            return
        member.has_baseline = True  # what comes after an alarm is none
        is_for_it_to_tell = shared is None or self._groups.raise_alarm(shared, pid, turn)
        path = None
        if not self._is_saved(member, turn.reason, reading):
            # The snapshot comes before the word: the process may not live for long.  Where it
            # cannot be had of the largest of a group, the next one is saved.
            path = self._save(pid, member, turn.reason, reading.at_s)
            if shared is not None and path is not None:
                self._groups.note_saved(shared, reading.at_s)
        if is_for_it_to_tell:
            self._alarm(pid, member, turn, path)

    def _is_saved(self, member: Member, reason: Reason, reading: Reading) -> bool:
        """Whether there was a snapshot for that reason not long ago."""
        if reason is Reason.CGROUP and reading.group is not None:
            return self._groups.is_saved(reading.group, reading.at_s, AGAIN_S)
        return reading.at_s - member.saved_s.get(reason, float("-inf")) < AGAIN_S

    def _alarm(self, pid: int, member: Member, turn: Turn, path: str | None) -> None:
        member.alarms += 1
        self.summary.alarms += 1
        self._say(EventKind.ALARM, pid, turn.message, turn.reason, path=path)

    def _look(self, pid: int, member: Member, now_s: float) -> list[Turn]:
        try:
            return member.look(now_s)
        except LeakhuntError as error:
            self._note_once(pid, member, f"no look from inside: {error}", error.hint)
            return []

    def _note_once(self, pid: int, member: Member, what: str, hint: str = "") -> None:
        if member.is_news(what):
            self._say(EventKind.NOTE, pid, f"{what} ({hint})" if hint else what)

    def _is_settled(self, member: Member) -> bool:
        """Whether it is time for a baseline: it has started and no look is in it, or it will
        soon be at its limit."""
        ask = self._world.age_s or _age_by_kernel
        is_calm = member.listening is None and ask(member.sampler.start_ticks) >= BASELINE_AGE_S
        return is_calm or member.watched.load >= BASELINE_LOAD

    def _lose(self, pid: int, why: str) -> None:
        self._say(EventKind.END, pid, why)
        self._drop(pid)

    def _drop(self, pid: int) -> None:
        """Watch it no longer; what it told for its group, another one tells."""
        self._members.pop(pid).end_look()
        for heir, turn in self._groups.forget(pid):
            self._alarm(heir, self._members[heir], turn, None)

    # --- snapshots --------------------------------------------------------------------------------

    def _save(self, pid: int, member: Member, reason: Reason, at_s: float) -> str | None:
        """Take a snapshot where there is a folder for it; its path."""
        if self._ring is None:
            return None
        member.end_look()  # an agent serves one client at a time
        member.saved_s[reason] = at_s
        alive = {(p, m.sampler.start_ticks) for p, m in self._members.items()}
        start_ticks = member.sampler.start_ticks
        while True:
            path = self._ring.new_path(pid, start_ticks, str(reason), self._world.now())
            try:
                pause_ns = self._capture(member, path, str(reason))
            except LeakhuntError as error:
                if _is_disk_full(self._ring.folder) and self._ring.remove_oldest(alive):
                    continue
                self._say(EventKind.NOTE, pid, f"no snapshot: {error}", reason)
                return None
            break
        self._ring.make_room(alive)
        self._holds_waste = True
        member.snapshots += 1
        self.summary.snapshots += 1
        message = f"{reason} snapshot {path}"
        self._say(EventKind.SNAPSHOT, pid, message, reason, path=str(path), pause_ns=pause_ns)
        return str(path)

    def _capture(self, member: Member, path: Path, label: str) -> int:
        """Write one snapshot; how long the process stood still."""
        # What only a snapshot needs is loaded with the first one.
        from leakhunt.hunt.live_options import SnapshotOptions
        from leakhunt.hunt.snapshot import snapshot_process

        options, sampler = self._options, member.sampler
        wanted = SnapshotOptions(
            sampler.pid, path, label, options.method, options.force, redact=options.redact
        )
        taken = snapshot_process(
            wanted, reach=lambda _: sampler.reach(method=options.method, force=options.force)
        )
        return taken.result.pause_ns

    # --- the family -------------------------------------------------------------------------------

    def _find_root(self) -> None:
        """The program behind a wrapper.  Raises TargetError when there are several, unless all
        of them are wanted."""
        try:
            self._root = self._world.program(self._options.pid)
        except TargetError:
            if self._options.children is not Children.ALL:
                raise
        for note in wrapper_notes(self._options.pid, self._root):
            self._say(EventKind.NOTE, self._root, note)

    def _leave_wrapper(self) -> None:
        """What was watched for want of a program, which a wrapper takes a while to start."""
        given = self._options.pid
        # Once the given one has ended, its number may be anybody's.
        if self._root != given or given not in self._members or is_python(given):
            return
        with contextlib.suppress(TargetError):
            self._find_root()
        if self._root != given:
            self._drop(given)
            self._root_ticks = None

    def _find_members(self) -> None:
        """Begin to watch processes that came since."""
        self._family_s = self._world.clock()
        options = self._options
        find = self._world.family or (lambda pid: find_family(pid, options.children))
        found = find(self._root)
        for root in found:
            if root.is_root and self._root_ticks is None:
                self._root_ticks = root.start_ticks
            if root.is_root and root.start_ticks != self._root_ticks:
                return  # a stranger has its number now
        self._refused &= {(one.pid, one.start_ticks) for one in found}
        for relative in found:
            key = relative.pid, relative.start_ticks
            if relative.pid in self._members or key in self._refused:
                continue
            try:
                sampler = self._world.sampler(relative.pid, relative.start_ticks)
                reading = sampler.read(self._world.clock())
            except TargetError:
                self._refused.add(key)
                continue
            self._members[relative.pid] = Member(sampler, Watched(options), options)
            command = " ".join(relative.command)[:200]
            self._say(EventKind.START, relative.pid, f"watching {command or 'it'}")
            if reading.descriptor_count is None:
                member = self._members[relative.pid]
                self._note_once(relative.pid, member, "its descriptors may not be read")

    # --- telling ----------------------------------------------------------------------------------

    def _say(
        self,
        kind: EventKind,
        pid: int,
        message: str = "",
        reason: Reason = Reason.NONE,
        *,
        path: str | None = None,
        pause_ns: int | None = None,
        sample: Member | None = None,
    ) -> None:
        state = None if sample is None else sample.watched.sample()
        event = WatchEvent(kind, self._world.now(), pid, message, reason, path, pause_ns, state)
        self._on_event(event)
        is_heard = kind in {EventKind.ALARM, EventKind.CLEAR, EventKind.SNAPSHOT, EventKind.END}
        if self._hook is not None and is_heard:
            failed = self._hook.run(event, self._world.clock())
            if failed:
                note = replace(event, kind=EventKind.NOTE, message=failed, path=None)
                self._on_event(note)

    def _publish(self) -> None:
        """Metrics of what was just sampled."""
        if self._endpoint is None and self._options.textfile is None:
            return
        states = {}
        for pid, member in self._members.items():
            sample = member.watched.sample()
            if sample is not None:
                states[pid] = sample, Counters(member.samples, member.alarms, member.snapshots)
        text = metrics_text(states)
        if self._endpoint is not None:
            self._endpoint.text = text
        if self._options.textfile is not None:
            try:
                write_textfile(self._options.textfile, text)
            except OSError as exc:
                why = f"{self._options.textfile} cannot be written: {exc.strerror or exc}"
                for pid, member in list(self._members.items())[:1]:
                    self._note_once(pid, member, why)


def _age_by_kernel(start_ticks: int) -> float:
    with contextlib.suppress(OSError, ValueError, IndexError):
        up_s = float(Path("/proc/uptime").read_text("ascii").split()[0])
        return up_s - start_ticks / os.sysconf("SC_CLK_TCK")
    return float("inf")


def _is_disk_full(folder: Path) -> bool:
    """Whether hardly anything can be written there any more."""
    try:
        state = os.statvfs(folder)
    except OSError:
        return False
    return state.f_bavail * state.f_frsize < (1 << 20) or state.f_favail == 0

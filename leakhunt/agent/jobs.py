"""Growth for each job of a queue worker, added up by the name of its task.

Standard library only.  In the worker:

    from leakhunt.agent import jobs
    jobs.start("/var/lib/leakhunt")

    with jobs.job("app.tasks.resize"): ...

and ``leakhunt jobs /var/lib/leakhunt`` tells which task leaves how much behind.

Now and then a job is *measured*: garbage is collected before it and before the next one, and the
blocks that there are more in between are what it left behind.  Without the collections a job
would answer for the garbage of those before it.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import gc
import inspect
import json
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar

SCHEMA = "leakhunt.jobs/1"
PREFIX, SUFFIX = "jobs-", ".json"
SHARE = 0.01
"""Part of the time that collections for measured jobs may take."""
SKIPPED = 3
"""First jobs of each task that are not measured: they import, and fill caches."""
NAMES_MAX = 1000
"""Tasks with a name of their own; later ones are counted together."""
VALUES_MAX = 2000
"""Different numbers of blocks that are kept of one task."""
OTHERS = "(other tasks)"
IDLE_S = 5.0
"""What is there when the next job comes so late is not only of the last one."""
LOST_JOBS, LOST_S = 100, 60.0
"""A job during which so many others began and ended, for so long, has lost its end: its worker gave
it up without a word.  (If it ends after all, it counts.)"""
LOST_MAX = 1000
"""So many of those are remembered."""
WRITE_S = 10.0
RSS_UNIT_BYTES = 4096
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")

Function = TypeVar("Function", bound=Callable[..., Any])


class Tally:
    """The jobs of one task."""

    __slots__ = ("blocks", "jobs", "measured", "ns", "rss_bytes", "rss_squares")

    def __init__(self) -> None:
        self.jobs = 0
        self.ns = 0
        self.measured = 0
        """Of the jobs."""
        self.blocks: dict[int, int] = {}
        """Measured jobs by the blocks of Python's allocator that they left behind."""
        self.rss_bytes = 0
        """Resident, that they left behind: whole pages, so many jobs are needed."""
        self.rss_squares = 0
        """The sum of the squares of that, in units of 4096 bytes."""


class _Running:
    """A job that began."""

    __slots__ = ("ended_before", "name", "started_s")

    def __init__(self, name: str, started_s: float, ended_before: int) -> None:
        self.name = name
        self.started_s = started_s
        self.ended_before = ended_before
        """Jobs that had ended by then."""


class _Probe:
    """A job that is measured."""

    __slots__ = ("blocks", "ended_s", "name", "rss_bytes", "token")

    def __init__(self, name: str, token: Hashable, before: tuple[int, int]) -> None:
        self.name = name
        self.token = token
        self.blocks, self.rss_bytes = before
        self.ended_s = -1.0


class Ledger:
    """Counts jobs and measures some.  May be used by several threads.

    A job that others run beside is not measured: what it leaves behind cannot be told from theirs.
    """

    def __init__(
        self,
        folder: str | None = None,
        *,
        share: float = SHARE,
        read: Callable[[], tuple[int, int]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        collect: Callable[[], object] = gc.collect,
    ) -> None:
        """``folder``: where ``jobs-HOST-PID.json`` is kept; None writes nothing.

        ``share``: part of the time that may go into collections.  ``read`` answers (allocated
        blocks, resident bytes).
        """
        self._folder = folder
        self._share = share
        self._read = read or read_memory
        self._clock = clock
        self._collect = collect
        self._failed = False
        """The file could not be written, which was said."""
        self._lock = threading.RLock()  # a collection runs finalizers, which may have jobs
        self._begin_anew()
        _free_in_forks(weakref.ref(self))

    def free(self) -> None:
        """In a fork, whose parent's threads are not there to release what they held."""
        self._lock = threading.RLock()

    def _begin_anew(self) -> None:
        self._pid = os.getpid()
        self._running: dict[Hashable, _Running] = {}
        """In the order in which they began."""
        self._lost: dict[Hashable, _Running] = {}
        self._ended = 0
        """Jobs."""
        self._tallies: dict[str, Tally] = {}
        self._probe: _Probe | None = None
        self._first = self._read()
        self._written_s = self._started_s = self._clock()
        self._spent_s = 0.0
        """In collections."""

    def begin(self, name: str, key: Hashable | None = None) -> Hashable:
        """A job of that task begins; `end` takes what this returns: ``key``, if one is given."""
        with self._lock:
            if self._pid != os.getpid():
                self._begin_anew()  # a fork of the worker: what its parent did is not its own
            token: Hashable = object() if key is None else key
            name = str(name)[:200]
            self._give_up_lost()
            self._running.pop(token, None)  # it begins again: its end was lost
            collected = self._finish_probe()
            self._running[token] = _Running(name, self._clock(), self._ended)
            tally = self._tallies.get(name)
            is_known = tally is not None and tally.jobs >= SKIPPED
            if is_known and len(self._running) == 1 and (collected or self._is_time()):
                before = collected or self._collect_and_read()
                self._probe = _Probe(name, token, before)
            return token

    def end(self, token: Hashable) -> None:
        """That job is over.  One that did not begin here is not counted."""
        if self._pid != os.getpid():
            return
        with self._lock:
            job = self._running.pop(token, None) or self._take_back(token)
            if job is None:
                return
            now_s = self._clock()
            self._ended += 1
            tally = self._tally(job.name)
            tally.jobs += 1
            tally.ns += round((now_s - job.started_s) * 1e9)
            if self._probe is not None and self._probe.token == token:
                self._probe.ended_s = now_s
            if now_s - self._written_s >= WRITE_S:
                self._probe = None  # what we write ourselves is nobody's
                self._write()

    def _give_up_lost(self) -> None:
        """Jobs whose end will not come no longer run beside those that do."""
        now_s = self._clock()
        while self._running:
            token, oldest = next(iter(self._running.items()))
            many = self._ended - oldest.ended_before
            if many < LOST_JOBS or now_s - oldest.started_s < LOST_S:
                return
            self._lost[token] = self._running.pop(token)
            if len(self._lost) > LOST_MAX:
                del self._lost[next(iter(self._lost))]

    def _take_back(self, token: Hashable) -> _Running | None:
        """A job that was given up and ends after all; None when it is not known."""
        late = self._lost.pop(token, None)
        if late is not None:
            self._probe = None  # it ran beside
        return late

    def _tally(self, name: str) -> Tally:
        if name not in self._tallies and len(self._tallies) >= NAMES_MAX:
            name = OTHERS
        return self._tallies.setdefault(name, Tally())

    def _is_time(self) -> bool:
        """Whether collections took less than their share so far."""
        return self._spent_s <= self._share * (self._clock() - self._started_s)

    def _finish_probe(self) -> tuple[int, int] | None:
        """Another job begins: what the measured one left behind; the figures of now, if so."""
        probe, self._probe = self._probe, None
        if probe is None or probe.ended_s < 0 or self._running:
            return None
        if self._clock() - probe.ended_s > IDLE_S:
            return None
        now = self._collect_and_read()
        tally, blocks = self._tally(probe.name), now[0] - probe.blocks
        tally.measured += 1
        if blocks in tally.blocks or len(tally.blocks) < VALUES_MAX:
            tally.blocks[blocks] = tally.blocks.get(blocks, 0) + 1
        resident = now[1] - probe.rss_bytes
        tally.rss_bytes += resident
        tally.rss_squares += (resident // RSS_UNIT_BYTES) ** 2
        return now if self._is_time() else None

    def _collect_and_read(self) -> tuple[int, int]:
        started_s = self._clock()
        self._collect()
        self._spent_s += self._clock() - started_s
        return self._read()

    def to_dict(self) -> dict[str, Any]:
        """All tasks, as plain dicts and numbers."""
        now = self._read()
        return {
            "schema": SCHEMA,
            "pid": self._pid,
            "time_s": time.time(),
            "blocks": now[0] - self._first[0],
            "rss_bytes": now[1] - self._first[1],
            "tasks": [
                {"name": name, **{key: getattr(tally, key) for key in Tally.__slots__}}
                for name, tally in sorted(self._tallies.items())
            ],
        }

    def write(self) -> None:
        """Write the file now.  What stands against it is said on stderr, once; the next write
        tries again."""
        if self._pid == os.getpid():
            with self._lock:
                self._write()

    def _write(self) -> None:
        self._written_s = self._clock()
        if self._folder is None or not self._tallies:
            return
        path = os.path.join(self._folder, f"{PREFIX}{_host()}-{self._pid}{SUFFIX}")
        part = f"{path}.part"
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(part)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            with os.fdopen(os.open(part, flags, 0o600), "w", encoding="utf-8") as file:
                json.dump(self.to_dict(), file)
            os.replace(part, path)
        except OSError as exc:
            with contextlib.suppress(OSError):
                os.unlink(part)
            self._complain(f"leakhunt: {path} cannot be written, jobs are not told: {exc}\n")

    def _complain(self, words: str) -> None:
        is_new, self._failed = not self._failed, True
        if is_new and sys.stderr is not None:
            with contextlib.suppress(OSError, ValueError):
                sys.stderr.write(words)


def _free_in_forks(ledger: weakref.ref[Ledger]) -> None:
    def free() -> None:
        one = ledger()
        if one is not None:
            one.free()

    os.register_at_fork(after_in_child=free)


def _host() -> str:
    """The name of this machine or container, as part of the name of a file: on a volume that
    containers share, each has a process 1."""
    name = os.uname().nodename[:64]
    return "".join(c if c.isascii() and (c.isalnum() or c in ".-") else "_" for c in name)


def read_memory() -> tuple[int, int]:
    """(allocated blocks, resident bytes) of this process."""
    try:
        with open("/proc/self/statm", "rb") as file:
            pages = int(file.read().split()[1])
    except (OSError, ValueError, IndexError):
        pages = 0
    return sys.getallocatedblocks(), pages * _PAGE_BYTES


_ledger: Ledger | None = None


def start(folder: str, *, share: float = SHARE) -> None:
    """Count jobs from now on, in this process and its forks; ``jobs-HOST-PID.json`` of each is
    kept in ``folder``, which is made with mode 0700.  Called again it changes nothing.

    ``share``: part of the time that may go into collecting garbage around measured jobs.  Raises
    OSError when the folder cannot be made.
    """
    global _ledger  # noqa: PLW0603 - one for each process
    if _ledger is None:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        _ledger = Ledger(os.path.abspath(folder), share=share)
        atexit.register(write)


def write() -> None:
    """Write the file of this process now; at its end that is done anyway, unless it is killed."""
    if _ledger is not None:
        _ledger.write()


def begin(name: str, key: Hashable | None = None) -> Hashable:
    """A job begins; does nothing without `start`."""
    return None if _ledger is None else _ledger.begin(name, key)


def end(token: Hashable) -> None:
    """The job is over that `begin` gave this for."""
    if _ledger is not None and token is not None:
        _ledger.end(token)


@contextlib.contextmanager
def job(name: str) -> Iterator[None]:
    """One job of that task."""
    token = begin(name)
    try:
        yield
    finally:
        end(token)


def counted(function: Function) -> Function:
    """A decorator: each call of the function, plain or ``async``, is a job of its name."""
    name = f"{function.__module__}.{function.__qualname__}"
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            with job(name):
                return await function(*args, **kwargs)

        return awaited  # type: ignore[return-value]

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        with job(name):
            return function(*args, **kwargs)

    return called  # type: ignore[return-value]

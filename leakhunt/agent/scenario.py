"""Runs one scenario inside the target and takes its snapshots: ``PYTHON scenario.py RUN_DIR``.

This file is started by the target's own interpreter, which has nothing of ours installed:
standard library only, one file, nothing of leakhunt imported.  The parent
(``leakhunt/target/scenario_run.py``) imports it for the constants of their protocol.

RUN_DIR holds ``config.json`` (read once), ``position`` (a mapped page that says at any
moment which phase and cycle is running, even after the process was killed) and
``events.jsonl`` (appended, opened by path for each line, because programs close all
descriptors and reuse their numbers).

Everything needed between the captures is made before the first one and nothing is kept
from one capture to the next, so that our own objects never show up as growth.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    # Our own directory: gone before anything else is imported.
    del sys.path[0]

import errno
import gc
import json
import mmap
import os
import struct
import time
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from typing import Any

CONFIG = "config.json"
EVENTS = "events.jsonl"
POSITION = "position"
SUFFIX = ".lkheap"

PHASES = (
    "start", "import", "setup", "warmup", "settle", "collect", "capture baseline", "load",
    "capture window", "capture loaded", "capture final", "teardown", "exit", "capture ladder",
)  # fmt: skip
"""Names of the phases; the position page holds the index."""

AT = struct.Struct("<qq")
"""Start of the position page: phase, argument of the running cycle (-1 for none)."""
ERRNO = struct.Struct("<q")
"""At 16: errno of the last event that could not be written, 0 for none."""
RATE = struct.Struct("<d")
"""At 24: nanoseconds a block of the last full collection, 0 before one was measured."""
PAGE_BYTES = 32

LABELS = ("baseline", "window", "loaded", "final")
LADDER = "ladder"
"""Labels after the final snapshot: ``ladder2``, ``ladder3`` ... (final is the first point)."""
COLLECTIONS_MAX = 5
SAMPLE_S = 0.1
SAMPLES = 10
"""Settled: blocks and RSS changed by less than STABLE_RATIO over this many samples."""
STABLE_RATIO = 0.001
COLLECT_NS_A_BLOCK = 90.0
"""Cost of a full collection for each allocated block, before one was measured."""
MESSAGE_CHARS = 2000
FRAMES_MAX = 12
RESERVED_DESCRIPTORS = 3

_CO_COROUTINE = 0x80
_APPEND = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


def ladder_labels(points: int) -> tuple[str, ...]:
    """Labels of the points of a ladder that come after the final snapshot."""
    return tuple(f"{LADDER}{point}" for point in range(2, points + 1))


class Reserve:
    """Descriptors held back, so that a target that ran out of them can still be captured."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.descriptors: list[int] = []
        status = os.stat(folder)
        self.device, self.inode = status.st_dev, status.st_ino
        self.refill()

    def release(self) -> None:
        """Close those that are still ours: the program may have closed and reused them."""
        while self.descriptors:
            descriptor = self.descriptors.pop()
            try:
                status = os.fstat(descriptor)
                if (status.st_dev, status.st_ino) == (self.device, self.inode):
                    os.close(descriptor)
            except OSError:
                pass

    def refill(self) -> None:
        """Hold RESERVED_DESCRIPTORS again, or as many as there are."""
        try:
            while len(self.descriptors) < RESERVED_DESCRIPTORS:
                self.descriptors.append(os.open(self.folder, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            pass


class Settler:
    """Decides from samples whether a process came to rest."""

    def __init__(self) -> None:
        self.blocks = [0] * (SAMPLES + 1)
        self.rss = [0] * (SAMPLES + 1)
        self.count = 0

    def add(self, blocks: int, rss_bytes: int) -> bool:
        """Note one sample; True when the last second of them hardly differs."""
        at = self.count % (SAMPLES + 1)
        self.blocks[at], self.rss[at] = blocks, rss_bytes
        self.count += 1
        return self.count > SAMPLES and all(
            max(ring) - min(ring) <= STABLE_RATIO * max(ring) for ring in (self.blocks, self.rss)
        )


class Channel:
    """What the parent hears of us: the position page and the event file."""

    def __init__(self, run_dir: str) -> None:
        # Bound here: the program may replace any of these in its modules (clock freezers do).
        self.os_open, self.os_write, self.os_close = os.open, os.write, os.close
        self.os_read, self.listdir, self.blocks = os.read, os.listdir, sys.getallocatedblocks
        self.getpid, self.exit = os.getpid, os._exit
        self.pid = os.getpid()
        self.page_bytes = os.sysconf("SC_PAGE_SIZE")
        self.encode = json.JSONEncoder(ensure_ascii=True, check_circular=False).encode
        self.run_dir = run_dir
        self.events_path = os.path.join(run_dir, EVENTS)
        self.reserve = Reserve(run_dir)
        self.page = self._map(os.path.join(run_dir, POSITION))
        self.pack_at = AT.pack_into

    @staticmethod
    def _map(path: str) -> mmap.mmap:
        """The position page.  Never closed: its hidden descriptor's number may be another's."""
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return mmap.mmap(descriptor, PAGE_BYTES)
        finally:
            os.close(descriptor)

    def at(self, phase: str, cycle: int = -1) -> None:
        """Note where we are."""
        self.pack_at(self.page, 0, PHASES.index(phase), cycle)

    def where(self) -> tuple[int, int]:
        """Phase (index into PHASES) and argument of the running cycle."""
        phase, cycle = AT.unpack_from(self.page)
        return phase, cycle

    def collect_rate(self) -> float:
        """Nanoseconds a block of the last full collection; kept in the page, not in an object."""
        rate: float = RATE.unpack_from(self.page, 24)[0]
        return rate or COLLECT_NS_A_BLOCK

    def emit(self, event: str, **fields: Any) -> None:
        """Append one event; a disk that is full is noted in the position page."""
        fields["event"] = event
        try:
            self._append(self.encode(fields).encode() + b"\n")
        except OSError as exc:
            ERRNO.pack_into(self.page, 16, exc.errno or errno.EIO)

    def _append(self, line: bytes) -> None:
        try:
            descriptor = self.os_open(self.events_path, _APPEND, 0o600)
        except OSError as exc:
            if exc.errno not in {errno.EMFILE, errno.ENFILE}:
                raise
            self.reserve.release()
            descriptor = self.os_open(self.events_path, _APPEND, 0o600)
        try:
            self.os_write(descriptor, line)
        finally:
            self.os_close(descriptor)
            self.reserve.refill()

    def leave_if_forked(self) -> None:
        """A child that the program forked must not go on as if it were the target."""
        if self.getpid() != self.pid:
            self.exit(0)

    def abandon(self) -> None:
        """The tool is gone: nobody waits for us, and nobody else removes the run's folder."""
        try:
            for name in os.listdir(self.run_dir):
                os.unlink(os.path.join(self.run_dir, name))
            os.rmdir(self.run_dir)
        finally:
            self.exit(3)

    def rss_bytes(self) -> int:
        """Resident bytes; 0 when /proc is missing."""
        try:
            descriptor = self.os_open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return 0
        try:
            return int(self.os_read(descriptor, 200).split()[1]) * self.page_bytes
        finally:
            self.os_close(descriptor)

    def count_entries(self, folder: str) -> int:
        """Number of entries of a /proc folder; 0 when it cannot be read."""
        try:
            return len(self.listdir(folder))
        except OSError:
            return 0

    def measure(self, label: str) -> None:
        """Report what a snapshot cannot know of its moment."""
        self.emit(
            "measure",
            label=label,
            rss_bytes=self.rss_bytes(),
            threads=self.count_entries("/proc/self/task"),
            # Less the one that lists them.
            descriptors=max(0, self.count_entries("/proc/self/fd") - 1),
            blocks=self.blocks(),
        )

    def failed(self, phase: str, exc: BaseException) -> None:
        """Report an exception of the program with the program's own frames only."""
        self.emit(
            "failed",
            phase=phase,
            cycle=self.where()[1],
            type=type(exc).__qualname__,
            message=describe(exc),
            errno=exc.errno if isinstance(exc, OSError) else None,
            is_interrupt=isinstance(exc, KeyboardInterrupt),
            frames=user_frames(exc),
        )


class Run:
    """One run of one scenario."""

    def __init__(self, run_dir: str, config: dict[str, Any]) -> None:
        self.channel = Channel(run_dir)
        self.config = config
        self.clock, self.sleep, self.getppid = time.perf_counter_ns, time.sleep, os.getppid
        self.collect_now = gc.collect
        self.is_tracing: Any = None
        if config["sites"] is not None:
            # Here: an import after the baseline's collection would be collected with the final's.
            import _tracemalloc

            self.is_tracing = _tracemalloc.is_tracing
        self.parent_pid = os.getppid()
        self.native: Any = None
        self.module: Any = None
        self.cycle: Any = None
        self.runner: Any = None
        self.async_sleep: Any = None
        self.loop: Any = None
        self.context: Any = None
        self.is_interrupted = self.has_sites = False
        self.since: str | None = None
        self.run_dir = run_dir
        self.done_cycles: int | None = None
        self.identity: dict[str, Any] = {}
        self.process: dict[str, Any] = {}
        self.arguments_by_key: dict[tuple[str, str | None], tuple[Any, ...]] = {}
        first = int(config["warmup"])
        stop = first + int(config["cycles"])
        middle = stop if config["window"] is None else first + int(config["window"])
        self.warmup, self.early, self.late = (0, first), (first, middle), (middle, stop)
        load = stop - first
        self.bounds_by_label = {
            label: (first + point * load, first + (point + 1) * load)
            for point, label in enumerate(ladder_labels(config["ladder"]), 1)
        }
        self.rungs = tuple(self.bounds_by_label.items())
        self.cycles_by_label = {
            "baseline": 0, "window": middle - first, "loaded": load, "final": load,
            **{label: bounds[1] - first for label, bounds in self.bounds_by_label.items()},
        }  # fmt: skip

    def run(self) -> None:
        """The whole run; every exception of the program is reported, none escapes."""
        if not (self.attempt("start", self.load_native) and self.attempt("import", self.load)):
            return
        if self.attempt("setup", self.call_hook, "setup"):
            if self.attempt("warmup", self.run_cycles, self.warmup) and self.baseline():
                self.load_and_compare()
            self.attempt("teardown", self.call_hook, "teardown")
        if self.runner is not None:
            self.attempt("teardown", self.runner.close)
        self.attempt("exit", self.stop_watching)

    def attempt(self, phase: str, step: Any, *arguments: Any) -> bool:
        """Do one step; False when it raised, which is reported."""
        if self.getppid() != self.parent_pid:
            self.channel.abandon()
        try:
            self.channel.at(phase)
            step(*arguments)
        except BaseException as exc:
            self.channel.leave_if_forked()
            self.is_interrupted |= isinstance(exc, KeyboardInterrupt)
            self.channel.failed(phase, exc)
            return False
        self.channel.leave_if_forked()
        return True

    def load_native(self) -> None:
        """Load the native agent, before the program: its objects must be older."""
        loader = ExtensionFileLoader("_heap", self.config["native"])
        spec = spec_from_file_location("_heap", self.config["native"], loader=loader)
        assert spec is not None
        self.native = module_from_spec(spec)
        loader.exec_module(self.native)
        sys.modules.pop("_heap", None)
        self.native.die_with_parent(self.parent_pid)
        self.native.self_test()

    def load(self) -> None:
        """Import the scenario under its stem and look at its hooks."""
        path = self.config["scenario"]
        folder, name = os.path.split(path)
        sys.path.insert(0, folder)
        sys.argv[:] = [path]
        stem = os.path.splitext(name)[0]
        spec = spec_from_file_location(stem, path)
        assert spec is not None
        assert spec.loader is not None
        self.module = module_from_spec(spec)
        sys.modules[stem] = self.module
        spec.loader.exec_module(self.module)
        # Behind what it imports, as an import statement leaves it: a global is named by the
        # first module that has it.
        self.module = sys.modules[stem] = sys.modules.pop(stem, self.module)
        self.cycle = getattr(self.module, "cycle", None)
        if not callable(self.cycle):
            raise NoCycleError(f"{name} defines no function cycle(i)")
        hooks = ("cycle", "setup", "settle", "teardown")
        if any(is_async(getattr(self.module, hook, None)) for hook in hooks):
            import asyncio
            import contextvars

            self.runner, self.async_sleep = asyncio.Runner(), asyncio.sleep
            self.loop, self.context = self.runner.get_loop(), contextvars.copy_context()
            # The loop's own objects are made now, not after the baseline.
            self.run_in_loop(asyncio.sleep(0))

    def call_hook(self, name: str) -> None:
        """Run a hook of the scenario to its end, if it has it."""
        hook = getattr(self.module, name, None)
        if hook is None:
            return
        if self.runner is None:
            refuse_awaitable(hook())
        else:
            self.run_in_loop(call_in_loop(hook))

    def run_in_loop(self, coroutine: Any) -> Any:
        """Run a coroutine to its end in the one loop and context of the scenario.

        ``Runner.run`` leaves two lost blocks behind each time on 3.11 and 3.12.
        """
        task = self.loop.create_task(coroutine, context=self.context)
        try:
            return self.loop.run_until_complete(task)
        except BaseException:
            task.cancel()  # An interrupted cycle must not go on when teardown() runs.
            raise

    def run_cycles(self, bounds: tuple[int, int]) -> None:
        """Cycles first to stop - 1 of the phase we are in."""
        first, stop = bounds
        if first == stop:
            return
        started = self.clock()
        phase, _ = self.channel.where()
        if self.runner is None:
            self.run_plain(first, stop, phase)
        else:
            self.run_in_loop(self.run_async(first, stop, phase))
        self.channel.emit("cycles", phase=PHASES[phase], count=stop - first,
                          ns=self.clock() - started)  # fmt: skip

    def run_plain(self, first: int, stop: int, phase: int) -> None:
        """Call the cycle; the checks cost less than a microsecond each."""
        channel, cycle, getppid, parent_pid = (
            self.channel, self.cycle, self.getppid, self.parent_pid,
        )  # fmt: skip
        page, pack_at, getpid, pid = channel.page, channel.pack_at, channel.getpid, channel.pid
        for i in range(first, stop):
            pack_at(page, 0, phase, i)
            refuse_awaitable(cycle(i))
            if getpid() != pid:
                channel.exit(0)
            if getppid() != parent_pid:
                channel.abandon()

    async def run_async(self, first: int, stop: int, phase: int) -> None:
        """The same inside the event loop; a plain cycle of an async scenario is fine."""
        channel, cycle = self.channel, self.cycle
        for i in range(first, stop):
            channel.pack_at(channel.page, 0, phase, i)
            result = cycle(i)
            if result is not None and hasattr(type(result), "__await__"):
                await result
            result = None
            if channel.getpid() != channel.pid:
                channel.exit(0)
            if self.getppid() != self.parent_pid:
                channel.abandon()

    def baseline(self) -> bool:
        """Come to rest, collect, start birth tracking, capture; False when there is none."""
        self.native.prepare()
        self.attempt("settle", self.settle, "baseline")
        self.attempt("collect", self.collect, "baseline")
        return self.attempt("start", self.prepare_captures) and self.capture("baseline")

    def load_and_compare(self) -> None:
        """The load and the captures of its end, also when a cycle failed."""
        done = self.attempt("load", self.run_cycles, self.early)
        if done and self.config["window"] is not None:
            self.capture("window")
            done = self.attempt("load", self.run_cycles, self.late)
        if not done:
            self.done_cycles = max(0, self.channel.where()[1] - self.warmup[1])
        self.capture("loaded")
        if not self.is_interrupted:
            self.attempt("settle", self.call_hook, "settle")
        if not self.is_interrupted:
            self.attempt("settle", self.settle, "final")
        self.attempt("collect", self.collect, "final")
        if self.capture("final") and done and not self.is_interrupted:
            self.climb()

    def climb(self) -> None:
        """The ladder: as much load again for each point, come to rest, collect, capture.

        By number and not with ``for``: an iterator would be an object more in each snapshot.
        """
        number = 0
        while number < len(self.rungs):
            label, bounds = self.rungs[number]
            done = (
                self.attempt("load", self.run_cycles, bounds)
                and self.attempt("settle", self.call_hook, "settle")
                and self.attempt("settle", self.settle, label)
                and self.attempt("collect", self.collect, label)
                and self.capture(label)
            )
            if not done:
                return
            number += 1

    def settle(self, at: str) -> None:
        """Wait until the process is at rest; nothing to wait for when nothing can run."""
        started = self.clock()
        limit_ns = int(self.config["settle_max_s"] * 1e9)
        is_alone = self.runner is None and self.channel.count_entries("/proc/self/task") == 1
        if is_alone:
            is_settled = True
        elif self.runner is None:
            is_settled = self.wait_plain(started + limit_ns)
        else:
            is_settled = self.run_in_loop(self.wait_in_loop(started + limit_ns))
        self.channel.emit("settled", at=at, is_settled=is_settled, ns=self.clock() - started)

    def wait_plain(self, deadline: int) -> bool:
        """Sample while other threads run; False when time ran out."""
        settler = Settler()
        while not settler.add(self.channel.blocks(), self.channel.rss_bytes()):
            if self.clock() >= deadline:
                return False
            self.sleep(SAMPLE_S)
        return True

    async def wait_in_loop(self, deadline: int) -> bool:
        """Sample while the event loop runs; False when time ran out."""
        settler = Settler()
        while not settler.add(self.channel.blocks(), self.channel.rss_bytes()):
            if self.clock() >= deadline:
                return False
            await self.async_sleep(SAMPLE_S)
        return True

    def collect(self, at: str) -> None:
        """Collect until a collection frees nothing; refused when the pause would be too long."""
        if not self.config["collect"]:
            return
        limit_ns = self.config["max_pause_ns"]
        for _ in range(COLLECTIONS_MAX):
            blocks = self.channel.blocks()
            predicted_ns = int(blocks * self.channel.collect_rate())
            if limit_ns is not None and predicted_ns > limit_ns:
                self.channel.emit("collect_refused", at=at, predicted_ns=predicted_ns)
                return
            started = self.clock()
            freed = self.collect_now()
            ns = self.clock() - started
            RATE.pack_into(self.channel.page, 24, ns / max(1, blocks))
            self.channel.emit("collected", at=at, ns=ns, freed=freed)
            if not freed:
                return

    def prepare_captures(self) -> None:
        """Start sampling and birth tracking, make the arguments of every capture there may be."""
        identity: dict[str, Any] = {
            "method": "address and type", "exact": False, "inferred_types": [], "note": "",
        }  # fmt: skip
        if self.config["sites"] is not None:
            try:
                self.start_sites()
            except Exception as exc:
                self.channel.failed("sites", exc)
        if self.config["birth"]:
            try:
                identity = dict(self.native.birth_start())
            except Exception as exc:
                self.channel.failed("birth", exc)
        self.channel.emit("birth", **identity)
        self.identity, self.process = identity, self.native.describe_process()
        for order, label in enumerate(self.cycles_by_label):
            for since in (None, *LABELS[: min(order, 3)]):
                # A tuple that is passed whole is not made anew for the call.
                self.arguments_by_key[label, since] = self.arguments(label, since, None)

    def start_sites(self) -> None:
        """Sample allocations from now on; of a program that traces them itself read the traces."""
        source = "tracemalloc" if self.is_tracing() else "sampled"
        if source == "sampled":
            self.native.sites_start(sample_bytes=self.config["sites"])
        else:
            self.native.sites_read_traces()
        self.has_sites = True
        self.channel.emit("sites", source=source)

    def arguments(self, label: str, since: str | None, done: int | None) -> tuple[Any, ...]:
        """Of the native capture.  ``done``: cycles of the load, when not those planned."""
        path = os.fsencode(os.path.join(self.run_dir, label + SUFFIX))
        header = dict(self.config["header"])
        header.update(
            label=label, sequence=list(self.cycles_by_label).index(label), process=self.process
        )
        header["cycles"] = self.cycles_by_label[label] if done is None else done
        header["created"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        since_sequence = None if since is None else LABELS.index(since)
        header["identity"] = {**self.identity, "since": since, "since_sequence": since_sequence}
        is_mark = label in LABELS[:3]
        text = self.channel.encode(header).encode()
        max_wait_ms, mode = int(self.config["max_wait_ms"]), self.config["capture"]
        return path, text, is_mark, max_wait_ms, False, mode, self.config["content"]

    def capture(self, label: str) -> bool:
        """Take one snapshot; False when it could not be taken, which is reported.

        No object is made between the measurements and the walk.
        """
        self.channel.at("capture " + (LADDER if label in self.bounds_by_label else label))
        self.channel.measure(label)
        try:
            try:
                pause_ns = self.call_capture(label)
            except OSError as exc:
                if exc.errno not in {errno.EMFILE, errno.ENFILE}:
                    raise
                pause_ns = -1
            if pause_ns < 0:
                self.channel.reserve.release()
                pause_ns = self.call_capture(label)
                self.channel.reserve.refill()
            self.channel.emit("captured", label=label, pause_ns=pause_ns, since=self.since)
        except BaseException as exc:
            self.is_interrupted |= isinstance(exc, KeyboardInterrupt)
            self.channel.failed("capture " + label, exc)
            return False
        if label in LABELS[:3]:
            self.since = label
        return True

    def call_capture(self, label: str) -> int:
        """The native capture; nanoseconds of its pause."""
        arguments = self.arguments_by_key[label, self.since]
        if self.done_cycles is not None:
            arguments = self.arguments(label, self.since, self.done_cycles)
        pause_ns: int = self.native.capture(*arguments)
        return pause_ns

    def stop_watching(self) -> None:
        """Take birth tracking and sampling out again: the hooks are a pile."""
        if self.config["birth"]:
            self.channel.emit("birth_stopped", **self.native.birth_stop())
        if self.has_sites:
            self.channel.emit("sites_stopped", restored=self.native.sites_stop())


class NoCycleError(Exception):
    """The scenario has no function cycle(i)."""


def is_async(function: Any) -> bool:
    """Whether calling this gives a coroutine (``inspect`` is not worth its import here)."""
    for _ in range(16):
        if hasattr(function, "func"):  # functools.partial
            function = function.func
        elif hasattr(function, "__func__"):  # bound method
            function = function.__func__
        elif hasattr(function, "__code__"):
            return bool(function.__code__.co_flags & _CO_COROUTINE)
        else:
            function = getattr(type(function), "__call__", None)  # noqa: B004 - the function itself
    return False


def refuse_awaitable(result: object) -> None:
    """A plain scenario whose function returns a coroutine would silently do nothing."""
    if result is not None and hasattr(type(result), "__await__"):
        raise TypeError("a plain function of the scenario returned an awaitable: use async def")


async def call_in_loop(hook: Any) -> None:
    """A hook of an async scenario, plain or async, inside the loop."""
    result = hook()
    if result is not None and hasattr(type(result), "__await__"):
        await result


def describe(exc: BaseException) -> str:
    """Text of an exception, whatever its ``__str__`` does."""
    try:
        return str(exc)[:MESSAGE_CHARS]
    except BaseException as broken:
        return f"(its text cannot be had: {type(broken).__qualname__})"


def user_frames(exc: BaseException) -> list[tuple[str, int, str]]:
    """(file, line, function) of the program's frames, outermost first, the last few only."""
    frames: list[tuple[str, int, str]] = []
    entry = exc.__traceback__
    while entry is not None:
        code = entry.tb_frame.f_code
        if code.co_filename == __file__:
            frames.clear()
        elif not code.co_filename.startswith("<frozen "):
            frames.append((code.co_filename, entry.tb_lineno or 0, code.co_qualname))
        entry = entry.tb_next
    return frames[-FRAMES_MAX:]


def leave() -> None:
    """End the process without waiting for threads that may never end."""
    import atexit

    for step in (flush, atexit._run_exitfuncs, flush):  # noqa: SLF001 - there is no other
        try:
            step()
        except BaseException:
            continue
    os._exit(0)


def flush() -> None:
    """Write what the program printed; either stream may be gone."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()


def main() -> None:
    """Run the scenario that RUN_DIR/config.json describes."""
    run_dir = sys.argv[1]
    with open(os.path.join(run_dir, CONFIG), encoding="utf-8") as file:
        config = json.load(file)
    run = Run(run_dir, config)
    run.channel.emit("started", pid=os.getpid())
    try:
        run.run()
    except BaseException as exc:
        run.channel.leave_if_forked()
        run.channel.failed("exit", exc)
    run.channel.leave_if_forked()
    run.channel.at("exit")
    run.channel.emit("done")
    leave()


if __name__ == "__main__":
    main()

"""The agent that answers a client: every command, and that nothing is left of it."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leakhunt.agent import wire
from leakhunt.errors import TargetError
from leakhunt.store.reader import open_snapshot
from leakhunt.target.answers import Mark
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import Interpreter
from tests.agent.served import Target
from tests.agent.snapshot_view import SnapshotView

LOOK = """
import faulthandler, signal
def look():
    return {
        "threads": sorted(os.listdir("/proc/self/task")),
        "python threads": len(threading.enumerate()),
        "descriptors": {n: os.readlink("/proc/self/fd/" + n) for n in os.listdir("/proc/self/fd")
                        if os.path.exists("/proc/self/fd/" + n)},
        "gc": [gc.isenabled(), gc.get_threshold(), gc.get_freeze_count(), len(gc.callbacks)],
        "modules": sorted(sys.modules),
        "hooks": [len(sys.meta_path), len(sys.path), len(sys.path_hooks)],
        "names": sorted(vars(sys.modules["__main__"])),
        "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "signals": [repr(signal.getsignal(s)) for s in sorted(signal.valid_signals())],
        "interval": sys.getswitchinterval(),
    }
"""


@pytest.fixture
def target(python: Interpreter, agent: Path) -> Iterator[Target]:
    with Target(python, agent) as target:
        yield target


def header(label: str = "test") -> dict[str, Any]:
    return {
        "format": "leakhunt-stream", "tool": "test", "label": label, "sequence": 0,
        "process": {"pid": 1, "start_ticks": 1, "boot_id": "test", "uid": 1},
        "python": {"version": "3", "implementation": "cpython", "hexversion": 1, "abi": "",
                   "executable": ""},
        "created": "", "mode": "in-process", "redaction": "names",
        "identity": {"method": "none", "exact": False, "since": None, "inferred_types": []},
    }  # fmt: skip


def counts(path: Path) -> Counter[tuple[str, int]]:
    """How many objects there are of each type and size."""
    view = SnapshotView(open_snapshot(path))
    columns = view.columns
    return Counter(
        (view.type_of(node), int(columns.node_size[node])) for node in range(columns.heap_count)
    )


def test_hello_says_who_answers(target: Target, python: Interpreter, agent: Path) -> None:
    with target.connect() as connection:
        hello = connection.hello()
        own = target.run("import resource", "[os.getuid(), sys.hexversion]")
    assert (hello.version, hello.pid, hello.threads) == (wire.VERSION, target.pid, 1)
    assert [hello.uid, hello.hexversion] == own
    assert Path(hello.library) == agent
    fields = Path(f"/proc/{target.pid}/stat").read_text().rpartition(")")[2].split()
    assert hello.start_ticks == int(fields[19])
    assert hello.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert not hello.has_births


def test_a_measure_counts_the_target_alone(target: Target) -> None:
    code = "gc.disable(); gc.freeze(); t = threading.Thread(target=time.sleep, args=(60,))\n"
    target.run(code + "t.daemon = True; t.start(); f = open('/dev/null')")
    descriptors = target.run("", "os.listdir('/proc/self/fd')")
    with target.connect() as connection:
        measure = connection.measure(predicts=True)
        blocks = target.run("", "sys.getallocatedblocks()")
    assert measure.threads == 2
    # Less the one that lists them.
    assert measure.descriptors == len(descriptors) - 1
    assert measure.blocks == pytest.approx(blocks, abs=200)
    assert not measure.gc_enabled
    assert measure.gc_frozen > 1000
    assert measure.rss_bytes > 1 << 20
    assert measure.predicted is not None
    assert measure.predicted.walk_ns > 0


@pytest.mark.parametrize("mode", ["in-process", "fork", "auto"])
def test_a_snapshot_is_written_to_our_descriptor(target: Target, mode: str, tmp_path: Path) -> None:
    target.run("class Odd: pass\nkept = [Odd() for _ in range(100)]")
    path = tmp_path / "one.lkheap"
    with target.connect() as connection:
        result = connection.capture(path, header(), mode=mode)
    assert [entry.name for entry in tmp_path.iterdir()] == ["one.lkheap"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert result.file_bytes == path.stat().st_size
    assert mode in {result.mode, "auto"}
    assert result.pause_ns > 0
    types = Counter(name for name, _ in counts(path).elements())
    assert types["driven.Odd"] == 100
    columns = open_snapshot(path)
    assert columns.heap_count == result.node_count


def test_births_are_tracked_between_marks(target: Target, tmp_path: Path) -> None:
    with target.connect() as connection:
        connection.self_test()
        connection.prepare()
        births = connection.birth_start()
        assert births.exact
        assert connection.hello().has_births
        connection.capture(tmp_path / "a.lkheap", header(), mark=True)
        target.run("class New: pass\nnew = [New() for _ in range(50)]")
        connection.capture(tmp_path / "b.lkheap", header())
        with pytest.raises(TargetError, match="running already"):
            connection.birth_start()
        assert connection.birth_stop().restored
        with pytest.raises(TargetError, match="did not start"):
            connection.birth_stop()
    view = SnapshotView(open_snapshot(tmp_path / "b.lkheap"))
    flags = view.columns.node_flags
    born = [n for n in range(view.columns.heap_count) if view.type_of(n) == "driven.New"]
    assert len(born) == 50
    assert all(int(flags[node]) & 1 for node in born)


def test_a_collection_leaves_the_collector_as_the_program_has_it(target: Target) -> None:
    code = """
gc.collect(); gc.disable(); seen = []
class Late:
    def __init__(self): self.me = self
    def __del__(self): seen.append(threading.current_thread().name)
for _ in range(3): Late()
"""
    target.run(code)
    with target.connect() as connection:
        assert connection.collect(max_pause_ns=1000).is_refused
        assert target.run("", "len(seen)") == 0
        first = connection.collect()
        assert first.freed >= 3
        assert first.ns > 0
        again = connection.collect()
        assert again.freed == 0
        # The rate was measured: what the next one takes is known to within a factor.
        assert again.predicted_ns == pytest.approx(first.ns, rel=0.5)
        assert target.run("", "[len(seen), gc.isenabled()]") == [3, False]
        # A finalizer that asks for its thread leaves no stand-in for ours behind.
        assert target.run("", "[t.name for t in threading.enumerate()]") == ["MainThread"]


def test_a_mark_waits_for_its_release(target: Target) -> None:
    with target.connect(hears_marks=True) as connection:
        connection.hello()
        assert connection.events(0.05) == []
        target.send("import leakhunt; leakhunt.mark('loaded \\u2713'); done = time.time()", "done")
        assert connection.events(5) == [Mark("loaded \u2713")]
        time.sleep(0.2)
        released = time.time()
        connection.release()
        assert target.answer() >= released
        # The import hook goes with us; what was imported stays harmless.
        target.run("from leakhunt import mark")
    target.run("start = time.time(); mark('nobody')")
    assert target.run("", "time.time() - start") < 1
    assert not target.run("", "any('leakhunt_mark' in dir(f) for f in sys.meta_path)")
    # A package that is installed has a file, ours had none.
    assert target.run("", "hasattr(sys.modules.get('leakhunt', os), '__file__')")


def test_a_forked_child_drops_the_finder_at_its_next_import(target: Target) -> None:
    code = (
        "reader, writer = os.pipe()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    try:\n"
        "        import no_such_module\n"
        "    except ImportError:\n"
        "        pass\n"
        "    left = any('leakhunt_mark' in dir(f) for f in sys.meta_path)\n"
        "    os.write(writer, b'left' if left else b'gone')\n"
        "    os._exit(0)\n"
        "os.waitpid(pid, 0)\n"
        "said = os.read(reader, 9).decode()\n"
        "os.close(reader); os.close(writer)\n"
    )
    with target.connect(hears_marks=True) as connection:
        connection.hello()
        assert target.run(code, "said") == "gone"
        assert target.run("", "any('leakhunt_mark' in dir(f) for f in sys.meta_path)")


def test_keeping_a_connection_alive_releases_no_mark(target: Target) -> None:
    with target.connect(hears_marks=True) as connection:
        connection.hello()
        target.send("import leakhunt; leakhunt.mark('x'); done = time.time()", "done")
        assert [mark.label for mark in connection.events(5)] == ["x"]
        connection.hello()
        time.sleep(0.3)
        before = time.time()
        connection.release()
        assert target.answer() >= before


def test_marks_of_several_threads_are_released_in_order(target: Target) -> None:
    with target.connect(hears_marks=True) as connection:
        connection.hello()
        target.run(
            "from leakhunt import mark; over = []\n"
            "def one(label): mark(label); over.append(label)\n"
            "threads = [threading.Thread(target=one, args=(str(i),)) for i in range(3)]\n"
            "for t in threads: t.start()"
        )
        labels: list[str] = []
        for n in range(3):
            while len(labels) <= n:
                labels += [mark.label for mark in connection.events(5)]
            connection.release()
        assert sorted(labels) == ["0", "1", "2"]
        target.run("for t in threads: t.join()")
        assert target.run("", "sorted(over)") == ["0", "1", "2"]


def test_marks_nobody_asked_for_do_not_wait(target: Target) -> None:
    with target.connect() as connection:
        connection.hello()
        target.run("import leakhunt; start = time.time(); leakhunt.mark('x')")
        assert target.run("", "time.time() - start") < 1
        assert connection.events(0.05) == []


def test_a_waiting_mark_can_be_interrupted(target: Target) -> None:
    with target.connect(hears_marks=True) as connection:
        connection.hello()
        target.send(
            "from leakhunt import mark; text = ''\n"
            "try: mark('long')\nexcept KeyboardInterrupt: text = 'interrupted'", "text"
        )  # fmt: skip
        assert connection.events(5) == [Mark("long")]
        target.process.send_signal(2)
        assert target.answer() == "interrupted"


def test_after_goodbye_the_process_is_as_before(target: Target) -> None:
    target.run(LOOK + "look()\n")
    before = target.run("", "look()")
    connection = target.connect()
    connection.hello()
    connection.self_test()
    connection.prepare()
    connection.birth_start()
    connection.collect()
    connection.measure()
    assert connection.close().restored
    after = target.run("", "look()")
    assert after == before


def test_attaching_again_and_again_leaves_no_object(target: Target, tmp_path: Path) -> None:
    """Not even in a program that switched the collector off."""
    target.run("gc.collect(); gc.disable()")
    objects, blocks = [], []
    for i in range(24):
        with target.connect() as connection:
            connection.hello()
            connection.self_test()
            connection.prepare()
            connection.birth_start()
            connection.capture(tmp_path / "one.lkheap", header(), mode="fork")
            connection.measure()
        objects.append(target.run("", "len(gc.get_objects())"))
        if i % 8 == 7:
            # Empties the free lists, and the cache of attribute look-ups in types: that keeps
            # the names which CPython's own import of an extension asks for.
            target.run("gc.collect(); sys._clear_type_cache()")
            blocks.append(target.run("", "sys.getallocatedblocks()"))
    assert len(set(objects[2:7])) == len(set(objects[9:15])) == 1
    assert blocks[2] - blocks[1] <= 4


def memory(target: Target) -> dict[str, int]:
    """Address space and resident memory in KiB, and number of mappings."""
    text = Path(f"/proc/{target.pid}/status").read_text()
    found = {k: int(v.split()[0]) for k, v in re.findall(r"^(Vm\w+):\s*(.*)$", text, re.MULTILINE)}
    maps = Path(f"/proc/{target.pid}/maps").read_text().count("\n")
    return {"virtual": found["VmSize"], "resident": found["VmRSS"], "maps": maps}


@pytest.mark.slow
def test_a_thousand_hunts_of_one_process(target: Target, tmp_path: Path) -> None:
    after: list[dict[str, Any]] = []
    for number in range(1000):
        with target.connect() as connection:
            connection.hello()
            connection.self_test()
            connection.prepare()
            connection.birth_start()
            connection.collect()
            for mode in ("in-process", "fork", "auto"):
                connection.capture(tmp_path / "one.lkheap", header(), mark=True, mode=mode)
        if number in {99, 999}:
            target.run("gc.collect(); sys._clear_type_cache()")
            counts = target.run("", "[len(gc.get_objects()), sys.getallocatedblocks()]")
            after.append({**memory(target), "counts": counts, "fds": len(target.descriptors())})
    first, last = after
    assert (last["counts"], last["fds"]) == (first["counts"], first["fds"])
    assert last["virtual"] - first["virtual"] <= 1024
    assert last["resident"] - first["resident"] <= 1024
    assert last["maps"] - first["maps"] <= 2


def test_the_snapshot_tells_the_whole_pause(target: Target, tmp_path: Path) -> None:
    """The memory of the walk and the marks of births belong to it."""
    target.run("kept = [[i] for i in range(400_000)]")
    missing = []
    with target.connect() as connection:
        connection.hello()
        connection.birth_start()
        for _ in range(5):
            answer = connection.capture(tmp_path / "one.lkheap", header(), mark=True)
            told = open_snapshot(tmp_path / "one.lkheap").footer["pause_ns"]
            assert isinstance(told, int)
            assert told <= answer.pause_ns
            missing.append((answer.pause_ns - told) / answer.pause_ns)
    assert sorted(missing)[2] < 0.02


def settle(target: Target) -> None:
    target.run("gc.collect(); gc.collect()")


PROGRAMS = {
    "idle": "x = 1",
    "threads": """
stop = False
def spin():
    n = 0
    while not stop:
        n = (n + 1) % 100
for _ in range(3): threading.Thread(target=spin, daemon=True).start()
time.sleep(0.1)
""",
    "asyncio": """
import asyncio
async def tick():
    while True:
        await asyncio.sleep(0.01)
def run():
    asyncio.run(tick())
threading.Thread(target=run, daemon=True).start()
time.sleep(0.3)
""",
}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("mode", ["in-process", "fork"])
def test_two_captures_with_nothing_between_are_equal(
    target: Target, program: str, mode: str, tmp_path: Path
) -> None:
    target.run(PROGRAMS[program])
    settle(target)
    with target.connect() as connection:
        connection.hello()
        connection.self_test()
        connection.prepare()
        connection.birth_start()
        # What is made by looking the first time is older than what is compared.
        connection.capture(tmp_path / "0.lkheap", header(), mark=True, mode=mode)
        connection.measure()
        connection.collect()
        for i in (1, 2):
            connection.measure()
            connection.capture(tmp_path / f"{i}.lkheap", header(), mode=mode)
    first, second = (counts(tmp_path / f"{i}.lkheap") for i in (1, 2))
    delta = Counter(second)
    delta.subtract(first)
    grown = {key: n for key, n in delta.items() if n != 0}
    if program == "idle":
        assert grown == {}
    else:
        # The program itself is caught at another instruction each time.
        assert sum(grown.values()) <= 12
        assert not any("thread" in name.lower() for name, _ in grown)


def test_what_comes_over_the_wire_is_checked() -> None:
    import socket

    for data in (b"", b"\x00" * 7, b"\x00" * 8 + b"[]", b"\x09\x00\x00\x00" + b"\x00" * 4 + b"{}",
                 b"\x00" * 8 + b'{"version": "one"}', b"\x00" * 8 + b"{" * 5000):  # fmt: skip
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            theirs.send(data or b"x")
            connection = AgentConnection(ours, 1, answer_s=1)
            with pytest.raises(TargetError):
                connection.hello()
            connection.close()


@pytest.mark.skipif("LEAKHUNT_SANITIZED" in os.environ, reason="malloc is not glibc's")
def test_trimming_gives_back_what_malloc_holds_free(target: Target) -> None:
    with target.connect() as connection:
        target.run("import time\nkept = [bytearray(2000) for i in range(40000)][-1:]", "0")
        done = connection.trim()
        again = connection.trim()
    assert (done.is_trimmed, done.malloc) == (True, "glibc")
    assert done.rss_before_bytes - done.rss_after_bytes > 60 << 20
    assert abs(again.rss_before_bytes - again.rss_after_bytes) < 4 << 20

"""Whatever happens to the target or to its client, the program goes on and nothing is left."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leakhunt.agent import wire
from leakhunt.agent.wire import Flag, Opcode, Status
from leakhunt.errors import TargetError
from leakhunt.store.reader import open_snapshot
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import Interpreter
from tests.agent.served import Target
from tests.agent.test_server import header

HOLD_GIL = "import ctypes\ndef hold(s): ctypes.PyDLL(None).usleep(int(s * 1e6))\n"
BIG = "class Node: pass\nheap = [[i, str(i), Node()] for i in range(%d)]\n"


@pytest.fixture
def target(python: Interpreter, agent: Path) -> Iterator[Target]:
    with Target(python, agent) as target:
        yield target


def wait_until(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def agent_is_gone(target: Target) -> bool:
    return "leakhunt" not in target.tasks()


def births_are_gone(target: Target) -> bool:
    """Asked by an agent that comes after."""
    with target.connect() as connection:
        return not connection.hello().has_births


# --- the interpreter lock ------------------------------------------------------------------------


def test_hello_comes_while_c_code_holds_the_lock(target: Target) -> None:
    target.run(HOLD_GIL)
    with target.connect() as connection:
        connection.hello()
        target.send("hold(1.0)")
        time.sleep(0.2)
        started = time.monotonic()
        connection.hello()
        assert time.monotonic() - started < 0.5
        target.answer()


def test_a_command_that_gets_no_lock_says_so(target: Target) -> None:
    target.run(HOLD_GIL)
    connection = target.connect(answer_s=0.3)
    connection.hello()
    connection.birth_start()
    target.send("hold(1.5)")
    time.sleep(0.2)
    with pytest.raises(TargetError, match=r"did not let go of its interpreter lock for 0\.3 s"):
        connection.measure()
    assert not connection.is_open
    target.answer()
    wait_until(lambda: agent_is_gone(target))
    assert births_are_gone(target)


@pytest.mark.parametrize("mode", ["in-process", "fork"])
def test_no_memory_for_the_walk(target: Target, tmp_path: Path, mode: str) -> None:
    """In the child as well: it did not leave, it had no room."""
    target.run(
        "import resource; kept = bytearray(1 << 20)\n"
        "size = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "old = resource.getrlimit(resource.RLIMIT_AS)"
    )
    with target.connect() as connection:
        connection.hello()
        connection.prepare()
        target.run(
            "size = int(open('/proc/self/statm').read().split()[0]) * 4096\n"
            "resource.setrlimit(resource.RLIMIT_AS, (size + (256 << 10), old[1]))"
        )
        enabled = target.run("", "gc.isenabled()")
        with pytest.raises(TargetError, match="no memory for the walk"):
            connection.capture(tmp_path / "one.lkheap", header(), mode=mode)
        assert list(tmp_path.iterdir()) == []
        assert target.run("", "gc.isenabled()") == enabled
        target.run("resource.setrlimit(resource.RLIMIT_AS, old)")
        assert connection.capture(tmp_path / "one.lkheap", header(), mode=mode).mode == mode


# --- the end of the program ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["idle", "births", "waiting for the lock", "collecting"])
def test_a_program_ends_as_it_would_without_us(target: Target, how: str) -> None:
    target.run(HOLD_GIL)
    connection = target.connect(answer_s=20)
    connection.hello()
    if how == "births":
        connection.birth_start()
    if how == "waiting for the lock":
        target.send("import atexit; atexit.register(hold, 0.5); print('last')")
        sock = connection._socket
        assert sock is not None
        for _ in range(20):
            sock.send(wire.REQUEST.pack(Opcode.MEASURE, 0, 0))
    if how == "collecting":
        target.run(
            "class Slow:\n"
            "    def __init__(self): self.me = self\n"
            "    def __del__(self): time.sleep(0.3)\n"
            "Slow(); Slow(); Slow()"
        )
        sock = connection._socket
        assert sock is not None
        sock.send(wire.REQUEST.pack(Opcode.COLLECT, 0, 0))
    status, errors = target.end()
    assert (status, errors) == (0, "")
    for _ in range(2):
        with pytest.raises(TargetError, match=f"process {target.pid}"):
            connection.measure()


def test_the_target_is_killed(target: Target) -> None:
    connection = target.connect()
    connection.hello()
    target.process.kill()
    target.process.wait()
    with pytest.raises(TargetError, match=rf"the target \(process {target.pid}\) ended"):
        connection.measure()
    assert not connection.close().restored


def test_the_program_becomes_another_one(target: Target) -> None:
    connection = target.connect()
    connection.hello()
    target.send("os.execv('/bin/sleep', ['sleep', '60'])")
    wait_until(lambda: b"sleep" in Path(f"/proc/{target.pid}/cmdline").read_bytes())
    with pytest.raises(TargetError, match="ended the connection"):
        connection.measure()


# --- fork ----------------------------------------------------------------------------------------


def test_a_forked_child_has_nothing_of_ours(target: Target) -> None:
    target.run(
        "parent_ends, child_ends = os.pipe()\n"
        "def fork(report):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        try: os.write(child_ends, repr(report()).encode())\n"
        "        finally: os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "    return eval(os.read(parent_ends, 9999))\n"
        "def look():\n"
        "    fds = {n: os.readlink('/proc/self/fd/' + n) for n in os.listdir('/proc/self/fd')\n"
        "           if os.path.exists('/proc/self/fd/' + n)}\n"
        "    junk = [[i] for i in range(10000)]\n"
        "    return (sorted(os.listdir('/proc/self/task')) == [str(os.getpid())], fds,\n"
        "            gc.get_freeze_count(), gc.collect() >= 0)\n"
        "frozen = gc.get_freeze_count()"
    )
    before = target.run("", "fork(look)")
    with target.connect() as connection:
        connection.hello()
        connection.birth_start()
        within = target.run("import warnings; warnings.simplefilter('ignore')", "fork(look)")
        assert within == before
        assert within[0]
        # The child's end of the connection was its copy: ours goes on.
        assert connection.measure().has_births


def test_a_child_that_stays_does_not_hold_the_connection_open(target: Target) -> None:
    connection = target.connect()
    connection.hello()
    target.run(
        "import warnings; warnings.simplefilter('ignore')\n"
        "pid = os.fork()\n"
        "if pid == 0:\n    time.sleep(60); os._exit(0)",
        "pid",
    )
    child = target.run("", "pid")
    try:
        target.process.kill()
        target.process.wait()
        with pytest.raises(TargetError, match="ended"):
            connection.measure()
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_child_can_be_attached_to(target: Target, agent: Path) -> None:
    """The library is there already, with the parent's state: none of it counts."""
    connection = target.connect()
    connection.hello()
    connection.birth_start()
    target.run("import warnings; warnings.simplefilter('ignore')")
    code = f"""
import importlib.util
def serve_in_child():
    spec = importlib.util.spec_from_file_location("_heap", {str(agent)!r})
    native = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(native)
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    native.serve(theirs.detach())
    ours.send({wire.REQUEST.pack(Opcode.HELLO, 0, 0)!r})
    answer = ours.recv(9999)
    ours.send({wire.REQUEST.pack(Opcode.BIRTH_START, 0, 0)!r})
    while True:
        births = ours.recv(9999)
        if births[:4] != bytes([2, 0, 0, 0]): break
    ours.close()
    return answer[8:].decode(), births[8:].decode()
r, w = os.pipe()
pid = os.fork()
if pid == 0:
    try: os.write(w, repr(serve_in_child()).encode())
    finally: os._exit(0)
os.waitpid(pid, 0)
"""
    hello, births = target.run(code, "eval(os.read(r, 99999))")
    assert '"has_births": false' in hello
    assert '"exact": true' in births
    assert connection.measure().has_births
    connection.close()


def test_a_fork_is_not_warned_of_after_us(python: Interpreter, agent: Path) -> None:
    with Target(python, agent, "-W", "always") as target:
        with target.connect() as connection:
            connection.hello()
            connection.birth_start()
        target.run("pid = os.fork()\nif pid == 0: os._exit(0)\nos.waitpid(pid, 0)")
        status, errors = target.end()
    assert (status, errors) == (0, "")


# --- descriptors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reuse", [False, True])
def test_a_program_that_closes_all_descriptors(target: Target, reuse: bool, tmp_path: Path) -> None:
    connection = target.connect()
    connection.hello()
    connection.birth_start()
    target.run("os.closerange(3, 100)")
    if reuse:
        target.run(
            f"kept = [open({str(tmp_path)!r} + '/' + str(i), 'w+b', buffering=0)"
            " for i in range(20)]"
        )
    wait_until(lambda: agent_is_gone(target))
    with pytest.raises(TargetError, match="ended the connection"):
        connection.measure()
    if reuse:
        assert target.run("", "sum(os.fstat(f.fileno()).st_size for f in kept)") == 0
        assert target.run("", "all(f.write(b'x') == 1 for f in kept)")
    assert births_are_gone(target)


def test_a_program_that_has_no_descriptor_left_can_be_captured(
    target: Target, tmp_path: Path
) -> None:
    target.run("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))")
    with target.connect() as connection:
        connection.hello()
        target.run("kept = []\ntry:\n    while True: kept.append(os.dup(0))\nexcept OSError: pass")
        for mode in ("in-process", "fork"):
            path = tmp_path / f"{mode}.lkheap"
            connection.capture(path, header(), mode=mode)
            assert open_snapshot(path).heap_count > 1000
        target.run("for fd in kept: os.close(fd)")


def test_a_disk_that_is_full_leaves_no_file(target: Target, tmp_path: Path) -> None:
    target.run(
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    )
    with target.connect() as connection:
        for mode in ("in-process", "fork"):
            with pytest.raises(TargetError, match="File too large"):
                connection.capture(tmp_path / "a.lkheap", header(), mode=mode)
            assert list(tmp_path.iterdir()) == []
        assert connection.measure().blocks > 0


def test_a_folder_that_is_missing_is_named(target: Target, tmp_path: Path) -> None:
    with target.connect() as connection:
        with pytest.raises(TargetError, match=r"nowhere.*cannot be written: No such file"):
            connection.capture(tmp_path / "nowhere" / "a.lkheap", header())
        connection.hello()


# --- the client ----------------------------------------------------------------------------------


@pytest.mark.parametrize("after_ms", [0, 5, 20, 60])
@pytest.mark.parametrize("mode", [Flag(0), Flag.FORK])
def test_a_client_that_dies_in_the_middle_of_a_capture(
    target: Target, mode: Flag, after_ms: int, tmp_path: Path
) -> None:
    target.run(BIG % 100_000)
    sock = target.open_socket()
    connection = AgentConnection(sock, target.pid)
    connection.birth_start()
    with (tmp_path / "a").open("wb") as file:
        request = wire.REQUEST.pack(Opcode.CAPTURE, mode | Flag.MARK, 1000)
        socket.send_fds(sock, [request + b"{}"], [file.fileno()])
    time.sleep(after_ms / 1000)
    sock.close()
    wait_until(lambda: agent_is_gone(target))
    assert target.run("", "gc.isenabled()")
    assert births_are_gone(target)
    assert not any("/a" in place for place in target.descriptors().values())


def test_a_silent_client_is_taken_for_dead(target: Target) -> None:
    connection = target.connect()
    sock = connection._socket
    assert sock is not None
    connection.birth_start()
    sock.send(wire.REQUEST.pack(Opcode.HELLO, 0, 400))
    sock.recv(wire.ANSWER_BYTES_MAX)
    # Any command is a sign of life.
    for _ in range(4):
        time.sleep(0.2)
        sock.send(wire.REQUEST.pack(Opcode.RELEASE, 0, 0))
        assert wire.ANSWER.unpack_from(sock.recv(9999)) == (Status.OK, Opcode.RELEASE)
    wait_until(lambda: agent_is_gone(target))
    with pytest.raises(TargetError, match="the client was silent for too long"):
        connection.measure()
    assert births_are_gone(target)


def test_a_second_client_is_refused(target: Target) -> None:
    with target.connect() as connection:
        connection.hello()
        started = time.monotonic()
        with pytest.raises(AssertionError, match="another client of leakhunt is connected"):
            target.connect()
        assert time.monotonic() - started < 2
        # The first one does not notice.
        assert connection.measure().blocks > 0
        assert target.run("", "len(sys.meta_path)") >= 3
    assert births_are_gone(target)


def test_one_client_after_the_other_at_once(target: Target) -> None:
    for _ in range(10):
        connection = target.connect()
        connection.birth_start()
        sock = connection._socket
        assert sock is not None
        sock.close()
    assert births_are_gone(target)


def test_hostile_bytes_end_the_connection_and_nothing_else(target: Target) -> None:
    dice = random.Random(7)
    messages = [b"x", bytes(15), bytes(16), b"\xff" * 16, wire.REQUEST.pack(11, 0, 0),
                wire.REQUEST.pack(2**32 - 1, 2**32 - 1, 2**64 - 1), bytes(wire.REQUEST_BYTES_MAX),
                *(dice.randbytes(dice.randrange(1, 200)) for _ in range(8))]  # fmt: skip
    for message in messages:
        sock = target.open_socket()
        with sock:
            sock.send(message)
            status, _ = wire.ANSWER.unpack_from(sock.recv(wire.ANSWER_BYTES_MAX))
            assert status in {Status.EVENT, Status.OK, Status.ERROR}
    assert births_are_gone(target)
    assert target.run("", "6 * 7") == 42


def test_commands_with_odd_arguments_are_answered(target: Target, tmp_path: Path) -> None:
    sock = target.open_socket()
    with sock, (tmp_path / "a").open("wb") as file:
        for opcode in Opcode:
            if opcode is Opcode.BYE:
                continue
            request = wire.REQUEST.pack(opcode, 2**32 - 1 - Flag.EVENTS, 2**63 + 5)
            socket.send_fds(sock, [request + b"\xff" * 1000], [file.fileno()] * 4)
            while True:
                status, answered = wire.ANSWER.unpack_from(sock.recv(wire.ANSWER_BYTES_MAX))
                if status != Status.EVENT:
                    break
            assert answered == opcode
        # Nobody keeps a descriptor that came with a request.
        places = list(target.descriptors().values())
    assert not any(place.endswith("/a") for place in places)


def test_a_file_that_cannot_be_written_is_an_error(target: Target) -> None:
    sock = target.open_socket()
    with sock, Path("/dev/null").open("rb") as file:
        for fds in ([], [file.fileno()]):
            socket.send_fds(sock, [wire.REQUEST.pack(Opcode.CAPTURE, 0, 0) + b"{}"], fds)
            data = sock.recv(wire.ANSWER_BYTES_MAX)
            while wire.ANSWER.unpack_from(data)[0] == Status.EVENT:
                data = sock.recv(wire.ANSWER_BYTES_MAX)
            assert wire.ANSWER.unpack_from(data)[0] == Status.ERROR


def test_signals_are_the_program_s(target: Target) -> None:
    target.run(
        "import signal; seen = []\n"
        "signal.signal(signal.SIGUSR1, lambda n, f: seen.append(threading.current_thread().name))"
    )
    with target.connect() as connection:
        for _ in range(50):
            target.process.send_signal(signal.SIGUSR1)
            connection.measure()
        names = target.run("", "sorted(set(seen))")
        masks = [
            line.split()[1]
            for task in Path(f"/proc/{target.pid}/task").iterdir()
            if (task / "comm").read_text() == "leakhunt\n"
            for line in (task / "status").read_text().splitlines()
            if line.startswith("SigBlk")
        ]
    assert names == ["MainThread"]
    # All but the two that the C library keeps for itself and those that cannot be blocked.
    assert [int(mask, 16) | 0x1_8004_0100 for mask in masks] == [2**64 - 1]


def test_a_library_that_cannot_be_loaded_is_named(python: Interpreter) -> None:
    with (
        Target(python, Path("/nowhere/_heap.so")) as target,
        pytest.raises(AssertionError, match=r"ImportError: /nowhere/_heap\.so"),
    ):
        target.connect()

"""Inject with gdb, on explicit request: for processors that the own injector does not know.

gdb stops the whole process twice, for some tenths of a second each.  First it makes a mapping
and a socket pair; the tool writes the text into the mapping; then gdb queues a pending call of
it.  Calling the interpreter in place, as older tools do, would kill a target that is in its
allocator.  A target whose main thread waits gets to the call when it runs Python code again.
The mapping stays.
"""

from __future__ import annotations

import re
import socket
import struct
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass

from leakhunt.errors import TargetError
from leakhunt.target.attach.door import Door, TextSource, describe, framed
from leakhunt.target.attach.inject import PENDING_CALL, Injection, take_over
from leakhunt.target.attach.library import Delivery
from leakhunt.target.attach.memory import Memory

GDB_TIMEOUT_S = 60.0

FUNCTIONS = ("mmap", "socketpair", "close", "Py_AddPendingCall", "PyRun_SimpleString")
"""What gdb is made to call."""

_PAGE_BYTES = 64 << 10
_PAIR, _TEXT = 16, 64
_READ_WRITE = 3
_MAP_PRIVATE_ANONYMOUS = 0x22
_SOCKET_KIND = socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC
_RESULT = re.compile(r"^\$\d+ = (-?\d+)$", re.MULTILINE)
_QUIET = ("-nx", "-batch", "-iex", "set auto-load off", "-iex", "set debuginfod enabled off")

# PyRun_SimpleString works on the main thread and in the namespace of __main__: no name is left
# there, and a thread of its own does the work.
_STARTER = (
    '__import__("sys").modules["_thread"].start_new_thread('
    '__import__("builtins").exec, ({text!r}, {{}}))\n'
)


@dataclass(frozen=True, slots=True)
class GdbInjector:
    """Everything that is known before gdb runs."""

    pid: int
    inner_pid: int
    """As the target sees itself."""
    pidfd: int
    memory: Memory
    address_by_name: Mapping[str, int]
    """Of FUNCTIONS."""
    library: Delivery
    source: TextSource

    def inject(self) -> Injection:
        """Queue the text; its stop is the time that gdb took, both runs together.

        Raises TargetError when gdb is missing or fails, or the target cannot open the library.
        """
        if not self.library.path:
            raise TargetError(
                f"process {self.pid} cannot open the native agent, and gdb cannot bring it",
                hint="use --method ptrace, or put leakhunt where the process can read it",
            )
        started = time.perf_counter_ns()
        page = self._prepare()
        ours, theirs = struct.unpack("<ii", self.memory.read(page + _PAIR, 8))
        sock = take_over(self.pid, self.pidfd, ours)
        try:
            door = Door(self.inner_pid, describe(self.pidfd, theirs), self.library.path, None)
            text = _STARTER.format(text=framed(door, self.source)).encode() + b"\0"
            assert len(text) <= _PAGE_BYTES - _TEXT
            self.memory.write(page + _TEXT, text)
            self._queue(ours, page + _TEXT)
        except BaseException:
            sock.close()
            raise
        return Injection(sock, PENDING_CALL, "gdb", time.perf_counter_ns() - started)

    def _prepare(self) -> int:
        """Address of a new mapping that holds the numbers of a socket pair."""
        page, result = self._gdb(
            self._call("mmap", 0, _PAGE_BYTES, _READ_WRITE, _MAP_PRIVATE_ANONYMOUS, -1, 0),
            self._call("socketpair", socket.AF_UNIX, _SOCKET_KIND, 0, f"$1 + {_PAIR}"),
        )
        if page == -1 or result & 0xFFFFFFFF:
            raise TargetError(
                f"process {self.pid} cannot make what an attach needs",
                hint="is its limit of descriptors or of memory reached?",
            )
        return page

    def _queue(self, ours: int, text: int) -> None:
        run = self.address_by_name["PyRun_SimpleString"]
        _, result = self._gdb(self._call("close", ours), self._call("Py_AddPendingCall", run, text))
        if result & 0xFFFFFFFF:
            raise TargetError(
                f"process {self.pid} has too many pending calls",
                hint="try again when it runs Python code",
            )

    def _call(self, name: str, *args: int | str) -> str:
        values = ", ".join(f"(long)({arg})" for arg in args)
        kinds = ", ".join("long" for _ in args)
        return f"print ((long (*)({kinds})) {self.address_by_name[name]})({values})"

    def _gdb(self, *commands: str) -> list[int]:
        """The results of some commands in one run."""
        arguments = [part for command in commands for part in ("-ex", command)]
        try:
            done = subprocess.run(
                ["gdb", *_QUIET, "-p", str(self.pid), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=GDB_TIMEOUT_S,
                check=False,
            )
        except FileNotFoundError as exc:
            raise TargetError(
                "gdb is not on PATH", hint="install gdb, or use --method ptrace"
            ) from exc
        except subprocess.TimeoutExpired as exc:
            raise TargetError(f"gdb did not end in {GDB_TIMEOUT_S:g} s") from exc
        output = done.stdout.decode("utf-8", "replace")
        results = [int(text) for text in _RESULT.findall(output)]
        if len(results) != len(commands):
            last = (output.strip().splitlines() or ["no output"])[-1]
            raise TargetError(f"gdb failed on process {self.pid}: {last}")
        return results

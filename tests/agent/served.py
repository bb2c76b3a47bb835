"""Targets that serve: an agent answers in them at an inherited socket, no attach needed."""

from __future__ import annotations

import functools
import json
import os
import select
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from leakhunt.agent import bootstrap
from leakhunt.target.attach.door import READY, Descriptor, Door, framed
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import Interpreter
from tests.proc_view import descriptors, thread_names

PROGRAM = Path(__file__).parent / "served_program.py"
ANSWER_S = 30.0


class Target:
    """A process that does what it is told: `run` Python code in it, `connect` to its agent."""

    def __init__(self, python: Interpreter, agent: Path, *options: str) -> None:
        self._agent = agent
        self.process = subprocess.Popen(
            [str(python.path), "-I", *options, str(PROGRAM)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        self.run("import array, gc, os, socket, sys, threading, time")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.communicate()

    def send(self, code: str, value: str = "None") -> None:
        """Tell it what to do, without waiting."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([code, value]) + "\n")
        self.process.stdin.flush()

    def answer(self, timeout_s: float = ANSWER_S) -> Any:
        """What it answers to the oldest `send`."""
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], timeout_s)
        assert ready, "the target does not answer"
        line = self.process.stdout.readline()
        if not line:
            assert self.process.stderr is not None
            raise AssertionError(f"the target ended: {self.process.stderr.read()[-4000:]}")
        return json.loads(line)

    def run(self, code: str, value: str = "None") -> Any:
        """Run code in it and get a value back."""
        self.send(code, value)
        return self.answer()

    def end(self) -> tuple[int, str]:
        """Let it end by itself: its exit status, what it wrote to stderr."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None
        _, errors = self.process.communicate(timeout=ANSWER_S)
        return self.process.returncode, errors

    def open_socket(self, *, offers_mark: bool = True) -> socket.socket:
        """Our end of a channel that the agent answers at."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.hand_over(theirs)
        socket_there = Descriptor(
            *self.run("s = os.fstat(received)", "[received, s.st_dev, s.st_ino]")
        )
        source = functools.partial(bootstrap.source, offers_mark=offers_mark)
        text = framed(Door(self.pid, socket_there, str(self._agent), None), source)
        # In a thread of its own, as an attach does; the frame blocks its signals.
        self.run(
            "import _thread; tasks = len(os.listdir('/proc/self/task'))\n"
            f"_thread.start_new_thread(exec, ({text!r}, {{}}))"
        )
        ours.settimeout(ANSWER_S)
        said = ours.recv(4096)
        if said != READY:
            ours.close()
            raise AssertionError(said.decode())
        self.run("while len(os.listdir('/proc/self/task')) > tasks + 1: time.sleep(0.001)")
        return ours

    def hand_over(self, theirs: socket.socket) -> None:
        """Put a socket of ours into it, as its descriptor ``received``."""
        path = f"\0leakhunt-test-{os.getpid()}-{self.pid}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen(1)
            self.send(
                f"_c = socket.socket(socket.AF_UNIX); _c.connect({path!r})\n"
                "received = socket.recv_fds(_c, 1, 1)[1][0]; _c.close()\n"
                "os.set_inheritable(received, False); del _c"
            )
            connection, _ = listener.accept()
            with connection:
                socket.send_fds(connection, [b"x"], [theirs.fileno()])
                self.answer()

    def connect(self, **options: Any) -> AgentConnection:
        """A connection to an agent that was just bootstrapped."""
        return AgentConnection(self.open_socket(), self.pid, **options)

    def tasks(self) -> list[str]:
        """Names of its threads, the main one's left out; the agent's gives itself one as it
        starts."""
        time.sleep(0.02)
        names = thread_names(self.pid)
        return sorted(name for tid, name in names.items() if tid != self.pid)

    def descriptors(self) -> dict[int, str]:
        """What its descriptors stand for."""
        return descriptors(self.pid)

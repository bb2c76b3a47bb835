"""The tool's side of the conversation, against an agent that the test plays."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from leakhunt.agent import wire
from leakhunt.agent.wire import Flag, Opcode, Status
from leakhunt.errors import TargetError
from leakhunt.target import connection as tool
from leakhunt.target.connection import AgentConnection

PID = 1  # there always
HELLO: dict[str, Any] = {
    "version": wire.VERSION, "hexversion": 1, "pid": 1, "tid": 0, "uid": 0, "start_ticks": 1,
    "boot_id": "", "threads": 1, "is_debug": False, "is_prepared": False,
    "has_births": False, "library": "/a.so",
}  # fmt: skip
COLLECTED = {
    "freed": 3, "ns": 5, "predicted_ns": 4, "is_refused": False, "is_collecting": False,
}  # fmt: skip


class Agent:
    """The other end."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        sock.settimeout(10)

    def hear(self) -> tuple[Opcode, Flag, int, bytes]:
        data = self.socket.recv(wire.REQUEST_BYTES_MAX)
        opcode, flags, number = wire.REQUEST.unpack_from(data)
        return Opcode(opcode), Flag(flags), number, data[wire.REQUEST.size :]

    def say(self, status: Status, opcode: int, members: dict[str, Any]) -> None:
        self.socket.send(wire.ANSWER.pack(status, opcode) + json.dumps(members).encode())


@pytest.fixture
def pair() -> Iterator[tuple[AgentConnection, Agent]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    connection = AgentConnection(ours, PID, answer_s=0.5, hears_marks=True)
    with theirs, ours:
        yield connection, Agent(theirs)


def played(part: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=part)
    thread.start()
    return thread


def test_an_agent_of_another_version_is_refused(pair: tuple[AgentConnection, Agent]) -> None:
    connection, agent = pair
    agent.say(Status.OK, Opcode.HELLO, {**HELLO, "version": wire.VERSION + 1})
    with pytest.raises(TargetError, match=r"speaks version 2 .*, we speak 1 \(/a.so\)"):
        connection.hello()
    assert agent.hear()[:2] == (Opcode.HELLO, Flag.EVENTS)


def test_work_may_take_longer_than_the_lock(pair: tuple[AgentConnection, Agent]) -> None:
    connection, agent = pair

    def part() -> None:
        assert agent.hear()[0] is Opcode.COLLECT
        agent.say(Status.EVENT, Opcode.COLLECT, {"event": "locked"})
        threading.Event().wait(1.0)
        agent.say(Status.OK, Opcode.COLLECT, COLLECTED)

    thread = played(part)
    assert connection.collect().freed == 3
    thread.join()


def test_the_answer_to_an_interrupted_command_is_not_taken_for_another(
    pair: tuple[AgentConnection, Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, agent = pair
    with monkeypatch.context() as patch:
        patch.setattr(AgentConnection, "_receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            connection.collect()
    agent.hear()
    agent.say(Status.OK, Opcode.COLLECT, {**COLLECTED, "freed": 1})

    def part() -> None:
        agent.hear()
        agent.say(Status.OK, Opcode.COLLECT, {**COLLECTED, "freed": 2})

    thread = played(part)
    assert connection.collect().freed == 2
    thread.join()


def interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_capture_leaves_no_file(
    pair: tuple[AgentConnection, Agent], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, _ = pair
    monkeypatch.setattr(AgentConnection, "_receive", interrupt)
    with pytest.raises(KeyboardInterrupt):
        connection.capture(tmp_path / "a.lkheap", {"label": "x"})
    assert list(tmp_path.iterdir()) == []


def test_events_keep_a_quiet_connection_alive(
    pair: tuple[AgentConnection, Agent], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, agent = pair
    monkeypatch.setattr(tool, "KEEP_ALIVE_S", 0.1)

    def part() -> None:
        for _ in range(3):
            assert agent.hear()[0] is Opcode.HELLO
            agent.say(Status.OK, Opcode.HELLO, HELLO)
        agent.say(Status.EVENT, 0, {"event": "mark", "label": "now"})

    thread = played(part)
    assert [mark.label for mark in connection.events(10)] == ["now"]
    thread.join()


def test_a_mark_that_comes_before_an_answer_is_kept(pair: tuple[AgentConnection, Agent]) -> None:
    connection, agent = pair
    agent.say(Status.EVENT, 0, {"event": "mark", "label": "early"})
    agent.say(Status.OK, Opcode.HELLO, HELLO)
    connection.hello()
    assert [mark.label for mark in connection.events()] == ["early"]
    assert connection.events() == []


def test_what_ended_the_connection_is_said(pair: tuple[AgentConnection, Agent]) -> None:
    connection, agent = pair
    agent.say(Status.EVENT, 0, {"event": "end", "reason": "the program closed our descriptor"})
    agent.socket.close()
    with pytest.raises(TargetError, match="connection: the program closed our descriptor"):
        connection.measure()
    with pytest.raises(TargetError, match="is closed"):
        connection.measure()
    assert not connection.close().restored


def test_an_answer_of_the_wrong_type_is_an_error(pair: tuple[AgentConnection, Agent]) -> None:
    connection, agent = pair
    for freed in (True, None, "3", 3.0, [3]):
        agent.say(Status.OK, Opcode.COLLECT, {**COLLECTED, "freed": freed})
        with pytest.raises(TargetError, match="no proper member 'freed'"):
            connection.collect()


def test_a_header_that_is_too_long_is_refused(
    pair: tuple[AgentConnection, Agent], tmp_path: Path
) -> None:
    connection, _ = pair
    with pytest.raises(TargetError, match="too many"):
        connection.capture(tmp_path / "a", b"x" * wire.REQUEST_BYTES_MAX)
    assert connection.is_open

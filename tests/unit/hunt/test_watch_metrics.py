"""Where a watch tells its figures: the endpoint, the text file, the command of --exec."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from leakhunt.errors import UsageError
from leakhunt.hunt.watch.endpoint import CONTENT_TYPE, Endpoint, _read_head, write_textfile
from leakhunt.hunt.watch.hook import RUNNING_MAX, Hook
from leakhunt.report.watch_model import (
    EventKind,
    Reason,
)
from tests.unit.hunt.watching import MIB, PID, Fake, event


def fetch(port: int, path: str = "/metrics") -> tuple[str, str]:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return answer.headers["Content-Type"], answer.read().decode()


def test_metrics_are_served_on_loopback_and_understood(tmp_path: Path) -> None:
    from prometheus_client.openmetrics import parser

    fake = Fake(rss=lambda s: 100 * MIB + s / 60 * MIB)
    file = tmp_path / "leakhunt.prom"
    with fake.watch(metrics=("127.0.0.1", 0), textfile=file) as watch:
        for _ in range(400):
            watch.step()
            fake.now_s += 10
        port = watch.metrics_port
        assert port is not None
        file_text = file.read_text()
        (note,) = fake.of(EventKind.NOTE)
        assert note.message == f"metrics are at http://127.0.0.1:{port}/metrics"
        kind, text = fetch(port)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            fetch(port, "/secret")
    assert kind == CONTENT_TYPE
    assert file_text == text
    parsed = parser.text_string_to_metric_families(text)  # type: ignore[no-untyped-call]
    families = {one.name: one for one in parsed}
    by_name = {s.name: s for one in families.values() for s in one.samples}
    assert by_name["leakhunt_resident_bytes"].labels == {"pid": str(PID)}
    assert by_name["leakhunt_growing"].value == 1
    assert by_name["leakhunt_growth_bytes_per_second"].value == pytest.approx(MIB / 60, rel=0.01)
    assert by_name["leakhunt_samples_total"].value == 400
    assert families["leakhunt_resident_bytes"].unit == "bytes"
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_the_text_file_is_one_for_the_old_format_too(tmp_path: Path) -> None:
    from prometheus_client import parser

    fake = Fake()
    fake.run(3, textfile=tmp_path / "m.prom")
    families = list(parser.text_string_to_metric_families((tmp_path / "m.prom").read_text()))
    assert {one.type for one in families} >= {"gauge"}
    assert list(tmp_path.iterdir()) == [tmp_path / "m.prom"]


def test_a_port_that_is_taken_is_one_clear_error() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen(1)
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}") as caught:
            Endpoint("127.0.0.1", port)
    assert "another" in caught.value.hint


@pytest.mark.parametrize("head", [b"", b"\r\n\r\n", b"POST / HTTP/1.1\r\n\r\n", b"x" * 20_000])
def test_nonsense_does_not_end_the_endpoint(head: bytes) -> None:
    endpoint = Endpoint("127.0.0.1", 0)
    try:
        endpoint.text = "# EOF\n"
        with socket.create_connection(("127.0.0.1", endpoint.port), timeout=5) as client:
            try:
                client.sendall(head)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(100)
            except OSError:  # it hung up on us
                answer = b""
        assert answer == b"" or b"405" in answer
        assert fetch(endpoint.port)[1] == "# EOF\n"
    finally:
        endpoint.close()


def test_an_error_of_accept_does_not_end_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    errors = [OSError(24, "too many open files"), ConnectionAbortedError()]

    class Flaky(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            if errors:
                raise errors.pop()
            return super().accept()

    monkeypatch.setattr(socket, "socket", Flaky)
    endpoint = Endpoint("127.0.0.1", 0)
    try:
        endpoint.text = "# EOF\n"
        assert fetch(endpoint.port)[1] == "# EOF\n"
        assert errors == []
    finally:
        endpoint.close()


def test_a_client_that_dribbles_holds_nobody_up() -> None:
    ours, theirs = socket.socketpair()
    done = threading.Event()

    def dribble() -> None:
        with contextlib.suppress(OSError):
            while not done.wait(0.05):
                theirs.sendall(b"x")

    thread = threading.Thread(target=dribble)
    thread.start()
    with ours, theirs:
        started_s = time.monotonic()
        with pytest.raises(TimeoutError):
            _read_head(ours, started_s + 0.3)
        assert time.monotonic() - started_s < 2
        done.set()
        thread.join()


def test_the_text_file_may_be_read_by_others_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_textfile(tmp_path / "m.prom", "# EOF\n")
    finally:
        os.umask(before)
    assert (tmp_path / "m.prom").stat().st_mode & 0o777 == 0o644


def test_a_text_file_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    fake = Fake()
    with fake.watch(textfile=folder / "m.prom") as watch:
        folder.rmdir()
        for _ in range(5):
            watch.step()
    (note,) = fake.of(EventKind.NOTE)
    assert "m.prom" in note.message


def test_the_command_knows_what_happened(tmp_path: Path) -> None:
    out = tmp_path / "out"
    hook = Hook(f'echo "$LEAKHUNT_EVENT $LEAKHUNT_REASON $LEAKHUNT_PID $LEAKHUNT_MESSAGE" > {out}')
    assert hook.run(event(reason=Reason.MAX_RSS), 0.0) == ""
    for _, process in hook._running:
        process.wait()
    assert out.read_text() == f"alarm max-rss {PID} it grows\n"


def test_commands_that_hang_do_not_pile_up() -> None:
    hook = Hook("exec sleep 100")
    said = [hook.run(event(), 0.0) for _ in range(RUNNING_MAX + 1)]
    assert [bool(one) for one in said] == [False] * RUNNING_MAX + [True]
    hook.tidy(1000.0)
    for _, process in hook._running:
        assert process.wait() == -9
    assert hook.run(event(), 1001.0) == ""
    hook.tidy(2001.0)
    hook._running[0][1].wait()

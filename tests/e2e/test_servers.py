"""Servers as they run in production: attached to with nothing prepared, hunted under requests, and
still answering.  Needs `make servers` (gunicorn, uvicorn, celery, Django)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from leakhunt.hunt import LiveOptions, hunt_live
from leakhunt.report.model import Report
from tests.e2e.servers import SERVER_BIN, SERVERS, Server, ask, free_port, load_line

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.skipif(not SERVER_BIN.exists(), reason="no servers here: make servers"),
]

HOLDER = "visits.VISITS"
REQUESTS = 400


@dataclass(frozen=True)
class Case:
    """One way to serve the pages."""

    command: tuple[str | Path, ...]
    """PORT stands for the number of the port."""
    workers: int = 0
    """Processes that keep visits; 0: the one that was started."""
    is_environment: bool = False
    """The port is in the environment."""


CASES = {
    "gunicorn": Case(
        (SERVER_BIN / "gunicorn", "-w", "4", "-b", "127.0.0.1:PORT", "wsgi_shop:app"), workers=4
    ),
    "uvicorn": Case((SERVER_BIN / "uvicorn", "--port", "PORT", "asgi_shop:app")),
    "uvicorn_workers": Case(
        (SERVER_BIN / "uvicorn", "--port", "PORT", "--workers", "2", "asgi_shop:app"), workers=2
    ),
    "celery": Case(
        (SERVER_BIN / "celery", "-A", "celery_shop", "worker", "-c", "2", "-P", "prefork",
         "--without-mingle", "--without-gossip"),
        workers=2,
        is_environment=True,
    ),
    "pool": Case((SERVER_BIN / "python", "pool_http.py", "PORT"), workers=3),
    "asyncio": Case((SERVER_BIN / "python", "asyncio_daemon.py", "PORT")),
    "django": Case((SERVER_BIN / "python", "django_shop.py", "runserver", "127.0.0.1:PORT")),
    "isolated": Case((SERVER_BIN / "python", "-I", SERVERS / "plain_http.py", "PORT")),
}  # fmt: skip


def hunt(name: str) -> Report:
    case, port = CASES[name], free_port()
    command = [str(word).replace("PORT", str(port)) for word in case.command]
    environment = {"SHOP_PORT": str(port)} if case.is_environment else {}
    with Server(command, port, environment) as server:
        report = hunt_live(LiveOptions(pid=served_by(server), load=load_line(port, REQUESTS)))
        assert ask(port) == 200
    return report


def served_by(server: Server) -> int:
    """The process to name: that of Django's reloader is a wrapper."""
    from leakhunt.target.family import find_program

    return find_program(server.pid) or server.pid


@pytest.mark.parametrize("name", sorted(CASES))
def test_the_planted_leak_is_named(name: str) -> None:
    case, report = CASES[name], hunt(name)
    assert report.errors == ()
    assert report.cycles == 3 * REQUESTS
    found = {finding.holder.path: finding for finding in report.findings}
    assert HOLDER in found, sorted(found)
    visits = found[HOLDER]
    # A celery task may still be on its way when the load ends.
    assert visits.count_per_cycle == pytest.approx(1.0, abs=0.02 if name == "celery" else 0)
    assert visits.verdict == "LEAK", visits.reason
    if case.workers:
        assert visits.workers is not None
        assert visits.workers.count == case.workers
        assert visits.workers.of == len(report.workers) == case.workers + 1
    else:
        assert report.workers == ()
    others = [
        (one.holder.path, one.reason)
        for one in report.findings
        if one.verdict == "LEAK" and one.holder.path != HOLDER
    ]
    assert others == []


def test_a_worker_that_is_replaced_during_the_hunt() -> None:
    port = free_port()
    command: list[str | Path] = [
        SERVER_BIN / "gunicorn", "-w", "2", "-b", f"127.0.0.1:{port}", "--max-requests", "300",
        "wsgi_shop:app",
    ]  # fmt: skip
    with Server(command, port) as server:
        report = hunt_live(LiveOptions(pid=server.pid, load=load_line(port, 200)))
        assert ask(port) == 200
    assert any("ended while" in error for error in report.errors)
    assert any("forked during the hunt" in note for note in report.notes)
    assert {worker.pid for worker in report.workers} >= {server.pid}
    assert os.getpid() not in {worker.pid for worker in report.workers}

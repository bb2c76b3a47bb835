"""How long an attach stops a target, and how soon it answers: ``python -m
tests.benchmarks.attach_stop [ROUNDS]``

For each interpreter of LEAKHUNT_TEST_PYTHONS and each of some states: the stop (median, 95th
percentile, maximum), and the time from the call to the first answer (95th percentile).  *First*
is the stop by a tool that was just started and attaches for the first time, as a user's does: a
tenth of the rounds.  Beside it, where gdb is there, what a batch run of gdb costs that only queues
a pending call.

Promise: stop 0.5 ms median, 5 ms at the 95th percentile; 100 ms to the answer.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from leakhunt.target.attach import open_channel
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import probe
from leakhunt.target.native_build import native_agent_for

PROGRAM_BY_STATE = {
    "busy": "while True: sum(range(100))",
    "malloc": "import gc\nwhile True: x = [bytearray(600 + i) for i in range(200)]; gc.collect(0)",
    "select": "import os, select; r, w = os.pipe(); select.select([r], [], [])",
    "lock": (
        "import threading\n"
        "def work():\n while True: sum(range(100))\n"
        "threading.Thread(target=work, daemon=True).start()\n"
        "held = threading.Lock(); held.acquire(); held.acquire()"
    ),
}
GDB_ROUNDS = 3


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def measure(pid: int, agent: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Stops and times to the agent's first answer, in milliseconds."""
    stops: list[float] = []
    answers: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        channel = open_channel(pid, agent)
        with AgentConnection(channel.sock, pid) as connection:
            connection.hello()
            answers.append((time.perf_counter() - started) * 1e3)
        stops.extend(ns / 1e6 for ns in channel.facts.stop_ns)
        time.sleep(0.01)
    return stops, answers


def measure_first(pid: int, agent: Path, rounds: int) -> list[float]:
    """Stops by tools that were just started, in milliseconds."""
    command = [sys.executable, "-m", "tests.benchmarks.attach_stop", "--once", str(pid), str(agent)]
    outputs = [subprocess.check_output(command, text=True) for _ in range(rounds)]
    return [float(text) for output in outputs for text in output.split()]


def measure_gdb(pid: int) -> float:
    """Milliseconds of the quickest of some batch runs of gdb that make one call."""
    taken = []
    for _ in range(GDB_ROUNDS):
        started = time.perf_counter()
        subprocess.run(
            [
                "gdb", "-nx", "-batch", "-p", str(pid),
                "-ex", "call (int)Py_AddPendingCall((void *)Py_IsInitialized, (void *)0)",
            ],
            check=False,
            capture_output=True,
        )  # fmt: skip
        taken.append((time.perf_counter() - started) * 1e3)
    return min(taken)


def attach_once(pid: int, agent: Path) -> None:
    channel = open_channel(pid, agent)
    channel.sock.close()
    print(*(ns / 1e6 for ns in channel.facts.stop_ns))


def main() -> None:
    if "--once" in sys.argv:
        attach_once(int(sys.argv[2]), Path(sys.argv[3]))
        return
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    pythons = os.environ.get("LEAKHUNT_TEST_PYTHONS", "").split() or [sys.executable]
    print(
        f"{'':14}{'state':8}{'stop ms: median':>16}{'p95':>8}{'max':>8}{'first ms: median':>18}"
        f"{'p95':>8}{'answer ms: p95':>16}"
    )
    for python in pythons:
        agent = native_agent_for(probe(python))
        version = subprocess.check_output([python, "-V"], text=True).strip()
        for state, text in PROGRAM_BY_STATE.items():
            process = subprocess.Popen([python, "-I", "-c", text])
            try:
                time.sleep(0.5)
                stops, answers = measure(process.pid, agent, rounds)
                line = f"{version:14}{state:8}{statistics.median(stops):16.2f}"
                line += f"{percentile(stops, 0.95):8.2f}{max(stops):8.2f}"
                first = measure_first(process.pid, agent, max(rounds // 10, 5))
                line += f"{statistics.median(first):18.2f}{percentile(first, 0.95):8.2f}"
                line += f"{percentile(answers, 0.95):16.1f}"
                if state == "select" and shutil.which("gdb"):
                    line += f"   (gdb: {measure_gdb(process.pid):.0f} ms)"
                print(line, flush=True)
            finally:
                process.kill()
                process.wait()


if __name__ == "__main__":
    main()

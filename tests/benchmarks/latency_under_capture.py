"""What a loaded service's clients notice of a capture: ``python -m
tests.benchmarks.latency_under_capture``.

An aiohttp service (``latency_target.py``, in the shop's environment: ``make
.venv-shop/.ready``) owns a million objects and serves a steady load from this process: each
connection sends at fixed moments, whether the last answer came or not, and a latency counts
from the moment when the request was due.  Then it is attached to, births are tracked, and
captures are taken with pauses between them.

The promise, capture by capture: the 99th percentile of the latencies of the requests that were due
while it was under way (from the command until the file was whole) is above that of a quiet time,
just as long as all captures together, by no more than the pause that this capture reports plus
5 ms.  *Beyond* is what is more than the pause, the median over the captures.  A percentile over a
whole run of a load tool would say less: a pause of 100 ms vanishes in ten seconds.  All times
are in milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from leakhunt.agent.format import FILE_SUFFIX
from leakhunt.target.answers import CaptureResult
from leakhunt.target.attach import open_channel
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import probe
from leakhunt.target.native_build import native_agent_for
from tests.benchmarks.capture_figures import HERE

ROOT = HERE.parents[1]
PROMISE_MS = 5.0
WARM_UP_S = 3.0
BETWEEN_S = 1.0
ROW = "{:<12} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}"

Sample = tuple[float, float]
"""When a request was due, and seconds until its answer was there."""


class Load:
    """Clients that ask at fixed moments."""

    def __init__(self, port: int, connections: int, rate: float) -> None:
        self.port, self.connections = port, connections
        self.interval_s = connections / rate
        self.samples: list[Sample] = []
        self.is_over = False

    async def run(self) -> None:
        """Until `is_over`."""
        await asyncio.gather(*(self._client(i) for i in range(self.connections)))

    async def _client(self, which: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        due = time.perf_counter() + self.interval_s * which / self.connections
        number = which
        while not self.is_over:
            await asyncio.sleep(due - time.perf_counter())
            writer.write(b"GET /?n=%d HTTP/1.1\r\nHost: bench\r\n\r\n" % number)
            await self._answer(reader)
            self.samples.append((due, time.perf_counter() - due))
            due += self.interval_s
            number += self.connections
        writer.close()

    @staticmethod
    async def _answer(reader: asyncio.StreamReader) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = next(
            line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        )
        await reader.readexactly(int(length.split(b":")[1]))

    def between(self, spans: list[Sample]) -> list[float]:
        """Milliseconds of what was due in spans of time (start, end), sorted."""
        return sorted(
            latency * 1e3
            for due, latency in self.samples
            if any(start <= due < end for start, end in spans)
        )


def percentile(values: list[float], part: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(len(values) * part))]


def row(
    mode: str, load: Load, spans: list[Sample], quiet: list[Sample], pauses_ms: list[float]
) -> str:
    """A line of the table.  Each capture is held against its own pause."""
    before = load.between(quiet)
    under = [load.between([span]) for span in spans]
    usual = percentile(before, 0.99)
    beyond = statistics.median(
        percentile(latencies, 0.99) - usual - pause
        for latencies, pause in zip(under, pauses_ms, strict=True)
        if latencies
    )
    together = sorted(latency for latencies in under for latency in latencies)
    return ROW.format(
        mode, len(together), f"{statistics.median(pauses_ms):.1f}", f"{max(pauses_ms):.1f}",
        *(f"{percentile(some, part):.1f}" for part in (0.5, 0.99) for some in (before, together)),
        f"{together[-1]:.1f}", f"{beyond:+.1f}",
        "kept" if beyond <= PROMISE_MS else "BROKEN",
    )  # fmt: skip


async def measure(
    connection: AgentConnection, load: Load, mode: str, folder: Path, rounds: int
) -> str:
    """Capture under load; a line of the table."""
    spans: list[Sample] = []
    answers: list[CaptureResult] = []
    for i in range(rounds):
        path = folder / f"{mode}{i}{FILE_SUFFIX}"
        start = time.perf_counter()
        answers.append(
            await asyncio.to_thread(connection.capture, path, b"{}", mark=True, mode=mode)
        )
        spans.append((start, time.perf_counter()))
        path.unlink()
        await asyncio.sleep(BETWEEN_S)
    assert {answer.mode for answer in answers} <= {mode, "fork", "in-process"}
    # Just as long without a capture, with the births tracked as well.
    start, seconds = time.perf_counter(), sum(end - start for start, end in spans)
    await asyncio.sleep(seconds)
    pauses_ms = [answer.pause_ns / 1e6 for answer in answers]
    return row(mode, load, spans, [(start, start + seconds)], pauses_ms)


async def hunt(options: argparse.Namespace, process: subprocess.Popen[str], port: int) -> None:
    """Load and capture; print the table."""
    load = Load(port, options.connections, options.rate)
    clients = asyncio.create_task(load.run())
    await asyncio.sleep(WARM_UP_S)
    agent = native_agent_for(probe(options.python))
    channel = await asyncio.to_thread(open_channel, process.pid, agent)
    with (
        tempfile.TemporaryDirectory() as folder,
        AgentConnection(channel.sock, process.pid) as connection,
    ):
        await asyncio.to_thread(connection.birth_start)
        for mode in ("fork", "in-process"):
            print(await measure(connection, load, mode, Path(folder), options.rounds), flush=True)
    load.is_over = True
    await clients


def main() -> int:
    """Start the service, print the table, end the service."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, default=ROOT / ".venv-shop" / "bin" / "python")
    parser.add_argument("--objects", type=float, default=1e6)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--rate", type=float, default=300.0, help="requests a second")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    command = [str(options.python), str(HERE / "latency_target.py"), str(options.objects)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            print(ROW.format("mode", "requests", "pause", "longest", "p50", "p50", "p99", "p99",
                             "max", "beyond", "promise"))  # fmt: skip
            print(ROW.format("", "", "", "pause", "quiet", "under", "quiet", "under", "under",
                             "pause", ""))  # fmt: skip
            asyncio.run(hunt(options, process, port))
        finally:
            process.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())

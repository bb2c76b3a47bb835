"""CPU time of something that is switched on in a process: what the overhead benchmarks share.

Four loops that allocate much (worst cases, not programs) run in each supported interpreter, with
it and without it in turn within one process.  A round gives one ratio of CPU times; the table
shows the median of the ratios and, in brackets, the interval that holds the true median with at
least 95 % confidence (order statistics, nothing assumed of the noise).
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.machinery
import importlib.util
import json
import math
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The upper part runs in the target as well: standard library only.

ROOT = Path(__file__).parents[2]
CHILD = "--child"
DOCUMENT = [
    {"id": i, "name": f"user {i}", "tags": [f"a{i}", "b"], "score": i * 1.5,
     "nested": {"x": i, "y": [i, i + 1]}}
    for i in range(1500)
]  # fmt: skip


class Slotted:
    __slots__ = ("a", "b")

    def __init__(self, a: object, b: object) -> None:
        self.a = a
        self.b = b


class Plain:
    def __init__(self, a: object, b: object) -> None:
        self.a = a
        self.b = b


def allocate(scale: float) -> None:
    """Containers, instances, strings; a few thousand live at any time."""
    kept: list[object] = []
    for i in range(int(150_000 * scale)):
        kept.append((i * 1000, [i], {"k": i}, Slotted(i, f"s{i}"), Plain(i, i)))
        if len(kept) > 5000:
            kept.clear()


def parse(scale: float) -> None:
    """JSON there and back."""
    for _ in range(int(30 * scale)):
        json.loads(json.dumps(DOCUMENT))


def echo(scale: float) -> None:
    """An asyncio server and five clients on loopback."""
    asyncio.run(_echo(int(2000 * scale)))


async def _echo(lines: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for i in range(lines):
            writer.write(b"hello %d\n" % i)
            await reader.readline()
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*(client() for _ in range(5)))
    server.close()


class Stepper:
    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.n = 0

    def step(self, i: int) -> int:
        self.n += i & 3
        key = f"k{i % 97}"
        self.counts[key] = self.counts.get(key, 0) + self.n
        return self.n % 7


def call_methods(scale: float) -> None:
    """Method calls, short strings, ints; little is kept."""
    stepper, total = Stepper(), 0
    for i in range(int(60_000 * scale)):
        total += stepper.step(i)
        for j in range(5):
            total ^= (i * j) & 0xFF


LOOPS: dict[str, Callable[[float], None]] = {
    "alloc-heavy": allocate, "json": parse, "asyncio echo": echo, "py methods": call_methods,
}  # fmt: skip


def load(path: str) -> Any:
    """The native agent from its file."""
    loader = importlib.machinery.ExtensionFileLoader("_heap", path)
    spec = importlib.util.spec_from_file_location("_heap", path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    module.self_test()
    return module


def cpu_seconds(loop: Callable[[float], None], scale: float) -> float:
    """CPU time of one run, all threads; garbage of the last one is gone first."""
    gc.collect()
    start = time.process_time()
    loop(scale)
    return time.process_time() - start


@dataclass(frozen=True)
class Benchmark:
    """What is switched on, and how."""

    file: str
    """Of the script, which runs in the target as well."""
    title: str
    cases: Sequence[str]
    switched_on: Callable[[Any, str], AbstractContextManager[None]]
    """Given the agent and the case: around each run with it."""
    present: Callable[[Any, str], AbstractContextManager[None]]
    """Around all runs of a loop, those without it too."""
    promised: str
    """A line below the table."""


def _measure_here(
    benchmark: Benchmark, agent: Any, case: str, loop: Callable[[float], None],
    rounds: int, scale: float,
) -> list[list[float]]:  # fmt: skip
    """In the target: seconds without and with it.  Which comes first alternates."""

    def on() -> float:
        with benchmark.switched_on(agent, case):
            return cpu_seconds(loop, scale)

    loop(scale)
    pairs = []
    with benchmark.present(agent, case):
        for i in range(rounds):
            first = on() if i % 2 else cpu_seconds(loop, scale)
            second = cpu_seconds(loop, scale) if i % 2 else on()
            pairs.append([second, first] if i % 2 else [first, second])
    return pairs


def _child(benchmark: Benchmark, words: Sequence[str]) -> None:
    """The part in the target: prints JSON."""
    path, case, rounds, scale, *loops = words
    agent = load(path)
    seconds = {
        name: _measure_here(benchmark, agent, case, LOOPS[name], int(rounds), float(scale))
        for name in loops
    }
    json.dump({"version": sys.version.split()[0], "seconds": seconds}, sys.stdout)


# From here on: the tool's side.


def median_interval(values: list[float]) -> tuple[float, float]:
    """The narrowest pair of order statistics around the median with 95 % confidence.

    With fewer than six values there is none: their range is given.
    """
    ordered, n = sorted(values), len(values)
    tail, rank = 0.0, 0
    while rank < n // 2:
        tail += math.comb(n, rank) / 2**n
        if 2 * tail > 0.05:
            break
        rank += 1
    rank = max(rank - 1, 0)
    return ordered[rank], ordered[n - 1 - rank]


def percent(pairs: list[list[float]]) -> tuple[float, float, float]:
    """Median overhead and its interval, in percent."""
    ratios = [on / off for off, on in pairs]
    low, high = median_interval(ratios)
    return tuple(100 * (x - 1) for x in (statistics.median(ratios), low, high))  # type: ignore[return-value]


def _measure(
    benchmark: Benchmark, python: Path, case: str, options: argparse.Namespace
) -> dict[str, Any]:
    """Run the loops in a target interpreter."""
    from leakhunt.target.interpreter import probe
    from leakhunt.target.native_build import native_agent_for

    agent = native_agent_for(probe(python))
    command = [
        str(python), benchmark.file, CHILD, str(agent), case, str(options.rounds),
        str(options.scale), *options.loop,
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3600)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def find_pythons() -> list[Path]:
    """The interpreters of this machine, one for each version served."""
    finder = ["sh", str(ROOT / "tests" / "find_pythons.sh"), "3.11", "3.12", "3.13", "3.14"]
    done = subprocess.run(finder, check=True, capture_output=True, text=True)
    return [Path(path) for path in done.stdout.split()]


def main(benchmark: Benchmark) -> int:
    """Print the table; or be the part of it in the target."""
    if sys.argv[1:2] == [CHILD]:
        _child(benchmark, sys.argv[2:])
        return 0
    options = _options(benchmark)
    row = "| {:<8} | {:<8} |" + " {:>20} |" * len(options.loop) + " {:>6} |"
    print(f"{benchmark.title}, % over none, median of {options.rounds} rounds [95 %]")
    print(row.format("python", "case", *options.loop, "worst"))
    for python in options.python or find_pythons():
        for case in options.case or benchmark.cases:
            found = _measure(benchmark, python, case, options)
            columns = [percent(found["seconds"][name]) for name in options.loop]
            texts = [f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]" for middle, low, high in columns]
            worst = max(middle for middle, _, _ in columns)
            print(row.format(found["version"], case, *texts, f"{worst:+.1f}"), flush=True)
    print(benchmark.promised)
    return 0


def _options(benchmark: Benchmark) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=benchmark.title)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scale", type=float, default=1.0, help="length of the loops")
    parser.add_argument("--python", type=Path, action="append", help="default: all there are")
    parser.add_argument("--case", choices=benchmark.cases, action="append", help="default: all")
    parser.add_argument("--loop", choices=LOOPS, action="append", help="default: all")
    options = parser.parse_args()
    options.loop = options.loop or list(LOOPS)
    return options

"""CPU time of sampling allocation sites: ``python -m tests.benchmarks.sites_overhead``.

The four loops of :mod:`tests.benchmarks.birth_overhead` (worst cases, not programs), sampling
on and off in turn within one process.  A round gives one ratio of CPU times; the table shows
the median of the ratios and, in brackets, the interval that holds the true median with at
least 95 % confidence.  ``idle`` has the agent loaded and sampling switched off again; ``births``
samples while births are watched as in a hunt, and what is watched is in its base as well.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2])]

from tests.benchmarks.birth_overhead import (
    CHILD,
    LOOPS,
    cpu_seconds,
    find_pythons,
    load,
    percent,
)

# The upper part runs in the target as well: standard library only.

RATES = {"512 KiB": 524288, "64 KiB": 65536, "8 KiB": 8192}
CASES = (*RATES, "idle", "births")
PROMISES = {"512 KiB": 7.0, "8 KiB": 11.0, "idle": 0.0}
ECHO_PROMISE = 2.0


def sampled_seconds(agent: Any, case: str, loop: Callable[[float], None], scale: float) -> float:
    """CPU time of one run with the sampler as the case wants it."""
    agent.sites_start(sample_bytes=RATES.get(case, 524288))
    if case == "idle":
        agent.sites_stop()
    try:
        return cpu_seconds(loop, scale)
    finally:
        if case != "idle":
            agent.sites_stop()


def measure_here(agent_path: str, case: str, rounds: int, scale: float) -> dict[str, Any]:
    """In the target: seconds without and with it, by loop.  Which comes first alternates."""
    agent = load(agent_path)
    seconds: dict[str, list[list[float]]] = {}
    for name, loop in LOOPS.items():
        loop(scale)
        if case == "births":
            agent.birth_start(lost=False)
            with tempfile.TemporaryDirectory() as folder:
                agent.capture(f"{folder}/baseline", b"{}", mark=True)
        pairs = []
        for i in range(rounds):
            if i % 2:
                on = sampled_seconds(agent, case, loop, scale)
                off = cpu_seconds(loop, scale)
            else:
                off = cpu_seconds(loop, scale)
                on = sampled_seconds(agent, case, loop, scale)
            pairs.append([off, on])
        if case == "births":
            agent.birth_stop()
        seconds[name] = pairs
    return {"version": sys.version.split()[0], "seconds": seconds}


# From here on: the tool's side.


def measure(python: Path, case: str, rounds: int, scale: float) -> dict[str, Any]:
    """Run the loops in a target interpreter."""
    from leakhunt.target.interpreter import probe
    from leakhunt.target.native_build import native_agent_for

    agent = native_agent_for(probe(python))
    command = [str(python), __file__, CHILD, str(agent), case, str(rounds), str(scale)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=3600)
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--scale", type=float, default=1.0, help="length of the loops")
    parser.add_argument("--python", type=Path, action="append", help="default: all there are")
    parser.add_argument("--case", choices=CASES, action="append", help="default: all")
    options = parser.parse_args()
    row = "| {:<8} | {:<8} |" + " {:>20} |" * len(LOOPS) + " {:>6} |"
    print(f"CPU time of sampling, % over none, median of {options.rounds} rounds [95 %]")
    print(row.format("python", "case", *LOOPS, "worst"))
    for python in options.python or find_pythons():
        for case in options.case or CASES:
            found = measure(python, case, options.rounds, options.scale)
            columns = [percent(found["seconds"][name]) for name in LOOPS]
            texts = [f"{middle:+.1f} [{low:+.1f}, {high:+.1f}]" for middle, low, high in columns]
            worst = max(middle for middle, _, _ in columns)
            print(row.format(found["version"], case, *texts, f"{worst:+.1f}"), flush=True)
    promised = ", ".join(f"{case} {most:g} %" for case, most in PROMISES.items())
    print(f"promised: worst loop {promised}; asyncio echo {ECHO_PROMISE:g} % at 512 KiB")
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == [CHILD]:
        json.dump(
            measure_here(sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5])), sys.stdout
        )
    else:
        sys.exit(main())

"""CPU time of sampling allocation sites: ``python -m tests.benchmarks.sites_overhead``.

The loops and the method are those of :mod:`tests.benchmarks.overhead`.  ``idle`` has the agent
loaded and sampling switched off again; ``births`` samples while births are watched as in a hunt,
and what is watched is in its base as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2])]

from tests.benchmarks.birth_overhead import births
from tests.benchmarks.overhead import Benchmark, main

# Runs in the target as well: standard library only.

RATES = {"512 KiB": 524288, "64 KiB": 65536, "8 KiB": 8192}


@contextmanager
def sampling(agent: Any, case: str) -> Iterator[None]:
    """The sampler as the case wants it."""
    agent.sites_start(sample_bytes=RATES.get(case, 524288))
    if case == "idle":
        agent.sites_stop()
    try:
        yield
    finally:
        if case != "idle":
            agent.sites_stop()


def present(agent: Any, case: str) -> AbstractContextManager[None]:
    """What is there with sampling and without."""
    return births(agent, "identity") if case == "births" else nullcontext()


BENCHMARK = Benchmark(
    file=__file__,
    title="CPU time of sampling",
    cases=(*RATES, "idle", "births"),
    switched_on=sampling,
    present=present,
    promised="promised: worst loop 512 KiB 7 %, 8 KiB 11 %, idle 0 %; asyncio echo 2 % at 512 KiB",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))

"""CPU time of birth tracking: ``python -m tests.benchmarks.birth_overhead``.

The loops and the method are those of :mod:`tests.benchmarks.overhead`.  ``identity`` keeps births
alone, ``lost`` also what is live, to find objects that C code lost.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

if __name__ == "__main__":
    sys.path[:0] = [str(Path(__file__).parents[2])]

from tests.benchmarks.overhead import Benchmark, main

# Runs in the target as well: standard library only.


@contextmanager
def births(agent: Any, case: str) -> Iterator[None]:
    """Births watched as after a baseline."""
    agent.birth_start(lost=case == "lost")
    with tempfile.TemporaryDirectory() as folder:
        agent.capture(f"{folder}/baseline", b"{}", mark=True)
    try:
        yield
    finally:
        agent.birth_stop()


BENCHMARK = Benchmark(
    file=__file__,
    title="CPU time of birth tracking",
    cases=("identity", "lost"),
    switched_on=births,
    present=lambda _agent, _case: nullcontext(),
    promised="promised: worst loop 6 %",
)

if __name__ == "__main__":
    sys.exit(main(BENCHMARK))

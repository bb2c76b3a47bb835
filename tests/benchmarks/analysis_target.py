"""The target of the analysis figures: a large heap, then cycles that leak, captured thrice.

Usage: python analysis_target.py synthetic|real OBJECTS CYCLES FOLDER; prints the number of
objects it was asked for and those it built.  Runs in the tool's own environment (synthetic)
or in the environment of the real heap (fixtures/real_heap/requirements.txt).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from leakhunt.agent import snapshots

REPLACED_PER_CYCLE = 20
"""Groups of old objects that give way to new ones in each cycle."""
LEAKED_PER_CYCLE = 50


class Session:
    """What leaks: held by a list of listeners and an index by number."""

    def __init__(self, number: int) -> None:
        self.number = number + 5_000_000
        self.name = f"session-{number}"
        self.items = [f"{number}-{i}" for i in range(4)]


class Bus:
    """The holder."""

    def __init__(self) -> None:
        self.listeners: list[Session] = []
        self.by_number: dict[int, Session] = {}


BUS = Bus()
TRANSIENT: list[Any] = []


def cycle(i: int, kept: list[Any], draw: Any) -> None:
    """One cycle of the load."""
    for k in range(LEAKED_PER_CYCLE):
        session = Session(i * LEAKED_PER_CYCLE + k)
        BUS.listeners.append(session)
        BUS.by_number[session.number] = session
    for k in range(REPLACED_PER_CYCLE):
        at = (i * REPLACED_PER_CYCLE + k) * 7919 % len(kept)
        kept[at] = draw()
        TRANSIENT.append(draw())


def main() -> None:
    """Build, capture, load, capture, let go, capture."""
    kind, objects, cycles, folder = sys.argv[1:5]
    if kind == "synthetic":
        import synthetic_heap as heap
    else:
        import real_heap as heap
    kept = heap.build(int(float(objects)))
    builder = heap.Builder(2)

    def draw() -> Any:
        drawn = builder.draw()[0]
        builder.keep(drawn)
        return drawn

    path = Path(folder)
    snapshots.watch()
    started = time.perf_counter()
    snapshots.capture(path / "baseline.lkheap", label="baseline")
    for i in range(int(cycles)):
        cycle(i, kept, draw)
    snapshots.capture(path / "loaded.lkheap", label="loaded")
    TRANSIENT.clear()
    builder.pool.clear()
    snapshots.capture(path / "final.lkheap", label="final")
    snapshots.unwatch()
    print(len(kept), f"captured in {time.perf_counter() - started:.1f} s", file=sys.stderr)


main()

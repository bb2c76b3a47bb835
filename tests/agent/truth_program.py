"""Builds the samples, captures, and writes down what Python says about the same heap.

Usage: truth_program.py AGENT FOLDER [frozen].  Runs inside the target interpreter.
"""

from __future__ import annotations

import array
import asyncio
import gc
import json
import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.agent import (
    agent_loader,
    oracle_walk,
    samples_classes,
    samples_library,
    samples_running,
    samples_values,
)
from tests.agent.samples import Samples


class Before:
    """What a capture must leave as it was, and what was counted right before it."""

    def __init__(self, samples: Samples) -> None:
        self.names = list(samples.objects)
        # arrays: writing to them makes and drops no int that a snapshot could show
        self.refcounts = array.array("q", [0]) * len(self.names)
        self.tracked = array.array("q", [0]) * len(self.names)


def census(counts: array.array[int], index: dict[type, int]) -> None:
    """Count what the collector tracks by type."""
    for i in range(len(counts)):
        counts[i] = 0
    for obj in gc.get_objects():
        counts[index[type(obj)]] += 1


def refcounts(samples: Samples, counts: array.array[int]) -> None:
    """References of each sample, those of the count left out."""
    objects = samples.objects
    for i, name in enumerate(objects):
        counts[i] = sys.getrefcount(objects[name]) - 1


def capture(agent: Any, samples: Samples, folder: Path) -> dict[str, Any]:
    """The snapshot, then the oracle's view of it."""
    before, after = Before(samples), Before(samples)
    header = agent_loader.header()
    path = str(folder / "heap.lkheap")
    agent.capture(path, header)  # the first one learns layouts: lazy caches of the library
    for i, name in enumerate(samples.objects):
        before.tracked[i] = gc.is_tracked(samples.objects[name])
    index: dict[type, int] = {}
    for obj in gc.get_objects():
        index.setdefault(type(obj), len(index))
    counts = array.array("q", [0]) * len(index)
    del obj
    gc.disable()
    for _ in range(2):  # at first, 3.11's method cache gives up references to None
        refcounts(samples, before.refcounts)
        census(counts, index)
    agent.capture(path, header)
    refcounts(samples, after.refcounts)
    objects = gc.get_objects()
    sizes = {id(obj): oracle_walk.size_of(obj) for obj in objects}
    for name in samples.objects:
        sizes[id(samples.objects[name])] = oracle_walk.size_of(samples.objects[name])
    seen = oracle_walk.walk(objects, {id(sizes), id(index)})
    answer = describe(samples, seen, sizes)
    answer["frozen"] = gc.get_freeze_count()
    by_name: dict[str, int] = {}
    answer["census"] = by_name
    for cls, i in index.items():
        name = oracle_walk.type_name(cls)
        by_name[name] = by_name.get(name, 0) + counts[i]
    answer["refcounts"] = dict(zip(before.names, before.refcounts, strict=True))
    answer["refcounts_after"] = dict(zip(after.names, after.refcounts, strict=True))
    answer["tracked"] = dict(zip(before.names, before.tracked, strict=True))
    return answer


def describe(
    samples: Samples, seen: dict[int, Any], sizes: dict[int, int | None]
) -> dict[str, Any]:
    """What Python says: every object, then more of the samples.

    The sizes of containers were asked before the walk kept all objects alive: a buffer that
    is shared counts differently.
    """
    heap = [
        [i, oracle_walk.type_name(type(obj)),
         sizes[i] if i in sizes else oracle_walk.size_of(obj),
         [id(x) for x in oracle_walk.referents(obj)]]
        for i, obj in seen.items()
    ]  # fmt: skip
    described: dict[str, Any] = {}
    for name, obj in samples.objects.items():
        described[name] = {
            "address": id(obj),
            "attributes": None,
            "named": oracle_walk.named_edges(obj),
            "asked": [[k, n, id(o)] for k, n, o in samples.names.get(name, [])],
            "facts": samples.facts.get(name, {}),
        }
    for name, obj in samples.objects.items():
        described[name]["attributes"] = oracle_walk.attributes(obj)
    types = [i for i, obj in seen.items() if oracle_walk.inherits(type(obj), type)]
    return {"heap": heap, "samples": described, "types": types}


async def in_a_loop(agent: Any, samples: Samples, folder: Path) -> dict[str, Any]:
    """Capture while a task of a loop runs."""
    await samples_running.add_tasks(samples)
    return capture(agent, samples, folder)


def main() -> None:
    agent = agent_loader.load(sys.argv[1])
    folder = Path(sys.argv[2])
    samples = Samples()
    gc.disable()
    samples_values.build(samples)
    samples_classes.build(samples)
    samples_running.build(samples)
    samples_library.build(samples, folder)
    release = samples_running.park_threads(samples)
    gc.collect()
    if "frozen" in sys.argv:
        gc.freeze()
    try:
        answer = asyncio.run(in_a_loop(agent, samples, folder))
    finally:
        release()
    (folder / "oracle.json").write_text(json.dumps(answer))
    # Some samples break the interpreter's own way out: leave without it.
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

"""What a process looks like before and after captures.

Usage: harmless_program.py AGENT FOLDER.  Runs inside the target interpreter.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import tracemalloc
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.agent import agent_loader, samples_classes, samples_values
from tests.agent.samples import Samples


def descriptors() -> list[str]:
    """Open files by number, but the one that this list needs."""
    with os.scandir("/proc/self/fd") as scan:
        numbers = [entry.name for entry in scan]
    return [f"{n} {os.readlink(p)}" for n in numbers if os.path.islink(p := f"/proc/self/fd/{n}")]  # noqa: PTH114, PTH115


def state() -> dict[str, Any]:
    """What a capture must leave as it was."""
    return {
        "threshold": gc.get_threshold(),
        "enabled": gc.isenabled(),
        "frozen": gc.get_freeze_count(),
        "callbacks": len(gc.callbacks),
        "debug": gc.get_debug(),
        "collections": [s["collections"] for s in gc.get_stats()],
        "trace": sys.gettrace() is None,
        "profile": sys.getprofile() is None,
        "tracing": tracemalloc.is_tracing(),
        "recursion": sys.getrecursionlimit(),
        "switch": sys.getswitchinterval(),
        "threads": sum(1 for _ in Path("/proc/self/task").iterdir()),
        "descriptors": descriptors(),
        "modules": len(sys.modules),
        "signals": [
            line
            for line in Path("/proc/self/status").read_text().splitlines()
            # SigQ counts what is queued for all processes of the user.
            if line.startswith(("Sig", "Shd")) and not line.startswith("SigQ")
        ],
        "children": len(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()),
        "umask": os.umask(os.umask(0)),
        "exception": repr(sys.exc_info()),
    }


def maps() -> int:
    """Mappings of the process."""
    with Path("/proc/self/maps").open() as lines:
        return sum(1 for _ in lines)


def count_difference(agent: Any, path: str, header: bytes) -> list[tuple[int, ...]]:
    """gc.get_count() before and after: of nothing, and of a capture."""
    gc.collect()
    a = gc.get_count()
    b = gc.get_count()
    gc.collect()
    agent.capture(path, header)  # a collection empties the free list of argument tuples
    c = gc.get_count()
    agent.capture(path, header)
    d = gc.get_count()
    return [
        tuple(y - x for x, y in zip(a, b, strict=True)),
        tuple(y - x for x, y in zip(c, d, strict=True)),
    ]


def main() -> None:
    agent = agent_loader.load(sys.argv[1])
    folder = Path(sys.argv[2])
    samples = Samples()
    samples_values.build(samples)
    samples_classes.build(samples)
    gate = threading.Event()
    threads = [threading.Thread(target=gate.wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    header = agent_loader.header()
    paths = [str(folder / f"{i}.lkheap") for i in range(3)]
    agent.capture(paths[0], header)  # the first one learns layouts
    before, mapped = state(), maps()
    blocks = sys.getallocatedblocks()
    for path in paths:
        agent.capture(path, header)
    blocks = sys.getallocatedblocks() - blocks
    after, mapped = state(), maps() - mapped
    counts = count_difference(agent, paths[0], header)
    agent.capture(paths[0], header)
    agent.capture(paths[1], header)
    agent.capture(paths[2], header)
    plain = samples.objects["instance inline"]
    held = gc.get_referents(plain)
    answer = {
        "before": before, "after": after, "blocks": blocks, "maps": mapped, "counts": counts,
        "plain": id(plain), "dict_of_plain": any(type(x) is dict for x in held),
        "files": sorted(path.name for path in folder.iterdir()),
        "modes": [Path(path).stat().st_mode & 0o777 for path in paths],
    }  # fmt: skip
    print(json.dumps(answer))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

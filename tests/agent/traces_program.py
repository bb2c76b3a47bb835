"""Runs inside a target: what is different after the agent was here?

``PYTHON -m tests.agent.traces_program AGENT.so HELPER.so FOLDER lost|identity``: standard
library only.  Prints the differences as one JSON object; empty values mean that nothing changed.
"""

# As little as possible is imported in a target.
# ruff: noqa: PTH108, PTH109, PTH115, PTH118, PTH123, PTH208
from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib.util
import json
import os
import signal
import sys
import threading
from typing import Any

from tests.agent.agent_loader import header, load

CAPTURES = 200
WARM = 20
LOST = sys.argv[-1] == "lost"


class Bystander:
    """What must not change."""

    def __init__(self, helper: str) -> None:
        self.library = ctypes.PyDLL(helper)
        self.library.dealloc_of.argtypes = [ctypes.py_object]
        self.library.dealloc_of.restype = ctypes.c_uint64

    def look(self) -> dict[str, Any]:
        hooks = (ctypes.c_uint64 * 17)()
        self.library.look(hooks)
        types = [object, *object.__subclasses__(), *BaseException.__subclasses__(), MemoryError]
        return {
            "hooks": list(hooks),
            "deallocators": {repr(t): self.library.dealloc_of(t) for t in types},
            "threads": sorted(os.listdir("/proc/self/task")),
            "python threads": len(threading.enumerate()),
            "descriptors": descriptors(),
            "gc enabled": gc.isenabled(),
            "gc thresholds": gc.get_threshold(),
            "gc frozen": gc.get_freeze_count(),
            "gc callbacks": list(map(repr, gc.callbacks)),
            "gc debug": gc.get_debug(),
            "modules": sorted(sys.modules),
            "path hooks": [len(sys.path), len(sys.meta_path), len(sys.path_hooks)],
            "signals": [repr(signal.getsignal(s)) for s in sorted(signal.valid_signals())],
            "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            "trace": [repr(sys.gettrace()), repr(sys.getprofile())],
            "environment": dict(os.environ),
            "folder": os.getcwd(),
            "interval": sys.getswitchinterval(),
            "recursion": sys.getrecursionlimit(),
        }


def descriptors() -> dict[str, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the one that lists them is closed
            found[name] = os.readlink(f"/proc/self/fd/{name}")
    return found


def mapped_files() -> set[str]:
    with open("/proc/self/maps") as f:
        return {line.split(maxsplit=5)[5].strip() for line in f if line.count("/")}


def memory() -> dict[str, int]:
    with open("/proc/self/maps") as f:
        lines = f.readlines()
    with open("/proc/self/statm") as f:
        pages = [int(x) for x in f.read().split()[:2]]
    size = os.sysconf("SC_PAGE_SIZE")
    return {"maps": len(lines), "virtual": pages[0] * size, "resident": pages[1] * size}


def changes(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What differs, by name; of dicts only the entries that do."""
    found: dict[str, Any] = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found.update((f"{key}: {k}", v) for k, v in changes(old, new).items())
        elif old != new:
            found[key] = [old, new]
    return found


def churn() -> None:
    kept: list[Any] = []
    for i in range(3000):
        kept.append([(i, str(i)), {"k": i}, i * 0.5])
        if len(kept) > 200:
            kept.clear()


def hunt(agent: Any, folder: str, captures: int) -> dict[str, Any]:
    agent.birth_start(lost=LOST)
    path = os.path.join(folder, "one.lkheap")
    for _ in range(captures):
        churn()
        agent.capture(path, header(), mark=True)
        os.unlink(path)
    answer: dict[str, Any] = agent.birth_stop()
    return answer


def main() -> None:
    agent_path, helper, folder, _ = sys.argv[1:]
    spec = importlib.util.find_spec("json")
    assert spec is not None
    gc.disable()
    gc.set_threshold(500, 7, 9)
    gc.freeze()
    bystander = Bystander(helper)
    bystander.look()
    before, files = bystander.look(), mapped_files()
    agent = load(agent_path)
    answer = hunt(agent, folder, 3)
    sys.modules.pop("_heap", None)
    del agent
    gc.collect()  # the classes that the self-test made are garbage in cycles
    after = bystander.look()
    new_files = sorted(mapped_files() - files)
    gc.unfreeze()
    gc.enable()
    # And nothing adds up.
    agent = load(agent_path)
    hunt(agent, folder, WARM)
    first = memory()
    agent.birth_start(lost=LOST)
    agent.birth_stop()
    for _ in range(4):
        hunt(agent, folder, CAPTURES // 4)
    last = memory()
    growth = {key: last[key] - first[key] for key in first}
    print(json.dumps({"answer": answer, "changed": changes(before, after), "new files": new_files,
                      "growth": growth}))  # fmt: skip


if __name__ == "__main__":
    main()

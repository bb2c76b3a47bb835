"""Odd moments: a long chain; a collection that stands still in another thread.

Usage: odd_program.py AGENT FOLDER chain|collecting|busy.  Runs inside the target interpreter.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.agent import agent_loader

LENGTH = 100_000


class Link:
    def __init__(self, following: Any) -> None:
        self.next = following


def chain(agent: Any, path: str) -> Any:
    """Linked lists of 100,000 links of several kinds."""
    heads: dict[str, Any] = {"Link": None, "tuple": None, "list": None, "dict": None}
    for _ in range(LENGTH):
        heads["Link"] = Link(heads["Link"])
        heads["tuple"] = (heads["tuple"],)
        heads["list"] = [heads["list"]]
        heads["dict"] = {"next": heads["dict"]}
    agent.capture(path, agent_loader.header())
    return {name: id(head) for name, head in heads.items()}


class Stuck:
    """Garbage whose finalizer waits."""

    entered = threading.Event()
    go_on = threading.Event()

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        Stuck.entered.set()
        Stuck.go_on.wait()


KEPT = {"kept here": [Link("something")]}


def collecting(agent: Any, path: str) -> Any:
    """Capture while the main thread stands in the middle of a collection."""
    done: list[float] = []

    def capture() -> None:
        Stuck.entered.wait()
        start = time.monotonic()
        agent.capture(path, agent_loader.header(), max_wait_ms=100)
        done.append(time.monotonic() - start)
        Stuck.go_on.set()

    gc.collect()
    Stuck()
    thread = threading.Thread(target=capture)
    thread.start()
    gc.collect()
    thread.join()
    agent.capture(path + ".after", agent_loader.header())
    return {"seconds": done[0], "kept": id(KEPT), "deep": id(KEPT["kept here"][0])}


def busy(agent: Any, path: str) -> Any:
    """Captures while other threads make and drop objects."""
    stop = threading.Event()

    def churn() -> None:
        held: list[Any] = []
        while not stop.is_set():
            held.append({"n": [len(held)], "t": (held[-1:],)})
            if len(held) > 2000:
                held.clear()

    threads = [threading.Thread(target=churn) for _ in range(2)]
    for thread in threads:
        thread.start()
    for i in range(20):
        agent.capture(f"{path}.{i}", agent_loader.header())
    stop.set()
    for thread in threads:
        thread.join()
    return {}


def main() -> None:
    agent = agent_loader.load(sys.argv[1])
    path = str(Path(sys.argv[2]) / "heap.lkheap")
    scene = {"chain": chain, "collecting": collecting, "busy": busy}[sys.argv[3]]
    print(json.dumps(scene(agent, path)))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

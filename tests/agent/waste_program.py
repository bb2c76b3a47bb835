"""Containers of many fillings, and what Python says of each: ``AGENT OUT_DIR``.

The oracle is the interpreter: it adds entries until the size changes to learn the room there is,
and copies a container to learn how small it can be.
"""

from __future__ import annotations

import collections
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.agent.agent_loader import header, load

FILLINGS = (0, 1, 2, 3, 4, 5, 6, 9, 10, 11, 18, 19, 20, 40, 76, 77, 100, 300, 1000)
LEFT = (0, 1, 3, 7, 30)
"""Entries that are left after the others were taken out."""


def make(kind: str, count: int) -> Any:
    """A container filled one by one, as programs do."""
    made: Any
    if kind == "list":
        made = []
        for i in range(count):
            made.append(i)
    elif kind in ("dict", "numbers", "defaultdict"):
        made = collections.defaultdict(int) if kind == "defaultdict" else {}
        for i in range(count):
            made[i if kind == "numbers" else f"k{i}"] = i
    elif kind == "set":
        made = set()
        for i in range(count):
            made.add(f"k{i}")
    elif kind == "bytearray":
        made = bytearray()
        for _ in range(count):
            made.append(7)
    else:
        made = frozenset(f"k{i}" for i in range(count))
    return made


def drop(container: Any, left: int) -> None:
    """Take entries out until so many are left."""
    while len(container) > left:
        if isinstance(container, dict):
            container.popitem()
        else:
            container.pop()


def copy(container: Any) -> Any:
    """The same entries in no more room than CPython gives them at first."""
    if type(container) is list:
        return container[:]
    if isinstance(container, dict):
        fresh: Any = {} if type(container) is dict else collections.defaultdict(int)
        for key, value in container.items():
            fresh[key] = value
        return fresh
    if type(container) is bytearray:
        return bytearray(bytes(container))
    return type(container)(set(container))


def capacity(container: Any) -> int:
    """Entries that fit before the size changes.  Spoils the container."""
    size, count = sys.getsizeof(container), len(container)
    if type(container) is frozenset:  # nothing can be added: take a set with such a table
        container = set()
        while sys.getsizeof(container) != size:
            container.add(f"old {len(container)}")
        count = len(container)
    add: Callable[[int], Any]
    if type(container) in (list, bytearray):
        add = lambda i: container.append(i % 200)
    elif isinstance(container, dict):
        is_text = all(type(key) is str for key in container)
        add = lambda i: container.__setitem__(f"new {i}" if is_text else -i, i)
    else:
        add = lambda i: container.add(f"new {i}")
    while True:
        add(count + 1)
        if sys.getsizeof(container) != size:
            return count
        count += 1


class Plain:
    def __init__(self, n: int) -> None:
        self.name, self.n = f"n{n}", n


class Slotted:
    __slots__ = ("n",)

    def __init__(self, n: int) -> None:
        self.n = n


class FailureError(Exception):
    pass


class Child(Plain):
    pass


PLAIN = [Plain(i) for i in range(30)]
CHILDREN = [Child(i) for i in range(20)]
SLOTTED = [Slotted(i) for i in range(30)]
FAILURES = [FailureError(i) for i in range(30)]
SAMPLES: dict[str, Any] = {}
EQUAL: dict[str, Any] = {}


def samples() -> None:
    """Every kind at every filling, and some emptied again."""
    for kind in ("list", "dict", "numbers", "defaultdict", "set", "frozenset", "bytearray"):
        for count in FILLINGS:
            SAMPLES[f"{kind} {count}"] = make(kind, count)
    for kind in ("list", "dict", "numbers", "set"):
        for left in LEFT:
            SAMPLES[f"{kind} 500 to {left}"] = make(kind, 500)
            drop(SAMPLES[f"{kind} 500 to {left}"], left)
    for count in (0, 1, 64, 200):
        SAMPLES[f"deque {count}"] = collections.deque(range(count))
    SAMPLES["ordered 0"] = collections.OrderedDict()


def equals() -> None:
    """Values of each sort, some of them alike."""

    def text(i: int) -> str:
        return "-".join(["value", str(i)])

    EQUAL["str"] = [text(i % 3) for i in range(12)]
    EQUAL["bytes"] = [text(i % 4).encode() for i in range(12)]
    EQUAL["int"] = [10**6 + i % 5 for i in range(15)]
    EQUAL["float"] = [float(i % 2) + 0.5 for i in range(8)]
    EQUAL["tuple"] = [(text(i % 2), (10**6 + i % 2, text(7))) for i in range(10)]
    EQUAL["frozenset"] = [frozenset([text(i % 2), text(5)]) for i in range(6)]
    EQUAL["alone"] = ["-".join(["nobody", str(7)]) for _ in range(7)]
    EQUAL["mixed"] = [(1.5, text(1)), (1.5, text(2)), (text(1), 1.5), (1, text(1)), (True, text(1))]


def told() -> dict[str, Any]:
    """What is expected of every sample."""
    found = {}
    for name, container in SAMPLES.items():
        size, fitting = sys.getsizeof(container), sys.getsizeof(copy(container))
        found[name] = {"size": size, "entries": len(container), "fitting": fitting}
    dicts: dict[str, list[Any]] = {"Plain": list(PLAIN), "Child": list(CHILDREN)}
    sizes = {
        name: [sys.getsizeof(vars(one)) for one in instances] for name, instances in dicts.items()
    }
    others: list[list[Any]] = [FAILURES, SLOTTED]
    for instances in others:
        for one in instances:
            getattr(one, "__dict__", None)
    equal = [[id(one), spelled(one)] for values in EQUAL.values() for one in values]
    alone = sys.getsizeof(EQUAL["alone"][0])
    return {"samples": found, "dicts": sizes, "equal": equal, "alone": alone}


def spelled(value: Any) -> str:
    """Text that values share exactly when they are equal and of one type."""
    if isinstance(value, frozenset):
        members: list[str] = sorted(value)
        return f"frozenset {members!r}"
    return repr(value)


def main() -> None:
    heap, folder = load(sys.argv[1]), Path(sys.argv[2])
    samples()
    equals()
    expected = told()
    heap.capture(str(folder / "heap.lkheap"), header(), False, 1000, False, "in-process", True)
    for name, container in SAMPLES.items():
        if not name.startswith(("deque", "ordered")):
            expected["samples"][name]["capacity"] = capacity(container)
    (folder / "told.json").write_text(json.dumps(expected), "utf-8")


main()

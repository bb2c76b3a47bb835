"""Objects that take note whenever their code runs; a capture must run none of it.

Usage: hostile_program.py AGENT FOLDER.  Runs inside the target interpreter.
"""

from __future__ import annotations

import collections
import json
import os
import sys
import threading
import types
import weakref
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.agent import agent_loader

CALLS: list[str] = []
ARMED: list[bool] = []
NAMES = (
    "__sizeof__", "__len__", "__eq__", "__hash__", "__repr__", "__str__", "__bool__",
    "__getattr__", "__getattribute__", "__iter__", "__next__", "__call__", "__index__",
    "__int__", "__float__", "__contains__", "__getitem__", "__del__", "__reduce__",
    "__reduce_ex__", "__dir__", "__enter__", "__format__", "__bytes__", "__fspath__",
    "__lt__", "__ne__", "__get__", "__missing__", "__length_hint__", "__reversed__",
    "keys", "values", "items", "fileno", "__traverse__", "__instancecheck__",
    "__subclasscheck__", "__setattr__", "__delattr__", "__set__", "__prepare__", "mro",
)  # fmt: skip


def noting(name: str, original: Any) -> Any:
    """A method that notes its call, once armed, then does what the original did."""

    def method(self: Any, *args: Any, **named: Any) -> Any:
        if ARMED:
            CALLS.append(name)
        if original is None:
            raise AttributeError(name)
        return original(self, *args, **named)

    return method


def hostile(name: str, *bases: type, metaclass: type = type, slots: bool = False) -> Any:
    """A class all of whose methods note their calls."""
    space: dict[str, Any] = {}
    for method in NAMES:
        original = next((vars(c)[method] for base in bases or (object,) for c in base.__mro__
                         if method in vars(c)), None)  # fmt: skip
        if original is None and method not in ("__getattr__", "__sizeof__", "__bool__"):
            original = lambda *_, **__: None
        if isinstance(original, classmethod | staticmethod):
            continue
        space[method] = noting(f"{name}.{method}", original)
    if not any(issubclass(base, type) for base in bases):
        space["__class__"] = property(noting(f"{name}.__class__", type))
        if not slots:
            space["__dict__"] = property(noting(f"{name}.__dict__", lambda self: {}))
        space["__weakref__"] = property(noting(f"{name}.__weakref__", lambda self: None))
    if slots:
        space["__slots__"] = ("left", "right")
        del space["__weakref__"]
    space["__bool__"] = noting(f"{name}.__bool__", lambda self: True)
    return metaclass.__call__(metaclass, name, bases, space)


def build() -> list[Any]:
    """One hostile instance of each kind."""
    meta = hostile("Meta", type)
    made: list[Any] = [
        hostile("Plain")(), hostile("Slotted", slots=True)(), hostile("List", list)([1, 2]),
        hostile("Dict", dict)({"a": 1}), hostile("Set", set)([1]), hostile("Str", str)("text"),
        hostile("Int", int)(5), hostile("Tuple", tuple)((1, 2)),
        hostile("Deque", collections.deque)([1, 2], 5),
        hostile("Default", collections.defaultdict)(list, {"a": 1}),
        hostile("Ordered", collections.OrderedDict)({"a": 1}),
        hostile("Error", ValueError)("no"), hostile("Module", types.ModuleType)("hostile"),
        hostile("Float", float)(2.5), hostile("Bytes", bytes)(b"b"),
        hostile("Local", threading.local)(),
        hostile("ByMeta", metaclass=meta), meta,
    ]  # fmt: skip
    keys = [x for x in made if type(x).__name__ in ("Plain", "Str", "Int", "Tuple", "Slotted")]
    made.append({key: i for i, key in enumerate(keys)})
    made.append(set(keys))
    made.append(frozenset(keys))
    made.append(weakref.ref(hostile("Referred"), made[0]))
    return made


def main() -> None:
    agent = agent_loader.load(sys.argv[1])
    folder = Path(sys.argv[2])
    made = build()
    header, path = agent_loader.header(), str(folder / "heap.lkheap")
    addresses = [id(x) for x in made]
    sys.modules["hostile_module"] = made[0]
    vars(types.ModuleType)["__dict__"].__get__(made[12])["inside"] = [1]
    threading.current_thread()._name = made[5]  # type: ignore[attr-defined]
    ARMED.append(True)
    agent.capture(path, header)
    agent.capture(path, header)
    ARMED.clear()
    print(json.dumps({"calls": CALLS, "addresses": addresses}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()

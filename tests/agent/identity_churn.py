"""Runs inside a target: replaces objects that carry serial numbers, and takes snapshots.

``PYTHON -m tests.agent.identity_churn AGENT.so FOLDER SEED lost|identity``: standard library
only.  Writes ``FOLDER/K.lkheap`` and ``FOLDER/K.truth`` for each capture: a JSON line with the
names of the kinds, then for each kind its count, the addresses and the serial numbers of its
objects.
Serials live in arrays, so that the book-keeping makes no garbage of the types under test.
"""

# As little as possible is imported in a target.
# ruff: noqa: PTH118, PTH123
from __future__ import annotations

import array
import asyncio
import collections
import contextvars
import datetime as dt
import decimal
import fractions
import functools
import gc
import io
import itertools
import json
import os
import random
import re
import sys
import threading
import time
import types
import typing
import uuid
import warnings
import weakref
from collections.abc import Callable
from typing import Any, cast

from tests.agent.agent_loader import load

CHURNS = (0.001, 0.01, 0.1, 0.5, 1.0, 3.0)
OPERAND = "float by operand"
PHOENIXES = ("phoenix", "slotted phoenix")


class Plain:
    def __init__(self, n: int) -> None:
        self.n = n

    def method(self) -> int:
        return self.n


class Slotted:
    __slots__ = ("__weakref__", "n")

    def __init__(self, n: int) -> None:
        self.n = n


class TupleChild(tuple[Any, ...]):
    __slots__ = ()


class ListChild(list[Any]):
    pass


class DictChild(dict[Any, Any]):
    pass


class FloatChild(float):
    pass


class IntChild(int):
    pass


class StrChild(str):
    __slots__ = ()


class OwnMemoryError(MemoryError):
    pass


class Phoenix:
    """Comes back once."""

    def __del__(self) -> None:
        NEST.append(self)


class SlottedPhoenix:
    __slots__ = ("n",)

    def __del__(self) -> None:
        NEST.append(self)


class Point(typing.NamedTuple):
    x: int
    y: int


class StubLoop:
    def get_debug(self) -> bool:
        return False


NEST: list[Any] = []
LOOP, VAR = cast("asyncio.AbstractEventLoop", StubLoop()), contextvars.ContextVar[int]("VAR")
WORD = re.compile(r"\w+")
ANCHOR = [Slotted(0)]


def generator(n: int) -> Any:
    yield n


async def coroutine(n: int) -> int:
    return n


async def async_generator(n: int) -> Any:
    yield n


def closure(n: int) -> Any:
    def inner() -> int:
        return n

    return inner


def cell(n: int) -> Any:
    return closure(n).__closure__[0]


def frame(n: int) -> Any:
    return sys._getframe()


def error(n: int) -> ValueError:
    try:
        raise ValueError(n)
    except ValueError as exc:
        return exc


def filled_later(n: int) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    made["n"] = n  # tracked later or never
    return made


def emptied_list(n: int) -> list[Any]:
    made = [n, n]
    made.clear()
    return made


def context(n: int) -> contextvars.Context:
    made = contextvars.copy_context()
    made.run(VAR.set, n)
    return made


def make_file(n: int) -> io.StringIO:
    return io.StringIO("x")


MAKERS: dict[str, Callable[[int], Any]] = {
    "instance": Plain,
    "slots instance": Slotted,
    "object": lambda n: object(),
    "phoenix": lambda n: Phoenix(),
    "slotted phoenix": lambda n: SlottedPhoenix(),
    "tuple of 1": lambda n: (n,),
    "tuple of 2": lambda n: (n, "x"),
    "tuple of 25": lambda n: (n,) * 25,
    "tuple resized": lambda n: tuple(x for x in (n, n, n)),
    "tuple of atoms from list": lambda n: tuple([n, 1.5, "s"]),  # noqa: C409 - its own way
    "namedtuple": lambda n: Point(n, n),
    "tuple subclass": lambda n: TupleChild((n,)),
    "struct sequence": time.gmtime,
    "list": lambda n: [n],
    "list emptied": emptied_list,
    "list of lists": lambda n: [[n]],
    "list comprehension": lambda n: [x for x in (n,)],  # noqa: C416 - its own opcode
    "list subclass": lambda n: ListChild([n]),
    "dict of atoms": lambda n: {"n": n},
    "dict empty": lambda n: {},
    "dict filled later": filled_later,
    "dict of int keys": lambda n: {n: n},
    "dict of lists": lambda n: {"n": [n]},
    "dict subclass": lambda n: DictChild(n=n),
    "dict of instance": lambda n: vars(Plain(n)),
    "OrderedDict": lambda n: collections.OrderedDict(n=n),
    "defaultdict": lambda n: collections.defaultdict(list, n=n),
    "Counter": lambda n: collections.Counter("aab"),
    "dict view": lambda n: {"n": n}.items(),
    "dict iterator": lambda n: iter({"n": n}),
    "str": lambda n: f"serial {n}",
    "str subclass": lambda n: StrChild(f"serial {n}"),
    "str long": lambda n: f"{n}" * 200,
    "str wide": lambda n: f"\u20ac{n}",
    "bytes": lambda n: b"%d" % n,
    "bytearray": lambda n: bytearray(b"%d" % n),
    "int": lambda n: n + (1 << 40),
    "int long": lambda n: n + (1 << 400),
    "int subclass": IntChild,
    "float": lambda n: n + 0.5,
    "float parsed": lambda n: float(f"{n}.25"),
    "float subclass": FloatChild,
    "complex": lambda n: complex(n, 1),
    "set": lambda n: {n},
    "frozenset": lambda n: frozenset((n,)),
    "slice": lambda n: slice(n, n + 1),
    "range": lambda n: range(n, n + 10),
    "closure": closure,
    "cell": cell,
    "lambda": lambda n: lambda: n,
    "bound method": lambda n: Plain(n).method,
    "builtin method": lambda n: [n].append,
    "partial": lambda n: functools.partial(int, n),
    "property": lambda n: property(None),
    "staticmethod": lambda n: staticmethod(int),
    "lru_cache": lambda n: functools.lru_cache(maxsize=2)(int),
    "generator": generator,
    "coroutine": coroutine,
    "async generator": async_generator,
    "asend": lambda n: async_generator(n).asend(None),
    "athrow": lambda n: async_generator(n).athrow(ValueError()),
    "aclose": lambda n: async_generator(n).aclose(),
    "future": lambda n: asyncio.Future(loop=LOOP),
    "future iterator": lambda n: iter(asyncio.Future(loop=LOOP)),
    "Context": context,
    "Token": VAR.set,
    "deque": lambda n: collections.deque((n,)),
    "Decimal": decimal.Decimal,
    "Fraction": lambda n: fractions.Fraction(n, 3),
    "exception": error,
    "MemoryError": MemoryError,
    "MemoryError subclass": OwnMemoryError,
    "traceback": lambda n: error(n).__traceback__,
    "frame": frame,
    "code": lambda n: compile(f"x = {n}", "<made>", "exec"),
    "class": lambda n: type("Made", (), {"n": n}),
    "module": lambda n: types.ModuleType("made"),
    "namespace": lambda n: types.SimpleNamespace(n=n),
    "mapping proxy": lambda n: types.MappingProxyType({"n": n}),
    "weakref": lambda n: weakref.ref(ANCHOR[0], lambda _: n),
    "memoryview": lambda n: memoryview(b"%d" % n),
    "array": lambda n: array.array("q", (n,)),
    "datetime": lambda n: dt.datetime(2000, 1, 1, tzinfo=dt.UTC) + dt.timedelta(n % 9999, n),
    "timedelta": lambda n: dt.timedelta(n, 5),
    "uuid": lambda n: uuid.UUID(int=n),
    "list iterator": lambda n: iter([n]),
    "tuple iterator": lambda n: iter((n,)),
    "zip": lambda n: zip([n], [n], strict=True),
    "enumerate": lambda n: enumerate([n]),
    "chain": lambda n: itertools.chain([n]),
    "count": itertools.count,
    "lock": lambda n: threading.Lock(),
    "StringIO": make_file,
    "match": lambda n: WORD.match(f"word{n}"),
    "generic alias": lambda n: list[int],
    "union": lambda n: int | str,
}


def grow_and_shrink(made: Any) -> None:
    """Move what an old object owns; it stays itself."""
    if isinstance(made, list):
        made.extend(range(100))
        del made[1:]
    elif isinstance(made, dict):
        made.update((i, i) for i in range(100))
        for i in range(100):
            made.pop(i, None)
    elif isinstance(made, set):
        made.update(range(100))
        made.clear()
    elif isinstance(made, bytearray):
        made.extend(range(100))
        del made[3:]
    elif isinstance(made, collections.deque):
        made.extend(range(200))
        made.rotate(3)
    elif isinstance(made, (Plain, types.SimpleNamespace)):
        for i in range(40):
            setattr(made, f"a{i}", i)
        vars(made).clear()
        made.n = 1
    elif isinstance(made, str):
        hash(made)
        made.encode()


class Herd:
    """The objects of one kind and their serial numbers."""

    def __init__(self, make: Callable[[int], Any], count: int) -> None:
        self.make = make
        self.objects: list[Any] = []
        self.serials = array.array("q")
        for _ in range(count):
            self.add()

    def add(self) -> None:
        n = next(SERIAL)
        self.objects.append(self.make(n))
        self.serials.append(n)

    def drop(self, i: int) -> None:
        self.objects[i] = self.objects[-1]
        self.objects.pop()
        self.serials[i] = self.serials[-1]
        self.serials.pop()

    def replace(self, i: int) -> None:
        self.serials[i] = n = next(SERIAL)
        self.objects[i] = self.make(n)

    def replace_after_death(self, i: int) -> None:
        self.objects[i] = None
        self.replace(i)

    def replace_by_cycle(self, i: int) -> None:
        """The old one dies when the collector finds the cycle."""
        knot: list[Any] = [self.objects[i]]
        knot.append(knot)
        del knot
        self.replace(i)

    def churn_once(self, i: int, way: int) -> None:
        if way == 0:
            self.replace_by_cycle(i)
        elif way == 1:
            self.make(0)  # in between, one that nobody keeps
            self.replace(i)
        elif way == 2:
            self.drop(i)
            self.add()
        elif way == 3:
            self.replace_after_death(i)
        elif way == 4:
            grow_and_shrink(self.objects[i])
        else:
            self.replace(i)

    def churn_by_resurrection(self, i: int) -> None:
        """An object that its finalizer saves stays itself; the second time it dies."""
        self.objects[i] = None
        if NEST:
            self.objects[i] = NEST.pop()
        else:
            self.replace(i)

    def churn_by_operand(self, count: int) -> None:
        """Floats that die as operands of specialised arithmetic."""
        objects, serials = self.objects, self.serials
        for _ in range(count):
            serials.append(next(SERIAL))
            objects.append(objects.pop(0) * 1.0000001)
            serials.pop(0)


SERIAL = itertools.count(100_000)
"""Large, so that no serial is one of the shared small ints."""
HERDS: dict[str, Herd] = {}


def churn(factor: float, chooser: random.Random) -> None:
    names = [name for name in HERDS if name != OPERAND]
    count = len(HERDS[names[0]].objects)
    for _ in range(int(factor * count) or 1):
        chooser.shuffle(names)
        for name in names:
            herd, i = HERDS[name], chooser.randrange(count)
            if name in PHOENIXES:
                herd.churn_by_resurrection(i)
            else:
                herd.churn_once(i, chooser.randrange(8))
    # Leak a little too: births that no death makes room for.
    for name in names:
        HERDS[name].add()
        HERDS[name].drop(0)
    NEST.clear()
    HERDS[OPERAND].churn_by_operand(int(factor * count) or 1)


def capture(agent: Any, folder: str, k: int, identity: dict[str, Any]) -> None:
    header = {
        "format": "leakhunt-stream",
        "process": {"pid": os.getpid(), "start_ticks": 1, "boot_id": "x", "uid": 0},
        "label": str(k), "sequence": k, "mode": "in-process", "tool": "0", "created": "",
        "python": {"version": "", "implementation": "cpython", "hexversion": sys.hexversion,
                   "abi": "", "executable": sys.executable},
        "redaction": "names",
        "identity": {**identity, "since": str(k - 1) if k else None},
    }  # fmt: skip
    truth = [(array.array("Q", map(id, herd.objects)), herd.serials[:]) for herd in HERDS.values()]
    path = os.path.join(folder, f"{k}.lkheap")
    mode = sys.argv[5] if len(sys.argv) > 5 else "in-process"
    agent.capture(path, json.dumps(header).encode(), mark=True, mode=mode)
    with open(os.path.join(folder, f"{k}.truth"), "wb") as f:
        f.write(
            json.dumps(
                {"kinds": list(HERDS), "identity": identity, "account": sys.argv[4]}
            ).encode()
            + b"\n"
        )
        for addresses, serials in truth:
            f.write(len(serials).to_bytes(8, "little"))
            f.write(addresses.tobytes() + serials.tobytes())


def main() -> None:
    warnings.simplefilter("ignore")
    agent = load(sys.argv[1])
    folder, seed = sys.argv[2], int(sys.argv[3])
    chooser = random.Random(seed)
    HERDS.update((name, Herd(make, 300)) for name, make in MAKERS.items())
    HERDS[OPERAND] = Herd(lambda n: n + 0.125, 300)
    churn(1.0, chooser)
    identity = agent.birth_start(lost=sys.argv[4] == "lost")
    for k, factor in enumerate((0.0, *CHURNS)):
        if k:
            churn(factor, chooser)
            if k == 4:
                gc.collect()
        capture(agent, folder, k, identity)
    print(json.dumps(agent.birth_stop()))


if __name__ == "__main__":
    main()

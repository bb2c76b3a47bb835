"""Built-in values and containers, and subclasses of them."""

from __future__ import annotations

import array
import collections
import functools
import itertools
import operator
import sys
import types
import weakref
from typing import Any

from tests.agent.samples import Samples, fresh


def build(samples: Samples) -> None:
    """Add all samples of this module."""
    _numbers(samples)
    _texts(samples)
    _containers(samples)
    _dicts(samples)
    _collections(samples)
    _subclasses(samples)
    _callables(samples)
    _iterators(samples)
    _weak(samples)


class Thing:
    """Something with an address of its own."""


def _numbers(samples: Samples) -> None:
    for power in (0, 1, 15, 29, 30, 31, 59, 60, 61, 63, 64, 90, 300):
        samples.keep(f"int 2**{power}", 2**power)
        samples.keep(f"int -2**{power}", -(2**power))
    samples.keep("int 0", 0)
    samples.keep("float", float("1.5"))
    samples.keep("complex", complex(1, 2.5))
    samples.keep("true", True)
    samples.keep("none", None)
    samples.keep("ellipsis", ...)
    samples.keep("not implemented", NotImplemented)


def _texts(samples: Samples) -> None:
    samples.keep("str empty", "")
    samples.keep("str ascii", fresh("plain ", "text"))
    samples.keep("str interned", sys.intern(fresh("inter", "ned_text")))
    samples.keep("str latin", fresh("caf", "\xe9"))
    samples.keep("str two bytes", fresh("snow", "\u2603"))
    samples.keep("str four bytes", fresh("face", "\U0001f600"))
    samples.keep("str surrogate", fresh("half", "\ud800"))
    cached = samples.keep("str with utf-8", fresh("snow", "\u2603", "man"))
    try:
        getattr(types.SimpleNamespace(**{cached: 1}), cached)
        open(cached).close()  # noqa: PTH123 - the encoder keeps its bytes
    except OSError:
        pass
    samples.keep("bytes empty", b"")
    samples.keep("bytes", bytes(range(50)))
    grown = bytearray(b"abc")
    for i in range(100):
        grown.append(i)
    samples.keep("bytearray", grown, facts={"LENGTH": 103})
    exported = samples.keep("bytearray exported", bytearray(20), facts={"LENGTH": 20, "EXPORTS": 1})
    first = samples.keep("memoryview", memoryview(exported))
    samples.keep("memoryview of part", first[3:7])
    samples.keep("memoryview of view", memoryview(first))
    samples.keep("array", array.array("d", [1.0, 2.0, 3.0]), facts={"LENGTH": 3})


def _containers(samples: Samples) -> None:
    a, b, c = Thing(), Thing(), Thing()
    samples.keep("tuple empty", ())
    samples.keep("tuple", (a, b, a, None))
    samples.keep("list empty", [])
    grown: list[Any] = []
    grown.extend([i] for i in range(1000))
    samples.keep("list grown", grown)
    del grown[500:]
    samples.keep("list literal", [a, [b], (c,)])
    holds_itself: list[Any] = []
    holds_itself.append(holds_itself)
    samples.keep("list of itself", holds_itself)
    samples.keep("set empty", set())
    samples.keep("set", {a, b, "text", 7**40})
    big = set(map(str, range(300)))
    for i in range(0, 300, 2):
        big.discard(str(i))
    samples.keep("set with deletions", big)
    samples.keep("frozenset", frozenset([a, (b, c)]))
    samples.keep("slice", slice(a, b, c))
    samples.keep("range", range(10**20, 10**21, 10**18))
    samples.keep("mapping proxy", types.MappingProxyType({"a": a}))
    samples.keep("namespace", types.SimpleNamespace(first=a, second=b))
    samples.keep("union", int | str | list[int])
    samples.keep("generic alias", dict[str, Thing])
    samples.keep("cell", types.CellType(a))
    samples.keep("cell empty", types.CellType())


def _dicts(samples: Samples) -> None:
    a, b = Thing(), Thing()
    samples.keep("dict empty", {})
    samples.keep("dict named", {"alpha": a, "beta": b, "gamma" * 3: 1})
    samples.keep("dict of atoms", {fresh("k", "1"): 1, "k2": "v"})
    general = {1: a, (2, 3): b, "text": a, 2.5: None, 10**30: b, b"by": 1, None: 3}
    samples.keep("dict general", general)
    made = {f"key {i}": [i] for i in range(200)}
    for i in range(0, 200, 3):
        del made[f"key {i}"]
    samples.keep("dict with deletions", made)
    cleared = dict.fromkeys(map(str, range(50)), a)
    cleared.clear()
    samples.keep("dict cleared", cleared)
    samples.keep("dict of its keys", dict.fromkeys(["same", "other"], "same"))
    wide = dict.fromkeys(range(70_000))
    samples.keep("dict wide", wide)
    samples.keep("dict keys", {"a": a}.keys())
    samples.keep("dict items", {"a": a}.items())


class Bounded:
    """An attribute that says it is a bound."""

    def __init__(self) -> None:
        self.items: list[int] = []
        self.max_size = 512


def _collections(samples: Samples) -> None:
    a, b = Thing(), Thing()
    ordered: Any = collections.OrderedDict([("first", a), (fresh("sec", "ond"), b), (3, a)])
    samples.keep("ordered dict", ordered)
    attributed: Any = collections.OrderedDict(x=a)
    attributed.note = b
    samples.keep("ordered dict with attribute", attributed)
    default: Any = collections.defaultdict(Thing)
    default["made"], default[(1, 2)] = a, b
    default[fresh("al", "so")] = a
    samples.keep("default dict", default)
    samples.keep("counter", collections.Counter("abracadabra"))
    samples.keep("chain map", collections.ChainMap({"a": a}, {"b": b}))
    samples.keep("user dict", collections.UserDict(a=a))
    samples.keep("deque", collections.deque([a, b, a], 5), facts={"MAXSIZE": 5})
    turned = collections.deque(map(Thing.__new__, [Thing] * 200))
    turned.rotate(77)
    samples.keep("deque unbounded", turned, facts={"MAXSIZE": -1})
    samples.keep("deque empty", collections.deque(), facts={"MAXSIZE": -1})
    samples.keep("bounded instance", Bounded(), facts={"BOUND": 512})
    unfolded = Bounded()
    samples.keep("its dict", vars(unfolded))
    samples.keep("bounded instance with a dict of its own", unfolded, facts={"BOUND": 512})
    expiring: Any = OrderedPlus(a=a)
    expiring.max_len = 40
    samples.keep("bounded ordered dict", expiring, facts={"BOUND": 40})


class ListPlus(list[Any]):
    """With a dict."""


class ListSlots(list[Any]):
    """Without."""

    __slots__ = ("mark",)


class DictPlus(dict[Any, Any]):
    pass


class DictSlots(dict[Any, Any]):
    __slots__ = ("mark",)


class OrderedPlus(collections.OrderedDict[Any, Any]):
    pass


class DefaultPlus(collections.defaultdict[Any, Any]):
    pass


class DefaultSlots(collections.defaultdict[Any, Any]):
    __slots__ = ("mark",)


class DequePlus(collections.deque[Any]):
    pass


class TuplePlus(tuple[Any, ...]):  # noqa: SLOT001 - the dict is what matters
    pass


class TupleSlots(tuple[Any, ...]):
    __slots__ = ()


class SetPlus(set[Any]):
    pass


class FrozenSlots(frozenset[Any]):
    __slots__ = ("mark",)


class StrPlus(str):  # noqa: SLOT000 - likewise
    pass


class StrSlots(str):
    __slots__ = ("mark",)


class IntPlus(int):
    pass


class IntSlots(int):
    __slots__ = ()


class FloatPlus(float):
    pass


class BytesPlus(bytes):
    pass


class ArrayPlus(bytearray):
    pass


class Named(collections.namedtuple("Named", "left right")):  # noqa: PYI024, SLOT002
    pass


Pair = collections.namedtuple("Pair", "left right")  # noqa: PYI024


def _subclasses(samples: Samples) -> None:
    a, b = Thing(), Thing()
    with_items: list[tuple[str, Any]] = [
        ("list plus", ListPlus([a, b])), ("dict plus", DictPlus(k=a, **{"".join("xy"): b})),
        ("tuple plus", TuplePlus((a, b, a))), ("set plus", SetPlus([a])),
        ("str plus", StrPlus("some text")), ("str plus wide", StrPlus("sn\u2603w")),
        ("int plus", IntPlus(2**70)), ("int plus small", IntPlus(5)),
        ("float plus", FloatPlus(2.5)), ("bytes plus", BytesPlus(b"abcdefg")),
        ("bytearray plus", ArrayPlus(b"abc")), ("ordered plus", OrderedPlus({"k": a, 2: b})),
        ("default plus", DefaultPlus(Thing, {"k": a, (1,): b})), ("named tuple plus", Named(a, b)),
        ("deque plus", DequePlus([a, b], 3)),
    ]  # fmt: skip
    for name, obj in with_items:
        obj.note = a
        obj.other = [b]
        facts = {"MAXSIZE": 3} if isinstance(obj, collections.deque) else None
        samples.keep(name, obj, facts=facts)
    slotted: list[tuple[str, Any]] = [
        ("list slots", ListSlots([a])), ("dict slots", DictSlots(k=a)),
        ("default slots", DefaultSlots(None, {"k": a})), ("frozen slots", FrozenSlots([a])),
    ]  # fmt: skip
    for name, obj in slotted:
        obj.mark = b
        samples.keep(name, obj)
    samples.keep("default slots unset", DefaultSlots(None, {"k": a}))
    samples.keep("tuple slots", TupleSlots((a, b)))
    samples.keep("int slots", IntSlots(2**40))
    samples.keep("named tuple", Pair(a, b))
    samples.keep("struct sequence", sys.version_info)
    samples.keep("struct sequence flags", sys.flags)


def _function(a: int, b: Any = (), *, c: Any = None) -> Any:
    """With defaults."""
    return a, b, c


def _make_closure(first: Any, second: Any) -> Any:
    def inner(x: Any = second) -> Any:
        if x:
            return late
        return first, second, late, inner

    if first is None:
        late = 1
    return inner


def _callables(samples: Samples) -> None:
    a, b = Thing(), Thing()

    def keep(x: Any, y: Any) -> tuple[Any, Any]:
        return x, y

    samples.keep("function", _function)
    closure: Any = samples.keep("closure with an empty cell", _make_closure(a, b))
    closure.marked = a
    for cell in closure.__closure__:
        samples.aside.append(cell)
    samples.keep("lambda", lambda: samples)
    samples.keep("code", _function.__code__,
                 facts={"LINE": _function.__code__.co_firstlineno})  # fmt: skip
    samples.keep("bound method", a.__str__)
    samples.keep("python method", samples.keep)
    samples.keep("builtin method", [a].append)
    samples.keep("builtin function", len)
    samples.keep("class method of C", dict.fromkeys)
    samples.keep("slot wrapper", int.__add__)
    samples.keep("method wrapper", (5).__add__)
    samples.keep("method descriptor", str.join)
    samples.keep("class method descriptor", dict.__dict__["fromkeys"])
    samples.keep("get set descriptor", type.__dict__["__dict__"])
    samples.keep("member descriptor", ListSlots.__dict__["mark"])
    names = [["ATTR", "fget", a], ["ATTR", "fset", b]]
    samples.keep("property", property(a, b, None, "doc"), names=names)  # type: ignore[arg-type]
    samples.keep("static method", staticmethod(keep))
    samples.keep("class method", classmethod(keep))
    part: Any = functools.partial(keep, a, y=b)
    part.note = a
    samples.keep("partial", part, names=[["ATTR", "func", keep]])
    samples.keep("super", super(ListPlus, ListPlus()))
    samples.keep("attr getter", operator.attrgetter("a.b", "c"))
    samples.keep("item getter", operator.itemgetter(a))
    samples.keep("method caller", operator.methodcaller("go", a, k=b))
    bounded = functools.lru_cache(maxsize=8)(keep)
    unbounded = functools.lru_cache(maxsize=None)(keep)
    off = functools.lru_cache(maxsize=0)(keep)
    for i in range(20):
        bounded(Thing(), i)
        unbounded(Thing(), (i,))
        off(1, i)
    samples.keep("lru bounded", bounded, facts={"MAXSIZE": 8, "LENGTH": 8})
    samples.keep("lru unbounded", unbounded, facts={"MAXSIZE": -1, "LENGTH": 20})
    samples.keep("lru off", off, facts={"MAXSIZE": 0, "LENGTH": 0})


def _iterators(samples: Samples) -> None:
    a, b = Thing(), Thing()
    made: list[tuple[str, Any]] = [
        ("list", iter([a])), ("tuple", iter((a,))), ("dict", iter({"a": a})),
        ("dict items", iter({"a": a}.items())), ("set", iter({a})), ("str", iter("abc")),
        ("range", iter(range(3))), ("long range", iter(range(10**20, 10**21))),
        ("bytes", iter(b"ab")), ("callable", iter(lambda: a, b)),
        ("enumerate", enumerate([a])), ("zip", zip([a], [b], strict=False)), ("map", map(id, [a])),
        ("filter", filter(None, [a])), ("reversed", reversed([a])),
        ("deque", iter(collections.deque([a]))),
        ("chain", itertools.chain([a], [b])), ("count", itertools.count(10**30)),
        ("cycle", itertools.cycle([a])), ("islice", itertools.islice([a], 1)),
        ("tee", itertools.tee([a])[0]), ("group by", itertools.groupby([a], id)),
        ("product", itertools.product([a], [b])), ("repeat", itertools.repeat(a)),
        ("star map", itertools.starmap(id, [(a,)])), ("zip longest", itertools.zip_longest([a])),
        ("permutations", itertools.permutations([a, b])),
        ("combinations", itertools.combinations([a, b], 1)),
        ("accumulate", itertools.accumulate([a])), ("compress", itertools.compress([a], [1])),
        ("take while", itertools.takewhile(bool, [a])), ("pairwise", itertools.pairwise([a])),
    ]  # fmt: skip
    for name, obj in made:
        samples.keep(f"iterator {name}", obj)


class Referred:
    pass


def _weak(samples: Samples) -> None:
    target = samples.keep("weak target", Referred())
    called = Thing()
    samples.keep("weak reference", weakref.ref(target),
                 names=[["WEAK", None, target]])  # fmt: skip
    samples.keep(
        "weak reference with callback", weakref.ref(target, called),  # type: ignore[arg-type]
        names=[["WEAK", None, target], ["ATTR", "__callback__", called]],
    )  # fmt: skip
    callback: Any = called
    samples.keep("weak proxy", weakref.proxy(target, callback))
    dead = weakref.ref(Referred())
    samples.keep("weak reference dead", dead)
    samples.keep("weak method", weakref.WeakMethod(samples.keep))
    values: Any = weakref.WeakValueDictionary()
    values["name"] = target
    samples.keep("weak value dict", values)
    samples.keep("weak keyed", values.data["name"])
    keys: Any = weakref.WeakKeyDictionary()
    keys[target] = Thing()
    samples.keep("weak key dict", keys)
    samples.keep("weak set", weakref.WeakSet([target]))
    samples.keep("weak finalizer", weakref.finalize(target, len, "x"))

"""Classes, metaclasses, instances in every state of their attributes, ctypes."""

from __future__ import annotations

import abc
import ctypes
import dataclasses
import enum
import types
import typing
from typing import Any

from tests.agent.samples import Samples, fresh


def build(samples: Samples) -> None:
    """Add all samples of this module."""
    _instances(samples)
    _slotted(samples)
    _bounded_by_slots(samples)
    _types(samples)
    _exceptions(samples)
    _ctypes(samples)
    _typing(samples)


class Value:
    """Something with an address of its own."""


class Plain:
    def __init__(self, *values: Any) -> None:
        self.first, self.second, self.third = values


class Forty:
    def __init__(self) -> None:
        for i in range(40):
            setattr(self, f"attribute_{i}", [i])


class Hundred:
    def __init__(self) -> None:
        for i in range(100):
            setattr(self, f"attribute_{i}", [i])


class OldFace:
    pass


class NewFace:
    pass


class Empty:
    pass


class Mangled:
    def __init__(self) -> None:
        self.__private = Value()
        self.café = Value()


def _instances(samples: Samples) -> None:
    a, b, c = Value(), Value(), Value()
    samples.keep("instance empty", Empty())
    samples.keep("instance inline", Plain(a, b, c))
    some = Plain(a, b, c)
    del some.second
    samples.keep("instance with a deleted attribute", some)
    again = Plain(a, b, c)
    del again.first
    again.first = b
    again.fourth = c  # type: ignore[attr-defined]
    samples.keep("instance with attributes added again", again)
    gone = Plain(a, b, c)
    del gone.first, gone.second, gone.third
    samples.keep("instance with all attributes deleted", gone)
    made = Plain(a, b, c)
    samples.aside.append(vars(made))
    samples.keep("instance with a made dict", made)
    grown = Plain(a, b, c)
    vars(grown)["late"] = a
    samples.keep("instance grown by its dict", grown)
    replaced = Plain(a, b, c)
    replaced.__dict__ = {"other": a, fresh("oth", "er2"): b}
    samples.keep("instance with a replaced dict", replaced)
    replaced = Plain(a, b, c)
    samples.aside.append(vars(replaced))
    replaced.__dict__ = {"other": a}
    samples.keep("instance with a made and replaced dict", replaced)
    dropped = Plain(a, b, c)
    del dropped.__dict__
    samples.keep("instance with a deleted dict", dropped)
    odd: Any = Plain(a, b, c)
    vars(odd)[17] = a
    samples.keep("instance with an int key", odd)
    samples.keep("instance with 40 attributes", Forty())
    samples.keep("instance with 100 attributes", Hundred())
    changed: Any = OldFace()
    changed.kept = a
    changed.__class__ = NewFace
    changed.later = b
    samples.keep("instance with a changed class", changed)
    shared = Plain(a, b, c)
    first, second = Empty(), Empty()
    first.__dict__ = second.__dict__ = vars(shared)
    samples.keep("instance sharing a dict", first)
    samples.keep("instance sharing its dict", shared)
    samples.keep("instance with mangled names", Mangled())
    many: Any = Empty()
    for i in range(2000):
        setattr(many, f"x{i}", a)
    samples.keep("instance with 2000 attributes", many)


class Slots:
    __slots__ = ("__hidden", "__weakref__", "left", "right")

    def hide(self, value: Any) -> None:
        self.__hidden = value


class MoreSlots(Slots):
    __slots__ = ("left", "more")  # shadows one


class SlotsAndDict(Slots):
    pass


class SlotsWithDict:
    __slots__ = ("__dict__", "left")


class ManySlots:
    __slots__ = tuple(f"slot_{i}" for i in range(40))


@dataclasses.dataclass(slots=True)
class Record:
    left: Any
    right: Any = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    left: Any


def _slotted(samples: Samples) -> None:
    a, b = Value(), Value()
    full: Any = Slots()
    full.left, full.right = a, b
    full.hide(a)
    samples.keep("slots", full)
    samples.keep("slots unset", Slots())
    more: Any = MoreSlots()
    more.more, more.right, more.left = a, b, a
    Slots.left.__set__(more, b)  # type: ignore[attr-defined]
    samples.keep("slots inherited", more)
    both: Any = SlotsAndDict()
    both.left, both.extra = a, b
    samples.keep("slots and dict", both)
    own: Any = SlotsWithDict()
    own.left, own.extra = a, b
    samples.keep("slots with dict", own)
    many = ManySlots()
    many.slot_7 = a  # type: ignore[attr-defined]
    samples.keep("slots many", many)
    samples.keep("dataclass slots", Record(a, b))
    samples.keep("dataclass", Frozen(a))


class Number(int):
    """Not what a bound is."""


class BoundedSlots:
    __slots__ = ("__maxsize", "entries", "limits", "maxsize")

    def hide(self, bound: Any) -> None:
        self.__maxsize = bound


class MoreBoundedSlots(Empty, BoundedSlots):
    """Inherits its slots from what is not its first base."""

    __slots__ = ("capacity", "entries", "maxsize")  # shadows two


class BoundedSlotsAndDict(BoundedSlots):
    pass


class BoundedList(list[Any]):
    __slots__ = ("max_size",)


@dataclasses.dataclass(slots=True)
class BoundedRecord:
    entries: Any
    capacity: int = 256


def _bounded_by_slots(samples: Samples) -> None:
    values: list[tuple[str, Any, bool]] = [
        ("int", 300, True), ("int of 60 bits", 2**60 - 1, True), ("zero", 0, False),
        ("negative int", -5, False), ("bool", True, False), ("str", "300", False),
        ("float", 0.5, False), ("int of 63 bits", 2**63 - 1, False), ("nothing", None, False),
        ("subclass of int", Number(9), False),
    ]  # fmt: skip
    for name, value, is_bound in values:
        made: Any = BoundedSlots()
        made.maxsize, made.limits, made.entries = value, 8, 8
        samples.keep(f"slot bound {name}", made, facts={"BOUND": value} if is_bound else None)
    gone: Any = BoundedSlots()
    gone.maxsize = 300
    del gone.maxsize
    samples.keep("slot bound deleted", gone)
    private = BoundedSlots()
    private.hide(128)
    samples.keep("slot bound private", private, facts={"BOUND": 128})
    inherited: Any = BoundedSlotsAndDict()
    inherited.maxsize, inherited.entries, inherited.note = 77, [], 5
    samples.keep("slot bound inherited", inherited, facts={"BOUND": 77})
    added: Any = BoundedSlotsAndDict()
    added.max_items = 78
    samples.keep("slot bound unset, one in the dict", added, facts={"BOUND": 78})
    shadowed: Any = MoreBoundedSlots()
    shadowed.maxsize = 60
    BoundedSlots.maxsize.__set__(shadowed, 50)  # type: ignore[attr-defined]
    samples.keep("slot bound shadowed", shadowed, facts={"BOUND": 60})
    hidden: Any = MoreBoundedSlots()
    BoundedSlots.maxsize.__set__(hidden, 50)  # type: ignore[attr-defined]
    samples.keep("slot bound of a later base", hidden, facts={"BOUND": 50})
    listed: Any = BoundedList([1])
    listed.max_size = 40
    samples.keep("slot bound of a list", listed, facts={"BOUND": 40})
    samples.keep("slot bound of a dataclass", BoundedRecord([]), facts={"BOUND": 256})


class Meta(type):
    def __new__(cls, name: str, bases: Any, space: Any, **_: Any) -> Any:
        made: Any = super().__new__(cls, name, bases, space)
        made.registry = [name]
        return made


class SlottedMeta(type):
    note: Any


class ByMeta(metaclass=Meta):
    """A class of a class of its own."""

    table = {"a": 1}  # noqa: RUF012


class BySlottedMeta(metaclass=SlottedMeta):
    pass


class Base(abc.ABC):
    @abc.abstractmethod
    def go(self) -> None: ...


class Color(enum.Enum):
    RED = 1
    GREEN = "green"


class Flags(enum.IntFlag):
    ONE = 1
    TWO = 2


class WithProperty:
    size = 5

    @property
    def area(self) -> int:
        return self.size

    @classmethod
    def make(cls) -> WithProperty:
        return cls()

    @staticmethod
    def free() -> None: ...


def _types(samples: Samples) -> None:
    classes = [Plain, Slots, MoreSlots, ByMeta, BySlottedMeta, Meta, Base, Color, Flags,
               WithProperty, Record]  # fmt: skip
    for cls in classes:
        samples.keep(f"class {cls.__name__}", cls)
    SlottedMeta.__setattr__(BySlottedMeta, "note", Value())
    samples.keep("class made at run time", type("Made", (Plain,), {"table": [1]}))
    for static in (int, dict, type, object, types.FunctionType, BaseException):
        samples.keep(f"static type {static.__name__}", static)
    samples.keep("enum member", Color.GREEN)
    samples.keep("flag member", Flags.ONE | Flags.TWO)
    samples.keep("instance of metaclass class", ByMeta())
    registered: Any = Base
    registered.register(Plain)
    samples.keep("abc data", Base._abc_impl)  # type: ignore[attr-defined]
    module: Any = types.ModuleType("made_module", "doc")
    module.value = Value()
    samples.keep("module", module)
    samples.keep("module of C", abc.__spec__)


class OwnError(Exception):
    pass


class SlottedError(ValueError):
    __slots__ = ("code",)


def _exceptions(samples: Samples) -> None:
    try:
        try:
            raise ValueError("inner")
        except ValueError as inner:
            raise OwnError("outer", Value()) from inner
    except OwnError as error:
        error.add_note("a note")
        error.extra = Value()  # type: ignore[attr-defined]
        samples.keep("exception", error)
        samples.keep("traceback", error.__traceback__)
    try:
        try:
            raise KeyError("first")
        except KeyError:
            raise SlottedError("second") from None
    except SlottedError as error:
        error.code = Value()  # type: ignore[attr-defined]
        samples.keep("exception with slots", error)
    samples.keep("exception fresh", OwnError())
    samples.keep("exception group", ExceptionGroup("group", [ValueError(1), OwnError(Value())]))
    samples.keep("stop iteration", StopIteration(Value()))
    samples.keep("os error", OSError(2, "none", fresh("a ", "file")))
    samples.keep("import error", ImportError("none", name="a name", path="a path"))
    samples.keep("syntax error", SyntaxError("bad", ("file", 1, 2, "line")))
    samples.keep("unicode error", UnicodeDecodeError("utf-8", b"abc", 0, 1, "reason"))
    samples.keep("attribute error", AttributeError("none", name="a name", obj=Value()))
    samples.keep("system exit", SystemExit(Value()))


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_int), ("p", ctypes.POINTER(ctypes.c_int)),
                ("o", ctypes.py_object), ("name", ctypes.c_char_p)]  # fmt: skip


class Either(ctypes.Union):
    _fields_ = [("i", ctypes.c_int), ("f", ctypes.c_float)]


def _ctypes(samples: Samples) -> None:
    number = ctypes.c_int(5)
    point = Point(1, ctypes.pointer(number), Value(), b"a name")
    samples.keep("ctypes structure", point)
    samples.keep("ctypes structure class", Point)
    samples.keep("ctypes union", Either(1))
    samples.keep("ctypes int", number)
    samples.keep("ctypes pointer", ctypes.pointer(number))
    samples.keep("ctypes pointer class", ctypes.POINTER(Point))
    samples.keep("ctypes reference", ctypes.byref(number))
    pair: Any = ctypes.py_object * 2
    samples.keep("ctypes array", pair(Value(), Value()))
    samples.keep("ctypes array class", ctypes.c_int * 7)
    samples.keep("ctypes object", ctypes.py_object(Value()))
    samples.keep("ctypes buffer", ctypes.create_string_buffer(50))
    kind = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)
    samples.keep("ctypes callback class", kind)
    samples.keep("ctypes callback", kind(lambda x: x))
    samples.keep("ctypes library", ctypes.CDLL(None))
    function = ctypes.CDLL(None).getpid
    function.argtypes = []
    function.restype = ctypes.c_int
    samples.keep("ctypes function", function)


Kind = typing.TypeVar("Kind", bound=Plain)
Params = typing.ParamSpec("Params")


class Protocol(typing.Protocol):
    def go(self) -> None: ...


def _typing(samples: Samples) -> None:
    samples.keep("type variable", Kind)
    samples.keep("parameter variable", Params)
    listed: Any = typing.List  # noqa: UP006 - an alias is what is wanted
    samples.keep("typing alias", typing.Callable[[int], listed[Kind]])
    samples.keep("typing optional", typing.Optional[Plain])  # noqa: UP045
    samples.keep("protocol", Protocol)
    samples.keep("new type", typing.NewType("Fresh", int))

"""Whole snapshots that mutations start from."""

from __future__ import annotations

from leakhunt.agent.format import Fact, RunKind, SampleFlag, StringFlag, TypeFlag
from leakhunt.agent.graph_kinds import RootKind
from tests.stream_writer import Run, StreamWriter

CODE, NAMES, FRAME, KEY, VALUE, COUNT = 0x5000, 0x5100, 0x5200, 0x5300, 0x5400, 0x5500


def rich_stream() -> StreamWriter:
    """Every kind of record, run and edge, and every way a name is found."""
    w = StreamWriter()
    list_ = w.type("builtins.list", base_size=56, run=RunKind.INDEX, flags=TypeFlag.GC)
    str_ = w.type("builtins.str", base_size=49)
    dict_ = w.type("builtins.dict", base_size=64, run=RunKind.ITEM, flags=TypeFlag.GC)
    int_ = w.type("builtins.int", base_size=28)
    heap = w.type(
        "shop.Session", address=0x9000, base_size=48, run=RunKind.ATTR, flags=TypeFlag.HEAP
    )
    type_ = w.type("builtins.type", address=0x9100, base_size=900, run=RunKind.FIELD)
    code = w.type("builtins.code", base_size=100, run=RunKind.FIELD)
    other = w.type("ext.Ünknown", base_size=32, run=RunKind.UNKNOWN, flags=TypeFlag.OPAQUE)
    fields = w.schema("co_consts", "co_localsplusnames")
    frame = w.schema("f_code", "f_globals")
    slot = w.symbol("__slots__ member")
    w.node(KEY, str_, size=53, is_born=True)
    w.string(KEY, "tick")
    w.node(VALUE, str_, size=60, refcount=0)
    w.string(VALUE, "a\ud800é", StringFlag.TRUNCATED)
    w.fact(Fact.CONTENT, -(1 << 63))
    w.node(COUNT, int_)
    w.int_value(COUNT, -3)
    w.node(
        0x6000,
        dict_,
        is_tracked=True,
        runs=[
            Run(RunKind.ITEM, [KEY, 0x6100, COUNT, VALUE]),
            Run(RunKind.HIDDEN, [None, 0x6000]),
        ],
    )
    w.node(0x6100, list_, size=88, refcount=7, runs=[Run(RunKind.INDEX, [0x6000, None, VALUE])])
    w.fact(Fact.LENGTH, 3)
    w.keys(heap, [KEY, None, VALUE])
    w.node(0x9000, type_, runs=[Run(RunKind.HIDDEN, [KEY])])
    w.node(0x7FFF_0000_9108, type_)
    w.node(
        0x6200,
        heap,
        is_tracked=True,
        is_born=True,
        runs=[
            Run(RunKind.ATTR, [0x6100, 0x6000, None, KEY]),
            Run(RunKind.NAMED, [VALUE, None], symbols=[slot, slot]),
            Run(RunKind.WEAK, [0x6100]),
        ],
    )
    w.fact(Fact.STATE, -1)
    w.fact(Fact.FD, 1 << 40)
    w.node(NAMES, list_, runs=[Run(RunKind.INDEX, [KEY, COUNT, VALUE])])
    w.node(CODE, code, runs=[Run(RunKind.FIELD, [None, NAMES], schema=fields)])
    w.node(
        FRAME,
        other,
        runs=[
            Run(RunKind.LOCAL, [None, COUNT, KEY, CODE]),
            Run(RunKind.FIELD, [CODE, 0x6000], schema=frame),
            Run(RunKind.STACK, [VALUE]),
            Run(RunKind.ELEMENT, [KEY, VALUE]),
            Run(RunKind.UNKNOWN, [KEY]),
        ],
    )
    w.root(RootKind.MODULES, "sys.modules", [Run(RunKind.ITEM, [KEY, 0x6000])])
    w.root(
        RootKind.FRAME,
        "thread 'main'",
        [Run(RunKind.FIELD, [CODE], schema=frame), Run(RunKind.LOCAL, [0x6100, None, 0x6200])],
    )
    w.fact(Fact.LINE, 31)
    w.unreached(0xA000, heap, 48)
    w.unreached(0xA100, None, 512)
    file, function = w.symbol("/srv/shop.py"), w.symbol("Session.open")
    outer = w.site(file, function, 12)
    inner = w.site(file, slot, 0, parent=outer)
    w.sample(KEY, inner, 53)
    w.sample(0x61F0, outer, 64, object_at=16, epoch=1)
    w.sample(0xB000, None, 1 << 20, object_at=None, flags=SampleFlag.REUSED)
    return w


def small_stream() -> StreamWriter:
    """Short, so that a mutation is likely to hit any given byte."""
    w = StreamWriter()
    w.type("t", address=0x10, run=RunKind.INDEX, flags=TypeFlag.HEAP)
    w.node(0x10, 0, runs=[Run(RunKind.INDEX, [0x20, 0x10])])
    w.node(0x20, 0)
    w.string(0x20, "x")
    w.root(RootKind.THREAD, "r", [Run(RunKind.ELEMENT, [0x20])])
    return w


def empty_stream() -> StreamWriter:
    """No records but END."""
    return StreamWriter()

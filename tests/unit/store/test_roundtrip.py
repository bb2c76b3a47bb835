"""Whatever the writer writes, the decoder and its slow twin read alike, and the files keep."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.agent.format import SLOT_BYTES, Fact, RunKind, StringFlag, TypeFlag
from leakhunt.agent.graph_kinds import RootKind
from leakhunt.store.columns_file import read_columns, write_columns
from leakhunt.store.layout import problem_of_values
from leakhunt.store.stream import decode_stream
from tests.slow_reader import slow_read
from tests.store_equality import assert_same_columns
from tests.stream_writer import Run, StreamWriter

LAST_BLOCK_SLOT = (1 << 60) - 3
NAMES = st.sampled_from(["code", "f_code", "co_localsplusnames", "x", "", "é\ud800"])
I64 = st.integers(-(1 << 63), (1 << 63) - 1) | st.integers(-3, 3)
U64 = st.integers(0, (1 << 64) - 1) | st.integers(0, 300)
SLOTS = st.integers(1, 40) | st.integers(1, (1 << 60) - 1)
RUN_KINDS = st.sampled_from([kind for kind in RunKind if kind != RunKind.NONE])
FACTS = st.sampled_from([fact for fact in Fact if fact != Fact.ADDRESS_LOW])


@dataclass
class Choices:
    """What the runs of a stream may refer to."""

    addresses: list[int]
    schemas: list[list[str]]
    symbol_count: int


@st.composite
def runs(draw: st.DrawFn, c: Choices, *, is_root: bool) -> list[Run]:
    made = []
    for kind in draw(st.lists(RUN_KINDS, max_size=3)):
        if (is_root and kind == RunKind.ATTR) or (kind == RunKind.NAMED and not c.symbol_count):
            continue
        target = st.sampled_from(c.addresses)
        if kind == RunKind.ITEM:
            pairs = draw(st.lists(st.tuples(target, target), max_size=3))
            made.append(Run(kind, [address for pair in pairs for address in pair]))
            continue
        length = draw(st.integers(0, 5))
        schema = 0
        if kind == RunKind.FIELD:
            if not c.schemas:
                continue
            schema = draw(st.integers(0, len(c.schemas) - 1))
            length = min(length, len(c.schemas[schema]))
        targets = draw(st.lists(target | st.none(), min_size=length, max_size=length))
        symbols = [draw(st.integers(0, c.symbol_count - 1)) for _ in targets if c.symbol_count]
        made.append(Run(kind, targets, schema, symbols))
    return made


@st.composite
def streams(draw: st.DrawFn) -> StreamWriter:
    w = StreamWriter()
    slots = draw(st.lists(SLOTS, unique=True, min_size=1, max_size=12))
    addresses = [slot * 16 for slot in slots]
    type_count = draw(st.integers(1, 4))
    for i in range(type_count):
        w.type(
            draw(NAMES),
            address=draw(st.sampled_from(addresses)),
            flags=draw(st.sampled_from([TypeFlag(0), TypeFlag.HEAP, TypeFlag.GC])),
            base_size=draw(U64),
            run=draw(st.sampled_from(list(RunKind))),
        )
        if draw(st.booleans()):
            w.keys(i, draw(st.lists(st.sampled_from(addresses) | st.none(), max_size=4)))
    schemas = draw(st.lists(st.lists(NAMES, max_size=4), max_size=3))
    for schema in schemas:
        w.schema(*schema)
    for name in draw(st.lists(NAMES, max_size=3)):
        w.symbol(name)
    choices = Choices(addresses, schemas, w.symbol_count)
    put_records(draw, w, choices, type_count)
    return w


def put_records(draw: st.DrawFn, w: StreamWriter, c: Choices, type_count: int) -> None:
    """All nodes in any order, with roots, facts, texts, ints and blocks between them."""
    texts = draw(st.lists(st.sampled_from(c.addresses), unique=True))
    ints = draw(st.lists(st.sampled_from(c.addresses), unique=True))
    for address in c.addresses:
        low = draw(st.sampled_from([0, 0, 8, 15]))
        w.node(
            address + low,
            draw(st.integers(0, type_count - 1)),
            size=draw(U64),
            refcount=draw(st.integers(0, 5) | st.integers(0, 1 << 40)),
            is_tracked=draw(st.booleans()),
            is_born=draw(st.booleans()),
            runs=draw(runs(c, is_root=False)),
        )
        for _ in range(draw(st.integers(0, 2))):
            w.fact(draw(FACTS), draw(I64))
        has_text: bool = draw(st.booleans())
        has_int: bool = draw(st.booleans())
        if texts and has_text:
            w.string(texts.pop(), draw(st.text(max_size=5)), draw(st.sampled_from(StringFlag)))
        if ints and has_int:
            w.int_value(ints.pop(), draw(I64))
        if draw(st.integers(0, 3)) == 0:
            kind = draw(st.sampled_from([kind for kind in RootKind if kind != RootKind.NATIVE]))
            w.root(kind, draw(NAMES), draw(runs(c, is_root=True)))
        if draw(st.integers(0, 5)) == 0:
            index = draw(st.none() | st.integers(0, type_count - 1))
            w.unreached(draw(SLOTS) * 16, index, draw(U64))
        if draw(st.integers(0, 3)) == 0:
            put_sample(draw, w, address)


def put_sample(draw: st.DrawFn, w: StreamWriter, address: int) -> None:
    """A site, and a sample of a node that was written, of no object or of no site."""
    symbol = w.symbol(draw(NAMES))
    parent = draw(st.none() | st.integers(0, w.site_count - 1)) if w.site_count else None
    site = w.site(symbol, w.symbol_count - 1, draw(st.integers(0, 99)), parent)
    # An object may begin two slots behind its block: no block is in the last two.
    is_last = address // SLOT_BYTES > LAST_BLOCK_SLOT
    w.sample(
        LAST_BLOCK_SLOT * SLOT_BYTES if is_last else address,
        draw(st.sampled_from([site, None])),
        draw(U64),
        object_at=None if is_last else draw(st.sampled_from([0, None])),
        epoch=draw(st.integers(0, 5)),
        flags=draw(st.integers(0, 1)),
    )


@given(streams(), st.integers(1, 2000))
@settings(max_examples=120, deadline=None)
def test_decoder_equals_slow_reader(writer: StreamWriter, block_bytes: int) -> None:
    data = writer.to_bytes(block_bytes=block_bytes)
    fast = decode_stream(data)
    assert_same_columns(fast, slow_read(data))
    assert problem_of_values(fast) is None


@given(streams())
@settings(max_examples=20, deadline=None)
def test_columns_file_keeps_everything(writer: StreamWriter) -> None:
    columns = decode_stream(writer.to_bytes())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "c"
        write_columns(path, columns)
        assert_same_columns(read_columns(path), columns)

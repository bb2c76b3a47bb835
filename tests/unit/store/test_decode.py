"""What each record, run and edge becomes."""

from __future__ import annotations

import numpy as np
import pytest

from leakhunt.agent.format import BLOCK_BYTES, Fact, NodeFlag, RunKind, StringFlag, TypeFlag
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.store.columns import NO_NODE, NO_STRING, SnapshotColumns
from leakhunt.store.layout import COLUMNS, problem_of_values
from leakhunt.store.stream import decode_stream
from tests.fuzz.seeds import rich_stream
from tests.slow_reader import slow_read
from tests.store_equality import assert_same_columns
from tests.stream_writer import Run, StreamWriter

A, B, C, D = 0x1000, 0x2000, 0x3000, 0x4000


def decoded(w: StreamWriter) -> SnapshotColumns:
    columns = decode_stream(w.to_bytes())
    assert problem_of_values(columns) is None
    assert_same_columns(columns, slow_read(w.to_bytes()))
    return columns


def edges(c: SnapshotColumns, node: int) -> list[tuple[str, int, int]]:
    """(kind, name, target) of each edge of a node."""
    span = range(int(c.edge_offset[node]), int(c.edge_offset[node + 1]))
    return [
        (EdgeKind(int(c.edge_kind[e])).name, int(c.edge_name[e]), int(c.edge_target[e]))
        for e in span
    ]


def name_of(c: SnapshotColumns, name: int) -> str | None:
    return None if name == NO_STRING else c.string(name)


def with_strings(*texts: str) -> StreamWriter:
    """Type 0: object without runs; type 1: str; str nodes at A, B, ... with these texts."""
    w = StreamWriter()
    w.type("object", run=RunKind.UNKNOWN)
    w.type("builtins.str")
    for address, text in zip((A, B, C, D), texts, strict=False):
        w.node(address, 1)
        w.string(address, text)
    return w


def test_empty_stream() -> None:
    c = decoded(StreamWriter())
    assert (c.node_count, c.edge_count, c.type_count) == (0, 0, 0)
    assert c.edge_offset.tolist() == c.string_offset.tolist() == [0]


def test_arrays_are_read_only() -> None:
    for w in (rich_stream(), StreamWriter()):
        c = decode_stream(w.to_bytes())
        assert not any(getattr(c, spec.name).flags.writeable for spec in COLUMNS)


def test_rich_stream_equals_slow_reader() -> None:
    decoded(rich_stream())


@pytest.mark.parametrize("block_bytes", [1, 2, 7, 64, BLOCK_BYTES])
def test_records_may_span_blocks(block_bytes: int) -> None:
    whole = decode_stream(rich_stream().to_bytes())
    assert_same_columns(decode_stream(rich_stream().to_bytes(block_bytes=block_bytes)), whole)


def test_stream_of_many_blocks() -> None:
    w = with_strings("x")
    for i in range(200_000):
        w.node(0x100000 + 0x40 * (i * 7919 % 200_000), 0, runs=[Run(RunKind.UNKNOWN, [A])])
    c = decode_stream(w.to_bytes())
    assert c.node_address.tolist() == [A, *range(0x100000, 0x100000 + 0x40 * 200_000, 0x40)]
    assert c.edge_target.tolist() == [0] * 200_000


def test_node_ids_ascend_by_address_and_roots_follow_in_stream_order() -> None:
    w = StreamWriter()
    w.type("t")
    w.root(RootKind.THREAD, "second kind")
    w.node(C, 0)
    w.node(A, 0)
    w.root(RootKind.MODULES, "first kind")
    w.node(0x7FFF_FFFF_FFF0, 0)
    c = decoded(w)
    assert c.node_address.tolist() == [A, C, 0x7FFF_FFFF_FFF0, 0, 0]
    assert c.root_kind.tolist() == [RootKind.THREAD, RootKind.MODULES]
    assert [c.string(int(label)) for label in c.root_label] == ["second kind", "first kind"]
    assert [c.type_string(int(t)) for t in c.node_type[3:]] == ["<root: thread>", "<root: modules>"]
    assert c.type_flags.tolist() == [0, TypeFlag.ROOT, TypeFlag.ROOT]
    assert c.heap_count == 3


def test_slots_anywhere_in_the_address_space() -> None:
    addresses = [16 << n for n in range(60)] + [((1 << 60) - 1) * 16]
    w = StreamWriter()
    w.type("t", run=RunKind.INDEX)
    for address in reversed(addresses):
        w.node(address, 0, runs=[Run(RunKind.INDEX, [address, addresses[0]])])
    c = decoded(w)
    assert c.node_address.tolist() == addresses


def test_root_types_are_named_after_their_kind() -> None:
    w = StreamWriter()
    for kind in (5, 4, 3, 2, 1):
        w.root(kind, "r")
    c = decoded(w)
    assert [c.type_string(i) for i in range(5)] == [
        "<root: modules>",
        "<root: interpreter>",
        "<root: thread>",
        "<root: frame>",
        "<root: static type>",
    ]


def test_size_is_base_size_plus_difference_modulo_2_64() -> None:
    w = StreamWriter()
    w.type("t", base_size=100)
    w.node(A, 0, size=40)
    w.node(B, 0, size=100)
    w.node(C, 0, size=1 << 63)
    assert decoded(w).node_size.tolist() == [40, 100, 1 << 63]


def test_refcount_and_flags() -> None:
    w = StreamWriter()
    w.type("t")
    w.node(A, 0, refcount=0)
    w.node(B, 0, refcount=5, is_tracked=True, is_born=True)
    w.node(C, 0, refcount=1 << 40)
    w.root(RootKind.MODULES, "r")
    c = decoded(w)
    assert c.node_refcount.tolist() == [0, 5, 0xFFFF_FFFF, 0]
    assert c.node_flags.tolist() == [
        NodeFlag.IMMORTAL,
        NodeFlag.BORN | NodeFlag.TRACKED,
        0,
        NodeFlag.ROOT,
    ]


def test_low_bits_of_an_address_go_into_the_address() -> None:
    w = StreamWriter()
    w.type("t")
    w.node(A + 8, 0)
    w.fact(Fact.LENGTH, 3)
    c = decoded(w)
    assert c.node_address.tolist() == [A + 8]
    assert c.facts_of_node(0) == {Fact.LENGTH: 3}


def test_facts_ascend_by_node_and_keep_their_order() -> None:
    w = StreamWriter()
    w.type("t")
    w.node(B, 0)
    w.fact(Fact.STATE, 1)
    w.fact(Fact.BOUND, -(1 << 63))
    w.root(RootKind.FRAME, "r")
    w.fact(Fact.LINE, 12)
    w.node(A, 0)
    w.fact(Fact.FD, -1)
    c = decoded(w)
    assert c.fact_node.tolist() == [0, 1, 1, 2]
    assert c.fact_id.tolist() == [Fact.FD, Fact.STATE, Fact.BOUND, Fact.LINE]
    assert c.fact_value.tolist() == [-1, 1, -(1 << 63), 12]


def test_texts_of_nodes_come_first_by_node_id() -> None:
    w = StreamWriter()
    w.type("builtins.str")
    w.string(B, "b", StringFlag.MASKED)  # comes before its node
    w.node(B, 0)
    w.node(A, 0)
    w.string(A, "a\ud800\0")
    w.symbol("symbol")
    c = decoded(w)
    assert c.string_node.tolist() == [0, 1, NO_NODE, NO_NODE]
    assert [c.string(i) for i in range(4)] == ["a\ud800\0", "b", "builtins.str", "symbol"]
    assert c.string_flags.tolist() == [0, StringFlag.MASKED, 0, 0]
    assert (c.text_id_of_node(1), c.text_id_of_node(2)) == (1, None)


def test_ints() -> None:
    w = StreamWriter()
    w.type("builtins.int")
    w.node(B, 0)
    w.int_value(B, (1 << 63) - 1)
    w.node(A, 0)
    w.int_value(A, -(1 << 63))
    c = decoded(w)
    assert (c.int_of_node(0), c.int_of_node(1)) == (-(1 << 63), (1 << 63) - 1)


def test_type_columns_and_type_edges() -> None:
    w = StreamWriter()
    w.type("type", address=A, base_size=900)
    w.type("shop.Session", address=B, flags=TypeFlag.HEAP, run=RunKind.INDEX)
    w.node(A, 0)
    w.node(B, 0)
    w.node(C, 1, runs=[Run(RunKind.INDEX, [A])])
    c = decoded(w)
    assert c.type_node.tolist() == [0, 1]
    assert c.type_base_size.tolist() == [900, 16]
    assert edges(c, 2) == [("INDEX", 0, 0), ("TYPE", 0, 1)]
    assert edges(c, 0) == edges(c, 1) == []


@pytest.mark.parametrize("kind", ["INDEX", "UNKNOWN", "STACK", "HIDDEN"])
def test_run_named_by_position_keeps_the_position_of_null(kind: str) -> None:
    w = with_strings("a", "b")
    w.node(C, 0, runs=[Run(RunKind[kind], [None, A, None, B])])
    assert edges(decoded(w), 2) == [(kind, 1, 0), (kind, 3, 1)]


@pytest.mark.parametrize("kind", ["ELEMENT", "WEAK"])
def test_run_without_names(kind: str) -> None:
    w = with_strings("a", "b")
    w.node(C, 0, runs=[Run(RunKind[kind], [B, None, A])])
    assert edges(decoded(w), 2) == [(kind, 0, 1), (kind, 0, 0)]


def test_items_become_key_and_value() -> None:
    w = with_strings("a", "b")
    w.node(C, 0, runs=[Run(RunKind.ITEM, [B, A, A, C])])
    assert edges(decoded(w), 2) == [
        ("KEY", 0, 1),
        ("VALUE", 1, 0),
        ("KEY", 0, 0),
        ("VALUE", 0, 2),
    ]


def test_inline_values_are_named_by_the_keys_of_the_type() -> None:
    w = with_strings("a", "b")
    w.node(C, 0)  # a key whose text is not known
    w.type("shop.Session", run=RunKind.ATTR)
    w.keys(2, [B, None, C, A])
    w.node(D, 2, runs=[Run(RunKind.ATTR, [A, A, A, A, A])])
    c = decoded(w)
    assert [name_of(c, name) for _, name, _ in edges(c, 3)] == ["b", None, None, "a", None]
    assert {kind for kind, _, _ in edges(c, 3)} == {"ATTR"}


def test_inline_values_without_keys_have_no_names() -> None:
    w = with_strings("a")
    w.node(D, 0, runs=[Run(RunKind.ATTR, [A])])
    assert edges(decoded(w), 1) == [("ATTR", NO_STRING, 0)]


def test_slots_are_named_by_symbols() -> None:
    w = with_strings("a")
    x, y = w.symbol("x"), w.symbol("y")
    w.node(D, 0, runs=[Run(RunKind.NAMED, [A, None, A], symbols=[y, x, x])])
    c = decoded(w)
    assert [(kind, c.string(name)) for kind, name, _ in edges(c, 1)] == [
        ("ATTR", "y"),
        ("ATTR", "x"),
    ]


def test_fields_are_named_by_the_schema() -> None:
    w = with_strings("a")
    w.schema("unused")
    w.schema("func", "self", "dict")
    w.node(D, 0, runs=[Run(RunKind.FIELD, [A, None, A], schema=1)])
    w.root(RootKind.INTERPRETER, "r", [Run(RunKind.FIELD, [A], schema=1)])
    c = decoded(w)
    assert [(kind, c.string(name)) for kind, name, _ in edges(c, 1)] == [
        ("FIELD", "func"),
        ("FIELD", "dict"),
    ]
    assert [c.string(name) for _, name, _ in edges(c, 2)] == ["func"]


def test_an_empty_run_has_a_schema_id_only_when_it_names_its_kind() -> None:
    w = StreamWriter()
    w.type("t", run=RunKind.FIELD)
    w.type("u")
    w.schema("x")
    w.node(A, 0, runs=[Run(RunKind.FIELD, [])])
    w.node(B, 0)
    w.node(C, 1, runs=[Run(RunKind.FIELD, []), Run(RunKind.HIDDEN, [A])])
    assert decoded(w).edge_count == 1


@pytest.mark.parametrize("field", ["code", "f_code"])
@pytest.mark.parametrize("is_code_last", [False, True])
def test_locals_are_named_by_the_code_object(field: str, is_code_last: bool) -> None:
    w = with_strings("self", "jobs")
    w.type("builtins.tuple", run=RunKind.INDEX)
    w.type("builtins.code", run=RunKind.FIELD)
    w.schema("co_consts", "co_localsplusnames")
    w.schema("globals", field)
    locals_ = Run(RunKind.LOCAL, [A, None, B, A])
    code = Run(RunKind.FIELD, [None, D], schema=1)
    runs = [locals_, code] if is_code_last else [code, locals_]
    w.root(RootKind.FRAME, "thread 'main'", runs)
    w.node(0x8000, 0, runs=runs)
    w.node(C, 2, runs=[Run(RunKind.INDEX, [B, A, A])])
    w.node(D, 3, runs=[Run(RunKind.FIELD, [None, C], schema=0)])
    c = decoded(w)
    for node in (4, 5):
        found = [name_of(c, name) for kind, name, _ in edges(c, node) if kind == "LOCAL"]
        assert found == ["jobs", "self", None]


def test_locals_without_code_have_no_names() -> None:
    w = with_strings("a")
    w.node(D, 0, runs=[Run(RunKind.LOCAL, [A, A])])
    assert edges(decoded(w), 1) == [("LOCAL", NO_STRING, 0)] * 2


def test_unreached_blocks() -> None:
    w = StreamWriter()
    w.type("t")
    w.unreached(C, 0, 64)
    w.unreached(A, None, 1 << 40)
    c = decoded(w)
    assert c.unreached_address.tolist() == [C, A]
    assert c.unreached_type.tolist() == [0, -1]
    assert c.unreached_size.tolist() == [64, 1 << 40]


def test_default_run_kind_of_the_type_and_another() -> None:
    w = StreamWriter()
    w.type("list", run=RunKind.INDEX)
    w.node(
        A,
        0,
        runs=[
            Run(RunKind.INDEX, [A]),
            Run(RunKind.HIDDEN, []),
            Run(RunKind.WEAK, [A]),
            Run(RunKind.INDEX, [A]),
        ],
    )
    assert edges(decoded(w), 0) == [("INDEX", 0, 0), ("WEAK", 0, 0), ("INDEX", 0, 0)]


def test_decoding_does_not_depend_on_the_random_multiplier() -> None:
    w = with_strings("a", "b")
    for i in range(3000):
        w.node(0x10_0000 + 0x5000 * i, 0, runs=[Run(RunKind.UNKNOWN, [A, B])])
    data = w.to_bytes()
    first = decode_stream(data)
    for _ in range(5):
        assert np.array_equal(decode_stream(data).edge_target, first.edge_target)

"""Each way a stream can be wrong gives one SnapshotError that says what and where."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Callable
from typing import Any

import pytest

from leakhunt.agent.format import BLOCK_BYTES, END_MAGIC, MAGIC, Fact, RunKind, Tag, TypeFlag
from leakhunt.agent.graph_kinds import RootKind
from leakhunt.errors import SnapshotError
from leakhunt.store.stream import decode_stream
from tests.fuzz.seeds import rich_stream
from tests.slow_reader import slow_read
from tests.stream_writer import FOOTER, HEADER, Run, StreamWriter, frame, text, varint, zigzag

A, B, C = 0x1000, 0x2000, 0x3000


def refused(data: bytes, message: str) -> SnapshotError:
    with pytest.raises(SnapshotError, match=message) as caught:
        decode_stream(data)
    assert caught.value.hint
    return caught.value


def start() -> StreamWriter:
    """Type 0: list of INDEX; type 1: no edges; a node of type 1 at A."""
    w = StreamWriter()
    w.type("list", run=RunKind.INDEX)
    w.type("str")
    w.node(A, 1)
    return w


Case = Callable[[StreamWriter], object]


def raw(*parts: bytes) -> Case:
    return lambda w: w.payload.extend(b"".join(parts))


def each(*damages: Case) -> Case:
    return lambda w: [damage(w) for damage in damages]


NODE = varint(16 + 1) + zigzag(1) + varint(0) + varint(4)

CASES: dict[str, tuple[Case, str]] = {
    "overlong varint": (raw(b"\x80\x00"), "longer than it needs"),
    "overlong long varint": (raw(b"\xff\xff\xff\xff\x00"), "longer than it needs"),
    "varint of 65 bits": (raw(b"\xff" * 9 + b"\x02" + bytes(9)), "does not fit 64 bits"),
    "varint of 11 bytes": (raw(b"\xff" * 10 + b"\x00" + bytes(9)), "does not fit 64 bits"),
    "unknown tag": (raw(varint(12)), "record tag 12"),
    "node of unknown type": (lambda w: w.node(B, 2), "a node of type 2 of 2"),
    "node of huge type": (raw(varint((1 << 64) - 1)), "a node of type"),
    "slot taken": (lambda w: w.node(A, 0), "has a node already"),
    "slot zero": (lambda w: w.node(0, 0), "slot 0 is zero"),
    "slot of 61 bits": (lambda w: w.node(1 << 64, 0), "outside the address space"),
    "slot below zero": (raw(varint(16), zigzag(-0x101)), "outside the address space"),
    "dangling edge": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.INDEX, [A, C])]),
        "edge 1 of a record leads to slot 0x300",
    ),
    "dangling edge of a root": (
        lambda w: w.root(RootKind.THREAD, "r", [Run(RunKind.INDEX, [C])]),
        "edge 0 of a record leads to slot 0x300",
    ),
    "edge to slot zero": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.INDEX, [0])]),
        "leads outside",
    ),
    "edge to slot of 61 bits": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.INDEX, [1 << 64])]),
        "leads outside",
    ),
    "run without kind": (
        raw(NODE, varint(4 * 1), varint(1)),
        "a run of 1 edges has no kind",
    ),
    "run of kind NONE": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.NONE, [A])]),
        "a run of 1 edges has no kind",
    ),
    "run of unknown kind": (raw(NODE, varint(4 + 2), varint(12)), "run kind 12"),
    "run longer than the file": (raw(NODE, varint(4 * 1000 + 2), varint(1)), "a run of 1000 edges"),
    "run of 2^62 edges": (raw(NODE, varint(((1 << 62) - 1) * 4 + 2), varint(1)), "a run of 46116"),
    "root run without kind": (raw(varint(5), varint(1), text("r"), varint(4)), "run of 1 edges"),
    "root with inline values": (
        lambda w: w.root(1, "r", [Run(RunKind.ATTR, [A])]),
        "a root has no inline values",
    ),
    "odd items": (lambda w: w.node(B, 0, runs=[Run(RunKind.ITEM, [A])]), "an odd number of keys"),
    "absent key": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.ITEM, [None, A])]),
        "a key or value is absent",
    ),
    "absent value": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.ITEM, [A, None])]),
        "a key or value is absent",
    ),
    "unknown symbol": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.NAMED, [A], symbols=[0])]),
        "symbol 0 of 0",
    ),
    "unknown schema": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.FIELD, [A], schema=0)]),
        "schema 0 does not exist",
    ),
    "unknown schema of an empty run": (raw(NODE, varint(2), varint(5), varint(0)), "schema 0"),
    "short schema": (
        lambda w: w.node(B, 0, runs=[Run(RunKind.FIELD, [A, A], schema=w.schema("x"))]),
        "shorter than 2 fields",
    ),
    "schema longer than the file": (raw(varint(8), varint(9999)), "a schema of 9999 names"),
    "type slot of 61 bits": (lambda w: w.type("t", address=1 << 64), "the slot of a type"),
    "type flag ROOT": (lambda w: w.type("t", flags=TypeFlag.ROOT), "type flags 8"),
    "type of unknown run": (raw(varint(1), *[varint(n) for n in (0, 0, 0, 12)]), "run kind 12"),
    "heap type without node": (
        lambda w: w.node(B, w.type("h", address=C, flags=TypeFlag.HEAP)),
        "a heap type at slot 0x300",
    ),
    "text not UTF-8": (raw(varint(6), b"\x02\xc3\x28"), "not UTF-8"),
    "text overlong UTF-8": (raw(varint(6), b"\x02\xc0\x80"), "not UTF-8"),
    "text beyond Unicode": (raw(varint(6), b"\x04\xf4\x90\x80\x80"), "not UTF-8"),
    "text cut in a character": (raw(varint(6), b"\x01\xc3"), "not UTF-8"),
    "text longer than the file": (raw(varint(6), varint(1 << 40)), "does not fit"),
    "second text": (
        each(lambda w: w.string(A, "a"), lambda w: w.string(A, "b")),
        "a second text of slot 0x100",
    ),
    "text of no node": (lambda w: w.string(B, "b"), "the text of slot 0x200, where no node"),
    "string flag": (lambda w: w.string(A, "a", 4), "string flags 4"),
    "second int": (
        each(lambda w: w.int_value(A, 1), lambda w: w.int_value(A, 1)),
        "a second value of slot 0x100",
    ),
    "int of no node": (lambda w: w.int_value(B, 1), "the value of slot 0x200"),
    "keys twice": (
        each(lambda w: w.keys(0, []), lambda w: w.keys(0, [])),
        "KEYS of type 0 come twice",
    ),
    "keys of unknown type": (lambda w: w.keys(2, []), "KEYS of type 2, of which there are 2"),
    "keys too late": (
        each(lambda w: w.node(B, 0, runs=[Run(RunKind.ATTR, [A])]), lambda w: w.keys(0, [A])),
        "come twice or too late",
    ),
    "key of no node": (lambda w: w.keys(0, [C]), "a key at slot 0x300"),
    "keys longer than the file": (raw(varint(3), varint(0), varint(9999)), "9999 KEYS"),
    "fact id of 17 bits": (lambda w: w.fact(1 << 16, 0), "fact 65536"),
    "low bits out of range": (lambda w: w.fact(Fact.ADDRESS_LOW, 16), "low address bits 16"),
    "low bits below zero": (lambda w: w.fact(Fact.ADDRESS_LOW, -1), "low address bits -1"),
    "low bits twice": (
        each(lambda w: w.fact(Fact.ADDRESS_LOW, 8), lambda w: w.fact(Fact.ADDRESS_LOW, 8)),
        "low address bits 8",
    ),
    "low bits of a root": (
        each(lambda w: w.root(1, "r"), lambda w: w.fact(Fact.ADDRESS_LOW, 8)),
        "low address bits 8",
    ),
    "root kind 0": (lambda w: w.root(0, "r"), "root kind 0"),
    "root kind NATIVE": (lambda w: w.root(RootKind.NATIVE, "r"), "root kind 6"),
    "unreached of unknown type": (lambda w: w.unreached(B, 2, 1), r"type \+ 1 3"),
    "unreached of 61 bits": (lambda w: w.unreached(1 << 64, 0, 1), "the slot of a block"),
    "site of unknown symbol": (lambda w: w.site(0, 0, 1), "a site has symbol 0"),
    "site below none": (
        each(lambda w: w.symbol("s"), lambda w: w.site(0, 0, 1, parent=0)),
        r"caller \+ 1 1",
    ),
    "line of 32 bits": (
        each(lambda w: w.symbol("s"), lambda w: w.site(0, 0, 1 << 31)),
        "the line of a site",
    ),
    "sample of unknown site": (lambda w: w.sample(B, 0, 1), r"site \+ 1 1"),
    "sample of no node": (lambda w: w.sample(C, None, 1), "a sample of slot 0x300"),
    "sample with unknown flags": (lambda w: w.sample(B, None, 1, flags=2), "sample flags 2"),
    "sample four slots before": (lambda w: w.sample(B, None, 1, object_at=48), "object of a"),
    "too many nodes in END": (lambda w: w.end(nodes=2), "END counts 2 nodes"),
    "too many roots in END": (lambda w: w.end(roots=1), "END counts 1 nodes, 1 roots"),
    "too many edges in END": (lambda w: w.end(edges=1), "1 edges; found 1, 0, 0"),
    "something behind END": (
        each(lambda w: w.end(), lambda w: w.symbol("x")),
        "3 bytes follow the END",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_damaged_records(case: str) -> None:
    damage, message = CASES[case]
    w = start()
    damage(w)
    data = w.to_bytes()
    error = refused(data, message)
    with pytest.raises(SnapshotError):
        slow_read(data)
    assert (found := re.search(r"damaged at byte (\d+)", str(error)))
    assert 0 < int(found[1]) < len(data)


def test_fact_before_any_node() -> None:
    w = StreamWriter()
    w.fact(Fact.LINE, 1)
    refused(w.to_bytes(), "a fact comes before")


@pytest.mark.parametrize("block_bytes", [1, 5, BLOCK_BYTES])
def test_the_offset_is_that_of_the_record_in_the_file(block_bytes: int) -> None:
    w = start()
    w.symbol("padding")
    at = len(w.payload)
    w.payload += varint(12)
    data = w.to_bytes(block_bytes=block_bytes)
    first_block = data.index(struct.pack("<I", min(block_bytes, len(w.payload))), 16 + 400)
    place = first_block + at + 12 * (at // block_bytes + 1)
    refused(data, f"damaged at byte {place}: record tag 12")


def test_offset_of_a_dangling_edge_is_that_of_its_node() -> None:
    w = start()
    at = len(w.payload)
    w.node(B, 0, runs=[Run(RunKind.INDEX, [C])])
    w.node(C + 16, 0)
    data = w.to_bytes()
    place = data.index(bytes(w.payload)) + at
    refused(data, f"damaged at byte {place}: edge 0 of a record leads to slot 0x300")


def test_every_truncation_is_refused() -> None:
    data = rich_stream().to_bytes()
    for length in range(len(data)):
        with pytest.raises(SnapshotError):
            decode_stream(data[:length])


def test_every_truncation_of_the_records_is_refused() -> None:
    w = rich_stream()
    w.end()
    for length in range(len(w.payload)):
        with pytest.raises(SnapshotError, match="damaged at byte"):
            decode_stream(frame(bytes(w.payload[:length]), HEADER, w.footer()))


def test_every_flipped_bit_of_the_records_is_found_by_the_hash() -> None:
    data = rich_stream().to_bytes()
    begin, end = data.index(b"builtins.list") - 20, len(data) - 400
    for at in range(begin, end):
        damaged = bytearray(data)
        damaged[at] ^= 1 << (at % 8)
        with pytest.raises(SnapshotError):
            decode_stream(bytes(damaged))


def test_foreign_and_empty() -> None:
    refused(b"", "empty")
    refused(b"PK\x03\x04 something else", "not a snapshot stream: it begins with b'PK")
    refused(MAGIC[:5], "truncated after 5 bytes")
    refused(MAGIC.replace(b"\n", b"\r\n") + bytes(100), "not a snapshot stream")


def test_newer_version() -> None:
    payload = varint(Tag.END) + bytes(3)
    refused(frame(payload, HEADER, FOOTER, version=(2, 0)), "format version 2.0, this leakhunt")
    assert decode_stream(frame(payload, HEADER, FOOTER, version=(1, 7))).node_count == 0


def test_blocks() -> None:
    w = start()
    data = w.to_bytes()
    at = data.index(bytes(w.payload)) - 12
    end = at + 12 + len(w.payload)
    refused(data[:at] + struct.pack("<I", BLOCK_BYTES + 1) + data[at + 4 :], "is longer than")
    refused(data[:at] + struct.pack("<I", 900_000) + data[at + 4 :], "ends inside a block")
    refused(data[: at + 4] + bytes(8) + data[at + 12 :], "the hash of a block")
    refused(data[:end] + END_MAGIC, "a block of 1161908234 bytes is longer")
    whole = frame(bytes(w.payload) + END_MAGIC, HEADER, FOOTER)
    refused(whole[: end + len(END_MAGIC)], "the file ends where a block should begin")


def test_nothing_may_follow_the_end() -> None:
    data = start().to_bytes()
    refused(data + b"x", "do not end with the end mark")
    refused(data + END_MAGIC, "the end mark does not follow the footer")


@pytest.mark.parametrize("which", ["header", "footer"])
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "is not a JSON object"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"a": NaN}', "NaN is no JSON"),
        (b'{"a": "\xff"}', "is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"{}", "has no member"),
    ],
)
def test_json_parts(which: str, content: bytes, message: str) -> None:
    payload = varint(Tag.END) + bytes(3)
    header: Any = content if which == "header" else HEADER
    footer: Any = content if which == "footer" else FOOTER
    refused(frame(payload, header, footer), f"{which}.*{message}")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "other"}, "says format 'other'"),
        ({"label": 3}, "member 'label' of the header is 3"),
        ({"sequence": True}, "member 'sequence' of the header is True"),
        ({"sequence": -1}, "member 'sequence' of the header is negative"),
        ({"process": {"pid": "1"}}, "member 'pid' of the header.process"),
        ({"python": {}}, "the header.python has no member 'version'"),
        ({"identity": {**HEADER["identity"], "inferred_types": [1]}}, "inferred_types"),
    ],
)
def test_header_members(change: dict[str, Any], message: str) -> None:
    payload = varint(Tag.END) + bytes(3)
    refused(frame(payload, {**HEADER, **change}, FOOTER), message)


@pytest.mark.parametrize("member", ["nodes", "edges", "roots", "types"])
def test_footer_counts(member: str) -> None:
    refused(start().to_bytes({member: 77}), f"the footer counts 77 {member}, the records ")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pause_ns": None}, "'pause_ns'"),
        ({"bytes": "x"}, "'bytes'"),
        ({"collecting": 0.5}, "0.5"),
        ({"predicted_fork_ns": -1}, "negative"),
        ({"mode": 3}, "'mode'"),
    ],
)
def test_footer_members(change: dict[str, Any], message: str) -> None:
    refused(start().to_bytes(change), message)


def test_unknown_members_are_ignored() -> None:
    w = start()
    w.header["future"] = {"a": 1}
    columns = decode_stream(w.to_bytes({"more": 2}))
    assert columns.header["future"] == {"a": 1}
    assert columns.footer["more"] == 2


def test_damaged_header_hash() -> None:
    data = bytearray(start().to_bytes())
    data[data.index(b'"label"') + 1] ^= 1
    refused(bytes(data), "the hash of the header is wrong")


def test_header_longer_than_allowed() -> None:
    data = bytearray(frame(b"", HEADER, FOOTER))
    data[12:16] = struct.pack("<I", 0xFFFF_FFFF)
    refused(bytes(data), "a header of 4294967295 bytes")
    data[12:16] = struct.pack("<I", len(json.dumps(HEADER)) + 5000)
    refused(bytes(data), "truncated inside its header")

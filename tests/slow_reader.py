"""The decoder's slow, obvious twin: docs/snapshot-format.md read aloud in Python.

It keeps dicts by slot and sorts at the end; the C decoder must accept and refuse the same
streams and give the same columns.
"""

from __future__ import annotations

import json
import struct
from typing import Any

import numpy as np

from leakhunt.agent.format import (
    BLOCK_BYTES,
    END_MAGIC,
    MAGIC,
    NODE_TAG_BASE,
    SLOT_BYTES,
    VERSION_MAJOR,
    Fact,
    NodeFlag,
    RunKind,
    Tag,
    TypeFlag,
)
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.errors import SnapshotError
from leakhunt.store.columns import NO_NODE, NO_STRING, SnapshotColumns
from leakhunt.store.layout import COLUMNS
from tests.stream_writer import block_hash

MAX_SLOT = (1 << 60) - 1
CODE_NAMES = ("code", "f_code")


def slow_read(data: bytes) -> SnapshotColumns:
    """Columns of a stream, or SnapshotError."""
    header, footer, payload = unframe(data)
    arrays = SlowReader(payload).columns()
    return SnapshotColumns(header=header, footer=footer, **arrays)


def unframe(data: bytes) -> tuple[dict[str, Any], dict[str, Any], bytes]:
    """Header, footer and joined records; lengths and hashes are checked, members are not."""
    view = Bytes(data)
    view.expect(MAGIC)
    need(view.unpack("<H") == VERSION_MAJOR, "version")
    view.unpack("<H")
    header = view.json_part()
    payload = b""
    while (length := view.unpack("<I")) != 0:
        need(length <= BLOCK_BYTES, "block length")
        wanted = view.unpack("<Q")
        block = view.take(length)
        need(block_hash(block) == wanted, "block hash")
        payload += block
    footer = view.json_part()
    view.expect(END_MAGIC)
    need(view.at == len(data), "something follows the end")
    return header, footer, payload


def need(condition: bool, what: str) -> None:
    if not condition:
        raise SnapshotError(f"slow reader: {what}")


class Bytes:
    """A reading position."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def take(self, n: int) -> bytes:
        need(n <= self.left, "truncated")
        self.at += n
        return self.data[self.at - n : self.at]

    def expect(self, what: bytes) -> None:
        need(self.take(len(what)) == what, "mark")

    def unpack(self, layout: str) -> int:
        return int(struct.unpack(layout, self.take(struct.calcsize(layout)))[0])

    def json_part(self) -> dict[str, Any]:
        encoded = self.take(self.unpack("<I"))
        need(block_hash(encoded) == self.unpack("<Q"), "JSON hash")
        try:
            members = json.loads(encoded.decode())
        except (ValueError, RecursionError):
            raise SnapshotError("slow reader: JSON") from None
        need(isinstance(members, dict), "JSON object")
        return dict(members)

    def varint(self, limit: int = (1 << 64) - 1) -> int:
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
            need(shift < 70, "varint too long")
        need(byte != 0 or shift == 7, "varint not minimal")
        need(value < 1 << 64, "varint overflow")
        need(value <= limit, "varint out of range")
        return value

    def zigzag(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def slot(self, previous: int) -> int:
        slot = previous + self.zigzag()
        need(0 <= slot <= MAX_SLOT, "slot out of range")
        return slot

    def text(self) -> bytes:
        encoded = self.take(self.varint())
        try:
            encoded.decode("utf-8", "surrogatepass")
        except UnicodeDecodeError:
            raise SnapshotError("slow reader: UTF-8") from None
        return encoded


class Record:
    """A node (slot > 0) or a root."""

    def __init__(self, slot: int, kind: int) -> None:
        self.slot = slot
        self.type = kind
        self.size = self.refcount = self.flags = self.low = self.label = 0
        self.has_low = False
        self.edges: list[tuple[int, EdgeKind, tuple[str, int]]] = []
        """(slot, kind, name); a name is ('number', n), ('other', i) or ('text of slot', s)."""
        self.facts: list[tuple[int, int]] = []


class SlowReader:
    """Reads all records when made."""

    def __init__(self, payload: bytes) -> None:
        self.b = Bytes(payload)
        self.types: list[dict[str, Any]] = []
        self.others: list[bytes] = []
        self.symbols: list[int] = []
        self.schemas: list[list[int]] = []
        self.texts: dict[int, tuple[bytes, int]] = {}
        self.ints: dict[int, int] = {}
        self.node_by_slot: dict[int, Record] = {}
        self.roots: list[Record] = []
        self.blocks: list[tuple[int, int, int]] = []
        self.sites: list[tuple[int, int, int, int]] = []
        self.samples: list[tuple[int, ...]] = []
        self.last: Record | None = None
        self.last_slot = 0
        while (tag := self.b.varint()) != Tag.END:
            self.record(tag)
        counts = [self.b.varint() for _ in range(3)]
        records = [*self.node_by_slot.values(), *self.roots]
        edges = sum(len(record.edges) for record in records)
        need(counts == [len(self.node_by_slot), len(self.roots), edges], "END counts")
        need(self.b.left == 0, "records after END")

    def record(self, tag: int) -> None:
        if tag >= NODE_TAG_BASE:
            self.node(tag - NODE_TAG_BASE)
            return
        need(tag in set(Tag), "tag")
        getattr(self, f"read_{Tag(tag).name.lower()}")()

    def other(self) -> int:
        self.others.append(self.b.text())
        return len(self.others) - 1

    def read_type(self) -> None:
        slot, flags = self.b.varint(MAX_SLOT), self.b.varint(7)
        base, run = self.b.varint(), self.b.varint(max(RunKind))
        self.types.append(
            {"slot": slot, "flags": flags, "base": base, "run": run, "name": self.other()}
        )

    def read_string(self) -> None:
        slot, flags = self.b.slot(self.last_slot), self.b.varint(3)
        need(slot not in self.texts, "second text")
        self.texts[slot] = (self.b.text(), flags)

    def read_keys(self) -> None:
        index, count = self.b.varint(), self.b.varint()
        need(index < len(self.types), "type index")
        kind = self.types[index]
        need("keys" not in kind and "attributes" not in kind, "KEYS twice or late")
        kind["keys"] = []
        slot = 0
        for _ in range(count):
            slot = self.b.slot(slot)
            kind["keys"].append(slot)

    def read_fact(self) -> None:
        fact, value = self.b.varint(0xFFFF), self.b.zigzag()
        need(self.last is not None, "fact about nothing")
        assert self.last is not None
        if fact == Fact.ADDRESS_LOW:
            need(self.last.slot != 0 and not self.last.has_low and 0 <= value < 16, "low bits")
            self.last.low, self.last.has_low = value, True
        else:
            self.last.facts.append((fact, value))

    def read_symbol(self) -> None:
        self.symbols.append(self.other())

    def read_int(self) -> None:
        slot, value = self.b.slot(self.last_slot), self.b.zigzag()
        need(slot not in self.ints, "second value")
        self.ints[slot] = value

    def read_schema(self) -> None:
        count = self.b.varint()
        need(count <= self.b.left, "schema length")
        self.schemas.append([self.other() for _ in range(count)])

    def read_unreached(self) -> None:
        slot, kind = self.b.varint(MAX_SLOT), self.b.varint(len(self.types))
        self.blocks.append((slot * SLOT_BYTES, kind - 1, self.b.varint()))

    def read_site(self) -> None:
        parent = self.b.varint(len(self.sites)) - 1
        symbols = [self.b.varint(), self.b.varint()]
        need(max(symbols) < len(self.symbols), "symbol")
        file, function = (self.symbols[number] for number in symbols)
        self.sites.append((parent, file, function, self.b.varint((1 << 31) - 1)))

    def read_sample(self) -> None:
        slot, place = self.b.varint(MAX_SLOT - 2), self.b.varint(3)
        site, size = self.b.varint(len(self.sites)) - 1, self.b.varint()
        self.samples.append((slot, place, site, size, self.b.varint(0xFFFFFFFF), self.b.varint(1)))

    def read_root(self) -> None:
        kind = self.b.varint()
        need(RootKind.MODULES <= kind <= RootKind.STATIC_TYPE, "root kind")
        record = Record(0, kind)
        record.label, record.flags = self.other(), NodeFlag.ROOT
        self.roots.append(record)
        self.last = record
        self.runs(record, None)

    def node(self, index: int) -> None:
        need(index < len(self.types), "type index")
        slot = self.b.slot(self.last_slot)
        record = Record(slot, index)
        record.size = (self.types[index]["base"] + self.b.varint()) % (1 << 64)
        counted = self.b.varint()
        record.refcount = min(counted >> 2, 0xFFFFFFFF)
        record.flags = (counted & 1) * NodeFlag.BORN | (counted >> 1 & 1) * NodeFlag.TRACKED
        record.flags |= NodeFlag.IMMORTAL if counted >> 2 == 0 else 0
        need(slot != 0 and slot not in self.node_by_slot, "slot taken")
        self.node_by_slot[slot] = record
        self.last, self.last_slot = record, slot
        self.runs(record, self.types[index])

    def runs(self, record: Record, kind: dict[str, Any] | None) -> None:
        previous = record.slot
        more = True
        while more:
            head = self.b.varint()
            count, has_kind, more = head >> 2, bool(head & 2), bool(head & 1)
            run = self.b.varint(max(RunKind)) if has_kind else (kind["run"] if kind else 0)
            if count or (has_kind and run == RunKind.FIELD):
                previous = self.run(record, kind, RunKind(run), count, previous)

    def run(
        self, record: Record, kind: dict[str, Any] | None, run: RunKind, count: int, slot: int
    ) -> int:
        need(count <= self.b.left, "run length")
        need(run != RunKind.NONE, "run without kind")
        need(run != RunKind.ITEM or count % 2 == 0, "odd items")
        schema: list[int] = []
        if run == RunKind.ATTR:
            need(kind is not None, "inline values of a root")
            assert kind is not None
            kind["attributes"] = True
        if run == RunKind.FIELD:
            number = self.b.varint()
            need(number < len(self.schemas), "schema")
            schema = self.schemas[number]
            need(len(schema) >= count, "schema length")
        for i in range(count):
            symbol = None
            if run == RunKind.NAMED:
                number = self.b.varint()
                need(number < len(self.symbols), "symbol")
                symbol = self.symbols[number]
            code = self.b.varint()
            if code == 0:
                need(run != RunKind.ITEM, "item without key or value")
                continue
            delta = (code - 1 >> 1) ^ -(code - 1 & 1)
            slot += delta
            need(0 < slot <= MAX_SLOT, "slot out of range")
            record.edges.append((slot, *self.edge_name(record, kind, run, i, symbol, schema)))
        return slot

    def edge_name(
        self,
        record: Record,
        kind: dict[str, Any] | None,
        run: RunKind,
        i: int,
        symbol: int | None,
        schema: list[int],
    ) -> tuple[EdgeKind, tuple[str, int]]:
        match run:
            case RunKind.ITEM:
                if i % 2:
                    return EdgeKind.VALUE, ("node of slot", record.edges[-1][0])
                return EdgeKind.KEY, ("number", 0)
            case RunKind.ELEMENT | RunKind.WEAK:
                return EdgeKind[run.name], ("number", 0)
            case RunKind.ATTR:
                assert kind is not None
                keys = kind.get("keys", [])
                return EdgeKind.ATTR, ("text of slot", keys[i] if i < len(keys) else 0)
            case RunKind.FIELD:
                return EdgeKind.FIELD, ("other", schema[i])
            case RunKind.NAMED:
                assert symbol is not None
                return EdgeKind.ATTR, ("other", symbol)
            case _:
                return EdgeKind[run.name], ("number", i)

    # ---- columns ----

    def columns(self) -> dict[str, np.ndarray[Any, Any]]:
        slots = sorted(self.node_by_slot)
        self.id_by_slot = {slot: i for i, slot in enumerate(slots)}
        texts = sorted((self.node_id(slot), slot) for slot in self.texts)
        self.text_id = {slot: i for i, (_, slot) in enumerate(texts)}
        for kind in self.types:
            for slot in kind.get("keys", []):
                need(slot == 0 or slot in self.id_by_slot, "key is no node")
        root_kinds = sorted({root.type for root in self.roots})
        c: dict[str, list[Any]] = {spec.name: [] for spec in COLUMNS}
        self.put_strings(c, texts, root_kinds)
        self.put_types(c, root_kinds)
        self.put_nodes(c, [self.node_by_slot[slot] for slot in slots] + self.roots, root_kinds)
        c["int_node"], c["int_value"] = pairs((self.node_id(s), v) for s, v in self.ints.items())
        for address, index, size in self.blocks:
            c["unreached_address"].append(address)
            c["unreached_type"].append(index)
            c["unreached_size"].append(size)
        self.put_samples(c)
        return {spec.name: np.array(c[spec.name], dtype=spec.dtype) for spec in COLUMNS}

    def put_samples(self, c: dict[str, list[Any]]) -> None:
        for parent, file, function, line in self.sites:
            c["site_parent"].append(parent)
            c["site_file"].append(len(self.texts) + file)
            c["site_function"].append(len(self.texts) + function)
            c["site_line"].append(line)
        for slot, place, site, size, epoch, flags in self.samples:
            c["sample_address"].append(slot * SLOT_BYTES)
            c["sample_node"].append(self.node_id(slot + place - 1) if place else NO_NODE)
            c["sample_site"].append(site)
            c["sample_size"].append(size)
            c["sample_epoch"].append(epoch)
            c["sample_flags"].append(flags)

    def node_id(self, slot: int) -> int:
        need(slot in self.id_by_slot, "no node there")
        return self.id_by_slot[slot]

    def put_strings(
        self, c: dict[str, list[Any]], texts: list[tuple[int, int]], root_kinds: list[int]
    ) -> None:
        rows = [(self.texts[slot][0], node, self.texts[slot][1]) for node, slot in texts]
        rows += [(other, NO_NODE, 0) for other in self.others]
        for kind in root_kinds:
            name = RootKind(kind).name.lower().replace("_", " ")
            rows.append((f"<root: {name}>".encode(), NO_NODE, 0))
        c["string_offset"].append(0)
        for encoded, node, flags in rows:
            c["string_bytes"].extend(encoded)
            c["string_offset"].append(len(c["string_bytes"]))
            c["string_node"].append(node)
            c["string_flags"].append(flags)

    def put_types(self, c: dict[str, list[Any]], root_kinds: list[int]) -> None:
        for kind in self.types:
            c["type_name"].append(len(self.texts) + kind["name"])
            c["type_flags"].append(kind["flags"])
            c["type_node"].append(self.id_by_slot.get(kind["slot"], NO_NODE))
            c["type_base_size"].append(kind["base"])
        for i in range(len(root_kinds)):
            c["type_name"].append(len(self.texts) + len(self.others) + i)
            c["type_flags"].append(TypeFlag.ROOT)
            c["type_node"].append(NO_NODE)
            c["type_base_size"].append(0)

    def put_nodes(
        self, c: dict[str, list[Any]], records: list[Record], root_kinds: list[int]
    ) -> None:
        for node, record in enumerate(records):
            is_root = record.slot == 0
            c["node_address"].append(record.slot * SLOT_BYTES + record.low)
            pseudo = len(self.types) + root_kinds.index(record.type) if is_root else 0
            c["node_type"].append(pseudo if is_root else record.type)
            c["node_size"].append(record.size)
            c["node_refcount"].append(record.refcount)
            c["node_flags"].append(record.flags)
            c["edge_offset"].append(len(c["edge_target"]))
            for slot, kind, name in record.edges:
                c["edge_target"].append(self.node_id(slot))
                c["edge_kind"].append(kind)
                c["edge_name"].append(self.name(record, kind, name))
            if not is_root and self.types[record.type]["flags"] & TypeFlag.HEAP:
                c["edge_target"].append(self.node_id(self.types[record.type]["slot"]))
                c["edge_kind"].append(EdgeKind.TYPE)
                c["edge_name"].append(0)
            for fact, value in record.facts:
                c["fact_node"].append(node)
                c["fact_id"].append(fact)
                c["fact_value"].append(value)
            if is_root:
                c["root_kind"].append(record.type)
                c["root_label"].append(len(self.texts) + record.label)
        c["edge_offset"].append(len(c["edge_target"]))

    def name(self, record: Record, kind: EdgeKind, name: tuple[str, int]) -> int:
        how, value = name
        if kind == EdgeKind.LOCAL:
            return self.local_name(record, value)
        match how:
            case "node of slot":
                return self.node_id(value)
            case "other":
                return len(self.texts) + value
            case "text of slot":
                return self.text_id.get(value, NO_STRING)
            case _:
                return value

    def local_name(self, record: Record, position: int) -> int:
        """Through the record's code, its co_localsplusnames, and item ``position`` of those."""
        code = self.field(record, CODE_NAMES)
        names = self.field(code, ("co_localsplusnames",)) if code else None
        if names is None or position >= len(names.edges):
            return NO_STRING
        slot, kind, name = names.edges[position]
        if kind != EdgeKind.INDEX or name != ("number", position):
            return NO_STRING
        return self.text_id.get(slot, NO_STRING)

    def field(self, record: Record, names: tuple[str, ...]) -> Record | None:
        """First field edge with one of the names.  A schema may name it once only: first wins."""
        for slot, kind, (_, other) in record.edges:
            if kind == EdgeKind.FIELD and self.is_first_of(other, names):
                need(slot in self.node_by_slot, "no node there")
                return self.node_by_slot[slot]
        return None

    def is_first_of(self, other: int, names: tuple[str, ...]) -> bool:
        schema = next(schema for schema in self.schemas if other in schema)
        matches = [o for o in schema if self.others[o] in [name.encode() for name in names]]
        return bool(matches) and matches[0] == other


def pairs(rows: Any) -> tuple[list[int], list[int]]:
    ordered = sorted(rows)
    return [row[0] for row in ordered], [row[1] for row in ordered]

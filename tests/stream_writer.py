"""A slow, obvious writer of snapshot streams, for tests of every layer.

Everything is named by address; the writer turns addresses into slots and deltas::

    w = StreamWriter()
    w.type("builtins.list", base_size=56, run=RunKind.INDEX)      # type 0
    w.type("builtins.str", base_size=49)                          # type 1
    w.node(0x1000, 0, runs=[Run(RunKind.INDEX, [0x2000, None])])
    w.node(0x2000, 1, size=53)
    w.string(0x2000, "name")
    w.root(RootKind.MODULES, "sys.modules", [Run(RunKind.INDEX, [0x1000])])
    data = w.to_bytes()                                           # or w.write(path)

Records are written in the order of the calls, and nothing is checked: damaged streams are
made with it as well.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakhunt.agent.format import (
    BLOCK_BYTES,
    END_MAGIC,
    MAGIC,
    NODE_TAG_BASE,
    SLOT_BYTES,
    VERSION_MAJOR,
    VERSION_MINOR,
    Fact,
    RunKind,
    SampleFlag,
    StringFlag,
    Tag,
    TypeFlag,
)
from leakhunt.agent.graph_kinds import RootKind

HEADER: dict[str, Any] = {
    "format": "leakhunt-stream",
    "tool": "0",
    "label": "test",
    "sequence": 0,
    "process": {"pid": 1, "start_ticks": 2, "boot_id": "boot", "uid": 0},
    "python": {
        "version": "3.12.1",
        "implementation": "cpython",
        "hexversion": 0x030C01F0,
        "abi": "cpython-312",
        "executable": "python",
    },
    "created": "2026-01-01T00:00:00+00:00",
    "mode": "in-process",
    "redaction": "names",
    "identity": {"method": "address and type", "exact": False, "since": None, "inferred_types": []},
}

FOOTER: dict[str, Any] = {
    "nodes": 0,
    "edges": 0,
    "roots": 0,
    "types": 0,
    "bytes": 0,
    "pause_ns": 1,
    "walk_ns": 1,
    "file_bytes": 1,
    "rss_bytes": 1,
    "peak_extra_bytes": 1,
    "collecting": False,
    "frozen": 0,
    "gc_counts": [0, 0, 0],
    "allocated_blocks": 1,
}

_MASK = (1 << 64) - 1


@dataclass(frozen=True)
class Run:
    """Edges of one kind.  targets: addresses, None for NULL; ITEM: key, value, key, value ..."""

    kind: RunKind
    targets: Sequence[int | None]
    schema: int = 0
    """FIELD only."""
    symbols: Sequence[int] = ()
    """NAMED only: one for each target."""


def varint(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    return varint(((value << 1) ^ (value >> 63)) & _MASK)


def text(value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogatepass")
    return varint(len(encoded)) + encoded


def block_hash(data: bytes) -> int:
    """The block hash as docs/snapshot-format.md says it."""
    h = len(data)
    padded = data + bytes(-len(data) % 8)
    for (word,) in struct.iter_unpack("<Q", padded):
        h = ((h ^ word) * 0x9E3779B97F4A7C15) & _MASK
        h = ((h << 29) | (h >> 35)) & _MASK
    return h ^ (h >> 32)


def json_part(members: Mapping[str, Any] | bytes) -> bytes:
    encoded = members if isinstance(members, bytes) else json.dumps(members).encode()
    return struct.pack("<I", len(encoded)) + encoded + struct.pack("<Q", block_hash(encoded))


def frame(
    payload: bytes,
    header: Mapping[str, Any] | bytes,
    footer: Mapping[str, Any] | bytes,
    *,
    version: tuple[int, int] = (VERSION_MAJOR, VERSION_MINOR),
    block_bytes: int = BLOCK_BYTES,
) -> bytes:
    """A whole file around the joined records."""
    parts = [MAGIC, struct.pack("<HH", *version), json_part(header)]
    for start in range(0, len(payload), block_bytes):
        block = payload[start : start + block_bytes]
        parts += [struct.pack("<IQ", len(block), block_hash(block)), block]
    return b"".join([*parts, struct.pack("<I", 0), json_part(footer), END_MAGIC])


class StreamWriter:
    """Collects records; see the module's docstring."""

    def __init__(self, header: Mapping[str, Any] | None = None) -> None:
        self.header: dict[str, Any] = {**HEADER, **(header or {})}
        self.payload = bytearray()
        self.default_runs: list[RunKind] = []
        self.base_sizes: list[int] = []
        self.last_slot = 0
        self.node_count = self.root_count = self.edge_count = 0
        self.symbol_count = self.schema_count = self.site_count = 0
        self.total_bytes = 0
        self.is_ended = False

    def type(
        self,
        name: str,
        *,
        address: int = 0,
        flags: TypeFlag | int = 0,
        base_size: int = 16,
        run: RunKind = RunKind.NONE,
    ) -> int:
        """Index of a new type; ``address`` is that of the type object (0: not a node)."""
        self.payload += varint(Tag.TYPE) + varint(address // SLOT_BYTES) + varint(flags)
        self.payload += varint(base_size) + varint(run) + text(name)
        self.default_runs.append(run)
        self.base_sizes.append(base_size)
        return len(self.default_runs) - 1

    def string(self, address: int, value: str, flags: StringFlag | int = 0) -> None:
        """Text of the str node at ``address``."""
        self.payload += varint(Tag.STRING) + zigzag(address // SLOT_BYTES - self.last_slot)
        self.payload += varint(flags) + text(value)

    def keys(self, type_index: int, addresses: Sequence[int | None]) -> None:
        """The str nodes that name inline values; None for an unused entry."""
        self.payload += varint(Tag.KEYS) + varint(type_index) + varint(len(addresses))
        previous = 0
        for address in addresses:
            slot = (address or 0) // SLOT_BYTES
            self.payload += zigzag(slot - previous)
            previous = slot

    def fact(self, fact: Fact | int, value: int) -> None:
        """About the last node or root."""
        self.payload += varint(Tag.FACT) + varint(fact) + zigzag(value)

    def symbol(self, value: str) -> int:
        """Index of a new symbol."""
        self.payload += varint(Tag.SYMBOL) + text(value)
        self.symbol_count += 1
        return self.symbol_count - 1

    def int_value(self, address: int, value: int) -> None:
        """Value of the int node at ``address``."""
        self.payload += varint(Tag.INT) + zigzag(address // SLOT_BYTES - self.last_slot)
        self.payload += zigzag(value)

    def schema(self, *names: str) -> int:
        """Index of a new schema."""
        self.payload += varint(Tag.SCHEMA) + varint(len(names))
        self.payload += b"".join(text(name) for name in names)
        self.schema_count += 1
        return self.schema_count - 1

    def unreached(self, address: int, type_index: int | None, size: int) -> None:
        """A block that no walk reached."""
        self.payload += varint(Tag.UNREACHED) + varint(address // SLOT_BYTES)
        self.payload += varint(0 if type_index is None else type_index + 1) + varint(size)

    def site(self, file: int, function: int, line: int, parent: int | None = None) -> int:
        """Index of a new site; file and function are symbols."""
        self.payload += varint(Tag.SITE) + varint(0 if parent is None else parent + 1)
        self.payload += varint(file) + varint(function) + varint(line)
        self.site_count += 1
        return self.site_count - 1

    def sample(
        self,
        block: int,
        site: int | None,
        size: int,
        *,
        object_at: int | None = 0,
        epoch: int = 0,
        flags: SampleFlag | int = 0,
    ) -> None:
        """A sampled block whose object begins ``object_at`` bytes behind its start."""
        place = 0 if object_at is None else object_at // SLOT_BYTES + 1
        self.payload += varint(Tag.SAMPLE) + varint(block // SLOT_BYTES) + varint(place)
        self.payload += varint(0 if site is None else site + 1) + varint(size)
        self.payload += varint(epoch) + varint(flags)

    def node(
        self,
        address: int,
        type_index: int,
        *,
        size: int | None = None,
        refcount: int = 1,
        is_tracked: bool = False,
        is_born: bool = False,
        runs: Sequence[Run] = (),
    ) -> int:
        """An object; its size is the type's base size unless given.  Returns the address."""
        slot = address // SLOT_BYTES
        if type_index < len(self.default_runs):
            default, base = self.default_runs[type_index], self.base_sizes[type_index]
        else:
            default, base = RunKind.NONE, 0
        extra = 0 if size is None else size - base
        self.payload += varint(NODE_TAG_BASE + type_index) + zigzag(slot - self.last_slot)
        self.payload += varint(extra & _MASK)
        self.payload += varint(refcount * 4 + is_tracked * 2 + is_born)
        self._runs(runs, slot, default)
        self.last_slot = slot
        self.node_count += 1
        self.total_bytes += base + extra
        if address % SLOT_BYTES:
            self.fact(Fact.ADDRESS_LOW, address % SLOT_BYTES)
        return address

    def root(self, kind: RootKind | int, label: str, runs: Sequence[Run] = ()) -> None:
        """A named root."""
        self.payload += varint(Tag.ROOT) + varint(kind) + text(label)
        self._runs(runs, 0, None)
        self.root_count += 1

    def _runs(self, runs: Sequence[Run], slot: int, default: RunKind | None) -> None:
        if not runs:
            self.payload += varint(0)
        for i, run in enumerate(runs):
            has_kind = run.kind != default
            head = len(run.targets) * 4 + has_kind * 2 + (i + 1 < len(runs))
            self.payload += varint(head) + (varint(run.kind) if has_kind else b"")
            if run.kind == RunKind.FIELD and (run.targets or has_kind):
                self.payload += varint(run.schema)
            for k, target in enumerate(run.targets):
                if run.kind == RunKind.NAMED:
                    self.payload += varint(run.symbols[k])
                if target is None:
                    self.payload += varint(0)
                    continue
                delta = target // SLOT_BYTES - slot
                self.payload += varint(1 + (((delta << 1) ^ (delta >> 63)) & _MASK))
                slot = target // SLOT_BYTES
                self.edge_count += 1

    def end(
        self, nodes: int | None = None, roots: int | None = None, edges: int | None = None
    ) -> None:
        """The END record; the true counts unless given."""
        self.payload += varint(Tag.END)
        self.payload += varint(self.node_count if nodes is None else nodes)
        self.payload += varint(self.root_count if roots is None else roots)
        self.payload += varint(self.edge_count if edges is None else edges)
        self.is_ended = True

    def footer(self) -> dict[str, Any]:
        """A footer that agrees with the records."""
        return {
            **FOOTER,
            "nodes": self.node_count,
            "edges": self.edge_count,
            "roots": self.root_count,
            "types": len(self.default_runs),
            "bytes": self.total_bytes,
        }

    def to_bytes(
        self, footer: Mapping[str, Any] | None = None, *, block_bytes: int = BLOCK_BYTES
    ) -> bytes:
        """The whole file; writes the END record if nobody has."""
        if not self.is_ended:
            self.end()
        return frame(
            bytes(self.payload),
            self.header,
            {**self.footer(), **(footer or {})},
            block_bytes=block_bytes,
        )

    def write(self, path: Path) -> Path:
        """Write the whole file; returns its path."""
        path.write_bytes(self.to_bytes())
        return path

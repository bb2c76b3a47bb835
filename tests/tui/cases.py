"""Cases for the screens: drawn heaps, written to disk as a hunt leaves them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from leakhunt.agent.format import COLUMNS_SUFFIX
from leakhunt.hunt.assemble import assemble, write_report
from leakhunt.hunt.files import diff_files
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.columns_file import write_columns
from tests.builders import Heap, Obj
from tests.stream_writer import HEADER, StreamWriter

CYCLES = 60
MIB = 1 << 20

__all__ = ["CYCLES", "Shop", "assemble", "diff_files", "saved", "shop_case"]


class Shop:
    """A program that leaks a session per cycle into a list of listeners, and fills a cache."""

    def __init__(self, *, session: str = "shop.session.Session", key: str = "tick") -> None:
        self.heap = Heap()
        self.session = session
        self.ticks = self.heap.list()
        self.bus = self.heap.object(
            "shop.bus.Bus", listeners=self.heap.dict({key: self.ticks}, "builtins.dict")
        )
        self.pages = self.heap.dict()
        self.heap.module("shop.bus", BUS=self.bus)
        self.heap.module("shop.cache", PAGES=self.pages)
        self.heap.frame("thread 'MainThread', serve() at app.py", 31, bus=self.bus)
        self.cycles = 0

    def cycle(self) -> None:
        """A request."""
        heap = self.heap
        session = heap.object(self.session, 64, data=heap.object("builtins.bytearray", 8192))
        self.ticks.append(heap.method(session, heap.function()))
        if self.cycles < 4:
            self.pages.put(self.cycles, heap.object("shop.cache.Page", 512))
        self.cycles += 1


def shop_case(
    folder: Path, *, cycles: int = CYCLES, edit: Callable[[Shop], None] | None = None, **names: str
) -> Path:
    """The shop, hunted: what ``hunt --save`` would have kept in ``folder``."""
    shop = Shop(**names)
    snapshots: dict[str, SnapshotColumns] = {}
    for _ in range(5):
        shop.cycle()
    snapshots["baseline"] = shop.heap.snap("baseline")
    for number in range(cycles):
        if number == cycles // 3:
            snapshots["window"] = shop.heap.snap("window")
        shop.cycle()
    garbage = shop.heap.object("shop.Temporary", 4096)
    shop.heap.collectable(garbage)
    snapshots["loaded"] = shop.heap.snap("loaded")
    shop.heap.collect()
    if edit is not None:
        edit(shop)
    snapshots["final"] = shop.heap.snap("final")
    return saved(folder, snapshots, cycles)


def saved(folder: Path, snapshots: dict[str, SnapshotColumns], cycles: int) -> Path:
    """Snapshots and their report in a folder."""
    folder.mkdir(exist_ok=True)
    files = {label: folder / f"{label}{COLUMNS_SUFFIX}" for label in snapshots}
    snapshots = {label: whole(columns) for label, columns in snapshots.items()}
    for label, columns in snapshots.items():
        write_columns(files[label], columns)
    report = assemble(
        columns=snapshots,
        files=files,
        cycles=cycles,
        window_cycles=cycles // 3,
        target={
            "command": None, "pid": 7, "scenario": "shop.py",
            "python": {"version": "3.12.1", "implementation": "cpython"},
        },
        saved=True,
    )  # fmt: skip
    paths = [replace(one, path=files[one.label].name) for one in report.snapshots]
    write_report(replace(report, snapshots=tuple(paths)), folder / "report.json")
    return folder


def whole(columns: SnapshotColumns) -> SnapshotColumns:
    """With the header and the footer of a file, and the figures of a memory bill."""
    objects = int(columns.node_size.sum())
    memory = {
        "rss_bytes": 12 * MIB + objects,
        "anonymous_bytes": 9 * MIB + objects,
        "file_bytes": 3 * MIB,
        "stack_bytes": 132 * 1024,
        "own_bytes": 256 * 1024,
        "arena_bytes": MIB + objects,
        "arena_used_bytes": objects // 2,
        "malloc_system_bytes": 6 * MIB + objects,
        "malloc_used_bytes": 5 * MIB + objects // 2,
        "malloc_free_bytes": MIB // 2,
    }
    counts = {"nodes": columns.heap_count, "edges": columns.edge_count, "types": columns.type_count}
    footer = {
        **StreamWriter().footer(), **counts, "roots": len(columns.root_kind), "bytes": objects,
        "rss_bytes": memory["rss_bytes"], "memory": memory, **columns.footer,
    }  # fmt: skip
    return replace(columns, header={**HEADER, **columns.header}, footer=footer)


def listener(obj: Obj) -> Obj:
    """The session that a bound method in the list belongs to."""
    return next(target for _, name, target in obj.edges if name == "__self__")

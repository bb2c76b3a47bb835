"""What is in the ``.heapsnapshot`` files we write."""

from __future__ import annotations

import stat
from pathlib import Path

import numpy as np
import pytest

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.analysis.comparison import Comparison
from leakhunt.analysis.diff import growth
from leakhunt.errors import SnapshotError
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.interop.heapsnapshot import ids as ids_module
from leakhunt.interop.heapsnapshot import rows as rows_module
from leakhunt.interop.heapsnapshot.ids import ObjectIds
from leakhunt.interop.heapsnapshot.layout import CLASS_BY_TYPE, class_name
from leakhunt.interop.heapsnapshot.rows import Rows
from leakhunt.interop.heapsnapshot.writer import write_heapsnapshot
from leakhunt.report.escape import escape
from leakhunt.store.columns import SnapshotColumns
from tests.builders import Heap
from tests.heapsnapshot_view import comparison
from tests.nasty_names import NASTY_NAMES
from tests.unit.interop.conftest import Export

GIB = 1 << 30


def shop() -> Heap:
    heap = Heap()
    bus = heap.object("shop.bus.Bus", listeners=heap.dict({"tick": heap.list()}))
    heap.module("shop.bus", BUS=bus)
    return heap


def test_a_path_reads_as_in_python(export: Export) -> None:
    (view,) = export(shop().snap())
    modules = view.category("(modules)").to(0).to("modules")
    bus = modules.to("shop.bus").to("__dict__").to("BUS")
    assert (bus.type, bus.name) == ("object", "shop.bus.Bus")
    assert bus.to("listeners").to("tick").name == "builtins.list"
    assert [e.type for e in bus.edges] == ["property"]


def test_each_kind_of_edge_has_its_type_and_name(export: Export) -> None:
    heap = Heap()
    a, b = heap.many(2)
    key = heap.tuple()
    holder = heap.object("shop.All", x=a)
    holder.append(a).add(a).field("__self__", a).field("cell_contents", a).field("code", a)
    holder.weak(b).link(EdgeKind.LOCAL, "job", a).link(EdgeKind.STACK, 2, a)
    holder.link(EdgeKind.UNKNOWN, 0, a).link(EdgeKind.HIDDEN, 0, a)
    holder.put("tick", a).put(7, a).put(-1, a).put(key, a)
    heap.cls("shop.All")
    heap.module("m", HOLDER=holder, B=b)
    (view,) = export(heap.snap())
    edges = [(e.type, e.name) for e in view.named("shop.All").edges]
    assert edges == [
        ("property", "x"), ("element", 0), ("internal", "(member)"), ("internal", "__self__"),
        ("context", "cell_contents"), ("property", "code"), ("weak", "(weak reference)"),
        ("context", "job"), ("internal", "(evaluation stack)"), ("internal", "(unnamed)"),
        ("internal", "(hidden)"),
        ("internal", "(key)"), ("property", "tick"), ("internal", "(key)"), ("element", 7),
        ("internal", "(key)"), ("property", "-1"),
        ("internal", "(key)"), ("property", "[(builtins.tuple)]"), ("internal", "__class__"),
    ]  # fmt: skip


def test_objects_are_called_by_type_and_values_by_value(export: Export) -> None:
    heap = Heap()
    function = heap.function()
    function.field("__qualname__", heap.str("shop.bus.Bus.emit"))
    heap.module("m", f=function, g=heap.function(), text=heap.str("hello"), n=heap.key(42))
    (view,) = export(heap.snap())
    names = view.category("(modules)").to(0).to("modules").to("m").to("__dict__")
    found = {e.name: (e.to.type, e.to.name) for e in names.edges if e.name != "(key)"}
    assert found == {
        "f": ("closure", "shop.bus.Bus.emit"),
        "g": ("closure", "builtins.function"),
        "text": ("string", "hello"),
        "n": ("number", "42"),
    }


def test_roots_are_synthetic_and_sorted_by_kind(export: Export) -> None:
    heap = Heap()
    job, held = heap.many(2)
    held.native = 1
    heap.frame("thread 'MainThread', serve() at app.py:31", 31, job=job)
    heap.root(RootKind.INTERPRETER, "atexit callbacks").edges.append((EdgeKind.FIELD, "f", job))
    immortal = heap.object("builtins.NoneType")
    immortal.flags |= NodeFlag.IMMORTAL
    waste = heap.object("shop.Waste", none=immortal)
    heap.collectable(waste.set(me=waste))
    (view,) = export(heap.snap())
    (roots,) = [e.to for e in view.root.edges]
    found = {e.to.name: [x.to.name for x in e.to.edges] for e in roots.edges}
    assert found == {
        "(modules)": ["sys.modules"],
        "(interpreter)": ["atexit callbacks"],
        "(threads)": [],
        "(running frames)": ["thread 'MainThread', serve() at app.py:31"],
        "(static types)": [],
        "(native holds)": ["shop.Thing"],
        "(immortal objects)": ["builtins.NoneType"],
        "(garbage)": ["shop.Waste"],
    }
    synthetic = [node for node in view.nodes if node.type == "synthetic"]
    assert {node.size for node in synthetic} == {0}
    assert len(synthetic) == 2 + 8 + 3
    garbage = view.category("(garbage)").to(0)
    assert {e.name: e.type for e in garbage.edges} == {"none": "weak", "me": "property"}


def test_an_empty_heap(export: Export) -> None:
    heap = Heap()
    heap.roots.clear()
    (view,) = export(heap.snap())
    assert len(view.nodes) == 10


def test_chunks_join_without_a_seam(export: Export, monkeypatch: pytest.MonkeyPatch) -> None:
    snapshot = shop().snap()
    (whole,) = export(snapshot)
    monkeypatch.setattr(rows_module, "CHUNK", 2)
    (pieces,) = export(snapshot)
    assert pieces.json == whole.json


# ---- ids ----


def test_an_object_keeps_its_id_and_a_newborn_at_its_address_gets_a_new_one(
    export: Export,
) -> None:
    heap = shop()
    old = heap.object("shop.Session", address=0x90000)
    heap.module("m", SESSION=old)
    before = heap.snap("baseline")
    reborn = heap.object("shop.Session", address=0x90000)
    heap.module("m", OTHER=reborn).pop("SESSION")
    after = heap.snap("final")
    first, last = export(before, after)
    assert first.named("shop.bus.Bus").id == last.named("shop.bus.Bus").id
    assert first.named("shop.Session").id < last.named("shop.Session").id
    assert last.named("shop.Session").id > max(node.id for node in first.nodes)
    for view in (first, last):
        ids = [node.id for node in view.nodes]
        assert len(set(ids)) == len(ids)
        assert all(i % 2 == 1 for i in ids)
    assert [n.id for n in first.nodes[:10]] == [n.id for n in last.nodes[:10]]


def test_a_comparison_of_the_files_counts_what_the_diff_counts(export: Export) -> None:
    heap = shop()
    bus = heap.module("shop.bus").edges[1][2]
    kept = heap.list(*heap.many(5), *(heap.str(f"t{i}") for i in range(4)))
    heap.module("m", KEPT=kept)
    snapshots = [heap.snap("baseline")]
    bus.set(late=heap.list(*heap.many(7), *heap.many(3, "shop.Other")))
    snapshots.append(heap.snap("loaded"))
    kept.pop()
    bus.set(later=heap.function(x=heap.object("shop.Late")))
    snapshots.append(heap.snap("final"))
    baseline, _, final = export(*snapshots)
    table = growth(Comparison(snapshots[0], snapshots[2], loaded=snapshots[1]))
    expected = {
        CLASS_BY_TYPE.get(row.type, row.type): (row.born + row.late, row.departed)
        for row in table
        if row.born + row.late + row.departed
    }
    assert comparison(baseline, final) == expected
    assert expected["shop.Other"] == (3, 0)
    assert expected["Function"] == (1, 0)


def test_there_are_only_so_many_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids_module, "LIMIT", 110)
    with pytest.raises(SnapshotError, match="more than 55 objects"):
        ObjectIds().of(HeapGraph(shop().snap()))


# ---- sizes ----


def test_a_size_above_32_bits_is_split_and_stays_with_its_owner(export: Export) -> None:
    heap = Heap()
    small = heap.object("numpy.ndarray", size=100)
    large = heap.object("numpy.ndarray", size=9 * GIB)
    huge = heap.object("numpy.ndarray", size=4 * GIB, base=small)
    heap.module("m", LARGE=large, HUGE=huge)
    snapshots = [heap.snap("baseline"), heap.snap("final")]
    for view in export(*snapshots):
        arrays = [node for node in view.nodes if node.name == "numpy.ndarray"]
        totals = [a.size + sum(e.to.size for e in a.edges if e.name != "base") for a in arrays]
        assert totals == [100, 9 * GIB, 4 * GIB]
        assert max(node.size for node in view.nodes) < 1 << 32
        parts = [node for node in view.nodes if node.name == "(more bytes)"]
        assert [part.type for part in parts] == ["native"] * 3
    first, last = export(*snapshots)
    assert [n.id for n in first.nodes] == [n.id for n in last.nodes]


def test_the_split_objects_are_counted(tmp_path: Path) -> None:
    heap = Heap()
    heap.module("m", LARGE=heap.object(size=9 * GIB))
    rows = Rows(HeapGraph(heap.snap()), ObjectIds())
    assert write_heapsnapshot(tmp_path / "x.heapsnapshot", rows).split_count == 1


# ---- names ----


def nasty_heap(name: str) -> SnapshotColumns:
    heap = Heap()
    thing = heap.object(name or "?", value=heap.str(name))
    thing.link(EdgeKind.ATTR, name, thing).put(name, thing)
    heap.module("m", THING=thing)
    heap.frame(name, job=thing)
    return heap.snap(name)


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_a_hostile_name_is_shown_escaped(export: Export, name: str) -> None:
    (view,) = export(nasty_heap(name))
    frame = view.category("(running frames)").edges[0].to
    assert frame.name == escape(name, limit=1024)
    thing = frame.to("job")
    assert thing.name == class_name(escape(name or "?"))
    assert {e.to.name for e in thing.edges if e.name == "value"} == {frame.name}
    assert all(text.isprintable() for text in view.json["strings"])


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<a b>", "\\x3ca b>"),
        ("(string)", "\\x28string)"),
        ("Object", "type Object"),
        ("Object(x)", "\\x4fbject(x)"),
        ("Detached <div>", "\\x44etached <div>"),
        ("", "type"),
        ("shop.Object", "shop.Object"),
    ],
)
def test_a_type_is_never_taken_for_a_class_of_the_viewer(name: str, shown: str) -> None:
    assert class_name(name) == shown


def test_types_of_one_name_are_one_class(export: Export) -> None:
    heap = Heap()
    heap.module("m", A=heap.object("shop.Row"), B=heap.object("shop.Row"))
    columns = heap.snap()
    (view,) = export(columns)
    strings = view.json["strings"]
    assert strings.count("shop.Row") <= 2  # the class name, and the name of the type as it is
    assert len({node.name for node in view.nodes if node.name == "shop.Row"}) == 1


# ---- the file ----


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "x.heapsnapshot"
    write_heapsnapshot(path, Rows(HeapGraph(shop().snap()), ObjectIds()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_progress_is_told_by_section(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    rows = Rows(HeapGraph(shop().snap()), ObjectIds())
    done = write_heapsnapshot(tmp_path / "x", rows, lambda *step: told.append(step))
    assert list(dict.fromkeys(section for section, _, _ in told)) == ["nodes", "edges", "strings"]
    last = {section: (done, total) for section, done, total in told}
    assert last == {
        "nodes": (done.node_count, done.node_count),
        "edges": (done.edge_count, done.edge_count),
        "strings": (done.string_count, done.string_count),
    }


def test_an_interrupted_export_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "x.heapsnapshot"
    path.write_text("earlier")

    def interrupt(section: str, _done: int, _total: int) -> None:
        if section == "edges":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_heapsnapshot(path, Rows(HeapGraph(shop().snap()), ObjectIds()), interrupt)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "earlier"


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    rows = Rows(HeapGraph(shop().snap()), ObjectIds())
    with pytest.raises(SnapshotError, match=r"cannot write .*No such file"):
        write_heapsnapshot(tmp_path / "missing" / "x", rows)


def test_more_nodes_than_can_be_numbered_are_refused(tmp_path: Path) -> None:
    class Endless(Rows):
        node_count = 1 << 31

    rows = Endless(HeapGraph(shop().snap()), ObjectIds())
    with pytest.raises(SnapshotError, match="more than the format can number"):
        write_heapsnapshot(tmp_path / "x", rows)


def test_sizes_of_all_nodes_are_kept(export: Export) -> None:
    columns = shop().snap()
    (view,) = export(columns)
    assert [n.size for n in view.nodes[10:]] == np.asarray(columns.node_size).tolist()

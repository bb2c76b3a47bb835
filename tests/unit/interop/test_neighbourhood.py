"""What is around an object: which nodes, how they are called, and the files of it."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import networkx as nx
import numpy as np
import pytest

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.cli import main
from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.hunt.around import export_around
from leakhunt.interop.neighbourhood.build import neighbourhood
from leakhunt.interop.neighbourhood.collect import Bounds
from leakhunt.interop.neighbourhood.formats import FORMATS, to_bytes
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.columns_file import write_columns
from tests.builders import Heap, Obj
from tests.nasty_names import NASTY_NAMES
from tests.stream_writer import HEADER, StreamWriter


def node_of(graph: HeapGraph, made: Obj) -> int:
    addresses = graph.columns.node_address[: graph.columns.heap_count]
    return int(np.searchsorted(addresses, made.address))


def around(
    columns: SnapshotColumns, *centres: Obj, depth: int = 2, limit: int = 100, fan: int = 12
) -> Any:
    graph = HeapGraph(columns)
    return neighbourhood(
        graph, [node_of(graph, c) for c in centres], Bounds(depth, limit, fan), "what was asked"
    )


def labels(drawing: Any) -> dict[str, dict[str, Any]]:
    return {facts["label"]: facts for _, facts in drawing.nodes(data=True)}


def steps(drawing: Any) -> set[tuple[str, str, str]]:
    name = nx.get_node_attributes(drawing, "label")
    return {(name[a], facts["name"], name[b]) for a, b, facts in drawing.edges(data=True)}


def session_heap() -> tuple[Heap, Obj]:
    heap = Heap()
    session = heap.object("shop.Session", trail=heap.object("builtins.bytearray", size=900))
    others = heap.many(30, "shop.Session")
    bus = heap.object("shop.bus.Bus", listeners=heap.list(session, *others))
    heap.module("shop.bus", BUS=bus)
    return heap, session


def test_the_path_from_the_root_what_it_holds_and_no_siblings() -> None:
    heap, session = session_heap()
    drawing = around(heap.snap("final"), session)
    assert steps(drawing) == {
        ("sys.modules", ".modules", "dict of 1"),
        ("dict of 1", "['shop.bus']", "module shop.bus"),
        ("module shop.bus", ".__dict__", "globals of shop.bus"),
        ("globals of shop.bus", "['BUS']", "shop.bus.Bus"),
        ("shop.bus.Bus", ".listeners", "list of 31"),
        ("list of 31", "[0]", "shop.Session"),
        ("shop.Session", ".trail", "bytearray"),
    }
    aside = {facts["name"] for *_, facts in drawing.edges(data=True) if not facts["is_path"]}
    assert aside == {".trail"}
    assert drawing.graph == {
        "around": "what was asked",
        "path": "shop.bus.BUS.listeners[0]",
        "snapshot": "final",
        "depth": 2,
        "is_path_cut": False,
    }
    found = labels(drawing)
    assert (found["shop.Session"]["is_centre"], found["shop.Session"]["hops"]) == (True, 0)
    assert found["shop.Session"]["retained_bytes"] == 48 + 900
    assert [found[x]["kind"] for x in ("sys.modules", "globals of shop.bus", "list of 31")] == [
        "root", "module", "container",
    ]  # fmt: skip


def test_of_many_the_heaviest_are_kept_and_the_rest_is_counted() -> None:
    heap = Heap()
    things = [heap.object("shop.Thing", size=10 + i) for i in range(50)]
    holder = heap.list(*things)
    heap.module("m", HOLDER=holder)
    drawing = around(heap.snap(), holder, depth=1, fan=5)
    sizes = [f["shallow_bytes"] for _, f in drawing.nodes(data=True) if f["type"] == "shop.Thing"]
    assert sorted(sizes) == [55, 56, 57, 58, 59]
    assert labels(drawing)["list of 50"]["more_referents"] == 45


@pytest.mark.parametrize("limit", [1, 3, 20])
def test_the_limit_holds_for_all_but_the_path(limit: int) -> None:
    heap = Heap()
    layers = [heap.object("shop.Root")]
    for _ in range(4):
        layers.append(heap.list(*heap.many(5), *layers[-1:]))
    heap.module("m", TOP=layers[-1])
    drawing = around(heap.snap(), layers[-1], depth=9, limit=limit)
    beside = [n for n, f in drawing.nodes(data=True) if f["kind"] not in ("root", "module")]
    assert len(beside) <= limit + 1  # the table of modules is on the path


def test_depth_zero_is_the_path_alone() -> None:
    heap, session = session_heap()
    drawing = around(heap.snap(), session, depth=0)
    assert len(drawing) == 7
    assert nx.is_directed_acyclic_graph(drawing)


def test_what_everybody_refers_to_is_left_out() -> None:
    heap = Heap()
    none = heap.object("builtins.NoneType")
    thing = heap.object("shop.Thing", nothing=none)
    thing.set(**{f"x{i}": heap.object(none=none) for i in range(3)})
    heap.module("m", THING=thing, NONE=none)
    assert "NoneType" not in labels(around(heap.snap(), thing))


def test_a_reference_cycle_is_marked_and_a_weak_one_is_none() -> None:
    heap = Heap()
    a, b, c = heap.object("shop.A"), heap.object("shop.B"), heap.object("shop.C")
    a.set(b=b)
    b.set(a=a, c=c)
    c.weak(a)
    heap.module("m", A=a)
    drawing = around(heap.snap(), a)
    in_cycle = {label for label, facts in labels(drawing).items() if facts["in_cycle"]}
    assert in_cycle == {"shop.A", "shop.B"}
    marked = {(f["name"], f["is_weak"]) for _, _, f in drawing.edges(data=True) if f["in_cycle"]}
    assert marked == {(".b", False), (".a", False)}
    weak = [f["name"] for _, _, f in drawing.edges(data=True) if f["is_weak"]]
    assert weak == [".<weak>"]


def test_garbage_has_no_path() -> None:
    heap = Heap()
    waste = heap.object("shop.Waste")
    heap.collectable(waste.set(me=waste))
    drawing = around(heap.snap(), waste)
    assert drawing.graph["path"] == ""
    assert labels(drawing)["shop.Waste"]["is_garbage"]
    assert "garbage" in to_bytes(drawing, "dot").decode()


def test_a_long_path_is_cut_at_its_end() -> None:
    heap = Heap()
    nodes = heap.many(200)
    for one, other in pairwise(nodes):
        one.set(next=other)
    heap.module("m", HEAD=nodes[0])
    drawing = around(heap.snap(), nodes[-1], depth=0)
    assert drawing.graph["is_path_cut"]
    assert len(drawing) == 48


def test_names_of_callables_classes_and_values() -> None:
    heap = Heap()
    function = heap.function().field("__qualname__", heap.str("Bus.emit"))
    cls = heap.cls("shop.Session")
    holder = heap.list(function, heap.method(heap.object(), function), cls)
    holder.append(heap.str("hello"), heap.object("shop.Session"))
    heap.module("m", HOLDER=holder)
    found = set(labels(around(heap.snap(), holder, depth=1)))
    assert {"function Bus.emit", "method Bus.emit", "class shop.Session", "'hello'"} <= found


def test_parallel_references_are_few() -> None:
    heap = Heap()
    thing = heap.object("shop.Thing")
    holder = heap.list(*[thing] * 1000)
    heap.module("m", HOLDER=holder)
    drawing = around(heap.snap(), holder)
    names = [f["name"] for *_, f in drawing.edges(data=True) if f["kind"] == "index"]
    assert names == ["[0]", "[1]", "[2]", "[3]"]


# ---- files ----


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_hostile_names_in_every_format(name: str) -> None:
    heap = Heap()
    thing = heap.object(name or "?").link(EdgeKind.ATTR, name, heap.str(name))
    thing.put(name, thing)
    heap.module(name, THING=thing)
    drawing = around(heap.snap(name), thing)
    ET.fromstring(to_bytes(drawing, "graphml"))
    value = json.loads(to_bytes(drawing, "json"))
    assert len(value["nodes"]) == len(drawing)
    check_dot(to_bytes(drawing, "dot").decode("utf-8"))


def check_dot(text: str) -> None:
    """Every statement of our writer ends its line, and every string closes on it."""
    assert text.replace("\n", "").isprintable()
    body = text.split("arrowsize=0.7];\n", 1)[1]
    for line in body.splitlines()[:-1]:
        outside, at, is_inside = "", 0, False
        while at < len(line):
            if line[at] == "\\" and is_inside:
                at += 1
            elif line[at] == '"':
                is_inside = not is_inside
            elif not is_inside:
                outside += line[at]
            at += 1
        assert not is_inside
        assert outside.endswith(";")
        assert set(outside) <= set("abcdefghijklmnopqrstuvwxyz_0123456789 =,.[]->;")


def test_graphml_and_json_are_read_back_by_networkx() -> None:
    heap, session = session_heap()
    drawing = around(heap.snap(), session)
    from_xml = nx.parse_graphml(to_bytes(drawing, "graphml").decode(), force_multigraph=True)
    data = json.loads(to_bytes(drawing, "json"))
    assert data.pop("schema") == "leakhunt.neighbourhood/1"
    from_json = nx.node_link_graph(data, edges="edges")
    assert from_json.nodes(data=True) == drawing.nodes(data=True)
    assert sorted(from_json.edges()) == sorted(drawing.edges())
    assert len(from_xml) == len(drawing)
    assert set(FORMATS) == {"dot", "graphml", "json"}


# ---- the use case and the command ----


@pytest.fixture
def file(tmp_path: Path) -> Path:
    heap, _ = session_heap()
    columns = heap.snap("final")
    header = {**HEADER, **columns.header}
    counts = {"nodes": columns.heap_count, "edges": columns.edge_count, "types": columns.type_count}
    footer = {
        **StreamWriter().footer(), **counts, "roots": len(columns.root_kind), "bytes": 1,
    }  # fmt: skip
    columns = replace(columns, header=header, footer=footer)
    path = tmp_path / "final.lkcols"
    write_columns(path, columns)
    return path


@pytest.mark.parametrize(
    ("asked", "centres", "count"),
    [
        ("shop.bus.BUS", 1, 1),
        ("shop.bus.BUS.listeners", 1, 1),
        ("shop.Session", 3, 31),
        ("shop.bus.BUS.listeners[*]", 3, 31),
    ],
)
def test_what_can_be_asked_for(file: Path, asked: str, centres: int, count: int) -> None:
    drawn = export_around(file, asked)
    assert (drawn.centre_count, drawn.asked_count) == (centres, count)


def test_an_address_can_be_asked_for(file: Path) -> None:
    (session, *_) = json.loads(export_around(file, "shop.Session", file_format="json").data)[
        "nodes"
    ]
    drawn = export_around(file, f"@{session['address']}", file_format="json")
    (first, *_) = json.loads(drawn.data)["nodes"]
    assert first == session


@pytest.mark.parametrize("asked", ["shop.bus.BSU", "nonsense", "@0x1", "finding:1", "shop.bus[["])
def test_what_is_not_there(file: Path, asked: str) -> None:
    with pytest.raises(UsageError) as caught:
        export_around(file, asked)
    assert caught.value.hint


def test_a_limit_beyond_what_can_be_read(file: Path) -> None:
    with pytest.raises(UsageError, match="a limit of 1,000,000 nodes"):
        export_around(file, "shop.bus.BUS", limit=1_000_000)


@pytest.mark.parametrize("output", [[], ["-o", "-"]])
def test_the_graph_goes_to_standard_output(
    file: Path, output: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(file), "--format", "dot", "--around", "shop.Session", *output]) == 0
    out, err = capsys.readouterr()
    check_dot(out)
    assert err.startswith("standard output: ")
    assert "around 3 of 31 that are called so" in err


def test_the_graph_goes_to_a_file(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.graphml"
    command = ["export", str(file), "--format", "graphml", "--around", "shop.bus.BUS"]
    assert main([*command, "-o", str(out), "--json", "--depth", "1", "--limit", "9"]) == 0
    (facts,) = json.loads(capsys.readouterr().out)["files"]
    assert facts["path"] == str(out)
    assert facts["node_count"] == len(nx.read_graphml(out))


def test_a_device_is_not_replaced(file: Path) -> None:
    drawn = export_around(file, "shop.Session")
    with pytest.raises(UsageError, match="/dev/null is no regular file"):
        drawn.save(Path("/dev/null"))
    assert Path("/dev/null").is_char_device()


def test_a_link_is_written_through(file: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    export_around(file, "shop.Session").save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").is_file()


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--format", "dot"], "dot shows what is around an object, and none is named"),
        (["--format", "dot", "--around", "x", "--json"], "goes to standard output"),
        (["--around", "x", "-o", "y"], "--around is for a graph"),
        (["--format", "dot", "--around", "x", "second"], "made of one snapshot"),
    ],
)
def test_what_does_not_fit_together(
    file: Path, arguments: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(file), *arguments]) == 2
    assert problem in capsys.readouterr().err

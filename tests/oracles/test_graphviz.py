"""Graphviz draws what we write in its language, whatever the names."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.interop.neighbourhood.build import neighbourhood
from leakhunt.interop.neighbourhood.collect import Bounds
from leakhunt.interop.neighbourhood.formats import to_bytes
from leakhunt.report.escape import escape
from tests.builders import Heap
from tests.nasty_names import NASTY_NAMES
from tests.oracles.viewers import ask, needs_viewers

pytestmark = [pytest.mark.slow, pytest.mark.oracle, needs_viewers]


def test_all_hostile_names_in_one_drawing(tmp_path: Path) -> None:
    heap = Heap()
    holder = heap.object("shop.Holder")
    for name in NASTY_NAMES:
        holder.link(EdgeKind.ATTR, name, heap.object(name or "?"))
    heap.module("m", HOLDER=holder)
    graph = HeapGraph(heap.snap())
    centre = next(n for n in range(graph.node_count) if graph.type_name(n) == "shop.Holder")
    drawing = neighbourhood(graph, [centre], Bounds(1, 1000, 1000), "m.HOLDER")
    file = tmp_path / "nasty.dot"
    file.write_bytes(to_bytes(drawing, "dot"))
    svg = ET.fromstring(ask("graphviz.mjs", file))
    shown = {text.replace("\u00a0", " ").strip() for text in svg.itertext()}
    groups = [g.get("class") for g in svg.iter("{http://www.w3.org/2000/svg}g")]
    assert groups.count("node") == len(drawing)
    assert groups.count("edge") == drawing.number_of_edges()
    labels = {escape(name or "?", limit=60).strip() for name in NASTY_NAMES}
    assert labels - shown == set()

"""Our sizes and differences against Chrome DevTools' own engine and memlab, on real heaps.

Every retained size is equal. The differences that the viewers' rules make are in
docs/reference/export.md: garbage shows its own size, nodes of size 0 are not counted.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.hunt.export import export_heapsnapshots
from leakhunt.interop.heapsnapshot.ids import ObjectIds
from leakhunt.interop.heapsnapshot.layout import FIRST_ORDINAL, class_name
from leakhunt.interop.heapsnapshot.rows import Rows
from leakhunt.interop.heapsnapshot.writer import write_heapsnapshot
from leakhunt.report.escape import escape
from leakhunt.store.columns import NO_NODE, SnapshotColumns
from leakhunt.store.reader import open_snapshot
from tests.builders import Heap
from tests.nasty_names import NASTY_NAMES
from tests.oracles.case_of_shop import ROOT, expected_comparison, hunt_the_shop
from tests.oracles.viewers import devtools, memlab, needs_viewers

STAGES = ("baseline", "window", "loaded", "final")

pytestmark = [pytest.mark.slow, pytest.mark.oracle, needs_viewers]


def retained_in_viewers(graph: HeapGraph) -> npt.NDArray[np.uint64]:
    """(node_count,) what viewers should say: for garbage its own size, else our own answer."""
    is_garbage = graph.dominators == NO_NODE
    return np.where(is_garbage, graph.columns.node_size, graph.retained_bytes)


def check_sizes(graph: HeapGraph, file: Path) -> None:
    """Every size in both viewers is ours."""
    expected = retained_in_viewers(graph)
    count = graph.node_count
    for name, answer in (("devtools", devtools(file)), ("memlab", memlab(file))):
        assert answer.get("warnings", []) == [], name
        nodes = answer["nodes"]
        ids = np.array(nodes["id"])
        order = np.argsort(ids)  # ids rise with the ordinals of a first snapshot
        own = order[FIRST_ORDINAL : FIRST_ORDINAL + count]
        assert len(ids) == FIRST_ORDINAL + count, name
        wrong = np.flatnonzero(np.array(nodes["retained"])[own] != expected)
        described = [(int(i), graph.type_name(int(i)), int(expected[i])) for i in wrong[:5]]
        assert described == [], (name, len(wrong))
        assert (np.array(nodes["self"])[own] == graph.columns.node_size).all(), name


def export_one(columns: SnapshotColumns, path: Path) -> HeapGraph:
    graph = HeapGraph(columns)
    write_heapsnapshot(path, Rows(graph, ObjectIds()))
    return graph


def check_comparison(folder: Path, out: Path) -> None:
    """DevTools' Comparison view of baseline and final is our born, late and departed."""
    export_heapsnapshots([folder], out)
    rows = devtools(out / "baseline.heapsnapshot", out / "final.heapsnapshot")["comparison"]
    found = {row["name"]: (row["added"], row["removed"]) for row in rows}
    expected = expected_comparison(folder)
    assert {name: pair for name, pair in found.items() if pair != (0, 0)} == expected
    assert len(expected) > 3


@pytest.fixture(scope="module")
def hunted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The snapshots of a hunt in the shop."""
    return hunt_the_shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def arrays(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The snapshots of a program with numpy arrays."""
    folder = tmp_path_factory.mktemp("numpy")
    program = Path(__file__).parent / "numpy_case.py"
    subprocess.run([sys.executable, str(program), str(folder)], check=True, timeout=120)
    return folder


@pytest.mark.parametrize("stage", STAGES)
def test_sizes_of_the_shop(hunted: Path, stage: str, tmp_path: Path) -> None:
    file = tmp_path / "x.heapsnapshot"
    check_sizes(export_one(open_snapshot(hunted / f"{stage}.lkheap"), file), file)


def test_comparison_of_the_shop(hunted: Path, tmp_path: Path) -> None:
    check_comparison(hunted, tmp_path / "out")


@pytest.mark.parametrize("stage", ["baseline", "final"])
def test_sizes_of_numpy(arrays: Path, stage: str, tmp_path: Path) -> None:
    file = tmp_path / "x.heapsnapshot"
    check_sizes(export_one(open_snapshot(arrays / f"{stage}.lkheap"), file), file)


def test_comparison_of_numpy(arrays: Path, tmp_path: Path) -> None:
    check_comparison(arrays, tmp_path / "out")


def test_sizes_of_a_plain_interpreter(tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from leakhunt.agent import snapshots\n"
        f"snapshots.capture({str(tmp_path / 'x.lkheap')!r})\n"
    )
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)
    file = tmp_path / "x.heapsnapshot"
    check_sizes(export_one(open_snapshot(tmp_path / "x.lkheap"), file), file)


@pytest.mark.parametrize("python", os.environ.get("LEAKHUNT_TEST_PYTHONS", "").split())
def test_every_version_of_the_interpreter(python: str, tmp_path: Path) -> None:
    """From 3.12 on there are immortal objects."""
    scenario = ROOT / "fixtures" / "scenarios" / "closure" / "leaky.py"
    folder, file = tmp_path / "case", tmp_path / "x.heapsnapshot"
    hunt_scenario(HuntOptions(scenario, python=Path(python), save_dir=folder))
    check_sizes(export_one(open_snapshot(folder / "loaded.lkheap"), file), file)
    check_comparison(folder, tmp_path / "out")


def random_heap(seed: int) -> SnapshotColumns:
    """A heap with every kind of edge and root, garbage, native holds and immortal objects."""
    rng = random.Random(seed)
    heap = Heap()
    things = heap.many(rng.randint(50, 3000), size=rng.randint(1, 5000))
    kinds = [kind for kind in EdgeKind if kind not in (EdgeKind.VALUE, EdgeKind.TYPE)]
    for _ in range(rng.randint(0, 4) * len(things)):
        kind = rng.choice(kinds)
        name = "code" if kind in (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL) else 0
        rng.choice(things).link(kind, name, rng.choice(things))
    for thing in rng.sample(things, len(things) // 40):
        thing.native = 1
    for thing in rng.sample(things, len(things) // 50):
        thing.flags |= NodeFlag.IMMORTAL
    heap.collectable(*rng.sample(things, len(things) // 20))
    for i in range(rng.randint(1, 5)):
        heap.module(f"m{i}", **{f"x{j}": rng.choice(things) for j in range(i)})
        heap.frame(f"frame {i}", x=rng.choice(things))
    return heap.snap()


@pytest.mark.parametrize("seed", range(8))
def test_sizes_of_random_graphs(seed: int, tmp_path: Path) -> None:
    file = tmp_path / "x.heapsnapshot"
    graph = export_one(random_heap(seed), file)
    assert (graph.dominators == NO_NODE).any() or seed % 2
    check_sizes(graph, file)


def test_hostile_types_are_classes_of_their_own(tmp_path: Path) -> None:
    names = [*NASTY_NAMES, "(string)", "<div id=1>", "Object", "Function", "Detached <p>", "RegExp"]
    heap = Heap()
    heap.module("m", ALL=heap.list(*(heap.object(name or "?") for name in names)))
    file = tmp_path / "x.heapsnapshot"
    graph = export_one(heap.snap(), file)
    rows = devtools(file)["summary"]
    assert len({row["name"] for row in rows}) == len(rows)
    expected = Counter(class_name(escape(name or "?")) for name in names)
    found = {row["name"]: row["count"] for row in rows}
    assert {name: found.get(name) for name in expected} == dict(expected)
    check_sizes(graph, file)

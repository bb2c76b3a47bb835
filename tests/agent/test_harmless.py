"""A capture runs no code of the target, changes nothing in it, and survives odd moments."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np

from leakhunt.store.reader import open_snapshot
from tests.agent.conftest import RunProgram
from tests.agent.snapshot_view import SnapshotView


def bytes_by_type(view: SnapshotView) -> Counter[tuple[str, int]]:
    """How many objects there are of each type and size."""
    columns = view.columns
    return Counter(
        (view.type_of(node), int(columns.node_size[node])) for node in range(columns.heap_count)
    )


def test_no_code_of_hostile_objects_runs(run_program: RunProgram, tmp_path: Path) -> None:
    answer = json.loads(run_program("hostile_program.py", tmp_path))
    assert answer["calls"] == []
    view = SnapshotView(open_snapshot(tmp_path / "heap.lkheap"))
    assert [hex(a) for a in answer["addresses"] if view.node(a) is None] == []


def test_a_capture_leaves_everything_as_it_was(run_program: RunProgram, tmp_path: Path) -> None:
    answer = json.loads(run_program("harmless_program.py", tmp_path))
    assert answer["after"] == answer["before"]
    if "LEAKHUNT_SANITIZED" not in os.environ:  # the sanitizer maps as it likes
        assert answer["maps"] == 0
    nothing, capture = answer["counts"]
    assert capture == nothing
    assert answer["modes"] == [0o600] * 3
    assert answer["files"] == ["0.lkheap", "1.lkheap", "2.lkheap"]

    views = [SnapshotView(open_snapshot(tmp_path / f"{i}.lkheap")) for i in (1, 2)]
    counts = [bytes_by_type(view) for view in views]
    assert counts[0] == counts[1], "two captures with nothing between: delta zero"
    for view in views:
        edges = view.edges(view.must(answer["plain"]))
        assert {name for kind, name, _ in edges if kind == "ATTR"} == {"first", "second", "third"}
        assert all(name != "__dict__" for _, name, _ in edges), "no dict was made"
    assert not answer["dict_of_plain"]


def test_a_chain_of_100_000(run_program: RunProgram, tmp_path: Path) -> None:
    heads = json.loads(run_program("odd_program.py", tmp_path, "chain"))
    view = SnapshotView(open_snapshot(tmp_path / "heap.lkheap"))
    none = "builtins.NoneType"
    for name, address in heads.items():
        node, length = view.must(address), 0
        while view.type_of(node) != none:
            start, end = view.offset[node], view.offset[node + 1]
            onward = [
                t for t in view.target[start:end] if view.type_of(t) in (none, view.type_of(node))
            ]
            assert len(onward) == 1, name
            node, length = onward[0], length + 1
        assert length == 100_000, name


def test_during_a_collection_in_another_thread(run_program: RunProgram, tmp_path: Path) -> None:
    answer = json.loads(run_program("odd_program.py", tmp_path, "collecting"))
    assert 0.05 < answer["seconds"] < 30
    during = SnapshotView(open_snapshot(tmp_path / "heap.lkheap"))
    after = SnapshotView(open_snapshot(tmp_path / "heap.lkheap.after"))
    assert during.columns.footer["collecting"] is True
    assert after.columns.footer["collecting"] is False
    for view in (during, after):
        assert view.type_of(view.must(answer["kept"])) == "builtins.dict"
        assert view.type_of(view.must(answer["deep"])) == "__main__.Link"


def test_while_threads_make_and_drop_objects(run_program: RunProgram, tmp_path: Path) -> None:
    run_program("odd_program.py", tmp_path, "busy")
    for i in range(20):
        columns = open_snapshot(tmp_path / f"heap.lkheap.{i}")
        assert int(np.max(columns.edge_target)) < columns.node_count
        assert columns.heap_count > 1000

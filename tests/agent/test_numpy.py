"""Arrays own what no collector is told of: views their base, object arrays their items."""

from __future__ import annotations

import json
import os
import subprocess
from collections import deque
from pathlib import Path
from typing import Any

import pytest

from leakhunt.store.reader import open_snapshot
from leakhunt.target.interpreter import Interpreter
from tests.agent.conftest import RunProgram
from tests.agent.snapshot_view import SnapshotView


def interpreter_with_numpy(python: Interpreter) -> Path | None:
    """The interpreter, or one of LEAKHUNT_NUMPY_PYTHONS of the same version that has numpy."""
    named = os.environ.get("LEAKHUNT_NUMPY_PYTHONS", "").split()
    for path in [python.path, *map(Path, named)]:
        code = "import sys, numpy; print(sys.version_info[:3])"
        done = subprocess.run(
            [str(path), "-I", "-c", code], capture_output=True, text=True, check=False
        )
        if done.returncode == 0 and done.stdout.strip() == str(python.version):
            return path
    return None


@pytest.fixture(scope="module")
def seen(
    python: Interpreter, run_program: RunProgram, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SnapshotView, dict[str, Any]]:
    interpreter = interpreter_with_numpy(python)
    if interpreter is None:
        pytest.skip(f"no numpy for CPython {python.version_text} here")
    folder = tmp_path_factory.mktemp("numpy")
    run_program("numpy_program.py", folder, interpreter=interpreter)
    expected = json.loads((folder / "expected.json").read_text())
    return SnapshotView(open_snapshot(folder / "heap.lkheap")), expected


def test_arrays_own_base_and_items(seen: tuple[SnapshotView, dict[str, Any]]) -> None:
    view, expected = seen
    wrong = {}
    for name, (address, edges) in expected["arrays"].items():
        node = view.must(address)
        found = [
            list(edge)
            for edge in view.edges(node)
            if (edge[0] == "INDEX" or edge[1] == "base")
            and view.type_of(view.must(edge[2])) != "builtins.NoneType"
        ]
        is_open = name == "broadcast"  # numpy decides what its base is
        if not is_open and sorted(found, key=str) != sorted(edges, key=str):
            wrong[name] = (found, edges)
    assert not wrong


def test_sizes_of_arrays(seen: tuple[SnapshotView, dict[str, Any]]) -> None:
    view, expected = seen
    for name, size in expected["sizes"].items():
        node = view.must(expected["arrays"][name][0])
        assert int(view.columns.node_size[node]) == size, name


def test_attributes_of_a_class_built_on_arrays(
    seen: tuple[SnapshotView, dict[str, Any]],
) -> None:
    view, expected = seen
    note = view.attributes(view.must(expected["arrays"]["subclass"][0]))["note"]
    assert view.type_of(view.must(note)) == "__main__.Thing"


def test_a_frame_reaches_its_things(seen: tuple[SnapshotView, dict[str, Any]]) -> None:
    view, expected = seen
    if not expected["pandas"]:
        pytest.skip("no pandas in the target")
    for name in ("frame", "series"):
        reached = reachable(view, view.must(expected["pandas"][name]))
        assert {view.must(address) for address in expected["things"]} <= reached, name


def reachable(view: SnapshotView, start: int) -> set[int]:
    """Nodes that a node owns, directly or not; types are not entered."""
    found, queue = {start}, deque([start])
    while queue:
        for kind, _, address in view.edges(queue.popleft()):
            node = view.must(address)
            if kind not in ("TYPE", "WEAK") and node not in found:
                found.add(node)
                if "type" not in view.type_of(node) and "module" not in view.type_of(node):
                    queue.append(node)
    return found

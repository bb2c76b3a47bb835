"""A capture by fork: the same snapshot, and a program that notices nothing of it."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from leakhunt.agent.format import NodeFlag
from leakhunt.store.columns import SnapshotColumns
from leakhunt.store.reader import open_snapshot
from leakhunt.target.interpreter import Interpreter
from tests.agent.conftest import HERE, PROGRAM_TIMEOUT_S, RunProgram
from tests.proc_view import is_alive

PROGRAM = "fork_program.py"
PRIVATE_BYTES_PER_OBJECT = 20
PRIVATE_BYTES = 3 << 20
"""Of the child, whatever the number of objects: buffers, tables, its stack."""

is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this to a process")


@pytest.mark.parametrize(
    "scenario",
    [
        "unseen", "ignored", "reaped_by_others", "forked_meanwhile", "peer", "reused",
        "closed_before", "deaf", "full", "busy", "locked", "filtered", "chosen", "untraced",
    ],
)  # fmt: skip
def test_a_program_notices_nothing(run_program: RunProgram, scenario: str, tmp_path: Path) -> None:
    assert run_program(PROGRAM, scenario, tmp_path).endswith("done\n")


@is_root
@pytest.mark.parametrize("scenario", ["too_many", "elsewhere"])
def test_where_there_can_be_no_child(
    run_program: RunProgram, scenario: str, tmp_path: Path
) -> None:
    assert run_program(PROGRAM, scenario, tmp_path).endswith("done\n")


@pytest.mark.slow
def test_a_child_has_a_deadline(run_program: RunProgram, tmp_path: Path) -> None:
    assert run_program(PROGRAM, "patient", tmp_path).endswith("done\n")


def _mine(columns: SnapshotColumns, own: set[int]) -> tuple[dict[int, int], set[int]]:
    """Node ids by address, and those that say which call is running: the call's own objects and
    what they refer to, roots and frames."""
    count = columns.heap_count
    node_by_address = dict(zip(columns.node_address[:count].tolist(), range(count), strict=True))
    skipped = set(range(count, columns.node_count))
    for address in own:
        node = node_by_address[address]
        skipped.add(node)
        first, stop = columns.edge_offset[node], columns.edge_offset[node + 1]
        skipped |= set(columns.edge_target[first:stop].tolist())
    return node_by_address, skipped


def test_the_same_objects_are_found(run_program: RunProgram, tmp_path: Path) -> None:
    output = run_program(PROGRAM, "same", tmp_path)
    own = set(map(int, output.splitlines()[0].split()))
    here = open_snapshot(tmp_path / "in-process.lkheap")
    there = open_snapshot(tmp_path / "fork.lkheap")
    assert (here.footer["mode"], there.footer["mode"]) == ("in-process", "fork")
    assert here.node_address.tolist() == there.node_address.tolist()
    _, skipped = _mine(here, own)
    keep = np.ones(here.node_count, bool)
    keep[sorted(skipped)] = False
    assert keep.sum() > 20_000
    for name in ("node_type", "node_size", "node_refcount", "node_flags"):
        left, right = getattr(here, name), getattr(there, name)
        assert left[keep].tolist() == right[keep].tolist(), name
    degree = here.edge_offset[1:].astype(np.int64) - here.edge_offset[:-1].astype(np.int64)
    source = np.repeat(np.arange(here.node_count), degree)
    assert (
        here.edge_offset[: here.heap_count].tolist()
        == there.edge_offset[: there.heap_count].tolist()
    )
    edges = np.flatnonzero(keep[source])
    for name in ("edge_target", "edge_kind"):
        left, right = getattr(here, name), getattr(there, name)
        assert left[edges].tolist() == right[edges].tolist(), name
    for name in ("fact_node", "fact_id", "fact_value"):
        assert getattr(here, name).tolist() == getattr(there, name).tolist(), name
    assert not (there.node_flags & NodeFlag.BORN).any()


@is_root
def test_the_child_copies_nothing(run_program: RunProgram) -> None:
    private, objects = map(int, run_program(PROGRAM, "private").split()[:2])
    assert 0 < private < PRIVATE_BYTES + PRIVATE_BYTES_PER_OBJECT * objects


def test_the_child_dies_with_its_parent(python: Interpreter, agent: Path) -> None:
    command = [str(python.path), "-I", str(HERE / PROGRAM), str(agent), "orphan"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        child = int(program.stdout.readline())
        assert Path(f"/proc/{child}/comm").read_text().strip() == "leakhunt"
        program.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + PROGRAM_TIMEOUT_S
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


@is_root
@pytest.mark.parametrize(
    ("files", "own_room"),
    [
        ({"memory.max": "30000000", "memory.current": "20000000"}, False),
        ({"memory.max": "max", "memory.high": "30000000", "memory.current": "20000000"}, False),
        ({"memory.max": "9000000000", "memory.current": "20000000"}, True),
        (
            {
                "memory.max": "9000000000",
                "memory.current": "8999000000",
                "memory.stat": "anon 5\ninactive_file 8900000000\n",
            },
            True,
        ),
        ({"memory.max": "100000000", "memory.current": "10", "memory.oom.group": "1"}, True),
    ],
)
def test_the_memory_limit_is_respected(
    python: Interpreter, agent: Path, tmp_path: Path, files: dict[str, str], own_room: bool
) -> None:
    """A memory control group made of plain files, in a mount namespace of its own."""
    groups, folder = tmp_path / "cgroup", tmp_path / "snapshots"
    groups.mkdir()
    folder.mkdir()
    for name, text in files.items():
        (groups / name).write_text(text + "\n")
    scenario = "untraced" if own_room else "without_room"
    script = (
        f"mount --bind {groups} /sys/fs/cgroup || exit 77; "
        f"exec {python.path} -I {HERE / PROGRAM} {agent} {scenario} {folder}"
    )
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        capture_output=True, text=True, timeout=PROGRAM_TIMEOUT_S, check=False,
    )  # fmt: skip
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("no mount namespaces here")
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("done\n")

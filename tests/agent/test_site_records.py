"""Samples in the snapshots of a live target: where they say that objects were made."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from leakhunt.agent.format import SampleFlag
from leakhunt.analysis.samples import samples_of
from leakhunt.errors import TargetError
from leakhunt.store.columns import NO_NODE, SnapshotColumns
from leakhunt.store.reader import open_snapshot
from leakhunt.target.connection import AgentConnection
from leakhunt.target.interpreter import Interpreter
from tests.agent.identity_targets import helper
from tests.agent.served import Target
from tests.agent.test_server import header

SHOP = """
class Session:
    def __init__(self, i):
        self.text = f"session {i}" * 4


def open_session(i):
    return Session(i)


def serve(n):
    return [open_session(i) for i in range(n)]


def churn(n):
    kept = []
    for i in range(n):
        len([i, i])
        kept.append([i])
    return kept
"""


@pytest.fixture
def target(python: Interpreter, agent: Path, tmp_path: Path) -> Iterator[Target]:
    (tmp_path / "shop.py").write_text(SHOP)
    with Target(python, agent) as target:
        target.run(f"sys.path.insert(0, {str(tmp_path)!r})\nimport shop, tracemalloc")
        yield target


def stack(c: SnapshotColumns, site: int) -> list[tuple[str, str, int]]:
    """(file, function, line), innermost first."""
    found = []
    while site >= 0:
        file, function = c.string(int(c.site_file[site])), c.string(int(c.site_function[site]))
        found.append((Path(file).name, function.split(".<")[0], int(c.site_line[site])))
        site = int(c.site_parent[site])
    return found


def capture(agent: AgentConnection, path: Path, mode: str = "in-process") -> SnapshotColumns:
    agent.capture(path, header(), mode=mode, mark=True)
    return open_snapshot(path)


@pytest.mark.parametrize("mode", ["in-process", "fork"])
def test_objects_lead_to_their_lines(target: Target, tmp_path: Path, mode: str) -> None:
    with AgentConnection(target.open_socket(), pid=target.pid) as agent:
        started = agent.sites_start(512)
        agent.birth_start()
        target.run("kept = shop.serve(4000)")
        first = capture(agent, tmp_path / "first.lkheap", mode)
        target.run("more = shop.serve(100)")
        second = capture(agent, tmp_path / "second.lkheap", mode)
        assert agent.birth_stop().restored
        assert agent.sites_stop().restored
        last = capture(agent, tmp_path / "last.lkheap", mode)
    assert (started.source, started.sample_bytes) == ("sampled", 512)
    places: Counter[tuple[tuple[str, str, int], ...]] = Counter()
    for node, site in zip(first.sample_node.tolist(), first.sample_site.tolist(), strict=True):
        if node != NO_NODE and first.type_string(int(first.node_type[node])) == "shop.Session":
            places[tuple(stack(first, site)[:2])] += 1
    [(where, count)] = places.items()
    assert where == (("shop.py", "open_session", 8), ("shop.py", "serve", 12))
    assert 100 < count < 1500  # about 4,000 objects of some 60 bytes, one in 512
    assert first.footer["sites"]["sample_bytes"] == 512
    if "LEAKHUNT_SANITIZED" not in os.environ:  # there objects come from malloc
        assert first.footer["memory"]["object_allocator"] == "pymalloc"  # not "hooked": by us
    assert set(first.sample_epoch.tolist()) == {0}
    assert {0, 1} == set(second.sample_epoch.tolist())
    assert last.footer["sites"] == {"source": "none"}
    assert len(last.sample_node) == len(last.site_line) == 0


def test_a_reused_block_does_not_blame_its_first_line(target: Target, tmp_path: Path) -> None:
    with AgentConnection(target.open_socket(), pid=target.pid) as agent:
        started = agent.sites_start(64)
        target.run("kept = shop.churn(3000)")
        c = capture(agent, tmp_path / "a.lkheap")
        agent.sites_stop()
    lines: Counter[int] = Counter()
    for node, site, flags in zip(
        c.sample_node.tolist(), c.sample_site.tolist(), c.sample_flags.tolist(), strict=True
    ):
        if node == NO_NODE or c.type_string(int(c.node_type[node])) != "builtins.list":
            continue
        if flags & SampleFlag.REUSED:
            assert site == -1
            lines[0] += 1
        elif stack(c, site)[0][1] == "churn":
            lines[stack(c, site)[0][2]] += 1
    [(line, count), *_] = lines.most_common()
    assert count > 1000
    assert line == (19 if started.reuse == 2 else 0)
    assert lines[18] < 5


@pytest.mark.parametrize("finds_lost", [True, False])
def test_where_tracemalloc_runs_its_traces_are_told(
    target: Target, tmp_path: Path, finds_lost: bool
) -> None:
    with AgentConnection(target.open_socket(), pid=target.pid) as agent:
        target.run("tracemalloc.start(2)\nbefore = shop.serve(50)")
        assert agent.sites_start().source == "tracemalloc"
        agent.birth_start(finds_lost=finds_lost)
        first = capture(agent, tmp_path / "first.lkheap")
        target.run("kept = shop.serve(400)")
        capture(agent, tmp_path / "window.lkheap")
        last = capture(agent, tmp_path / "last.lkheap", "fork")
        agent.birth_stop()
        assert agent.sites_stop().restored
        after = capture(agent, tmp_path / "after.lkheap")
        target.run("tracemalloc.stop()")
    assert last.footer["sites"] == {"source": "tracemalloc", "left_out": 0, "unknown_stacks": 0}
    assert last.footer["mode"] == "in-process"
    assert ("tracemalloc" in last.footer["fork_refused"]) is finds_lost
    # With an account of what is live only what came after the baseline is asked for.
    assert sessions(first) == (0 if finds_lost else 50)
    assert sessions(last) == (400 if finds_lost else 450)
    assert len(after.sample_node) == 0


def test_traces_of_many_files_keep_their_names(target: Target, tmp_path: Path) -> None:
    with AgentConnection(target.open_socket(), pid=target.pid) as agent:
        target.run("tracemalloc.start(1)")
        agent.sites_start()
        agent.birth_start(finds_lost=True)
        capture(agent, tmp_path / "first.lkheap")
        target.run(
            "kept = [eval(compile(f'bytearray({i} + 7000)', f'<file {i}>', 'eval'))"
            " for i in range(600)]"
        )
        c = capture(agent, tmp_path / "last.lkheap")
        target.run("tracemalloc.stop()")
    files = set()
    for node, site in zip(c.sample_node.tolist(), c.sample_site.tolist(), strict=True):
        if node != NO_NODE and c.type_string(int(c.node_type[node])) == "builtins.bytearray":
            [(file, _, line)] = stack(c, site)
            assert line == 1
            files.add(file)
    assert files == {f"<file {i}>" for i in range(600)}


@pytest.mark.slow
def test_traces_that_are_left_out_are_counted(target: Target, tmp_path: Path) -> None:
    with AgentConnection(target.open_socket(), pid=target.pid) as agent:
        target.run("tracemalloc.start(1)")
        agent.sites_start()
        agent.birth_start(finds_lost=True)
        capture(agent, tmp_path / "first.lkheap")
        target.run("kept = [i + 1000 for i in range(1_100_000)]")
        c = capture(agent, tmp_path / "last.lkheap")
        target.run("tracemalloc.stop()")
    assert 50_000 < c.footer["sites"]["left_out"] < 60_000
    assert (1 << 20) - 100 < len(c.sample_node) <= 1 << 20  # a few are not traced


def test_displaced_it_tells_nothing(target: Target, tmp_path: Path, python: Interpreter) -> None:
    library = helper("{}.{}".format(*python.version))
    target.run(f"import ctypes\nother = ctypes.PyDLL({str(library)!r})\nother.keep_allocators(0)")
    with AgentConnection(target.open_socket(), pid=target.pid) as agent:
        agent.sites_start(64)
        agent.birth_start(finds_lost=True)
        first = capture(agent, tmp_path / "first.lkheap")
        target.run("kept = shop.serve(400), shop.churn(3000)")
        second = capture(agent, tmp_path / "second.lkheap")
        # A tracer that was there before us ends: what it found it puts back.
        target.run("other.put_back_allocators(0)\ndel kept\ngc.collect()\nmore = shop.serve(400)")
        third = capture(agent, tmp_path / "third.lkheap")
        fourth = capture(agent, tmp_path / "fourth.lkheap", "fork")
        agent.birth_stop()
        assert agent.sites_stop().restored
    assert len(second.sample_node) > 1000
    sound = [c.footer["sites"]["is_sound"] for c in (first, second, third, fourth)]
    assert sound == [True, True, False, False]
    # At a mark the hook of births comes back; what was freed meanwhile it never knows.
    assert [c.footer["births_sound"] for c in (second, third, fourth)] == [True, False, True]
    assert [c.footer["lost_known"] for c in (second, third, fourth)] == [True, False, False]
    for c in (third, fourth):
        assert len(c.sample_node) == len(c.site_line) == 0
        assert c.footer["unreached_objects"] == c.footer["raw_blocks"] == 0
        assert samples_of(c) is None


def sessions(c: SnapshotColumns) -> int:
    """How many are traced, each to its line."""
    count = 0
    for node, site in zip(c.sample_node.tolist(), c.sample_site.tolist(), strict=True):
        if c.type_string(int(c.node_type[node])) == "shop.Session":
            assert stack(c, site) == [("shop.py", "?", 8), ("shop.py", "?", 12)]
            count += 1
    return count


def test_sampling_ends_with_the_connection(target: Target, tmp_path: Path) -> None:
    with AgentConnection(target.open_socket(), pid=target.pid) as agent:
        agent.sites_start(1024)
        with pytest.raises(TargetError, match="running already"):
            agent.sites_start(1024)
    with AgentConnection(target.open_socket(), pid=target.pid) as agent:
        assert capture(agent, tmp_path / "a.lkheap").footer["sites"] == {"source": "none"}

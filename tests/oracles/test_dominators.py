"""Dominators and retained sizes of real heaps against networkx, igraph and brute force."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import igraph
import networkx as nx
import numpy as np
import pytest

from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.tables import SKIP_WEAK
from leakhunt.store.columns import NO_NODE
from leakhunt.store.reader import open_snapshot

HERE = Path(__file__).parent
ROOT = HERE.parents[1]

pytestmark = pytest.mark.oracle


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> HeapGraph:
    """A real heap of some ten thousand objects, captured by the program itself."""
    folder = tmp_path_factory.mktemp("heap")
    subprocess.run(
        [sys.executable, str(HERE / "heap_program.py"), str(folder)],
        check=True, timeout=120, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    return HeapGraph(open_snapshot(folder / "heap.lkheap"))


def edges_below_one_root(graph: HeapGraph) -> list[tuple[int, int]]:
    """The strong edges, and one from a virtual root to every GC root."""
    strong = SKIP_WEAK[graph.columns.edge_kind] == 0
    sources, targets = graph.sources[strong], graph.columns.edge_target[strong]
    above = [(graph.node_count, int(root)) for root in graph.gc_roots]
    return [*zip(sources.tolist(), targets.tolist(), strict=True), *above]


def test_the_heap_has_what_makes_it_hard(graph: HeapGraph) -> None:
    assert graph.node_count > 30_000
    assert (graph.dominators == NO_NODE).sum() >= 50
    assert len(graph.held_roots) > 100
    assert len(np.unique(graph.component)) < graph.node_count
    assert int(graph.distance[graph.distance != NO_NODE].max()) > 3000


def test_networkx_finds_the_same_dominators(graph: HeapGraph) -> None:
    drawn = nx.DiGraph(edges_below_one_root(graph))
    root = graph.node_count
    found = nx.immediate_dominators(drawn, root)
    expected = np.full(graph.node_count, NO_NODE, np.uint32)
    for node, above in found.items():
        if node != root:
            expected[node] = above
    assert np.array_equal(graph.dominators, expected)


def test_igraph_finds_the_same_dominators(graph: HeapGraph) -> None:
    root = graph.node_count
    drawn = igraph.Graph(n=root + 1, edges=edges_below_one_root(graph), directed=True)
    # What is not reached is given as no number at all.
    found = np.nan_to_num(np.array(drawn.dominator(root, mode="out")[:root]), nan=NO_NODE)
    assert np.array_equal(graph.dominators, found.astype(np.uint32))


def test_igraph_finds_the_same_components_and_distances(graph: HeapGraph) -> None:
    root = graph.node_count
    drawn = igraph.Graph(n=root + 1, edges=edges_below_one_root(graph), directed=True)
    theirs = np.array(drawn.connected_components("strong").membership[:root])
    ours = graph.component.astype(np.int64)
    pairs = np.unique(np.stack([ours, theirs]), axis=1).shape[1]
    assert pairs == len(np.unique(ours)) == len(np.unique(theirs))
    far = np.array(drawn.distances([root], mode="out")[0][:root])
    named = np.zeros(root, np.bool_)
    named[graph.columns.heap_count :] = True
    reached = graph.distance != NO_NODE
    assert np.array_equal(np.isfinite(far), reached)
    # A named root stands for itself, what is held without one for an edge from such a root.
    assert (graph.distance[named] == 0).all()
    ours_far = graph.distance[reached & ~named].astype(np.int64)
    assert (ours_far <= far[reached & ~named]).all()
    assert (ours_far >= far[reached & ~named] - 1).all()


def test_retained_is_what_goes_without_a_node(graph: HeapGraph) -> None:
    sizes = graph.columns.node_size
    edges = edges_below_one_root(graph)
    drawn = igraph.Graph(n=graph.node_count + 1, edges=edges, directed=True)
    large = np.argsort(graph.retained_bytes)[::-1][:20].tolist()
    chosen = random.Random(1).sample(np.flatnonzero(graph.retained_bytes).tolist(), 15)
    for node in [*large, *chosen]:
        without = drawn.copy()
        without.delete_edges(without.incident(node, mode="in"))
        left = np.zeros(graph.node_count + 1, np.bool_)
        left[without.subcomponent(graph.node_count, mode="out")] = True
        gone = (graph.dominators != NO_NODE) & ~left[:-1]
        assert int(sizes[gone].sum()) == int(graph.retained_bytes[node])

"""Path groups, alignment and slopes against slow, obvious twins."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.trend.alignment import align
from leakhunt.analysis.trend.grouping import STAR, path_groups
from leakhunt.analysis.trend.slope import slope
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE
from tests.builders import Heap, Obj

TYPES = ("shop.A", "shop.B", "builtins.list", "builtins.dict")
NAMES = ("x", "y")
LINK = st.tuples(st.integers(0, 19), st.integers(0, 19), st.sampled_from("nik"), st.integers(0, 3))
Links = list[tuple[int, int, str, int]]


def draw(kinds: list[int], links: Links, pid: int = 1) -> HeapGraph:
    """Objects of given types and random links between them, below one module."""
    heap = Heap(pid=pid)
    made = [heap.object(TYPES[kind]) for kind in kinds]
    heap.module("shop", ROOT=made[0])
    for a, b, how, n in links:
        source, target = made[a % len(made)], made[b % len(made)]
        join(source, target, how, n)
    return HeapGraph(heap.snap())


def join(source: Obj, target: Obj, how: str, n: int) -> None:
    if how == "n":
        source.set(**{NAMES[n % 2]: target})
    elif how == "i":
        source.append(target)
    else:
        source.put(f"k{n}", target)


Way = tuple[tuple[str, str], ...]


def slow_ways(graph: HeapGraph) -> dict[int, Way]:
    """Path of (label, type) of each reachable node; what repeats folds into its ancestor."""
    ways: dict[int, Way] = {}
    tree = graph.tree
    order = sorted(tree.order.tolist(), key=lambda v: int(tree.distance[v]))
    for node in order:
        parent = int(tree.parent[node])
        if parent == NO_NODE:
            ways[node] = ((f"root {node - graph.columns.heap_count}", graph.type_name(node)),)
            continue
        edge = int(tree.parent_edge[node])
        if graph.is_namespace[node] and graph.edge_text_is(edge, "__dict__"):
            ways[node] = ways[parent]
            continue
        ways[node] = fold(ways[parent], (slow_label(graph, parent, edge), graph.type_name(node)))
    return ways


def fold(above: Way, step: tuple[str, str]) -> Way:
    for i in range(len(above) - 1, 0, -1):
        if above[i] == step and above[i - 1][1] == above[-1][1]:
            return above[: i + 1]
    return (*above, step)


def slow_label(graph: HeapGraph, parent: int, edge: int) -> str:
    kind = graph.kind(edge)
    if kind == EdgeKind.VALUE:
        text = graph.key(int(graph.columns.edge_name[edge]))
        if text is None:
            return "[*]"
        return f".{text}" if graph.is_namespace[parent] else f"[{text}]"
    if kind in (EdgeKind.INDEX, EdgeKind.ELEMENT):
        return "[*]"
    if kind == EdgeKind.ATTR:
        return f".{graph.edge_text(edge)}"
    return f"{kind} {graph.edge_text(edge)}" if kind == EdgeKind.FIELD else str(kind)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20), st.lists(LINK, max_size=40))
def test_groups_are_the_paths_one_walks_by_hand(kinds: list[int], links: Links) -> None:
    check(draw(kinds, links))


@given(st.integers(2, 60), st.integers(1, 5), st.integers(1, 4))
def test_chains_of_any_period_fold(length: int, names: int, types: int) -> None:
    """A chain whose edges repeat every ``names`` steps and whose types every ``types``."""
    links = [(i, i + 1, "k", i % names) for i in range(length - 1)]
    check(draw([i % types for i in range(length)], links))


def check(graph: HeapGraph) -> None:
    """The groups of a graph against the paths walked by hand."""
    groups = path_groups(graph)
    ways = slow_ways(graph)
    parts = {
        v for v in ways
        if int(graph.tree.parent[v]) != NO_NODE
        and ways[v] == ways[int(graph.tree.parent[v])]
        and graph.is_namespace[v]
    }  # fmt: skip
    group_of = groups.group_of_node
    way_by_group: dict[int, Way] = {}
    for node, way in ways.items():
        assert way_by_group.setdefault(int(group_of[node]), way) == way
    assert len(set(way_by_group.values())) == len(way_by_group) == len(groups.parent)
    count = Counter(ways[v] for v in ways if v not in parts)
    sizes: Counter[Way] = Counter()
    for v in ways:
        sizes[ways[v]] += int(graph.columns.node_size[v])
    for group, way in way_by_group.items():
        assert groups.count[group] == count[way]
        assert groups.bytes[group] == sizes[way]
        parent = int(groups.parent[group])
        assert (way_by_group[parent] if parent >= 0 else ()) == way[:-1]
        assert groups.depth[group] == len(way) - 1
    unreached = [v for v in range(graph.node_count) if v not in ways]
    assert (group_of[unreached] == -1).all()


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=12),
    st.lists(st.lists(LINK, max_size=16), min_size=2, max_size=4),
)
def test_alignment_keeps_every_sum(kinds: list[int], several: list[Links]) -> None:
    snapshots = [path_groups(draw(kinds, links, pid)) for pid, links in enumerate(several)]
    table = align(snapshots)
    rows = len(table.parent)
    assert (table.parent < np.arange(rows)).all()
    for i, one in enumerate(snapshots):
        assert int(table.objects[i].sum()) == int(one.count.sum())
        assert int(table.bytes[i].sum()) == int(one.bytes.sum())
        assert (table.is_star[table.row_of_group[i]] | (one.label != STAR)).all()
    below = table.below(table.objects)
    for row in range(rows):
        inside = [r for r in range(rows) if row in ancestors(table.parent, r)]
        assert (below[:, row] == table.objects[:, inside].sum(axis=1)).all()


def ancestors(parent: np.ndarray, row: int) -> list[int]:
    found = []
    while row >= 0:
        found.append(row)
        row = int(parent[row])
    return found


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.lists(LINK, max_size=16))
def test_a_snapshot_beside_itself_has_no_open_names(kinds: list[int], links: Links) -> None:
    one = path_groups(draw(kinds, links))
    table = align([one, one, one])
    assert len(table.parent) == len(one.parent)
    assert (table.objects[0] == table.objects[2]).all()


SERIES = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(-1000, 1000)), min_size=2, max_size=12,
    unique_by=lambda point: point[0],
)  # fmt: skip


@given(SERIES, st.integers(-50, 50), st.integers(-9, 9))
def test_a_slope_moves_with_what_is_added(
    points: list[tuple[int, int]], start: int, more: int
) -> None:
    x, y = [a for a, _ in points], [b for _, b in points]
    plain = slope(x, y)
    tilted = slope(x, [b + start + more * a for a, b in points])
    assert abs(tilted.rate - plain.rate - more) < 1e-6
    rates = sorted((d - b) / (c - a) for i, (a, b) in enumerate(points) for c, d in points[i + 1 :])
    below = sum(rate < plain.rate - 1e-9 for rate in rates)
    above = sum(rate > plain.rate + 1e-9 for rate in rates)
    assert below <= len(rates) / 2 >= above
    assert plain.r2 is None or plain.r2 <= 1

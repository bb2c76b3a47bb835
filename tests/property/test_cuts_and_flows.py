"""What-if and minimum cuts against brute force and against another engine."""

from __future__ import annotations

import math
from collections.abc import Callable

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.cuts import Cuts
from leakhunt.analysis.mincut import minimum_cut
from leakhunt.analysis.ref_cycles import find_ref_cycles, is_in_cycle
from leakhunt.analysis.resolve import Resolver
from leakhunt.analysis.retainers import edges_of_avoided, find_retainers, target_nodes
from leakhunt.analysis.whatif import CutReference, CutStudy
from leakhunt.errors import UsageError
from tests.property.random_heaps import Drawn, drawn_heaps


@settings(max_examples=600)
@given(drawn_heaps(), st.data())
def test_what_is_freed_is_what_brute_force_frees(drawn: Drawn, data: st.DataObject) -> None:
    graph = drawn.graph
    edges = [e for _, _, e in drawn.edges]
    cut = set(data.draw(st.lists(st.sampled_from(edges), max_size=4)))
    seeds = drawn.seeds
    before = drawn.reach(seeds, set())
    after = drawn.reach(seeds | (drawn.immortal & before), cut)
    chosen = np.array(sorted(cut), np.int64)
    cuts = Cuts(graph)
    for _ in range(2):  # scratch arrays are left as they were
        assert set(cuts.without(chosen).tolist()) == before - after
    without = graph.without(chosen)
    assert set(np.flatnonzero(without.reachable).tolist()) == drawn.reach(seeds | drawn.held, cut)


@settings(max_examples=600)
@given(drawn_heaps(), st.data())
def test_the_parts_of_an_answer(drawn: Drawn, data: st.DataObject) -> None:
    graph, c = drawn.graph, drawn.graph.columns
    cut = set(data.draw(st.lists(st.sampled_from([e for _, _, e in drawn.edges]), max_size=3)))
    study = CutStudy(graph)
    edges = np.array(sorted(cut), np.int64)
    cut = set(study.with_entries(edges).tolist())
    result = study.study([(CutReference("x", len(cut), ()), edges)])
    before = drawn.reach(drawn.seeds, set())
    lost = before - drawn.reach(drawn.seeds | (drawn.immortal & before), cut)
    lost = {v for v in lost if v < c.heap_count}
    assert result.freed_objects == len(lost)
    assert result.freed_bytes == sum(int(c.node_size[v]) for v in lost)
    assert sum(share.count for share in result.freed) == len(lost)
    inside = nx.DiGraph([(s, t) for s, t, _ in drawn.edges if s in lost and t in lost])
    cyclic = _cyclic(inside)
    waits = cyclic | {w for v in cyclic for w in nx.descendants(inside, v)}
    assert result.collector_objects == len(waits)


def _cyclic(graph: nx.DiGraph[int]) -> set[int]:
    several = [part for part in nx.strongly_connected_components(graph) if len(part) > 1]
    return {v for part in several for v in part} | {v for v in graph if graph.has_edge(v, v)}


def _engine(drawn: Drawn, population: set[int]) -> float:
    """Minimum cut of the contracted graph by networkx, with the capacities as documented."""
    graph, plan = drawn.graph, drawn.graph.plan
    structure = {plan.sys_modules, *(n for pair in plan.modules.values() for n in pair)}
    flow: nx.DiGraph[int | str] = nx.DiGraph()
    flow.add_nodes_from(["source", "sink"])
    for node in drawn.seeds | structure:
        if node is not None and node not in population:
            flow.add_edge("source", node)  # no capacity: infinite
    for source, target, edge in drawn.edges:
        if source in population:
            continue
        to = "sink" if target in population else target
        kind = graph.kind(edge)
        fixed = graph.is_root(source) and to != "sink" and kind != EdgeKind.LOCAL
        known = flow.get_edge_data(source, to, {"capacity": 1}).get("capacity", math.inf)
        if fixed or known == math.inf:
            flow.add_edge(source, to)
        else:
            flow.add_edge(source, to, capacity=1)
    for node in population & drawn.seeds:
        del node  # held by C code alone: no reference could free it
        return math.inf
    try:
        return float(nx.maximum_flow_value(flow, "source", "sink"))
    except nx.NetworkXUnbounded:
        return math.inf


def _first_members(drawn: Drawn, start: set[int], cut: set[int], population: set[int]) -> set[int]:
    """What is reachable without passing a member."""
    inside = {e for s, _, e in drawn.edges if s in population}
    return drawn.reach(start, cut | inside)


@settings(max_examples=600)
@given(drawn_heaps(), st.data())
def test_a_minimum_cut_frees_and_none_is_smaller(drawn: Drawn, data: st.DataObject) -> None:
    alive = drawn.reach(drawn.seeds, set())
    there = [v for v in drawn.objects if v in alive and v not in drawn.seeds]
    if not there:
        return
    population = set(data.draw(st.lists(st.sampled_from(there), min_size=1, max_size=3)))
    found = minimum_cut(drawn.graph, np.array(sorted(population), np.int64))
    assert found.why_not is None
    cut = set(found.edges.tolist())
    assert len(found.severed) == _engine(drawn, population)
    assert not population & drawn.reach(drawn.seeds, cut)
    for part in found.severed:
        assert {int(s) for s in drawn.graph.sources_of(part.edges)} == {part.source}
        rest = cut - set(part.edges.tolist())
        kept = population & drawn.reach(drawn.seeds, rest)
        assert kept
        start = {drawn.graph.target(e) for e in part.edges.tolist()}
        assert part.reaches == len(population & _first_members(drawn, start, cut, population))
        assert part.way[0] == part.source


@settings(max_examples=300)
@given(drawn_heaps())
def test_written_paths_are_found_again(drawn: Drawn) -> None:
    resolver = Resolver(drawn.graph)
    for node in drawn.objects:
        if drawn.graph.reachable[node]:
            written = str(resolver.namer.path(node))
            assert node in resolver.resolve(written).nodes, written


@settings(max_examples=300)
@given(drawn_heaps())
def test_reference_cycles_are_those_of_another_engine(drawn: Drawn) -> None:
    nodes = np.array(sorted(drawn.objects), np.int64)
    inside = set(drawn.objects)
    oracle = nx.DiGraph([(s, t) for s, t, _ in drawn.edges if s in inside and t in inside])
    oracle.add_nodes_from(inside)
    cyclic = _cyclic(oracle)
    assert set(nodes[is_in_cycle(drawn.graph, nodes)].tolist()) == cyclic
    found = find_ref_cycles(drawn.graph, nodes, most=100)
    assert sum(cycle.objects for cycle in found) == len(cyclic)
    for cycle in found:
        ring = [step.node for step in cycle.steps]
        for a, b in zip([ring[-1], *ring], ring, strict=False):
            assert oracle.has_edge(a, b)


@settings(max_examples=500)
@given(drawn_heaps(), st.data())
def test_merged_paths_count_each_object_once(drawn: Drawn, data: st.DataObject) -> None:
    graph = drawn.graph
    avoided = data.draw(st.lists(st.integers(0, graph.node_count - 1), max_size=2))
    edges, _ = graph.expand(np.array(sorted(set(avoided)), np.int64))
    cut = graph.without(edges)
    alive = drawn.reach(drawn.seeds | drawn.held, set(edges.tolist()))
    assert set(np.flatnonzero(cut.reachable).tolist()) == alive
    found = find_retainers(cut, np.array(sorted(drawn.objects), np.int64), with_independent=False)
    assert found.reachable == len(alive & set(drawn.objects))
    assert sum(one.objects for one in found.merged) == found.reachable
    assert sum(one.bytes for one in found.merged) == sum(
        int(graph.columns.node_size[v]) for v in alive & set(drawn.objects)
    )
    if not avoided:
        resolver = Resolver(graph)
        for one in found.merged:
            assert len(resolver.resolve(str(one.path)).nodes) >= one.objects


_PIECES = st.sampled_from(
    ["m0", "m1", ".N0", ".e1", "[0]", "[*]", "{*}", ".*", ".keys()[*]", "(.e1|.e2)*", "['x']",
     "thread 'MainThread', run() at app.py:3", ", local 'x0'", ", local '*'", "@0x10000",
     "<garbage>", "<native hold> shop.A", "sys.modules", ".<hidden>", ".<closure>['x']", "[(…)]",
     "atexit callbacks", "shop.A", "[-1]", "[99999999999999999999]", "(", "['", "\\", "\x00"]
)  # fmt: skip


def problem_of(ask: Callable[[], object]) -> UsageError | None:
    try:
        ask()
    except UsageError as error:
        return error
    return None


@settings(max_examples=400)
@given(drawn_heaps(), st.one_of(st.text(), st.lists(_PIECES, max_size=5).map("".join)))
def test_any_text_is_a_path_or_one_clear_error(drawn: Drawn, text: str) -> None:
    graph, resolver = drawn.graph, Resolver(drawn.graph)
    problems = [
        problem_of(lambda: resolver.resolve(text)),
        problem_of(lambda: target_nodes(graph, resolver, text)),
        problem_of(lambda: edges_of_avoided(graph, resolver, text)),
    ]
    assert all(problem is None or (str(problem) and problem.hint) for problem in problems)

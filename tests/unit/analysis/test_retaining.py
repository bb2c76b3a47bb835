"""Whether a reference keeps its target alive."""

from __future__ import annotations

import numpy as np
from hypothesis import given

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.neighbours import Direction, Neighbours
from leakhunt.analysis.retaining import retaining
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import Tier
from tests.builders import Heap
from tests.million import heap_of_links
from tests.property.random_heaps import Drawn, drawn_heaps, nodes_of


def test_every_answer_has_its_reason() -> None:
    heap = Heap()
    thing = heap.object("shop.Thing")
    thing.set(me=thing, part=heap.object("shop.Part", whole=thing))
    holder = heap.list(thing)
    watcher = heap.object("shop.Watcher").weak(thing)
    lost = heap.object("shop.Lost", thing=thing)
    heap.collectable(lost.set(me=lost))
    native = heap.object("shop.InC", thing=thing)
    native.native = 1
    heap.module("shop", L=holder, W=watcher)
    graph = HeapGraph(heap.snap())
    node, weak = nodes_of(graph, [thing, watcher])
    found = {r.type: r.retaining for r in Neighbours(graph).page(node, Direction.REFERRERS)}
    told = {name: (r.answer, r.reason) for name, r in found.items()}
    assert told == {
        "builtins.list": (True, "a root reaches it without this object"),
        "shop.Thing": (False, "it refers to itself"),
        "shop.Part": (False, "it is only reached through this object"),
        "shop.Lost": (False, "nothing reaches it: it is garbage itself"),
        "shop.InC": (None, "only references held by C code keep it: until when is not known"),
    }
    (one,) = Neighbours(graph).page(weak, Direction.REFERENTS)
    assert one.retaining.answer is False
    assert one.retaining.reason == "a weak reference never retains"


@given(drawn_heaps())
def test_brute_force(drawn: Drawn) -> None:
    """A source retains a node when it is reached without it."""
    graph = drawn.graph
    roots = set(graph.gc_roots.tolist())
    for source, target, edge in drawn.edges:
        (found,) = retaining(
            graph, target, np.array([source]), graph.columns.edge_kind[edge : edge + 1]
        )
        is_kept = source in drawn.reach(roots, set(), frozenset({target}))
        if graph.tree.tier[source] == Tier.NATIVE and is_kept:
            assert found.answer is None
        else:
            assert found.answer is is_kept


def test_too_deep_is_not_known() -> None:
    graph, last = heap_of_links(3_000_000, is_ring=True)
    head = graph.target(graph.edges(last)[0])
    (found,) = retaining(graph, head, np.array([last]), np.array([EdgeKind.ATTR], np.uint8))
    assert (found.answer, "too deep" in found.reason) == (None, True)

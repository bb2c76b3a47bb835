"""Roots, tiers, native holds and names of one snapshot."""

from __future__ import annotations

import numpy as np

from leakhunt.agent.format import Fact, NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import Tier
from tests.builders import Heap, Obj


def node_of(graph: HeapGraph, made: Obj) -> int:
    return int(
        np.searchsorted(graph.columns.node_address[: graph.columns.heap_count], made.address)
    )


def test_tiers_claim_objects_in_order() -> None:
    heap = Heap()
    both, local, c_only = heap.object(), heap.object(), heap.object()
    c_only.native = 1
    heap.frame("thread 'MainThread', f() at a.py", 1, both=both, local=local)
    heap.module("shop", BOTH=both)
    graph = HeapGraph(heap.snap())
    tier = {name: graph.tree.tier[node_of(graph, made)] for name, made in
            {"both": both, "local": local, "c": c_only}.items()}  # fmt: skip
    assert tier == {"both": Tier.MODULES, "local": Tier.THREADS, "c": Tier.NATIVE}


def test_noise_comes_after_threads_and_keeps_its_path() -> None:
    heap = Heap()
    line, shared = heap.object(), heap.object()
    cache = heap.dict({"a": line, "b": shared})
    heap.module("linecache", cache=cache)
    heap.frame("frame", 1, shared=shared)
    graph = HeapGraph(heap.snap())
    tree = graph.tree
    assert tree.tier[node_of(graph, line)] == Tier.NOISE
    assert tree.tier[node_of(graph, shared)] == Tier.THREADS
    parent = int(tree.parent[node_of(graph, cache)])
    assert parent == graph.plan.modules["linecache"][1]


def test_garbage_is_not_reachable_and_weak_edges_do_not_count() -> None:
    heap = Heap()
    a, b = heap.object("shop.A"), heap.object("shop.B")
    a.set(b=b)
    b.set(a=a)
    heap.collectable(a)
    heap.module("shop", REF=heap.object("weakref.ReferenceType").weak(a))
    graph = HeapGraph(heap.snap())
    assert not graph.reachable[[node_of(graph, a), node_of(graph, b)]].any()
    assert graph.surplus[node_of(graph, a)] == 0


def test_surplus_leaves_out_what_is_not_counted() -> None:
    heap = Heap()
    held, immortal = heap.object(), heap.object()
    held.native, immortal.native = 3, 3
    immortal.flags = NodeFlag.IMMORTAL
    graph = HeapGraph(heap.snap())
    assert graph.surplus[node_of(graph, held)] == 3
    assert graph.surplus[node_of(graph, immortal)] == 0


def test_entries() -> None:
    heap = Heap()
    full = heap.dict({"a": heap.object(), 2: heap.object()})
    empty, plain = heap.list(), heap.object()
    buffer = heap.object("builtins.bytearray").fact(Fact.LENGTH, 9)
    heap.module("shop", A=full, B=empty, C=plain, D=buffer)
    graph = HeapGraph(heap.snap())
    counts = [graph.entries(node_of(graph, made)) for made in (full, empty, plain, buffer)]
    assert counts == [2, 0, None, 9]


def test_lookups() -> None:
    heap = Heap()
    inner = heap.object("shop.Inner")
    inline = heap.object("shop.Outer", inner=inner)
    with_dict = heap.object("shop.Outer").field("__dict__", heap.dict({"inner": inner}))
    module = heap.module("shop", A=inline, B=with_dict)
    graph = HeapGraph(heap.snap())
    target = node_of(graph, inner)
    for made in (inline, with_dict):
        assert graph.attribute(node_of(graph, made), "inner") == target
        assert graph.attribute(node_of(graph, made), "outer") is None
    namespace = node_of(graph, module)
    edge = graph.value_edge(namespace, "A")
    assert edge is not None
    assert graph.target(edge) == node_of(graph, inline)
    assert graph.source(edge) == namespace
    assert graph.value_edge(namespace, "C") is None
    assert graph.is_namespace[namespace]
    assert set(graph.referrers(target).tolist()) >= {node_of(graph, inline)}
    assert graph.key(int(graph.columns.edge_name[edge])) == "A"


def test_expand_gives_the_edges_of_many_nodes() -> None:
    heap = Heap()
    a, b = heap.list(*heap.many(3)), heap.list(*heap.many(2))
    heap.module("shop", A=a, B=b)
    graph = HeapGraph(heap.snap())
    nodes = np.array([node_of(graph, b), node_of(graph, a)])
    edges, owner = graph.expand(nodes)
    assert owner.tolist() == [0, 0, 1, 1, 1]
    assert edges.tolist() == [*graph.edges(int(nodes[0])), *graph.edges(int(nodes[1]))]


def test_an_empty_heap() -> None:
    heap = Heap()
    heap.roots.clear()
    graph = HeapGraph(heap.snap())
    assert graph.node_count == 0
    assert len(graph.tree.order) == 0


def test_interpreter_noise() -> None:
    heap = Heap()
    word, cached = heap.str("once"), heap.str("name")
    interpreter = heap.root(RootKind.INTERPRETER, "interpreter")
    name = "cached_objects.interned_strings"
    interpreter.edges.append((EdgeKind.FIELD, name, heap.dict({"x": word})))
    types = heap.root(RootKind.INTERPRETER, "type attribute cache")
    types.edges.append((EdgeKind.INDEX, 0, cached))
    graph = HeapGraph(heap.snap())
    assert graph.tree.tier[node_of(graph, word)] == Tier.NOISE
    assert graph.tree.tier[node_of(graph, cached)] == Tier.NOISE


def test_state_of_a_module_is_noise_and_its_namespace_is_not() -> None:
    heap = Heap()
    cached, own = heap.object(), heap.object()
    namespace = heap.module("_struct", own=own)
    module = next(one for _, _, one in heap.sys_modules.edges if ("__dict__", namespace) in [
        (name, target) for _, name, target in one.edges
    ])  # fmt: skip
    module.link(EdgeKind.UNKNOWN, 0, heap.dict({"4s": cached}))
    graph = HeapGraph(heap.snap())
    assert graph.tree.tier[node_of(graph, cached)] == Tier.NOISE
    assert graph.tree.tier[node_of(graph, own)] == Tier.MODULES


def test_named_edges_of_many_are_those_of_few() -> None:
    for entries in (3, 1000):
        heap = Heap()
        value = heap.object()
        row = heap.dict(dict.fromkeys(range(entries), value)).field("__dict__", value)
        row.set(first=value).put("last", value).field("func", value)
        heap.module("shop", ROW=row)
        graph = HeapGraph(heap.snap())
        found = [graph.edge_text(e) for e in graph.named_edges(node_of(graph, row))]
        assert found == ["__dict__", "first", "func"]
        assert graph.named_child(node_of(graph, row), "func") == node_of(graph, value)

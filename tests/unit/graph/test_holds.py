"""Native holds as facts, with the healthy reasons."""

from __future__ import annotations

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.holds import growth_reason, holds_by_type, rule_of, unexplained
from tests.builders import Heap
from tests.property.random_heaps import nodes_of


def test_holds_by_type() -> None:
    heap = Heap()
    link, twice = heap.object("functools._lru_list_elem"), heap.object("functools._lru_list_elem")
    link.native, twice.native = 1, 2
    held = heap.many(3, "shop.Session")
    for session in held:
        session.native = 2
    heap.module("shop", X=heap.list(link, twice, *held))
    graph = HeapGraph(heap.snap())
    rest = unexplained(graph)
    assert [int(rest[v]) for v in nodes_of(graph, [link, twice, *held])] == [0, 1, 2, 2, 2]
    rows = holds_by_type(graph)
    assert [(r.type, r.objects, r.references, r.unexplained) for r in rows] == [
        ("shop.Session", 3, 6, 6),
        ("functools._lru_list_elem", 2, 3, 1),
    ]
    assert rows[0].reason is None
    assert "lru_cache" in (rows[1].reason or "")


def test_rules_of_a_module() -> None:
    assert rule_of("ast.Load") is rule_of("_ast.stmt")
    assert rule_of("astral.Thing") is None
    assert rule_of("shop.ast.Load") is None


def test_growth_that_costs_no_memory() -> None:
    heap = Heap()
    kind = heap.cls("ext.Kind")
    lonely = heap.object("builtins.type").field("__mro__", heap.tuple())
    lonely.field("__qualname__", heap.str("Lonely"))
    lonely.field("__dict__", heap.dict({"__module__": heap.str("ext")}))
    text, none = heap.str("key"), heap.object("builtins.NoneType")
    entry = heap.dict()
    heap.module("ext", Kind=kind, one=heap.object("ext.Kind"), t=text, n=none, entry=entry)
    heap.module("ext", Lonely=heap.object().link(EdgeKind.UNKNOWN, 0, lonely))
    graph = HeapGraph(heap.snap())
    nodes = nodes_of(graph, [kind, lonely, none, text, entry])
    reasons = [growth_reason(graph, v) for v in nodes]
    assert [reason is not None for reason in reasons] == [True, True, True, True, False]
    names = [graph.name_of_type_object(v) for v in nodes]
    assert names == ["ext.Kind", "ext.Lonely", None, None, None]


def test_plain_data_types_of_numpy_are_never_freed() -> None:
    heap = Heap()
    plain = heap.object("numpy.dtypes.Float64DType")
    made = heap.object("numpy.dtypes.VoidDType")
    heap.module("app", PLAIN=plain, MADE=made)
    graph = HeapGraph(heap.snap())
    by_type = {graph.type_name(node): node for node in range(graph.columns.heap_count)}
    assert growth_reason(graph, by_type["numpy.dtypes.Float64DType"]) is not None
    assert growth_reason(graph, by_type["numpy.dtypes.VoidDType"]) is None

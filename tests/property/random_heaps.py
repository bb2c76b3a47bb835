"""Random drawn heaps, and slow, obvious answers about them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.graph.heap_graph import HeapGraph
from tests.builders import Heap, Obj

Pair = tuple[int, int]


@dataclass
class Drawn:
    """A heap, its graph, and its strong edges as a list."""

    graph: HeapGraph
    objects: list[int]
    """Nodes of the program's own objects that are still there."""

    @property
    def edges(self) -> list[tuple[int, int, int]]:
        """(source, target, edge id), weak ones left out."""
        c = self.graph.columns
        return [
            (v, int(c.edge_target[e]), e)
            for v in range(self.graph.node_count)
            for e in self.graph.edges(v)
            if c.edge_kind[e] != EdgeKind.WEAK
        ]

    @property
    def seeds(self) -> set[int]:
        """Roots, and what nothing but C code holds, or nothing at all though it is immortal."""
        c = self.graph.columns
        roots = set(range(c.heap_count, c.node_count))
        reached = self.reach(roots, set())
        kept = {v for v in range(c.heap_count) if self.surplus(v)} | self.immortal
        return roots | kept - reached

    @property
    def immortal(self) -> set[int]:
        return {int(v) for v in np.flatnonzero(self.graph.columns.node_flags & NodeFlag.IMMORTAL)}

    @property
    def held(self) -> set[int]:
        """Objects that C code holds, reachable or not, and immortal ones."""
        return {v for v in self.objects if self.surplus(v)} | self.immortal

    def surplus(self, node: int) -> int:
        c = self.graph.columns
        if c.node_flags[node] & NodeFlag.IMMORTAL:
            return 0
        found = int(c.node_refcount[node])
        return found - sum(target == node for _, target, _ in self.edges)

    def reach(
        self, start: set[int], cut: set[int], removed: frozenset[int] = frozenset()
    ) -> set[int]:
        """What is reachable without the cut edge ids and the removed nodes."""
        out: dict[int, list[int]] = {}
        for source, target, edge in self.edges:
            if edge not in cut:
                out.setdefault(source, []).append(target)
        seen = {v for v in start if v not in removed}
        stack = list(seen)
        while stack:
            for target in out.get(stack.pop(), ()):
                if target not in seen and target not in removed:
                    seen.add(target)
                    stack.append(target)
        return seen


@st.composite
def drawn_heaps(draw: st.DrawFn, most: int = 9) -> Drawn:
    """Objects of three types in two modules and a frame, with any references among them."""
    heap = Heap()
    number = draw(st.integers(1, most))
    objects = [
        heap.object(f"shop.{draw(st.sampled_from('ABC'))}", size=draw(st.integers(1, 100)))
        for _ in range(number)
    ]
    which = st.integers(0, number - 1)
    for a, b, kind in draw(
        st.lists(st.tuples(which, which, st.integers(0, 4)), max_size=3 * number)
    ):
        _link(objects[a], objects[b], kind, len(objects[a].edges))
    for i, module in draw(st.lists(st.tuples(which, st.integers(0, 1)), max_size=4)):
        heap.module(f"m{module}", **{f"N{i}": objects[i]})
    names = {f"x{i}": objects[i] for i in draw(st.lists(which, max_size=2))}
    heap.frame("thread 'MainThread', run() at app.py", 3, **names)
    if draw(st.booleans()):
        root = heap.root(RootKind.INTERPRETER, "atexit callbacks")
        root.edges.append((EdgeKind.INDEX, 0, objects[draw(which)]))
    for i in draw(st.lists(which, max_size=1)):
        objects[i].native = 1
    for i in draw(st.lists(which, max_size=1)):
        objects[i].flags |= NodeFlag.IMMORTAL
    graph = HeapGraph(heap.snap())
    return Drawn(graph, nodes_of(graph, [o for o in objects if o in heap.objects]))


def _link(a: Obj, b: Obj, kind: int, number: int) -> None:
    if kind == 0:
        a.weak(b)
    elif kind == 1:
        a.append(b)
    else:
        a.set(**{f"e{number}": b})


def nodes_of(graph: HeapGraph, objects: list[Obj]) -> list[int]:
    """Node ids of drawn objects."""
    addresses = graph.columns.node_address[: graph.columns.heap_count]
    return [int(np.searchsorted(addresses, o.address)) for o in objects]

"""HeapGraph: one snapshot with its roots, its breadth-first tree and its reverse edges.

Nothing here is computed before it is asked for, and each is computed once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import Fact, NodeFlag, TypeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph import _kernels
from leakhunt.graph.lazy import lazy
from leakhunt.graph.naming import Naming
from leakhunt.graph.roots import RootPlan, Tier, plan_roots
from leakhunt.graph.tables import NO_TIER, SKIP_WEAK, skip_all_but
from leakhunt.store.columns import I64, NO_NODE, NO_STRING, U8, U32, U64, SnapshotColumns

Mask = npt.NDArray[np.bool_]

_NAMED = frozenset(int(kind) for kind in (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL))
_VALUE = int(EdgeKind.VALUE)
"""Numbers, as looking up a member of an enum takes longer than the loops it is used in."""
_NAMED_KINDS = np.array(sorted(_NAMED), np.uint8)
_MANY = 256
"""Edges of one node above which numpy is faster than a loop."""
_SKIP_NON_ITEMS = skip_all_but(EdgeKind.INDEX, EdgeKind.VALUE, EdgeKind.ELEMENT)
_CONTAINERS = frozenset(
    {
        "builtins.list",
        "builtins.dict",
        "builtins.set",
        "builtins.frozenset",
        "builtins.tuple",
        "collections.deque",
        "collections.OrderedDict",
        "collections.defaultdict",
        "functools._lru_cache_wrapper",
    }
)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """Breadth-first tree from the roots, tier by tier."""

    parent: U32
    """(node_count,) tree parent, NO_NODE for seeds and unreachable nodes."""
    parent_edge: U64
    """(node_count,) edge from the parent; meaningless without a parent."""
    distance: U32
    """(node_count,) edges from the seed."""
    tier: U8
    """(node_count,) :class:`~leakhunt.graph.roots.Tier`, NO_TIER when unreachable."""
    order: U32
    """(reachable,) nodes as they were reached."""


class HeapGraph(Naming):
    """One snapshot as a graph.  Building it costs nothing."""

    def __init__(self, columns: SnapshotColumns) -> None:
        self.columns = columns
        self._text_nodes: dict[str, U32] = {}
        self._type_name: dict[int, str] = {}
        if columns.derived:
            self._adopt({name.removeprefix("derived_"): a for name, a in columns.derived.items()})

    def _adopt(self, kept: Mapping[str, npt.NDArray[Any]]) -> None:
        """Take what was derived before as what the cached properties would have computed."""
        vars(self).update(
            reverse=(kept["reverse_offset"], kept["reverse_source"]),
            distance=kept["distance"],
            _dominance=(kept["dominator"], kept["retained"]),
            component=kept["component"],
            tree=Tree(
                kept["tree_parent"], kept["tree_parent_edge"], kept["tree_distance"],
                kept["tree_tier"], kept["tree_order"],
            ),
        )  # fmt: skip

    @property
    def node_count(self) -> int:
        """Number of nodes, roots included."""
        return self.columns.node_count

    # ---- one node ----

    def type_index(self, node: int) -> int:
        """Type index of a node.  O(1)."""
        return int(self.columns.node_type[node])

    def type_name(self, node: int) -> str:
        """``module.QualName`` of a node's type.  O(1) after the first of its type."""
        return self.name_of_type(self.type_index(node))

    def name_of_type(self, type_index: int) -> str:
        """``module.QualName`` of a type index.  O(1) after the first time."""
        name = self._type_name.get(type_index)
        if name is None:
            name = self._type_name[type_index] = self.columns.type_string(type_index)
        return name

    def name_of_type_object(self, node: int) -> str | None:
        """``module.QualName`` of a type object, None for other objects.  O(types)."""
        found = np.flatnonzero(self.columns.type_node == node)
        if len(found):
            return self.name_of_type(int(found[0]))
        if self.named_child(node, "__mro__") is None:
            return None
        # One without instances is not among the types of the snapshot.
        name, module = self.named_child(node, "__qualname__"), self.attribute(node, "__module__")
        parts = [None if part is None else self.text(part) for part in (module, name)]
        return ".".join(part for part in parts if part) or self.type_name(node)

    def edges(self, node: int) -> range:
        """Edge ids of a node.  O(1)."""
        offset = self.columns.edge_offset
        return range(int(offset[node]), int(offset[node + 1]))

    def kind(self, edge: int) -> int:
        """Edge kind.  O(1)."""
        return int(self.columns.edge_kind[edge])

    def target(self, edge: int) -> int:
        """Node an edge leads to.  O(1)."""
        return int(self.columns.edge_target[edge])

    def source(self, edge: int) -> int:
        """Node an edge comes from.  O(log n)."""
        # The edge takes the type of the column: for another one numpy would convert the column.
        return int(np.searchsorted(self.columns.edge_offset, np.uint64(edge), "right")) - 1

    def sources_of(self, edges: npt.NDArray[np.integer]) -> I64:
        """Nodes that edges come from.  O(edges x log n) vectorised."""
        offset = self.columns.edge_offset
        found: I64 = np.searchsorted(offset, np.asarray(edges, np.uint64), "right") - 1
        return found

    def edge_text(self, edge: int) -> str | None:
        """Name of an ATTR, FIELD or LOCAL edge.  O(length)."""
        name = int(self.columns.edge_name[edge])
        return None if name == NO_STRING else self.columns.string(name)

    def edge_text_is(self, edge: int, text: str) -> bool:
        """Is it an ATTR, FIELD or LOCAL edge of this name?  O(length)."""
        named = self.kind(edge) in _NAMED
        return named and self.edge_text(edge) == text

    def fact(self, node: int, fact: Fact) -> int | None:
        """One fact of a node.  O(log n)."""
        return self.columns.facts_of_node(node).get(int(fact))

    def is_root(self, node: int) -> bool:
        """Is it a named root rather than an object?  O(1)."""
        return node >= self.columns.heap_count

    def named_child(self, node: int, *names: str) -> int | None:
        """Target of the first ATTR, FIELD or LOCAL edge with one of the names.  O(degree)."""
        for edge in self.named_edges(node):
            if self.edge_text(edge) in names:
                return self.target(edge)
        return None

    def named_edges(self, node: int) -> Iterator[int]:
        """ATTR, FIELD and LOCAL edges of a node.  O(degree), vectorised where there are many."""
        span = self.edges(node)
        if len(span) > _MANY:
            kinds = self.columns.edge_kind[span.start : span.stop]
            yield from (span.start + np.flatnonzero(np.isin(kinds, _NAMED_KINDS))).tolist()
            return
        for edge in span:
            if self.kind(edge) in _NAMED:
                yield edge

    def attribute(self, node: int, *names: str) -> int | None:
        """Value of an attribute, inline or in the instance's dict.  O(degree)."""
        found = self.named_child(node, *names)
        if found is not None:
            return found
        namespace = self.named_child(node, "__dict__")
        if namespace is None:
            return None
        for name in names:
            edge = self.value_edge(namespace, name)
            if edge is not None:
                return self.target(edge)
        return None

    def value_edge(self, mapping: int, text: str) -> int | None:
        """VALUE edge of a dict under a str key.  O(degree) vectorised."""
        keys = self.nodes_with_text(text)
        lo, hi = (int(self.columns.edge_offset[mapping + i]) for i in (0, 1))
        names = self.columns.edge_name[lo:hi]
        kinds = self.columns.edge_kind[lo:hi]
        for key in keys:
            hits = np.flatnonzero((names == key) & (kinds == _VALUE))
            if len(hits):
                return lo + int(hits[0])
        return None

    def nodes_with_text(self, text: str) -> U32:
        """Str nodes with exactly this text.  O(strings) vectorised the first time."""
        found = self._text_nodes.get(text)
        if found is None:
            found = self._text_nodes[text] = self._find_text(text)
        return found

    def _find_text(self, text: str) -> U32:
        nodes = self.columns.string_node[self.string_ids(text)]
        return np.ascontiguousarray(nodes[nodes != NO_NODE], dtype=np.uint32)

    def string_ids(self, text: str) -> I64:
        """Strings with exactly this text.  O(strings) vectorised."""
        c = self.columns
        wanted = np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
        hits: I64 = np.flatnonzero(np.diff(c.string_offset) == len(wanted))
        for i, byte in enumerate(wanted):
            hits = hits[c.string_bytes[c.string_offset[hits] + np.uint64(i)] == byte]
        return hits

    def entries(self, node: int) -> int | None:
        """Number of entries of a container, None when it is none.  O(log n)."""
        if self.is_root(node):
            return None
        length = self.fact(node, Fact.LENGTH)
        if length is not None:
            return length
        count = int(self.item_count[node])
        return count if count or self.type_name(node) in _CONTAINERS else None

    # ---- the whole graph ----

    @lazy
    def plan(self) -> RootPlan:
        """Seeds of each tier.  O(modules)."""
        return plan_roots(self)

    @lazy
    def tree(self) -> Tree:
        """Breadth-first tree.  O(nodes + edges) once."""
        n = self.node_count
        tree = Tree(
            parent=np.full(n, NO_NODE, np.uint32),
            parent_edge=np.zeros(n, np.uint64),
            distance=np.zeros(n, np.uint32),
            tier=np.full(n, NO_TIER, np.uint8),
            order=np.zeros(n, np.uint32),
        )
        plan, blocked = self.plan, np.zeros(n, np.uint8)
        blocked[list(plan.noise)] = 1
        length = 0
        for tier, seeds in plan.tiers:
            length = self._explore(tree, tier, seeds, blocked, length)
        blocked[:] = 0
        length = self._seed_noise(tree, blocked, length)
        held = self._is_held_beyond(tree.tier != NO_TIER)
        seeds = np.flatnonzero(held).astype(np.uint32)
        length = self._explore(tree, Tier.NATIVE, seeds, blocked, length)
        return Tree(tree.parent, tree.parent_edge, tree.distance, tree.tier, tree.order[:length])

    def _explore(self, tree: Tree, tier: int, seeds: U32, blocked: U8, length: int) -> int:
        c = self.columns
        return _kernels.explore(
            c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, blocked,
            np.ascontiguousarray(seeds, np.uint32), int(tier), tree.parent, tree.parent_edge,
            tree.distance, tree.tier, tree.order, length,
        )  # fmt: skip

    def _seed_noise(self, tree: Tree, blocked: U8, length: int) -> int:
        seeds = list(self.plan.noise_roots)
        for node, note in self.plan.noise.items():
            if tree.tier[node] == NO_TIER and tree.tier[note.holder] != NO_TIER:
                tree.parent[node] = note.holder
                tree.parent_edge[node] = note.edge
                tree.distance[node] = tree.distance[note.holder] + 1
                seeds.append(node)
        return self._explore(tree, Tier.NOISE, np.array(seeds, np.uint32), blocked, length)

    def _is_held_beyond(self, reached: Mask) -> Mask:
        """(node_count,) immortal or with a native hold, and not among those reached."""
        # Kept only when somebody asked for it: it is 4 bytes a node.
        surplus = vars(self).get("surplus")
        held = (self._count_surplus() if surplus is None else surplus) > 0
        held |= self._is_immortal
        held &= ~reached
        return held

    @property
    def _is_immortal(self) -> Mask:
        mask: Mask = (self.columns.node_flags & NodeFlag.IMMORTAL) != 0
        return mask

    @lazy
    def reachable(self) -> Mask:
        """(node_count,) reached from a GC root: what is not is garbage.  O(nodes)."""
        mask: Mask = self.tree.tier != NO_TIER
        return mask

    @lazy
    def surplus(self) -> U32:
        """(node_count,) references counted and found on no edge; 0 where that means nothing
        (immortal objects, roots, static types).  O(edges) once."""
        return self._count_surplus()

    def _count_surplus(self) -> U32:
        c = self.columns
        surplus = np.empty(self.node_count, np.uint32)
        _kernels.surplus(
            c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, c.node_refcount, c.node_flags,
            int(NodeFlag.IMMORTAL | NodeFlag.ROOT), surplus,
        )  # fmt: skip
        surplus[c.heap_count :] = 0
        static = c.type_node[(c.type_flags & (TypeFlag.HEAP | TypeFlag.ROOT)) == 0]
        surplus[static[static != NO_NODE]] = 0
        return surplus

    @lazy
    def item_count(self) -> U32:
        """(node_count,) number of INDEX, VALUE and ELEMENT edges.  O(edges) once."""
        c = self.columns
        out = np.zeros(self.node_count, np.uint32)
        _kernels.out_count(c.edge_offset, c.edge_target, c.edge_kind, _SKIP_NON_ITEMS, out)
        return out

    @lazy
    def reverse(self) -> tuple[U64, U32]:
        """Offsets (node_count+1,) and sources of the strong edges to each node.  O(edges)."""
        c = self.columns
        back = np.zeros(self.node_count + 1, np.uint64)
        source = np.zeros(c.edge_count, np.uint32)
        used = _kernels.reverse(c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, back, source)
        return back, source[:used]

    def referrers(self, node: int) -> U32:
        """Sources of the strong edges to a node, one per edge.  O(in-degree)."""
        back, source = self.reverse
        return source[int(back[node]) : int(back[node + 1])]

    @lazy
    def held_roots(self) -> U32:
        """Objects that are roots themselves, ascending: immortal ones, which nothing frees, and
        those with a native hold (references counted and found on no edge) that no named root
        reaches.  O(edges) once, O(nodes) where the tree is there."""
        tree: Tree | None = vars(self).get("tree")
        if tree is None:
            held = self._is_held_beyond(self._distances(self._named_roots[:0]) != NO_NODE)
        else:
            held = (tree.tier == Tier.NATIVE) & (tree.parent == NO_NODE)
        held |= self._is_immortal
        return np.flatnonzero(held[: self.columns.heap_count]).astype(np.uint32)

    @lazy
    def gc_roots(self) -> U32:
        """All GC roots: :attr:`held_roots`, then every named root.  What none of them reaches
        over strong edges is garbage.  O(edges) once."""
        return np.concatenate([self.held_roots, self._named_roots])

    @property
    def _named_roots(self) -> U32:
        return np.arange(self.columns.heap_count, self.node_count, dtype=np.uint32)

    @lazy
    def distance(self) -> U32:
        """(node_count,) fewest strong edges from a GC root: 0 for a named root, at most 1 for an
        object that is a root itself, NO_NODE for garbage.  O(nodes + edges) once."""
        return self._distances(self.held_roots)

    def _distances(self, held: U32) -> U32:
        c = self.columns
        out = np.empty(self.node_count, np.uint32)
        _kernels.distances(
            c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, self._named_roots, held, out
        )
        return out

    @lazy
    def _dominance(self) -> tuple[U32, U64]:
        c = self.columns
        idom, retained = np.empty(self.node_count, np.uint32), np.empty(self.node_count, np.uint64)
        _kernels.dominators(
            c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, self.gc_roots,
            np.ascontiguousarray(c.node_size, np.uint64), idom, retained,
        )  # fmt: skip
        return idom, retained

    @property
    def dominators(self) -> U32:
        """(node_count,) immediate dominator of each node: the nearest node on every strong path
        from the GC roots.  ``node_count`` stands for all roots together (only they dominate
        it), NO_NODE for garbage, which has none.  O(nodes + edges) in practice, once."""
        return self._dominance[0]

    @property
    def retained_bytes(self) -> U64:
        """(node_count,) shallow sizes of a node and of all it dominates: what would be freed if
        it went; 0 for garbage.  Computed with :attr:`dominators`."""
        return self._dominance[1]

    @lazy
    def component(self) -> U32:
        """(node_count,) strongly connected component over strong edges, numbered from 0: an edge
        from one to another leads from the higher number to the lower.  Garbage has components
        too.  O(nodes + edges) once."""
        c = self.columns
        out = np.empty(self.node_count, np.uint32)
        _kernels.components(c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, out)
        return out

    def ancestors(self, node: int) -> U32:
        """A node, its parent in the tree, and so on up to the seed.  O(depth)."""
        out = np.empty(int(self.tree.distance[node]) + 1, np.uint32)
        return out[: _kernels.ancestors(self.tree.parent, node, out)]

    @lazy
    def subtree_count(self) -> U32:
        """(node_count,) objects in the tree below each node, itself included.  O(nodes)."""
        out = np.ones(self.node_count, np.uint32)
        _kernels.sum_up(self.tree.order, self.tree.parent, out)
        return out

    @lazy
    def sources(self) -> U32:
        """(edge_count,) node each edge comes from.  O(edges) once."""
        offset = self.columns.edge_offset.astype(np.int64)
        return np.repeat(np.arange(self.node_count, dtype=np.uint32), offset[1:] - offset[:-1])

    @lazy
    def _scratch(self) -> tuple[U8, U32]:
        """Marks, all zero between calls, and a queue for :meth:`below`."""
        return np.zeros(self.node_count, np.uint8), np.empty(self.node_count, np.uint32)

    def below(self, nodes: npt.NDArray[np.integer]) -> I64:
        """The nodes and all below them in the tree, ascending.  O(edges of these)."""
        c, tree = self.columns, self.tree
        mark, queue = self._scratch
        count = _kernels.mark_tree(
            c.edge_offset, c.edge_target, c.edge_kind, SKIP_WEAK, tree.parent, tree.parent_edge,
            np.ascontiguousarray(nodes, np.uint32), mark, queue,
        )  # fmt: skip
        mark[queue[:count]] = 0
        found: I64 = np.sort(queue[:count]).astype(np.int64)
        return found

    @lazy
    def is_namespace(self) -> Mask:
        """(node_count,) dicts that are the ``__dict__`` of something.  O(edges) once."""
        c = self.columns
        mask = np.zeros(self.node_count, np.bool_)
        named = (c.edge_kind == EdgeKind.FIELD) | (c.edge_kind == EdgeKind.ATTR)
        for string_id in self.string_ids("__dict__"):
            mask[c.edge_target[named & (c.edge_name == string_id)]] = True
        return mask

    def edges_between(self, source: int, target: int) -> I64:
        """Edge ids from one node to another, weak ones too.  O(degree) vectorised."""
        lo, hi = (int(self.columns.edge_offset[source + i]) for i in (0, 1))
        hits: I64 = lo + np.flatnonzero(self.columns.edge_target[lo:hi] == target)
        return hits

    def without(self, edges: npt.NDArray[np.integer]) -> HeapGraph:
        """The graph as it would be without some references.  O(edges); its tree is its own.

        What C code holds stays held: the surplus of references is that of the whole graph.
        """
        kinds = self.columns.edge_kind.copy()
        kinds[edges] = EdgeKind.WEAK
        cut = HeapGraph(replace(self.columns, edge_kind=kinds, derived={}))
        plan = self.plan
        noise = {n: note for n, note in plan.noise.items() if kinds[note.edge] != EdgeKind.WEAK}
        # Set ahead of the first use, which would compute them of the cut graph.
        vars(cut).update(plan=replace(plan, noise=noise), surplus=self.surplus)
        return cut

    def distinct(self, nodes: npt.NDArray[np.integer]) -> I64:
        """The nodes, each once, ascending.  O(given x log) when few, O(nodes) when many."""
        if len(nodes) < self.node_count >> 6:
            few: I64 = np.unique(nodes).astype(np.int64)
            return few
        is_there = np.zeros(self.node_count, np.bool_)
        is_there[nodes] = True
        found: I64 = np.flatnonzero(is_there).astype(np.int64)
        return found

    def expand(self, nodes: npt.NDArray[np.integer]) -> tuple[I64, I64]:
        """Edge ids of many nodes, and for each the position of its node in ``nodes``.
        O(edges of them) vectorised."""
        start = self.columns.edge_offset[nodes].astype(np.int64)
        count = self.columns.edge_offset[np.asarray(nodes) + 1].astype(np.int64) - start
        owner = np.repeat(np.arange(len(nodes), dtype=np.int64), count)
        first = np.repeat(start - (np.cumsum(count) - count), count)
        return first + np.arange(len(owner), dtype=np.int64), owner

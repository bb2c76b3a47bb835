"""The leaked population, grouped by where it hangs from what existed at the baseline.

Each newborn node belongs to its *top*: the highest newborn above it in the tree.  The top's
parent, which is old, is the *anchor*.  Tops of one anchor and one label make a group; groups
of many siblings, each with a small share, are merged.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.comparison import EPOCH_FIRST, Comparison
from leakhunt.analysis.labels import ITEM, LabelCodes
from leakhunt.analysis.recursion import structures
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import NO_NODE, U32, U64

SIBLINGS_MIN = 4
"""Fewer groups of one shape are never merged."""
SIBLING_SHARE = 0.25
"""A sibling with more of the merged population than this stays on its own."""
_NEW_NAME = 1 << 39
"""Set in the code of an attribute name that did not exist at the baseline."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Newborns under one label of one anchor (or of many siblings)."""

    anchors: Ints
    tops: Ints
    """Newborn children of the anchors; empty when entries grew without newborns."""
    is_item: bool
    """The label is an entry without lasting name (``[*]``)."""
    label: int
    count: int
    """Leaked nodes, all depths."""
    bytes: int
    """Their shallow bytes."""
    first: int
    """Those born before the window."""
    net_entries: int
    """Entries the anchors gained since the baseline."""
    net_objects: int
    """Objects the tree below gained since the baseline."""

    structure: int | None = None
    """Topmost link of the tree or trie that all anchors are parts of."""

    @property
    def is_merged(self) -> bool:
        """Does it stand for many siblings?"""
        return len(self.anchors) > 1


class Population:
    """Tops, groups and sums of one comparison."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.labels = LabelCodes()
        final = comparison.final
        self.top: U32 = np.full(final.node_count, NO_NODE, np.uint32)
        new = (comparison.is_new & final.reachable).astype(np.uint8)
        _kernels.climb(final.tree.order, final.tree.parent, new, self.top)

    def native_tops(self) -> Ints:
        """Newborns that only references held by C code keep alive.  O(nodes)."""
        tops = self._tops()
        loose: Ints = tops[self.comparison.final.tree.parent[tops] == NO_NODE]
        return loose

    def _tops(self) -> Ints:
        own = np.flatnonzero(self.top != NO_NODE)
        tops: Ints = own[self.top[own] == own].astype(np.int64)
        return tops

    def groups(self) -> list[Group]:
        """Groups that grew by at least the threshold, largest first.  O(nodes + edges)."""
        tree = self.comparison.final.tree
        tops = self._tops()
        tops = tops[tree.parent[tops] != NO_NODE]
        table = _Table(self, tops)
        return sorted(table.survivors(), key=lambda g: (-g.bytes, -g.count, int(g.anchors[0])))


class _Table:
    """Columns over all groups; made once, read once."""

    def __init__(self, population: Population, tops: Ints) -> None:
        self.population, self.comparison = population, population.comparison
        tree = self.comparison.final.tree
        anchors = tree.parent[tops].astype(np.int64)
        codes, known = self._label(tops, anchors)
        order = np.lexsort((codes, anchors))
        self.tops = tops[order]
        anchors, codes, known = anchors[order], codes[order], known[order]
        starts = np.ones(len(order), np.bool_)
        starts[1:] = (anchors[1:] != anchors[:-1]) | (codes[1:] != codes[:-1])
        self.start = np.flatnonzero(starts)
        self.end = np.append(self.start[1:], len(order))
        self.anchor, self.code, self.child_b = (x[self.start] for x in (anchors, codes, known))
        self._sum(np.cumsum(starts) - 1)
        self._net()

    def _label(self, tops: Ints, anchors: Ints) -> tuple[Ints, Ints]:
        """Codes of the edges to the tops, and what the same label led to in the baseline."""
        c = self.comparison
        edges = c.final.tree.parent_edge[tops].astype(np.int64)
        codes = self.population.labels.of(c.final, edges, c.to_baseline)
        known = self._in_baseline(anchors, codes)
        kind = c.final.columns.edge_kind[edges]
        values = kind == EdgeKind.VALUE
        new_entry = values & (known < 0)
        codes[new_entry] = ITEM
        named = new_entry & c.final.is_namespace[anchors]
        keys = c.final.columns.edge_name[edges].astype(np.int64)
        codes[named] = (EdgeKind.VALUE << 40) | _NEW_NAME | keys[named]
        attributes = (kind == EdgeKind.ATTR) & (known < 0)
        codes[attributes] |= _NEW_NAME
        return self._fold_many_names(anchors, codes), known

    def _fold_many_names(self, anchors: Ints, codes: Ints) -> Ints:
        """One object that gained many names is a collection under another name."""
        fresh = (codes & _NEW_NAME) != 0
        ids, where, count = np.unique(anchors[fresh], return_inverse=True, return_counts=True)
        if len(ids):
            many = np.zeros(len(codes), np.bool_)
            many[fresh] = count[where] >= max(SIBLINGS_MIN, self.comparison.thresholds)
            codes = np.where(many, ITEM, codes)
        return codes

    def _in_baseline(self, anchors: Ints, codes: Ints) -> Ints:
        """Child under the same anchor and label in the baseline, -1 when there was none."""
        c = self.comparison
        there = c.to_baseline[anchors].astype(np.int64)
        wanted = np.unique(there[there >= 0])
        result = np.full(len(anchors), -1, np.int64)
        if not len(wanted):
            return result
        edges, owner = c.baseline.expand(wanted)
        labels = self.population.labels.of(c.baseline, edges, None)
        key = _pair(wanted[owner], labels)
        order = np.argsort(key, kind="stable")
        asked = _pair(there, codes)
        if len(order):
            at = np.minimum(np.searchsorted(key[order], asked), len(order) - 1)
            hit = (key[order][at] == asked) & (there >= 0) & (codes != ITEM)
            found = c.baseline.columns.edge_target[edges[order[at]]].astype(np.int64)
            result = np.where(hit, found, -1)
        return result

    def _sum(self, group_of_row: Ints) -> None:
        c, top = self.comparison, self.population.top
        group_of = np.full(c.final.node_count, -1, np.int64)
        group_of[self.tops] = group_of_row
        nodes = np.flatnonzero(c.is_leaked)
        gid = group_of[top[nodes]]
        nodes, gid = nodes[gid >= 0], gid[gid >= 0]
        n = len(self.start)
        size = c.final.columns.node_size[nodes].astype(np.float64)
        self.count = np.bincount(gid, minlength=n)
        self.bytes = np.bincount(gid, size, minlength=n).astype(np.int64)
        self.first = np.bincount(gid[c.epoch[nodes] == EPOCH_FIRST], minlength=n)

    def _net(self) -> None:
        c = self.comparison
        final, baseline = c.final, c.baseline
        there = c.to_baseline[self.anchor].astype(np.int64)
        old = np.maximum(there, 0)
        items_b = np.where(there >= 0, baseline.item_count[old].astype(np.int64), 0)
        self.entries = final.item_count[self.anchor].astype(np.int64) - items_b
        below = np.where(there >= 0, baseline.subtree_count[old], 0)
        whole = final.subtree_count[self.anchor].astype(np.int64) - below
        child = np.where(self.child_b >= 0, baseline.subtree_count[np.maximum(self.child_b, 0)], 0)
        sizes = final.subtree_count[self.tops].astype(np.int64)
        own = np.add.reduceat(sizes, self.start) if len(self.start) else sizes
        self.is_item = (self.code & ((1 << 40) - 1)) == 0
        hidden = self.is_item & (self.code != ITEM)
        self.entries = np.where(hidden, self._degree_growth(there), self.entries)
        self._net_of_replaced()
        self.objects = np.where(self.is_item, whole, own - child)

    def _degree_growth(self, there: Ints) -> Ints:
        """Edges gained, for anchors whose edges nobody names."""
        before = np.where(there >= 0, _degrees(self.comparison.baseline, np.maximum(there, 0)), 0)
        after = _degrees(self.comparison.final, self.anchor)
        return after - before

    def _net_of_replaced(self) -> None:
        """Entries and bytes by which the child of a lasting label outgrew its predecessor."""
        final, baseline = self.comparison.final, self.comparison.baseline
        child, before = self.tops[self.start], np.maximum(self.child_b, 0)
        items = final.item_count[child].astype(np.int64) - baseline.item_count[before]
        sizes = final.columns.node_size[child].astype(np.int64)
        grown = sizes - baseline.columns.node_size[before].astype(np.int64)
        replaced = ~self.is_item & (self.child_b >= 0)
        appeared = ~self.is_item & (self.child_b < 0)
        self.entries = np.where(self.is_item, self.entries, np.where(replaced, items, 0))
        self.grown_bytes = np.where(replaced, grown, np.where(appeared, sizes, 0))

    def survivors(self) -> list[Group]:
        """Groups and merged groups above the threshold."""
        least = self.comparison.thresholds
        chosen = np.zeros(len(self.start), np.bool_)
        found = []
        for root, rows in self._structures():
            chosen[rows] = True
            found.append(replace(self._merge(rows), structure=root))
        merged = self._siblings(chosen)
        for rows in merged:
            chosen[rows] = True
            found.append(self._merge(rows))
        # A newborn under a name counts by what it outgrew, not by its being new.
        single = ~chosen & ((self.count >= least) | ~self.is_item)
        single &= (
            (self.entries >= least)
            | (self.objects >= least)
            | (self.grown_bytes >= max(64, self.comparison.cycles or 0))
        )
        found += [self._merge(np.array([row])) for row in np.flatnonzero(single)]
        return [group for group in found if not group.is_merged or self._grew(group, least)]

    @staticmethod
    def _grew(group: Group, least: int) -> bool:
        return group.count >= least and max(group.net_entries, group.net_objects) >= least

    def _merge(self, rows: Ints) -> Group:
        tops = np.concatenate([self.tops[self.start[r] : self.end[r]] for r in rows.tolist()])
        return Group(
            anchors=self.anchor[rows],
            tops=tops,
            is_item=bool(self.is_item[rows[0]]),
            label=int(self.code[rows[0]]),
            count=int(self.count[rows].sum()),
            bytes=int(self.bytes[rows].sum()),
            first=int(self.first[rows].sum()),
            net_entries=int(self.entries[rows].sum()),
            net_objects=int(self.objects[rows].sum()),
        )

    def _structures(self) -> list[tuple[int, Ints]]:
        """Rows of groups that hang, a few objects each, all over one recursive structure."""
        few = (self.end - self.start) < self.comparison.thresholds
        rows = np.flatnonzero(few & (self.anchor < self.comparison.final.columns.heap_count))
        if len(rows) < 2:
            return []
        heads = self.tops[self.start[rows]]
        root = structures(self.comparison.final, self.anchor[rows], heads).root
        rows, root = rows[root >= 0], root[root >= 0]
        order = np.argsort(root, kind="stable")
        cuts = np.flatnonzero(np.diff(root[order])) + 1
        parts = [part for part in np.split(order, cuts) if len(part) > 1]
        return [(int(root[part[0]]), rows[part]) for part in parts]

    def _siblings(self, taken: npt.NDArray[np.bool_]) -> list[Ints]:
        """Rows of groups whose anchors differ only in an index or key."""
        if len(self.start) < SIBLINGS_MIN:
            return []
        shape = self._shapes()
        label = np.where(self.is_item, 0, self.code)
        key = _pair(shape[self.anchor].view(np.int64), label)
        ids, where, size = np.unique(key, return_inverse=True, return_counts=True)
        total = np.bincount(where, self.count, minlength=len(ids))
        small = self.count <= SIBLING_SHARE * total[where]
        small &= (size[where] >= SIBLINGS_MIN) & ~taken
        rows = np.flatnonzero(small)
        rows = rows[np.argsort(where[rows], kind="stable")]
        cuts = np.flatnonzero(np.diff(where[rows])) + 1
        return [part for part in np.split(rows, cuts) if len(part) >= SIBLINGS_MIN]

    def _shapes(self) -> U64:
        """(node_count,) hash of the path from the root with indexes and keys left out; right for
        the anchors and what is above them."""
        final = self.comparison.final
        c, tree = final.columns, final.tree
        way = np.zeros(final.node_count, np.uint8)  # the anchors and all above them
        way[self.anchor] = 1
        _kernels.mark_above(tree.order, tree.parent, way)
        nodes = np.flatnonzero(way)
        contribution = np.zeros(final.node_count, np.uint64)
        contribution[nodes] = c.node_type[nodes].astype(np.uint64) + np.uint64(1)
        linked = nodes[tree.parent[nodes] != NO_NODE]
        edges = tree.parent_edge[linked]
        kind = c.edge_kind[edges].astype(np.uint64)
        name = c.edge_name[edges].astype(np.uint64)
        lasting = np.isin(kind, [EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL])
        lasting |= (kind == EdgeKind.VALUE) & final.is_namespace[tree.parent[linked]]
        contribution[linked] ^= (kind << np.uint64(56)) | np.where(
            lasting, (name + np.uint64(1)) << np.uint64(20), 0
        ).astype(np.uint64)
        for i in range(len(c.root_kind)):  # threads and frames differ in numbers only
            label = re.sub(r"\d+", "*", c.string(int(c.root_label[i])))
            contribution[c.heap_count + i] = zlib.crc32(label.encode("utf-8", "surrogatepass"))
        out = np.zeros(final.node_count, np.uint64)
        order = tree.order[way[tree.order] != 0]
        _kernels.fold_down(order, tree.parent, contribution, out)
        return out


def _degrees(graph: HeapGraph, nodes: Ints) -> Ints:
    """Edges of each node."""
    offset = graph.columns.edge_offset
    degrees: Ints = (offset[nodes + 1] - offset[nodes]).astype(np.int64)
    return degrees


def _pair(a: Ints, b: Ints) -> U64:
    """One 64-bit key of two numbers."""
    mixed: U64 = a.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    return mixed * np.uint64(0xBF58476D1CE4E5B9) + b.astype(np.uint64)

"""One snapshot with all objects of one path merged: what grows, without object ids.

A *path group* is every object that the shortest-path tree reaches over the same names and
types: one group stands for the thousand sessions of a list.  Groups of different snapshots, or
of different processes, are compared by the names and types on their paths alone.  The idea is
that of LeakCanary's ``ObjectGrowthDetector`` (Shark, 2024), whose tree nodes are grouped by
edge name and type; two things are our own: entries keep their key while every snapshot has it
(``alignment.py``), and recursive structures of any period fold into their head.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.analysis.trend.texts import mix, string_hashes
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import I64, NO_NODE, U64

KEYS_MAX = 1000
"""A mapping with more keys is a collection: none of its keys names anything lasting."""
LEVELS_MAX = 256
"""Objects deeper than this belong to the group above them at this depth."""

STAR, STAR_KEY, NATIVE = (np.uint64(i) for i in (1, 2, 3))
"""Labels of: an entry without a lasting name, a key, an object held by C code alone."""

_NAME, _KEYED, _OTHER = (np.uint64(i << 32) for i in (1, 2, 3))
_NAMED = (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL)


@dataclass(frozen=True, slots=True, eq=False)
class PathGroups:
    """The groups of one snapshot; a parent stands before its children."""

    parent: I64
    """(groups,) the group above; -1 for roots and for what C code holds."""
    depth: I64
    """(groups,) groups above."""
    label: U64
    """(groups,) hash of the edge from the parent: its name, or STAR."""
    is_open: npt.NDArray[np.bool_]
    """(groups,) the label is a key or an attribute, which may come and go."""
    type: U64
    """(groups,) hash of the type's name."""
    count: I64
    """(groups,) objects; an instance's ``__dict__`` is part of the instance."""
    entries: I64
    """(groups,) entries of these objects together."""
    bytes: I64
    """(groups,) shallow bytes, those of the ``__dict__`` included."""
    first: I64
    """(groups,) node id of one of the objects nearest to the root."""
    group_of_node: I64
    """(node_count,) group of each node; -1 for unreachable ones."""
    type_name_by_hash: dict[int, str]
    """Names of the types in ``type``."""


def path_groups(graph: HeapGraph) -> PathGroups:
    """Groups of a snapshot.  O(nodes + strings log nodes), level by level."""
    builder = _Builder(graph)
    builder.run()
    return builder.result()


class _Builder:
    """Goes down the tree one distance at a time."""

    def __init__(self, graph: HeapGraph) -> None:
        self.graph = graph
        c, tree = graph.columns, graph.tree
        self.parent = tree.parent.astype(np.int64)
        self.parent[tree.parent == NO_NODE] = -1
        self.texts = string_hashes(c)
        types = self.texts[c.type_name] if c.type_count else np.zeros(0, np.uint64)
        self.node_type = types[c.node_type]
        self.label, self.is_key, self.is_open = self._labels()
        self.group = np.full(graph.node_count, -1, np.int64)
        self.is_part = np.zeros(graph.node_count, np.bool_)
        self.rows: list[tuple[U64, npt.NDArray[np.bool_], I64]] = []
        self.size = 0
        self.group_by_key: dict[int, int] = {}
        self.up = np.zeros(0, np.int64)
        self.depth = np.zeros(0, np.int64)
        self.way = np.zeros(0, np.uint64)
        self.type = np.zeros(0, np.uint64)

    # ---- labels ----

    def _labels(self) -> tuple[U64, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """(node_count,) label of the edge to each node, whether it is the key of a mapping,
        and whether it may come and go."""
        c, tree, n = self.graph.columns, self.graph.tree, self.graph.node_count
        label = np.full(n, NATIVE, np.uint64)
        is_key, is_open = np.zeros(n, np.bool_), np.zeros(n, np.bool_)
        linked = np.flatnonzero(self.parent >= 0)
        edge = tree.parent_edge[linked]
        kind = c.edge_kind[edge]
        label[linked] = _OTHER | kind.astype(np.uint64)
        for kinds, value in (
            ((EdgeKind.INDEX, EdgeKind.ELEMENT), STAR),
            ((EdgeKind.KEY,), STAR_KEY),
        ):
            label[linked[np.isin(kind, kinds)]] = value
        named = linked[np.isin(kind, _NAMED)]
        label[named], is_open[named] = self._name_labels(named)
        valued = linked[kind == EdgeKind.VALUE]
        label[valued], is_key[valued], is_open[valued] = self._value_labels(valued)
        for i, root in enumerate(c.root_kind.tolist()):
            label[c.heap_count + i] = self._root_label(i, root)
        return label, is_key, is_open

    def _name_labels(self, nodes: I64) -> tuple[U64, npt.NDArray[np.bool_]]:
        """Labels of nodes that hang by a name, and whether it is an attribute's."""
        c = self.graph.columns
        edge = self.graph.tree.parent_edge[nodes]
        kind, name = c.edge_kind[edge], c.edge_name[edge]
        is_attribute = kind == EdgeKind.ATTR
        salt = np.where(is_attribute, _NAME, _OTHER | kind.astype(np.uint64))
        known = name < len(self.texts)
        text = np.zeros(len(nodes), np.uint64)
        text[known] = self.texts[name[known]]
        return mix(text, salt), is_attribute

    def _value_labels(self, nodes: I64) -> tuple[U64, npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Labels of values of mappings: by the text of the key where it is known, in a
        namespace like those of attributes; whether it is a key; whether it is known."""
        key = self.graph.columns.edge_name[self.graph.tree.parent_edge[nodes]]
        text, is_known = self._key_hashes(key)
        is_name = self.graph.is_namespace[self.parent[nodes]]
        label = np.where(is_known, mix(text, np.where(is_name, _NAME, _KEYED)), STAR)
        return label, is_known & ~is_name, is_known

    def _key_hashes(self, key: npt.NDArray[np.uint32]) -> tuple[U64, npt.NDArray[np.bool_]]:
        """Hash of the text or number of key nodes, and whether it is known."""
        c = self.graph.columns
        texts = c.string_node[: int(np.count_nonzero(c.string_node != NO_NODE))]
        hashes = np.zeros(len(key), np.uint64)
        known = np.zeros(len(key), np.bool_)
        numbers = mix(c.int_value.astype(np.uint64), np.full(len(c.int_value), 7, np.uint64))
        for nodes, value in ((texts, self.texts), (c.int_node, numbers)):
            if len(nodes):
                at = np.minimum(np.searchsorted(nodes, key), len(nodes) - 1)
                hit = nodes[at] == key
                hashes[hit] = value[at[hit]]
                known |= hit
        return hashes, known

    def _root_label(self, index: int, kind: int) -> int:
        """Threads and frames are told apart by name, not by number or line."""
        c = self.graph.columns
        text = c.string(int(c.root_label[index]))
        if kind in (RootKind.THREAD, RootKind.FRAME):
            text = re.sub(r"\d+", "*", text)
        value = 0
        for byte in reversed(text.encode("utf-8", "surrogatepass")):
            value = (value * 0x100000001B3 + byte + 1) & 0xFFFF_FFFF_FFFF_FFFF
        return (value << 3 ^ kind) & 0xFFFF_FFFF_FFFF_FFFF | 1 << 63

    # ---- groups ----

    def run(self) -> None:
        """Every level, then what is deeper than the last."""
        graph = self.graph
        order = np.asarray(graph.tree.order, dtype=np.int64)
        distance = graph.tree.distance[order]
        ranked = np.argsort(distance, kind="stable")
        order, distance = order[ranked], distance[ranked]
        stops = np.searchsorted(distance, np.arange(LEVELS_MAX + 1), "left")
        for start, stop in zip(stops[:-1].tolist(), stops[1:].tolist(), strict=True):
            if start < stop:
                self._level(order[start:stop])
        self._deeper(order[int(stops[-1]) :])

    def _level(self, nodes: I64) -> None:
        above = np.where(self.parent[nodes] >= 0, self.group[self.parent[nodes]], -1)
        is_part = self._is_namespace_of_parent(nodes)
        self.is_part[nodes] = is_part
        self.group[nodes[is_part]] = above[is_part]
        nodes, above = nodes[~is_part], above[~is_part]
        if not len(nodes):
            return
        first, where = self._distinct(nodes, above)
        if self._open_large_mappings(nodes, above, first):
            first, where = self._distinct(nodes, above)
        self.group[nodes] = self._add(nodes[first], above[first])[where]

    def _is_namespace_of_parent(self, nodes: I64) -> npt.NDArray[np.bool_]:
        """Dicts that hold the attributes of the object above them."""
        c = self.graph.columns
        mask = self.graph.is_namespace[nodes] & (self.parent[nodes] >= 0)
        kind = c.edge_kind[self.graph.tree.parent_edge[nodes[mask]]]
        mask[mask] = (kind == EdgeKind.FIELD) | (kind == EdgeKind.ATTR)
        return mask

    def _distinct(self, nodes: I64, above: I64) -> tuple[I64, I64]:
        """First position of each group among the nodes, and the group of each."""
        key = mix(mix(above.astype(np.uint64), self.label[nodes]), self.node_type[nodes])
        first, where = np.empty(len(key), np.int64), np.empty(len(key), np.int64)
        count = _kernels.distinct(key, secrets.randbits(64), first, where)
        return first[:count], where

    def _open_large_mappings(self, nodes: I64, above: I64, first: I64) -> bool:
        """Leave the keys of large mappings open; True when there was one."""
        keyed = first[self.is_key[nodes[first]]]
        count = np.bincount(above[keyed] + 1, minlength=1)
        large = np.flatnonzero(count > KEYS_MAX) - 1
        if not len(large):
            return False
        chosen = nodes[self.is_key[nodes] & np.isin(above, large)]
        self.label[chosen], self.is_key[chosen], self.is_open[chosen] = STAR, False, False
        return True

    def _add(self, heads: I64, above: I64) -> I64:
        """Groups of these heads: new ones, or the ancestor that they repeat."""
        label, types = self.label[heads], self.node_type[heads]
        has_above = above >= 0
        type_above, depth = np.zeros(len(heads), np.uint64), np.zeros(len(heads), np.int64)
        type_above[has_above] = self.type[above[has_above]]
        depth[has_above] = self.depth[above[has_above]] + 1
        way = mix(mix(label, types), type_above)
        group = self._repeated(above, way)
        key = mix(mix(above.astype(np.uint64), label), types)
        self._find_older(group, key)
        fresh = group < 0
        number = int(fresh.sum())
        group[fresh] = self.size + np.arange(number)
        self.group_by_key.update(zip(key[fresh].tolist(), group[fresh].tolist(), strict=True))
        self.rows.append((label[fresh], self.is_open[heads[fresh]], heads[fresh]))
        self.up = np.concatenate([self.up, above[fresh]])
        self.depth = np.concatenate([self.depth, depth[fresh]])
        self.way = np.concatenate([self.way, way[fresh]])
        self.type = np.concatenate([self.type, types[fresh]])
        self.size += number
        return group

    def _find_older(self, group: I64, key: U64) -> None:
        """Fill in groups that an earlier level made: below what repeats, and where one instance
        keeps in a ``__dict__`` what another has inline."""
        rows = np.flatnonzero(group < 0)
        known = self.group_by_key
        group[rows] = [known.get(one, -1) for one in key[rows].tolist()]

    def _repeated(self, above: I64, way: U64) -> I64:
        """The ancestor that was reached by the same label, type and type above; -1 without.

        Linked lists, trees and nested containers fold into the group where they begin.
        """
        found = np.full(len(above), -1, np.int64)
        at = above.copy()
        rows = np.flatnonzero(at >= 0)
        while len(rows):
            hit = self.way[at[rows]] == way[rows]
            found[rows[hit]] = at[rows[hit]]
            rows = rows[~hit]
            at[rows] = self.up[at[rows]]
            rows = rows[at[rows] >= 0]
        return found

    def _deeper(self, nodes: I64) -> None:
        """What lies below the last level belongs to its ancestor there: pointer jumping."""
        if not len(nodes):
            return
        jump = np.arange(self.graph.node_count, dtype=np.int64)
        jump[nodes] = self.parent[nodes]
        while (self.group[jump[nodes]] < 0).any():
            jump[nodes] = jump[jump[nodes]]
        self.group[nodes] = self.group[jump[nodes]]

    def result(self) -> PathGroups:
        """Sums over the nodes of each group."""
        c = self.graph.columns
        reached = np.flatnonzero(self.group >= 0)
        whole = reached[~self.is_part[reached]]
        sizes = c.node_size[reached].astype(np.float64)  # exact to 2**53 bytes a group
        entries = self._entries()[whole].astype(np.float64)
        none = (np.zeros(0, np.uint64), np.zeros(0, np.bool_), np.zeros(0, np.int64))
        label, is_open, first = (
            np.concatenate(rows) for rows in zip(none, *self.rows, strict=True)
        )
        n = self.size
        return PathGroups(
            parent=self.up,
            depth=self.depth,
            label=label,
            is_open=is_open,
            type=self.type,
            count=np.bincount(self.group[whole], minlength=n).astype(np.int64),
            entries=np.bincount(self.group[whole], entries, minlength=n).astype(np.int64),
            bytes=np.bincount(self.group[reached], sizes, minlength=n).astype(np.int64),
            first=first,
            group_of_node=self.group,
            type_name_by_hash=self._type_names(),
        )

    def _type_names(self) -> dict[int, str]:
        hashes = self.texts[self.graph.columns.type_name].tolist()
        return {one: self.graph.name_of_type(i) for i, one in enumerate(hashes)}

    def _entries(self) -> I64:
        """(node_count,) entries of each object: edges to entries, or the LENGTH it states."""
        c = self.graph.columns
        entries = self.graph.item_count.astype(np.int64)
        chosen = c.fact_id == Fact.LENGTH
        entries[c.fact_node[chosen]] = np.maximum(
            entries[c.fact_node[chosen]], c.fact_value[chosen]
        )
        return entries

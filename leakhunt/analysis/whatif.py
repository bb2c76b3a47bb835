"""What would be freed if some references went, and what would stay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import NodeFlag
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.cuts import Cuts
from leakhunt.analysis.mincut import Severed
from leakhunt.analysis.paths import PathNamer, opened
from leakhunt.analysis.ref_cycles import is_in_cycle
from leakhunt.analysis.resolve import Resolved
from leakhunt.analysis.shares import TypeShare, shares_of
from leakhunt.analysis.views import opaque_types, outer_bytes
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.holds import unexplained
from leakhunt.graph.subgraph import Subgraph, subgraph
from leakhunt.store.columns import NO_NODE

Ints = npt.NDArray[np.int64]

_KEEPERS = 8
"""Other holders that are named."""
_TYPES = 3
"""Types that are named of what a reference leads to."""
_SAMPLED = 2000
"""Objects that stay, looked at for who keeps them."""


@dataclass(frozen=True, slots=True)
class CutReference:
    """References removed together, written as one path."""

    path: str
    references: int
    types: tuple[str, ...]
    """Types of what they lead to, commonest first."""
    reaches: int | None = None
    """Members of a population that it keeps; None when it was not asked for one."""


@dataclass(frozen=True, slots=True)
class Keeper:
    """What still holds some of the objects that were cut off."""

    path: str
    type: str
    objects: int


@dataclass(frozen=True, slots=True)
class WhatIf:
    """Consequences of removing references."""

    cuts: tuple[CutReference, ...]
    freed_bytes: int
    """Shallow bytes of all that would be unreachable, immortal objects left out."""
    freed_objects: int
    freed: tuple[TypeShare, ...]
    """By type, largest first."""
    collector_objects: int
    """Of the freed, those in reference cycles or held by one: only the collector frees them."""
    collector_bytes: int
    native_objects: int
    """Of the freed, those C code may hold too: references counted on no edge."""
    native_bytes: int
    """What would stay with them if it does."""
    native_types: tuple[str, ...]
    stays_objects: int
    """Of what the references lead to, objects that something else keeps."""
    keepers: tuple[Keeper, ...]
    outer_bytes: int
    """What the freed own outside the objects besides, where that is known; in no size."""
    opaque_types: tuple[str, ...]
    """Types among the freed that may own memory no snapshot can see."""


class CutStudy:
    """What-if questions about one graph."""

    def __init__(self, graph: HeapGraph, namer: PathNamer | None = None) -> None:
        self.graph = graph
        self.namer = namer or PathNamer(graph)

    @cached_property
    def cuts(self) -> Cuts:
        """Answers what is freed.  O(nodes) once."""
        return Cuts(self.graph)

    def study(self, cuts: Iterable[tuple[CutReference, Ints]]) -> WhatIf:
        """Consequences of removing references.  O(edges to and from what hangs below them), and
        O(nodes + edges) when some of it stays and its keepers are looked for."""
        given = list(cuts)
        parts = [edges for _, edges in given] or [np.zeros(0, np.int64)]
        edges = self.with_entries(np.unique(np.concatenate(parts)))
        freed = self.cuts.without(edges)
        part = subgraph(self.graph, freed)
        collected = self._needs_collector(part)
        held, stays_with = self._native(part)
        stays = self._staying(edges, freed)
        return WhatIf(
            cuts=merged([reference for reference, _ in given]),
            freed_bytes=self._bytes(freed),
            freed_objects=len(freed),
            freed=shares_of(self.graph, freed) if len(freed) else (),
            collector_objects=len(collected),
            collector_bytes=self._bytes(collected),
            native_objects=len(held),
            native_bytes=self._bytes(stays_with),
            native_types=self._types(held),
            stays_objects=len(stays),
            keepers=_keepers(self.graph, edges, stays),
            outer_bytes=outer_bytes(self.graph, freed),
            opaque_types=opaque_types(self.graph, freed),
        )

    def with_entries(self, edges: Ints) -> Ints:
        """The references and, for values of a mapping, those to their keys (and the other way
        round): an entry goes as a whole.  O(edges of the mappings)."""
        graph, c = self.graph, self.graph.columns
        kinds = c.edge_kind[edges]
        entries = edges[(kinds == EdgeKind.VALUE) | (kinds == EdgeKind.KEY)]
        if not len(entries):
            return edges
        owners = graph.distinct(graph.sources_of(entries))
        every, owner = graph.expand(owners)
        kinds = c.edge_kind[every]
        key = np.where(kinds == EdgeKind.VALUE, c.edge_name[every], c.edge_target[every])
        pair = owner * np.int64(graph.node_count) + key.astype(np.int64)
        is_entry = (kinds == EdgeKind.VALUE) | (kinds == EdgeKind.KEY)
        chosen = is_entry & np.isin(pair, pair[is_entry & np.isin(every, entries)])
        return np.union1d(edges, every[chosen])

    def reference(self, resolved: Resolved) -> tuple[CutReference, Ints]:
        """A resolved path as references to remove."""
        return self._reference(resolved.text, resolved.edges), resolved.edges

    def severed(self, part: Severed) -> tuple[CutReference, Ints]:
        """A part of a minimum cut as references to remove."""
        path = self.path_of(part.source, part.edges)
        return self._reference(path, part.edges, part.reaches), part.edges

    def path_of(self, source: int, edges: Ints) -> str:
        """The path of references from one object: open (``[*]``) when there are several."""
        graph = self.graph
        values = edges[graph.columns.edge_kind[edges] != EdgeKind.KEY]
        chosen = values if len(values) else edges
        path = self.namer.path_through(source, [(int(chosen[0]), graph.target(int(chosen[0])))])
        return str(opened(path) if len(chosen) > 1 else path)

    def _reference(self, path: str, edges: Ints, reaches: int | None = None) -> CutReference:
        c = self.graph.columns
        values = edges[c.edge_kind[edges] != EdgeKind.KEY]
        chosen = values if len(values) else edges
        return CutReference(path, len(chosen), self._types(c.edge_target[chosen]), reaches)

    # ---- parts of the answer ----

    def _bytes(self, nodes: npt.NDArray[np.integer]) -> int:
        return int(self.graph.columns.node_size[nodes].sum())

    def _types(self, nodes: npt.NDArray[np.integer]) -> tuple[str, ...]:
        types, count = np.unique(self.graph.columns.node_type[nodes], return_counts=True)
        return tuple(self.graph.name_of_type(int(t)) for t in types[np.argsort(-count)][:_TYPES])

    def _needs_collector(self, part: Subgraph) -> Ints:
        """Of the freed: in a reference cycle, or reachable from one.  O(edges of them)."""
        cyclic = part.nodes[is_in_cycle(self.graph, part.nodes)]
        found: Ints = part.nodes[part.reached(cyclic)]
        return found

    @cached_property
    def _unexplained(self) -> Ints:
        return unexplained(self.graph)

    def _native(self, part: Subgraph) -> tuple[Ints, Ints]:
        """Freed objects C code may hold, and all that would stay with them."""
        held: Ints = part.nodes[self._unexplained[part.nodes] > 0]
        return held, part.nodes[part.reached(held)]

    def _staying(self, edges: Ints, freed: Ints) -> Ints:
        """What the references lead to and something else keeps."""
        c = self.graph.columns
        values = edges[c.edge_kind[edges] != EdgeKind.KEY]
        targets = self.graph.distinct(c.edge_target[values if len(values) else edges])
        mortal = (c.node_flags[targets] & NodeFlag.IMMORTAL) == 0
        found: Ints = np.setdiff1d(targets[mortal], freed, assume_unique=True)
        return found


def merged(references: Iterable[CutReference]) -> tuple[CutReference, ...]:
    """References that are written alike as one: frames of many threads, holds of C code."""
    found: dict[str, CutReference] = {}
    for one in references:
        before = found.get(one.path)
        if before is None:
            found[one.path] = one
            continue
        reaches = [part.reaches for part in (before, one) if part.reaches is not None]
        found[one.path] = replace(
            before,
            references=before.references + one.references,
            types=tuple(dict.fromkeys((*before.types, *one.types)))[:_TYPES],
            reaches=sum(reaches) if len(reaches) == 2 else None,
        )
    return tuple(found.values())


def _keepers(graph: HeapGraph, edges: Ints, stays: Ints) -> tuple[Keeper, ...]:
    """Who keeps objects without some references, by the tree's last holder, most objects first.
    What C code counts, it keeps.  O(nodes + edges)."""
    if not len(stays):
        return ()
    cut = graph.without(edges)
    sample = stays[:: max(1, len(stays) // _SAMPLED)]
    above = cut.tree.parent[sample].astype(np.int64)
    holders, first, count = np.unique(above, return_index=True, return_counts=True)
    namer, found = PathNamer(cut), []
    scale = len(stays) / max(1, len(sample))
    for i in np.argsort(-count, kind="stable")[:_KEEPERS].tolist():
        node = int(sample[first[i]])
        path = namer.path(node)
        text = str(opened(path) if count[i] > 1 else path)
        holder = int(holders[i])
        kind = cut.type_name(node if holder == NO_NODE else holder)
        found.append(Keeper(text, kind, round(int(count[i]) * scale)))
    return tuple(found)

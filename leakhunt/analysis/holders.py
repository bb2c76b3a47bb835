"""From groups of newborns to holders: the accumulation point of each, and how it grew."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from leakhunt.agent.format import Fact
from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.bounds import bound_of, inside_bound
from leakhunt.analysis.coholders import find_coholders, follows_others
from leakhunt.analysis.comparison import Comparison, item_counts
from leakhunt.analysis.cuts import Cuts
from leakhunt.analysis.descent import Descent, Landing
from leakhunt.analysis.holder import Holder
from leakhunt.analysis.leak_share import Leak, leak_shares
from leakhunt.analysis.paths import Path, PathNamer, star, without_runs
from leakhunt.analysis.places import (
    Series,
    bytes_series,
    entries_series,
    objects_series,
)
from leakhunt.analysis.population import Group, Population
from leakhunt.analysis.ref_cycles import find_ref_cycles
from leakhunt.analysis.shares import TypeShare, is_own_type, main_type, shares_of, without_keys
from leakhunt.analysis.turnover import slots, survivors
from leakhunt.analysis.views import kept_buffers, opaque_types, outer_bytes
from leakhunt.graph import _kernels
from leakhunt.graph.noise import Extent
from leakhunt.graph.roots import Tier, noise_note
from leakhunt.store.columns import NO_NODE, SnapshotColumns

SIZED_FINDINGS = 20
"""Holders whose retained and exclusive bytes are computed (largest first)."""
_ENTRY_BYTES = 64
"""Growth of a buffer that weighs as much as one entry when places are ranked."""
_ELABORATED = 400
"""Groups looked at one by one (largest first)."""
_CACHE_WRAPPER = "functools._lru_cache_wrapper"
_PRUNED = {
    "sqlite3.Connection": "weak references that sqlite3 prunes every 200",
    "pandas._libs.internals.BlockValuesRefs": "weak references that pandas prunes when they are "
    "many",
}
"""Lists inside C objects that their owner keeps small, by the owner's type."""
_FADED = 0.3
"""Part of the first window's rate below which growth has ended."""
_LINK = "functools._lru_list_elem"
_FRAME = "builtins.frame"
"""Made when somebody asks for the frame of a running call: of another size is no growth."""
_THREADS = frozenset({"threading._active"})
_FOLLOWERS = frozenset({"threading._shutdown_locks"})
"""Registries of the standard library that shrink by themselves when their objects go."""

Ints = npt.NDArray[np.int64]


class HolderFinder:
    """Finds the holders of one comparison."""

    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.graph = comparison.final
        self.population = Population(comparison)
        self.namer = PathNamer(self.graph)
        self.cuts = Cuts(self.graph)
        self.descent = Descent(comparison, self.population, self.namer)

    def find(self) -> list[Holder]:
        """All holders that grew by at least the threshold, largest leaked bytes first."""
        groups = self._join_cache_wrappers(self._with_grown(self.population.groups()))
        found = [self._holder(group) for group in groups[:_ELABORATED]]
        holders = self._distinct([holder for holder in found if holder is not None])
        holders.sort(key=lambda h: (h.noise is not None, -max(h.bytes, _grown_bytes(h))))
        sized = [self._sized(holder) for holder in holders[:SIZED_FINDINGS]]
        return self._shared_out(self._without_parts(sized + holders[SIZED_FINDINGS:]))

    def leaked_below(self, holder: Holder) -> Ints:
        """The whole leaked population of a holder, ascending.  O(edges of it)."""
        return self._leaked_below(holder.direct)

    def _leaked_below(self, direct: Ints) -> Ints:
        below = self.graph.below(direct)
        return below[self.comparison.is_leaked[below]]

    def _without_parts(self, holders: list[Holder]) -> list[Holder]:
        """Leaves out what another finding already says: the keys of an index that is named as
        a co-holder, and what the frames of leaked threads hold."""
        named = {co.node for holder in holders for co in holder.coholders}
        buffers = {h.node: h.series.growth for h in holders if h.series.unit == "bytes"}
        threads = max((h.series.growth for h in holders if str(h.path) in _THREADS), default=0)
        return [
            holder
            for holder in holders
            if not (holder.node in named and holder.edge_kinds <= {int(EdgeKind.KEY)})
            and not _is_echo(holder)
            and not self._is_inner_buffer(holder, buffers)
            and not (self._is_in_new_frames(holder) and threads >= len(holder.nodes))
        ]

    def _is_inner_buffer(self, holder: Holder, buffers: dict[int, int]) -> bool:
        """Does the object above already count these bytes as its own?"""
        above = int(self.graph.tree.parent[holder.node])
        is_buffer = holder.series.unit == "bytes" and above != NO_NODE
        return is_buffer and 10 * buffers.get(above, 0) >= 9 * holder.series.growth

    def _is_in_new_frames(self, holder: Holder) -> bool:
        nodes = holder.nodes
        is_root = nodes >= self.graph.columns.heap_count
        return bool(is_root.all() and (self.comparison.to_baseline[nodes] < 0).all())

    # ---- groups ----

    def _join_cache_wrappers(self, groups: list[Group]) -> list[Group]:
        """An lru_cache keeps keys in its dict and results in links: one holder."""
        tree = self.graph.tree
        joined: dict[int, Group] = {}
        rest: list[Group] = []
        for group in groups:
            anchor = int(group.anchors[0])
            above = int(tree.parent[anchor])
            if self.graph.type_name(anchor) != _CACHE_WRAPPER:
                is_inside = above != NO_NODE and self.graph.type_name(above) == _CACHE_WRAPPER
                if not is_inside or self.graph.type_name(anchor) != "builtins.dict":
                    rest.append(group)
                    continue
                anchor = above
            moved = replace(group, anchors=np.array([anchor]), is_item=True)
            joined[anchor] = _union(joined[anchor], moved) if anchor in joined else moved
        return sorted([*joined.values(), *rest], key=lambda g: (-g.bytes, -g.count))

    def _with_grown(self, groups: list[Group]) -> list[Group]:
        """Adds old containers that grew by entries that are not newborn, and old buffers."""
        known = {int(a) for group in groups if group.is_item for a in group.anchors}
        c, graph = self.comparison, self.graph
        there = c.to_baseline
        old = self._perhaps_grown()
        gain = graph.item_count[old].astype(np.int64) - c.baseline.item_count[there[old]]
        gain = np.maximum(gain, self._length_gain(old))
        size = c.final.columns.node_size[old].astype(np.int64)
        size -= c.baseline.columns.node_size[there[old]].astype(np.int64)
        is_buffer = (size >= self._least_bytes) & (graph.item_count[old] == 0)
        rows = np.flatnonzero((gain >= c.thresholds) | is_buffer)
        rank = -np.maximum(gain, size // _ENTRY_BYTES)
        rows = rows[np.argsort(rank[rows], kind="stable")][:_ELABORATED]
        empty = np.zeros(0, np.int64)
        extra = [
            Group(np.array([int(old[r])]), empty, True, 0, 0, 0, 0, int(gain[r]), 0)
            for r in rows.tolist()
            if int(old[r]) not in known
            and (gain[r] >= c.thresholds or graph.entries(int(old[r])) is None)
        ]
        return groups[: _ELABORATED // 2] + extra + groups[_ELABORATED // 2 :]

    def _perhaps_grown(self) -> Ints:
        """Old objects that gained entries, length or bytes; ascending.  O(nodes)."""
        c, graph = self.comparison, self.graph
        there = c.to_baseline
        grown = np.zeros(graph.node_count, np.uint8)
        _kernels.mark_grown(graph.item_count, c.baseline.item_count, there, c.thresholds, grown)
        sizes = c.final.columns.node_size, c.baseline.columns.node_size
        _kernels.mark_grown(*sizes, there, self._least_bytes, grown)
        facts = graph.columns
        grown[facts.fact_node[facts.fact_id == Fact.LENGTH]] = 1
        grown[facts.heap_count :] = 0
        old = np.flatnonzero(grown)
        return old[(there[old] >= 0) & graph.reachable[old]]

    def _length_gain(self, old: Ints) -> Ints:
        """Growth of the LENGTH facts of nodes."""
        after = _lengths(self.comparison.final.columns)
        before = _lengths(self.comparison.baseline.columns)
        gain = after[old] - before[self.comparison.to_baseline[old]]
        result: Ints = np.where(after[old] > 0, gain, 0)
        return result

    @staticmethod
    def _distinct(holders: list[Holder]) -> list[Holder]:
        seen: set[tuple[int, str]] = set()
        out = []
        for holder in holders:
            key = (holder.node, str(holder.path))
            if key not in seen:
                seen.add(key)
                out.append(holder)
        return out

    # ---- one holder ----

    def _holder(self, group: Group) -> Holder | None:
        landing = self.descent.land(group)
        sizes = entries_series(self.comparison, landing.place)
        if self._is_few(group, landing) or self._grows_inside(group, sizes):
            deeper = self.descent.deepen(group)
            if deeper is not None:
                group, landing = deeper, self.descent.land(deeper)
                sizes = entries_series(self.comparison, landing.place)
        place = landing.place
        if group.is_merged and group.structure is None:
            sizes = self._summed_entries(group)
        series = self._growth(group, landing, sizes)
        least = self.comparison.thresholds
        if series is None or (series.unit != "bytes" and series.growth < least):
            return None
        shares, main_type, main_count = self._shares(landing)
        bound, explicit = bound_of(self.graph, place.node)
        path = self._path(group, landing)
        noise, extent = self._noise(place.node)
        noise = noise or self._imports(place.node, landing, series)
        inside, is_replaced = self._inside(group, series, sizes, bound if explicit else None)
        return Holder(
            path=path,
            node=place.node,
            nodes=group.anchors if group.is_merged else np.array([place.node]),
            type=self.graph.type_name(place.node),
            direct=landing.direct,
            shares=shares,
            main_type=main_type,
            main_count=main_count,
            count=sum(share.count for share in shares),
            bytes=sum(share.bytes for share in shares),
            sizes=sizes,
            series=series,
            chain_step=landing.chain_step,
            bound=bound,
            is_bound_explicit=explicit,
            noise=noise,
            noise_extent=extent,
            follows=str(path) in _FOLLOWERS or follows_others(self.comparison, landing.direct),
            survivors=survivors(self.comparison, landing.direct, series),
            slots=None
            if group.is_merged or landing.chain_step is not None
            else slots(self.comparison, place, series, sizes),
            inside_bound=inside,
            is_replaced=is_replaced,
            edge_kinds=self._edge_kinds(landing),
        )

    def _inside(
        self, group: Group, series: Series, sizes: Series, own_bound: int | None
    ) -> tuple[int | None, bool]:
        """Bound of the container whose entries hold what grows, and whether these are new ones:
        ever larger entries are no leak of the container, once all were replaced."""
        if group.is_merged:
            anchors = group.anchors
            bound, is_explicit = inside_bound(self.graph, int(anchors[0]))
            # A full lru_cache puts the next result into its oldest link.
            is_new = self.graph.type_name(int(anchors[0])) == _LINK or bool(
                self.comparison.is_leaked[anchors].all()
            )
            return bound, is_explicit and is_new
        if own_bound is None or series is sizes or not 0 < (sizes.final or 0) <= own_bound:
            return None, False
        return own_bound, True

    def _growth(self, group: Group, landing: Landing, sizes: Series) -> Series | None:
        """The measure by which a holder grew: entries, else objects below, else bytes."""
        least, c = self.comparison.thresholds, self.comparison
        if landing.chain_step is None and sizes.final is not None and sizes.growth >= least:
            return sizes
        if group.is_merged:
            return self._by_epoch(group)
        if self._is_few(group, landing):
            return None
        if group.count >= least:
            series = objects_series(c, landing.place)
            return series if series.growth >= least else None
        if self.graph.type_name(landing.place.node) == _FRAME:
            return None
        sized = bytes_series(c, landing.place)
        return sized if sized.growth >= self._least_bytes else None

    @property
    def _least_bytes(self) -> int:
        """Smallest growth of one buffer worth a word."""
        return max(64, self.comparison.cycles or 0)

    def _is_few(self, group: Group, landing: Landing) -> bool:
        """Does the holder only have a few newborns more, in places that did not exist?"""
        if not len(group.tops) or group.is_merged or landing.chain_step is not None:
            return False
        direct = without_keys(self.graph, landing.direct)
        return not landing.place.labels and len(direct) < self.comparison.thresholds

    def _grows_inside(self, group: Group, sizes: Series) -> bool:
        """Did it stop gaining entries while what is in them went on growing?"""
        cycles, early = self.comparison.cycles, self.comparison.window_cycles
        start, window, end = sizes.baseline or 0, sizes.window, sizes.loaded
        if cycles is None or early is None or window is None or end is None or group.is_merged:
            return False
        rest = cycles - early
        has_ended = (end - window) * early <= _FADED * (window - start) * rest
        goes_on = (group.count - group.first) * early > _FADED * group.first * rest
        return window > start and has_ended and goes_on

    def _by_epoch(self, group: Group) -> Series:
        has_window = self.comparison.window_cycles is not None
        return Series("objects", 0, group.first if has_window else None, group.count, group.count)

    def _summed_entries(self, group: Group) -> Series:
        if not group.is_item:
            return Series("entries", None, None, None, None)
        values = [
            None if stage is None else int(item_counts(stage, group.anchors).sum())
            for stage in map(self.comparison.stage, ("baseline", "window", "loaded", "final"))
        ]
        return Series("entries", *values)

    def _shares(self, landing: Landing) -> tuple[tuple[TypeShare, ...], str, int]:
        if not len(landing.direct):
            node = landing.place.node
            grown = max(0, bytes_series(self.comparison, landing.place).growth)
            name = self.graph.type_name(node)
            return (TypeShare(name, 1, grown),), name, 1
        nodes = self._leaked_below(landing.direct)
        shares = shares_of(self.graph, nodes)
        if landing.chain_step is not None:
            return shares, landing.chain_step.type, len(landing.direct)
        main = main_type(self.graph, without_keys(self.graph, landing.direct), nodes)
        return shares, main, sum(s.count for s in shares if s.type == main)

    def _edge_kinds(self, landing: Landing) -> frozenset[int]:
        direct = landing.direct if landing.chain_step is None else landing.direct[1:]
        edges = self.graph.tree.parent_edge[direct]
        return frozenset(int(kind) for kind in np.unique(self.graph.columns.edge_kind[edges]))

    def _noise(self, node: int) -> tuple[str | None, Extent | None]:
        """Why a holder is ranked lower, and how far such noise grows."""
        tree = self.graph.tree
        owner = int(tree.parent[node])
        if owner != NO_NODE and self.graph.kind(int(tree.parent_edge[node])) == EdgeKind.UNKNOWN:
            pruned = _PRUNED.get(self.graph.type_name(owner))
            if pruned is not None:
                return pruned, Extent.SMALL
        if int(tree.tier[node]) == Tier.NATIVE and not is_own_type(self.graph.type_name(node)):
            why = "held by C code only, probably part of something else"
            return why, Extent.WARM_UP if self.comparison.is_new[node] else Extent.ENDLESS
        if int(tree.tier[node]) != Tier.NOISE:
            return None, None
        note = noise_note(self.graph, node)
        if note is None:
            return "known noise", Extent.WARM_UP
        return note.reason, note.extent

    def _imports(self, node: int, landing: Landing, series: Series) -> str | None:
        """Modules that are files, imported now and then, come to an end; one in each cycle
        may be made for it."""
        cycles = self.comparison.cycles
        if node != self.graph.plan.sys_modules or cycles is None or series.growth % cycles == 0:
            return None
        direct = without_keys(self.graph, landing.direct)
        files = 0
        for module in direct.tolist():
            namespace = self.graph.named_child(module, "__dict__")
            origin = None if namespace is None else self.graph.value_edge(namespace, "__file__")
            files += origin is not None
        return "lazy imports, of which there are only so many" if 2 * files > len(direct) else None

    def _path(self, group: Group, landing: Landing) -> Path:
        literal = set(landing.literal)

        def is_born_entry(node: int) -> bool:
            return bool(self.comparison.is_new[node]) and node not in literal

        path = self.namer.path(landing.place.node, is_born_entry)
        if landing.chain_step is not None:
            path = without_runs(path, landing.chain_step)
        elif group.is_merged:
            path = self._merged_path(group, path)
        return path

    def _merged_path(self, group: Group, path: Path) -> Path:
        """Steps in which the siblings differ are written ``[*]``."""
        texts = [step.text for step in path.steps]
        differ = [False] * len(texts)
        for anchor in group.anchors[1:20].tolist():
            for i, step in enumerate(self.namer.path(anchor).steps[: len(texts)]):
                differ[i] |= step.text != texts[i]
        steps = [star(s) if differ[i] else s for i, s in enumerate(path.steps)]
        start = path.start
        if self.graph.is_root(int(group.anchors[0])):  # frames of many threads
            start = re.sub(r"^thread '[^']*'", "thread '*'", start)
        return path._replace(start=start, steps=tuple(steps))

    # ---- what a cut would free ----

    def _sized(self, holder: Holder) -> Holder:
        if not len(holder.direct):
            return replace(holder, retained_bytes=_grown_bytes(holder), exclusive_bytes=None)
        retained = self.cuts.bytes_of(self.cuts.retained(holder.direct))
        exclusive = self.cuts.bytes_of(self._cut(holder))
        found = find_coholders(self.comparison, self.population, self.namer, holder)
        leaked = self.leaked_below(holder)
        cycles = find_ref_cycles(self.graph, leaked)
        return replace(
            holder,
            retained_bytes=retained,
            exclusive_bytes=exclusive,
            coholders=found,
            ref_cycles=tuple(c for c in cycles if any(is_own_type(t) for t in c.types)),
            buffers=kept_buffers(self.graph, leaked),
            outer_bytes=outer_bytes(self.graph, leaked),
            opaque=opaque_types(self.graph, leaked),
        )

    def _cut(self, holder: Holder) -> Ints:
        """What goes when the holder and its inner parts let go."""
        return self.cuts.exclusive(self._sources(holder), holder.direct)

    def _sources(self, holder: Holder) -> Ints:
        """The holder and its inner parts."""
        above = self.graph.tree.parent[holder.direct]
        found: Ints = np.union1d(holder.nodes, above[above != NO_NODE].astype(np.int64))
        return found

    def _shared_out(self, holders: list[Holder]) -> list[Holder]:
        """Adds what each finding is answerable for, of what they hold together."""
        sized = [h for h in holders if h.retained_bytes is not None and len(h.direct)]
        leaks = [Leak(self._sources_of_all(holder), holder.direct) for holder in sized]
        shares = leak_shares(self.cuts, leaks)
        shared = {id(h): round(share) for h, share in zip(sized, shares, strict=True)}
        return [replace(h, shared_bytes=shared.get(id(h))) for h in holders]

    def _sources_of_all(self, holder: Holder) -> Ints:
        """The holder and its co-holders, with newborn parts of theirs that refer to the same."""
        others = np.array([co.node for co in holder.coholders], np.int64)
        sources = np.union1d(self._sources(holder), others)
        if not len(others):
            return sources
        back, source = self.graph.reverse
        start = back[holder.direct].astype(np.int64)
        count = back[holder.direct + 1].astype(np.int64) - start
        at = np.repeat(start - (np.cumsum(count) - count), count) + np.arange(int(count.sum()))
        born = np.unique(source[at]).astype(np.int64)
        top = self.population.top[born]
        born, top = born[top != NO_NODE], top[top != NO_NODE]
        inner = born[np.isin(self.graph.tree.parent[top], others)]
        found: Ints = np.union1d(sources, inner)
        return found


def _is_echo(holder: Holder) -> bool:
    """Known noise whose new entries nearly all belong to somebody else."""
    grown = holder.series.growth if holder.series.unit == "entries" else 0
    return holder.noise is not None and 2 * len(holder.direct) < grown


def _grown_bytes(holder: Holder) -> int:
    return max(0, holder.series.growth) if holder.series.unit == "bytes" else holder.bytes


def _union(a: Group, b: Group) -> Group:
    return Group(
        anchors=a.anchors,
        tops=np.union1d(a.tops, b.tops),
        is_item=True,
        label=a.label,
        count=a.count + b.count,
        bytes=a.bytes + b.bytes,
        first=a.first + b.first,
        net_entries=max(a.net_entries, b.net_entries),
        net_objects=a.net_objects + b.net_objects,
    )


def _lengths(columns: SnapshotColumns) -> Ints:
    out = np.zeros(columns.node_count, np.int64)
    chosen = columns.fact_id == Fact.LENGTH
    out[columns.fact_node[chosen]] = columns.fact_value[chosen]
    return out

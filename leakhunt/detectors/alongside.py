"""What the holders leaked at the same time: it explains growth that no walk can follow."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from leakhunt.agent.format import TypeFlag
from leakhunt.analysis.classes import Classes
from leakhunt.analysis.holder import Holder
from leakhunt.analysis.loose import Loose
from leakhunt.analysis.shares import TypeShare, is_own_type
from leakhunt.detectors.known import GREENLET, THREAD_TYPES
from leakhunt.graph.heap_graph import HeapGraph

_ATOMS = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bytes"})
_BOUNDED_TABLES = {"_lru.Node": "_lru.LRU"}
"""Entries of tables in C that tell the collector nothing and keep to a bound, by their type."""
_OF_CLASS_STATEMENTS = frozenset({"__dict__", "__slots__"})
_PER_STACK = 16
"""Objects of one type, or references to one object, that a greenlet's stack may hold."""
_AT_WORK = 0.05
"""Part of the greenlets that may stand elsewhere: just made, or running."""
_PER_OBJECT = 16
"""References to one object that an object of the same extension may hold."""


@dataclass(frozen=True, slots=True)
class Alongside:
    """Counts of what hangs from holders, by what it may keep out of sight."""

    all: frozenset[int] = frozenset()
    """Of each leaked type.  As many objects of the language's own, kept by C code, are part of
    those: a field that no walk can see."""
    threads: frozenset[int] = frozenset()
    """Of threads; each keeps on its C stack what no walk finds."""
    extensions: frozenset[int] = frozenset()
    """Of C types of extensions.  A text or a number in a typed field of such an object
    (``cdef str path``) is on no walk: it leaks with the object."""
    by_module: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """Of the types of each module: an extension's objects may refer to its own constants
    without telling the collector."""
    greenlets: int = 0
    """A suspended greenlet has its C stack in a buffer: frames, arguments and locals, on no
    walk."""
    native: frozenset[str] = frozenset()
    """Names of the C types of extensions among what leaked."""
    in_tables: frozenset[int] = frozenset()
    """Of entries of bounded tables that no walk can look into; keys and values are as many."""
    opaque: tuple[TypeShare, ...] = ()
    """Of types of extensions that lead the collector nowhere: what their objects hold looks like
    what C code holds for itself.  Objects that C code lost are no excuse for it."""

    @classmethod
    def of(
        cls,
        graph: HeapGraph,
        classes: Classes,
        holders: Sequence[Holder],
        unheld: Sequence[Loose] = (),
    ) -> Alongside:
        """Counts over the shares of all holders and over what hangs from none.
        O(nodes + types + shares).

        What only follows others keeps nothing that C code could hide a part of.
        """
        shares = [share for holder in holders if not holder.follows for share in holder.shares]
        leaked = {s.type for s in [*shares, *(s for loose in unheld for s in loose.shares)]}
        names = {t: graph.name_of_type(t) for t in range(graph.columns.type_count)}
        native = frozenset(
            name
            for t, name in names.items()
            if name in leaked and is_own_type(name) and _is_native(graph, classes, t)
        )
        by_module: dict[str, set[int]] = defaultdict(set)
        for share in shares:
            if is_own_type(share.type):
                by_module[_module(share.type)].add(share.count)
        stacks = _greenlet_types(graph, classes)
        return cls(
            frozenset(s.count for s in shares),
            frozenset(s.count for s in shares if s.type in THREAD_TYPES),
            frozenset(s.count for s in shares if s.type in native),
            {module: frozenset(counts) for module, counts in by_module.items()},
            max((s.count for s in shares if s.type in stacks), default=0),
            native,
            _in_tables(graph, unheld),
            _opaque(graph, shares),
        )

    def explains(self, loose: Loose) -> bool:
        """Is this growth part of what the holders leak?"""
        if loose.what == "garbage":
            return False
        if loose.explained is None and self.is_on_stacks(loose):
            return True
        grown = loose.series.growth
        if loose.what != "references" and grown in self.in_tables:
            return True
        if loose.what == "unreached":
            is_in_field = loose.main_type in _ATOMS and grown in self.extensions
            return grown in self.threads or is_in_field
        if loose.what == "references" and grown in self.threads:  # each waits at one queue
            return True
        if not is_own_type(loose.main_type):
            return grown in self.all
        return loose.what == "references" and self._refer_to_their_own(loose.main_type, grown)

    def may_hold(self, loose: Loose) -> str | None:
        """The type of leaked objects that may hold what C code holds: each the same number."""
        if loose.what == "garbage":
            return None
        for share in self.opaque:
            if share.type != loose.main_type and _is_so_many_each(loose.series.growth, share.count):
                return share.type
        return None

    def loops(self, loose: Loose) -> bool:
        """Does each of what C code holds keep an object of an extension, which probably holds it
        in turn?  The collector does not see such a reference cycle."""
        own = sum(share.count for share in loose.shares if share.type in self.native)
        return own >= loose.series.growth

    def is_on_stacks(self, loose: Loose) -> bool:
        """About as many for each leaked greenlet: its stack keeps them."""
        if not self.greenlets or loose.what == "garbage":
            return False
        each = round(loose.series.growth / self.greenlets)
        rest = abs(loose.series.growth - each * self.greenlets)
        return 0 < each <= _PER_STACK and rest <= _AT_WORK * self.greenlets

    def _refer_to_their_own(self, name: str, grown: int) -> bool:
        counts = self.by_module.get(_module(name), frozenset())
        return any(_is_so_many_each(grown, count) for count in counts)


def _is_so_many_each(grown: int, count: int) -> bool:
    return grown % count == 0 and grown <= _PER_OBJECT * count


def _opaque(graph: HeapGraph, shares: Sequence[TypeShare]) -> tuple[TypeShare, ...]:
    """What the standard library's C types hold is read by their layout."""
    flags = graph.columns.type_flags
    opaque = {
        name
        for t in np.flatnonzero(flags & TypeFlag.OPAQUE).tolist()
        if (name := graph.name_of_type(t)).partition(".")[0] not in sys.stdlib_module_names
    }
    return tuple(share for share in shares if share.type in opaque)


def _is_native(graph: HeapGraph, classes: Classes, index: int) -> bool:
    """Is it a type written in C: static, or made at run time without what each ``class``
    statement gives its instances?"""
    if not graph.columns.type_flags[index] & TypeFlag.HEAP:
        return True
    names = classes.attributes_of(index)
    return bool(names) and names.isdisjoint(_OF_CLASS_STATEMENTS)


def _in_tables(graph: HeapGraph, unheld: Sequence[Loose]) -> frozenset[int]:
    entries = [loose for loose in unheld if loose.main_type in _BOUNDED_TABLES]
    if not entries:
        return frozenset()
    reached = graph.columns.node_type[: graph.columns.heap_count][
        graph.reachable[: graph.columns.heap_count]
    ]
    there = {graph.name_of_type(int(t)) for t in np.unique(reached)}
    return frozenset(
        loose.series.growth for loose in entries if _BOUNDED_TABLES[loose.main_type] in there
    )


def _module(type_name: str) -> str:
    return type_name.rpartition(".")[0]


def _greenlet_types(graph: HeapGraph, classes: Classes) -> frozenset[str]:
    names = [graph.name_of_type(index) for index in range(len(graph.columns.type_node))]
    if GREENLET not in names:
        return frozenset()
    kinds = (name for i, name in enumerate(names) if GREENLET in classes.names_of(i))
    return frozenset(kinds)

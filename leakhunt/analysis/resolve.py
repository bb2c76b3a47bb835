"""From a written path (docs/paths.md) to the references and objects it names."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.analysis.accessors import private_spellings, private_steps
from leakhunt.analysis.nearest import nearest_hint
from leakhunt.analysis.path_grammar import StepKind, WrittenStep, read_steps
from leakhunt.analysis.paths import UNWRITTEN, PathNamer, quote_key
from leakhunt.errors import UsageError
from leakhunt.graph import _kernels
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.graph.roots import Tier
from leakhunt.graph.tables import NO_TIER, SKIP_WEAK
from leakhunt.store.columns import NO_NODE, NO_STRING

Ints = npt.NDArray[np.int64]

NO_INTS: Ints = np.zeros(0, np.int64)
_NAMED = (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL)
_ENTRIES = (EdgeKind.INDEX, EdgeKind.VALUE)
_OPEN: dict[StepKind, tuple[EdgeKind, ...]] = {
    StepKind.ANY: _ENTRIES,
    StepKind.MEMBER: (EdgeKind.ELEMENT,),
    StepKind.KEYS: (EdgeKind.KEY,),
}
_HOLD = "<native hold> "
_ADDRESS = re.compile(r"@(?:0x)?([0-9a-fA-F]{1,16})")
_STEP_STARTS = tuple(".[{(,")
_LISTED = 20_000
"""Edges looked at for the names an error offers."""
_BEGINNING = "a path begins with a module, a class, a thread or @ADDRESS"


@dataclass(frozen=True, slots=True, eq=False)
class Resolved:
    """What a path names."""

    text: str
    nodes: Ints
    """Objects the path leads to, ascending; several when a step is open (``[*]``)."""
    edges: Ints
    """References that its last step stands for; none when it names a root or an address."""


class Resolver:
    """Resolves paths in one graph."""

    def __init__(self, graph: HeapGraph, namer: PathNamer | None = None) -> None:
        self.graph = graph
        self.namer = namer or PathNamer(graph)
        self._ids: dict[str, Ints] = {}

    def resolve(self, text: str) -> Resolved:
        """The references and objects a path names.

        O(strings) vectorised for each name, and O(degree) of what each step leads to.

        Raises:
            UsageError: it names nothing; the hint offers the nearest names.
        """
        text = text.strip()
        if not text:
            raise UsageError("the path is empty", hint=_BEGINNING)
        problem: UsageError | None = None
        for spelling in private_spellings(text):
            with contextlib.suppress(UsageError):
                return replace(self.resolve(spelling), text=text)
        for nodes, edges, rest in self._starts(text):
            steps, left = read_steps(rest)
            if left:
                problem = problem or UsageError(
                    f"{text!r} is no path: {left!r} is no step", hint="see docs/paths.md"
                )
                continue
            try:
                return self._follow(text, nodes, edges, steps, text[: len(text) - len(rest)])
            except UsageError as error:
                problem = problem or error
        raise problem or self._unknown_start(text)

    def _follow(
        self, text: str, nodes: Ints, edges: Ints, steps: tuple[WrittenStep, ...], so_far: str
    ) -> Resolved:
        for step in steps:
            edges = self._step(nodes, step)
            if not len(edges):
                raise self._unknown_step(nodes, step, so_far)
            nodes = self._targets(edges)
            so_far += step.text
        return Resolved(text, nodes, edges)

    # ---- where it starts ----

    def _starts(self, text: str) -> Iterator[tuple[Ints, Ints, str]]:
        """Nodes, edges and the rest of the text for each way to read its beginning."""
        match = _ADDRESS.match(text)
        if match is not None:
            yield self._at(int(match.group(1), 16)), NO_INTS, text[match.end() :]
            return
        if text.startswith("<"):
            yield from self._held(text)
            return
        yield from self._at_root(text)
        plan = self.graph.plan
        for end in _ends(text):
            name, rest = text[:end], text[end:]
            if name in plan.modules:
                node = plan.modules[name][0]
                yield np.array([node]), self._edges_of_module(node), rest
            elif name == "sys.modules" and plan.sys_modules is not None:
                yield np.array([plan.sys_modules]), NO_INTS, rest
        for end in _ends(text):
            types = self._types(text[:end])
            if len(types):
                yield types, NO_INTS, text[end:]

    def _edges_of_module(self, node: int) -> Ints:
        table = self.graph.plan.sys_modules
        return NO_INTS if table is None else self.graph.edges_between(table, node)

    def _at(self, address: int) -> Ints:
        c = self.graph.columns
        addresses = c.node_address[: c.heap_count]
        at = int(np.searchsorted(addresses, np.uint64(address)))
        if at >= len(addresses) or int(addresses[at]) != address:
            raise UsageError(
                f"there is no object at {address:#x}",
                hint="addresses are those of one snapshot; give one that was shown for this file",
            )
        return np.array([at], np.int64)

    def _held(self, text: str) -> Iterator[tuple[Ints, Ints, str]]:
        if not text.startswith(_HOLD):
            raise UsageError(
                f"{text} names no single place", hint="no reference of the program leads there"
            )
        graph, tree = self.graph, self.graph.tree
        for end in _ends(text):
            name = text[len(_HOLD) : end]
            types = [t for t in range(graph.columns.type_count) if graph.name_of_type(t) == name]
            held = np.isin(graph.columns.node_type, types) & (tree.tier == Tier.NATIVE)
            nodes = np.flatnonzero(held & (tree.parent == NO_NODE)).astype(np.int64)
            if len(nodes):
                yield nodes, NO_INTS, text[end:]

    def _at_root(self, text: str) -> Iterator[tuple[Ints, Ints, str]]:
        by_text: dict[str, list[int]] = {}
        any_thread = text.startswith("thread '*'")
        for root in range(self.graph.columns.heap_count, self.graph.node_count):
            written = self.namer.root_text(root)
            if any_thread:
                written = re.sub(r"^thread '[^']*'", "thread '*'", written)
            if text.startswith(written) and _may_end(text, len(written)):
                by_text.setdefault(written, []).append(root)
        for written in sorted(by_text, key=len, reverse=True):
            yield np.array(by_text[written], np.int64), NO_INTS, text[len(written) :]

    def _types(self, name: str) -> Ints:
        c = self.graph.columns
        named = [
            int(c.type_node[t])
            for t in range(c.type_count)
            if int(c.type_node[t]) != NO_NODE and self.graph.name_of_type(t) == name
        ]
        return np.array(sorted(named), np.int64)

    # ---- one step ----

    def _step(self, nodes: Ints, step: WrittenStep) -> Ints:
        """Edges that a step stands for, strong ones only."""
        nodes = self._through_unwritten(nodes)
        name = step.name
        match step.kind:
            case StepKind.NAME:
                return self._by_name(nodes, str(name))
            case StepKind.KEY:
                return self._by_key(nodes, step)
            case StepKind.ODD_KEY:
                return self._chosen(nodes, (EdgeKind.VALUE,), self._is_odd)
            case StepKind.ANY_NAME:
                return self._any_name(nodes)
            case StepKind.ANY | StepKind.MEMBER | StepKind.KEYS:
                return self._chosen(nodes, _OPEN[step.kind])
            case StepKind.LOCAL:
                is_meant = None if name == "*" else self._is_named(str(name))
                return self._chosen(nodes, (EdgeKind.LOCAL,), is_meant)
            case StepKind.CLOSURE:
                return self._captured(nodes, name)
            case StepKind.REPEAT:
                return self._repeated(nodes, step)
            case StepKind.UNNAMED:
                return self._chosen(nodes, (EdgeKind[str(name).upper()],))

    def _chosen(
        self,
        nodes: Ints,
        kinds: tuple[EdgeKind, ...],
        is_meant: Callable[[Ints], npt.NDArray[np.bool_]] | None = None,
    ) -> Ints:
        edges, _ = self.graph.expand(nodes)
        edges = edges[np.isin(self.graph.columns.edge_kind[edges], kinds)]
        return edges if is_meant is None else edges[is_meant(edges)]

    def _targets(self, edges: Ints) -> Ints:
        return self.graph.distinct(self.graph.columns.edge_target[edges])

    def _string_ids(self, text: str) -> Ints:
        found = self._ids.get(text)
        if found is None:
            found = self._ids[text] = self.graph.string_ids(text)
        return found

    def _is_named(self, name: str) -> Callable[[Ints], npt.NDArray[np.bool_]]:
        ids = self._string_ids(name)
        return lambda edges: np.isin(self.graph.columns.edge_name[edges], ids)

    def _is_odd(self, edges: Ints) -> npt.NDArray[np.bool_]:
        c = self.graph.columns
        keys = c.edge_name[edges]
        known = np.isin(keys, c.string_node) | np.isin(keys, c.int_node)
        return ~known

    def _through_unwritten(self, nodes: Ints) -> Ints:
        """The nodes, and what is inside a context, whose tables have no names."""
        reached, fresh = nodes, nodes
        while len(fresh):
            inner = self._targets(self._chosen(fresh, tuple(EdgeKind)))
            types = np.unique(self.graph.columns.node_type[inner])
            tables = [t for t in types.tolist() if self.graph.name_of_type(t) in UNWRITTEN]
            fresh = inner[np.isin(self.graph.columns.node_type[inner], tables)]
            fresh = np.setdiff1d(fresh, reached)
            reached = np.union1d(reached, fresh)
        return reached

    def _by_name(self, nodes: Ints, name: str) -> Ints:
        if name == "__class__":
            return self._chosen(nodes, (EdgeKind.TYPE,))
        direct = self._chosen(nodes, _NAMED, self._is_named(name))
        spaces = self._targets(self._chosen(nodes, _NAMED, self._is_named("__dict__")))
        of_threads = self._of_threads(nodes)
        if name == "__dict__":
            return direct if len(direct) else of_threads
        inside = self._values(np.union1d(spaces, self._targets(of_threads)), name)
        found = np.union1d(direct, inside)
        return found if len(found) else self._by_public_name(nodes, name)

    def _by_public_name(self, nodes: Ints, name: str) -> Ints:
        """Edges that a name stands for which a library offers."""
        types = np.unique(
            self.graph.columns.node_type[nodes[nodes < self.graph.columns.heap_count]]
        )
        owners = {self.graph.name_of_type(int(one)) for one in types}
        for way in private_steps(owners, name):
            at, edges = nodes, NO_INTS
            for step in read_steps("".join(way))[0]:
                edges = self._step(at, step)
                at = self._targets(edges)
            if len(edges):
                return edges
        return NO_INTS

    def _any_name(self, nodes: Ints) -> Ints:
        spaces = self._chosen(nodes, _NAMED, self._is_named("__dict__"))
        inside = self._chosen(self._targets(spaces), (EdgeKind.VALUE,))
        direct = self._chosen(nodes, _NAMED)
        return np.union1d(np.setdiff1d(direct, spaces), inside)

    def _of_threads(self, nodes: Ints) -> Ints:
        """Edges to the dict of each thread in a ``threading.local``."""
        tables = self._targets(self._chosen(nodes, _NAMED, self._is_named("dicts")))
        return self._chosen(tables, (EdgeKind.VALUE,))

    def _values(self, mappings: Ints, key: str | int) -> Ints:
        graph = self.graph
        if isinstance(key, str):
            keys = graph.nodes_with_text(key)
        else:
            keys = graph.columns.int_node[graph.columns.int_value == key]
        return self._chosen(
            mappings, (EdgeKind.VALUE,), lambda e: np.isin(graph.columns.edge_name[e], keys)
        )

    def _by_key(self, nodes: Ints, step: WrittenStep) -> Ints:
        names = self.graph.columns.edge_name
        if step.is_prefix:
            edges = self._chosen(nodes, (EdgeKind.VALUE,))
            texts = [self.graph.text(int(key)) or "" for key in names[edges]]
            return edges[[text.startswith(str(step.name)) for text in texts]]
        if isinstance(step.name, str):
            return self._values(nodes, step.name)
        number = int(step.name or 0)
        items = self._chosen(nodes, (EdgeKind.INDEX,), lambda e: names[e] == number)
        return np.union1d(items, self._values(nodes, number))

    def _captured(self, nodes: Ints, name: str | int | None) -> Ints:
        """Edges to the contents of a captured variable (to the empty cell, when it is)."""
        graph, cells = self.graph, []
        for closure in self._chosen(nodes, _NAMED, self._is_named("__closure__")).tolist():
            function, items = graph.source(closure), graph.target(closure)
            for edge in self._chosen(np.array([items]), (EdgeKind.INDEX,)).tolist():
                index = int(graph.columns.edge_name[edge])
                known = self.namer.free_variable(function, items, index)
                if name == (index if known is None else known):
                    cells.append(edge)
        found = np.array(cells, np.int64)
        inside = self._chosen(self._targets(found), _NAMED, self._is_named("cell_contents"))
        return inside if len(inside) else found

    def _repeated(self, nodes: Ints, step: WrittenStep) -> Ints:
        """Edges into every object that the steps lead on to; when a way is longer than one
        step, to objects of the types it starts from.

        One breadth-first pass over the edges that any of the steps may be: O(nodes + edges).
        """
        graph, c = self.graph, self.graph.columns
        kinds = np.full(c.edge_count, EdgeKind.WEAK, np.uint8)
        for name in {part.name for way in step.ways for part in way if part.name is not None}:
            self._let_pass(kinds, str(name))
        if any(part.kind is not StepKind.NAME for way in step.ways for part in way):
            entries = np.isin(c.edge_kind, _ENTRIES) & ~graph.is_namespace[graph.sources]
            kinds[entries] = EdgeKind.INDEX
        n = graph.node_count
        parent, edge = np.full(n, NO_NODE, np.uint32), np.zeros(n, np.uint64)
        tier, order = np.full(n, NO_TIER, np.uint8), np.zeros(n, np.uint32)
        length = _kernels.explore(
            c.edge_offset, c.edge_target, kinds, SKIP_WEAK, np.zeros(n, np.uint8),
            nodes.astype(np.uint32), 0, parent, edge, np.zeros(n, np.uint32), tier, order, 0,
        )  # fmt: skip
        reached = order[:length]
        reached = reached[(parent[reached] != NO_NODE) & ~graph.is_namespace[reached]]
        same = np.isin(c.node_type[reached], np.unique(c.node_type[nodes]))
        is_long = any(len(way) > 1 for way in step.ways)  # then there are nodes in between
        chosen = reached[same] if is_long and same.any() else reached
        found: Ints = np.sort(edge[chosen]).astype(np.int64)
        return found

    def _let_pass(self, kinds: npt.NDArray[np.uint8], name: str) -> None:
        c = self.graph.columns
        named = np.isin(c.edge_kind, _NAMED)
        ids = np.union1d(self._string_ids(name), self._string_ids("__dict__"))
        named &= np.isin(c.edge_name, ids)
        values = c.edge_kind == EdgeKind.VALUE
        values &= np.isin(c.edge_name, self.graph.nodes_with_text(name))
        kinds[named | values] = EdgeKind.ATTR

    # ---- what is said when nothing is there ----

    def _unknown_start(self, text: str) -> UsageError:
        graph = self.graph
        names = {*graph.plan.modules}
        names |= {graph.name_of_type(t) for t in range(graph.columns.type_count)}
        names |= {
            self.namer.root_text(r) for r in range(graph.columns.heap_count, graph.node_count)
        }
        head = re.split(r"[\[{(]", text, maxsplit=1)[0]
        return UsageError(
            f"the snapshot knows no {text}", hint=nearest_hint(head, names, _BEGINNING)
        )

    def _unknown_step(self, nodes: Ints, step: WrittenStep, so_far: str) -> UsageError:
        names = list(self._names_below(nodes))
        some = ", ".join(names[:5])
        otherwise = f"it has {some}{' ...' * (len(names) > 5)}" if names else "it holds nothing"
        hint = nearest_hint(step.text, names, otherwise)
        return UsageError(f"{so_far or 'the snapshot'} has no {step.text}", hint=hint)

    def _names_below(self, nodes: Ints) -> Iterator[str]:
        """How the edges of some nodes are written, each once."""
        graph, seen = self.graph, set()
        spaces = self._targets(self._chosen(nodes, _NAMED, self._is_named("__dict__")))
        edges = [*self._chosen(np.union1d(nodes, spaces), (*_NAMED, EdgeKind.VALUE))[:_LISTED]]
        in_space = set(spaces.tolist())
        for edge in map(int, edges):
            if graph.kind(edge) == EdgeKind.VALUE:
                key = graph.key(int(graph.columns.edge_name[edge]))
                is_name = isinstance(key, str) and graph.source(edge) in in_space
                text = f".{key}" if is_name else quote_key(key)
            else:
                name = int(graph.columns.edge_name[edge])
                text = "" if name == NO_STRING else f".{graph.columns.string(name)}"
            if text and text not in seen:
                seen.add(text)
                yield text
        yield from self._submodules(nodes)

    def _submodules(self, nodes: Ints) -> Iterator[str]:
        modules = self.graph.plan.modules
        for name, (node, _) in modules.items():
            if node in nodes:
                prefix = f"{name}."
                yield from (f".{n[len(prefix) :]}" for n in modules if n.startswith(prefix))


def _may_end(text: str, end: int) -> bool:
    """May a name end here: at the end, or before a step?"""
    return end == len(text) or text.startswith(_STEP_STARTS, end)


def _ends(text: str) -> list[int]:
    """Where the name at the beginning may end, longest first."""
    return [end for end in range(len(text), 0, -1) if _may_end(text, end)]

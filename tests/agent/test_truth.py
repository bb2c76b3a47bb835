"""The native walker against its slow, obvious twin, on one of every kind of object."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leakhunt.agent.format import NodeFlag, TypeFlag
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.store.reader import open_snapshot
from leakhunt.target.interpreter import Interpreter
from tests.agent.conftest import RunProgram
from tests.agent.snapshot_view import Edge, SnapshotView

# References that neither gc.get_referents nor an attribute shows, by type and name.
HIDDEN_FIELDS = {
    "builtins.code": {
        "co_localsplusnames", "co_localspluskinds", "co_code", "co_varnames", "co_cellvars",
        "co_freevars",
    },
    "builtins.range": {"length"},
    "builtins.module": {"md_name"},
    "datetime.timezone": {"name"},
    "functools._lru_list_elem": {"key", "result"},
    "_io.BytesIO": {"buffer"},
    "_io.BufferedRWPair": {"reader", "writer"},
    "_io.IncrementalNewlineDecoder": {"decoder", "errors"},
    "decimal.Context": {"traps", "flags"},
    "posix.DirEntry": {"stat", "lstat"},
}  # fmt: skip
HIDDEN_OF_DESCRIPTORS = {"__qualname__"}
HIDDEN_OF_TYPES = {"tp_subclasses", "__slots__", "__name__", "__qualname__", "tp_cache"}
DESCRIPTORS = {
    "builtins.member_descriptor", "builtins.getset_descriptor", "builtins.method_descriptor",
    "builtins.wrapper_descriptor", "builtins.classmethod_descriptor",
}  # fmt: skip
SHARED_DICT = "instance sharing a dict"


@dataclass(frozen=True)
class Truth:
    """A snapshot, and what Python said about the same heap."""

    view: SnapshotView
    oracle: dict[str, Any]
    version: tuple[int, int]

    @property
    def samples(self) -> dict[str, Any]:
        found: dict[str, Any] = self.oracle["samples"]
        return found

    def heap(self) -> Iterator[tuple[int, str, int | None, Counter[int]]]:
        """Node, type name, size, addresses of referents: of each object that Python knows."""
        referents_by_node = self._referents()
        for address, type_name, size, _ in self.oracle["heap"]:
            node = self.view.must(address)
            yield node, type_name, size, referents_by_node[node]

    def _referents(self) -> dict[int, Counter[int]]:
        """As Python has it; but on 3.14 a dict that shares its instance's inline values reports
        them in its place."""
        found = {self.view.must(a): Counter(refs) for a, _, _, refs in self.oracle["heap"]}
        if self.version < (3, 14):
            return found
        for node, owned in found.items():
            for kind, name, target in self.view.edges(node):
                shared = self.view.must(target)
                if (kind, name) == ("FIELD", "__dict__") and self.view.owned(shared).total() == 0:
                    lent = found[shared] & (self.view.owned(node) - owned)
                    keys = found[shared] - lent
                    assert {self.view.type_of(self.view.must(a)) for a in keys} <= {"builtins.str"}
                    owned.update(lent)
                    found[shared] = Counter()
        return found

    def is_lent(self, shared: int, key: int, value: int) -> bool:
        """Does such a dict show as its item what is an attribute of the instance?"""
        if self.version < (3, 14) or self.view.owned(shared).total() != 0:
            return False
        text = self.view.columns.text_id_of_node(self.view.must(key))
        name = None if text is None else self.view.columns.string(text)
        instances = self.view.source[self.view.columns.edge_target == shared]
        return any(("ATTR", name, value) in self.view.edges(int(node)) for node in instances)


@pytest.fixture(scope="module", params=["plain", "frozen"])
def truth(
    request: pytest.FixtureRequest,
    python: Interpreter,
    run_program: RunProgram,
    tmp_path_factory: pytest.TempPathFactory,
) -> Truth:
    folder = tmp_path_factory.mktemp("truth")
    run_program("truth_program.py", folder, request.param)
    return read_truth(folder, python)


def read_truth(folder: Path, python: Interpreter) -> Truth:
    """What a truth program has written."""
    view = SnapshotView(open_snapshot(folder / "heap.lkheap"))
    oracle = json.loads((folder / "oracle.json").read_text())
    return Truth(view, oracle, (python.version[0], python.version[1]))


def test_every_object_is_a_node(truth: Truth) -> None:
    missing = Counter(
        name for address, name, *_ in truth.oracle["heap"] if truth.view.node(address) is None
    )
    assert not missing
    for name, sample in truth.samples.items():
        assert truth.view.node(sample["address"]) is not None, name


def test_types_have_their_names(truth: Truth) -> None:
    wrong = {
        (name, found)
        for node, name, *_ in truth.heap()
        if (found := truth.view.type_of(node)) != name
    }
    assert not wrong


def test_shallow_sizes_are_those_of_sys_getsizeof(truth: Truth) -> None:
    sizes = truth.view.columns.node_size
    wrong = [
        (name, size, int(sizes[node]))
        for node, name, size, _ in truth.heap()
        if size is not None
        and size != int(sizes[node])
        # the walk of the oracle shares their buffers; frozen ones it cannot ask before
        and not (truth.oracle["frozen"] > 1000 and name == "_io.BytesIO")
    ]
    assert not wrong


def test_no_referent_is_missed(truth: Truth) -> None:
    missed: Counter[str] = Counter()
    for node, name, _, referents in truth.heap():
        for address, n in (referents - truth.view.owned(node)).items():
            missed[f"{name} -> {truth.view.type_of(truth.view.must(address))}"] += n
    assert not missed


def is_hidden(truth: Truth, owner: str, is_gc: bool, kind: str, name: Any) -> bool:
    """May an edge be one that Python does not show?"""
    if name in HIDDEN_FIELDS.get(owner, ()):
        return True
    if owner == "builtins.module" and kind == "UNKNOWN":
        return truth.version == (3, 12)  # _asyncio's state, which the oracle must not ask
    if owner in DESCRIPTORS:
        return name in HIDDEN_OF_DESCRIPTORS
    if kind == "HIDDEN":
        return owner.endswith(("OrderedDict", ".OrderedPlus")) or owner == "builtins.type"
    if name == "__dict__":
        return truth.version >= (3, 13)  # not reported while the values are inline
    # C members of types that the collector does not know
    return kind == "ATTR" and not is_gc


def test_what_is_found_besides_is_known_to_be_hidden(truth: Truth) -> None:
    view, columns = truth.view, truth.view.columns
    none = next(a for a, name, *_ in truth.oracle["heap"] if name == "builtins.NoneType")
    types = set(truth.oracle["types"])
    surprising: Counter[tuple[str, str, Any]] = Counter()
    for node, owner, _, referents in truth.heap():
        more = view.owned(node) - referents
        del more[none]
        if not more:
            continue
        is_gc = bool(columns.type_flags[columns.node_type[node]] & TypeFlag.GC)
        for kind, name, target in view.edges(node):
            if target not in more or kind in ("TYPE", "WEAK"):
                continue
            hidden_of_type = view.address[node] in types and name in HIDDEN_OF_TYPES
            if hidden_of_type or is_hidden(truth, owner, is_gc, kind, name):
                more[target] -= 1
        surprising += Counter(
            {(owner, view.type_of(view.must(target)), ""): n for target, n in more.items() if n > 0}
        )
    assert not surprising


def plain(edge: Edge | list[Any]) -> Edge:
    """An edge to compare: whether a C field counts as attribute is not the point."""
    kind, name, target = edge
    return "FIELD" if kind == "ATTR" else kind, None if kind == "ELEMENT" else name, target


def test_edges_have_their_names(truth: Truth) -> None:
    wrong = []
    for sample_name, sample in truth.samples.items():
        node = truth.view.must(sample["address"])
        edges = truth.view.edges(node)
        found = {plain(edge) for edge in edges}
        fields = {target for kind, _, target in edges if kind == "ATTR"}
        for kind, name, target in map(plain, [*sample["named"], *sample["asked"]]):
            # structure sequences name their items
            is_field = "sequence" in sample_name and kind == "INDEX" and target in fields
            if (kind, name, target) in found or is_field:
                continue
            if kind != "VALUE" or not truth.is_lent(node, int(name or 0), target):
                there = [edge[:2] for edge in edges if edge[2] == target]
                wrong.append((sample_name, kind, name, there))
    assert not wrong


def test_attributes_have_their_names(truth: Truth) -> None:
    wrong = {}
    for name, sample in truth.samples.items():
        if sample["attributes"] is None:
            continue
        if name == SHARED_DICT and truth.version >= (3, 13):
            continue  # the values belong to the instance whose dict it borrowed
        found = truth.view.attributes(truth.view.must(sample["address"]))
        expected = sample["attributes"].items()
        if lost := [key for key, target in expected if found.get(key) != target]:
            wrong[name] = lost
    assert not wrong


def test_facts(truth: Truth) -> None:
    wrong = {}
    for name, sample in truth.samples.items():
        found = truth.view.facts(truth.view.must(sample["address"]))
        if not sample["facts"].items() <= found.items():
            wrong[name] = (sample["facts"], found)
    assert not wrong


def test_no_bound_is_made_up(truth: Truth) -> None:
    found = {
        name: facts["BOUND"]
        for name, sample in truth.samples.items()
        if "BOUND" in (facts := truth.view.facts(truth.view.must(sample["address"])))
    }
    expected = {name: sample["facts"].get("BOUND") for name, sample in truth.samples.items()}
    assert found == {name: bound for name, bound in expected.items() if bound is not None}


def test_reference_counts(truth: Truth) -> None:
    columns = truth.view.columns
    wrong = {}
    for name, count in truth.oracle["refcounts"].items():
        node = truth.view.must(truth.samples[name]["address"])
        if columns.node_flags[node] & NodeFlag.IMMORTAL:
            continue
        if int(columns.node_refcount[node]) != count:
            wrong[name] = (count, int(columns.node_refcount[node]))
    assert not wrong
    assert truth.oracle["refcounts"] == truth.oracle["refcounts_after"]


def test_tracked_flags(truth: Truth) -> None:
    for name, is_tracked in truth.oracle["tracked"].items():
        node = truth.view.must(truth.samples[name]["address"])
        assert truth.view.is_tracked(node) == bool(is_tracked), name


def test_census_equals_the_collectors(truth: Truth) -> None:
    """gc.get_objects() right before it: all of it, and of what it does not list the frozen
    objects and the argument tuple of the capture (which 3.14 does not track)."""
    found, expected = truth.view.census(), Counter(truth.oracle["census"])
    assert not expected - found
    more = found - expected
    arguments = int(truth.version < (3, 14))
    assert more["builtins.tuple"] >= arguments
    assert more.total() == arguments + truth.oracle["frozen"]
    if not truth.oracle["frozen"]:
        assert more["builtins.tuple"] == arguments


def borrowed(truth: Truth) -> set[int]:
    """Nodes whose edges are not all counted: static types, and what 3.11's deep-frozen
    objects refer to; there key tables that dicts share own their keys once."""
    columns, view = truth.view.columns, truth.view
    found = {int(x) for x in columns.edge_target[view.source == _static_root(truth)]}
    if truth.version == (3, 11):
        immortal = np.nonzero(columns.node_flags & NodeFlag.IMMORTAL)[0]
        found |= {int(x) for x in columns.edge_target[np.isin(view.source, immortal)]}
        is_hidden_key = columns.edge_kind == EdgeKind.HIDDEN
        found |= {int(x) for x in columns.edge_target[is_hidden_key]}
    return found


def _static_root(truth: Truth) -> int:
    kinds = list(truth.view.columns.root_kind)
    return truth.view.columns.heap_count + kinds.index(RootKind.STATIC_TYPE)


def test_edges_never_exceed_the_reference_count(truth: Truth) -> None:
    columns, view = truth.view.columns, truth.view
    is_counted = (columns.node_flags & (NodeFlag.IMMORTAL | NodeFlag.ROOT)) == 0
    surplus = columns.node_refcount.astype(np.int64) - view.owners
    wrong = set(np.nonzero(is_counted & (surplus < 0))[0].tolist()) - borrowed(truth)
    assert not Counter(view.type_of(node) for node in wrong)


# What only the walker sees is held by one of these, or by another such object.
SEEN_BY_THE_WALKER_ONLY = {
    ("builtins.dict", "VALUE"),  # of the census itself; thread-locals of the interpreter
    ("builtins.dict", "KEY"),
    ("posix.DirEntry", "ATTR"),
    ("_io.BytesIO", "ATTR"),
    ("builtins.module", "UNKNOWN"),  # module state
}


def test_nodes_that_only_the_walker_sees_are_explained(truth: Truth) -> None:
    view, columns = truth.view, truth.view.columns
    known = {address for address, *_ in truth.oracle["heap"]}
    extra = {i for i in range(columns.heap_count) if view.address[i] not in known}
    # the collector does not list what is frozen
    is_frozen = truth.oracle["frozen"] > 1000
    unexplained = {node: not (is_frozen and view.is_tracked(node)) for node in extra}
    types = {view.must(address) for address in truth.oracle["types"]}
    for e in np.nonzero(np.isin(columns.edge_target, list(extra)))[0]:
        node, kind = int(view.source[e]), EdgeKind(int(columns.edge_kind[e]))
        owner = view.type_of(node)
        is_named = kind in (EdgeKind.ATTR, EdgeKind.FIELD)
        name = columns.string(int(columns.edge_name[e])) if is_named else ""
        is_gc = bool(columns.type_flags[columns.node_type[node]] & TypeFlag.GC)
        if (
            node in extra or node >= columns.heap_count
            or (owner, kind.name) in SEEN_BY_THE_WALKER_ONLY
            or (node in types and name in HIDDEN_OF_TYPES)
            or is_hidden(truth, owner, is_gc, kind.name, name)
        ):  # fmt: skip
            unexplained[int(columns.edge_target[e])] = False
    left = Counter(view.type_of(node) for node, is_open in unexplained.items() if is_open)
    assert left <= Counter({"builtins.tuple": 1}), "but the arguments of the capture"


def distances(view: SnapshotView, kinds: set[EdgeKind]) -> list[int]:
    """Edges from the nearest root over edges of some kinds; -1 where there is no path."""
    columns = view.columns
    found = [-1] * columns.node_count
    queue: deque[int] = deque()
    for i, kind in enumerate(columns.root_kind):
        if kind != RootKind.STATIC_TYPE:
            found[columns.heap_count + i] = 0
            queue.append(columns.heap_count + i)
    is_taken = np.isin(columns.edge_kind, list(kinds)).tolist()
    while queue:
        node = queue.popleft()
        for e in range(view.offset[node], view.offset[node + 1]):
            target = view.target[e]
            if is_taken[e] and found[target] < 0:
                found[target] = found[node] + 1
                queue.append(target)
    return found


def test_samples_hang_from_the_roots_by_names(truth: Truth) -> None:
    owning = set(EdgeKind) - {EdgeKind.WEAK}
    named = owning - {EdgeKind.UNKNOWN, EdgeKind.HIDDEN, EdgeKind.STACK}
    by_names, by_all = distances(truth.view, named), distances(truth.view, owning)
    worse = {}
    for name, sample in truth.samples.items():
        node = truth.view.must(sample["address"])
        if by_names[node] < 0 or by_names[node] > by_all[node] + 2:
            worse[name] = (by_names[node], by_all[node])
    assert not worse

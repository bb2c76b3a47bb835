"""A small heap to draw in tests: objects are made, linked and snapped, as a program would.

    heap = Heap()
    listeners = heap.list()
    heap.module("shop.bus", BUS=heap.object("shop.bus.Bus", listeners=listeners))
    before = heap.snap("baseline")
    listeners.append(heap.object("shop.Session"))
    after = heap.snap("final")

What no root and no native hold reaches is freed by the next snap, as reference counting
would; ``heap.collectable`` keeps a reference cycle until ``heap.collect()``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from leakhunt.agent.format import Fact, NodeFlag, TypeFlag
from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.store.columns import NO_NODE, SnapshotColumns

Key = str | int


@dataclass(eq=False)
class Obj:
    """One object of the drawing."""

    heap: Heap
    type: str
    address: int
    size: int
    flags: int = 0
    edges: list[tuple[EdgeKind, Any, Obj]] = field(default_factory=list)
    facts: list[tuple[Fact, int]] = field(default_factory=list)
    native: int = 0
    """References held by C code."""
    text: str | None = None
    value: int | None = None

    def link(self, kind: EdgeKind, name: Any, target: Obj) -> Obj:
        """Add any edge."""
        self.edges.append((kind, name, target))
        return self

    def set(self, **attributes: Obj) -> Obj:
        """Set inline attributes."""
        for name, target in attributes.items():
            self.edges = [e for e in self.edges if e[:2] != (EdgeKind.ATTR, name)]
            self.link(EdgeKind.ATTR, name, target)
        return self

    def field(self, name: str, target: Obj) -> Obj:
        """Set a C field."""
        return self.link(EdgeKind.FIELD, name, target)

    def append(self, *items: Obj) -> Obj:
        """Append to a sequence."""
        for item in items:
            count = sum(kind == EdgeKind.INDEX for kind, _, _ in self.edges)
            self.link(EdgeKind.INDEX, count, item)
        return self

    def add(self, *items: Obj) -> Obj:
        """Add to a set."""
        for item in items:
            self.link(EdgeKind.ELEMENT, 0, item)
        return self

    def put(self, key: Key | Obj, value: Obj) -> Obj:
        """Set a mapping's entry."""
        node = key if isinstance(key, Obj) else self.heap.key(key)
        self.edges = [
            e
            for e in self.edges
            if not (e[0] == EdgeKind.VALUE and e[1] is node)
            and not (e[0] == EdgeKind.KEY and e[2] is node)
        ]
        return self.link(EdgeKind.KEY, 0, node).link(EdgeKind.VALUE, node, value)

    def pop(self, key: Key | Obj | None = None) -> Obj:
        """Drop a mapping's entry, or the first item of a sequence (the rest moves up)."""
        if key is None:
            items = [t for k, _, t in self.edges if k == EdgeKind.INDEX][1:]
            self.edges = [e for e in self.edges if e[0] != EdgeKind.INDEX]
            return self.append(*items)
        node = key if isinstance(key, Obj) else self.heap.key(key)
        self.edges = [e for e in self.edges if e[1] is not node and e[2] is not node]
        return self

    def weak(self, target: Obj) -> Obj:
        """Refer weakly."""
        return self.link(EdgeKind.WEAK, 0, target)

    def fact(self, fact: Fact, value: int) -> Obj:
        """State a fact."""
        self.facts = [f for f in self.facts if f[0] != fact] + [(fact, value)]
        return self


@dataclass(eq=False)
class Root:
    """A named root."""

    kind: RootKind
    label: str
    edges: list[tuple[EdgeKind, Any, Obj]] = field(default_factory=list)
    facts: list[tuple[Fact, int]] = field(default_factory=list)


# Heap has methods named as the types they draw; these are the types themselves.
Text = str
Ids = set[int]
Facts = dict[str, Any]
Entries = dict[Key, Obj]
ByName = dict[str, Obj]
Blocks = list[tuple[str | None, int]]
Objects = list[Obj]
Roots = list[Root]


class Heap:
    """Objects and roots; addresses are never used twice unless asked for."""

    def __init__(self, *, method: Text = "allocator+deallocators", pid: int = 7) -> None:
        self.objects: Objects = []
        self.roots: Roots = []
        self.kept_garbage: Ids = set()
        self.unreached: Blocks = []
        self.footer: Facts = {}
        self._method, self._pid = method, pid
        self._sequence = 0
        self._since: Text | None = None
        self._born_before_last: Ids = set()
        self._next = 0x10000
        self._keys: Entries = {}
        self._types: ByName = {}
        self.opaque_types: set[Text] = set()
        self.sys_modules = self._make("builtins.dict", 232)
        self.root(RootKind.MODULES, "sys.modules").edges.append(
            (EdgeKind.FIELD, "modules", self.sys_modules)
        )

    # ---- making things ----

    def _make(self, type_name: Text, size: int, address: int | None = None) -> Obj:
        if address is None:
            address = self._next
            self._next += 64
        made = Obj(self, type_name, address, size)
        self.objects.append(made)
        return made

    def object(
        self, type_name: Text = "shop.Thing", /, size: int = 48, address: int | None = None,
        **attributes: Obj,
    ) -> Obj:  # fmt: skip
        """An instance with inline attributes."""
        return self._make(type_name, size, address).set(**attributes)

    def many(self, count: int, type_name: Text = "shop.Thing", size: int = 48) -> Objects:
        """Several instances."""
        return [self.object(type_name, size) for _ in range(count)]

    def list(self, *items: Obj, type_name: Text = "builtins.list") -> Obj:
        """A list (or another sequence)."""
        return self._make(type_name, 56).append(*items)

    def tuple(self, *items: Obj) -> Obj:
        """A tuple."""
        return self.list(*items, type_name="builtins.tuple")

    def set(self, *items: Obj) -> Obj:
        """A set."""
        return self._make("builtins.set", 216).add(*items)

    def dict(self, entries: Entries | None = None, type_name: Text = "builtins.dict") -> Obj:
        """A dict."""
        made = self._make(type_name, 232)
        for key, value in (entries or {}).items():
            made.put(key, value)
        return made

    def key(self, key: Key) -> Obj:
        """The one str or int object of this value."""
        found = self._keys.get(key)
        if found is None or found not in self.objects:
            found = self.str(key) if isinstance(key, str) else self._make("builtins.int", 28)
            found.value = key if isinstance(key, int) else None
            self._keys[key] = found
        return found

    def str(self, text: Text) -> Obj:
        """A new str object."""
        made = self._make("builtins.str", 49 + len(text))
        made.text = text
        return made

    def method(self, receiver: Obj, function: Obj) -> Obj:
        """A bound method."""
        return (
            self._make("builtins.method", 64)
            .field("__func__", function)
            .field("__self__", receiver)
        )

    def function(self, **cells: Obj) -> Obj:
        """A function with captured variables."""
        names = self.tuple(*(self.key(name) for name in cells))
        code = self._make("builtins.code", 200).field("co_freevars", names)
        made = self._make("builtins.function", 160).field("__code__", code)
        if cells:
            boxes = [
                self._make("builtins.cell", 40).field("cell_contents", value)
                for value in cells.values()
            ]
            made.field("__closure__", self.tuple(*boxes))
        return made

    def cls(self, name: Text, **attributes: Obj) -> Obj:
        """The class object of a type name, which its instances refer to."""
        namespace = self._make("builtins.dict", 232)
        for key, value in attributes.items():
            namespace.put(key, value)
        made = self._types[name] = self._make("builtins.type", 1000)
        return made.field("__dict__", namespace)

    def module(self, module_name: Text, **names: Obj) -> Obj:
        """A module in sys.modules; called again, it adds names."""
        for kind, key, module in self.sys_modules.edges:
            if kind == EdgeKind.VALUE and key.text == module_name:
                namespace = module.edges[0][2]
                break
        else:
            namespace = self._make("builtins.dict", 232)
            module = self._make("builtins.module", 72).field("__dict__", namespace)
            self.sys_modules.put(module_name, module)
        for name, value in names.items():
            namespace.put(name, value)
        return namespace

    def root(self, kind: RootKind, label: Text) -> Root:
        """A named root."""
        made = Root(kind, label)
        self.roots.append(made)
        return made

    def frame(self, label: Text, line: int = 0, **names: Obj) -> Root:
        """A running frame with its locals."""
        root = self.root(RootKind.FRAME, label)
        root.edges += [(EdgeKind.LOCAL, name, value) for name, value in names.items()]
        root.facts.append((Fact.LINE, line))
        return root

    # ---- time ----

    def collectable(self, *objects: Obj) -> None:
        """These are in a reference cycle: only the collector frees them."""
        self.kept_garbage.update(id(o) for o in objects)

    def collect(self) -> None:
        """The collector frees what nothing reaches."""
        self.kept_garbage.clear()

    def _reached(self) -> Ids:
        stack = [t for root in self.roots for _, _, t in root.edges]
        stack += [o for o in self.objects if o.native or id(o) in self.kept_garbage]
        seen: Ids = set()
        while stack:
            at = stack.pop()
            if id(at) in seen:
                continue
            seen.add(id(at))
            stack += [t for kind, _, t in at.edges if kind != EdgeKind.WEAK]
            if at.type in self._types:
                stack.append(self._types[at.type])
        return seen

    def snap(self, label: Text = "", *, born: Iterable[Obj] | None = None) -> SnapshotColumns:
        """Freeze: objects made since the last snap are BORN (or exactly those given)."""
        reached = self._reached()
        self.objects = [o for o in self.objects if id(o) in reached]
        self.objects.sort(key=lambda o: o.address)
        new = [o for o in self.objects if id(o) not in self._born_before_last]
        if born is not None:
            new = list(born)
        self._born_before_last = {id(o) for o in self.objects}
        columns = _Columns(self, {id(o) for o in new}).build(label, self._sequence)
        self._sequence += 1
        self._since = label or f"snapshot {self._sequence}"
        return columns

    def header(self, label: Text, sequence: int) -> Facts:
        """Header of a snapshot."""
        return {
            "label": label,
            "sequence": sequence,
            "process": {"pid": self._pid, "start_ticks": 1, "boot_id": "b", "uid": 0},
            "identity": {
                "method": self._method,
                "exact": self._method != "none",
                "since": self._since,
                "since_sequence": None if self._since is None else self._sequence - 1,
                "inferred_types": [],
            },
        }


class _Columns:
    """Turns a heap into columns."""

    def __init__(self, heap: Heap, born: set[int]) -> None:
        self.heap, self.born = heap, born
        self.ids = {id(o): i for i, o in enumerate(heap.objects)}
        self.strings: list[tuple[str, int]] = []
        self.plain: dict[str, int] = {}
        self.types: dict[str, int] = {}

    def build(self, label: str, sequence: int) -> SnapshotColumns:
        objects, roots = self.heap.objects, self.heap.roots
        self.strings = [(o.text, i) for i, o in enumerate(objects) if o.text is not None]
        for o in objects:
            self.types.setdefault(o.type, len(self.types))
        for lost, _ in self.heap.unreached:
            if lost is not None:
                self.types.setdefault(lost, len(self.types))
        root_type = len(self.types)
        edges = [self._edges(o.edges, self.heap._types.get(o.type)) for o in objects]
        edges += [self._edges(r.edges, None) for r in roots]
        flat = [e for part in edges for e in part]
        degree = np.bincount([t for t, _, k in flat if k != EdgeKind.WEAK], minlength=len(objects))
        facts = [
            (i, int(f), v)
            for i, owned in enumerate([*(o.facts for o in objects), *(r.facts for r in roots)])
            for f, v in owned
        ]
        names = [self._plain(n) for n in [*self.types, "<root>"]]
        labels = [self._plain(r.label) for r in roots]
        blob = [text.encode("utf-8", "surrogatepass") for text, _ in self.strings]
        ints = [(i, o.value) for i, o in enumerate(objects) if o.value is not None]
        type_nodes = [self._type_node(n) for n in self.types]
        unreached = self.heap.unreached
        return SnapshotColumns(
            header=self.heap.header(label, sequence),
            footer=dict(self.heap.footer),
            node_address=_u64([*(o.address for o in objects), *(0 for _ in roots)]),
            node_type=_u32([*(self.types[o.type] for o in objects), *(root_type for _ in roots)]),
            node_size=_u64([*(o.size for o in objects), *(0 for _ in roots)]),
            node_refcount=_u32(
                [*(int(degree[i]) + o.native for i, o in enumerate(objects)), *(0 for _ in roots)]
            ),
            node_flags=np.array(
                [
                    *(o.flags | (NodeFlag.BORN if id(o) in self.born else 0) for o in objects),
                    *(NodeFlag.ROOT for _ in roots),
                ],
                np.uint8,
            ),
            edge_offset=_u64(np.cumsum([0, *(len(part) for part in edges)])),
            edge_target=_u32([t for t, _, _ in flat]),
            edge_kind=np.array([k for _, _, k in flat], np.uint8),
            edge_name=_u32([n for _, n, _ in flat]),
            type_name=_u32(names),
            type_flags=np.array(
                [*((TypeFlag.HEAP if n in self.heap._types else 0)
                   | (TypeFlag.OPAQUE if n in self.heap.opaque_types else 0) for n in self.types),
                 TypeFlag.ROOT], np.uint8,
            ),
            type_node=_u32([*type_nodes, NO_NODE]),
            type_base_size=_u64([0] * (root_type + 1)),
            string_offset=_u64(np.cumsum([0, *(len(b) for b in blob)])),
            string_bytes=np.frombuffer(b"".join(blob), np.uint8),
            string_node=_u32([node for _, node in self.strings]),
            string_flags=np.zeros(len(blob), np.uint8),
            int_node=_u32([i for i, _ in ints]),
            int_value=np.array([v for _, v in ints], np.int64),
            fact_node=_u32([n for n, _, _ in facts]),
            fact_id=np.array([f for _, f, _ in facts], np.uint16),
            fact_value=np.array([v for _, _, v in facts], np.int64),
            root_kind=np.array([r.kind for r in roots], np.uint8),
            root_label=_u32(labels),
            unreached_address=_u64([16 * i for i in range(len(unreached))]),
            unreached_type=np.array(
                [-1 if t is None else self.types[t] for t, _ in unreached], np.int32
            ),
            unreached_size=_u64([size for _, size in unreached]),
        )  # fmt: skip

    def _type_node(self, name: str) -> int:
        made = self.heap._types.get(name)
        return NO_NODE if made is None else self.ids.get(id(made), NO_NODE)

    def _plain(self, text: str) -> int:
        """String id of a name that is no object's text."""
        if text not in self.plain:
            self.plain[text] = len(self.strings)
            self.strings.append((text, NO_NODE))
        return self.plain[text]

    def _edges(
        self, edges: Sequence[tuple[EdgeKind, Any, Obj]], type_object: Obj | None
    ) -> list[tuple[int, int, int]]:
        out = []
        for kind, name, target in edges:
            if id(target) not in self.ids:  # only a weak reference can dangle: it is cleared
                assert kind == EdgeKind.WEAK
                continue
            number = name
            if isinstance(name, Obj):
                number = self.ids[id(name)]
            elif isinstance(name, str):
                number = self._plain(name)
            out.append((self.ids[id(target)], int(number), int(kind)))
        if type_object is not None:
            out.append((self.ids[id(type_object)], 0, int(EdgeKind.TYPE)))
        return out


def _u32(values: Any) -> Any:
    return np.asarray(values, dtype=np.uint32)


def _u64(values: Any) -> Any:
    return np.asarray(values, dtype=np.uint64)

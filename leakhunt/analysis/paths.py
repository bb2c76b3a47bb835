"""Names a node as a person would: ``shop.bus.BUS.listeners['tick']`` (docs/paths.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.analysis.accessors import LONGEST, public_attribute, public_global

if TYPE_CHECKING:
    from leakhunt.analysis.named_graph import NamedGraph

KEY_CHARACTERS = 64
"""Longer keys are cut."""
STAR = "[*]"
ANY_NAME = ".*"
UNWRITTEN = frozenset(
    {"builtins.hamt", "builtins.hamt_bitmap_node", "builtins.hamt_array_node",
     "builtins.hamt_collision_node"}
)  # fmt: skip
"""How a context is built inside: nothing a person would write."""
SPECIMENS = 20
"""Of a group of paths so many are compared: where they differ stands ``[*]``."""
_THREAD_KEYS = frozenset({"weakref.ReferenceType", "_thread._localdummy"})
_SHOWN_STEPS = 4096
"""Steps of a longer chain are left out in the middle; runs collapse anyway."""


class Step(NamedTuple):
    """One step of a path: what is written, and the node it leads to."""

    text: str
    kind: str
    node: int
    type: str
    is_item: bool = False
    """Is it an entry (index, key, member) rather than a name?"""


class Path(NamedTuple):
    """A path from a root."""

    start: str
    """Written first: module, type or root."""
    start_type: str
    steps: tuple[Step, ...]

    def __str__(self) -> str:
        return self.start + "".join(text for text, _, _ in collapse(self.steps))

    def described(self) -> list[tuple[str, str, str]]:
        """Text, kind and type of each step from the start on, runs collapsed."""
        return [(self.start, "root", self.start_type), *collapse(self.steps)]

    def then(self, step: Step) -> Path:
        """The path with one more step."""
        return self._replace(steps=(*self.steps, step))


def star(step: Step) -> Step:
    """The step with its index or key left open."""
    return step._replace(text=STAR) if step.text.startswith("[") else step


def opened(path: Path) -> Path:
    """The path with its last step left open: ``[*]`` for an entry, ``.*`` for a name."""
    if not path.steps:
        module = path.start.rpartition(".")[0]
        return path._replace(start=f"{module}{ANY_NAME}") if module else path
    last = path.steps[-1]
    if last.text.startswith(", local "):
        last = last._replace(text=", local '*'")
    elif last.is_item:
        last = star(last)
    else:
        last = last._replace(text=ANY_NAME)
    return path._replace(steps=(*path.steps[:-1], last))


def collapse(steps: Sequence[Step]) -> list[tuple[str, str, str]]:
    """Text, kind and type of each step; a run of one edge to one type is ``(.next)*``."""
    out: list[tuple[str, str, str]] = []
    at = 0
    while at < len(steps):
        step, end = steps[at], at + 1
        while end < len(steps) and (steps[end].text, steps[end].type) == (step.text, step.type):
            end += 1
        text = step.text if end == at + 1 or step.text.startswith("(") else f"({step.text})*"
        out.append((text, step.kind, step.type))
        at = end
    return out


def without_runs(path: Path, repeated: Step) -> Path:
    """The path up to where the repeated step sets in."""
    rest, text = list(path.steps), repeated.text[1:-2]
    while rest:
        tail, last = "", len(rest)
        while last and len(tail) < len(text):
            last -= 1
            tail = rest[last].text + tail
        above = rest[last - 1].type if last else path.start_type
        if tail != text or rest[-1].type != repeated.type or above != repeated.type:
            break
        del rest[last:]
    return path._replace(steps=tuple(rest))


def _in_public(path: Path) -> Path:
    """The path by the names that libraries offer for it.  O(steps)."""
    texts = [step.text for step in path.steps]
    row = public_global(path.start, texts)
    start, kind, at = path.start, path.start_type, 0
    if row is not None:
        at = len(row.steps)
        start, kind = row.public, path.steps[at - 1].type if at else kind
    steps: list[Step] = []
    while at < len(texts):
        found = public_attribute(steps[-1].type if steps else kind, texts[at : at + LONGEST])
        text, count = (texts[at], 1) if found is None else found
        last = path.steps[at + count - 1]
        steps.append(
            last if found is None else last._replace(text=text, kind="attr", is_item=False)
        )
        at += count
    return Path(start, kind, tuple(steps))


def quote_key(key: str | int | None) -> str:
    """A key as written between brackets."""
    if key is None:
        return "[(…)]"
    if isinstance(key, int):
        return f"[{key}]"
    text = repr(key)
    if len(text) > KEY_CHARACTERS:
        text = text[: KEY_CHARACTERS - 2] + "…" + text[0]
    return f"[{text}]"


class PathNamer:
    """Writes paths of one graph."""

    def __init__(self, graph: NamedGraph) -> None:
        self.graph = graph
        self._module_of_dict = {d: name for name, (_, d) in graph.modules.items()}
        self._module_of_node = {m: name for name, (m, _) in graph.modules.items()}

    def path(self, node: int, is_starred: Callable[[int], bool] | None = None) -> Path:
        """Path of a reachable node; entries that lead to a starred node become ``[*]``.

        O(depth), and O(in-degree) of the first object below a module.
        """
        return self._written(self.graph.chain(node, _SHOWN_STEPS), is_starred)

    def path_through(self, node: int, way: Sequence[tuple[int, int]]) -> Path:
        """Path of a reachable node, and a way of (edge, node) on from it.  O(depth)."""
        return self._written([*self.graph.chain(node, _SHOWN_STEPS), *way], None)

    def _written(
        self, chain: list[tuple[int, int]], is_starred: Callable[[int], bool] | None
    ) -> Path:
        start, start_type, at = self._start(chain)
        steps: list[Step] = []
        while at < len(chain):
            step, at = self._step(chain, at)
            if step is not None:
                is_star = step.is_item and is_starred is not None and is_starred(step.node)
                steps.append(star(step) if is_star else step)
        return _in_public(Path(start, start_type, tuple(steps)))

    def way(self, source: int, edges: Sequence[tuple[int, int]]) -> list[Step]:
        """Steps of a way of (edge, node) from a node on.  O(length)."""
        chain, at = [(-1, source), *edges], 1
        steps = []
        while at < len(chain):
            step, at = self._step(chain, at)
            steps += [] if step is None else [step]
        return steps

    # ---- where a path starts ----

    def _start(self, chain: list[tuple[int, int]]) -> tuple[str, str, int]:
        """Text and type of the start, and the position of the first step after it."""
        restart = self._last_type(chain)
        if restart is not None:
            node = chain[restart][1]
            name = self.graph.name_as_type(node) or self.graph.type_name(node)
            return name, self.graph.type_name(node), restart + 1
        graph, first = self.graph, chain[0][1]
        if not graph.is_root(first):
            return f"<native hold> {graph.type_name(first)}", graph.type_name(first), 1
        if len(chain) > 1 and chain[1][1] == graph.sys_modules:
            return self._module_start(chain)
        return self.root_text(first), "root", 1

    def root_text(self, root: int) -> str:
        """How a root is written: its label, and the line where a frame is.  O(roots)."""
        kind, label, line = self.graph.root(root)
        label = self._thread_named(label)
        if kind == RootKind.FRAME and line is not None and line > 0:
            label += "" if label.endswith(f":{line}") else f":{line}"
        return label

    def _thread_named(self, label: str) -> str:
        """A program that never imported threading has one thread, and nobody named it."""
        if self.graph.thread_count != 1:
            return label
        return re.sub(r"^thread \d+", "thread 'MainThread'", label)

    def _last_type(self, chain: list[tuple[int, int]]) -> int | None:
        """Position of the last class on the path whose name says more than the way to it."""
        for at in range(len(chain) - 1, 0, -1):
            edge, node = chain[at]
            if self.graph.kind(edge) != EdgeKind.INDEX and self.graph.name_as_type(node):
                return at
        return None

    def _module_start(self, chain: list[tuple[int, int]]) -> tuple[str, str, int]:
        graph = self.graph
        if len(chain) == 2:
            return "sys.modules", "builtins.dict", 2
        module = self._module_of_node.get(chain[2][1])
        if module is None:
            return self._stand_in_start(chain[2])
        namespace = graph.modules[module][1]
        if len(chain) > 4 and chain[3][1] == namespace:
            name = self._defining_name(chain[4], module)
            if name is not None:
                return name, graph.type_name(chain[4][1]), 5
        return module, "builtins.module", 3

    def _stand_in_start(self, entry: tuple[int, int]) -> tuple[str, str, int]:
        """An object that a program put in place of a module is imported by the module's name."""
        edge, node = entry
        graph = self.graph
        key = graph.name_of_edge(edge) if graph.kind(edge) == EdgeKind.VALUE else None
        name = None if key is None else graph.text(key)
        if name is None or not all(part.isidentifier() for part in name.split(".")):
            return "sys.modules", "builtins.dict", 2
        return name, graph.type_name(node), 3

    def _defining_name(self, entry: tuple[int, int], module: str) -> str | None:
        """``pkg.mod.NAME`` of a module global, in the module that defines it."""
        edge, node = entry
        if self.graph.kind(edge) != EdgeKind.VALUE:
            return None
        best = self._module_that_defines(node, module)
        if best != module:
            edge = self.graph.edge_between(self.graph.modules[best][1], node)
        name = self.graph.text(self.graph.name_of_edge(edge))
        return None if name is None else f"{best}.{name}"

    def _module_that_defines(self, node: int, module: str) -> str:
        """Of the modules that name a node, the one it comes from, as far as one can tell."""
        holders = {self._module_of_dict[source] for source in self.graph.namespaces_with(node)}
        if len(holders) < 2:
            return module
        home = self._home(node)
        matching = [m for m in holders if home == m or home.startswith(m + ".")]
        if matching:
            return max(matching, key=len)
        inner = [m for m in holders if m.startswith(module + ".")]
        if inner:
            return max(inner, key=lambda m: (m.count("."), m))
        public = module.removeprefix("_")
        if public in holders:  # one that is written in C hands its globals to the one it serves
            return public
        others = sorted(m for m in holders if m != "__main__")
        return others[0] if module == "__main__" and others else module

    def _home(self, node: int) -> str:
        """Qualified name that tells in which module an object was defined, or ``""``."""
        name = self.graph.name_as_type(node)
        if name is not None:
            return name
        module = self.graph.named_child(node, "__module__")
        text = None if module is None else self.graph.text(module)
        return text if text is not None else self.graph.type_name(node)

    # ---- one step ----

    def _step(self, chain: list[tuple[int, int]], at: int) -> tuple[Step | None, int]:
        """The step at a position (None when it is not written), and the next position."""
        edge, node = chain[at]
        graph = self.graph
        kind = graph.kind(edge)
        name = graph.edge_text(edge) if kind in (EdgeKind.FIELD, EdgeKind.ATTR) else None
        following = chain[at + 1] if at + 1 < len(chain) else None
        if name == "__dict__" and following is not None:
            attribute = self._attribute(following)
            if attribute is not None:
                return attribute, at + 2
        if name == "__closure__":
            return self._closure(chain, at)
        if graph.type_name(node) in UNWRITTEN:
            return None, at + 1
        if name == "dicts" and following is not None and self._is_of_a_thread(following):
            return self._thread_local(chain, at)
        return self._plain(chain[at - 1][1], edge, node), at + 1

    def _attribute(self, following: tuple[int, int]) -> Step | None:
        edge, node = following
        if self.graph.kind(edge) != EdgeKind.VALUE:
            return None
        key = self.graph.text(self.graph.name_of_edge(edge))
        if key is None:
            return None
        text = f".{key}" if key.isidentifier() else f".__dict__{quote_key(key)}"
        return Step(text, "attr", node, self.graph.type_name(node))

    def _is_of_a_thread(self, following: tuple[int, int]) -> bool:
        """Is it the dict of one thread in a ``threading.local``, kept by a key of its own?"""
        edge, node = following
        if self.graph.kind(edge) != EdgeKind.VALUE:
            return False
        key = self.graph.name_of_edge(edge)
        is_dict = self.graph.type_name(node) == "builtins.dict"
        return is_dict and self.graph.type_name(key) in _THREAD_KEYS

    def _thread_local(self, chain: list[tuple[int, int]], at: int) -> tuple[Step, int]:
        """``.name`` for the dict of all threads, the dict of one of them, the value."""
        end = at + 2
        if end < len(chain):
            attribute = self._attribute(chain[end])
            if attribute is not None:
                return attribute, end + 1
        node = chain[end - 1][1]
        return Step(".__dict__", "field", node, self.graph.type_name(node)), end

    def _closure(self, chain: list[tuple[int, int]], at: int) -> tuple[Step, int]:
        """``.<closure>['x']`` for function, tuple, cell, contents; less when it ends early."""
        graph = self.graph
        if at + 1 >= len(chain):
            return self._plain(chain[at - 1][1], *chain[at]), at + 1
        item, cell = chain[at + 1]
        index = graph.name_of_edge(item)
        name = self.free_variable(chain[at - 1][1], chain[at][1], index)
        text = f".<closure>{quote_key(index if name is None else name)}"
        end = at + 2
        if end < len(chain) and graph.edge_text_is(chain[end][0], "cell_contents"):
            cell, end = chain[end][1], end + 1
        return Step(text, "cell", cell, graph.type_name(cell)), end

    def free_variable(self, function: int, closure: int, index: int) -> str | None:
        """Name of a captured variable by its place in the closure, None when not known."""
        graph = self.graph
        code = graph.named_child(function, "__code__")
        if code is None:
            return None
        free = graph.named_child(code, "co_freevars")
        names = graph.named_child(code, "co_localsplusnames")
        if free is not None and graph.entries(free):
            return self._item_text(free, index)
        if names is None:
            return None
        first = (graph.entries(names) or 0) - (graph.entries(closure) or 0)
        return self._item_text(names, first + index)

    def _item_text(self, sequence: int, index: int) -> str | None:
        item = self.graph.item(sequence, index)
        return None if item is None else self.graph.text(item)

    def _plain(self, source: int, edge: int, node: int) -> Step:
        text, kind, is_item = edge_words(self.graph, source, edge)
        return Step(text, kind, node, self.graph.type_name(node), is_item)


def edge_words(graph: NamedGraph, source: int, edge: int) -> tuple[str, str, bool]:
    """How one edge is written, its kind in words, and whether it is an entry.  O(log n)."""
    kind = EdgeKind(graph.kind(edge))
    word = kind.name.lower()
    if kind is EdgeKind.INDEX:
        return f"[{graph.name_of_edge(edge)}]", word, True
    if kind is EdgeKind.VALUE:
        return quote_key(graph.key(graph.name_of_edge(edge))), word, True
    if kind is EdgeKind.ELEMENT:
        return "{*}", word, True
    if kind is EdgeKind.KEY:
        return ".keys()[*]", word, True
    if kind is EdgeKind.LOCAL:
        text = graph.edge_text(edge) or "?"
        is_running = graph.is_root(source)
        return (f", local '{text}'" if is_running else f".<local>['{text}']"), word, False
    if kind is EdgeKind.TYPE:
        return ".__class__", word, False
    if kind in (EdgeKind.ATTR, EdgeKind.FIELD):
        text = graph.edge_text(edge) or "?"
        if text == "cell_contents":
            word = "cell"
        return f".{text}", word, False
    return f".<{word}>", word, True


def common_path(namer: PathNamer, nodes: Sequence[int]) -> Path:
    """The path of the first of some nodes, ``[*]`` where those of the next SPECIMENS differ.
    O(depth of these)."""
    first = namer.path(nodes[0])
    texts = [step.text for step in first.steps]
    differ = [False] * len(texts)
    for node in nodes[1:SPECIMENS]:
        for i, step in enumerate(namer.path(node).steps[: len(texts)]):
            differ[i] |= step.text != texts[i]
    steps = [star(step) if differ[i] else step for i, step in enumerate(first.steps)]
    return first._replace(steps=tuple(steps))

"""A slow, obvious reader of ``.heapsnapshot`` files, for tests."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Edge:
    type: str
    name: str | int
    to: Node


@dataclass(eq=False)
class Node:
    type: str
    name: str
    id: int
    size: int
    edges: list[Edge] = field(default_factory=list)

    def to(self, name: str | int) -> Node:
        (found,) = [e.to for e in self.edges if e.name == name]
        return found

    @property
    def class_name(self) -> str:
        """What Chrome DevTools groups it by."""
        if self.type == "closure":
            return "Function"
        return self.name if self.type in ("object", "native") else f"({self.type})"


@dataclass
class View:
    json: dict[str, Any]
    nodes: list[Node]

    @property
    def root(self) -> Node:
        return self.nodes[0]

    def named(self, name: str) -> Node:
        (found,) = [node for node in self.nodes if node.name == name]
        return found

    def category(self, name: str) -> Node:
        (roots,) = [e.to for e in self.root.edges]
        (found,) = [e.to for e in roots.edges if e.to.name == name]
        return found


def view(path: Path) -> View:
    value = json.loads(path.read_text("ascii"))
    meta, strings = value["snapshot"]["meta"], value["strings"]
    (node_words, *_), (edge_words, *_) = meta["node_types"], meta["edge_types"]
    width = len(meta["node_fields"])
    rows = list(zip(*[iter(value["nodes"])] * width, strict=True))
    nodes = [Node(node_words[t], strings[n], i, size) for t, n, i, size, _ in rows]
    edges = iter(zip(*[iter(value["edges"])] * 3, strict=True))
    for node, (_, _, _, _, count) in zip(nodes, rows, strict=True):
        for _ in range(count):
            kind, name, to = next(edges)
            word = edge_words[kind]
            text = name if word in ("element", "hidden") else strings[name]
            node.edges.append(Edge(word, text, nodes[to // width]))
    assert next(edges, None) is None
    return View(value, nodes)


def comparison(before: View, after: View) -> dict[str, tuple[int, int]]:
    """Added and removed by class, as the Comparison view counts them."""
    old = {node.id: node.class_name for node in before.nodes if node.size}
    new = {node.id: node.class_name for node in after.nodes if node.size}
    added = Counter(new[i] for i in new.keys() - old.keys())
    removed = Counter(old[i] for i in old.keys() - new.keys())
    return {name: (added[name], removed[name]) for name in added | removed}

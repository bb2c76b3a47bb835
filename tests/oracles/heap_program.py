"""A program with a heap of many shapes, that captures itself: FOLDER is its argument."""

from __future__ import annotations

import collections
import decimal
import email.message
import functools
import gc
import json
import logging
import sys
import types
import unittest
import weakref
from pathlib import Path
from typing import Any

from leakhunt.agent import snapshots


class Node:
    """Knows its parent, its children and, weakly, itself."""

    def __init__(self, parent: Node | None) -> None:
        self.parent = parent
        self.children: list[Node] = []
        self.me = weakref.ref(self)
        if parent is not None:
            parent.children.append(self)


class Slotted:
    """Without a dict."""

    __slots__ = ("left", "right")

    def __init__(self, left: object, right: object) -> None:
        self.left, self.right = left, right


@functools.lru_cache(maxsize=64)
def cached(n: int) -> tuple[int, str]:
    """Fills a cache."""
    return n, str(n)


def chain(length: int) -> Any:
    """A linked list of tuples."""
    link: Any = None
    for i in range(length):
        link = (i + 100_000, link)
    return link


def build() -> dict[str, Any]:
    """Shared, nested, cyclic and weak."""
    root = Node(None)
    nodes = [root]
    for i in range(400):
        nodes.append(Node(nodes[i * 7 % len(nodes)]))
    shared = [f"shared {i}" for i in range(50)]
    for n in range(100):
        cached(n)
    ring = Slotted(None, shared)
    ring.left = Slotted(ring, root)
    return {
        "nodes": nodes,
        "chain": chain(3000),
        "shared": [(shared, {n: shared[n % 50]}) for n in range(200)],
        "ring": ring,
        "weak": weakref.WeakValueDictionary({n: nodes[n] for n in range(0, 400, 9)}),
        "closures": [lambda n=n, s=shared: (n, s) for n in range(50)],
        "counter": collections.Counter(str(n % 7) for n in range(100)),
        "decimals": [decimal.Decimal(n) / 7 for n in range(50)],
        "parsed": json.loads(json.dumps([{"a": [n, {"b": str(n)}]} for n in range(100)])),
        "others": [logging.getLogger(f"heap.{n}") for n in range(20)],
        "message": email.message.EmailMessage(),
        "space": types.SimpleNamespace(case=unittest.TestCase()),
    }


def main() -> None:
    """Capture with garbage, which no root reaches."""
    gc.disable()
    kept = build()
    for _ in range(50):
        lost = Slotted(None, kept["nodes"])
        lost.left = lost
    del lost
    snapshots.capture(Path(sys.argv[1]) / "heap.lkheap", label="heap")
    assert kept


main()

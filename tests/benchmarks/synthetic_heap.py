"""The synthetic heap of the figures: about n objects in a realistic mix, 2.3 edges each.

Dicts, instances with and without ``__slots__``, tuples, lists, sets, closures and the
strings, ints, floats and bytes they hold; cross references within a sliding pool.
Standard library only: it runs inside the target interpreter.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from typing import Any

POOL = 20_000
"""Objects that later ones may refer to."""


class Record:
    """An instance with inline values."""

    def __init__(self, name: str, number: int, link: object, links: list[object]) -> None:
        self.a = name
        self.b = number
        self.c = link
        self.d = links


class Slotted:
    """An instance without a dict."""

    __slots__ = ("x", "y", "z")

    def __init__(self, x: bytes, y: object, z: tuple[object, ...]) -> None:
        self.x = x
        self.y = y
        self.z = z


class TreeNode:
    """A node that knows its parent and its children."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.children: list[object] = []
        self.parent: object = None


def closure(a: object, b: object) -> Callable[[], tuple[object, object]]:
    """A function with two cells."""

    def inner() -> tuple[object, object]:
        return a, b

    return inner


class Builder:
    """Draws one object after the other."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.pool: list[Any] = []
        self.serial = 0

    def pick(self) -> Any:
        """An earlier object, or None at the start."""
        return self.pool[self.random.randrange(len(self.pool))] if self.pool else None

    def draw(self) -> tuple[Any, int]:
        """One object and how many it counts for."""
        self.serial += 1
        i, kind = self.serial, self.random.random()
        p, q = self.pick(), self.pick()
        if kind < 0.22:
            tags = [f"t{i * 7}", p, q, self.pick(), self.pick(), self.pick()]
            return {
                "id": i + 100_000, "name": f"name-{i}", "value": i * 1.5, "tags": tags,
                "meta": self.pick(),
            }, 6  # fmt: skip
        if kind < 0.40:
            links = [q, self.pick(), self.pick(), self.pick()]
            return Record(f"s{i}", i + 1_000_000, p, links), 5
        if kind < 0.55:
            items = (i + 300_000, q, self.pick(), self.pick(), self.pick())
            return Slotted(b"blob%d" % i, p, items), 4
        if kind < 0.70:
            return (i + 500_000, f"k{i}", p, q, self.pick(), self.pick()), 3
        if kind < 0.80:
            return [i + 700_000, f"l{i}", p, q, float(i), self.pick(), self.pick(), self.pick()], 4
        if kind < 0.85:
            return {f"u{i}", i + 900_000, i + 910_000}, 4
        if kind < 0.90:
            return closure(p, (f"c{i}", self.pick(), self.pick())), 5
        if kind < 0.97:
            node = TreeNode(f"n{i}")
            node.parent = p
            if isinstance(p, TreeNode):
                p.children.append(node)
            return node, 4
        return {f"q{i * 8 + j}": i * 8 + j + 1_000_000 for j in range(8)}, 17

    def keep(self, drawn: Any) -> None:
        """Let later objects refer to this one."""
        self.pool.append(drawn)
        if len(self.pool) > POOL:
            self.pool[self.random.randrange(POOL)] = self.pool.pop()


def build(object_count: int, seed: int = 1) -> list[Any]:
    """A list that holds about ``object_count`` objects."""
    was_enabled = gc.isenabled()
    gc.disable()
    builder, kept, total = Builder(seed), [], 0
    while total < object_count:
        drawn, weight = builder.draw()
        total += weight
        builder.keep(drawn)
        kept.append(drawn)
    if was_enabled:
        gc.enable()
    return kept

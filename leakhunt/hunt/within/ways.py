"""Shortest ways through the living heap to some objects."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from leakhunt.agent._heap import interpreter_references, self_test, ways


class Ways(NamedTuple):
    """From ``sys.modules``, or else from the interpreter.  Keeps what is on them alive."""

    reached: Sequence[int]
    """Addresses of the objects to which there is a way."""
    steps: Mapping[int, tuple[Any, Any | None]]
    """By address of each object on the ways: the object, and the one before it; None before one
    that a root refers to."""
    references: Sequence[tuple[str, str | int, Any]]
    """What the interpreter refers to: (root, name of the field or index, object)."""

    def object(self, address: int) -> Any:
        """The object itself."""
        return self.steps[address][0]

    def passed(self) -> Iterator[tuple[Any, Any | None]]:
        """The objects on the ways to those that are reached, each once, with the one before it."""
        seen: set[int] = set()
        for address in self.reached:
            one = self.object(address)
            while one is not None and id(one) not in seen:
                before = self.steps[id(one)][1]
                yield one, before
                seen.add(id(one))
                one = before


def find_ways(addresses: Sequence[int], shut: Sequence[Any]) -> Ways:
    """Ways to the objects at some addresses; none goes through an object that is ``shut``.
    O(objects of the heap).

    Raises:
        RuntimeError: the interpreter's layout is not the one we were built for.
        MemoryError: there is no memory for the search (about 20 bytes an object).
    """
    self_test()
    references = interpreter_references()
    tiers = [[sys.modules], [one for _, _, one in references]]
    steps = ways(list(addresses), tiers, list(shut))
    return Ways([one for one in addresses if one in steps], steps, references)

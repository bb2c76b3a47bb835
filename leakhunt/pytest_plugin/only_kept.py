"""What nothing keeps but what keeps it on purpose."""

from __future__ import annotations

import gc
import sys
from collections import Counter
from typing import Any

from leakhunt.agent._heap import apart, holders


def only_kept(
    objects: list[Any], newborn: list[Any], keepers: list[Any]
) -> tuple[list[Any], list[Any]]:
    """The objects without those that hang from the keepers alone, and these.

    What something else refers to as well is not excused, nor is what hangs from it: a global that
    keeps an attribute of a test's instance leaks it.  References are compared with the reference
    counts; those of the newborn, which are looked at themselves, and of both lists are known.

    O(references of the newborn and the keepers).
    """
    left = apart(objects, keepers)
    if len(left) == len(objects):
        return left, []
    numbers = {id(one) for one in left}
    inside = [one for one in objects if id(one) not in numbers]
    lists = [objects, inside] if objects is newborn else [objects, inside, newborn]
    pairs = holders(inside, [*newborn, *keepers, *lists])
    known = Counter([id(one) for _, one in pairs])
    del pairs
    probe: list[Any] = []
    checked = [*inside, probe]
    counts = [sys.getrefcount(one) for one in checked]
    ours = counts.pop() - 1  # the probe has a name besides
    also_kept = [
        one for one, count in zip(inside, counts, strict=True) if count - ours > known[id(one)]
    ]
    if also_kept:
        numbers = {id(one) for one in also_kept}
        inside = [one for one in apart(inside, also_kept) if id(one) not in numbers]
        numbers = {id(one) for one in inside}
        left = [one for one in objects if id(one) not in numbers]
    return left, inside


def own_blocks(objects: list[Any]) -> int:
    """Blocks of memory of objects, their tables, and what no collector tracks of that which they
    refer to and nobody else: about.  O(references)."""
    probe: list[Any] = []
    (ours,) = (sys.getrefcount(one) for one in [probe])
    ours -= 1  # the name of the probe
    waiting, count = list(objects), 0
    while waiting:
        one = waiting.pop()
        parts = gc.get_referents(one)
        # One block more for the table of a list or dict, and of the values of an instance.
        count += 1 + bool(parts)
        waiting += [
            part for part in parts if not gc.is_tracked(part) and sys.getrefcount(part) - ours <= 1
        ]
    return count

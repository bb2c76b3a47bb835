"""The target of the figures of the screens: one object that a million others refer to.

Usage: python hub_target.py MEMBERS FOLDER; writes ``final.lkheap``.
"""

from __future__ import annotations

import sys
from pathlib import Path

from leakhunt.agent import snapshots


class Hub:
    """What all refer to."""


class Member:
    """One that refers to it."""

    __slots__ = ("hub", "number")

    def __init__(self, hub: Hub, number: int) -> None:
        self.hub, self.number = hub, number


HUB = Hub()
MEMBERS: list[Member] = []


def main() -> None:
    """Build it and capture."""
    MEMBERS.extend(Member(HUB, number + 1000) for number in range(int(float(sys.argv[1]))))
    snapshots.capture(Path(sys.argv[2]) / "final.lkheap", label="final")


main()

"""Hunt a process that runs, in a test."""

from __future__ import annotations

from typing import Any

from leakhunt.hunt import LiveOptions
from tests.unit.hunt.fake_agent import FakeReach

KEPT = "sys.modules.shop.KEPT"
"""The holder, as the drawn heap names it."""


def leak(reach: FakeReach, number: int, *, says: bool = True) -> str:
    """A load that makes the target keep so many things more."""
    line = f"printf '%{number}s' x >> {reach.work}"
    return f"{line}; echo leakhunt-cycles: {number}" if says else line


def options(pid: int, **more: Any) -> LiveOptions:
    return LiveOptions(pid=pid, settle_max_s=1.0, **more)

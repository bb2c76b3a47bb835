"""What is done to a target, as data; all that one snapshot needs of a report."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Intervention:
    """One thing done to a live target, and for how long it stood still."""

    pid: int
    kind: str
    """attach, collect, capture, birth_start, birth_stop or detach."""
    at_ns: int
    """When it was over, since the start of the hunt."""
    pause_ns: int
    """How long the target, or the threads that needed the interpreter lock, stood still."""
    note: str = ""

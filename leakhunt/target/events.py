"""What the scenario child says: its event file and its position page, read from outside.

Both are written by the target, so nothing in them is believed further than its type.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leakhunt.agent import scenario as agent

_LINE_BYTES_MAX = 256 << 10


class EventTail:
    """Reads the lines appended to the event file since the last look."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._rest = b""

    def read(self) -> list[dict[str, Any]]:
        """New events; lines that are no event are skipped."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._offset)
                text = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(text)
        *lines, self._rest = (self._rest + text).split(b"\n")
        self._rest = self._rest[:_LINE_BYTES_MAX]
        return [event for event in map(_parse, lines) if event is not None]


def _parse(line: bytes) -> dict[str, Any] | None:
    if len(line) > _LINE_BYTES_MAX:
        return None
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


@dataclass(frozen=True, slots=True)
class Position:
    """Where the child is, or was when it ended."""

    phase: str
    cycle: int
    """Argument of the running cycle, -1 for none."""
    errno: int
    """Of the last event that could not be written, 0 for none."""


def read_position(path: Path) -> Position:
    """The position page; ``start`` when it cannot be read."""
    try:
        page = path.read_bytes()
        phase, cycle = agent.AT.unpack_from(page)
        number = agent.ERRNO.unpack_from(page, 16)[0]
        return Position(agent.PHASES[max(phase, 0)], cycle, number)
    except (OSError, IndexError, struct.error):
        return Position(agent.PHASES[0], -1, 0)


EXACT_TRACES = (
    "the program traces its allocations itself with tracemalloc: its exact traces are told, and"
    " nothing was switched on"
)


@dataclass(frozen=True, slots=True)
class Failure:
    """An exception in the target."""

    phase: str
    cycle: int
    type: str
    message: str
    is_interrupt: bool
    frames: tuple[tuple[str, int, str], ...]
    """(file, line, function), outermost first."""


@dataclass(frozen=True, slots=True)
class Measure:
    """What was measured just before a snapshot; zero when /proc is missing."""

    rss_bytes: int
    threads: int
    descriptors: int
    blocks: int


@dataclass(slots=True)
class RunLog:
    """Everything the child reported, in order."""

    pid: int | None = None
    failures: list[Failure] = field(default_factory=list)
    measure_by_label: dict[str, Measure] = field(default_factory=dict)
    collect_ns: list[int] = field(default_factory=list)
    """Forced collections before the final snapshot."""
    notes: list[str] = field(default_factory=list)
    load_ns: int = 0
    is_done: bool = False

    def add(self, event: dict[str, Any]) -> None:
        """Take one event; one that lacks what it should have is ignored."""
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is None:
            return
        try:
            handler(event)
        except (KeyError, TypeError, ValueError):
            return

    def _on_started(self, event: dict[str, Any]) -> None:
        self.pid = int(event["pid"])

    def _on_failed(self, event: dict[str, Any]) -> None:
        frames = tuple((str(file), int(line), str(name)) for file, line, name in event["frames"])
        self.failures.append(
            Failure(
                phase=str(event["phase"]),
                cycle=int(event["cycle"]),
                type=str(event["type"]),
                message=str(event["message"]),
                is_interrupt=bool(event["is_interrupt"]),
                frames=frames,
            )
        )

    def _on_measure(self, event: dict[str, Any]) -> None:
        self.measure_by_label[str(event["label"])] = Measure(
            rss_bytes=int(event["rss_bytes"]),
            threads=int(event["threads"]),
            descriptors=int(event["descriptors"]),
            blocks=int(event["blocks"]),
        )

    def _on_cycles(self, event: dict[str, Any]) -> None:
        if event["phase"] == "load":
            self.load_ns += int(event["ns"])

    def _on_settled(self, event: dict[str, Any]) -> None:
        if not event["is_settled"]:
            self.notes.append(
                f"the target did not come to rest within {int(event['ns']) / 1e9:.1f} s before"
                f" the {event['at']} snapshot: what it was doing is part of the growth"
            )

    def _on_collected(self, event: dict[str, Any]) -> None:
        if event["at"] == "final":
            self.collect_ns.append(int(event["ns"]))

    def _on_collect_refused(self, event: dict[str, Any]) -> None:
        self.notes.append(
            f"no collection before the {event['at']} snapshot: it would have paused the target"
            f" for about {int(event['predicted_ns']) / 1e6:.0f} ms, more than --max-pause allows"
        )

    def _on_birth_stopped(self, event: dict[str, Any]) -> None:
        if not event["restored"]:
            self.notes.append(f"birth tracking stays in the target: {event['note']}")

    def _on_sites(self, event: dict[str, Any]) -> None:
        if event["source"] == "tracemalloc":
            self.notes.append(EXACT_TRACES)

    def _on_sites_stopped(self, event: dict[str, Any]) -> None:
        if not event["restored"]:
            self.notes.append("the hook of sampling stays in the target as a pass-through")

    def _on_done(self, _: dict[str, Any]) -> None:
        self.is_done = True

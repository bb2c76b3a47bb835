"""One process under watch: its readings, its looks from inside, what was said of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from leakhunt.errors import LeakhuntError
from leakhunt.hunt.watch.options import WatchOptions
from leakhunt.hunt.watch.watched import Turn, Watched
from leakhunt.report.watch_model import Reason
from leakhunt.target.sampler import Look, ProcessSampler, Reading

LISTEN_S: Final = 3.0
"""How long a look listens to an event loop: 30 ticks."""
NOTES_MAX: Final = 50


@dataclass(slots=True)
class Member:
    """One process under watch."""

    sampler: ProcessSampler
    watched: Watched
    options: WatchOptions
    sampled_s: float = float("-inf")
    looked_s: float = float("-inf")
    has_baseline: bool = False
    saved_s: dict[Reason, float] = field(default_factory=dict)
    samples: int = 0
    alarms: int = 0
    snapshots: int = 0
    said: set[str] = field(default_factory=set)
    """Notes that need not be said again."""
    listening: Look | None = None
    _ours: tuple[int, int] = (0, 0)
    """Threads and descriptors that the process has because a look listens."""

    def read(self, now_s: float) -> Reading:
        """Its state from outside, what listens in it left out.  Raises TargetError."""
        reading = self.sampler.read(now_s)
        if self.listening is None:
            return reading
        threads, descriptors = self._ours
        count = reading.descriptor_count
        return replace(
            reading,
            thread_count=reading.thread_count - threads,
            descriptor_count=None if count is None else count - descriptors,
        )

    def is_time_to_look(self, now_s: float) -> bool:
        """Whether the next look from inside is due."""
        every_s = self.options.looks_every_s
        return every_s is not None and now_s - self.looked_s >= every_s

    def look(self, now_s: float) -> list[Turn]:
        """Look inside; what that changes.  Raises TargetError, NativeBuildError."""
        self.end_look()
        self.looked_s = now_s
        try:
            look = self.sampler.look(method=self.options.method, force=self.options.force)
        except LeakhuntError:
            self.watched.take_delay(None)  # that of an earlier look is none of this one
            raise
        if look.is_listening:
            self.listening = look
            self._ours = self._added_by(look, now_s)
        else:
            self.watched.take_delay(None)
        return self.watched.take_look(now_s, look.measure)

    def _added_by(self, look: Look, now_s: float) -> tuple[int, int]:
        with_ours = self.sampler.read(now_s)
        threads = with_ours.thread_count - look.measure.threads
        descriptors = (with_ours.descriptor_count or 0) - look.measure.descriptors
        return max(threads, 0), max(descriptors, 0)

    @property
    def listens_until_s(self) -> float:
        """When the look has listened for long enough; never, when it does not listen."""
        if self.listening is None:
            return float("inf")
        return self.looked_s + min(LISTEN_S, (self.options.looks_every_s or 0.0) / 2)

    def end_look(self, now_s: float = float("-inf")) -> None:
        """Leave the process; with what the look heard, when it has listened for long enough."""
        look, is_over = self.listening, now_s >= self.listens_until_s
        if look is not None:
            self.listening = None
            delay = look.end()
            self.watched.take_delay(delay if is_over else None)

    def is_news(self, note: str) -> bool:
        """Whether a note was not said yet."""
        is_new = note not in self.said and len(self.said) < NOTES_MAX
        if is_new:
            self.said.add(note)
        return is_new

"""What the agent's probes answer: pauses of the collector, delays of event loops."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.errors import TargetError
from leakhunt.target.answers import Answer

_PAUSE_MEMBERS = 6
_LOOP_MEMBERS = 6


@dataclass(frozen=True, slots=True)
class GcPauses:
    """Collections in a span of time, those that we forced left out.

    A pause lasts from the last ``start`` callback to the last ``stop`` callback of ``gc``,
    finalizers included; percentiles are the true ones or at most 1/16 more.
    """

    count: int
    collected: int
    """Objects that they freed or found uncollectable."""
    p50_ns: int
    p99_ns: int
    max_ns: int
    sum_ns: int


@dataclass(frozen=True, slots=True)
class LoopDelay:
    """How late an event loop is: from the moment an event comes in to its callback.

    Measured at 10 moments a second on average that do not depend on the program; a moment that a
    late answer swallowed counts as the one it would have been.  p50 and p99 are the true ones or
    at most 1/16 more; all are 0 before the first tick.
    """

    tid: int
    """The thread that runs it, as the target's kernel numbers it; the main one has the
    process's number."""
    ticks: int
    p50_ns: int
    p99_ns: int
    max_ns: int
    waiting_ns: int
    """For how long it has not answered now; 0 when it has."""

    @property
    def is_known(self) -> bool:
        """Whether anything was measured."""
        return self.ticks > 0 or self.waiting_ns > 0


@dataclass(frozen=True, slots=True)
class Probes:
    """What was seen in a span of time."""

    elapsed_ns: int
    """The span: since the last reading, or since the first one, which begins."""
    blocks: int
    """Given out by the object allocator now."""
    gc_enabled: bool
    gc_thresholds: tuple[int, int, int]
    gc_garbage: int
    """Length of ``gc.garbage``."""
    gc_uncollectable: int
    """Found since the process started."""
    gc: GcPauses
    gc_generations: tuple[GcPauses, GcPauses, GcPauses]
    loops: tuple[LoopDelay, ...]
    """Running event loops of asyncio and uvloop, 8 at most."""
    loops_unmeasured: int
    """Running loops of another class, or beyond 8."""

    @property
    def gc_share(self) -> float:
        """Part of the time spent in collections, 0 to 1."""
        return self.gc.sum_ns / self.elapsed_ns if self.elapsed_ns else 0.0

    @property
    def slowest_loop(self) -> LoopDelay | None:
        """The loop that is latest; None when none was measured."""
        known = [loop for loop in self.loops if loop.is_known]
        return max(known, key=lambda loop: max(loop.p99_ns, loop.waiting_ns), default=None)

    @classmethod
    def of(cls, a: Answer) -> Probes:
        """Raises TargetError when the answer is not one."""
        loops = a.numbers("loops")
        if len(loops) % _LOOP_MEMBERS:
            raise TargetError(f"the agent's answer speaks of loops in {len(loops)} numbers")
        thresholds = a.numbers("gc_thresholds", 3)
        return cls(
            elapsed_ns=a.take("elapsed_ns", int),
            blocks=a.take("blocks", int),
            gc_enabled=a.take("gc_enabled", bool),
            gc_thresholds=(thresholds[0], thresholds[1], thresholds[2]),
            gc_garbage=a.take("gc_garbage", int),
            gc_uncollectable=a.take("gc_uncollectable", int),
            gc=_pauses(a, "gc_all"),
            gc_generations=(_pauses(a, "gc_0"), _pauses(a, "gc_1"), _pauses(a, "gc_2")),
            loops=tuple(
                LoopDelay(*loops[at : at + _LOOP_MEMBERS])
                for at in range(0, len(loops), _LOOP_MEMBERS)
            ),
            loops_unmeasured=a.take("loops_unmeasured", int),
        )


def _pauses(a: Answer, name: str) -> GcPauses:
    return GcPauses(*a.numbers(name, _PAUSE_MEMBERS))

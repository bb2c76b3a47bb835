"""What a finding's memory proves, in words: reference cycles, views, memory nobody sees."""

from __future__ import annotations

from collections.abc import Sequence

from leakhunt.analysis.holder import Holder
from leakhunt.analysis.ref_cycles import RefCycle
from leakhunt.analysis.views import KeptBuffers
from leakhunt.detectors.wording import human_bytes

_CYCLES = 2
_BUFFERS = 2


def memory_evidence(holder: Holder) -> tuple[str, ...]:
    """Lines of evidence about how a leaked population sits in memory."""
    lines = [_view(kept) for kept in holder.buffers[:_BUFFERS]]
    lines += cycle_lines(holder.ref_cycles[:_CYCLES])
    if holder.outer_bytes:
        size = human_bytes(holder.outer_bytes)
        lines.append(f"they own {size} more outside Python objects, which no size here counts")
    if holder.opaque:
        types = ", ".join(f"`{name}`" for name in holder.opaque[:3])
        lines.append(f"memory that {types} may own outside Python is not counted")
    return tuple(lines)


def cycle_lines(cycles: Sequence[RefCycle]) -> list[str]:
    """``one whole reference cycle, of 100 alike: A.b -> B.parent -> A``."""
    lines = []
    for cycle in cycles:
        alike = f", of {cycle.components:,} alike" if cycle.components > 1 else ""
        lines.append(f"one whole reference cycle{alike}: {cycle}")
    return lines


def _view(kept: KeptBuffers) -> str:
    whose = "of others" if kept.owner_type == kept.view_type else f"of `{kept.owner_type}`"
    return (
        f"{kept.views:,} `{kept.view_type}` are views ({human_bytes(kept.views_bytes)}) that keep "
        f"{kept.owners:,} buffers {whose}: {human_bytes(kept.owners_bytes)}"
    )

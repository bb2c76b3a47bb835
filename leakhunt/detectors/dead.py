"""Dead captures of a suspect: what it keeps in variables that no code will read."""

from __future__ import annotations

from collections import Counter

from leakhunt.analysis.dead import DeadCapture, dead_captures
from leakhunt.detectors.suspect import MOST, Suspect

_SHOWN = 3
_PATH_NODES = 64
"""So many objects above the holder are looked at."""


def dead_evidence(s: Suspect) -> tuple[str, ...]:
    """One line for each variable, the commonest first.  O(sampled objects)."""
    counts = Counter(str(capture) for node in s.objects for capture in dead_captures(s.graph, node))
    lines = [
        f"dead capture: {what} is read by no code that can still run"
        + (f" ({number:,} of {len(s.objects):,} looked at)" if len(s.objects) > 1 else "")
        for what, number in counts.most_common(_SHOWN)
    ]
    capture = dead_on_path(s)
    if capture is not None:
        lines.insert(0, f"dead capture: {capture} is read by no code that can still run")
    return tuple(lines)


def dead_of_most(s: Suspect) -> DeadCapture | None:
    """The commonest variable, when most of the objects keep something in a dead one.

    O(sampled objects).
    """
    found = [captures for node in s.objects if (captures := dead_captures(s.graph, node))]
    if not found or len(found) <= MOST * len(s.objects):
        return None
    by_text = {str(one): one for captures in found for one in captures}
    counts = Counter(str(one) for captures in found for one in captures)
    return by_text[counts.most_common(1)[0][0]]


def dead_on_path(s: Suspect) -> DeadCapture | None:
    """The variable that the way to the holder leads through, when nothing reads it.  O(depth)."""
    above = [int(node) for node in s.graph.ancestors(s.holder.node)[:_PATH_NODES]]
    for at, node in enumerate(above[1:], 1):
        if s.graph.is_root(node):
            continue
        for capture in dead_captures(s.graph, node):
            if capture.node in above[:at]:
                return capture
    return None

"""Class: classes, modules, loggers and code that are made again for each piece of work."""

from __future__ import annotations

from leakhunt.detectors import known
from leakhunt.detectors.base import Category
from leakhunt.detectors.claim import Claim
from leakhunt.detectors.suspect import MOST, Suspect


def examine(s: Suspect) -> Claim | None:
    """Most entries are class objects or their like, or each entry keeps one alive."""
    return Claim(Category.CLASS, _advice(s)) if _is_class(s) else None


def _is_class(s: Suspect) -> bool:
    if s.mostly(known.CLASS_TYPES) or s.path == "sys.modules":
        return True
    metaclasses = sum(s.graph.named_child(node, "__mro__") is not None for node in s.objects)
    if metaclasses > MOST * max(1, len(s.objects)):
        return True
    return s.holder.main_type in known.CLASS_TYPES and s.has_each(known.CLASS_TYPES)


def _advice(s: Suspect) -> str:
    if s.holder.main_type == "logging.Logger":
        return (
            "Use one logger per module (`logging.getLogger(__name__)`) and put what differs "
            "into the message or a `LoggerAdapter`: a logger is never freed."
        )
    return (
        f"Create each `{s.holder.main_type}` in `{s.path}` once and reuse it, not once per "
        "piece of work."
    )

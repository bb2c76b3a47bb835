"""Whose memory it is that grows, in a sentence."""

from __future__ import annotations

from leakhunt.analysis.bill_growth import BillGrowth, Cause
from leakhunt.report import units
from leakhunt.report.text.sheet import join_words

_WHAT = {
    Cause.PYTHON: "Python objects",
    Cause.FREE: "memory that was freed and that the allocators hold",
    Cause.NATIVE: "native memory that no Python object owns",
    Cause.FILES: "mapped files",
    Cause.THREADS: "thread stacks",
    Cause.UNKNOWN: "memory that no counter accounts for",
}


def growth_sentence(growth: BillGrowth) -> str:
    """For instance "The process grew by 60.0 MiB: thread stacks (99 %)."; empty when it did not."""
    if not growth.is_growth:
        if growth.rss_bytes <= -(1 << 20):
            return f"The process shrank by {units.size(-growth.rss_bytes)}."
        return ""
    parts = []
    for one in growth.main:
        share = f"{one.bytes / growth.rss_bytes:.0%}".replace("%", " %")
        parts.append(f"{_WHAT[one.cause]} ({share})")
    return f"The process grew by {units.size(growth.rss_bytes)}: {join_words(parts)}."

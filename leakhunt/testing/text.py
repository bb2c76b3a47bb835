"""What a failed assertion prints: the findings as every report has them, and what to do next."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from dataclasses import replace

from leakhunt.detectors.base import Finding
from leakhunt.report import units
from leakhunt.report.model import Report
from leakhunt.report.text import findings as findings_text
from leakhunt.report.text.page import draw
from leakhunt.report.text.sheet import Sheet, TextOptions

_WIDTH = 100


def failure_text(
    report: Report, leaks: Sequence[Finding], *, heading: str, next_steps: Iterable[str] = ()
) -> str:
    """The heading, each finding in full, what else grew, and what to do next."""
    sheet = Sheet(TextOptions(width=min(_WIDTH, shutil.get_terminal_size().columns), hints=False))
    shown = replace(report, findings=tuple(replace(one, rank=i) for i, one in enumerate(leaks, 1)))
    body = draw(findings_text.sections(shown, sheet), sheet).rstrip("\n")
    lines = [heading, "", body]
    if others := _others(report, leaks):
        lines += ["", *others]
    if steps := [f" {step}" for step in next_steps]:
        lines += ["", *steps]
    return "\n".join(lines)


def _others(report: Report, leaks: Sequence[Finding]) -> list[str]:
    """What else grew and is no failure, a line each, so that nobody wonders."""
    prints = {one.fingerprint for one in leaks}
    found: dict[str, int] = {}
    for one in report.findings:
        why = one.noise or one.known
        if one.fingerprint not in prints and why is not None:
            found[why] = found.get(why, 0) + 1
    return [f" not counted: {why} ({units.plural(n, 'finding')})" for why, n in found.items()]

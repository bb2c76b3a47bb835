"""Leaks that are known and accepted: marked in a report, never hidden."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from leakhunt.detectors.base import Finding, Verdict
from leakhunt.report.model import Report

SCHEMA = "leakhunt.known/1"


@dataclass(frozen=True, slots=True)
class Accepted:
    """One accepted leak."""

    fingerprint: str
    category: str
    holder: str
    note: str
    """Why, in the words of whoever accepted it."""
    date: str
    """When, as YYYY-MM-DD."""

    @property
    def words(self) -> str:
        """``accepted 2026-11-25: fixed in release 4``."""
        return f"accepted {self.date}: {self.note}" if self.note else f"accepted {self.date}"


def mark_known(report: Report, known: Mapping[str, Accepted]) -> Report:
    """The report with its accepted findings marked; they do not count for the verdict."""
    findings = tuple(
        replace(finding, known=known[finding.fingerprint].words)
        if finding.fingerprint in known
        else finding
        for finding in report.findings
    )
    return replace(report, findings=findings, verdict=verdict_of(findings))


def verdict_of(findings: tuple[Finding, ...]) -> str:
    """The worst verdict of the findings that nobody accepted."""
    found = {finding.verdict for finding in findings if finding.known is None}
    worst = (word for word in (Verdict.LEAK, Verdict.SUSPECT) if word in found)
    return str(next(worst, Verdict.NOT))

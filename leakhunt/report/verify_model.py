"""The result of ``leakhunt verify``, as data."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.detectors.verification import Change, Status
from leakhunt.report.model import Report

SCHEMA = "leakhunt.verify/1"


@dataclass(frozen=True, slots=True)
class Verification:
    """Two hunts of the same load, and what became of each finding."""

    before: Report
    after: Report
    changes: tuple[Change, ...]
    """Worst first."""
    notes: tuple[str, ...] = ()
    """In which ways the two hunts differ."""

    @property
    def errors(self) -> tuple[str, ...]:
        """Why the later hunt is partial, when it is."""
        return self.after.errors

    @property
    def is_unknown(self) -> bool:
        """Is there a finding of which the later hunt could not tell?"""
        return any(change.status is Status.UNKNOWN for change in self.changes)

    @property
    def is_fixed(self) -> bool:
        """Nothing leaks any more, as far as a whole hunt can tell."""
        return self.after.verdict != "LEAK" and not self.is_unknown and not self.errors

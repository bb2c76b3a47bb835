"""What a failed leak assertion raises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakhunt.detectors.base import Finding
    from leakhunt.report.model import Report


class LeakError(AssertionError):
    """Something stayed that should have gone; ``str()`` is the whole explanation."""

    def __init__(
        self, text: str, *, findings: Sequence[Finding] = (), report: Report | None = None
    ) -> None:
        super().__init__(text)
        self.findings = tuple(findings)
        """The leaks, worst first; empty where the assertion is not about growth."""
        self.report = report
        """The whole report of the examination, when snapshots were compared."""


LeakError.__module__ = "leakhunt.testing"  # where it is imported from

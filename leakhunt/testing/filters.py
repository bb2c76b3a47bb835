"""Which of the findings fail an assertion."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from leakhunt.detectors.base import Finding, Verdict
from leakhunt.detectors.testrun import testrun_reason
from leakhunt.errors import UsageError
from leakhunt.report.accepted import Accepted, mark_known
from leakhunt.report.model import Report

Names: TypeAlias = str | type | Iterable[str | type]

_NAMES_HINT = "give classes, names like 'shop.Session' or holders like 'shop.bus.BUS*'"


@dataclass(frozen=True, slots=True)
class Filter:
    """What counts as a leak for one assertion."""

    max_growth: float = 0.0
    """Objects per cycle that one holder may gain."""
    types: tuple[str, ...] = ()
    """Only findings that leak one of these types or hang from one of these holders; empty for
    all.  ``*`` stands for any text."""
    ignore: tuple[str, ...] = ()
    """Not those of these types or holders."""
    known: Mapping[str, Accepted] = field(default_factory=dict)
    """Accepted leaks by fingerprint."""
    plugins: Collection[str] = ()
    """Packages of pytest plugins whose records are no leak."""
    strict: bool = False
    """Also what is only suspected: where a block ran once, nothing else can be known."""

    def leaks(self, report: Report) -> tuple[Finding, ...]:
        """The findings that fail, worst first."""
        return tuple(one for one in report.findings if self._fails(one))

    def _fails(self, finding: Finding) -> bool:
        if finding.noise is not None or finding.known is not None:
            return False
        if finding.verdict is not Verdict.LEAK and not (
            self.strict and finding.verdict is Verdict.SUSPECT
        ):
            return False
        if self.types and not _matches(finding, self.types):
            return False
        return not _matches(finding, self.ignore) and self._is_too_much(finding)

    def _is_too_much(self, finding: Finding) -> bool:
        count = finding.count_per_cycle
        # A buffer gains bytes and no object: that is one thing that grows.
        return count is None or count > self.max_growth or (not count and not self.max_growth)

    def marked(self, report: Report) -> Report:
        """The report with what is known and what belongs to the test run marked as such."""
        findings = tuple(
            one if one.noise is not None else replace(one, noise=testrun_reason(one, self.plugins))
            for one in report.findings
        )
        return mark_known(replace(report, findings=findings), self.known)


def names_of(value: Names, what: str) -> tuple[str, ...]:
    """``types`` or ``ignore`` as patterns: a name, a class, or several.  Raises UsageError."""
    given: object = (value,) if isinstance(value, str | type) else value
    if not isinstance(given, Iterable):
        raise UsageError(f"{what} is {given!a}", hint=_NAMES_HINT)
    names = tuple(
        f"{one.__module__}.{one.__qualname__}" if isinstance(one, type) else one for one in given
    )
    for name in names:
        if not isinstance(name, str) or not name:
            raise UsageError(f"{what} holds {name!a}", hint=_NAMES_HINT)
    return tuple(str(name) for name in names)


def _matches(finding: Finding, patterns: tuple[str, ...]) -> bool:
    names = [finding.holder.path, finding.holder.type, *(one.type for one in finding.leaked)]
    return any(_pattern(text).fullmatch(name) for text in patterns for name in names)


def _pattern(text: str) -> re.Pattern[str]:
    """``*`` stands for any text; brackets are part of paths."""
    return re.compile(".*".join(map(re.escape, text.split("*"))), re.DOTALL)

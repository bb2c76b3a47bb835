"""Where objects were made: of each finding, and of all that was sampled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.samples import SiteGrowth
from leakhunt.analysis.sites import Site, SiteBasis
from leakhunt.detectors.base import Finding
from leakhunt.report import units
from leakhunt.report.sites_model import SitesReport
from leakhunt.tui.model.case import Case
from leakhunt.tui.widgets.words import Cell, name

_BASIS: Final = {
    SiteBasis.SAMPLED: "sampled",
    SiteBasis.EXACT: "exact",
    SiteBasis.FUNCTION: "function that runs",
    SiteBasis.COROUTINE: "its coroutine",
    SiteBasis.CLASS: "its class",
}
_INK: Final = {"LEAK": "leak", "SUSPECT": "suspect", "NOT": "fine"}


@dataclass(frozen=True, slots=True)
class FindingSite:
    """A site and the finding that it is of."""

    finding: Finding
    site: Site


class FindingSites:
    """Sites of the findings, by rank."""

    def __init__(self, case: Case) -> None:
        self._case = case
        findings = () if case.report is None else case.report.findings
        self.sites = [FindingSite(one, site) for one in findings for site in one.sites]

    def __len__(self) -> int:
        return len(self.sites)

    def line(self, index: int) -> CodeLine:
        """The line of code of a row."""
        return self.sites[index].site.line

    def cells(self, index: int) -> Sequence[Cell]:
        """Finding, verdict, function, line, how it is known, bytes."""
        row = self.sites[index]
        verdict, _ = self._case.verdict_of(row.finding)
        size = row.site.bytes
        return (
            str(row.finding.rank),
            (verdict if verdict != "NOT" else "no leak", _INK.get(verdict, "")),
            name(row.site.line.function),
            (place(row.site.line), "name"),
            (_BASIS[row.site.basis], "quiet"),
            "" if size is None else units.size(round(size.value)),
        )


class SampledSites:
    """Every site that was sampled, those that grew most first."""

    def __init__(self, report: SitesReport) -> None:
        self.report = report
        self._labels = report.labels

    def __len__(self) -> int:
        return len(self.report.sites)

    def line(self, index: int) -> CodeLine:
        """The line of code of a row."""
        return self.report.sites[index].line

    def site(self, index: int) -> SiteGrowth:
        """The site of a row."""
        return self.report.sites[index]

    def cells(self, index: int) -> Sequence[Cell]:
        """First and last bytes, change, interval, samples, function, line."""
        site = self.report.sites[index]
        first, last = (round(site.bytes_at(label)) for label in (self._labels[0], self._labels[-1]))
        weight = site.weights.get(self._labels[-1])
        change = last - first
        return (
            units.short_size(first) if first else ("·", "quiet"),
            units.short_size(last) if last else ("·", "quiet"),
            (units.short_size(change, signed=True), "strong" if change > 0 else "less"),
            ("" if weight is None else _interval(weight.bytes.low, weight.bytes.high), "quiet"),
            "" if weight is None else units.short_count(weight.sample_count),
            name(site.line.function),
            (place(site.line), "name"),
        )


def place(line: CodeLine) -> str:
    """``shop/session.py:14``: the file with its folder, escaped."""
    if not line.file:
        return ""
    file = "/".join(line.file.rsplit("/", 2)[-2:])
    return name(file) + ("" if line.line is None else f":{line.line}")


def _interval(low: float, high: float) -> str:
    return f"{units.short_size(round(low))}-{units.short_size(round(high))}"

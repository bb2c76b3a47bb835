"""Allocation sites of some snapshots, as data and as JSON (``leakhunt.sites/1``)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from leakhunt.analysis.samples import SiteGrowth, Weight
from leakhunt.report.json_sites import estimate_object, line_object

SITES_SCHEMA = "leakhunt.sites/1"


@dataclass(frozen=True, slots=True)
class SitesReport:
    """What each place in the code holds at several moments."""

    labels: tuple[str, ...]
    """Of the snapshots, in order of time."""
    sample_bytes: int
    """Mean distance of samples in the last snapshot."""
    sites: tuple[SiteGrowth, ...]
    """What grew most (last less first) first."""
    notes: tuple[str, ...] = ()
    """What is not known, in sentences."""


def sites_to_json(report: SitesReport, *, indent: int | None = 2) -> str:
    """ASCII JSON text without a final newline."""
    return json.dumps(sites_to_dict(report), indent=indent, ensure_ascii=True, allow_nan=False)


def sites_to_dict(report: SitesReport) -> dict[str, Any]:
    """As ``sites-1.json`` describes it."""
    return {
        "schema": SITES_SCHEMA,
        "snapshots": list(report.labels),
        "sample_bytes": report.sample_bytes,
        "sites": [_site(site, report.labels) for site in report.sites],
        "notes": list(report.notes),
    }


def _site(site: SiteGrowth, labels: tuple[str, ...]) -> dict[str, Any]:
    return {
        **line_object(site.line),
        "callee": None if site.callee is None else line_object(site.callee),
        "snapshots": [_weight(site.weights.get(label)) for label in labels],
    }


def _weight(weight: Weight | None) -> dict[str, Any] | None:
    """None: no live sample."""
    if weight is None:
        return None
    return {
        "sample_count": weight.sample_count,
        "bytes": estimate_object(weight.bytes),
        "count": estimate_object(weight.count),
    }

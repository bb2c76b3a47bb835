"""Known leaks: accepted by fingerprint, marked, never hidden."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leakhunt.detectors.base import Verdict
from leakhunt.errors import UsageError
from leakhunt.hunt.known import accept, read_known
from leakhunt.report.accepted import mark_known
from leakhunt.report.json_report import to_json
from leakhunt.report.text import TextOptions, render_text
from tests.golden.sample_reports import LEAKY

ALARMS = [one for one in LEAKY.findings if one.verdict is not Verdict.NOT]


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(to_json(LEAKY))
    return path


def test_all_alarms_are_accepted(report: Path, tmp_path: Path) -> None:
    added = accept(report, tmp_path / "known.json", note="waits")
    assert [one.fingerprint for one in added] == [one.fingerprint for one in ALARMS]
    assert set(read_known(tmp_path / "known.json")) == {one.fingerprint for one in ALARMS}


def test_accepted_leaks_raise_no_alarm_and_stay_visible(report: Path, tmp_path: Path) -> None:
    accept(report, tmp_path / "known.json", note="waits for release 4")
    marked = mark_known(LEAKY, read_known(tmp_path / "known.json"))
    assert marked.verdict == "NOT"
    assert [one.verdict for one in marked.findings] == [one.verdict for one in LEAKY.findings]
    text = render_text(marked, TextOptions(width=100, color=False, ascii_only=False))
    assert "No new leak" in text
    assert "waits for release 4" in " ".join(text.split())


def test_other_leaks_still_decide(report: Path, tmp_path: Path) -> None:
    first = ALARMS[0]
    accept(report, tmp_path / "known.json", fingerprints=[first.fingerprint[:8]])
    marked = mark_known(LEAKY, read_known(tmp_path / "known.json"))
    assert [one.known is not None for one in marked.findings].count(True) == 1
    assert marked.verdict == str(ALARMS[1].verdict)


def test_entries_are_added_not_replaced(report: Path, tmp_path: Path) -> None:
    known = tmp_path / "known.json"
    for finding in ALARMS[:2]:
        accept(report, known, fingerprints=[finding.fingerprint])
    assert len(read_known(known)) == 2


@pytest.mark.parametrize("wanted", ["zz", ""])
def test_a_fingerprint_must_name_one_finding(report: Path, tmp_path: Path, wanted: str) -> None:
    with pytest.raises(UsageError, match="fingerprint"):
        accept(report, tmp_path / "known.json", fingerprints=[wanted])
    assert not (tmp_path / "known.json").exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": "other/1"}', '{"schema": "leakhunt.known/1"}', "[" * 9999]
)
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "known.json"
    path.write_text(text)
    with pytest.raises(UsageError, match=r"known\.json|schema|object"):
        read_known(path)


def test_an_unwritable_place_is_an_error(report: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        accept(report, tmp_path / "missing" / "known.json")


def test_the_file_is_for_people_too(report: Path, tmp_path: Path) -> None:
    accept(report, tmp_path / "known.json")
    entries = json.loads((tmp_path / "known.json").read_text())["accepted"]
    assert [one["holder"] for one in entries] == sorted(one.holder.path for one in ALARMS)

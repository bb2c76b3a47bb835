"""The file of known leaks: what ``leakhunt accept`` writes and ``--baseline`` reads."""

from __future__ import annotations

import datetime as dt
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from leakhunt.detectors.base import Finding, Verdict
from leakhunt.errors import UsageError
from leakhunt.hunt.saved_report import read_report
from leakhunt.report.accepted import SCHEMA, Accepted
from leakhunt.report.json_fields import Fields
from leakhunt.report.suite_json import SUITE_SCHEMA, suite_from_json


def read_known(path: Path) -> dict[str, Accepted]:
    """Accepted leaks by fingerprint.  Raises UsageError when the file is not one of ours."""
    try:
        fields = Fields(json.loads(path.read_text(encoding="utf-8")), str(path))
    except OSError as exc:
        raise UsageError(
            f"{path} cannot be read: {exc.strerror or exc}",
            hint="leakhunt accept report.json --into FILE writes a file of known leaks",
        ) from exc
    except (ValueError, RecursionError) as exc:
        raise UsageError(f"{path} is no file of known leaks: {exc}") from exc
    schema = fields.text("schema")
    if schema != SCHEMA:
        raise UsageError(
            f"{path} has schema {schema!a}, not {SCHEMA!r}",
            hint="leakhunt accept writes files of known leaks",
        )
    return {one.fingerprint: one for one in fields.each("accepted", _read_accepted)}


def _read_accepted(value: object, place: str) -> Accepted:
    fields = Fields(value, place)
    names = ("fingerprint", "category", "holder", "note", "date")
    return Accepted(*(fields.text(name) for name in names))


def accept(
    report_path: Path, known_path: Path, *, fingerprints: Sequence[str] = (), note: str = ""
) -> tuple[Accepted, ...]:
    """Add findings of a report to the file of known leaks; those that were added.

    ``report_path`` may be the directory that a hunt filled.
    ``fingerprints`` may be shortened to what is unique; none means every LEAK and SUSPECT.
    Raises UsageError for a report that is none, a fingerprint that is not in it, and a file
    that cannot be written.
    """
    found = _read_findings(report_path)
    chosen = _chosen(found, fingerprints) if fingerprints else _all_of(found)
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    added = tuple(
        Accepted(one.fingerprint, str(one.category), one.holder.path, note, today) for one in chosen
    )
    known = read_known(known_path) if known_path.exists() else {}
    known.update({one.fingerprint: one for one in added})
    _write(known_path, list(known.values()))
    return added


def is_suite_file(path: Path) -> bool:
    """Whether a file begins like one of ``pytest --leakhunt-report``."""
    try:
        with path.open("rb") as file:
            return SUITE_SCHEMA.encode() in file.read(100)
    except OSError:
        return False


def _read_findings(path: Path) -> tuple[Finding, ...]:
    """Of a report, or of what ``pytest --leakhunt-report`` wrote (each leak once)."""
    if is_suite_file(path):
        tests = suite_from_json(path.read_bytes()).tests
        by_print = {one.fingerprint: one for test in tests for one in test.findings}
        return tuple(by_print.values())
    return read_report(path).findings


def _all_of(findings: Sequence[Finding]) -> list[Finding]:
    return [one for one in findings if one.verdict is not Verdict.NOT]


def _chosen(findings: Sequence[Finding], fingerprints: Sequence[str]) -> list[Finding]:
    found = []
    for wanted in fingerprints:
        hits = [one for one in findings if one.fingerprint.startswith(wanted)]
        if len(hits) != 1:
            there = ", ".join(one.fingerprint for one in _all_of(findings)) or "none"
            what = "is in no finding" if not hits else "fits more than one finding"
            raise UsageError(
                f"the fingerprint {wanted!a} {what} of the report",
                hint=f"its leaks and suspects: {there}",
            )
        found += hits
    return found


def _write(path: Path, accepted: list[Accepted]) -> None:
    """Replace the file whole, or leave it as it was."""
    accepted.sort(key=lambda one: (one.holder, one.fingerprint))
    value = {"schema": SCHEMA, "accepted": [asdict(one) for one in accepted]}
    text = json.dumps(value, indent=2, ensure_ascii=True) + "\n"
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as exc:
        raise UsageError(
            f"{path} cannot be written: {exc.strerror or exc}", hint="give --into another path"
        ) from exc

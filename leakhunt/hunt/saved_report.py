"""A report that was written: ``hunt --json > FILE``, or ``hunt --save DIR``."""

from __future__ import annotations

from pathlib import Path

from leakhunt.errors import UsageError
from leakhunt.report.model import Report
from leakhunt.target.save_dir import REPORT_NAME

_HINT = "leakhunt hunt --json ... > report.json writes one, and so does --save DIR"


def report_file(path: Path) -> Path:
    """The file itself; the report in a directory that a hunt filled."""
    return path / REPORT_NAME if path.is_dir() else path


def read_report(path: Path, *, hint: str = _HINT) -> Report:
    """The report at a path, or in a directory that a hunt filled.

    Raises UsageError: there is none, it cannot be read, or it is no report.
    """
    from leakhunt.report.json_report import from_json

    file = report_file(path)
    try:
        text = file.read_bytes()
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else None
        raise UsageError(f"there is no report to read at {file}: {why or exc}", hint=hint) from exc
    return from_json(text)

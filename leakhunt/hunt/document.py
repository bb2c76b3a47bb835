"""Write a report down: text, Markdown, or one HTML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from leakhunt.hunt.output_file import real_target
from leakhunt.hunt.saved_report import read_report

if TYPE_CHECKING:
    from leakhunt.report.accepted import Accepted
    from leakhunt.report.model import Report

_FORMAT_BY_SUFFIX: Final = {".html": "html", ".htm": "html", ".md": "markdown"}
SUFFIX_BY_FORMAT: Final = {"text": ".txt", "markdown": ".md", "html": ".html"}


@dataclass(frozen=True, slots=True)
class Document:
    """A report, written down."""

    text: str
    file_format: str

    def save(self, path: Path) -> None:
        """Write it as UTF-8, mode 0600; whole or not at all.  Raises UsageError, SnapshotError."""
        from leakhunt.store.files import replacing

        with replacing(real_target(path)) as file:
            file.write(self.text.encode("utf-8"))


def format_of(path: Path | None) -> str:
    """What the name of a file asks for: ``text`` unless it ends like Markdown or HTML."""
    return "text" if path is None else _FORMAT_BY_SUFFIX.get(path.suffix.lower(), "text")


def write_document(
    source: Report | Path, file_format: str, known: Mapping[str, Accepted] | None = None
) -> Document:
    """A report as ``text``, ``markdown`` or ``html``.

    ``source`` is a report, its file, or the directory that a hunt filled; ``known`` are leaks
    that were accepted.  Raises UsageError when there is no report.
    """
    from leakhunt.report.accepted import mark_known
    from leakhunt.report.document import render_document

    report = read_report(source) if isinstance(source, Path) else source
    if known:
        report = mark_known(report, known)
    return Document(render_document(report, file_format), file_format)

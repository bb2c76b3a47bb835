"""A report as a document to keep or to send: text, Markdown, or one HTML file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from leakhunt.report.model import Report

FORMATS: Final = ("text", "markdown", "html")
_TEXT_WIDTH: Final = 110


def render_document(report: Report, file_format: str) -> str:
    """The report in one of ``FORMATS``, every finding in full, lines ending in a line feed.

    Names of the target appear literally in each. Cost: linear in what is shown, plus one sort of
    the growth rows.
    """
    if file_format == "text":
        from leakhunt.report.text import TextOptions, render_text

        return render_text(report, TextOptions(width=_TEXT_WIDTH, show_all=True, hints=False))
    from leakhunt.report.document.outline import outline

    if file_format == "markdown":
        from leakhunt.report.document.markdown import to_markdown

        return to_markdown(outline(report))
    from leakhunt.report.document.html import to_html

    return to_html(outline(report))

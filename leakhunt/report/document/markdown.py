"""A report as GitHub-flavoured Markdown: for an issue, a pull request, a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from leakhunt.report.document.outline import Block, Labelled, Outline, Table
from leakhunt.report.document.runs import Line, Role, Run, lines_of, plain
from leakhunt.report.escape import Output, escape

_BACKTICKS: Final = re.compile("`+")


def to_markdown(outline: Outline) -> str:
    """The document.  Names of the target are code spans, in which nothing is markup."""
    return "\n".join(_lines(outline)).rstrip("\n") + "\n"


def _lines(outline: Outline) -> Iterator[str]:
    yield from ("# Memory leak report", "")
    yield from (f"**{_prose(outline.word)}**: {_prose(plain(outline.said))}", "")
    for error in outline.errors:
        yield from (f"> **Partial result:** {_line(lines_of(error)[0])}", "")
    yield from _list(outline.facts)
    yield from _memory(outline)
    yield from _section("Findings", [*_table(outline.overview), *_blocks(outline)])
    yield from _section("What grows", [*_table(outline.growth), outline.growth_note, ""])
    for title, drawing in outline.drawings:
        yield from _section(title, _fenced(drawing.split("\n")))
    yield from _section("What the numbers rest on", _list(outline.grounds))
    yield f"Made by {_prose(outline.made_by)}."


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    """A heading and lines; nothing when the lines are empty."""
    kept = list(lines)
    if any(kept):
        yield from (f"## {title}", "", *kept)


def _memory(outline: Outline) -> Iterator[str]:
    sentences = [_line(lines_of(sentence)[0]) for sentence in outline.whose]
    below = [line for sentence in sentences for line in (sentence, "")]
    yield from _section("Memory", [*_table(outline.memory), *below])
    if outline.workers:
        yield from _section("Processes", _fenced(outline.workers.split("\n")))


def _blocks(outline: Outline) -> Iterator[str]:
    for block in outline.findings:
        yield from _block(block)


def _block(block: Block) -> Iterator[str]:
    yield from (f"### {block.rank}. {block.verdict}: {_prose(block.category)}", "")
    yield from ("<br>\n".join(map(_line, block.title)), "")
    yield from _list(block.rows)
    yield from (f"Confidence {block.confidence}, fingerprint {code_span(block.fingerprint)}.", "")


def _list(rows: Sequence[Labelled]) -> Iterator[str]:
    """``- **label**: text``; several lines are a list below, a tree is a code block."""
    for row in rows:
        first, *more = row.lines
        if row.is_drawn:
            yield f"- **{row.label}**:"
            yield ""
            yield from (f"  {line}".rstrip() for line in _fenced(map(plain, row.lines)))
        elif not more:
            yield f"- **{row.label}**: {_line(first)}" if row.label else f"- {_line(first)}"
        else:
            yield f"- **{row.label}**:"
            yield from (f"  - {_line(_without_bullet(line))}" for line in row.lines)
    if rows:
        yield ""


def _without_bullet(line: Line) -> Line:
    if line and line[0].text.startswith("• "):
        return (Run(line[0].text[2:], line[0].role), *line[1:])
    return line


def _table(table: Table | None) -> Iterator[str]:
    if table is None:
        return
    yield _row([_prose(title) for title in table.titles])
    yield _row(["--:" if is_number else "---" for is_number in table.is_number])
    for row in table.rows:
        yield _row([_line(cell, in_table=True) for cell in row])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _fenced(lines: Iterable[str]) -> Iterator[str]:
    """A code block; its fence is longer than any in it."""
    kept = list(lines)
    longest = max((len(ticks) for line in kept for ticks in _BACKTICKS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (f"{fence}text", *kept, fence, "")


def _line(line: Line, *, in_table: bool = False) -> str:
    return "".join(_run(run, in_table=in_table) for run in line)


def _run(run: Run, *, in_table: bool) -> str:
    if run.role is Role.NAME and run.text.strip():
        span = code_span(run.text)
        return span.replace("|", "\\|") if in_table else span
    text = _prose(run.text)
    inner = text.strip(" ")
    if run.role is Role.STRONG and inner:  # blanks inside would keep it from being strong
        before, after = text[: len(text) - len(text.lstrip(" "))], text[len(text.rstrip(" ")) :]
        return f"{before}**{inner}**{after}"
    return text


def code_span(name: str) -> str:
    """A name between as many backticks as keep those in it literal."""
    visible = escape(name)
    longest = max((len(ticks) for ticks in _BACKTICKS.findall(visible)), default=0)
    ticks = "`" * (longest + 1)
    pad = " " if visible.startswith(("`", " ")) or visible.endswith(("`", " ")) else ""
    return f"{ticks}{pad}{visible}{pad}{ticks}"


def _prose(text: str) -> str:
    return escape(text, Output.MARKDOWN, limit=None)

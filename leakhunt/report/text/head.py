"""The top of the screen: errors, the verdict with its rate, the target and its memory."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from leakhunt.analysis.bill_growth import SMALL_BYTES, growth_of
from leakhunt.detectors.base import Verdict
from leakhunt.detectors.native_bytes import is_outside
from leakhunt.report import units
from leakhunt.report.model import Report, SnapshotSummary
from leakhunt.report.text.bill import HEADINGS, Row, bill_rows, unknown_lines
from leakhunt.report.text.bill_growth import growth_sentence
from leakhunt.report.text.sheet import (
    LABEL_STYLE,
    LABEL_WIDTH,
    MARGIN,
    STRONG,
    STYLE_BY_VERDICT,
    Sheet,
)

_COLUMNS = ("baseline", "loaded", "final")


def errors(report: Report, sheet: Sheet) -> list[RenderableType]:
    """Why the result is partial; nothing when it is whole."""
    if not report.errors:
        return []
    lines: list[RenderableType] = []
    for error in report.errors:
        text = Text()
        text.append("Partial result: ", style="bold yellow")
        text.append(sheet.sentence(error))
        lines.append(sheet.paragraph(text))
    return lines


# --- the verdict -----------------------------------------------------------------------------


def verdict(report: Report, sheet: Sheet) -> list[RenderableType]:
    """One line: is it leaking, and how fast."""
    word, style, said = headline(report)
    is_alarm = report.verdict != Verdict.NOT
    text = Text()
    text.append(f" {word} " if is_alarm else word, style=f"{style} reverse" if is_alarm else style)
    text.append(" " if is_alarm else ": ")
    return [sheet.paragraph(text.append_text(said))]


def headline(report: Report) -> tuple[str, str, Text]:
    """The verdict in a word or two, its style, and what is said after it."""
    style = STYLE_BY_VERDICT.get(report.verdict, STRONG)
    if report.verdict != Verdict.NOT:
        said = Text(_how_many(report), style="")
        said.stylize(STRONG)
        return report.verdict, style, said.append(f": {_rate(report)}")
    if report.errors:
        said = Text(f"{_rate(report)}, no holder was found, and the result is partial")
        return "No verdict", "bold yellow", said
    if known := sum(finding.known is not None for finding in report.findings):
        return "No new leak", style, Text(f"{_rate(report)}, {units.plural(known, 'known leak')}")
    return "No leak", style, Text(_why_not(report))


def _how_many(report: Report) -> str:
    verdicts = [finding.verdict for finding in report.findings if finding.known is None]
    words = []
    if leaks := verdicts.count(Verdict.LEAK):
        words.append(units.plural(leaks, "leak"))
    if suspects := verdicts.count(Verdict.SUSPECT):
        words.append(units.plural(suspects, "suspect"))
    return ", ".join(words) or "Memory grows"


def _rate(report: Report) -> str:
    """Growth of all objects, as a rate when the number of cycles is known."""
    if report.cycles and report.rate_bytes is not None:
        amounts = [units.size(report.rate_bytes, signed=True)]
        if report.rate_objects is not None:
            things = "object" if abs(report.rate_objects) == 1 else "objects"
            amounts.append(f"{units.count(report.rate_objects, signed=True)} {things}")
        if outside := _outside(report):
            amounts.append(f"{units.size(outside, signed=True)} outside Python objects")
        return f"{', '.join(amounts)} per cycle ({units.plural(report.cycles, 'cycle')})"
    grown = _change(report, "python")
    if grown is None:
        return "the growth is not known"
    return f"{units.size(grown, signed=True)} of Python objects from baseline to final"


def _outside(report: Report) -> float:
    """Bytes per cycle of what was found to grow outside Python objects."""
    grown = (f.bytes_per_cycle or 0 for f in report.findings if is_outside(f))
    return sum(grown)


def _why_not(report: Report) -> str:
    judged = len(report.findings)
    if judged == 1:
        return f"{_rate(report)}, and the one holder that grew has a good reason to"
    if judged:
        return f"{_rate(report)}, and the {judged:,} holders that grew have a good reason to"
    return f"{_rate(report)}, and no holder grew"


# --- the facts -------------------------------------------------------------------------------


def facts(report: Report, sheet: Sheet) -> list[RenderableType]:
    """What was hunted, and whose memory it is that grows."""
    rows = [
        ("target", target(report, sheet)),
        ("load", load(report, sheet)),
        ("memory", _memory(report, sheet)),
        *(("", Text(line)) for line in whose(report)),
    ]
    kept = [(label, text) for label, text in rows if text.plain]
    return [sheet.labelled(kept)] if kept else []


def target(report: Report, sheet: Sheet) -> Text:
    """``checkout.py, CPython 3.12.1, pid 4242``, of what is known."""
    words = []
    command = report.target.get("command")
    if isinstance(command, list | tuple):
        command = " ".join(map(str, command))
    files = " ".join(one.path for one in report.snapshots if one.path)
    if what := report.target.get("scenario") or command or files:
        words.append(sheet.name(str(what)))
    python = report.target.get("python")
    if isinstance(python, dict):
        python = python.get("version")
    if python:
        words.append(f"CPython {sheet.name((str(python).split() or ['?'])[0], 40)}")
    if pid := report.target.get("pid"):
        words.append(f"pid {sheet.name(str(pid), 20)}")
    return Text(", ".join(words))


_LATENCIES = ("p50", "p90", "p99", "max")
_CYCLE_WORDS = {
    "cycle": "",
    "request": "a cycle is a request",
    "run": "a cycle is a run of the load command",
    "second": "a cycle is a second of whatever load there was",
    "third": "a cycle is a third of the load",
}


def load(report: Report, sheet: Sheet) -> Text:
    """``wrk ...: 3 runs in 30.0 s, 24,702 requests (9 failed), p50 1.1 ms; a cycle is ...``."""
    load = report.load
    if load is None:
        return Text()
    words = [f"{units.plural(len(load.runs), 'run')} in " * bool(load.runs)]
    words[0] += units.duration(load.duration_ns)
    requests = [run.requests for run in load.runs if run.requests is not None]
    if requests:
        failed = sum(run.failed or 0 for run in load.runs)
        words.append(
            units.plural(sum(requests), "request") + f" ({failed:,} failed)" * bool(failed)
        )
    for name in _LATENCIES:
        values = [run.latency_ns[name] for run in load.runs if name in run.latency_ns]
        if values:  # Of several runs the worst.
            words.append(f"{name} {units.duration(max(values))}")
    text = Text(f"{sheet.name(load.command)}: " if load.command else "")
    text.append(", ".join(words))
    if report.cycles and (meaning := _CYCLE_WORDS.get(load.cycle)):
        text.append(f"; {meaning}", style=LABEL_STYLE)
    return text


def memory_rows(report: Report) -> list[Row]:
    """What is known of the memory at each moment; a title that starts with a blank is a part of
    the process RSS."""
    rows = [
        _memory_row(report, "rss", "process RSS"),
        *bill_rows(report.bills, _COLUMNS),
        _memory_row(report, "python", "Python objects"),
        *(_memory_row(report, name, name.replace("_", " ")) for name in _other_rows(report)),
        _objects_row(report),
        *(_count_row(report, name) for name in ("threads", "descriptors")),
    ]
    return [row for row in rows if any(cell != "" for cell in row[1:])]


def _memory(report: Report, sheet: Sheet) -> Text:
    """Three columns and the change; on a narrow page the change and what fits before it."""
    known = memory_rows(report)
    if not known:
        return Text()
    first = max(len(row[0]) for row in known)
    used = [i for i in range(1, 5) if any(row[i] for row in known)]
    widths = {i: max(len(row[i]) for row in [*known, HEADINGS]) + 2 for i in used}
    for least in (2, 1):  # loaded, baseline
        if first + sum(widths.values()) > sheet.width - MARGIN - LABEL_WIDTH - 1:
            widths.pop(least, None)
    text = Text(no_wrap=True)
    for number, row in enumerate([HEADINGS, *known]):
        cells = "".join(row[i].rjust(width) for i, width in widths.items())
        line = sheet.sentence(row[0]).ljust(first) + cells
        text.append(line + "\n", style=LABEL_STYLE if number == 0 else "")
    text.rstrip()
    return text


def _memory_row(report: Report, name: str, title: str) -> Row:
    values = [report.memory.get(f"{name}_{column}_bytes") for column in _COLUMNS]
    cells = ["" if value is None else units.size(value) for value in values]
    change = _change(report, name)
    return title, cells[0], cells[1], cells[2], _signed_size(change)


def _other_rows(report: Report) -> list[str]:
    suffix = "_baseline_bytes"
    names = [name.removesuffix(suffix) for name in report.memory if name.endswith(suffix)]
    return [name for name in names if name not in ("rss", "python")]


def _objects_row(report: Report) -> Row:
    found: dict[str, SnapshotSummary] = {snapshot.label: snapshot for snapshot in report.snapshots}
    values = [found[label].objects if label in found else None for label in _COLUMNS]
    cells = ["" if value is None else units.count(value) for value in values]
    before, after = values[0], values[2]
    change = "" if before is None or after is None else units.count(after - before, signed=True)
    return "objects", cells[0], cells[1], cells[2], change


def _count_row(report: Report, name: str) -> Row:
    """Threads or descriptors: a row only when their number changed."""
    values = [report.memory.get(f"{name}_{column}") for column in _COLUMNS]
    before, after = values[0], values[2]
    if before is None or after is None or before == after:
        return name, "", "", "", ""
    cells = ["" if value is None else units.count(value) for value in values]
    return name, cells[0], cells[1], cells[2], units.count(after - before, signed=True)


def _change(report: Report, name: str) -> int | None:
    before = report.memory.get(f"{name}_baseline_bytes")
    after = report.memory.get(f"{name}_final_bytes")
    return None if before is None or after is None else after - before


def _signed_size(value: int | None) -> str:
    return "" if value is None else units.size(value, signed=True)


def whose(report: Report) -> list[str]:
    """Sentences on by what the process grew, and on what its bill cannot know."""
    unknown = unknown_lines(report.bills)
    before, after = report.bills.get("baseline"), report.bills.get("final")
    if before is not None and after is not None:
        sentence = growth_sentence(growth_of(before, after))
        return [sentence, *unknown] if sentence else unknown
    resident, python = _change(report, "rss"), _change(report, "python")
    if resident is None or python is None or resident < SMALL_BYTES:
        return unknown
    return [_share_of_python(resident, python), *unknown]


def _share_of_python(resident: int, python: int) -> str:
    if python > resident:
        return "Python objects grew more than the process: freed memory was used again."
    share = f"{max(python, 0) / resident:.0%}".replace("%", " %")
    if python >= resident / 2:
        return f"Python objects account for {share} of the growth of the process."
    return f"Python objects account for only {share} of the growth: the rest is outside them."

"""Reports of a family, joined: drawn by hand, summed by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.places import Series
from leakhunt.analysis.sites import Estimate, Site, SiteBasis
from leakhunt.detectors.base import Finding, LeakedType, Verdict
from leakhunt.detectors.verdict import Load
from leakhunt.hunt.join import join_reports, judged
from leakhunt.report.model import Report
from leakhunt.target.family import Relative
from tests.golden.sample_reports import CACHE, LEAKY, LISTENER


def relative(pid: int) -> Relative:
    return Relative(pid, 1, ("python", "app.py"), pid == 1)


def leak(count: int, verdict: Verdict = Verdict.LEAK, cycles: int = 100) -> Finding:
    return replace(
        LISTENER,
        verdict=verdict,
        title=(
            f"Unremoved listener: +{count / cycles:g} `shop.Session` per cycle (+10.1 KiB), held by"
            " `shop.bus.BUS.listeners['tick']` (list, 45 to 2,045)."
        ),
        reason=f"It grew by {count} entries.",
        leaked=(LeakedType("shop.Session", count, count * 48),),
        count_per_cycle=count / cycles,
        bytes_per_cycle=count * 48 / cycles,
        retained_bytes=count * 100,
        exclusive_bytes=None,
        evidence=(f"entries: final {count}", f"{count:,} `shop.Session`, {count * 48:,} bytes"),
    )


def report(*findings: Finding, cycles: int = 100) -> Report:
    verdict = "LEAK" if any(one.verdict is Verdict.LEAK for one in findings) else "NOT"
    return replace(LEAKY, verdict=verdict, findings=findings, cycles=cycles, notes=("same",))


def test_the_same_leak_is_said_once_with_sums() -> None:
    parts = [
        (relative(1), report()),
        (relative(2), report(leak(30))),
        (relative(3), report(leak(70))),
    ]
    joined = join_reports(parts, whole={1, 2, 3}, load=Load(300, None))
    (found,) = joined.findings
    assert found.workers is not None
    assert (found.workers.count, found.workers.of, found.workers.pids) == (2, 3, (2, 3))
    assert found.count_per_cycle == pytest.approx(100 / 300)
    assert found.bytes_per_cycle == pytest.approx(4800 / 300)
    assert found.leaked == (LeakedType("shop.Session", 100, 4800),)
    assert (found.retained_bytes, found.exclusive_bytes) == (10_000, None)
    assert found.title == (
        "Unremoved listener: +0.333 `shop.Session` per cycle (+16 B), held by"
        " `shop.bus.BUS.listeners['tick']` (list, 90 to 4,090); in 2 of 3 processes, made at"
        " `shop/session.py:14` calling `dumps`."
    )
    assert found.reason == "In process 2 it grew by 30 entries."
    assert found.evidence == ("in process 3, entries: final 70", "by process: 2: +30, 3: +70")


def titled(
    title: str, leaked: LeakedType, count: int | None, grown: Series | None = None
) -> Finding:
    """A finding of one process; ``count``: in its 100 cycles."""
    return replace(
        LISTENER,
        title=title,
        leaked=(leaked,),
        count_per_cycle=None if count is None else count / 100,
        grown=grown,
        sites=(),
    )


def grows(grown: int) -> Series:
    return Series("bytes", 0, None, grown, grown)


@pytest.mark.parametrize(
    ("parts", "title"),
    [
        (
            [
                titled(
                    f"Growing buffer: `shop.OUT` (_io.BytesIO) grew by {size} B per cycle.",
                    LeakedType("_io.BytesIO", 0, 100 * size),
                    0,
                    grows(100 * size),
                )
                for size in (30, 70)
            ],
            "Growing buffer: `shop.bus.BUS.listeners['tick']` (list) grew by 50 B per cycle",
        ),
        (
            [
                titled(
                    f"Native leak: +{n} references to `builtins.str` per cycle (+0 B), references"
                    " to it counted and found nowhere.",
                    LeakedType("builtins.str", 0, 0),
                    100 * n,
                )
                for n in (2, 4)
            ],
            (
                "Native leak: +3 references to `builtins.str` per cycle (+0 B), references to it"
                " counted and found nowhere"
            ),
        ),
        (
            [
                titled(
                    f"Native leak: +{n} `shop.Node` per cycle (+{48 * n} B), held by C code only.",
                    LeakedType("shop.Node", 100 * n, 4800 * n),
                    100 * n,
                )
                for n in (1, 3)
            ],
            "Native leak: +2 `shop.Node` per cycle (+96 B), held by C code only",
        ),
        (
            [
                titled(
                    f"Native leak, not Python objects: +{n}.0 KiB per cycle from malloc that no"
                    " Python object owns.",
                    LeakedType("<native memory>", 0, 102400 * n),
                    None,
                )
                for n in (1, 3)
            ],
            (
                "Native leak, not Python objects: +2.0 KiB per cycle from malloc that no Python"
                " object owns"
            ),
        ),
        (
            [
                titled(
                    f"Fragmentation: +{n}.0 MiB held free by the allocators of Python and C.",
                    LeakedType("<native memory>", 0, n << 20),
                    None,
                )
                for n in (1, 3)
            ],
            "Fragmentation: +4.0 MiB held free by the allocators of Python and C",
        ),
        (
            [
                titled(
                    "Growing buffer: `shop.OUT` (str) grew by 70 B per cycle.",
                    LeakedType("builtins.str", 0, 7000),
                    None,
                )
            ]
            * 2,
            (
                "Growing buffer: `shop.OUT` (str) grew by 70 B per cycle, in the process where it"
                " is largest"
            ),
        ),
    ],
    ids=["buffers", "references", "native holds", "malloc", "free memory", "unknown"],
)
def test_titles_tell_the_sums(parts: list[Finding], title: str) -> None:
    reports = [(relative(pid), report(part)) for pid, part in enumerate(parts, 1)]
    joined = join_reports(reports, whole={1, 2}, load=Load(200, None))
    (found,) = joined.findings
    assert found.title == f"{title}; in 2 of 2 processes."


def test_the_worst_verdict_counts() -> None:
    parts = [
        (relative(1), report(leak(70, Verdict.SUSPECT))),
        (relative(2), report(leak(30, Verdict.LEAK))),
    ]
    joined = join_reports(parts, whole={1, 2}, load=Load(200, None))
    assert (joined.verdict, joined.findings[0].verdict) == ("LEAK", Verdict.LEAK)
    assert joined.findings[0].reason.startswith("In process 2 it grew")


def share(verdict: Verdict, baseline: int, window: int | None, final: int) -> Finding:
    """What one process has of a leak, by the sizes of its holder."""
    return replace(
        leak(final - baseline, verdict), grown=Series("entries", baseline, window, final, final)
    )


SUSPECT, NOT = Verdict.SUSPECT, Verdict.NOT


@pytest.mark.parametrize(
    ("shares", "verdict"),
    [
        # One entry a request, however the requests were shared out.
        ([(SUSPECT, 5, 75, 135), (SUSPECT, 0, 30, 170)], "LEAK"),
        ([(SUSPECT, 5, 75, 135), (SUSPECT, 0, 28, 170)], "LEAK"),
        ([(NOT, 0, 100, 100), (SUSPECT, 7, 7, 207)], "LEAK"),
        ([(NOT, 0, 100, 100), (SUSPECT, 0, None, 200)], "LEAK"),
        # Two warm-ups, one after the other; about as much in both windows; hardly any.
        ([(NOT, 0, 97, 97), (SUSPECT, 0, 0, 200)], "SUSPECT"),
        ([(SUSPECT, 5, 75, 135), (SUSPECT, 0, 15, 170)], "SUSPECT"),
        ([(NOT, 0, 9, 9), (SUSPECT, 0, 0, 18)], "SUSPECT"),
        ([(NOT, 0, 100, 101), (NOT, 0, 50, 52)], "NOT"),
    ],
)
def test_the_sum_may_prove_what_no_process_does(
    shares: list[tuple[Verdict, int, int | None, int]], verdict: str
) -> None:
    parts = [(relative(pid), report(share(*one))) for pid, one in enumerate(shares, 1)]
    whole = {pid for pid, _ in enumerate(shares, 1)}
    joined = join_reports(parts, whole=whole, load=Load(300, 100))
    assert (joined.verdict, joined.findings[0].verdict) == (verdict, verdict)
    assert joined.findings[0].reason.startswith("Over all" if verdict == "LEAK" else "In process")
    # Runs and seconds are the same for all processes: sums say nothing of them.
    unsaid = join_reports(parts, whole=whole, load=Load(300, None))
    assert unsaid.verdict != "LEAK"


def test_what_rests_on_more_than_rates_is_not_added_up() -> None:
    backlog = replace(share(SUSPECT, 0, 30, 170), grown=None)
    parts = [(relative(1), report(share(SUSPECT, 5, 75, 135))), (relative(2), report(backlog))]
    assert join_reports(parts, whole={1, 2}, load=Load(300, 100)).verdict == "SUSPECT"


def test_different_leaks_stay_apart_and_are_ranked() -> None:
    parts = [(relative(1), report(CACHE)), (relative(2), report(leak(30)))]
    joined = join_reports(parts, whole={1, 2}, load=Load(200, None))
    assert [one.rank for one in joined.findings] == [1, 2]
    assert joined.findings[0].verdict is Verdict.LEAK


def test_numbers_are_sums_of_those_seen_to_the_end() -> None:
    partial = replace(report(leak(50)), errors=("process 3 ended",))
    parts = [(relative(1), report()), (relative(2), report(leak(30))), (relative(3), partial)]
    lost = [(relative(4), ("out of reach",))]
    joined = join_reports(parts, whole={1, 2}, lost=lost, load=Load(300, None))
    assert joined.findings[0].leaked == (LeakedType("shop.Session", 30, 1440),)
    assert joined.errors == ("process 3 ended", "out of reach")
    single = {one.label: one for one in LEAKY.snapshots}
    for summary in joined.snapshots:
        assert summary.objects == 2 * single[summary.label].objects
        assert summary.pause_ns == single[summary.label].pause_ns
    assert joined.memory["rss_final_bytes"] == 2 * (LEAKY.memory["rss_final_bytes"] or 0)
    assert joined.growth[0].count_final == 2 * LEAKY.growth[0].count_final
    assert [one.pid for one in joined.workers] == [1, 2, 3, 4]
    assert joined.workers[3].growth_bytes is None
    assert joined.target["processes"] == 4
    assert joined.notes[1] == "same"


def test_without_cycles_nothing_is_a_rate() -> None:
    unknown = replace(leak(30), count_per_cycle=None, bytes_per_cycle=None)
    part = replace(report(unknown), cycles=None)
    joined = join_reports(
        [(relative(1), part), (relative(2), part)], whole={1, 2}, load=Load(None, None)
    )
    assert (joined.rate_bytes, joined.findings[0].count_per_cycle) == (None, None)
    assert joined.findings[0].title.endswith("; in 2 of 2 processes.")


def test_without_cycles_growth_is_added_up_too() -> None:
    def part(count: int) -> Report:
        title = (
            f"Unremoved listener: +{count:,} `shop.Session` (+{count * 48} B), held by"
            " `shop.bus.BUS.listeners['tick']` (list, 45 to 2,045)."
        )
        known = replace(leak(count), title=title, count_per_cycle=None, bytes_per_cycle=None)
        return replace(report(known), cycles=None)

    parts = [(relative(1), part(30)), (relative(2), part(1970))]
    (found,) = join_reports(parts, whole={1, 2}, load=Load(None, None)).findings
    assert found.title == (
        "Unremoved listener: +2,000 `shop.Session` (+93.8 KiB), held by"
        " `shop.bus.BUS.listeners['tick']` (list, 90 to 4,090); in 2 of 2 processes, made at"
        " `shop/session.py:14` calling `dumps`."
    )
    assert found.evidence[-1] == "by process: 1: +30, 2: +1,970"


def test_what_no_process_counted_is_listed_in_bytes() -> None:
    unknown = replace(leak(30), title="Native leak: it grew.", count_per_cycle=None)
    part = replace(report(unknown), cycles=None)
    parts = [(relative(1), part), (relative(2), part)]
    (found,) = join_reports(parts, whole={1, 2}, load=Load(None, None)).findings
    assert found.evidence[-1] == "by process: 1: +1.4 KiB, 2: +1.4 KiB"


def test_another_verdict_changes_how_the_title_begins() -> None:
    calm = replace(LISTENER, verdict=Verdict.NOT, title="No leak (listener): +1 x, held by y.")
    found = judged(calm, Verdict.SUSPECT, "why", 0.3)
    assert found.title == "Unremoved listener: +1 x, held by y."
    assert (found.verdict, found.reason, found.confidence) == (Verdict.SUSPECT, "why", 0.3)


def test_the_site_in_the_title_is_that_of_the_sum() -> None:
    line, other = CodeLine("make", "/app/a.py", 3), CodeLine("take", "/app/b.py", 9)
    sites = {30: (_site(line, 900.0),), 70: (_site(other, 600.0), _site(line, 500.0))}
    parts = []
    for pid, (count, of) in enumerate(sites.items(), 1):
        one = replace(leak(count), sites=of)
        held = f"+{count / 100:g} `ctypes.py_object` per cycle (+1 B), held by C code only"
        title = f"Lost native reference: {held}, made at `{of[0].line.file}:{of[0].line.line}`."
        parts.append((relative(pid), report(replace(one, title=title))))
    (found,) = join_reports(parts, whole={1, 2}, load=Load(200, None)).findings
    assert [site.line for site in found.sites] == [line, other]
    assert found.title == (
        "Lost native reference: +0.5 `ctypes.py_object` per cycle (+24 B), held by C code only;"
        " in 2 of 2 processes, made at `/app/a.py:3`."
    )


def _site(line: CodeLine, size: float) -> Site:
    return Site(SiteBasis.SAMPLED, line, sample_count=1, bytes=Estimate(size, size, size))

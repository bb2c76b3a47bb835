"""Hand-built reports that the renderers are tested on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from leakhunt.analysis.bill import PARTS, Bill, BillPart
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.results import GrowthRow, HoldRow, IdentityInfo
from leakhunt.analysis.sites import Estimate, Site, SiteBasis
from leakhunt.analysis.trend.results import GrownType, HolderTrend, Trend, TrendPoint, TypeTrend
from leakhunt.analysis.trend.slope import Slope
from leakhunt.analysis.waste.results import (
    ContainerPlace,
    Containers,
    ContainerType,
    Duplicates,
    DuplicateType,
    DuplicateValue,
    InstanceDicts,
    Waste,
)
from leakhunt.detectors.base import (
    Category,
    Finding,
    HolderInfo,
    LeakedType,
    PathStep,
    Verdict,
    WorkerShare,
)
from leakhunt.detectors.verification import Change, Rates, Status
from leakhunt.report.intervention import Intervention
from leakhunt.report.model import (
    LoadRunSummary,
    LoadSummary,
    Report,
    SnapshotSummary,
    WorkerSummary,
)
from leakhunt.report.verify_model import Verification
from tests.nasty_names import NASTY_NAMES

KIB: Final = 1024
MIB: Final = 1024 * 1024


def snapshot(label: str, objects: int, size: int, rss: int, path: str | None) -> SnapshotSummary:
    return SnapshotSummary(
        label=label,
        path=path,
        mode="in-process",
        objects=objects,
        edges=objects * 3,
        bytes=size,
        pause_ns=12_400_000,
        file_bytes=objects * 14,
        rss_bytes=rss,
    )


def row(
    name: str, counts: tuple[int, int, int], sizes: tuple[int, int, int], **more: int
) -> GrowthRow:
    values = {
        "born": max(counts[2] - counts[0], 0),
        "departed": 0,
        "transient": 0,
        "late": 0,
        "resized_bytes": 0,
        "garbage": 0,
        "unreached": 0,
    }
    values.update(more)
    return GrowthRow(name, *counts, *sizes, **values)


LISTENER: Final = Finding(
    rank=1,
    fingerprint="3f2a91bc5d7e8f01",
    category=Category.LISTENER,
    verdict=Verdict.LEAK,
    reason="grew by exactly 1 in each of 2,000 cycles, in both windows, and no bound is visible",
    confidence=0.98,
    title=(
        "Unremoved listener: +1 shop.Session per cycle (+10.1 KiB retained), held by "
        "shop.bus.BUS.listeners['tick'] (list, 45 to 2,045, never shrank), added at "
        "shop/session.py:14."
    ),
    holder=HolderInfo("shop.bus.BUS.listeners['tick']", "builtins.list", 45, 2045, 2045),
    leaked=(
        LeakedType("builtins.bytes", 2000, 19_600_000),
        LeakedType("builtins.dict", 4000, 928_000),
        LeakedType("shop.Session", 2000, 96_000),
        LeakedType("builtins.method", 2000, 128_000),
        LeakedType("builtins.str", 2000, 120_000),
    ),
    count_per_cycle=1.0,
    bytes_per_cycle=10_436.0,
    retained_bytes=21_590_000,
    exclusive_bytes=21_590_000,
    retaining_path=(
        PathStep("shop.bus", "module", "builtins.module"),
        PathStep(".BUS", "attr", "shop.bus.Emitter"),
        PathStep(".listeners", "attr", "builtins.dict"),
        PathStep("['tick']", "value", "builtins.list"),
        PathStep("[*]", "index", "builtins.method"),
        PathStep(".__self__", "field", "shop.Session"),
    ),
    sites=(
        Site(
            SiteBasis.SAMPLED,
            CodeLine("Session.__init__", "shop/session.py", 14),
            callee=CodeLine("dumps", "/usr/lib/python3.12/json/__init__.py", 231),
            sample_count=41,
            bytes=Estimate(21_496_320.5, 15_425_003.25, 29_201_000.75),
            count=Estimate(12_050.5, 8_647.25, 16_400.75),
            stack=(
                CodeLine("dumps", "/usr/lib/python3.12/json/__init__.py", 231),
                CodeLine("Session.__init__", "shop/session.py", 14),
                CodeLine("open_session", "shop/app.py", 40),
            ),
        ),
        Site(SiteBasis.FUNCTION, CodeLine("Session.on_tick", "shop/session.py", 31)),
        Site(
            SiteBasis.CLASS,
            CodeLine("Session.__init__", "shop/session.py", 12),
            type="shop.Session",
        ),
    ),
    evidence=(
        "2,000 bound methods of Session.on_tick are in the list, and none was ever removed",
        "the list kept its length after the settle time and 2 collections",
    ),
    advice="Call BUS.off('tick', session.on_tick) when the session ends.",
    node_ids=(101, 105, 109),
)

CACHE: Final = Finding(
    rank=2,
    fingerprint="77aa01bc5d7e8f02",
    category=Category.CACHE,
    verdict=Verdict.SUSPECT,
    reason="it grew in the first window and stood still in the second",
    confidence=0.55,
    title=(
        "Growing cache: +0.5 builtins.tuple per cycle, held by "
        "shop.catalogue.prices.PRICES and by shop.catalogue.prices.INDEX"
    ),
    holder=HolderInfo("shop.catalogue.prices.PRICES", "builtins.dict", 12, 1012, 1010),
    leaked=(LeakedType("builtins.tuple", 998, 63_872),),
    count_per_cycle=0.5,
    bytes_per_cycle=31.9,
    retained_bytes=1_203_200,
    exclusive_bytes=0,
    retaining_path=(
        PathStep("shop.catalogue.prices", "module", "builtins.module"),
        PathStep(".PRICES", "attr", "builtins.dict"),
        PathStep("[*]", "value", "builtins.tuple"),
    ),
    co_holders=(HolderInfo("shop.catalogue.prices.INDEX", "builtins.dict", None, 1000, 998),),
    advice="Give the cache a bound, or clear both mappings together.",
)

BOUNDED: Final = Finding(
    rank=4,
    fingerprint="0123456789abcdef",
    category=Category.CACHE,
    verdict=Verdict.NOT,
    reason="bounded cache still filling: 245 of 4,096 entries.",
    confidence=0.99,
    title="shop.views.render grew by 200 entries.",
    holder=HolderInfo("shop.views.render", "functools._lru_cache_wrapper", 45, 245, 245),
    leaked=(LeakedType("builtins.str", 200, 14_000),),
    count_per_cycle=0.1,
    bytes_per_cycle=7.0,
    retained_bytes=None,
    exclusive_bytes=None,
    retaining_path=(PathStep("shop.views.render", "attr", "functools._lru_cache_wrapper"),),
)

IMPORT_NOISE: Final = replace(
    BOUNDED,
    rank=3,
    fingerprint="fedcba9876543210",
    category=Category.COLLECTION,
    verdict=Verdict.SUSPECT,
    reason="it grew by 3 entries in 2,000 cycles",
    confidence=0.2,
    title="linecache.cache grew by 3 entries.",
    holder=HolderInfo("linecache.cache", "builtins.dict", 1, 4, 4),
    noise="linecache keeps the source lines of each file that appeared in a traceback",
)

GROWTH: Final = (
    row("builtins.bytes", (1_200, 3_210, 3_200), (2_400_000, 22_010_000, 22_000_000), transient=10),
    row(
        "builtins.dict",
        (31_004, 35_104, 35_004),
        (7_200_000, 8_151_000, 8_128_000),
        born=4_020,
        departed=20,
        transient=80,
        resized_bytes=36_864,
    ),
    row("builtins.tuple", (60_123, 61_130, 61_121), (3_900_000, 3_964_000, 3_963_872), late=3),
    row("builtins.method", (12, 2_012, 2_012), (768, 128_768, 128_768)),
    row("builtins.str", (140_022, 142_031, 142_022), (11_000_000, 11_120_200, 11_120_000)),
    row("shop.Session", (45, 2_046, 2_045), (2_160, 98_208, 98_160), transient=1, garbage=1),
    row("builtins.list", (9_001, 9_001, 9_001), (800_000, 816_384, 816_384), resized_bytes=16_384),
    row(
        "shop.catalogue.prices.PriceWithAVeryLongQualifiedName.Inner",
        (10, 60, 20),
        (480, 2_880, 960),
    ),
    row("builtins.cell", (4_000, 4_000, 3_990), (160_000, 160_000, 159_600), born=0, departed=10),
)

EXACT: Final = IdentityInfo(
    method="allocator+deallocators",
    exact=False,
    inferred_types=("builtins.float", "builtins.tuple"),
    note=(
        "Every block the allocator gave out after the baseline is known; floats and tuples that "
        "come from free lists can be missed, at most 0.1 % of them."
    ),
)

HOLDS: Final = (
    HoldRow("ext.Session", 0, 30, 0, 60, 60, None),
    HoldRow(
        "functools._lru_list_elem", 11, 12, 11, 12, 0,
        "each link of an lru_cache is also in a ring that only C code walks",
    ),
    HoldRow("builtins.str", 109, 109, 205, 205, 0, None),
)  # fmt: skip


def bill(rss: int, *parts: int) -> Bill:
    """One with these bytes in the order of the parts; the remainder is worked out."""
    values = (*parts, rss - sum(parts))
    return Bill(
        rss,
        tuple(
            BillPart(name, value, f"counted as {name}")
            for name, value in zip(PARTS, values, strict=True)
        ),
    )


BILLS: Final = {
    "baseline": bill(
        64_000_000, 34_100_000, 0, 3_100_000, 8_200_000, 1_000_000, 15_800_000, 700_000, 0
    ),
    "loaded": bill(
        87_100_000,
        56_300_000,
        1_100_000,
        3_400_000,
        8_300_000,
        1_000_000,
        15_800_000,
        700_000,
        400_000,
    ),
    "final": bill(
        86_400_000, 56_000_000, 0, 4_000_000, 8_300_000, 1_000_000, 15_800_000, 700_000, 500_000
    ),
}

LEAKY: Final = Report(
    verdict="LEAK",
    target={
        "scenario": "scenarios/shop_listeners.py",
        "command": ["/usr/bin/python3.12", "scenarios/shop_listeners.py"],
        "python": {"version": "3.12.1", "executable": "/usr/bin/python3.12"},
        "pid": 4242,
    },
    identity=EXACT,
    errors=(),
    snapshots=(
        snapshot("baseline", 412_034, 32_700_000, 64_000_000, None),
        snapshot("loaded", 433_120, 55_500_000, 87_100_000, None),
        snapshot("final", 432_450, 54_420_000, 86_400_000, None),
    ),
    native_holds=HOLDS,
    bills=BILLS,
    cycles=2000,
    rate_bytes=10_860.0,
    rate_objects=10.208,
    memory={
        "rss_baseline_bytes": 64_000_000,
        "rss_loaded_bytes": 87_100_000,
        "rss_final_bytes": 86_400_000,
        "python_baseline_bytes": 32_700_000,
        "python_loaded_bytes": 55_500_000,
        "python_final_bytes": 54_420_000,
        "threads_baseline": 4,
        "threads_loaded": 4,
        "threads_final": 4,
        "descriptors_baseline": 17,
        "descriptors_loaded": 19,
        "descriptors_final": 18,
        "blocks_baseline": 401_000,
        "blocks_loaded": 422_000,
        "blocks_final": 421_000,
    },
    growth=GROWTH,
    findings=(LISTENER, CACHE, IMPORT_NOISE, BOUNDED),
    notes=(
        "the collector is off in this program (gc.disable); it was forced for the final snapshot",
    ),
    collect_ns=(31_000_000, 9_800_000),
    timings_ns={"setup": 120_000_000, "cycles": 2_400_000_000, "analysis": 340_000_000},
)

CLEAN: Final = replace(
    LEAKY,
    verdict="NOT",
    identity=IdentityInfo("allocator+deallocators", True, (), "Exact for every type."),
    cycles=200,
    rate_bytes=0.0,
    rate_objects=0.0,
    snapshots=(
        snapshot("baseline", 52_034, 4_700_000, 24_000_000, "out/baseline.lkheap"),
        snapshot("loaded", 52_100, 4_705_000, 24_100_000, "out/loaded.lkheap"),
        snapshot("final", 52_034, 4_700_000, 24_000_000, "out/final.lkheap"),
    ),
    memory={
        "rss_baseline_bytes": 24_000_000,
        "rss_loaded_bytes": 24_100_000,
        "rss_final_bytes": 24_000_000,
        "python_baseline_bytes": 4_700_000,
        "python_loaded_bytes": 4_705_000,
        "python_final_bytes": 4_700_000,
    },
    growth=(
        row("builtins.cell", (4_000, 4_066, 4_000), (160_000, 165_000, 160_000), transient=66),
    ),
    findings=(),
    notes=(),
    collect_ns=(9_800_000,),
    timings_ns={},
)

FILLING: Final = replace(
    CLEAN,
    rate_bytes=70.0,
    rate_objects=1.0,
    findings=(replace(BOUNDED, rank=1),),
    growth=GROWTH[3:6],
)

PARTIAL: Final = replace(
    LEAKY,
    errors=(
        (
            "cycle 137 of 2,000 raised ConnectionResetError: [Errno 104] Connection reset by "
            "peer; what follows compares the baseline with the state after 136 cycles"
        ),
    ),
    cycles=136,
    findings=(LISTENER,),
    notes=(),
)

EMPTY: Final = Report(
    verdict="NOT",
    target={},
    identity=IdentityInfo("", False, (), ""),
    errors=("the target ended in setup with exit code 7",),
    snapshots=(),
    cycles=None,
    rate_bytes=None,
    rate_objects=None,
    memory={},
    growth=(),
    findings=(),
)

TWO_FILES: Final = replace(
    LEAKY,
    bills={label: one for label, one in BILLS.items() if label != "loaded"},
    target={"scenario": None, "command": None, "pid": 77, "python": {"version": "3.13.0"}},
    snapshots=(
        snapshot("baseline", 412_034, 32_700_000, 64_000_000, "before.lkheap"),
        snapshot("final", 432_450, 54_420_000, 86_400_000, "after.lkheap"),
    ),
    cycles=None,
    rate_bytes=None,
    rate_objects=None,
    memory={
        "python_baseline_bytes": 32_700_000,
        "python_loaded_bytes": None,
        "python_final_bytes": 54_420_000,
    },
    findings=(replace(LISTENER, count_per_cycle=None, bytes_per_cycle=None),),
    notes=(),
    collect_ns=(),
)


def nasty_finding(name: str, rank: int = 1) -> Finding:
    """Every member that can hold a name of the target holds this one."""
    return replace(
        LISTENER,
        rank=rank,
        title=f"Growing collection: held by {name}",
        reason=f"grew: {name}",
        holder=HolderInfo(name, name, 1, 2, 3),
        leaked=(LeakedType(name, 1, 2), LeakedType(name, 3, 4)),
        retaining_path=(PathStep(name, "attr", name), PathStep(f"[{name}]", "value", name)),
        co_holders=(HolderInfo(name, name, None, None, None),),
        sites=(
            Site(
                SiteBasis.SAMPLED,
                CodeLine(name, name, 1),
                callee=CodeLine(name, name, None),
                type=name,
                sample_count=1,
                bytes=Estimate(2, 1, 3),
                count=Estimate(2, 1, 3),
                stack=(CodeLine(name, name, None), CodeLine(name, name, 1)),
            ),
        ),
        evidence=(name,),
        advice=name,
        noise=name,
    )


def nasty_report(name: str) -> Report:
    """A report in which everything is called ``name``."""
    return replace(
        LEAKY,
        target={"scenario": name, "python": {"version": name}, "pid": name},
        identity=IdentityInfo(name, False, (name,), name),
        errors=(name,),
        findings=(nasty_finding(name), replace(nasty_finding(name, 2), verdict=Verdict.NOT)),
        growth=tuple(replace(one, type=name) for one in GROWTH[:2]),
        notes=(name,),
        native_holds=(HoldRow(name, 0, 1, 0, 2, 0, name),),
        snapshots=tuple(replace(one, label=name, path=name) for one in LEAKY.snapshots),
    )


NASTY: Final = replace(
    LEAKY,
    findings=tuple(
        replace(nasty_finding(name, rank), noise=None, reason="it grew", title=f"held by {name}")
        for rank, name in enumerate((NASTY_NAMES[3], NASTY_NAMES[23], "y" * 5_000), start=1)
    ),
    growth=tuple(
        replace(GROWTH[0], type=name, bytes_final=GROWTH[0].bytes_final - number)
        for number, name in enumerate(NASTY_NAMES[:40])
    ),
    notes=(),
)


def worker(
    pid: int, verdict: str, grown: int | None, *errors: str, is_root: bool = False
) -> WorkerSummary:
    rss = 52 * MIB
    return WorkerSummary(
        pid=pid,
        command="/srv/env/bin/python /srv/env/bin/gunicorn -w 4 shop:app",
        is_root=is_root,
        verdict=verdict,
        growth_bytes=grown,
        growth_objects=None if grown is None else grown // 100,
        rss_baseline_bytes=rss,
        rss_final_bytes=None if grown is None else rss + grown,
        findings=int(verdict == "LEAK"),
        errors=errors,
    )


LOAD_RUN: Final = LoadRunSummary(
    status=0,
    duration_ns=10_010_000_000,
    tool="wrk",
    requests=8_234,
    failed=3,
    latency_ns={"p50": 1_100_000, "p90": 1_600_000, "p99": 3_200_000, "max": 20_130_000},
)
LIVE: Final = replace(
    LEAKY,
    target={
        "command": ["/srv/env/bin/python", "/srv/env/bin/gunicorn", "-w", "4", "shop:app"],
        "pid": 4242,
        "python": {"version": "3.12.1", "executable": "/srv/env/bin/python"},
        "scenario": None,
    },
    cycles=24_702,
    findings=(
        replace(LISTENER, workers=WorkerShare(3, 5, (4243, 4244, 4246))),
        *LEAKY.findings[1:],
    ),
    load=LoadSummary(
        "wrk -d10s http://127.0.0.1:8000/", "request", 30_030_000_000, (LOAD_RUN,) * 3
    ),
    workers=(
        worker(4242, "NOT", 0, is_root=True),
        worker(4243, "LEAK", 7 * MIB),
        worker(4244, "LEAK", 6 * MIB),
        worker(4245, "NOT", None, "the process ended during the load (SIGKILL)"),
        worker(4246, "LEAK", 7 * MIB),
    ),
    interventions=(
        Intervention(4242, "attach", 1_200_000, 310_000, "pending call"),
        Intervention(4242, "capture", 48_000_000, 12_400_000, "baseline"),
        Intervention(4242, "collect", 31_000_000_000, 9_800_000),
        Intervention(4242, "detach", 32_000_000_000, 0),
    ),
)

TREND: Final = Trend(
    unit="cycle",
    points=tuple(
        TrendPoint(label, 200.0 * i, 0, 410_000 + 2_050 * i, 32_700_000 + 2_060_000 * i)
        for i, label in enumerate(("baseline", "final", "ladder2", "ladder3"))
    ),
    objects_slope=Slope(10.25, 1.0),
    bytes_slope=Slope(10_300.0, 1.0),
    types=(
        TypeTrend(
            type="shop.session.Session",
            counts=(45, 245, 445, 645),
            bytes=(2_160, 11_760, 21_360, 30_960),
            count_slope=Slope(1.0, 1.0),
            bytes_slope=Slope(48.0, 1.0),
        ),
    ),
    holders=(
        HolderTrend(
            path="shop.bus.BUS.listeners['tick']",
            type="builtins.list",
            unit="entries",
            values=(45, 245, 445, 645),
            slope=Slope(1.0, 1.0),
            bytes=(460_000, 2_500_000, 4_540_000, 6_580_000),
            bytes_slope=Slope(10_200.0, 1.0),
            types=(GrownType("shop.session.Session", 1.0, 48.0),),
            drained=0,
            noise=None,
        ),
        HolderTrend(
            path="shop.audit.LOG.text",
            type="builtins.bytearray",
            unit="bytes",
            values=(4_096, 12_288, 20_500, 30_100),
            slope=Slope(43.1, 0.9956),
            bytes=(4_096, 12_288, 20_500, 30_100),
            bytes_slope=Slope(43.1, 0.9956),
            types=(),
            drained=2_048,
            noise=None,
        ),
        HolderTrend(
            path="linecache.cache",
            type="builtins.dict",
            unit="entries",
            values=(10, 14, 18, 23),
            slope=Slope(0.021, 0.991),
            bytes=(9_000, 12_600, 16_200, 20_700),
            bytes_slope=Slope(19.5, 0.991),
            types=(GrownType("builtins.tuple", 0.021, 1.3),),
            drained=None,
            noise="known noise: source lines kept for tracebacks",
        ),
    ),
    notes=("The snapshots are of 2 processes, compared by path, as one series.",),
)

WASTE: Final = Waste(
    heap_bytes=54_420_000,
    duplicates=Duplicates(
        wasted_bytes=2_480_000,
        types=(
            DuplicateType("builtins.str", 310, 41_000, 2_100_000),
            DuplicateType("builtins.tuple", 41, 6_000, 380_000),
            DuplicateType("builtins.int", 3, 9, 0),
        ),
        values=(
            DuplicateValue(
                "builtins.str", "active", 20_000, 1_100_000, "shop.orders.ORDERS[*].status", 19_990
            ),
            DuplicateValue(
                "builtins.tuple", None, 4_000, 288_000, "shop.pricing.RATES[*].steps", 4_000
            ),
        ),
        uncompared_objects=1,
        uncompared_bytes=20_000_000,
    ),
    containers=Containers(
        wasted_bytes=3_140_000,
        types=(
            ContainerType("builtins.dict", 20_000, 1_280_000, 12, 40_000),
            ContainerType("collections.deque", 2_300, 1_748_000, 0, 0),
            ContainerType("builtins.list", 0, 0, 3_000, 72_000),
        ),
        places=(
            ContainerPlace(
                "collections.deque", True, "shop.store.QUEUES[*]", 2_300, 1_748_000, 1_748_000
            ),
            ContainerPlace(
                "builtins.list", False, "shop.orders.ORDERS[*].lines", 3_000, 264_000, 72_000
            ),
        ),
    ),
    instance_dicts=(InstanceDicts("shop.orders.Order", 20_000, 2_080_000, 6, 1_120_000),),
)

LADDER: Final = replace(
    LEAKY,
    trend=replace(TREND, notes=()),
    waste=WASTE,
    settings={"scenario": "/srv/checkout.py", "cycles": 200, "ladder": 3, "python": None},
)

ALL: Final = {
    "ladder": LADDER,
    "live": LIVE,
    "leaky": LEAKY,
    "clean": CLEAN,
    "filling": FILLING,
    "partial": PARTIAL,
    "empty": EMPTY,
    "two_files": TWO_FILES,
    "nasty": NASTY,
}


def change(
    status: Status,
    number: int,
    before: tuple[float, float] | None,
    after: tuple[float, float] | None,
    threshold: float | None = None,
) -> Change:
    """One row of a verification; rates are (count, bytes) per cycle."""
    rates = [None if one is None else Rates(Verdict.LEAK, *one) for one in (before, after)]
    return Change(
        status=status,
        fingerprint=f"{number:016x}",
        category=Category.LISTENER,
        holder="shop.bus.BUS.listeners['tick']" if number else "shop.cache.CACHE",
        type="builtins.list",
        before=rates[0],
        after=rates[1],
        measure=None if threshold is None else "count",
        threshold=threshold,
    )


VERIFICATION: Final = Verification(
    before=LEAKY,
    after=replace(CLEAN, verdict="LEAK", rate_bytes=310.0, rate_objects=1.0),
    changes=(
        change(Status.NEW, 1, None, (1.0, 64.0)),
        change(Status.WORSE, 2, (1.0, 64.0), (2.0, 128.0), 0.1),
        change(Status.UNKNOWN, 3, (0.02, 1.5), None),
        change(Status.UNCHANGED, 4, (1.0, 64.0), (1.0, 64.0), 0.1),
        change(Status.IMPROVED, 0, (1.0, 10_436.0), (0.25, 310.0), 0.3),
        change(Status.FIXED, 5, (1.0, 10_436.0), None),
    ),
    notes=("Rates are over 100 cycles now, over 200 before.",),
)

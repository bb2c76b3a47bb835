"""Hand-built answers about one snapshot that the renderers are tested on."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from leakhunt.analysis.bill import Bill
from leakhunt.analysis.code_line import CodeLine
from leakhunt.analysis.merged_paths import MergedPath
from leakhunt.analysis.paths import Path, Step
from leakhunt.analysis.retainers import IndependentPath, Retainers
from leakhunt.analysis.retention import Accumulation, HeapTotals
from leakhunt.analysis.samples import SiteGrowth, Weight
from leakhunt.analysis.shares import TypeShare
from leakhunt.analysis.sites import NOT_KNOWN, Estimate
from leakhunt.analysis.vitals import Patient, Pauses, Reach, Sample, flags_of
from leakhunt.analysis.whatif import CutReference, Keeper, WhatIf
from leakhunt.report.bill_model import BillReport, TrimResult
from leakhunt.report.doctor_model import DoctorReport
from leakhunt.report.heap_model import HeapReport
from leakhunt.report.paths_model import PathsReport
from leakhunt.report.sites_model import SitesReport
from leakhunt.report.whatif_model import AskedFinding, SmallestCut, WhatIfReport
from tests.golden.sample_reports import BILLS
from tests.nasty_names import NASTY_NAMES

LISTENERS: Final = WhatIfReport(
    snapshot="snapshots/final.lkheap",
    heap_objects=432_450,
    heap_bytes=54_420_000,
    finding=AskedFinding(
        rank=1,
        fingerprint="3f2a91bc5d7e8f01",
        title="Unremoved listener: +1 `shop.Session` per cycle, held by `shop.bus.BUS.listeners`.",
        holder="shop.bus.BUS.listeners",
    ),
    consequences=WhatIf(
        cuts=(CutReference("shop.bus.BUS.listeners['tick'][*]", 2000, ("builtins.method",), 2000),),
        freed_bytes=21_590_000,
        freed_objects=14_000,
        freed=(
            TypeShare("builtins.bytes", 2000, 19_600_000),
            TypeShare("builtins.dict", 4000, 928_000),
            TypeShare("builtins.method", 2000, 128_000),
            *(TypeShare(f"shop.Kind{i}", 600 + i, 20_000 - i) for i in range(7)),
        ),
        collector_objects=4000,
        collector_bytes=1_200_000,
        native_objects=0,
        native_bytes=0,
        native_types=(),
        stays_objects=0,
        keepers=(),
        outer_bytes=0,
        opaque_types=(),
    ),
    smallest=None,
)

INDEXED: Final = WhatIfReport(
    snapshot="final.lkheap",
    heap_objects=36_031,
    heap_bytes=4_600_000,
    finding=None,
    consequences=WhatIf(
        cuts=(
            CutReference("shop.ORDERS[*]", 120, ("shop.Order", "shop.Refund"), None),
            CutReference("shop.LAST", 1, ("shop.Order",), None),
        ),
        freed_bytes=0,
        freed_objects=0,
        freed=(),
        collector_objects=0,
        collector_bytes=0,
        native_objects=0,
        native_bytes=0,
        native_types=(),
        stays_objects=120,
        keepers=(
            Keeper("shop.INDEX[*]", "builtins.dict", 119),
            Keeper("thread 'MainThread', serve() at app.py:31, local 'order'", "<root>", 1),
        ),
        outer_bytes=0,
        opaque_types=(),
    ),
    smallest=SmallestCut(
        "all that these references lead to",
        (
            CutReference("shop.ORDERS[*]", 120, ("shop.Order",), 120),
            CutReference("shop.BY_USER", 1, ("builtins.dict",), 119),
        ),
        None,
        17_840,
        240,
    ),
)

UNSURE: Final = replace(
    INDEXED,
    consequences=replace(
        INDEXED.consequences,
        freed_bytes=90_000,
        freed_objects=300,
        freed=(TypeShare("lxml.etree._Element", 300, 90_000),),
        native_objects=2,
        native_bytes=1_000,
        native_types=("lxml.etree._Document",),
        outer_bytes=400_000,
        opaque_types=("lxml.etree._Document", "lxml.etree._Element"),
    ),
    smallest=SmallestCut("the finding", (), "more than 1000 references hold it", None, None),
)


def nasty_answer(name: str) -> WhatIfReport:
    """An answer in which everything is called ``name``."""
    cut = CutReference(name, 2, (name,), 1)
    return WhatIfReport(
        snapshot=name,
        heap_objects=5,
        heap_bytes=100,
        finding=AskedFinding(1, "3f2a91bc5d7e8f01", name, name),
        consequences=replace(
            UNSURE.consequences,
            cuts=(cut,),
            freed=(TypeShare(name, 1, 2),),
            keepers=(Keeper(name, name, 1),),
            native_types=(name,),
            opaque_types=(name,),
        ),
        smallest=SmallestCut(name, (cut,), None, 1, 1),
    )


NASTY: Final = nasty_answer(NASTY_NAMES[3] + NASTY_NAMES[23])

SESSIONS: Final = PathsReport(
    snapshot="final.lkheap",
    to="shop.Session",
    avoid=(),
    types=("shop.Session",),
    retainers=Retainers(
        objects=2_010,
        bytes=96_480,
        reachable=2_009,
        merged=(
            MergedPath(
                Path(
                    "shop.bus.BUS",
                    "shop.bus.Bus",
                    (
                        Step(".listeners", "attr", 1, "builtins.dict"),
                        Step("['tick']", "value", 2, "builtins.list", is_item=True),
                        Step("[*]", "index", 3, "builtins.method", is_item=True),
                        Step(".__self__", "field", 4, "shop.Session"),
                    ),
                ),
                2_000,
                96_000,
                None,
            ),
            *(
                MergedPath(Path(f"shop.pages.PAGE_{i}", "shop.Session", ()), 1, 48, None)
                for i in range(8)
            ),
            MergedPath(
                Path("linecache.cache", "builtins.dict", ()),
                1,
                48,
                "source lines kept for tracebacks",
            ),
        ),
        unnamed=0,
        independent=(
            IndependentPath(
                "shop.bus.BUS.listeners['tick']",
                Path(
                    "shop.bus.BUS.listeners['tick']",
                    "builtins.list",
                    (Step("[*]", "index", 3, "builtins.method", is_item=True),),
                ),
                1,
                2_000,
                None,
            ),
            IndependentPath("shop.pages.*", Path("shop.pages.*", "", ()), 8, 8, None),
            IndependentPath(
                "linecache.cache",
                Path("linecache.cache", "builtins.dict", ()),
                1,
                1,
                "source lines kept for tracebacks",
            ),
        ),
        why_not=None,
        native_objects=3,
        native_references=4,
    ),
    reachable_before=2_009,
    has_independent=True,
)

AVOIDED: Final = replace(
    SESSIONS,
    avoid=("shop.bus", "logging"),
    retainers=replace(
        SESSIONS.retainers,
        reachable=9,
        merged=SESSIONS.retainers.merged[1:],
        independent=(),
        native_objects=0,
        native_references=0,
    ),
    has_independent=False,
)

MANY: Final = replace(
    SESSIONS,
    retainers=replace(
        SESSIONS.retainers,
        independent=(),
        why_not="more than 1000 references hold it",
        unnamed=1_000,
    ),
)


def nasty_paths(name: str) -> PathsReport:
    """Paths in which everything is called ``name``."""
    path = Path(name, name, (Step(name, name, 1, name),) * 2)
    return replace(
        SESSIONS,
        snapshot=name,
        to=name,
        avoid=(name,),
        types=(name,),
        reachable_before=2_010,
        retainers=replace(
            SESSIONS.retainers,
            merged=(MergedPath(path, 1, 1, name), MergedPath(path, 1, 1, None)),
            independent=(IndependentPath(name, path, 2, 1, name),),
        ),
    )


PATHS: Final = {
    "sessions": SESSIONS,
    "avoided": AVOIDED,
    "many": MANY,
    "nasty": nasty_paths(NASTY_NAMES[3] + NASTY_NAMES[23]),
}

WHATIFS: Final = {
    "listeners": LISTENERS,
    "indexed": INDEXED,
    "unsure": UNSURE,
    "nasty": NASTY,
}


SHOP_HEAP: Final = HeapReport(
    snapshot="snapshots/final.lkheap",
    label="final",
    created="2026-01-02T03:04:05Z",
    pid=4711,
    totals=HeapTotals(
        objects=432_450,
        references=1_380_211,
        bytes=54_420_000,
        garbage_objects=1_204,
        garbage_bytes=118_300,
        roots_by_kind={
            "modules": 1, "interpreter": 3, "thread": 2, "frame": 7, "static type": 1,
            "native hold": 5_873, "immortal": 0,
        },
        cycle_components=1_930,
        cycle_objects=61_204,
        farthest=41,
    ),
    largest=(
        Accumulation("shop.bus.BUS.listeners['tick']", "builtins.list", 16_184, 21_590_000, 2000,
                     7),
        Accumulation("shop.cache.CACHE", "builtins.dict", 36_960, 4_100_200, 812, 5),
        Accumulation("thread 'MainThread', main() at app.py:3, local 'raw'", "builtins.bytes",
                     1_048_609, 1_048_609, 0, 1),
    ),
    is_cached=False,
    cache="snapshots/final.lkheap.lkcache",
    notes=(),
    timings_ns={"open_ns": 312_000_000, "look_ns": 8_000_000, "total_ns": 320_000_000},
)  # fmt: skip

EMPTY_HEAP: Final = replace(
    SHOP_HEAP,
    label="",
    pid=None,
    totals=HeapTotals(0, 0, 0, 0, 0, dict.fromkeys(SHOP_HEAP.totals.roots_by_kind, 0), 0, 0, 0),
    largest=(),
    cache=None,
    notes=("no cache was kept for final.lkheap: No space left on device",),
)

HEAPS: Final = {
    "shop": SHOP_HEAP,
    "cached": replace(SHOP_HEAP, is_cached=True),
    "empty": EMPTY_HEAP,
}


def nasty_heap(name: str) -> HeapReport:
    """Every name is hostile."""
    return replace(
        SHOP_HEAP,
        snapshot=name,
        label=name,
        largest=(Accumulation(name, name, 1, 1, 0, 0),),
        cache=name,
        notes=(name,),
    )


def _weight(count: int, size: float) -> Weight:
    return Weight(
        count, Estimate(size, size * 0.75, size * 1.25), Estimate(count * 80.0, 0.0, 900.0)
    )


_INIT: Final = CodeLine("Session.__init__", "/app/shop/session.py", 14)
_DUMPS: Final = CodeLine("dumps", "/usr/lib/python3.12/json/__init__.py", 231)
_WARM: Final = CodeLine("warm", "/app/shop/app.py", None)

SITES: Final = SitesReport(
    labels=("baseline", "loaded", "final"),
    sample_bytes=8192,
    sites=(
        SiteGrowth(_INIT, _DUMPS, {"loaded": _weight(52, 640_000), "final": _weight(50, 620_000)}),
        SiteGrowth(_INIT, None, {"final": _weight(3, 24_000)}),
        SiteGrowth(
            NOT_KNOWN, None, {name: _weight(2, 18_000) for name in ("baseline", "loaded", "final")}
        ),
        SiteGrowth(
            CodeLine("warm", "/app/shop/app.py", None), None, {"baseline": _weight(9, 90_000)}
        ),
    ),
    notes=("12 sampled allocations found no memory: made at is too low.",),
)


def nasty_sites(name: str) -> SitesReport:
    """A table in which everything is called ``name``."""
    line = CodeLine(name, name, 1)
    growth = SiteGrowth(line, line, {name: _weight(1, 100)})
    return SitesReport((name,), 8192, (growth,), (name,))


_UNKNOWN: Final = "malloc is jemalloc's: its counters are not read."
_FINAL: Final = BILLS["final"]
BILL_ANSWERS: Final = (
    BillReport(4242, None, 330_688, 661_176_320, 7_352_201, _FINAL),
    BillReport(
        77,
        "before/final.lkheap",
        1,
        None,
        0,
        Bill(
            _FINAL.rss_bytes,
            tuple(
                replace(part, bytes=None) if part.name in {"native", "mapped"} else part
                for part in _FINAL.parts
            ),
            (_UNKNOWN,),
        ),
    ),
    BillReport(
        4242, None, 330_688, 661_176_320, 7_352_201, _FINAL,
        cgroup_limit_bytes=1 << 30,
        before=BILLS["baseline"],
        trim=TrimResult(True, 86_400_000, 83_250_000, 4_100_000),
    ),
)  # fmt: skip
"""A live process, a file of one whose malloc is not read, and growth after a hunt."""

DOCTOR: Final = DoctorReport(
    pid=4242,
    command=(),
    duration_s=30.0,
    samples=4,
    pause_ns=7_300_000,
    flags=flags_of(
        Patient(
            samples=tuple(
                Sample(10.0 * i, 100_000_000 + 300_000 * i, 400_000, 8, 600, is_collector_on=False)
                for i in range(4)
            ),
            descriptors_max=1024,
            bill=None,
            tasks=12,
            stuck_tasks=3,
            collections=Pauses(85_000, 61_000_000),
            collector_share=0.027,
            loop=Pauses(140_000, 1_240_000_000),
        ),
        Reach("4242 --duration 60", "4242"),
    ),
    notes=("a note",),
)
"""Some of each light."""

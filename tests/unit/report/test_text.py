from __future__ import annotations

import re
from dataclasses import replace

import pytest
from rich.cells import cell_len

from leakhunt.detectors.base import LeakedType, PathStep, Verdict
from leakhunt.report.growth_order import SORT_KEYS
from leakhunt.report.model import Report
from leakhunt.report.text import TextOptions, render_text
from leakhunt.report.text.sheet import Sheet
from tests.golden import sample_reports as samples
from tests.nasty_names import NASTY_NAMES

WIDTHS = (50, 80, 120, 160)


def screen(report: Report, **options: object) -> str:
    return render_text(report, TextOptions(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", samples.ALL)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    for line in screen(samples.ALL[name], width=width, show_all=True).splitlines():
        assert cell_len(line) <= width, line
        assert line == line.rstrip()


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_nasty_names_do_no_harm(name: str) -> None:
    text = screen(samples.nasty_report(name), show_all=True)
    assert text.replace("\n", "").isprintable()
    assert all(cell_len(line) <= 80 for line in text.split("\n"))
    assert len(text) < 40_000


@pytest.mark.parametrize("name", NASTY_NAMES, ids=range(len(NASTY_NAMES)))
def test_with_color_only_our_own_sequences_come_out(name: str) -> None:
    text = screen(samples.nasty_report(name), color=True)
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert plain.replace("\n", "").isprintable()


def test_color_and_plain_say_the_same() -> None:
    colored = screen(samples.LEAKY, color=True)
    assert "\x1b[" in colored
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", colored).splitlines()]
    assert lines == screen(samples.LEAKY).splitlines()


def test_ascii_only() -> None:
    assert screen(samples.LEAKY, ascii_only=True).isascii()
    assert not screen(samples.LEAKY).isascii()


def test_widths_are_held_in_bounds() -> None:
    assert screen(samples.LEAKY, width=1) == screen(samples.LEAKY, width=50)
    assert screen(samples.LEAKY, width=9_999) == screen(samples.LEAKY, width=160)


def test_questions_are_answered_in_order() -> None:
    text = screen(samples.LEAKY)
    order = ["LEAK  1 leak", "process RSS", "Unremoved listener", "What grows", "births", "next"]
    places = [text.index(word) for word in order]
    assert places == sorted(places)


def test_errors_come_first() -> None:
    assert screen(samples.PARTIAL).startswith(" Partial result: cycle 137 of 2,000 raised")


def test_nothing_found_in_a_partial_result_is_no_verdict() -> None:
    text = screen(samples.EMPTY)
    assert "No leak" not in text
    assert "No verdict" in text


def test_clean_reports_say_why() -> None:
    assert screen(samples.CLEAN).startswith(" No leak: 0 B, 0 objects per cycle (200 cycles), and")
    assert "Bounded cache still filling: 245 of 4,096 entries." in screen(samples.FILLING)
    several = replace(samples.FILLING, findings=(samples.BOUNDED, samples.BOUNDED))
    assert "the 2 holders that grew have a good reason to" in screen(several, width=120)


def test_noise_and_harmless_findings_are_short_unless_all_is_asked_for() -> None:
    assert "── 3" not in screen(samples.LEAKY)
    assert "── 3" in screen(samples.LEAKY, show_all=True)
    assert "Linecache keeps the source lines" in screen(samples.LEAKY, width=120)


def test_many_findings_are_cut_short_and_counted() -> None:
    many = tuple(replace(samples.LISTENER, rank=rank) for rank in range(1, 31))
    report = replace(samples.LEAKY, findings=many)
    text = screen(report)
    assert text.count("confidence 98 %") == 5
    assert "and 15 more findings: --all shows them" in text
    assert screen(report, show_all=True).count("confidence 98 %") == 30


def test_the_holder_is_marked_in_its_path() -> None:
    marked = [line for line in screen(samples.LEAKY, width=120).splitlines() if "grows" in line]
    assert re.search(r"\['tick'\] .* ◀ grows here, 45 → 2,045 entries", marked[0])
    assert ".PRICES" in marked[1]


def test_the_mark_has_its_own_line_where_the_page_is_narrow() -> None:
    lines = screen(samples.LEAKY, width=80).splitlines()
    (first, *_) = [number for number, line in enumerate(lines) if "grows here" in line]
    assert "['tick']" in lines[first - 1]
    assert lines[first].strip() == "◀ grows here, 45 → 2,045 entries"


def test_several_findings_begin_with_a_table() -> None:
    text = screen(samples.LEAKY)
    table, details = text.split("── 1", 1)
    assert "\n 1  LEAK     shop.bus.BUS.listeners['tick']  listener  +10.2 KiB  20.6 MiB\n" in table
    assert "\n 2  SUSPECT  shop.catalogue.prices.PRICES " in table
    assert "linecache" not in table
    assert "linecache" in details
    alone = replace(samples.LEAKY, findings=(samples.LISTENER,))
    assert "per cycle     frees" not in screen(alone)


def test_evidence_that_repeats_the_leaked_types_is_left_out() -> None:
    said = "2,000 `builtins.bytes`, 19,600,000 bytes"
    leaked = (LeakedType("builtins.bytes", 2_000, 19_600_000),)
    finding = replace(samples.LISTENER, leaked=leaked, evidence=(said, "entries: 45, 2,045"))
    report = replace(samples.LEAKY, findings=(finding,))
    assert "19,600,000" not in screen(report)
    assert "proof    entries: 45, 2,045\n" in screen(report)
    assert "19,600,000" in screen(report, show_all=True)


def test_a_long_path_keeps_both_ends_and_the_holder() -> None:
    steps = [PathStep("shop.LIST", "attr", "shop.Node")]
    steps += [PathStep(f".step{i}", "attr", "shop.Node") for i in range(100)]
    holder = replace(samples.LISTENER.holder, path="shop.LIST" + "".join(
        step.edge for step in steps[1:51]
    ))  # fmt: skip
    finding = replace(samples.LISTENER, retaining_path=tuple(steps), holder=holder)
    text = screen(replace(samples.LEAKY, findings=(finding,)))
    assert ".step0 " in text
    assert ".step99 " in text
    assert re.search(r"\.step49 .*\n? *◀ grows here", text)
    assert "… 43 more steps" in text


@pytest.mark.parametrize(
    ("retained", "exclusive", "words"),
    [
        (None, None, None),
        (None, 2048, "2.0 KiB if this holder lets go"),
        (4096, None, "4.0 KiB when they go"),
        (4096, 4096, "4.0 KiB, all of it once this holder lets go"),
        (4096, 2048, "4.0 KiB when every holder lets go, 2.0 KiB by this one alone"),
        (4096, 0, "4.0 KiB when every holder lets go; nothing by this one alone"),
    ],
)
def test_what_letting_go_frees(
    retained: int | None, exclusive: int | None, words: str | None
) -> None:
    finding = replace(samples.LISTENER, retained_bytes=retained, exclusive_bytes=exclusive)
    text = screen(replace(samples.LEAKY, findings=(finding,)), width=120)
    assert ("frees" in text) == (words is not None)
    assert words is None or words in text


@pytest.mark.parametrize("key", SORT_KEYS)
def test_the_table_shows_the_column_it_is_sorted_by(key: str) -> None:
    text = screen(samples.LEAKY, sort=key)
    if key in {"born", "departed", "transient", "late", "resized", "garbage"}:
        assert re.search(rf"^ type .* {key}", text, re.MULTILINE)


def test_top_and_what_is_left_out() -> None:
    text = screen(samples.LEAKY, top=2)
    assert "2 of 8 types, by size" in text
    assert "6 more types (+414.8 KiB): --top N or --all." in text
    assert "builtins.cell" not in screen(samples.LEAKY)
    assert "builtins.cell" in screen(samples.LEAKY, show_all=True)


def test_without_a_loaded_snapshot_there_is_no_such_column() -> None:
    text = screen(samples.TWO_FILES)
    assert "loaded" not in text
    assert re.search(r"^ type +B +F ", text, re.MULTILINE)


def test_whose_growth_it_is() -> None:
    def with_growth(rss: int, python: int) -> str:
        memory: dict[str, int | None] = {
            "rss_baseline_bytes": 0,
            "rss_final_bytes": rss,
            "python_baseline_bytes": 0,
            "python_final_bytes": python,
        }
        return screen(replace(samples.LEAKY, memory=memory, bills={}), width=120)

    assert "The process grew by 20.9 MiB: Python objects (100 %)." in screen(samples.LEAKY)
    mib = 1 << 20
    assert "account for 90 % of the growth of the process" in with_growth(10 * mib, 9 * mib)
    assert "account for only 20 % of the growth" in with_growth(10 * mib, 2 * mib)
    assert "freed memory was used again" in with_growth(10 * mib, 11 * mib)
    assert "growth of the process" not in with_growth(mib // 2, mib // 2)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_change_of_memory_is_never_cropped(width: int) -> None:
    lines = screen(samples.LEAKY, width=width).splitlines()
    (resident,) = [line for line in lines if "process RSS" in line]
    assert resident.endswith("+21.4 MiB")
    assert "82.4 MiB" in resident
    assert ("83.1 MiB" in resident) == (width >= 80)


def test_inferred_births_are_called_so() -> None:
    identity = replace(
        samples.EXACT, method="address and type", exact=False, inferred_types=(), note=""
    )
    text = screen(replace(samples.LEAKY, identity=identity))
    assert "births   inferred, by address and type.\n" in text
    identity = replace(identity, inferred_types=tuple(f"t{i}" for i in range(9)))
    text = screen(replace(samples.LEAKY, identity=identity), width=120)
    assert "inferred for t0, t1, t2, t3 and 5 more types." in text


def test_suspects_alone_are_the_verdict() -> None:
    report = replace(
        samples.LEAKY,
        verdict="SUSPECT",
        findings=(replace(samples.LISTENER, verdict=Verdict.SUSPECT),),
    )
    assert screen(report).startswith("  SUSPECT  1 suspect: +10.6 KiB")


def test_saved_snapshots_are_pointed_at() -> None:
    assert "--save DIR" in screen(samples.LEAKY)
    assert "leakhunt diff out  compares its snapshots again" in screen(samples.CLEAN)
    assert "--cycles N" in screen(samples.TWO_FILES)
    assert "next" not in screen(samples.LEAKY, hints=False)


def test_fit_counts_wide_characters() -> None:
    sheet = Sheet(TextOptions())
    for cells in range(1, 30):
        assert cell_len(sheet.fit("変数" * 20, cells)) <= max(cells, 2)
    assert sheet.name("") == "''"
    assert sheet.name("  ") == "'  '"

"""By what a process grew: from two bills."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from leakhunt.analysis.bill import PARTS, Bill, BillPart
from leakhunt.analysis.bill_growth import Cause, growth_of
from leakhunt.report.text.bill_growth import growth_sentence

MIB = 1 << 20


def bill(**parts: int | None) -> Bill:
    """Parts in MiB; those that are not named are 10 MiB."""
    sizes = {name: parts.get(name, 10) for name in PARTS}
    rss = sum(size or 0 for size in sizes.values()) * MIB
    return Bill(
        rss,
        tuple(BillPart(n, None if v is None else v * MIB, "") for n, v in sizes.items()),
    )


def main(**parts: int | None) -> list[Cause]:
    return [one.cause for one in growth_of(bill(), bill(**parts)).main]


def test_each_part_has_its_cause() -> None:
    assert main(live_python=40) == [Cause.PYTHON]
    assert main(garbage=40) == [Cause.PYTHON]
    assert main(allocator_free=40) == [Cause.FREE]
    assert main(native=40) == main(mapped=40) == [Cause.NATIVE]
    assert main(files=40) == [Cause.FILES]
    assert main(stacks=40) == [Cause.THREADS]
    assert main(unexplained=40) == [Cause.UNKNOWN]


def test_what_is_most_of_the_growth_stands_alone() -> None:
    assert main(live_python=50, native=20) == [Cause.PYTHON]
    assert main(live_python=30, allocator_free=28, stacks=11) == [Cause.PYTHON, Cause.FREE]


def test_what_leakhunt_needs_is_no_growth() -> None:
    found = growth_of(bill(), bill(leakhunt=90))
    assert found.rss_bytes == 0
    assert found.main == ()


def test_what_one_bill_does_not_know_is_not_known() -> None:
    assert main(native=None, unexplained=90) == [Cause.UNKNOWN]


def test_sentences() -> None:
    assert growth_sentence(growth_of(bill(), bill())) == ""
    assert growth_sentence(growth_of(bill(native=30), bill())) == "The process shrank by 20.0 MiB."
    assert growth_sentence(growth_of(bill(), bill(live_python=40, allocator_free=40))) == (
        "The process grew by 60.0 MiB: Python objects (50 %) and memory that was freed and that"
        " the allocators hold (50 %)."
    )


SIZES = st.dictionaries(st.sampled_from(PARTS), st.integers(0, 1000))


@given(SIZES, SIZES)
def test_the_causes_add_up(before: dict[str, int], after: dict[str, int]) -> None:
    found = growth_of(bill(**before), bill(**after))
    assert sum(one.bytes for one in found.causes) == found.rss_bytes
    assert [one.cause for one in growth_of(bill(**before), bill(**before)).main] == []
    assert {one.cause for one in found.main} <= set(Cause)

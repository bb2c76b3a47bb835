"""An examination that may end early: when growth ends, and when the time is up."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from leakhunt.hunt.within.examine import (
    Result,
    Step,
    TooLongError,
    Wishes,
    advance,
    examine,
)

KEPT: list[Any] = []


@functools.lru_cache(128)
def cached(key: object) -> list[object]:
    return [key]


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    yield
    KEPT.clear()
    cached.cache_clear()


def run(wishes: Wishes, cycle: Callable[[], object]) -> Result:
    examination = examine(wishes)
    try:
        step = advance(examination)
        while isinstance(step, Step):
            for _ in range(step.cycles):
                cycle()
            step = advance(examination)
    finally:
        examination.close()
    return step


@pytest.fixture(params=["empty", "full of larger ones"])
def cache(request: pytest.FixtureRequest) -> None:
    """Each cycle makes an entry; it may take the place of one that had more in it."""
    if request.param != "empty":
        for _ in range(128):
            cached(object()).extend([[number] for number in range(20)])


def keep_a_list() -> None:
    KEPT.append([])


def keep_a_number() -> None:
    KEPT.append(len(KEPT) + 1000.5)


@pytest.mark.usefixtures("cache")
def test_a_cache_that_keeps_to_its_bound_needs_no_hunt() -> None:
    assert run(Wishes(20, ends_when_quiet=True), lambda: cached(object())).report is None


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("leak", [keep_a_list, keep_a_number])
def test_a_leak_is_found_beside_it(leak: Callable[[], None]) -> None:
    def cycle() -> None:
        cached(object())
        leak()

    result = run(Wishes(20, ends_when_quiet=True), cycle)
    assert result.report is not None
    assert any("KEPT" in str(one.holder) for one in result.report.findings)
    assert result.report.verdict == "LEAK"


def test_no_hunt_is_begun_that_would_end_too_late() -> None:
    with pytest.raises(TooLongError, match=r"6 cycles left something behind.* more than 0 s"):
        run(Wishes(6, limit_s=0.0), keep_a_list)


def test_what_is_quiet_is_told_however_late_it_is() -> None:
    wishes = Wishes(6, limit_s=0.0, ends_when_quiet=True)
    assert run(wishes, lambda: None).report is None

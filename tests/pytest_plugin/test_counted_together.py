"""Memory that no collector tracks, of short tests that are counted together."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import Suite, words

TOGETHER = """
from leakhunt.pytest_plugin import session

session._COUNT_SHARE = 0  # as on a large heap
"""


def test_what_is_remembered_of_a_test_is_not_blamed_on_those_after_it(suite: Suite) -> None:
    result = suite.run(
        """
        def test_leaky(): KEPT.extend([object()] for _ in range(300))

        @pytest.mark.parametrize("number", range(6))
        def test_clean(number): ...
        """,
        "--leakhunt",
        conftest=TOGETHER,
    )
    text = words(result)
    assert text.count("LEFT") == 1
    assert "LEFT test_it.py::test_leaky" in text


@pytest.mark.parametrize("before", [(), ("test_skipped_before",)])
def test_memory_of_tests_is_told_that_are_counted_with_one_that_is_skipped(
    suite: Suite, before: tuple[str, ...]
) -> None:
    names = (*before, "test_leaky", "test_skipped", "test_clean")
    result = suite.run(
        """
        def test_first(): ...
        def test_skipped_before(): pytest.skip("not here")
        def test_leaky(): KEPT.extend(range(1000, 2000))
        def test_skipped(): pytest.skip("not here")
        def test_clean(): ...
        """,
        "--leakhunt",
        *(f"test_it.py::{name}" for name in ("test_first", *names)),
        conftest=TOGETHER,
    )
    text = words(result)
    assert "LEFT test_it.py::test_leaky" in text
    assert "it, or test_it.py::test_skipped" in text


def test_memory_is_told_of_a_test_before_one_that_is_repeated_anyway(suite: Suite) -> None:
    result = suite.run(
        """
        def test_first(): ...
        def test_leaky(): KEPT.extend(range(1000, 2000))

        @pytest.mark.leakhunt(cycles=6)
        def test_marked(): ...
        """,
        "--leakhunt",
        conftest=TOGETHER,
    )
    assert "LEFT test_it.py::test_leaky" in words(result)

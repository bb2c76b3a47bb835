"""Beside other plugins: a clean test is passed over, a leaky one is named."""

from __future__ import annotations

import pytest

from tests.pytest_plugin.conftest import Suite, words

ASYNC = """
    import asyncio

    @pytest.fixture
    def anyio_backend():
        return "asyncio"

    @pytest.mark.{plugin}
    {marker}
    async def test_clean():
        await asyncio.create_task(asyncio.sleep(0))

    @pytest.mark.{plugin}
    {marker}
    async def test_leaky():
        await asyncio.sleep(0)
        KEPT.append(Session())
"""
PLAIN = """
    def test_clean():
        Session()

    def test_leaky():
        KEPT.append(Session())
"""


def outcomes(suite: Suite) -> dict[str, str]:
    """By test, of what was not passed over or cleared."""
    return {
        one["test"].partition("::")[2]: one["outcome"]
        for one in suite.report()["tests"]
        if one["outcome"] != "cleared"
    }


CONFIRM = ("--leakhunt-confirm", "--leakhunt-report", "report.json")


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_coroutines_that_are_marked(suite: Suite, plugin: str) -> None:
    suite.beside = (plugin,)
    result = suite.run(ASYNC.format(plugin=plugin, marker="@pytest.mark.leakhunt"))
    result.assert_outcomes(passed=1, failed=1)
    assert "1 leak in 20 cycles of test_leaky" in words(result)
    assert "held by `shop.KEPT`" in words(result)


@pytest.mark.parametrize("plugin", ["asyncio", "anyio"])
def test_coroutines_of_a_watched_suite(suite: Suite, plugin: str) -> None:
    suite.beside = (plugin,)
    result = suite.run(ASYNC.format(plugin=plugin, marker=""), *CONFIRM)
    result.assert_outcomes(passed=2)
    assert outcomes(suite) == {"test_leaky": "leak"}


def test_in_random_order(suite: Suite) -> None:
    suite.beside = ("randomly",)
    result = suite.run(PLAIN, *CONFIRM)
    result.assert_outcomes(passed=2)
    assert "--randomly-seed=" in words(result)
    assert outcomes(suite) == {"test_leaky": "leak"}


def test_with_reruns(suite: Suite) -> None:
    suite.beside = ("rerunfailures",)
    flaky = """
    TIMES = []

    def test_flaky():
        TIMES.append(1)
        assert len(TIMES) > 1
    """
    result = suite.run(PLAIN + flaky, *CONFIRM, "--reruns", "2")
    result.assert_outcomes(passed=3)
    assert "1 rerun" in words(result)
    assert outcomes(suite) == {"test_leaky": "leak"}


def test_under_coverage(suite: Suite) -> None:
    import sys

    suite.run(PLAIN)
    result = suite.pytester.run(
        sys.executable, "-m", "coverage", "run", "--branch", "--source=.",
        "-m", "pytest", "-p", "no:cacheprovider", *CONFIRM, timeout=280,
    )  # fmt: skip
    result.assert_outcomes(passed=2)
    assert outcomes(suite) == {"test_leaky": "leak"}
    told = suite.pytester.run(sys.executable, "-m", "coverage", "report", timeout=280)
    assert told.ret == 0
    assert "test_it.py" in told.stdout.str()


def test_with_properties(suite: Suite) -> None:
    suite.beside = ("hypothesispytest",)
    tests = """
        from hypothesis import HealthCheck, given, settings, strategies as st

        settings.register_profile(
            "patient", max_examples=20, deadline=None, suppress_health_check=list(HealthCheck)
        )
        settings.load_profile("patient")

        @given(st.lists(st.integers()))
        def test_clean(values):
            assert sorted(values) == sorted(sorted(values))

        @given(st.integers())
        def test_leaky(value):
            KEPT.append(Session())
    """
    result = suite.run(tests, *CONFIRM)
    result.assert_outcomes(passed=2)
    assert outcomes(suite) == {"test_leaky": "leak"}


def test_in_workers(suite: Suite) -> None:
    result = suite.run(PLAIN, *CONFIRM, "-n", "2")
    result.assert_outcomes(passed=2)
    assert outcomes(suite) == {"test_leaky": "leak"}

"""The pytest plugin: leak assertions that cost next to nothing where nothing leaks.

pytest loads this module in every run where leakhunt is installed, so it only names the options,
the marker and the fixture.  What they do is imported when one of them is used.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

import pytest

MARKED = "leakhunt-marked"
"""Name of the plugin that repeats marked tests; registered when there are any."""
_MARKER = (
    "leakhunt(cycles=20, warmup=None, max_growth=0, types=(), ignore=()): repeat the test with its "
    "function-scoped fixtures rebuilt, and fail it when its cycles leave objects behind."
)


@contextmanager
def plain_imports() -> Iterator[None]:
    """Meanwhile modules are imported without pytest's hook, which looks for assertions to explain:
    ours have none, and a suite would wait for them half as long again."""
    finders = sys.meta_path[:]
    sys.meta_path[:] = [one for one in finders if not type(one).__module__.startswith("_pytest.")]
    try:
        yield
    finally:
        sys.meta_path[:] = finders


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; see docs/reference/pytest.md."""
    group = parser.getgroup("leakhunt", "memory leaks")
    group.addoption(
        "--leakhunt",
        action="store_true",
        help="Watch every test, each run once, and report what outlives it.",
    )
    group.addoption(
        "--leakhunt-confirm",
        action="store_true",
        help="Repeat the tests that left something behind, and tell leaks from what fills up "
        "once.  Implies --leakhunt.",
    )
    group.addoption(
        "--leakhunt-fail",
        action="store_true",
        help="Fail the tests whose leaks were confirmed.  Implies --leakhunt-confirm.",
    )
    group.addoption(
        "--leakhunt-baseline",
        metavar="FILE",
        help="Accept the leaks of this file (leakhunt accept writes it): shown, but no failure.",
    )
    group.addoption(
        "--leakhunt-report",
        metavar="FILE.json",
        help="Write what was found as JSON (schema leakhunt.pytest/1).",
    )
    group.addoption(
        "--leakhunt-graph",
        metavar="DIR",
        help="Draw the chain to each leaked object into DIR: DOT, and SVG when Graphviz is there.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Names the marker; loads what the options ask for."""
    config.addinivalue_line("markers", _MARKER)
    option = config.option
    option.leakhunt_confirm |= option.leakhunt_fail
    option.leakhunt |= option.leakhunt_confirm
    if option.leakhunt or option.leakhunt_report or option.leakhunt_baseline:
        try:
            with plain_imports():
                from leakhunt.pytest_plugin.session import install
        except ImportError as exc:
            raise pytest.UsageError(f"--leakhunt: our C code cannot be loaded: {exc}") from exc
        install(config)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Loads what marked tests need, when there are any."""
    if any(item.get_closest_marker("leakhunt") for item in items):
        from leakhunt.pytest_plugin.marked import install

        install(config, items)


@pytest.fixture(name="leakhunt")
def _leakhunt() -> ModuleType:
    """Leak assertions (``leakhunt.testing``): ``leakhunt.check(function, cycles=50)`` and more."""
    from leakhunt import testing

    return testing

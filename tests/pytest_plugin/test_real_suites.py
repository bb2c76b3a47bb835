"""Suites of published packages: nothing is accused falsely, and a leak that is planted is named.

``make suites`` fetches their source distributions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITES = ROOT / ".venv-suites"
PYTHON = SUITES / "bin" / "python"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (SUITES / ".ready").exists(), reason="run: make suites"),
]

PLANTED = """
import {module}

planted = []

def test_planted():
    planted.append({made})
"""


class Case(NamedTuple):
    """A package."""

    tests: str
    """Folder of its tests."""
    module: str
    made: str
    """Something to make of it, which leaks; what is pluggy's belongs to the run, always."""
    leaks: dict[str, str]
    """What this suite does leak: holder by test."""


_FORMATS = "test_format.py::TestFormatChecker"
_BOOM = "jsonschema.tests.test_format.BOOM.__traceback__"

CASES = {
    "attrs": Case(
        "tests",
        "attr",
        "attr.make_class('Planted', ['x'])(1)",
        # pympler's: each class that it measured, for ever.
        {
            "test_slots.py::test_bare_inheritance_from_slots": "pympler.asizeof._typedefs",
            "test_slots.py::test_inheritance_from_slots": "pympler.asizeof._typedefs",
        },
    ),
    "blinker": Case("tests", "blinker", "blinker.Signal()", {}),
    "cachetools": Case("tests", "cachetools", "cachetools.LRUCache(5)", {}),
    "jsonschema": Case(
        "jsonschema/tests",
        "jsonschema",
        "jsonschema.FormatChecker()",
        {
            # The classes of a module that is loaded again.
            "test_deprecations.py::TestDeprecations::test_import_cli": "jsonschema.cli._Outputter",
            # One exception, raised again.
            f"{_FORMATS}::test_format_error_causes_become_validation_error_causes": _BOOM,
            f"{_FORMATS}::test_it_catches_registered_errors": _BOOM,
        },
    ),
    "more_itertools": Case("tests", "more_itertools", "more_itertools.peekable([1])", {}),
    "pluggy": Case("testing", "pluggy", "dict(planted=[])", {}),
    "pyee": Case(
        "tests",
        "pyee",
        "pyee.EventEmitter()",
        # Each emitter that was uplifted and not unwrapped.
        {
            f"test_uplift.py::{name}": "pyee.uplift.EMIT_WRAPPERS"
            for name in (
                "test_exception_handling[neither]",
                "test_exception_handling[new]",
                "test_exception_handling[underlying]",
                "test_proxy_new_listener[backward]",
                "test_proxy_new_listener[both]",
                "test_proxy_new_listener[forward]",
                "test_proxy_new_listener[neither]",
            )
        },
    ),
    "tenacity": Case("tests", "tenacity", "tenacity.Retrying()", {}),
}


def run(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [
        str(PYTHON), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "leakhunt.pytest_plugin",
        "-W", "ignore", "-o", "asyncio_default_fixture_loop_scope=function", *options,
    ]  # fmt: skip
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    environ.pop("PYTEST_XDIST_WORKER", None)
    return subprocess.run(
        command, cwd=folder, env=environ, check=False, capture_output=True, text=True, timeout=1800
    )


@pytest.mark.timeout(0)
@pytest.mark.parametrize("package", CASES)
def test_no_test_is_accused_and_the_planted_leak_is_named(package: str, tmp_path: Path) -> None:
    case = CASES[package]
    source = next((SUITES / "src").glob(f"{package}-*"))
    folder = tmp_path / package
    shutil.copytree(source, folder)
    planted = folder / case.tests / "test_planted.py"
    planted.write_text(PLANTED.format(module=case.module, made=case.made))
    done = run(folder, case.tests, "--leakhunt-confirm", "--leakhunt-report", "report.json")
    report: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    leaks = {
        one["test"].removeprefix(f"{case.tests}/"): one["findings"][0]["holder"]["path"]
        for one in report["tests"]
        if one["outcome"] == "leak"
    }
    assert leaks.pop("test_planted.py::test_planted", "").endswith("test_planted.planted"), (
        done.stdout
    )
    assert leaks == case.leaks, done.stdout
    each_us = report["watch_ns"] / 1000 / report["watched"]
    print(f"{package}: {report['watched']} tests, {each_us:.0f} us each to watch")

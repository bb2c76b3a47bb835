"""Suites of published packages: nothing is accused falsely, and a leak that is planted is named.

``make suites`` fetches their source distributions.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

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
    planted.append({name}{call})
"""

CASES = {
    # package: (folder of its tests, module, something to make of it); pluggy's own objects belong
    # to the run of pytest, always.
    "attrs": ("tests", "attr", "attr.make_class", "('Planted', ['x'])(1)"),
    "blinker": ("tests", "blinker", "blinker.Signal", "()"),
    "cachetools": ("tests", "cachetools", "cachetools.LRUCache", "(5)"),
    "jsonschema": ("jsonschema/tests", "jsonschema", "jsonschema.FormatChecker", "()"),
    "pluggy": ("testing", "pluggy", "dict", "(planted=[])"),
    "pyee": ("tests", "pyee", "pyee.EventEmitter", "()"),
    "tenacity": ("tests", "tenacity", "tenacity.Retrying", "()"),
}

TRUE = {
    # What these suites do leak, by holder.
    "attrs": {"pympler.asizeof._typedefs"},  # of pympler: each class it measured, for ever
    "jsonschema": {
        "jsonschema.cli._Outputter",  # the classes of a module that is loaded again
        "jsonschema.tests.test_format.BOOM.__traceback__",  # one exception, raised again
    },
    "pyee": {"pyee.uplift.EMIT_WRAPPERS"},  # each emitter that was uplifted and not unwrapped
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
    tests, module, name, call = CASES[package]
    source = next((SUITES / "src").glob(f"{package}-*"))
    folder = tmp_path / package
    shutil.copytree(source, folder)
    planted = folder / tests / "test_planted.py"
    planted.write_text(PLANTED.format(module=module, name=name, call=call))
    done = run(folder, tests, "--leakhunt-confirm", "--leakhunt-report", "report.json")
    report: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    leaks = {
        one["test"]: one["findings"][0]["holder"]["path"]
        for one in report["tests"]
        if one["outcome"] == "leak"
    }
    planted_test = f"{tests}/test_planted.py::test_planted"
    assert leaks.pop(planted_test, "").endswith("test_planted.planted"), done.stdout
    assert set(leaks.values()) <= TRUE.get(package, set()), done.stdout
    each_us = report["watch_ns"] / 1000 / report["watched"]
    print(f"{package}: {report['watched']} tests, {each_us:.0f} us each to watch")

"""Each row of ``leakhunt/detectors/libraries`` against the library itself: the leak is named, the
advice names the call, and that very call ends the leak.

A file of ``fixtures/library_rows`` begins a piece of work, and returns what ends it.  Its leaky
twin never does; its clean twin, written here, does so in each cycle.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path

import pytest

from leakhunt.detectors.base import Verdict
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.report.model import Report
from tests.zoo.cases import CONSTRAINTS
from tests.zoo.environments import environment

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "fixtures" / "library_rows"
ENVIRONMENTS = ROOT / ".venv-zoo"
TOP_RANKS = 3
CLEAN = """
import inspect
import sys

sys.path.insert(0, {folder!r})

import {name} as row


{keyword} cycle(i):
    ended = row.begin(i)()
    if inspect.isawaitable(ended):
        {wait}


def teardown():
    getattr(row, "teardown", lambda: None)()
"""

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file says of itself, read without importing it."""

    category: str
    holder: str | None
    advice: str
    is_async: bool


def expected(path: Path) -> Expected:
    values: dict[str, str | None] = {}
    is_async = False
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        is_async = is_async or isinstance(statement, ast.AsyncFunctionDef)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            name = statement.targets[0].id
            if name in ("CATEGORY", "HOLDER", "ADVICE"):
                values[name] = ast.literal_eval(statement.value)
    category, advice = values["CATEGORY"], values["ADVICE"]
    assert category is not None
    assert advice is not None
    return Expected(category, values["HOLDER"], advice, is_async)


def clean_twin(path: Path, folder: Path) -> Path:
    is_async = expected(path).is_async
    twin = folder / "clean.py"
    twin.write_text(
        CLEAN.format(
            folder=str(FOLDER),
            name=path.stem,
            keyword="async def" if is_async else "def",
            wait="await ended" if is_async else "raise TypeError(ended)",
        ),
        encoding="utf-8",
    )
    return twin


def hunt(scenario: Path) -> Report:
    python = environment(ENVIRONMENTS, FOLDER / "requirements.txt", CONSTRAINTS)
    report = hunt_scenario(HuntOptions(scenario, warmup=50, python=python, timeout_s=300))
    assert report.errors == ()
    return report


ROWS = sorted(FOLDER.glob("row_*.py"))


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem.removeprefix("row_"))
def test_a_leak_is_named_with_the_call_that_ends_it(path: Path) -> None:
    wanted = expected(path)
    report = hunt(path)
    leaks = [f for f in report.findings if f.verdict is Verdict.LEAK and f.rank <= TOP_RANKS]
    found = [f for f in leaks if f.category.value == wanted.category]
    found = [f for f in found if wanted.advice in f.advice]
    assert found, [(f.category.value, f.holder.path, f.advice) for f in leaks]
    if wanted.holder is not None:
        paths = {f.holder.path.removeprefix(f"{path.stem}.") for f in found}
        assert wanted.holder in paths


@pytest.mark.parametrize("path", ROWS, ids=lambda path: path.stem.removeprefix("row_"))
def test_the_call_ends_the_leak(path: Path, tmp_path: Path) -> None:
    report = hunt(clean_twin(path, tmp_path))
    loud = [f for f in report.findings if f.verdict is not Verdict.NOT]
    assert [(f.verdict, f.holder.path, f.title) for f in loud] == []

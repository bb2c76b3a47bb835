"""References that C code holds are no accusation: large libraries, idle and at work, are silent;
lost references of real extensions are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.detectors.base import Category, Verdict
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.report.model import Report
from tests.zoo.cases import CONSTRAINTS, Case, load_cases
from tests.zoo.environments import environment

ROOT = Path(__file__).resolve().parents[2]
LIBRARIES = ROOT / "fixtures" / "libraries"
ENVIRONMENTS = ROOT / ".venv-zoo"
NATIVE = {case.name: case for case in load_cases() if "native" in case.accepted_categories}
NATIVE.pop("numpy_view_keeps_base")

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]


def hunt(scenario: Path, requirements: Path) -> Report:
    python = environment(ENVIRONMENTS, requirements, CONSTRAINTS)
    report = hunt_scenario(HuntOptions(scenario, warmup=50, python=python, timeout_s=300))
    assert report.errors == ()
    return report


def loud(report: Report) -> list[tuple[str, str, str]]:
    return [
        (f.verdict, f.category, f.holder.path)
        for f in report.findings
        if f.verdict is not Verdict.NOT
    ]


def test_idle_libraries_are_silent() -> None:
    report = hunt(LIBRARIES / "idle.py", LIBRARIES / "requirements.txt")
    assert report.findings == ()


def test_busy_libraries_are_silent() -> None:
    report = hunt(LIBRARIES / "busy.py", LIBRARIES / "requirements.txt")
    assert loud(report) == []
    assert [f for f in report.findings if f.category is Category.NATIVE] == []


def test_a_bounded_cache_that_fills_is_silent() -> None:
    report = hunt(LIBRARIES / "filling.py", LIBRARIES / "requirements.txt")
    assert loud(report) == []
    assert [f.category for f in report.findings] == [Category.CACHE]


def test_texts_in_the_table_of_a_parser_are_a_note() -> None:
    report = hunt(LIBRARIES / "parsing.py", LIBRARIES / "requirements.txt")
    assert report.findings == ()
    (note,) = [line for line in report.notes if line.startswith("Short texts")]
    assert "(pydantic_core) keep up to 16,384" in note


def test_a_small_view_tells_of_the_buffer_it_keeps() -> None:
    (case,) = [case for case in load_cases() if case.name == "numpy_view_keeps_base"]
    report = hunt(case.scenario("leaky"), case.requirements("leaky"))
    (found,) = [f for f in report.findings if f.verdict is Verdict.LEAK]
    # Each keeps ten numbers of ten thousand.
    assert found.retained_bytes is not None
    assert found.retained_bytes > 200 * 80_000
    assert any("are views" in line and "buffers of others" in line for line in found.evidence)


@pytest.mark.parametrize("case", NATIVE.values(), ids=NATIVE)
def test_references_lost_in_c_are_found(case: Case) -> None:
    report = hunt(case.scenario("leaky"), case.requirements("leaky"))
    assert report.verdict == Verdict.LEAK
    first = report.findings[0]
    assert first.category in case.accepted_categories
    assert first.holder.path.startswith("<native>")


@pytest.mark.parametrize("case", NATIVE.values(), ids=NATIVE)
def test_their_repaired_releases_are_silent(case: Case) -> None:
    assert loud(hunt(case.scenario("clean"), case.requirements("clean"))) == []

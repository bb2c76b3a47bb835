"""Leaky fixtures are found where their expectation files say; clean ones are left alone."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from leakhunt.detectors.base import Finding, Verdict
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.report.model import Report

ROOT = Path(__file__).resolve().parents[2]
SCENARIOS = ROOT / "fixtures" / "scenarios"
PAIRS = sorted(p.parent.name for p in SCENARIOS.glob("*/expected.toml") if p.parent.name != "shop")
HEALTHY = sorted(path.stem for path in (SCENARIOS / "healthy").glob("*.py"))
SHOP_PYTHON = ROOT / ".venv-shop" / "bin" / "python"

pytestmark = pytest.mark.e2e


def hunt(scenario: Path, python: Path, capture: str = "in-process", cycles: int = 200) -> Report:
    report = hunt_scenario(
        HuntOptions(scenario, python=python, timeout_s=120, capture=capture, cycles=cycles)
    )
    assert report.errors == ()
    return report


def check_leak(report: Report, leak: dict[str, Any]) -> None:
    """The finding of one expected leak is there and says what it should."""
    found = [f for f in report.findings if f.holder.path == leak["holder"]]
    assert found, [(f.verdict, f.category, f.holder.path) for f in report.findings]
    finding = found[0]
    assert finding.category in leak["accepted_categories"]
    assert finding.verdict == leak["verdict"], finding.reason
    assert {h.path for h in finding.co_holders} == set(leak.get("co_holders", ()))
    if leak.get("counts", "objects") == "objects":
        assert set(leak["types"]) <= leaked_types(finding)
    assert finding.advice
    assert finding.evidence


def leaked_types(finding: Finding) -> set[str]:
    return {row.type for row in finding.leaked}


def no_leak(report: Report) -> None:
    wrong = [(f.category, f.holder.path, f.reason) for f in report.findings if f.verdict == "LEAK"]
    assert wrong == []
    assert report.verdict != Verdict.LEAK


@pytest.mark.parametrize("pair", PAIRS)
def test_the_leaky_twin_is_found(pair: str, python: Path) -> None:
    report = hunt(SCENARIOS / pair / "leaky.py", python)
    expected = tomllib.loads((SCENARIOS / pair / "expected.toml").read_text("utf-8"))["leak"]
    is_leak = any(leak["verdict"] == Verdict.LEAK for leak in expected)
    assert report.verdict == (Verdict.LEAK if is_leak else Verdict.SUSPECT)
    for leak in expected:
        check_leak(report, leak)
    named = {leak["holder"] for leak in expected}
    others = [f for f in report.findings if f.verdict == "LEAK" and f.holder.path not in named]
    assert [(f.category, f.holder.path) for f in others] == []


def test_captures_by_fork_find_the_same(python: Path) -> None:
    report = hunt(SCENARIOS / "cache" / "leaky.py", python, "fork")
    for leak in tomllib.loads((SCENARIOS / "cache" / "expected.toml").read_text("utf-8"))["leak"]:
        check_leak(report, leak)
    assert {snapshot.mode for snapshot in report.snapshots} == {"fork"}
    no_leak(hunt(SCENARIOS / "cache" / "clean.py", python, "fork"))


@pytest.mark.parametrize("pair", PAIRS)
def test_the_clean_twin_is_no_leak(pair: str, python: Path) -> None:
    no_leak(hunt(SCENARIOS / pair / "clean.py", python))


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_programs_have_no_leak(name: str, python: Path) -> None:
    no_leak(hunt(SCENARIOS / "healthy" / f"{name}.py", python))


@pytest.mark.parametrize(
    ("name", "holders", "reason"),
    [
        ("timeouts_few", ["._scheduled"], "were cancelled"),
        ("small_caches", ["_struct.<unknown>", "ElementPath._cache"], "kept small"),
    ],
)
def test_what_only_fills_in_so_few_cycles_is_no_leak(
    name: str, holders: list[str], reason: str, python: Path
) -> None:
    report = hunt(SCENARIOS / "healthy" / f"{name}.py", python, cycles=60)
    assert report.verdict == Verdict.NOT
    for holder in holders:
        (found,) = [one for one in report.findings if one.holder.path.endswith(holder)]
        assert reason in found.reason


def test_names_that_the_interpreter_keeps_are_known_noise(
    python: Path, target_version: str, tmp_path: Path
) -> None:
    scenario = tmp_path / "names.py"
    scenario.write_text(
        'def cycle(i):\n    eval(f"value_{i} + 1", {f"value_{i}": i})\n', encoding="utf-8"
    )
    report = hunt(scenario, python, cycles=60)
    loud = [f for f in report.findings if f.verdict is not Verdict.NOT]
    if target_version == "3.11":  # it forgets them
        assert loud == []
        return
    (found,) = loud
    assert found.holder.path == "interpreter.cached_objects.interned_strings"
    assert found.verdict is Verdict.SUSPECT
    assert "known noise" in found.reason


@pytest.mark.skipif(not SHOP_PYTHON.exists(), reason="the shop's environment is not set up")
def test_the_leaky_shop() -> None:
    report = hunt(SCENARIOS / "shop" / "leaky.py", SHOP_PYTHON)
    for leak in tomllib.loads((SCENARIOS / "shop" / "expected.toml").read_text("utf-8"))["leak"]:
        check_leak(report, leak)


@pytest.mark.skipif(not SHOP_PYTHON.exists(), reason="the shop's environment is not set up")
def test_the_clean_shop() -> None:
    no_leak(hunt(SCENARIOS / "shop" / "clean.py", SHOP_PYTHON))

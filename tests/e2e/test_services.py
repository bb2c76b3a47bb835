"""Healthy services, at work over a thousand requests and idle, are accused of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from leakhunt.detectors.base import Verdict
from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.report.model import Report
from tests.zoo.cases import CONSTRAINTS
from tests.zoo.environments import environment

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ROOT / "fixtures" / "services"
NAMES = sorted(path.stem for path in SERVICES.glob("*_*.py"))
IDLE = [name for name in NAMES if name.endswith(("_service", "_job"))]
CYCLES = {"under_pytest": 100}
"""A thousand, unless one cycle is a whole run of something."""

pytestmark = [pytest.mark.e2e, pytest.mark.slow, pytest.mark.timeout(900)]


def hunt(scenario: Path, cycles: int) -> Report:
    python = environment(ROOT / ".venv-zoo", SERVICES / "requirements.txt", CONSTRAINTS)
    report = hunt_scenario(
        HuntOptions(scenario, cycles=cycles, warmup=200, python=python, timeout_s=600)
    )
    assert report.errors == ()
    return report


def accused(report: Report) -> list[tuple[str, str]]:
    return [(f.category, f.holder.path) for f in report.findings if f.verdict is Verdict.LEAK]


@pytest.mark.parametrize("name", NAMES)
def test_at_work(name: str) -> None:
    assert accused(hunt(SERVICES / f"{name}.py", CYCLES.get(name, 1000))) == []


@pytest.mark.parametrize("name", IDLE)
def test_idle(name: str, tmp_path: Path) -> None:
    """The same service, started and asked nothing."""
    is_async = "async def setup" in (SERVICES / f"{name}.py").read_text()
    wait = "await asyncio.sleep(0.002)" if is_async else "time.sleep(0.002)"
    prefix = "async " if is_async else ""
    idle = tmp_path / f"idle_{name}.py"
    idle.write_text(
        f"import asyncio, sys, time\nsys.path.insert(0, {str(SERVICES)!r})\nimport {name}\n"
        f"setup = getattr({name}, 'setup', lambda: None)\n"
        f"teardown = getattr({name}, 'teardown', lambda: None)\n"
        f"{prefix}def cycle(i):\n    {wait}\n"
    )
    report = hunt(idle, 1000)
    assert accused(report) == []
    assert [f for f in report.findings if f.verdict is Verdict.SUSPECT] == []

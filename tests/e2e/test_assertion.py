"""A test that was written for a finding fails while it leaks, and passes once it is fixed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from leakhunt.hunt import HuntOptions, hunt_scenario
from leakhunt.hunt.assertion import write_assertion

SCENARIOS = Path(__file__).resolve().parents[2] / "fixtures" / "scenarios"

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.parametrize("name", ["listener", "pending_async"])
def test_it_fails_until_the_leak_is_fixed(name: str, tmp_path: Path) -> None:
    scenario, test = tmp_path / "leaky.py", tmp_path / "tests" / "test_it.py"
    test.parent.mkdir()
    shutil.copy(SCENARIOS / name / "leaky.py", scenario)
    report = hunt_scenario(HuntOptions(scenario, cycles=60, warmup=10, save_dir=tmp_path / "out"))
    assert report.verdict == "LEAK"
    written = write_assertion(tmp_path / "out", beside=test)
    assert written.is_complete
    written.save(test)

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(test)]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    failed = run()
    assert failed.returncode == 1, failed.stdout
    assert report.findings[0].holder.path in failed.stdout
    shutil.copy(SCENARIOS / name / "clean.py", scenario)
    passed = run()
    assert passed.returncode == 0, passed.stdout

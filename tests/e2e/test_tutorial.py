"""The tutorial, executed: its scenario leaks as it says, and its mended form does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/tutorial.md").read_text("utf-8")
LEAKY, MENDED = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)

pytestmark = pytest.mark.e2e


def hunt(scenario: Path) -> tuple[int, dict[str, Any]]:
    """Exit code and report of the tutorial's own command."""
    command = re.findall(r"^\$ (leakhunt hunt .*)$", PAGE, re.MULTILINE)[0].split()
    done = subprocess.run(
        [sys.executable, "-m", *command, "--json"],
        cwd=scenario.parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_the_leak_is_found_as_told(tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.py"
    scenario.write_text(LEAKY, "utf-8")
    code, report = hunt(scenario)
    assert (code, report["errors"]) == (1, [])
    first = report["findings"][0]
    assert first["verdict"] == "LEAK"
    assert first["holder"]["path"] == "scenario.BUS.listeners['tick']"
    assert f"`{first['holder']['path']}`" in PAGE
    assert first["holder"]["size"] == {"baseline": 21, "loaded": 221, "final": 221}
    assert first["per_cycle"]["count"] == 1
    assert {"scenario.Session", "builtins.bytearray"} <= {row["type"] for row in first["leaked"]}


def test_the_mended_scenario_is_clean(tmp_path: Path) -> None:
    head, _, _ = LEAKY.partition("def cycle(i):")
    scenario = tmp_path / "scenario.py"
    scenario.write_text(head + MENDED, "utf-8")
    code, report = hunt(scenario)
    assert (code, report["errors"], report["verdict"]) == (0, [], "NOT")

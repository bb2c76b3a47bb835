from __future__ import annotations

import json
import subprocess
import sys

import pytest

import leakhunt
from leakhunt.agent import format as snapshot_format
from leakhunt.cli import main

HEAVY = ("numpy", "rich", "networkx", "textual", "zstandard", "asyncio", "leakhunt.hunt",
         "leakhunt.report.text", "leakhunt.store", "leakhunt.target")  # fmt: skip
BALLAST = ("numpy", "rich", "networkx", "textual", "zstandard", "asyncio", "hashlib", "ssl",
           "tempfile", "shutil", "zipfile", "statistics", "decimal", "importlib.resources",
           "http.server", "leakhunt.report.model", "leakhunt.store",
           "leakhunt.detectors", "leakhunt.graph")  # fmt: skip


@pytest.mark.parametrize("arguments", [["--help"], ["hunt", "--help"], ["version"], ["nonsense"]])
def test_nothing_heavy_is_imported_before_it_is_needed(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        "from leakhunt.cli import main\n"
        f"main({arguments!r})\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_watch_carries_nothing_it_does_not_need() -> None:
    """All that a watch with snapshots loads: each of these would cost it up to four megabytes."""
    code = (
        "import sys\n"
        "from leakhunt.cli import main\n"
        "main(['watch', '4194300'])\n"
        "import leakhunt.hunt.snapshot\n"
        f"print([name for name in {BALLAST!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_shows_examples_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--help"], ["-h"]):
        assert main(arguments) == 0
        out, err = capsys.readouterr()
        assert "leakhunt hunt --scenario checkout.py --cycles 200" in out
        assert "Exit codes:" in out
        assert err == ""


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"leakhunt {leakhunt.__version__}\n"
    assert main(["version"]) == 0
    assert f"leakhunt         {leakhunt.__version__}\n" in capsys.readouterr().out
    assert main(["version", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["report_schema"] == "leakhunt.report/1"
    assert facts["snapshot_format"].split(".")[0] == str(snapshot_format.VERSION_MAJOR)


def test_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "hunt"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: nothing to hunt")

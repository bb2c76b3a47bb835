"""Chrome DevTools' heap engine, memlab and Graphviz in node: see the Makefile's ``oracles``."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent

needs_viewers = pytest.mark.skipif(
    shutil.which("node") is None or not (HERE / "build" / ".ready").exists(),
    reason="`make oracles` installs the viewers to compare with",
)


def ask(viewer: str, *files: Path) -> str:
    """Standard output of one of the scripts beside this file."""
    done = subprocess.run(
        ["node", "--max-old-space-size=6000", str(HERE / viewer), *map(str, files)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def devtools(file: Path, later: Path | None = None) -> dict[str, Any]:
    """What Chrome DevTools makes of a file, and of a comparison with a later one."""
    value: dict[str, Any] = json.loads(ask("devtools.mjs", file, *([later] if later else [])))
    return value


def memlab(file: Path) -> dict[str, Any]:
    """What memlab makes of a file."""
    value: dict[str, Any] = json.loads(ask("memlab.mjs", file))
    return value

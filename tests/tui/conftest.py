"""What the tests of the screens share."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.cases import shop_case

PROGRAM = """
import asyncio, gc
async def main():
    kept = []
    print("ready", flush=True)
    while True:
        kept.append(bytearray(1000))
        gc.collect()
        await asyncio.sleep(0.05)
asyncio.run(main())
"""


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A saved hunt of the drawn shop."""
    return shop_case(tmp_path / "shop")


@pytest.fixture(autouse=True)
def _colors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """A program that runs, with an event loop and a collector at work."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "ready\n"
        yield program
        program.kill()

"""Giving memory back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

HOLES = """
from pathlib import Path
from leakhunt.hunt.free_memory import trim

def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

blocks = [bytearray(b"x" * 64_000) for _ in range(1_000)]
last = blocks.pop()  # what is above the holes
blocks.clear()
before = resident_bytes()
trim()
assert before - resident_bytes() > 32_000_000, (before, resident_bytes())
"""


@pytest.mark.skipif(
    platform.libc_ver()[0] != "glibc" or "LEAKHUNT_SANITIZED" in os.environ,
    reason="malloc is not glibc's",
)
def test_free_memory_below_what_is_in_use_is_given_back() -> None:
    subprocess.run([sys.executable, "-c", HOLES], check=True, timeout=60)

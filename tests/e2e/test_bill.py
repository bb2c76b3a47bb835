"""The memory bill of real processes that hold memory of each kind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

MIB = 1 << 20

HEAD = """
import ctypes, gc, mmap, threading
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
"""
TAIL = """
print("ready", flush=True)
input()
"""
PROGRAMS = {
    "live_python": "KEPT = [{'id': i, 'name': f'user {i}'} for i in range(100_000)]",
    "native": "for _ in range(30_000): ctypes.memset(libc.malloc(1024), 1, 1024)",
    "allocator_free": "KEPT = [bytearray(2000) for _ in range(40_000)][::100]",
    "mapped": """
KEPT = mmap.mmap(-1, 32 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
KEPT.write(bytes([1]) * len(KEPT))
""",
    "garbage": """
gc.disable()
for _ in range(30_000):
    a = [bytes(500)]
    a.append(a)
""",
    "stacks": """
GO = threading.Event()
CALL = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
def deep(n):
    callback = CALL(lambda a, b: deep(n - 1) if n else (GO.wait(), 0)[1])
    libc.qsort((ctypes.c_int * 2)(), ctypes.c_size_t(2), ctypes.c_size_t(4), callback)
    return 0
for _ in range(40):
    threading.Thread(target=deep, args=(200,), daemon=True).start()
import time; time.sleep(1)
""",
}
"""The part that each program is to be large in, and how."""
WANTED = dict.fromkeys(PROGRAMS, 12 * MIB) | {"stacks": 4 * MIB}

pytestmark = pytest.mark.e2e


@contextmanager
def running(python: Path, code: str, **environment: str) -> Iterator[int]:
    """A process that has run the code and waits."""
    process = subprocess.Popen(
        [python, "-c", HEAD + code + TAIL],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield process.pid
    finally:
        process.kill()
        process.communicate()


def ask(pid: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", "bill", str(pid), "--json"],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def parts_of(answer: dict[str, Any]) -> dict[str, int | None]:
    return {part["name"]: part["bytes"] for part in answer["bill"]["parts"]}


@pytest.mark.parametrize("part", PROGRAMS)
def test_each_kind_of_memory_is_told_from_the_others(part: str, python: Path) -> None:
    with running(python, PROGRAMS[part]) as pid:
        answer = ask(pid)
    parts = parts_of(answer)
    sizes = {name: size or 0 for name, size in parts.items()}
    assert sizes[part] >= WANTED[part], parts
    own = {name: size for name, size in sizes.items() if name not in {"files", "live_python"}}
    assert part == "live_python" or max(own, key=lambda name: own[name]) == part, parts
    assert sum(sizes.values()) == answer["bill"]["rss_bytes"]
    assert abs(sizes["unexplained"]) <= 0.05 * answer["bill"]["rss_bytes"]


def test_without_pymalloc_it_says_what_cannot_be_known(python: Path) -> None:
    with running(python, PROGRAMS["native"], PYTHONMALLOC="malloc") as pid:
        answer = ask(pid)
    assert parts_of(answer)["native"] is None
    assert "'malloc'" in " ".join(answer["bill"]["unknown"])

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
    answer: dict[str, Any] = json.loads(run_tool("bill", str(pid), "--json"))
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
    assert "from malloc" in " ".join(answer["bill"]["unknown"])


# --- by what it grew: the nine programs of fixtures/bill ------------------------------------------

ROOT = Path(__file__).resolve().parents[2]
OBJECTS, FREE, NATIVE = "Python objects", "held free by the allocator", "native growth"
CAUSES = {
    "objects": {OBJECTS},
    "c_blocks": {NATIVE},
    "half_of_tuples": {OBJECTS, FREE},
    "few_of_tuples": {FREE},
    "half_of_buffers": {OBJECTS, FREE},
    "last_of_buffers": {FREE},
    "numpy_arrays": {OBJECTS},
    "mapping": {NATIVE},
    "thread_buffers": {OBJECTS},
}
PRELOADS = {
    "jemalloc": "libjemalloc.so.2",
    "tcmalloc": "libtcmalloc_minimal.so.4",
}


@contextmanager
def staged(python: Path, name: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A program of fixtures/bill before it grows."""
    process = subprocess.Popen(
        [python, ROOT / "fixtures" / "bill" / "stage.py", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **environment},
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != b"ready\n":
            pytest.skip(f"{python} cannot run {name}")
        yield process
    finally:
        process.kill()
        process.communicate()


def run_tool(*arguments: str | Path) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", "leakhunt", *arguments],
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def grown(python: Path, name: str, folder: Path, **environment: str) -> dict[str, Any]:
    """What ``leakhunt bill BEFORE AFTER`` says of a program that grew in between."""
    before, after = folder / "before.lkheap", folder / "after.lkheap"
    with staged(python, name, **environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        run_tool("snapshot", str(process.pid), "-o", before)
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"grown\n"
        run_tool("snapshot", str(process.pid), "-o", after)
    answer: dict[str, Any] = json.loads(run_tool("bill", before, after, "--json"))
    return answer


def check_causes(answer: dict[str, Any], expected: set[str]) -> None:
    growth, parts = answer["growth"], parts_of(answer)
    shares = {one["cause"]: one["bytes"] / growth["rss_bytes"] for one in growth["causes"]}
    assert set(growth["main"]) == expected, shares
    assert abs(shares["not known"]) <= 0.05, shares
    assert abs(parts["unexplained"] or 0) <= 0.05 * answer["bill"]["rss_bytes"]


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_of_each_growth_is_named(name: str, tmp_path: Path) -> None:
    check_causes(grown(Path(sys.executable), name, tmp_path), CAUSES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(CAUSES) - {"numpy_arrays"}))
def test_the_cause_of_each_growth_is_named_on_every_version(
    name: str, python: Path, tmp_path: Path
) -> None:
    check_causes(grown(python, name, tmp_path), CAUSES[name])


@pytest.mark.slow
@pytest.mark.parametrize("name", CAUSES)
def test_with_malloc_for_all_the_cause_is_right_or_not_known(name: str, tmp_path: Path) -> None:
    answer = grown(Path(sys.executable), name, tmp_path, PYTHONMALLOC="malloc")
    expected = {"not known"} if name == "c_blocks" else CAUSES[name]
    assert set(answer["growth"]["main"]) == expected
    assert "from malloc" in answer["bill"]["unknown"][0]


@pytest.mark.slow
@pytest.mark.parametrize("malloc", PRELOADS)
@pytest.mark.parametrize("name", CAUSES)
def test_with_another_malloc_the_cause_is_right_or_not_known(
    name: str, malloc: str, tmp_path: Path
) -> None:
    library = next(Path("/usr/lib").glob(f"*/{PRELOADS[malloc]}"), None)
    if library is None:
        pytest.skip(f"{PRELOADS[malloc]} is not installed (libjemalloc2, libtcmalloc-minimal4)")
    answer = grown(Path(sys.executable), name, tmp_path, LD_PRELOAD=str(library))
    assert malloc in answer["bill"]["unknown"][0]
    assert parts_of(answer)["native"] is parts_of(answer)["mapped"] is None
    # What malloc has is not divided; nothing of it is given to a part that is named.
    assert set(answer["growth"]["main"]) - {"not known"} <= CAUSES[name]


# --- the decisive test ----------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "is_given_back"), [("last_of_buffers", True), ("objects", False)])
def test_trimming_tells_free_memory_from_memory_in_use(name: str, is_given_back: bool) -> None:
    with staged(Path(sys.executable), name) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"grown\n"
        plain = json.loads(run_tool("bill", str(process.pid), "--json"))
        answer = json.loads(run_tool("bill", str(process.pid), "--trim", "--json"))
        screen = run_tool("bill", str(process.pid), "--trim").decode()
    assert plain["trim"] is None, "only when asked"
    freed = answer["trim"]["rss_before_bytes"] - answer["trim"]["rss_after_bytes"]
    assert answer["trim"]["is_trimmed"]
    assert (freed > 60 * MIB) if is_given_back else (freed < 4 * MIB)
    assert "malloc_trim gave back nothing" in screen


def test_a_bill_leaves_nothing_in_the_process_to_collect(python: Path) -> None:
    code = """
gc.disable()
def count():
    return [gc.collect(), len(gc.get_objects()), gc.isenabled(), gc.get_count()[0] >= 0]
count()
"""
    tail = "\nprint('ready', flush=True)\nfor line in __import__('sys').stdin: print(count())\n"
    process = subprocess.Popen(
        [python, "-u", "-c", HEAD + code + tail], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"

        def count() -> bytes:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
            return process.stdout.readline()

        count()
        before = count()
        run_tool("bill", str(process.pid))
        first = count()
        run_tool("bill", str(process.pid), "--trim")
        assert [first, count()] == [before, before]
    finally:
        process.kill()
        process.communicate()


def test_the_malloc_of_a_program_at_a_fixed_address(tmp_path: Path) -> None:
    """There the address of malloc is that of a stub within the program (Debian's python3)."""
    python = Path("/usr/bin/python3")
    if not python.exists() or python.read_bytes()[16:18] != b"\2\0":
        pytest.skip("no such Python here")
    version = subprocess.check_output([python, "-c", "import sys; print(sys.version_info[:2])"])
    if not "(3, 11)" <= version.decode().strip() <= "(3, 14)":
        pytest.skip(f"{python} is none that leakhunt knows")
    with running(python, PROGRAMS["native"]) as pid:
        parts = parts_of(ask(pid))
    assert (parts["native"] or 0) >= WANTED["native"]

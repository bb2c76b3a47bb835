"""Inside the target: pauses of captures, by fork and in the process.

Usage: python fork_pause_target.py NATIVE FOLDER ROUNDS dense|few GIB; prints one JSON object.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import synthetic_heap
from capture_target import load

DRAWN_PER_GIB = 5_000_000
"""Objects of the synthetic heap; bytes of BLOB_BYTES fill up what is missing to the GiB."""
BLOB_BYTES = 300
GIB = 1 << 30
SAMPLE_S = 0.1


def number_of(path: str, key: str) -> int:
    """Bytes behind a key of a /proc file that counts kilobytes."""
    with Path(path).open() as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))


def resident() -> int:
    """Resident bytes of this process."""
    return number_of("/proc/self/status", "VmRSS:")


def dense(gib: float) -> list[Any]:
    """Many small objects."""
    kept: list[Any] = synthetic_heap.build(int(DRAWN_PER_GIB * gib))
    while resident() < gib * GIB:
        kept.extend(bytes(BLOB_BYTES) for _ in range(100_000))
    return kept


def few(gib: float) -> list[Any]:
    """One object a GiB, all of its pages written."""
    return [bytearray(b"x") * GIB for _ in range(int(gib))]


class Target:
    """The agent and the file that it writes again and again."""

    def __init__(self, native: str, folder: str) -> None:
        self.heap = load(native)
        self.path = str(Path(folder, "bench.lkheap"))

    def capture(self, mode: str, *, mark: bool = False) -> dict[str, Any]:
        """One capture; its answer."""
        descriptor = os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        try:
            return dict(self.heap.capture_to(descriptor, b"{}", mark=mark, mode=mode))
        finally:
            os.close(descriptor)

    def private_growth(self) -> int:
        """Most private bytes that the child of a capture was seen with."""
        most = 0

        def watch() -> None:
            nonlocal most
            while thread.is_alive():
                for child in (
                    Path(f"/proc/self/task/{thread.native_id}/children").read_text().split()
                ):
                    with contextlib.suppress(OSError, StopIteration):
                        path = f"/proc/{child}/smaps_rollup"
                        most = max(most, number_of(path, "Private_Dirty:"))
                time.sleep(SAMPLE_S)

        thread = threading.Thread(target=self.capture, args=("fork",))
        thread.start()
        with contextlib.suppress(FileNotFoundError):  # it ended meanwhile
            watch()
        thread.join()
        return most


def rounds_of(target: Target, rounds: int) -> dict[str, list[int]]:
    """The same heap again and again, captured in each way; the collections are those before a
    fork."""
    found: dict[str, list[int]] = {"collect": [], "in-process": [], "fork": [], "auto": []}
    for _ in range(rounds):
        for mode in ("in-process", "auto", "fork"):
            started = time.perf_counter_ns()
            gc.collect()  # before each of them, so that all find the caches alike
            found["collect"].append(time.perf_counter_ns() - started)
            found[mode].append(target.capture(mode)["pause_ns"])
    found["collect"] = found["collect"][2::3]
    target.heap.birth_start()
    found["births"] = [
        int(target.capture("fork", mark=True)["pause_ns"]) for _ in range(rounds + 1)
    ][1:]
    target.heap.birth_stop()
    return found


def main() -> None:
    """Measure and print."""
    native, folder, rounds, kind, gib = sys.argv[1:6]
    kept = dense(float(gib)) if kind == "dense" else few(float(gib))
    target = Target(native, folder)
    first = target.capture("auto")  # by the constants, not by what was learned
    found = rounds_of(target, int(rounds))
    print(
        json.dumps(
            {
                "version": sys.version.split()[0],
                "kept": len(kept),
                "objects": first["nodes"],
                "resident_bytes": resident(),
                "huge_bytes": number_of("/proc/self/smaps_rollup", "AnonHugePages:"),
                "first": first,
                "pauses": found,
                "private_bytes": target.private_growth(),
            }
        )
    )
    Path(target.path).unlink()


if __name__ == "__main__":
    main()

"""Pauses of a capture by fork: ``python -m tests.benchmarks.fork_pause``.

Each round collects and captures the same heap in the same process, in every mode; figures are
medians over the rounds.  What is promised: on an object-dense heap a fork pauses for at most 0.12
of ``gc.collect()`` and 60 ms a GiB, and its child grows by less than 20 bytes an object; where a
few objects own gigabytes, ``auto`` takes the better of both within 20 %.

Needs twice the memory of the largest heap (``--dense``, ``--few``, in GiB).
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from leakhunt.target.interpreter import probe
from leakhunt.target.native_build import native_agent_for
from tests.benchmarks.capture_figures import HERE, find_pythons

GIB = 1 << 30
DENSE = "{:<8} {:>6} {:>9} {:>9} {:>11} {:>8} {:>8} {:>7} {:>8} {:>9} {:>8}"
FEW = "{:<8} {:>6} {:>9} {:>11} {:>9} {:>9} {:>11} {:>15} {:>15}"


def measure(python: Path, kind: str, gib: float, rounds: int) -> dict[str, Any]:
    """Run the target once; medians of its rounds in milliseconds, by mode."""
    native = native_agent_for(probe(python))
    with tempfile.TemporaryDirectory() as folder:
        program = str(HERE / "fork_pause_target.py")
        command = [str(python), program, str(native), folder, str(rounds), kind, str(gib)]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=3600)
    raw: dict[str, Any] = json.loads(done.stdout)
    pauses = raw["pauses"]
    raw["ms"] = {name: statistics.median(values) / 1e6 for name, values in pauses.items()}
    raw["ratio"] = statistics.median(
        fork / collect for fork, collect in zip(pauses["fork"], pauses["collect"], strict=True)
    )
    return raw


def dense_row(gib: float, found: dict[str, Any]) -> str:
    """A line of the first table."""
    ms = found["ms"]
    return DENSE.format(
        found["version"], f"{gib:g}", f"{found['objects'] / 1e6:.1f} M", f"{ms['collect']:.0f}",
        f"{ms['in-process']:.0f}", f"{ms['fork']:.1f}", f"{ms['births']:.1f}",
        f"{found['ratio']:.3f}", f"{ms['fork'] * GIB / found['resident_bytes']:.1f}",
        f"{found['private_bytes'] / found['objects']:.1f}", found["first"]["mode"],
    )  # fmt: skip


def few_row(gib: float, found: dict[str, Any]) -> str:
    """A line of the second table."""
    ms, first = found["ms"], found["first"]
    better = min(ms["in-process"], ms["fork"])
    return FEW.format(
        found["version"], f"{gib:g}", found["objects"], f"{ms['in-process']:.1f}",
        f"{ms['fork']:.1f}", f"{ms['auto']:.1f}", f"{ms['auto'] / better:.2f}",
        f"{first['predicted_walk_ns'] / 1e6:.1f}", f"{first['predicted_fork_ns'] / 1e6:.1f}",
    )  # fmt: skip


def main() -> int:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dense", type=float, nargs="*", default=[1, 4])
    parser.add_argument("--few", type=float, nargs="*", default=[6])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", help="one version, such as 3.12")
    options = parser.parse_args()
    pythons = [p for p in find_pythons() if options.only in (None, str(probe(p).version_text)[:4])]
    print("an object-dense heap (ms; private: bytes an object of the child):")
    print(DENSE.format("python", "GiB", "objects", "collect", "in-process", "fork", "+births",
                       "ratio", "ms/GiB", "private", "auto"))  # fmt: skip
    for gib in options.dense:
        for python in pythons:
            print(dense_row(gib, measure(python, "dense", gib, options.rounds)), flush=True)
    print("a few objects that own much (ms; predictions of the first capture):")
    print(FEW.format("python", "GiB", "objects", "in-process", "fork", "auto", "auto/better",
                     "predicted walk", "predicted fork"))  # fmt: skip
    for gib in options.few:
        for python in pythons:
            print(few_row(gib, measure(python, "few", gib, options.rounds)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Figures of the in-process capture: ``python -m tests.benchmarks.capture_figures``.

Each round collects and captures the same heap in the same process; the pause (file written)
is given as a ratio to ``gc.collect()``, median over the rounds.  One table row a version.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from leakhunt.target.interpreter import probe
from leakhunt.target.native_build import native_agent_for

HERE = Path(__file__).parent
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
COLUMNS = "| {:<8} | {:>9} | {:>12} | {:>9} | {:>9} | {:>12} | {:>12} |"


def find_pythons() -> list[Path]:
    """The interpreters of this machine, one for each version served."""
    finder = HERE.parent / "find_pythons.sh"
    done = subprocess.run(["sh", finder, *VERSIONS], check=True, capture_output=True, text=True)
    return [Path(path) for path in done.stdout.split()]


def measure(python: Path, objects: float, rounds: int) -> dict[str, float | str]:
    """Run the target once and reduce its rounds to medians."""
    native = native_agent_for(probe(python))
    with tempfile.TemporaryDirectory() as folder:
        program = str(HERE / "capture_target.py")
        command = [str(python), program, str(native), str(objects), str(rounds), folder]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=1200)
    raw = json.loads(done.stdout)
    ratios = [p / c for p, c in zip(raw["pause_ns"], raw["collect_ns"], strict=True)]
    return {
        "version": raw["version"],
        "objects": raw["nodes"],
        "ratio": statistics.median(ratios),
        "rate": raw["nodes"] / statistics.median(raw["pause_ns"]) * 1e3,
        "pause_ms": statistics.median(raw["pause_ns"]) / 1e6,
        "memory": raw["peak_extra_bytes"] / raw["nodes"],
        "file": raw["file_bytes"] / raw["nodes"],
    }


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=float, default=5e6)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(COLUMNS.format("python", "objects", "x gc.collect", "M obj/s", "pause ms",
                         "memory B/obj", "file B/obj"))  # fmt: skip
    for python in find_pythons():
        row = measure(python, options.objects, options.rounds)
        print(COLUMNS.format(row["version"], row["objects"], f"{row['ratio']:.3f}",
                             f"{row['rate']:.1f}", f"{row['pause_ms']:.0f}",
                             f"{row['memory']:.1f}", f"{row['file']:.1f}"))  # fmt: skip
    return 0


if __name__ == "__main__":
    sys.exit(main())

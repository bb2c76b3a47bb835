"""Time of whole commands: ``python -m tests.benchmarks.command_time``.

``leakhunt hunt`` on a scenario that does nothing, beside a yardstick in the same run: the
start of the interpreter with numpy and rich, which the tool cannot undercut.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRIVIAL = ROOT / "fixtures" / "scenarios" / "healthy" / "trivial.py"


def seconds(command: list[str]) -> float:
    """Wall time of one run, which must succeed."""
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT, timeout=120)
    return time.perf_counter() - start


def main() -> int:
    """Alternate the commands and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    yardstick = [sys.executable, "-c", "import numpy, rich.console"]
    hunt = [sys.executable, "-m", "leakhunt", "hunt", "--scenario", str(TRIVIAL)]
    seconds(hunt)
    times = [(seconds(yardstick), seconds(hunt)) for _ in range(rounds)]
    base, whole = (statistics.median(column) for column in zip(*times, strict=True))
    print(f"import numpy and rich  {base:6.2f} s")
    print(f"leakhunt hunt, trivial {whole:6.2f} s   ({whole / base:.1f} x)")
    return 0


if __name__ == "__main__":
    sys.exit(main())

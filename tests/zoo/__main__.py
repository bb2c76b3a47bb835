"""Hunt the zoo and print how it went: ``python -m tests.zoo [NAME ...]``.

Exit code 0 when every leak is among the first three findings and no clean twin is called LEAK.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.zoo.cases import CONSTRAINTS, Case, Score, load_cases, score
from tests.zoo.environments import environment

_ROOT = Path(__file__).parents[2]
_ENVIRONMENTS = _ROOT / ".venv-zoo"
_OPTIONS = ("--cycles", "200", "--warmup", "50", "--json")


def hunt(case: Case, twin: str) -> dict[str, Any]:
    """The report of one twin."""
    python = environment(_ENVIRONMENTS, case.requirements(twin), CONSTRAINTS)
    command = [sys.executable, "-m", "leakhunt", "hunt", "--scenario", str(case.scenario(twin))]
    done = subprocess.run(
        [*command, "--python", str(python), *_OPTIONS], capture_output=True, text=True, check=False
    )
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        print(f"{case.name} ({twin}): {done.stderr.strip()[-300:]}", file=sys.stderr)
        return {"findings": []}
    return report


def show(result: Score) -> None:
    """One line of the table, and what is wrong with it."""
    case = result.case
    marks = "".join(
        letter if fine else "-"
        for letter, fine in (
            ("f", result.is_found),
            ("h", result.is_holder_right),
            ("c", result.is_category_right),
            ("t", not result.false_leaks),
        )
    )
    rank = "-" if result.rank is None else str(result.rank)
    print(f"{marks}  {case.name:28} {rank:>2} {result.verdict:8} {result.category:11}", end=" ")
    print(result.holder, flush=True)
    if not result.is_holder_right:
        print(f"{'':35}expected {case.expected_holder}")
    for path in result.false_leaks:
        print(f"{'':35}clean twin called LEAK: {path}")


def main(names: list[str]) -> int:
    """Hunt the named cases, or all."""
    cases = [case for case in load_cases() if not names or case.name in names]
    print("f found at rank 1-3, h holder, c category, t clean twin silent", flush=True)
    results = []
    for case in cases:
        results.append(score(case, hunt(case, "leaky"), hunt(case, "clean")))
        show(results[-1])
    total = len(results)
    found, holders, categories, silent = (
        sum(values)
        for values in zip(
            *(
                (r.is_found, r.is_holder_right, r.is_category_right, not r.false_leaks)
                for r in results
            ),
            strict=True,
        )
    )
    print(
        f"found {found}/{total}, holders {holders}/{total}, categories {categories}/{total}", end=""
    )
    print(f", silent twins {silent}/{total}")
    return 0 if found == silent == total else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

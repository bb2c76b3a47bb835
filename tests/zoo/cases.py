"""The cases of ``fixtures/zoo``: what they need and what a right answer is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "fixtures" / "zoo"
CONSTRAINTS = FOLDER / "constraints.txt"
TOP_RANKS = 3
_CONTEXT_WORDS = "the main thread's current contextvars.Context"
_CONTEXT_PATH = "thread 'MainThread'.context"
"""How docs/paths.md writes it: it has no name in Python."""


@dataclass(frozen=True, slots=True)
class Case:
    """One leak with its clean twin."""

    name: str
    expected_types: tuple[str, ...]
    expected_holder: str
    accepted_categories: frozenset[str]
    accepted_verdicts: frozenset[str]

    def scenario(self, twin: str) -> Path:
        """The file of ``leaky`` or ``clean``."""
        return FOLDER / self.name / f"{twin}.py"

    def requirements(self, twin: str) -> Path:
        """What the environment of a twin holds."""
        return FOLDER / self.name / f"requirements-{twin}.txt"

    @property
    def is_native(self) -> bool:
        """Does no Python type grow?"""
        return self.expected_types == ("(native)",)

    @property
    def holder_start(self) -> str | None:
        """Where the expected path begins; None when there is no holder that Python sees."""
        if self.expected_holder.startswith(_CONTEXT_WORDS):
            return _CONTEXT_PATH
        path = self.expected_holder.partition(" ")[0]
        return path.replace("case_mod.", "leaky.") if "." in path else None


def load_cases() -> list[Case]:
    """All cases, by name."""
    return [_case(path.parent.name, path) for path in sorted(FOLDER.glob("*/case.json"))]


def _case(name: str, path: Path) -> Case:
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Case(
        name=name,
        expected_types=tuple(t.replace("case_mod.", "leaky.") for t in data["expected_types"]),
        expected_holder=data["expected_holder"],
        accepted_categories=frozenset(data["accepted_categories"]),
        accepted_verdicts=frozenset(verdict.upper() for verdict in data["accepted_verdicts"]),
    )


@dataclass(frozen=True, slots=True)
class Score:
    """How one case went."""

    case: Case
    rank: int | None
    """Of the first finding with an expected type and an accepted verdict, None when missed."""
    verdict: str
    category: str
    holder: str
    is_category_right: bool
    is_holder_right: bool
    """Judged by where the path begins; a person reads the rest of the table."""
    false_leaks: tuple[str, ...]
    """Holders called LEAK on the clean twin."""

    @property
    def is_found(self) -> bool:
        """Is it among the first three?"""
        return self.rank is not None and self.rank <= TOP_RANKS


def score(case: Case, leaky: dict[str, Any], clean: dict[str, Any]) -> Score:
    """Compare the reports of both twins with what is expected."""
    false_leaks = tuple(f["holder"]["path"] for f in clean["findings"] if f["verdict"] == "LEAK")
    hits = [f for f in leaky["findings"] if _is_expected(case, f)]
    if not hits:
        return Score(case, None, "-", "-", "-", False, False, false_leaks)
    hit = hits[0]
    holder = hit["holder"]["path"]
    start = case.holder_start
    return Score(
        case=case,
        rank=hit["rank"],
        verdict=hit["verdict"],
        category=hit["category"],
        holder=holder,
        is_category_right=hit["category"] in case.accepted_categories,
        is_holder_right=_names_no_holder(hit) if start is None else holder.startswith(start),
        false_leaks=false_leaks,
    )


def _is_expected(case: Case, finding: dict[str, Any]) -> bool:
    if finding["verdict"] not in case.accepted_verdicts:
        return False
    if case.is_native:
        return finding["category"] in case.accepted_categories
    types = {leaked["type"].removeprefix("builtins.") for leaked in finding["leaked"]}
    return not types.isdisjoint(case.expected_types)


def _names_no_holder(finding: dict[str, Any]) -> bool:
    """Without a root in Python no holder may be guessed."""
    return bool(finding["holder"]["path"].startswith("<"))

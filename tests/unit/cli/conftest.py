from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from leakhunt.analysis.trend.results import Trend
from leakhunt.analysis.waste.results import Waste
from leakhunt.report.model import Report
from leakhunt.report.verify_model import Verification
from leakhunt.target.progress import Progress
from tests.golden.sample_reports import LEAKY, TREND, VERIFICATION, WASTE


@dataclass(frozen=True)
class FakeOptions:
    """The members of leakhunt.hunt.HuntOptions; a test compares the two."""

    scenario: Path
    cycles: int = -1
    warmup: int = -1
    python: Path | None = None
    timeout_s: float | None = -1.0
    settle_max_s: float = -1.0
    collect: bool = True
    max_pause_ms: float | None = None
    save_dir: Path | None = None
    birth: bool = True
    show_output: bool = False
    rules: tuple[Path, ...] = ()
    ladder: int = 0
    content: bool = False
    capture: str = "in-process"
    sites: int | None = 0


@dataclass(frozen=True)
class FakeVerifyOptions:
    """The members of leakhunt.hunt.VerifyOptions."""

    before: Path
    changes: dict[str, Any]
    pid: int | None = None
    command: tuple[str, ...] = ()
    control: object = None


@dataclass
class FakeHunt:
    """Stands in for the use cases: answers with ``report`` or raises ``error``."""

    report: Report = LEAKY
    error: BaseException | None = None
    steps: Sequence[Progress] = ()
    options: FakeOptions | None = None
    diffed: list[tuple[Any, Any]] = field(default_factory=list)
    verification: Verification = VERIFICATION
    verified: list[FakeVerifyOptions] = field(default_factory=list)
    wasted: list[tuple[Path, int | None]] = field(default_factory=list)
    trended: list[tuple[Any, Any]] = field(default_factory=list)

    def hunt_scenario(
        self, options: FakeOptions, on_progress: Callable[[Progress], None] | None = None
    ) -> Report:
        self.options = options
        for step in self.steps:
            assert on_progress is not None
            on_progress(step)
        if self.error is not None:
            raise self.error
        return self.report

    def diff_files(
        self, paths: Sequence[Path], cycles: int | None = None, rules: Sequence[Path] = ()
    ) -> Report:
        self.diffed.append((list(paths), cycles))
        if self.error is not None:
            raise self.error
        return self.report

    def trend_files(
        self,
        paths: Sequence[Path],
        by: str | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> Trend:
        self.trended.append((list(paths), by))
        if self.error is not None:
            raise self.error
        return TREND

    def verify_hunt(
        self, options: FakeVerifyOptions, on_progress: Callable[[Progress], None] | None = None
    ) -> Verification:
        self.verified.append(options)
        if self.error is not None:
            raise self.error
        return self.verification

    def find_waste_in(self, path: Path, top: int | None = 10) -> Waste:
        self.wasted.append((path, top))
        if self.error is not None:
            raise self.error
        return WASTE


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeHunt:
    """The use cases, replaced."""
    hunt = FakeHunt()
    module = ModuleType("leakhunt.hunt")
    vars(module).update(
        HuntOptions=FakeOptions,
        Progress=Progress,
        hunt_scenario=hunt.hunt_scenario,
        diff_files=hunt.diff_files,
        trend_files=hunt.trend_files,
        find_waste_in=hunt.find_waste_in,
        VerifyOptions=FakeVerifyOptions,
        needs_control=lambda path: False,
        verify_hunt=hunt.verify_hunt,
    )
    monkeypatch.setitem(sys.modules, "leakhunt.hunt", module)
    for name in ("NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return hunt


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    """A scenario file."""
    path = tmp_path / "checkout.py"
    path.write_text("def cycle(i): pass\n")
    return path

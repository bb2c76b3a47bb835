"""What can be asked of a hunt, and what makes no sense."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakhunt.errors import UsageError
from leakhunt.target.save_dir import LADDER_MAX


@dataclass(frozen=True, slots=True)
class HuntOptions:
    """What to hunt and how."""

    scenario: Path
    cycles: int = 200
    warmup: int = 20
    python: Path | None = None
    """Interpreter of the target; None for the one that runs leakhunt."""
    timeout_s: float | None = 300.0
    """For the whole run of the target; None for no limit."""
    settle_max_s: float = 10.0
    collect: bool = True
    """Force collections before the baseline and final snapshots."""
    max_pause_ms: float | None = None
    """Refuse a forced collection that would take longer."""
    save_dir: Path | None = None
    birth: bool = True
    """Track births, so that an address used again is not taken for an old object."""
    show_output: bool = False
    """Pass the target's output on to stderr."""
    rules: tuple[Path, ...] = ()
    """Python files that add to the detectors; installed rules are added by themselves."""
    ladder: int = 0
    """Loaded and collected points after the baseline, each ``cycles`` apart; the final snapshot
    is the first.  0 for no ladder, else at least 2."""


def check_numbers(options: HuntOptions) -> None:
    """Refuse numbers that make no run."""
    if options.cycles < 1:
        raise UsageError(f"the number of cycles is {options.cycles}", hint="give 1 or more")
    if options.warmup < 0:
        raise UsageError(f"the number of warm-up cycles is {options.warmup}", hint="give 0 or more")
    if options.ladder != 0 and not 2 <= options.ladder <= LADDER_MAX:
        raise UsageError(
            f"the ladder has {options.ladder} points",
            hint=f"give 2 to {LADDER_MAX}; each runs the cycles once more",
        )
    for name, value in (
        ("time limit", options.timeout_s),
        ("settle time", options.settle_max_s),
        ("longest pause", options.max_pause_ms),
    ):
        if value is not None and not 0 <= value < 1e9:
            raise UsageError(f"the {name} is {value}", hint="give a number that is not negative")


_REPEATED = (
    "cycles", "warmup", "timeout_s", "settle_max_s", "collect", "max_pause_ms", "birth", "ladder",
)  # fmt: skip


def settings_of(options: HuntOptions) -> dict[str, Any]:
    """What a report keeps of the options, so that ``verify`` can hunt in the same way."""
    settings: dict[str, Any] = {name: getattr(options, name) for name in _REPEATED}
    settings["scenario"] = str(Path(options.scenario).absolute())
    settings["python"] = None if options.python is None else str(options.python)
    return settings

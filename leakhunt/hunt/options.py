"""What can be asked of a hunt, and what makes no sense."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leakhunt.errors import UsageError
from leakhunt.target.save_dir import LADDER_MAX

CAPTURE_MODES = ("in-process", "fork", "auto")
"""Ways to take a snapshot; see docs/decisions/0008-fork-capture.md."""
SAMPLE_BYTES_MAX = 1 << 40
USUAL_SITES = 0
"""What every hunt does about allocation sites unless asked otherwise: it samples them, at the
distance that is usual for its kind."""
SCENARIO_SAMPLE_BYTES = 8192
"""Mean distance of samples in a scenario, unless asked otherwise: its leaks are small, and its
child process serves nobody else."""
LIVE_SAMPLE_BYTES = 524288
"""The same in a live process, where every percent counts."""


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
    content: bool = False
    """Write keyed hashes of strings and numbers into the snapshots, for ``leakhunt waste``."""
    capture: str = "in-process"
    """How to capture: in-process, fork, or auto for the shorter pause.  A fork shortens the pause
    of other threads only: the scenario's own waits until the file is whole."""
    sites: int | None = USUAL_SITES
    """Sample allocations from the baseline on, one for every so many bytes (USUAL_SITES:
    SCENARIO_SAMPLE_BYTES); None samples none."""


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
    if options.capture not in CAPTURE_MODES:
        raise UsageError(
            f"the capture mode is {options.capture!a}",
            hint=f"give one of {', '.join(CAPTURE_MODES)}",
        )
    check_sites(options.sites)
    for name, value in (
        ("time limit", options.timeout_s),
        ("settle time", options.settle_max_s),
        ("longest pause", options.max_pause_ms),
    ):
        if value is not None and not 0 <= value < 1e9:
            raise UsageError(f"the {name} is {value}", hint="give a number that is not negative")


def check_sites(sample_bytes: int | None) -> None:
    """Refuse distances of samples that cannot be.  Raises UsageError."""
    if sample_bytes is not None and not 0 <= sample_bytes <= SAMPLE_BYTES_MAX:
        raise UsageError(
            f"samples are {sample_bytes} bytes apart",
            hint=f"give --sites=1 to --sites={SAMPLE_BYTES_MAX}",
        )


_REPEATED: dict[str, tuple[type, ...]] = {
    "cycles": (int,),
    "warmup": (int,),
    "timeout_s": (int, float, type(None)),
    "settle_max_s": (int, float),
    "collect": (bool,),
    "max_pause_ms": (int, float, type(None)),
    "birth": (bool,),
    "ladder": (int,),
    "content": (bool,),
    "capture": (str,),
    "sites": (int, type(None)),
}
"""Options that a report keeps as they are, and the JSON types they may have."""


def settings_of(options: HuntOptions) -> dict[str, Any]:
    """What a report keeps of the options, so that ``verify`` can hunt in the same way."""
    settings: dict[str, Any] = {name: getattr(options, name) for name in _REPEATED}
    settings["scenario"] = str(Path(options.scenario).absolute())
    settings["python"] = None if options.python is None else str(options.python)
    settings["rules"] = [str(path.absolute()) for path in options.rules]
    return settings


def options_of(settings: dict[str, Any]) -> HuntOptions:
    """The options of :func:`settings_of` again.  Raises UsageError for what is no such thing."""
    values: dict[str, Any] = {}
    for name, kinds in _REPEATED.items():
        value = settings.get(name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise _wrong_setting(name, value)
        values[name] = value
    scenario, python, rules = (settings.get(name) for name in ("scenario", "python", "rules"))
    if not isinstance(scenario, str):
        raise _wrong_setting("scenario", scenario)
    if not isinstance(python, str | None):
        raise _wrong_setting("python", python)
    if not isinstance(rules, list) or not all(isinstance(one, str) for one in rules):
        raise _wrong_setting("rules", rules)
    return HuntOptions(
        scenario=Path(scenario),
        python=None if python is None else Path(python),
        rules=tuple(Path(one) for one in rules),
        **values,
    )


def _wrong_setting(name: str, value: object) -> UsageError:
    return UsageError(
        f"the report's settings.{name} is {ascii(value)[:60]}",
        hint="verify repeats hunts of scenarios; write the report again with leakhunt hunt --json",
    )

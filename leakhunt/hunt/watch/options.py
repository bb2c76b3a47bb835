"""What can be asked of a watch, and what makes no sense."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leakhunt.errors import UsageError
from leakhunt.target.family import Children
from leakhunt.target.process_table import check_pid

_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SECONDS: Final = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
LIMIT_SHARE: Final = 0.9
"""Of the limit of a control group: here a snapshot is taken."""
DEFAULT_BUDGET_BYTES: Final = 1 << 30
LEAST_INTERVAL_S: Final = 0.1
LONGEST_INTERVAL_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """A process, how often to look at it, and what to do when something is wrong."""

    pid: int
    interval_s: float = 10.0
    """Between two samples from outside; less of it as a limit comes near."""
    look_s: float | None = None
    """Between two looks from inside; None: a minute, or each sample where that is rarer;
    0 never looks inside."""
    max_rss_bytes: int | None = None
    """Take a snapshot and raise an alarm when a process has so much resident."""
    rate_bytes_per_s: float | None = None
    """Growth slower than this raises no alarm; None: any that is proved."""
    snapshot_dir: Path | None = None
    budget_bytes: int = DEFAULT_BUDGET_BYTES
    """All files of the watch in that folder together."""
    command: str | None = None
    """A line for /bin/sh, run at each alarm and snapshot."""
    metrics: tuple[str, int] | None = None
    """Loopback address and port to serve metrics at."""
    textfile: Path | None = None
    """File to write the same metrics to at each sample."""
    children: Children = Children.AUTO
    duration_s: float | None = None
    """End after so long; None: when every process ended."""
    method: str = "auto"
    force: bool = False
    redact: bool = False

    @property
    def looks_every_s(self) -> float | None:
        """Seconds between looks from inside; None for never."""
        if self.look_s == 0:
            return None
        return max(self.interval_s, 60.0) if self.look_s is None else self.look_s


def check_watch_options(options: WatchOptions) -> None:
    """Refuse what makes no watch.  Raises UsageError."""
    check_pid(options.pid)
    if not LEAST_INTERVAL_S <= options.interval_s <= LONGEST_INTERVAL_S:
        raise UsageError(
            f"{options.interval_s:g} s is no interval for samples",
            hint=f"{LEAST_INTERVAL_S:g} s to {LONGEST_INTERVAL_S:g} s, 10 s by default",
        )
    if options.look_s is not None and not 0 <= options.look_s < 1e6:
        raise UsageError(
            f"{options.look_s:g} s is no interval for looks", hint="0 never looks inside"
        )
    for name, value in (
        ("--max-rss", options.max_rss_bytes),
        ("--rate", options.rate_bytes_per_s),
        ("--keep", options.budget_bytes),
        ("--duration", options.duration_s),
    ):
        if value is not None and value <= 0:
            raise UsageError(f"{name} is {value:g}", hint="give more than nothing")
    _check_places(options)


def _check_places(options: WatchOptions) -> None:
    if options.metrics is not None:
        host, port = options.metrics
        if host not in {"127.0.0.1", "::1", "localhost"}:
            raise UsageError(
                f"{host} is no loopback address", hint="metrics stay on this machine: 127.0.0.1"
            )
        if not 0 <= port < 1 << 16:
            raise UsageError(f"{port} is no port", hint="0 to 65535; 0 takes a free one")
    if options.textfile is not None and not options.textfile.absolute().parent.is_dir():
        raise UsageError(
            f"the folder of {options.textfile} does not exist", hint="make it, or name another"
        )
    if options.command is not None and not options.command.strip():
        raise UsageError("the command of --exec is empty", hint="give --exec a line for /bin/sh")


def parse_bytes(text: str) -> int:
    """``500M``, ``1.5GiB``, ``300000``: bytes, all units binary.  Raises UsageError."""
    found = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?)\s*([kmgt]?)(?:i?b)?", text.strip().lower())
    if found is None:
        raise UsageError(f"{text!r} is no size", hint="give for instance 500M or 1.5G")
    return int(float(found[1]) * _UNITS[found[2]])


def parse_rate(text: str) -> float:
    """``1MB/min``, ``20M/h``: bytes a second.  Raises UsageError."""
    size, slash, time = text.partition("/")
    factor = _SECONDS.get(time.strip().lower()) if slash else None
    if factor is None:
        raise UsageError(f"{text!r} is no rate", hint="give for instance 1MB/min or 50M/h")
    return parse_bytes(size) / factor


def parse_address(text: str) -> tuple[str, int]:
    """``9464`` or ``127.0.0.1:9464``.  Raises UsageError."""
    host, colon, port = text.rpartition(":")
    if not port.isdecimal() or not port.isascii() or (colon and not host):
        raise UsageError(f"{text!r} is no port", hint="give 9464, or 127.0.0.1:9464")
    return host.strip("[]") or "127.0.0.1", int(port[:6])

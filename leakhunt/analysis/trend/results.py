"""What a ladder of snapshots says, as data."""

from __future__ import annotations

from dataclasses import dataclass

from leakhunt.analysis.trend.slope import Slope


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One snapshot of the ladder."""

    label: str
    x: float
    """Where it stands: cycles of load, minutes, or its number, as ``Trend.unit`` says."""
    run: int
    """Number of the process that it was taken of, from 0."""
    objects: int
    bytes: int
    """Shallow sizes of all objects."""


@dataclass(frozen=True, slots=True)
class TypeTrend:
    """A type of which there were more at every point."""

    type: str
    counts: tuple[int, ...]
    bytes: tuple[int, ...]
    count_slope: Slope
    bytes_slope: Slope


@dataclass(frozen=True, slots=True)
class GrownType:
    """What of one type hangs below a grower."""

    type: str
    count_per_unit: float
    bytes_per_unit: float


@dataclass(frozen=True, slots=True)
class HolderTrend:
    """A path below which there was more at every point."""

    path: str
    type: str
    unit: str
    """``entries``, ``objects`` or ``bytes``: what ``values`` counts."""
    values: tuple[int, ...]
    slope: Slope
    bytes: tuple[int, ...]
    """Shallow bytes of the holder and of all that hangs below what grows."""
    bytes_slope: Slope
    types: tuple[GrownType, ...]
    """Largest bytes first."""
    drained: int | None
    """What of ``values`` went when the load stopped (loaded - final); None without a loaded
    snapshot.  A backlog drains, a leak does not."""
    noise: str | None
    """Why it is ranked lower, when it is."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Growth over a ladder of settled snapshots."""

    unit: str
    """Rates are per ``cycle``, ``minute`` or ``snapshot``."""
    points: tuple[TrendPoint, ...]
    objects_slope: Slope
    bytes_slope: Slope
    types: tuple[TypeTrend, ...]
    """Monotone growers by type, most bytes per unit first."""
    holders: tuple[HolderTrend, ...]
    """Monotone growers by path, most bytes per unit first."""
    notes: tuple[str, ...] = ()

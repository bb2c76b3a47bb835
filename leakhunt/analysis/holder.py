"""An accumulation point: where it is, what it leaked, and how it grew."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.paths import Path, Step
from leakhunt.analysis.places import Series
from leakhunt.analysis.ref_cycles import RefCycle
from leakhunt.analysis.shares import TypeShare
from leakhunt.analysis.views import KeptBuffers
from leakhunt.graph.noise import Extent

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class CoHolder:
    """Another accumulation point of the same objects."""

    path: Path
    node: int
    type: str
    sizes: Series


@dataclass(frozen=True, slots=True, eq=False)
class Holder:
    """One accumulation point with what it leaked."""

    path: Path
    node: int
    """The holder in final (the first of many merged siblings)."""
    nodes: Ints
    """All holders (one, unless merged)."""
    type: str
    direct: Ints
    """Leaked nodes right below."""
    shares: tuple[TypeShare, ...]
    """The whole population by type, largest first."""
    main_type: str
    """The type that names the leak."""
    main_count: int
    count: int
    bytes: int
    sizes: Series
    """Entries of the holder."""
    series: Series
    """The measure its growth is judged by."""
    chain_step: Step | None
    """The step that repeats, when the population is a linked structure."""
    bound: int | None
    is_bound_explicit: bool
    noise: str | None
    noise_extent: Extent | None
    """How far such noise grows; None when it is none."""
    follows: bool
    """It only holds weak references to what others leak."""
    survivors: int | None
    """Entries born before the window and still there; None when not known."""
    inside_bound: int | None
    """Bound of the container whose entries hold what grows; None when there is none in sight."""
    is_replaced: bool
    """That container keeps to its bound, and what grows are entries that took others' place."""
    slots: int | None
    """Entries, when it has as many as before and only fills or replaces them."""
    edge_kinds: frozenset[int]
    """Kinds of the edges to the direct nodes."""
    coholders: tuple[CoHolder, ...] = ()
    retained_bytes: int | None = None
    exclusive_bytes: int | None = None
    shared_bytes: int | None = None
    ref_cycles: tuple[RefCycle, ...] = ()
    """Reference cycles among what it leaked, through a type of the program."""
    buffers: tuple[KeptBuffers, ...] = ()
    """What views among it keep."""
    outer_bytes: int = 0
    """What it owns outside the objects, where that is known."""
    opaque: tuple[str, ...] = ()
    """Types among it that may own memory nobody sees."""

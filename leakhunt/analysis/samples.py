"""From sampled allocations to sites: what each place in the code holds, with an interval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from leakhunt.analysis.code_line import UNNAMED, CodeLine
from leakhunt.analysis.sites import NOT_KNOWN, Estimate, Site, SiteBasis, is_ours, own_line
from leakhunt.store.columns import NO_NODE, SnapshotColumns
from leakhunt.tracemalloc_ext._estimate import probability, sum_up

I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]
U64 = npt.NDArray[np.uint64]
Stack = tuple[CodeLine, ...]
"""Innermost frame first."""
K = TypeVar("K")


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Sampled blocks that were alive at one moment."""

    address: U64
    """(n,) of the block."""
    node: U32
    """(n,) the object in each block; NO_NODE when there is none (a buffer)."""
    size: U64
    """(n,) bytes of the block."""
    stack: I64
    """(n,) index into ``stacks``."""
    stacks: tuple[Stack, ...]
    """An empty one when it is not known."""
    sample_bytes: int
    """Mean distance of samples in bytes; 0 when all blocks are there."""

    def __len__(self) -> int:
        return len(self.node)

    @property
    def basis(self) -> SiteBasis:
        """How these samples know their sites."""
        return SiteBasis.SAMPLED if self.sample_bytes else SiteBasis.EXACT

    def only(self, chosen: npt.NDArray[np.bool_]) -> Samples:
        """Those of a mask."""
        return Samples(
            self.address[chosen], self.node[chosen], self.size[chosen], self.stack[chosen],
            self.stacks, self.sample_bytes,
        )  # fmt: skip


def site_notes(columns: SnapshotColumns, label: str) -> list[str]:
    """What is not known of sites in the snapshot called ``label``, in sentences."""
    how = columns.footer.get("sites", {})
    notes = []
    if how.get("source") == "tracemalloc":
        if how.get("left_out"):
            notes.append(
                f"The traces of the first {_TRACED_MOST:,} objects were read for the {label} "
                f"snapshot and {how['left_out']:,} left out: made at counts too few."
            )
        if how.get("unknown_stacks"):
            notes.append(
                f"{how['unknown_stacks']:,} traces of the {label} snapshot have more places than "
                "there is room for: made at counts too few."
            )
    elif how.get("source") == "sampled":
        notes += _sampling_notes(how, label)
    return notes


_TRACED_MOST = 1 << 20
"""Objects whose traces a capture reads (``NEWBORN_MAX`` in site_traces.c)."""


def _sampling_notes(how: Mapping[str, Any], label: str) -> list[str]:
    notes = []
    if not how["is_sound"]:
        notes.append(
            f"Another hook took sampling out of the allocators before the {label} snapshot: which "
            "sampled objects still live is not known, so made at has no sampled line."
        )
    if how["reuse"] == 0:
        notes.append(
            "Births are not watched, so an object from one of the interpreter's free lists passes "
            "for its predecessor: made at may name the line of that one."
        )
    if how["lost"]:
        notes.append(f"{how['lost']:,} sampled allocations found no memory: made at is too low.")
    return notes


def samples_of(columns: SnapshotColumns) -> Samples | None:
    """The samples or traces in a snapshot; None when there are none, or none that can be
    trusted (:func:`site_notes` says why).  O(samples + frames)."""
    how = columns.footer.get("sites", {})
    is_exact = how.get("source") == "tracemalloc" and len(columns.sample_node) > 0
    is_sampled = how.get("source") == "sampled" and how.get("is_sound") is not False
    if not is_sampled and not is_exact:
        return None
    rows, stack = np.unique(columns.sample_site, return_inverse=True)
    lines = _Lines(columns)
    return Samples(
        address=columns.sample_address,
        node=columns.sample_node,
        size=columns.sample_size,
        stack=stack.astype(np.int64),
        stacks=tuple(lines.stack(row) for row in rows.tolist()),
        sample_bytes=0 if is_exact else how["sample_bytes"],
    )


class _Lines:
    """Frames of a snapshot; each is read once."""

    def __init__(self, columns: SnapshotColumns) -> None:
        self._columns = columns
        self._line_by_row: dict[int, CodeLine] = {}

    def stack(self, row: int) -> Stack:
        """The frames from a row outwards, without ours; none for -1."""
        frames = []
        while row >= 0:
            frames.append(self._line(row))
            row = int(self._columns.site_parent[row])
        return tuple(frame for frame in frames if not is_ours(frame.file))

    def _line(self, row: int) -> CodeLine:
        found = self._line_by_row.get(row)
        if found is None:
            c = self._columns
            found = self._line_by_row[row] = CodeLine(
                function=c.string(int(c.site_function[row])) or UNNAMED,
                file=c.string(int(c.site_file[row])) or UNNAMED,
                line=int(c.site_line[row]) or None,
            )
        return found


@dataclass(frozen=True, slots=True)
class Weight:
    """What some samples stand for."""

    sample_count: int
    bytes: Estimate
    count: Estimate


@dataclass(frozen=True, slots=True)
class SiteGrowth:
    """Live bytes and blocks of one site at each moment."""

    line: CodeLine
    """As in :class:`Site`."""
    callee: CodeLine | None
    weights: Mapping[str, Weight] = field(default_factory=dict)
    """By label of the snapshot (``baseline``, ``loaded``, ``final``); nothing where the site had
    no sample."""

    def bytes_at(self, label: str) -> float:
        """Estimated live bytes; 0 without a sample."""
        weight = self.weights.get(label)
        return 0.0 if weight is None else weight.bytes.value


def weigh(samples: Samples, indexes: Sequence[int] | I64) -> Weight:
    """Estimated bytes and blocks of some of the samples.  O(indexes)."""
    sizes = [int(size) for size in samples.size[np.asarray(indexes, np.int64)] if size]
    chances = [probability(size, samples.sample_bytes) for size in sizes]
    in_bytes = sum_up([float(size) for size in sizes], chances, 0)
    in_blocks = sum_up([1.0] * len(sizes), chances, 0)
    return Weight(len(sizes), Estimate(*in_bytes), Estimate(*in_blocks))


def weights_by_stack(samples: Samples) -> dict[Stack, Weight]:
    """Every stack that has a sample, the most bytes first.  O(samples log samples)."""
    return _weighed(samples, lambda stack: stack)


def leaked_sites(samples: Samples, population: I64) -> tuple[Site, ...]:
    """Where the objects of a population were made, the most bytes first.

    ``population``: nodes.  Of each site the stack with the most bytes is told.  Samples whose
    stack is not known are left out.  O(samples + population, sorted).
    """
    return _sites_of(samples, (samples.node != NO_NODE) & np.isin(samples.node, population))


def lost_sites(samples: Samples, addresses: U64) -> tuple[Site, ...]:
    """The same of blocks that no walk reached, by their addresses."""
    return _sites_of(samples, np.isin(samples.address, addresses))


def _sites_of(samples: Samples, is_leaked: npt.NDArray[np.bool_]) -> tuple[Site, ...]:
    is_known = np.array([bool(stack) for stack in samples.stacks], np.bool_)
    own = samples.only(is_leaked & is_known[samples.stack])
    stack_by_site: dict[tuple[CodeLine, CodeLine | None], Stack] = {}
    for stack in weights_by_stack(own):
        stack_by_site.setdefault(_site_of(stack), stack)
    return tuple(
        Site(
            samples.basis,
            line,
            callee=callee,
            sample_count=weight.sample_count,
            bytes=weight.bytes,
            count=weight.count,
            stack=stack_by_site[line, callee],
        )
        for (line, callee), weight in _weighed(own, _site_of).items()
    )


def site_growth(samples_by_label: Mapping[str, Samples]) -> tuple[SiteGrowth, ...]:
    """Sites of several moments in one table, what grew most (last less first) first.

    O(samples log samples).
    """
    found: dict[tuple[CodeLine, CodeLine | None], dict[str, Weight]] = {}
    for label, samples in samples_by_label.items():
        for site, weight in _weighed(samples, _site_of).items():
            found.setdefault(site, {})[label] = weight
    rows = [SiteGrowth(line, callee, weights) for (line, callee), weights in found.items()]
    labels = list(samples_by_label)
    first, last = (labels[0], labels[-1]) if labels else ("", "")

    def order(row: SiteGrowth) -> tuple[float, str]:
        before = row.bytes_at(first) if first != last else 0.0
        return before - row.bytes_at(last), str(row.line)

    return tuple(sorted(rows, key=order))


def _site_of(stack: Stack) -> tuple[CodeLine, CodeLine | None]:
    return own_line(stack) if stack else (NOT_KNOWN, None)


def _weighed(samples: Samples, key_of: Callable[[Stack], K]) -> dict[K, Weight]:
    """Weights by a key of the stack, the most bytes first."""
    key_by_stack = [key_of(stack) for stack in samples.stacks]
    indexes_by_key: dict[K, list[int]] = {}
    for index, stack in enumerate(samples.stack.tolist()):
        indexes_by_key.setdefault(key_by_stack[stack], []).append(index)
    weights = {key: weigh(samples, indexes) for key, indexes in indexes_by_key.items()}
    return dict(sorted(weights.items(), key=lambda item: (-item[1].bytes.value, str(item[0]))))

"""What a diff of snapshots says, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IdentityInfo:
    """How 'born' was decided, and what that is worth."""

    method: str
    """``allocator+deallocators`` or ``address and type``."""
    exact: bool
    inferred_types: tuple[str, ...]
    """Types for which the method can miss a birth."""
    note: str
    """One sentence: what is exact, what is inferred, with the measured bound."""


@dataclass(frozen=True, slots=True)
class GrowthRow:
    """Growth of one type."""

    type: str
    count_baseline: int
    count_loaded: int
    count_final: int
    bytes_baseline: int
    bytes_loaded: int
    bytes_final: int
    born: int
    """Born after the baseline, in loaded, alive in final (leaked or kept)."""
    departed: int
    """In baseline, not in final."""
    transient: int
    """Born after the baseline, in loaded, gone in final."""
    late: int
    """Born after loaded, in final."""
    resized_bytes: int
    """Sum of size changes of objects that are in baseline and final."""
    garbage: int
    """In loaded, unreachable from any root (awaiting collection)."""
    unreached: int
    """Blocks of this type born after the baseline, allocated at final, reached by no walk."""

    @property
    def count_delta(self) -> int:
        """final - baseline."""
        return self.count_final - self.count_baseline

    @property
    def bytes_delta(self) -> int:
        """final - baseline, in bytes."""
        return self.bytes_final - self.bytes_baseline


@dataclass(frozen=True, slots=True)
class HoldRow:
    """Objects of one type that have more references counted than found on edges."""

    type: str
    objects_baseline: int
    objects_final: int
    references_baseline: int
    """Surplus references of those objects."""
    references_final: int
    unexplained: int
    """Of the final references, those that no known healthy reason explains."""
    reason: str | None
    """The healthy reason for objects of the type, when one is known."""

    @property
    def references_delta(self) -> int:
        """final - baseline."""
        return self.references_final - self.references_baseline

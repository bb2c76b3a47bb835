"""What of a heap is wasted, as data."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DuplicateValue:
    """One value that several objects hold."""

    type: str
    text: str | None
    """Of a str, as far as the snapshot has it; of an int used as a key."""
    objects: int
    wasted_bytes: int
    """Freed if all of them were one object: all shallow sizes but the largest."""
    path: str
    """Where most of them are."""
    path_objects: int
    """How many are there."""


@dataclass(frozen=True, slots=True)
class DuplicateType:
    """All duplicates of one type."""

    type: str
    values: int
    """Different values that occur more than once."""
    objects: int
    wasted_bytes: int


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Equal immutable values."""

    wasted_bytes: int
    types: tuple[DuplicateType, ...]
    """Most wasted bytes first."""
    values: tuple[DuplicateValue, ...]
    """The worst ones, most wasted bytes first."""
    uncompared_objects: int
    """Values too long to be compared."""
    uncompared_bytes: int


@dataclass(frozen=True, slots=True)
class ContainerPlace:
    """Containers of one type on one path that hold nothing, or little."""

    type: str
    is_empty: bool
    path: str
    objects: int
    bytes: int
    """Shallow sizes."""
    wasted_bytes: int


@dataclass(frozen=True, slots=True)
class ContainerType:
    """All containers of one type that hold nothing, or little."""

    type: str
    empty_objects: int
    empty_bytes: int
    """All their bytes: an attribute that is None, or made when needed, has none."""
    sparse_objects: int
    """Filled to less than half."""
    sparse_bytes: int
    """What a copy that fits would free."""


@dataclass(frozen=True, slots=True)
class Containers:
    """Empty and sparsely filled containers."""

    wasted_bytes: int
    types: tuple[ContainerType, ...]
    """Most wasted bytes first."""
    places: tuple[ContainerPlace, ...]
    """The worst ones, most wasted bytes first."""


@dataclass(frozen=True, slots=True)
class InstanceDicts:
    """Instances of one class that have a ``__dict__`` of their own."""

    type: str
    objects: int
    dict_bytes: int
    """Shallow sizes of the dicts."""
    attributes: int
    """Different names in them."""
    wasted_bytes: int
    """What ``__slots__`` with these names would free: the dicts, less one pointer for each name
    and instance."""


@dataclass(frozen=True, slots=True)
class Waste:
    """Everything wasted that a snapshot shows.  The three parts do not overlap."""

    heap_bytes: int
    """Shallow sizes of all reachable objects."""
    duplicates: Duplicates | None
    """None when the snapshot has no hashes of values (``--content``)."""
    containers: Containers
    instance_dicts: tuple[InstanceDicts, ...]
    """Most wasted bytes first."""

    @property
    def wasted_bytes(self) -> int:
        """Of all parts."""
        found = 0 if self.duplicates is None else self.duplicates.wasted_bytes
        found += self.containers.wasted_bytes
        return found + sum(one.wasted_bytes for one in self.instance_dicts)

"""The native agent (``native/module.c``)."""

from typing import TypedDict

class Birth(TypedDict):
    """How births are tracked."""

    method: str
    exact: bool
    inferred_types: list[str]
    note: str

class Restored(TypedDict):
    """What is left after tracking."""

    restored: bool
    note: str

class Captured(TypedDict):
    """What a capture did; times in nanoseconds, 0 for a pause that was not predicted."""

    mode: str
    why: str
    pause_ns: int
    predicted_walk_ns: int
    predicted_fork_ns: int
    nodes: int
    file_bytes: int
    collecting: bool

def capture(
    path: str,
    header: bytes,
    mark: bool = False,
    max_wait_ms: int = 1000,
    redact: bool = False,
    mode: str = "in-process",
) -> int: ...
def capture_to(
    fd: int,
    header: bytes,
    mark: bool = False,
    max_wait_ms: int = 1000,
    redact: bool = False,
    mode: str = "in-process",
) -> Captured: ...
def birth_start(lost: bool = True) -> Birth: ...
def birth_stop() -> Restored: ...
def birth_mark() -> None: ...
def is_born(obj: object, /) -> bool: ...
def prepare() -> None: ...
def self_test() -> None: ...
def die_with_parent(pid: int, /) -> bool: ...

"""Every error leakhunt raises on purpose: a message, and a hint that says what to do next."""

from __future__ import annotations


class LeakhuntError(Exception):
    """Base of all; ``str()`` says what and which value, ``hint`` what to do next."""

    hint: str = ""

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        if hint is not None:
            self.hint = hint
        if self.hint:  # tracebacks and pytest show it, too
            self.add_note(f"hint: {self.hint}")


class UsageError(LeakhuntError):
    """The request cannot be carried out as given (exit code 2)."""


class SnapshotError(LeakhuntError):
    """A snapshot file is truncated, damaged, foreign or newer (exit code 2)."""

    hint = "take the snapshot again, or open it with the leakhunt version that wrote it"


class TargetError(LeakhuntError):
    """The target failed or is out of reach (exit code 3)."""


class MemoryNeedError(LeakhuntError):
    """There is not the memory that an analysis takes (exit code 3)."""

    hint = "free some, lift the limit (ulimit -v, the container's), or analyse it elsewhere"


class NativeBuildError(TargetError):
    """No native agent for the target's interpreter, and none could be built (exit code 3)."""

    hint = "install a C compiler and the interpreter's headers (for instance gcc and python3-dev)"

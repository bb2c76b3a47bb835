"""What the walker is tried on: one of every kind of object, by name.

Runs inside the target interpreter: standard library only.
"""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")


def fresh(*parts: str) -> str:
    """A string made at run time: no constant of the code."""
    return "".join(parts)


class Samples:
    """Objects by name, with the facts and named edges that Python cannot be asked for later."""

    def __init__(self) -> None:
        self.objects: dict[str, Any] = {}
        self.facts: dict[str, dict[str, int]] = {}
        self.names: dict[str, list[list[Any]]] = {}
        self.aside: list[Any] = []
        """Kept alive, not compared."""

    def keep(
        self,
        name: str,
        obj: T,
        *,
        facts: dict[str, int] | None = None,
        names: list[list[Any]] | None = None,
    ) -> T:
        """Remember a sample.

        ``facts`` by the name of a Fact; ``names`` are ``[kind, name, object]`` edges that it
        must have.
        """
        if name in self.objects:
            raise ValueError(f"two samples are named {name!r}")
        self.objects[name] = obj
        if facts:
            self.facts[name] = facts
        if names:
            self.names[name] = names
        return obj

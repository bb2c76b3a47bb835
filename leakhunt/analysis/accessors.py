"""How a program reaches what libraries keep at places that are not for it.

A path is written as a person would write it: `CLIENT.post.mock_calls` rather than the attributes
that the library keeps it in.  Each row says which private steps one public name stands for; the
objects are the same, so paths are written and resolved by the same table.
"""

from __future__ import annotations

from typing import Final, NamedTuple

ANY_KEY: Final = "['*']"
"""A private step under some key, whose text is the public attribute's name."""


class GlobalAccessor(NamedTuple):
    """A public global that leads to what lies some steps behind another."""

    start: str
    steps: tuple[str, ...]
    public: str


class Accessor(NamedTuple):
    """A public attribute of objects of some types; with ANY_KEY, one for each key."""

    owners: frozenset[str]
    steps: tuple[str, ...]
    public: str = ""


_MOCKS: Final = frozenset(
    f"unittest.mock.{name}"
    for name in (
        "NonCallableMock", "Mock", "NonCallableMagicMock", "MagicMock", "AsyncMock", "PropertyMock",
    )
)  # fmt: skip

GLOBAL_ACCESSORS: Final = (
    GlobalAccessor("logging.Logger", (".manager",), "logging.root.manager"),
    GlobalAccessor("posix.environ", (), "os.environ"),
    GlobalAccessor(
        "django.db.connections", ("._connections", "._storage", ".default"), "django.db.connection"
    ),
    GlobalAccessor(
        "django.core.cache.caches",
        ("._connections", "._storage", ".default"),
        "django.core.cache.cache",
    ),
)
ACCESSORS: Final = (
    Accessor(_MOCKS, ("._mock_mock_calls",), ".mock_calls"),
    Accessor(_MOCKS, ("._mock_call_args_list",), ".call_args_list"),
    Accessor(_MOCKS, ("._mock_return_value",), ".return_value"),
    Accessor(_MOCKS, ("._mock_children", ANY_KEY)),
)
LONGEST: Final = max(len(row.steps) for row in ACCESSORS)
"""Private steps of one attribute at most."""


def public_global(start: str, steps: list[str]) -> GlobalAccessor | None:
    """The public name of what a path begins with; None when it is written as it is.  O(rows)."""
    for row in GLOBAL_ACCESSORS:
        if row.start == start and tuple(steps[: len(row.steps)]) == row.steps:
            return row
    return None


def public_attribute(owner: str, steps: list[str]) -> tuple[str, int] | None:
    """The public text of the next steps from an object of a type, and how many they are."""
    for row in ACCESSORS:
        if owner not in row.owners or len(steps) < len(row.steps):
            continue
        if ANY_KEY not in row.steps:
            if tuple(steps[: len(row.steps)]) == row.steps:
                return row.public, len(row.steps)
        elif tuple(steps[: len(row.steps) - 1]) == row.steps[:-1]:
            name = steps[len(row.steps) - 1][2:-2]
            if name.isidentifier():
                return f".{name}", len(row.steps)
    return None


def private_spellings(text: str) -> tuple[str, ...]:
    """Other ways to write a path that begins with a public global.  O(rows)."""
    return tuple(
        row.start + "".join(row.steps) + text[len(row.public) :]
        for row in GLOBAL_ACCESSORS
        if text == row.public or text.startswith((f"{row.public}.", f"{row.public}["))
    )


def private_steps(owners: set[str], name: str) -> tuple[tuple[str, ...], ...]:
    """The steps that an attribute of objects of some types may stand for.  O(rows)."""
    rows = [row for row in ACCESSORS if not owners.isdisjoint(row.owners)]
    named = [row.steps for row in rows if row.public == f".{name}"]
    keyed = [(*row.steps[:-1], f"['{name}']") for row in rows if row.steps[-1] == ANY_KEY]
    return (*named, *keyed)

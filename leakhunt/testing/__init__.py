"""Leak assertions for tests: with pytest, with unittest, or in a plain script.

    from leakhunt import testing

    testing.check(lambda: client.get("/orders"), cycles=50)

Names are loaded on first use: importing this module costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from leakhunt.testing.block import no_leaks
    from leakhunt.testing.checks import check, check_async
    from leakhunt.testing.errors import LeakError
    from leakhunt.testing.single import assert_collected, assert_max_size

__all__ = [
    "LeakError",
    "assert_collected",
    "assert_max_size",
    "check",
    "check_async",
    "no_leaks",
]

_MODULE_BY_NAME = {
    "LeakError": "leakhunt.testing.errors",
    "assert_collected": "leakhunt.testing.single",
    "assert_max_size": "leakhunt.testing.single",
    "check": "leakhunt.testing.checks",
    "check_async": "leakhunt.testing.checks",
    "no_leaks": "leakhunt.testing.block",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use."""
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module 'leakhunt.testing' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_MODULE_BY_NAME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """Public names, loaded or not."""
    return sorted(set(globals()) | set(__all__))

"""The standard library's own registries."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.rows import Kind, Registry, Row, Spot

ROWS: tuple[Row, ...] = (
    Spot(
        Category.LISTENER,
        ("atexit",),
        "Call `atexit.unregister(function)` when what it cleans up is gone, or register one "
        "function once that walks over a `weakref.WeakSet`.",
        noun="Exit handler never unregistered",
    ),
    Spot(
        Category.CLOSURE,
        ("weakref.finalize._registry",),
        "The callback or arguments of `weakref.finalize` must not refer to the object itself "
        "(no bound method of it, no `self`): it then lives until exit. Use a static function, or "
        "call `finalizer.detach()`.",
        noun="Finalizer that keeps its object",
    ),
    Registry(
        Category.LOG,
        frozenset({"unittest.mock.NonCallableMock"}),
        ("._mock_mock_calls", "._mock_call_args_list", "._mock_method_calls", "._mock_children"),
        "A mock records every call with its arguments: call `{owner}.reset_mock()` between "
        "pieces of work, or put a plain stand-in where it is called for long.",
        noun="Recorded mock call",
    ),
    Kind(
        Category.THREAD,
        frozenset({"_contextvars.ContextVar"}),
        "Make each context variable once, at module level: a context keeps every variable ever "
        "set in it.",
        noun="Context variable made per piece of work",
    ),
)

"""The standard library's own registries."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.ended import is_set, is_true
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
    Spot(
        Category.CYCLE,
        ("gc.garbage",),
        "Turn `gc.DEBUG_SAVEALL` off (`gc.set_debug(0)`) and call `gc.garbage.clear()`: with it "
        "the collector keeps what it finds. Without it, a C type among these has a finalizer of "
        "the old kind (`tp_del`).",
        noun="Garbage that is kept",
    ),
    Registry(
        Category.LISTENER,
        frozenset({"logging.Filterer"}),
        (".filters",),
        "Call `{owner}.removeFilter(filter)` {when}, or add one filter once that reads what it "
        "needs from a context variable.",
        noun="Log filter never removed",
    ),
    Registry(
        Category.LOG,
        frozenset({"unittest.mock.NonCallableMock"}),
        (".mock_calls", ".call_args_list", ".method_calls"),
        "A mock records every call with its arguments: call `{owner}.reset_mock()` between "
        "pieces of work, or put a plain stand-in where it is called for long.",
        noun="Recorded mock call",
    ),
    Kind(
        Category.LOG,
        frozenset({"unittest.mock._Call"}),
        "A mock records every call with its arguments: call `reset_mock()` between pieces of "
        "work, or put a plain stand-in where it is called for long.",
        noun="Recorded mock call",
    ),
    Kind(
        Category.THREAD,
        frozenset({"_contextvars.ContextVar"}),
        "Make each context variable once, at module level: a context keeps every variable ever "
        "set in it.",
        noun="Context variable made per piece of work",
    ),
    Kind(
        Category.THREAD,
        frozenset({"_contextvars.Token"}),
        "Call `variable.reset(token)` where it was set: each token keeps the value before.",
        noun="Context variable never reset",
    ),
    Kind(
        Category.THREAD,
        frozenset({"concurrent.futures.thread.ThreadPoolExecutor"}),
        "Make one executor and keep it, or `with ThreadPoolExecutor() as pool`: without "
        "`shutdown()` its threads wait for work for ever.",
        noun="Executor never shut down",
        ended=is_true("_shutdown"),
    ),
    Kind(
        Category.STREAM,
        frozenset({"subprocess.Popen"}),
        "Wait for each process and close its pipes: `with subprocess.Popen(...) as process`, or "
        "`process.communicate()`.",
        noun="Process never waited for",
        ended=is_set("returncode"),
    ),
    Kind(
        Category.STREAM,
        frozenset({"sqlite3.Connection"}),
        "Call `connection.close()` (`with contextlib.closing(sqlite3.connect(...))`): `with "
        "connection` alone only ends the transaction.",
        noun="Unclosed connection",
    ),
    Kind(
        Category.STREAM,
        frozenset({"sqlite3.Cursor"}),
        "Close each cursor: one that is kept keeps its statement and, half read, its lock.",
        noun="Unclosed cursor",
    ),
    Registry(
        Category.LISTENER,
        frozenset({"asyncio.base_events.BaseEventLoop"}),
        ("._signal_handlers",),
        "Call `loop.remove_signal_handler(number)`.",
    ),
)

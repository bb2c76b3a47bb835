"""What is known of the types of the language and of libraries: tables, no code."""

from __future__ import annotations

CALLABLES = frozenset(
    {
        "builtins.function",
        "builtins.method",
        "builtins.builtin_function_or_method",
        "builtins.method-wrapper",
        "builtins.method_descriptor",
        "functools.partial",
        "functools.partialmethod",
        "types.FunctionType",
        "types.MethodType",
        "weakref.WeakMethod",
    }
)

BOXES = frozenset(
    {"builtins.tuple", "builtins.list", "builtins.set", "builtins.dict", "types.SimpleNamespace"}
)
"""What registries wrap a callable in: (priority, callback), {callback: options}, [callback]."""

CALLBACK_NAMES = ("callback", "_callback", "handler", "_handler", "listener", "func", "fn")

LISTENER_PATHS = ("atexit", "weakref.finalize._registry", "signal.")
LISTENER_NAMES = (
    ".listeners",
    "._listeners",
    ".handlers",
    "._handlers",
    ".receivers",
    "._receivers",
    ".observers",
    "._observers",
    ".subscribers",
    "._subscribers",
    ".callbacks",
    "._callbacks",
)

REGISTRY_TYPES = frozenset(
    {
        "builtins.list",
        "builtins.dict",
        "builtins.set",
        "builtins.tuple",
        "collections.deque",
        "collections.OrderedDict",
        "collections.defaultdict",
    }
)

TIMER_TYPES = frozenset(
    {
        "asyncio.events.TimerHandle",
        "asyncio.events.Handle",
        "threading.Timer",
        "sched.Event",
        "schedule.Job",
        "apscheduler.job.Job",
        "twisted.internet.base.DelayedCall",
        "uvloop.loop.TimerHandle",
        "uvloop.loop.UVTimer",
    }
)

FUTURE_TYPES = frozenset(
    {
        "_asyncio.Task",
        "_asyncio.Future",
        "asyncio.tasks.Task",
        "asyncio.futures.Future",
        "concurrent.futures._base.Future",
    }
)

DONE_STATES = frozenset({"FINISHED", "CANCELLED", "CANCELLED_AND_NOTIFIED"})
"""What the ``_state`` of a future written in Python says when it waits for nothing more."""

SUSPENDED_TYPES = frozenset({"builtins.coroutine", "builtins.async_generator"})

STREAM_TYPES = frozenset(
    {
        "_io.FileIO",
        "_io.TextIOWrapper",
        "_io.BufferedReader",
        "_io.BufferedWriter",
        "_io.BufferedRandom",
        "socket.socket",
        "_socket.socket",
        "ssl.SSLSocket",
        "sqlite3.Connection",
        "sqlite3.Cursor",
        "subprocess.Popen",
        "mmap.mmap",
        "posix.ScandirIterator",
        "asyncio.streams.StreamWriter",
        "asyncio.streams.StreamReader",
        "asyncio.selector_events._SelectorSocketTransport",
        "aiohttp.client.ClientSession",
        "aiohttp.client_reqrep.ClientResponse",
        "requests.sessions.Session",
        "requests.models.Response",
    }
)

LOG_TYPES = frozenset({"logging.LogRecord", "builtins.traceback"})
HANDLER_TYPES = frozenset({"logging.Handler"})
LOG_HOLDERS = frozenset({"logging.handlers.MemoryHandler", "logging.handlers.BufferingHandler"})

THREAD_TYPES = frozenset(
    {"threading.Thread", "threading._DummyThread", "concurrent.futures.thread.ThreadPoolExecutor"}
)

GREENLET = "greenlet.greenlet"
"""A stack of its own that no collector can look into."""

CLASS_TYPES = frozenset(
    {
        "builtins.type",
        "abc.ABCMeta",
        "enum.EnumType",
        "enum.EnumMeta",
        "builtins.module",
        "builtins.code",
        "logging.Logger",
        "logging.PlaceHolder",
    }
)

CLOSURE_TYPES = frozenset({"builtins.cell"})

CACHE_WRAPPERS = frozenset({"functools._lru_cache_wrapper"})

MAPPING_TYPES = frozenset(
    {
        "builtins.dict",
        "builtins.set",
        "builtins.frozenset",
        "collections.OrderedDict",
        "collections.defaultdict",
        "collections.Counter",
        "weakref.WeakKeyDictionary",
        "weakref.WeakValueDictionary",
    }
)

"""Schedulers, event loops and greenlets."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.ended import is_none, is_true
from leakhunt.detectors.rows import Kind, Registry, Row

_GEVENT_LINKS = frozenset(
    {
        "gevent._gevent_cevent.Event",
        "gevent._gevent_cevent.AsyncResult",
        "gevent._gevent_c_semaphore.Semaphore",
    }
)

ROWS: tuple[Row, ...] = (
    Kind(
        Category.TIMER,
        frozenset({"apscheduler.job.Job"}),
        "Call `job.remove()` when it is no longer needed, or add it with a fixed `id=` and "
        "`replace_existing=True`: a job store keeps every interval job.",
        noun="Job never removed",
    ),
    Registry(
        Category.LISTENER,
        frozenset({"apscheduler.schedulers.base.BaseScheduler"}),
        ("._listeners",),
        "Call `{owner}.remove_listener(callback)`.",
    ),
    Registry(
        Category.TIMER,
        frozenset({"apscheduler.jobstores.memory.MemoryJobStore"}),
        ("",),
        "Call `job.remove()` when it is no longer needed, or add it with a fixed `id=` and "
        "`replace_existing=True`: a job store keeps every interval job.",
        noun="Job never removed",
    ),
    Kind(
        Category.TIMER,
        frozenset({"schedule.Job"}),
        "Call `schedule.cancel_job(job)`, or return `schedule.CancelJob` from a job that is to "
        "run once.",
        noun="Job never cancelled",
    ),
    Kind(
        Category.TIMER,
        frozenset({"twisted.internet.base.DelayedCall"}),
        "Keep what `callLater` returns and call `.cancel()` on it when the answer is there "
        "(`if call.active(): call.cancel()`), or use `Deferred.addTimeout`.",
        noun="Delayed call never cancelled",
        ended=is_true("called"),
    ),
    Kind(
        Category.TIMER,
        frozenset({"twisted.internet.task.LoopingCall"}),
        "Call `.stop()` on each looping call when its owner ends.",
        noun="Looping call never stopped",
        ended=is_none("call"),
    ),
    Kind(
        Category.PENDING,
        frozenset({"twisted.internet.defer.Deferred"}),
        "Fire or cancel each Deferred: `deferred.addTimeout(seconds, reactor)` bounds its life.",
        noun="Deferred never fired",
        ended=is_true("called"),
    ),
    Registry(
        Category.LISTENER,
        frozenset({"twisted.internet.base._ThreePhaseEvent"}),
        ("",),
        "Keep what `addSystemEventTrigger` returns and call `reactor.removeSystemEventTrigger`.",
    ),
    Kind(
        Category.TIMER,
        frozenset({"tornado.ioloop.PeriodicCallback"}),
        "Call `.stop()` on each periodic callback when its owner ends.",
        noun="Periodic callback never stopped",
    ),
    Kind(
        Category.STREAM,
        frozenset({"tornado.iostream.BaseIOStream"}),
        "Call `stream.close()` in a finally.",
        noun="Unclosed stream",
    ),
    Kind(
        Category.PENDING,
        frozenset({"greenlet.greenlet", "gevent._gevent_cgreenlet.Greenlet"}),
        "A greenlet that waits keeps its stack: bound the wait (`gevent.Timeout`), `.kill()` it, "
        "or spawn into a `gevent.pool.Pool`; drop from `{path}` those that ended.",
        noun="Greenlet kept",
    ),
    Registry(
        Category.LISTENER,
        _GEVENT_LINKS,
        ("",),
        "Call `{owner}.unlink(callback)` {when}: `{owner}` keeps what was given to `rawlink` "
        "until then.",
        of=frozenset({"builtins.method", "builtins.function", "functools.partial"}),
    ),
    Registry(
        Category.PENDING,
        _GEVENT_LINKS,
        ("",),
        "Greenlets wait on `{owner}`: bound each wait (`{owner}.wait(timeout=...)`, "
        "`gevent.Timeout`), `.kill()` those nobody needs, or spawn into a `gevent.pool.Pool`.",
        noun="Greenlet that never ends",
    ),
    Kind(
        Category.TIMER,
        frozenset({"gevent.libev.corecext.timer", "gevent.libuv.watcher.timer"}),
        "Call `.stop()` and `.close()` on each timer.",
    ),
    Kind(
        Category.TIMER,
        frozenset({"threading.Timer"}),
        "Call `timer.cancel()` when the answer is there: each waiting timer is a thread with its "
        "stack.",
        noun="Uncancelled timer",
    ),
)

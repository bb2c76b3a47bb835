"""Event emitters and signals."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.rows import Registry, Row, Spot

_L = Category.LISTENER

ROWS: tuple[Row, ...] = (
    Registry(
        _L,
        frozenset({"pyee.base.EventEmitter"}),
        ("._events",),
        "Call `{owner}.remove_listener({key}, handler)` {when}, or register it with `once`.",
    ),
    Registry(
        Category.PENDING,
        frozenset({"pyee.asyncio.AsyncIOEventEmitter"}),
        ("._waiting",),
        "An async handler of `{owner}` does not end: await with a limit inside it, or cancel what "
        "runs (`{owner}.cancel()`).",
    ),
    Registry(
        _L,
        frozenset({"blinker.base.Signal"}),
        (".receivers", "._by_sender", "._by_receiver"),
        "Call `{owner}.disconnect(receiver)` {when}, or connect it "
        "weakly (`weak=True`, the default).",
    ),
    Registry(
        _L,
        frozenset({"django.dispatch.dispatcher.Signal", "celery.utils.dispatch.signal.Signal"}),
        (".receivers",),
        "Call `{owner}.disconnect(receiver)` {when}, or connect once "
        "with a `dispatch_uid`; `weak=False` keeps receivers.",
    ),
    Spot(
        _L,
        ("pydispatch.dispatcher.connections", "pydispatch.dispatcher.senders"),
        "Call `dispatcher.disconnect(receiver, signal, sender)`, or connect weakly "
        "(`weak=True`, the default).",
    ),
    Spot(
        _L,
        ("zope.event.subscribers",),
        "Take the subscriber out again: `zope.event.subscribers.remove(handler)`.",
    ),
    Registry(
        _L,
        frozenset({"zope.interface.registry.Components"}),
        ("._handler_registrations", "._subscription_registrations", ".adapters"),
        "Call `{owner}.unregisterHandler(...)` (or `unregisterSubscriptionAdapter`) for what was "
        "registered.",
    ),
    Registry(
        _L,
        frozenset({"zope.interface.adapter.BaseAdapterRegistry"}),
        ("._subscribers",),
        "Call `{owner}.unsubscribe(required, provided, subscriber)` for what was subscribed.",
    ),
    Registry(
        Category.CLASS,
        frozenset({"zope.interface.registry.Components"}),
        ("._utility_registrations", "._adapter_registrations", ".utilities"),
        "Call `{owner}.unregisterUtility(...)` (or `unregisterAdapter`), or register once.",
    ),
    Registry(
        _L,
        frozenset({"traitlets.traitlets.HasTraits"}),
        ("._trait_notifiers",),
        "Call `{owner}.unobserve(handler, names=[{first_key}])` {when}.",
    ),
    Registry(
        _L,
        frozenset({"watchdog.observers.api.BaseObserver"}),
        ("._handlers", "._emitters", "._emitter_for_watch", "._watches"),
        "Keep what `schedule` returns and call `{owner}.unschedule(watch)`, or "
        "`remove_handler_for_watch(handler, watch)`.",
    ),
    Registry(
        Category.CACHE,
        frozenset({"reactivex.subject.replaysubject.ReplaySubject"}),
        (".queue",),
        "A replay subject keeps all it ever sent: bound it with `ReplaySubject(buffer_size=...)` "
        "or `window=`.",
    ),
    Registry(
        _L,
        frozenset({"reactivex.subject.subject.Subject"}),
        (".observers",),
        "Keep what `subscribe` returns and call its `.dispose()`, or end the stream with "
        "`take_until(...)`.",
    ),
    Registry(
        _L,
        frozenset({"aiosignal.Signal", "frozenlist.FrozenList"}),
        ("",),
        "Append a callback to `{path}` once, when the application is built, not per request.",
    ),
    Registry(
        _L,
        frozenset({"matplotlib.cbook.CallbackRegistry"}),
        ("",),
        "Keep what `mpl_connect` returns and call `fig.canvas.mpl_disconnect(cid)`.",
    ),
)

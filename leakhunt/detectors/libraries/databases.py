"""Databases, brokers and their clients."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.rows import Kind, Registry, Remark, Row, Spot

ROWS: tuple[Row, ...] = (
    Registry(
        Category.LOG,
        frozenset({"django.db.backends.base.base.BaseDatabaseWrapper"}),
        (".queries_log",),
        "Set `DEBUG = False`, or call `django.db.reset_queries()` after each piece of work: with "
        "DEBUG on, every statement is kept (up to 9,000 a connection).",
        noun="SQL statement kept for debugging",
        wrong_though_bounded="it is kept for debugging only",
    ),
    Spot(
        Category.CACHE,
        ("django.urls.resolvers.",),
        "The cache of URL resolvers is unbounded and keyed by the URL configuration: set "
        "`request.urlconf` to one of a few module names, not to an object made per request.",
        noun="URL resolver cached per configuration",
    ),
    Kind(
        Category.STREAM,
        frozenset(
            {"sqlalchemy.orm.session.Session", "sqlalchemy.ext.asyncio.session.AsyncSession"}
        ),
        "Close each session when its work is done: `with Session() as session`, or "
        "`session.close()`; with `scoped_session` call `.remove()`.",
        noun="Unclosed session",
    ),
    Registry(
        Category.COLLECTION,
        frozenset(
            {"sqlalchemy.orm.session.Session", "sqlalchemy.ext.asyncio.session.AsyncSession"}
        ),
        ("._new", "._deleted"),
        "Call `{owner}.commit()` (or `.rollback()`, `.expunge_all()`) after each piece of work: "
        "a session keeps what was added to it until then.",
        noun="Added to a session and never written",
    ),
    Kind(
        Category.STREAM,
        frozenset({"sqlalchemy.engine.base.Connection"}),
        "Give each connection back to the pool: `with engine.connect() as connection`.",
        noun="Connection never given back",
    ),
    Kind(
        Category.STREAM,
        frozenset({"sqlalchemy.engine.base.Engine"}),
        "Make one engine for each database and keep it; an engine made per piece of work brings "
        "its own pool: `engine.dispose()`.",
        noun="Engine made per piece of work",
    ),
    Registry(
        Category.LISTENER,
        frozenset({"sqlalchemy.event.attr._ListenerCollection"}),
        ("",),
        "Listen once, on the class or the engine, or call `sqlalchemy.event.remove(...)`.",
    ),
    Spot(
        Category.LISTENER,
        ("sqlalchemy.event.registry.",),
        "Listen once, on the class or the engine, or call `sqlalchemy.event.remove(...)`.",
    ),
    Kind(
        Category.STREAM,
        frozenset({"redis.client.PubSub", "redis.asyncio.client.PubSub"}),
        "Close each subscription: `with client.pubsub() as pubsub`, or `pubsub.close()` "
        "(`await pubsub.aclose()`).",
        noun="Unclosed subscription",
    ),
    Kind(
        Category.STREAM,
        frozenset({"redis.client.Redis", "redis.asyncio.client.Redis"}),
        "Make one client and share it: it has a pool; or `client.close()` (`await "
        "client.aclose()`).",
        noun="Unclosed client",
    ),
    Registry(
        Category.STREAM,
        frozenset({"redis.connection.ConnectionPool", "redis.asyncio.connection.ConnectionPool"}),
        ("._in_use_connections", "._available_connections"),
        "Connections are taken and not given back: close each pubsub, pipeline and monitor, and "
        "bound the pool (`max_connections=`).",
        noun="Connection never given back",
    ),
    Registry(
        Category.LISTENER,
        frozenset({"redis.client.PubSub", "redis.asyncio.client.PubSub"}),
        (".channels", ".patterns", ".shard_channels"),
        "Call `{owner}.unsubscribe(channel)` when nobody listens any more.",
    ),
    Registry(
        Category.PENDING,
        frozenset({"redis.client.Pipeline", "redis.asyncio.client.Pipeline"}),
        (".command_stack",),
        "Call `{owner}.execute()` or `.reset()`: commands queue up in a pipeline until then.",
    ),
    Kind(
        Category.PENDING,
        frozenset({"celery.result.AsyncResult"}),
        "Call `result.forget()` (or `.get()`) on each result, or send the task with "
        "`ignore_result=True`.",
        noun="Result never forgotten",
    ),
    Spot(
        Category.CLASS,
        ("celery._state._on_app_finalizers",),
        "Define tasks at module level: `@app.task` and `@shared_task` inside a function register "
        "one in each call.",
        noun="Task registered per call",
    ),
    Registry(
        Category.CLASS,
        frozenset({"celery.app.base.Celery", "celery.app.registry.TaskRegistry"}),
        ("._tasks", "._pending", ""),
        "Define tasks at module level: `@app.task` inside a function registers one in each call.",
        noun="Task registered per call",
    ),
    Registry(
        Category.STREAM,
        frozenset({"kombu.connection.Connection", "kombu.transport.virtual.base.Transport"}),
        (".declared_entities", ".channels", "._avail_channels"),
        "Close each channel (`with connection.channel() as channel`), and take connections from "
        "`kombu.pools`.",
        noun="Unclosed channel",
    ),
    Kind(
        Category.STREAM,
        frozenset({"kombu.connection.Connection"}),
        "Release each connection: `with Connection(...) as connection`, or take it from "
        "`kombu.pools.connections`.",
        noun="Unclosed connection",
    ),
)

REMARKS: tuple[Remark, ...] = (
    Remark(
        frozenset({"aiosqlite.core.Connection"}),
        "`await connection.close()` each one (`async with aiosqlite.connect(...)`): a connection "
        "runs a thread of its own.",
    ),
)

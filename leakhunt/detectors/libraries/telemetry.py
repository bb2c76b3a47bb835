"""Metrics, traces, logs and error reports."""

from __future__ import annotations

from leakhunt.detectors.base import Category
from leakhunt.detectors.rows import Registry, Row, Spot

_LABELS = (
    "Every combination of label values is a time series that is kept: use few values (a route, "
    "not a path; a class, not a user), or call `{owner}.remove(...)` or `.clear()`."
)

ROWS: tuple[Row, ...] = (
    Registry(
        Category.CACHE,
        frozenset({"prometheus_client.metrics.MetricWrapperBase"}),
        ("._metrics",),
        _LABELS,
        noun="Label values without bound",
    ),
    Registry(
        Category.CLASS,
        frozenset({"prometheus_client.registry.CollectorRegistry"}),
        ("",),
        "Make each metric once, at module level, or `registry.unregister(metric)`.",
        noun="Metric made per piece of work",
    ),
    Registry(
        Category.LOG,
        frozenset({"opentelemetry.sdk.trace.export.in_memory_span_exporter.InMemorySpanExporter"}),
        ("._finished_spans",),
        "An in-memory exporter is for tests: call `{owner}.clear()`, or export to a collector.",
        noun="Span kept in memory",
    ),
    Registry(
        Category.LISTENER,
        frozenset({"opentelemetry.sdk.trace.SynchronousMultiSpanProcessor"}),
        ("._span_processors",),
        "Call `add_span_processor` once, when the provider is made.",
        noun="Span processor added again",
    ),
    Registry(
        Category.CLASS,
        frozenset({"opentelemetry.sdk.trace.TracerProvider"}),
        ("._tracers",),
        "Ask for tracers by module name (`get_tracer(__name__)`), not by a name made per request.",
    ),
    Registry(
        Category.CLASS,
        frozenset({"opentelemetry.sdk.metrics._internal.MeterProvider"}),
        ("._meters", "._measurement_consumer"),
        "Make meters and instruments once, at module level; attributes of a measurement must have "
        "few values.",
    ),
    Registry(
        Category.CLASS,
        frozenset(
            {"opentelemetry.sdk.metrics._internal.metric_reader_storage.MetricReaderStorage"}
        ),
        ("._instrument_view_instrument_matches",),
        "Make meters and instruments once, at module level.",
        noun="Instrument made per piece of work",
    ),
    Spot(
        Category.CACHE,
        ("opentelemetry.sdk.metrics.",),
        "Attributes of a measurement must have few values: each combination is kept.",
    ),
    Registry(
        Category.LOG,
        frozenset({"sentry_sdk.scope.Scope"}),
        ("",),
        "Use a scope for each piece of work (`with sentry_sdk.new_scope()`, or "
        "`isolation_scope()`), so that breadcrumbs, tags and attachments go with it.",
        noun="Kept by an error report's scope",
    ),
    Registry(
        Category.LOG,
        frozenset({"loguru._logger.Core"}),
        (".handlers",),
        "Keep what `logger.add` returns and call `logger.remove(id)`; add sinks once.",
        noun="Log sink never removed",
    ),
    Registry(
        Category.CLASS,
        frozenset({"loguru._logger.Core"}),
        (".enabled", ".levels", ".activation_list"),
        "Enable, disable and define levels for a fixed set of names.",
    ),
    Registry(
        Category.LOG,
        frozenset({"structlog.testing.LogCapture", "structlog.testing.CapturingLogger"}),
        ("",),
        "A capturing logger is for tests: use `structlog.testing.capture_logs()` as a context, or "
        "empty it.",
        noun="Captured log entry",
    ),
    Spot(
        Category.THREAD,
        ("structlog.contextvars.",),
        "Bind a fixed set of names (`bind_contextvars(request_id=...)`): each name ever bound "
        "stays a context variable, and `clear_contextvars()` frees only their values.",
        noun="Context variable made per piece of work",
    ),
)

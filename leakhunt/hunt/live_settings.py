"""What a report keeps of the options of a live hunt, so that ``verify`` can repeat it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from leakhunt.errors import UsageError
from leakhunt.hunt.live_options import LiveOptions
from leakhunt.target.family import Children
from leakhunt.target.readiness import Ready, parse_ready

_NONE = type(None)
_KEPT: dict[str, tuple[type, ...]] = {
    "pid": (int, _NONE),
    "load": (str, _NONE),
    "rounds": (int,),
    "warmup": (int,),
    "warmup_load": (str, _NONE),
    "cycles": (int, _NONE),
    "duration_s": (int, float, _NONE),
    "by_marks": (bool,),
    "method": (str,),
    "force": (bool,),
    "capture": (str,),
    "redact": (bool,),
    "content": (bool,),
    "timeout_s": (int, float, _NONE),
    "settle_max_s": (int, float),
    "collect": (bool,),
    "max_pause_ms": (int, float, _NONE),
    "birth": (bool,),
    "sites": (int, _NONE),
}
"""Options kept as they are, and the JSON types they may have."""


def live_settings_of(options: LiveOptions) -> dict[str, Any]:
    """The options as plain JSON."""
    settings: dict[str, Any] = {name: getattr(options, name) for name in _KEPT}
    settings["command"] = list(options.command)
    settings["ready"] = _spelled(options.ready)
    settings["children"] = str(options.children)
    settings["rules"] = [str(path.absolute()) for path in options.rules]
    return settings


def is_live(settings: dict[str, Any]) -> bool:
    """Are these the settings of a live hunt?"""
    return "scenario" not in settings


def live_options_of(settings: dict[str, Any]) -> LiveOptions:
    """The options of :func:`live_settings_of` again.  Raises UsageError for what is no such
    thing."""
    values: dict[str, Any] = {}
    for name, kinds in _KEPT.items():
        value = settings.get(name)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise _wrong(name, value)
        values[name] = value
    for name in ("command", "rules"):
        value = settings.get(name)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise _wrong(name, value)
    ready, children = settings.get("ready"), settings.get("children")
    if not isinstance(ready, str | None):
        raise _wrong("ready", ready)
    if children not in list(Children):
        raise _wrong("children", children)
    return LiveOptions(
        command=tuple(settings["command"]),
        rules=tuple(Path(one) for one in settings["rules"]),
        ready=Ready() if ready is None else parse_ready(ready),
        children=Children(children),
        **values,
    )


def _spelled(ready: Ready) -> str | None:
    """As ``--ready`` takes it."""
    if ready.port is not None:
        return f"port:{ready.port}"
    if ready.line is not None:
        return f"line:{ready.line.pattern.decode('utf-8', 'surrogateescape')}"
    return None if ready.delay_s is None else f"delay:{ready.delay_s:.6f}s"


def _wrong(name: str, value: object) -> UsageError:
    return UsageError(
        f"the report's settings.{name} is {ascii(value)[:60]}",
        hint="write the report again with: leakhunt hunt --json ...",
    )

"""Names of classes, read without running any code of theirs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# Of ``type`` itself: the class of a class may say something else, and one that the collector took
# apart and could not free has nobody to ask.
_module: Callable[[type], Any] = type.__dict__["__module__"].__get__
_qualname: Callable[[type], str] = type.__dict__["__qualname__"].__get__


def module_of(kind: type) -> str:
    """The module of a class; empty when it has none or says something else than a text."""
    try:
        module = _module(kind)
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def name_of(kind: type) -> str:
    """``module.QualName``, as in every report."""
    return f"{module_of(kind) or 'builtins'}.{_qualname(kind)}"

"""Names of classes, read without running any code of theirs."""

from __future__ import annotations


def module_of(kind: type) -> str:
    """The module of a class; empty when it has none or says something else than a text."""
    try:
        module = type.__getattribute__(kind, "__module__")
    except AttributeError:
        return ""
    return module if type(module) is str else ""


def name_of(kind: type) -> str:
    """``module.QualName``, as in every report."""
    return f"{module_of(kind)}.{type.__getattribute__(kind, '__qualname__')}"

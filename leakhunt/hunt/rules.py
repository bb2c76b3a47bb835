"""Loads what users add to the detectors: ``--rules FILE.py`` and installed entry points."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from leakhunt.detectors.rules import Detector, Kind, NamedDetector, Registry, Row, Rules, Spot
from leakhunt.errors import UsageError

ENTRY_POINTS = "leakhunt.detectors"
_HINT = (
    "a rules file defines ROWS, a list of Kind, Registry or Spot, or a function examine(suspect)"
)


def load_rules(files: Sequence[Path] = ()) -> Rules:
    """The rules of the files, in their order, then those of installed packages.

    The files are imported: they are the user's own code.  Raises UsageError for one that
    cannot be imported or defines nothing.
    """
    rows: list[Row] = []
    detectors: list[NamedDetector] = []
    for name, source in (*_of_files(files), *_of_entry_points()):
        found, examine = _rows_of(name, source), _examine_of(name, source)
        if not found and examine is None:
            raise UsageError(f"{name} adds no rules", hint=_HINT)
        rows += found
        detectors += [] if examine is None else [NamedDetector(name, examine)]
    return Rules(tuple(rows), tuple(detectors))


def _of_files(files: Sequence[Path]) -> Iterable[tuple[str, object]]:
    return [(str(path), _import(path, number)) for number, path in enumerate(files)]


def _import(path: Path, number: int) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"there is no rules file {path}", hint="--rules takes a Python file")
    spec = importlib.util.spec_from_file_location(f"_leakhunt_rules_{number}", path)
    if spec is None or spec.loader is None:
        raise UsageError(f"{path} is no Python file", hint="its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as exc:
        raise UsageError(
            f"the rules file {path} raised {type(exc).__name__}: {exc}",
            hint="it is imported by leakhunt's own interpreter",
        ) from exc
    return module


def _of_entry_points() -> Iterable[tuple[str, object]]:
    for entry in importlib.metadata.entry_points(group=ENTRY_POINTS):
        try:
            yield f"{entry.name} ({entry.value})", entry.load()
        except Exception as exc:
            raise UsageError(
                f"the installed rules {entry.name!r} ({entry.value}) cannot be loaded:"
                f" {type(exc).__name__}: {exc}",
                hint="update or remove the package that brings them",
            ) from exc


def _rows_of(name: str, source: object) -> list[Row]:
    rows = getattr(source, "ROWS", ())
    if not isinstance(rows, list | tuple):
        raise UsageError(f"ROWS of {name} is {type(rows).__name__}, not a list", hint=_HINT)
    for row in rows:
        if not isinstance(row, Kind | Registry | Spot):
            raise UsageError(f"ROWS of {name} holds a {type(row).__name__}", hint=_HINT)
    return list(rows)


def _examine_of(name: str, source: object) -> Detector | None:
    """``examine`` of a module, or the entry point itself when it is a function."""
    found = getattr(source, "examine", None)
    if found is None and callable(source) and not isinstance(source, ModuleType):
        found = source
    if found is not None and not callable(found):
        raise UsageError(f"examine of {name} is no function", hint=_HINT)
    return found

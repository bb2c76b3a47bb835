"""What a person noted about a case: marks, notes, verdicts of their own, and where they were.

Kept as a small JSON file (mode 0600) beside the case: ``notebook.json`` in the directory of a
saved hunt, ``FILE.notebook.json`` beside a single snapshot.  It can be deleted at any time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from leakhunt.detectors.base import Verdict
from leakhunt.errors import LeakhuntError
from leakhunt.target.save_dir import NOTEBOOK_NAME

SCHEMA: Final = "leakhunt.notebook/1"
_LARGEST_BYTES: Final = 4 << 20
_PARTS: Final = ("marks", "notes", "verdicts", "places")


@dataclass(slots=True)
class Notebook:
    """The notes of one case.  Keys are fingerprints of findings and ``@address`` of objects."""

    path: Path | None
    """Where it is kept; None: nowhere."""
    marks: dict[str, str] = field(default_factory=dict)
    """What is marked, and what it was called then."""
    notes: dict[str, str] = field(default_factory=dict)
    verdicts: dict[str, str] = field(default_factory=dict)
    """LEAK, SUSPECT or NOT by fingerprint: what a person says in place of the detectors."""
    places: dict[str, Any] = field(default_factory=dict)
    """Where a person was in each view: plain JSON values."""

    def save(self) -> None:
        """Write it, whole or not at all.

        Raises LeakhuntError: it cannot be written.
        """
        from leakhunt.store.files import replacing

        if self.path is None:
            return
        content = {name: getattr(self, name) for name in _PARTS}
        text = json.dumps({"schema": SCHEMA, **content}, indent=1)
        with replacing(self.path) as file:
            file.write(text.encode() + b"\n")


def notebook_path(source: Path) -> Path:
    """Where the notebook of a saved hunt or of a snapshot file lies."""
    if source.is_dir():
        return source / NOTEBOOK_NAME
    return source.with_name(f"{source.name}.{NOTEBOOK_NAME}")


def read_notebook(path: Path) -> Notebook:
    """The notebook at ``path``; an empty one when there is none.

    Raises LeakhuntError: it is there and is no notebook.  What it holds is not overwritten then.
    """
    try:
        if path.stat().st_size > _LARGEST_BYTES:
            raise _broken(path, "it is too large")
        found = json.loads(path.read_bytes())
    except FileNotFoundError:
        return Notebook(path)
    except OSError as error:
        raise _broken(path, error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise _broken(path, "it is no JSON") from error
    if not isinstance(found, Mapping) or found.get("schema") != SCHEMA:
        raise _broken(path, f"its schema is not {SCHEMA}")
    parts = {name: found.get(name, {}) for name in _PARTS}
    if not all(isinstance(part, dict) for part in parts.values()):
        raise _broken(path, "a part of it is no object")
    texts = [text for name in _PARTS[:3] for text in parts[name].values()]
    if not all(isinstance(text, str) for text in texts):
        raise _broken(path, "a note in it is no text")
    if not set(parts["verdicts"].values()) <= set(Verdict):
        raise _broken(path, "a verdict in it is none")
    if not all(isinstance(place, dict) for place in parts["places"].values()):
        raise _broken(path, "a place in it is no object")
    return Notebook(path, **parts)


def _broken(path: Path, why: str) -> LeakhuntError:
    return LeakhuntError(f"{path} cannot be used: {why}", hint="delete it, or put it elsewhere")

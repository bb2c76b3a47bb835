"""``--leakhunt-graph DIR``: the chain from a module to a leaked object, drawn by objgraph."""

from __future__ import annotations

import gc
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from leakhunt.detectors.base import Finding
from leakhunt.hunt.within.examine import Result

_DEPTH: Final = 20
_DOT_TIMEOUT_S: Final = 30
_NAME_CHARS: Final = 80


def draw(folder: Path, nodeid: str, findings: Sequence[Finding], result: Result) -> list[str]:
    """Draw each finding as far as one of its objects can be found; a line for each.

    DOT always; SVG where Graphviz is.  Labels are short representations of the objects: their
    own ``__repr__`` is called, as in any failure of a test.
    """
    lines = []
    for finding in findings:
        file = folder / f"{_file_name(nodeid)}-{finding.fingerprint[:8]}.dot"
        specimen = _find(result.addresses.get(finding.fingerprint, frozenset()))
        if not specimen:
            lines.append("not drawn: what grows is no object that the collector leads to")
            continue
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lines.append(f"drawn: {_draw_one(file, specimen)}")
        except OSError as exc:
            lines.append(f"not drawn: {file}: {exc.strerror or exc}")
    return lines


def _draw_one(file: Path, specimen: list[Any]) -> Path:
    import objgraph

    tool: Any = objgraph
    chain = tool.find_backref_chain(specimen[0], tool.is_proper_module, max_depth=_DEPTH)
    _make_private(file)
    with file.open("w", encoding="utf-8") as output:
        tool.show_chain(chain, output=output, shortnames=False)
    return _as_svg(file) or file


def _make_private(file: Path) -> None:
    """Empty and the owner's alone, before anything is written to it."""
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)


def _find(addresses: frozenset[int]) -> list[Any]:
    """An object at one of the addresses: one that the collector tracks, or that such a one
    refers to.  O(objects and references)."""
    tracked = gc.get_objects()
    for one in tracked:
        if id(one) in addresses:
            return [one]
    for one in tracked:
        for part in gc.get_referents(one):
            if id(part) in addresses:
                return [part]
    return []


def _as_svg(file: Path) -> Path | None:
    """The drawing as SVG; None where there is no Graphviz, or it fails."""
    dot = shutil.which("dot")
    if dot is None:
        return None
    picture = file.with_suffix(".svg")
    try:
        _make_private(picture)
        subprocess.run(
            [dot, "-Tsvg", "-o", str(picture), str(file)],
            check=True,
            capture_output=True,
            timeout=_DOT_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        picture.unlink(missing_ok=True)
        return None
    return picture


def _file_name(nodeid: str) -> str:
    """What of a node id can be in a file name."""
    return re.sub(r"[^\w.-]+", "-", nodeid).strip("-.")[-_NAME_CHARS:]

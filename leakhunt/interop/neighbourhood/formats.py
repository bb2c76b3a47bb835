"""A neighbourhood as bytes of a file."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import networkx as nx

from leakhunt.interop.neighbourhood.dot import to_dot

if TYPE_CHECKING:
    from leakhunt.interop.neighbourhood.build import Neighbourhood

SCHEMA: Final = "leakhunt.neighbourhood/1"


def to_bytes(drawing: Neighbourhood, file_format: str) -> bytes:
    """The graph as ``dot``, ``graphml`` or ``json``.  O(nodes + edges)."""
    return _WRITERS[file_format](drawing)


def _dot(drawing: Neighbourhood) -> bytes:
    return to_dot(drawing).encode("utf-8")


def _graphml(drawing: Neighbourhood) -> bytes:
    """For Gephi, yEd, Cytoscape and igraph."""
    file = io.BytesIO()
    nx.write_graphml_xml(drawing, file, encoding="utf-8", prettyprint=True)
    return file.getvalue()


def _json(drawing: Neighbourhood) -> bytes:
    """networkx's own node-link form, which d3 and others read: ``nodes`` and ``edges``."""
    data = {"schema": SCHEMA, **nx.node_link_data(drawing, edges="edges")}
    return (json.dumps(data, indent=1) + "\n").encode("ascii")


_WRITERS: Final[dict[str, Callable[[Neighbourhood], bytes]]] = {
    "dot": _dot,
    "graphml": _graphml,
    "json": _json,
}
FORMATS: Final = tuple(_WRITERS)

"""Attributes that objects of a fixed number are given when they are first asked for."""

from __future__ import annotations

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.detectors.suspect import Suspect
from leakhunt.store.columns import NO_NODE

_FEWEST = 2
"""Owners: of one nothing can be said."""
_NAMES = 3
"""Attributes that may be filled; more are no lazy ones."""
_NAMED = (EdgeKind.ATTR, EdgeKind.FIELD)
_LEVELS = 3
"""Nodes from an owner up to the container of all, at most."""


def filled_attributes(s: Suspect) -> str | None:
    """Why objects cannot go on to gain: each has got an attribute of one name, or of a few, and a
    container has so many objects.  None for anything else.  O(direct nodes)."""
    owners = {_owner(s, node) for node in s.holder.nodes.tolist()}
    if len(owners) < _FEWEST or s.holder.series.unit != "objects" or not len(s.holder.direct):
        return None
    if any(s.graph.entries(node) is not None for node in owners):  # it has more than attributes
        return None
    names = {_attribute(s, int(node), owners) for node in s.holder.direct}
    if None in names or len(names) > _NAMES:
        return None
    there = _population(s, owners)
    if there < len(owners):
        return None
    what = "an attribute" if len(names) == 1 else f"{len(names)} attributes"
    return f"{len(owners):,} objects got {what} that they had not, and there are {there:,} in all"


def _owner(s: Suspect, node: int) -> int:
    """The object of which a node is the ``__dict__``, or the node itself."""
    edge, parent = int(s.graph.tree.parent_edge[node]), int(s.graph.tree.parent[node])
    is_namespace = parent != NO_NODE and s.graph.edge_text_is(edge, "__dict__")
    return parent if is_namespace else node


def _attribute(s: Suspect, node: int, owners: set[int]) -> str | None:
    """Name of the attribute of an owner that leads to a node; its ``__dict__`` is one, too."""
    tree, graph = s.graph.tree, s.graph
    parent, edge = int(tree.parent[node]), int(tree.parent_edge[node])
    if parent in owners:
        return graph.edge_text(edge) if graph.kind(edge) in _NAMED else None
    if parent == NO_NODE or _owner(s, parent) not in owners:
        return None
    key = int(graph.columns.edge_name[edge])
    return graph.text(key) if graph.kind(edge) == EdgeKind.VALUE else None


def _population(s: Suspect, owners: set[int]) -> int:
    """Entries of the containers that the owners are in."""
    found: dict[int, int] = {}
    for node in owners:
        above = int(s.graph.tree.parent[node])
        for _ in range(_LEVELS):
            if above == NO_NODE or s.graph.is_root(above):
                return 0
            entries = s.graph.entries(above)
            if entries is not None:
                found[above] = entries
                break
            above = int(s.graph.tree.parent[above])
        else:
            return 0
    return sum(found.values())

"""What edges and roots the graph of a heap has.

Numbers of the snapshot format (:mod:`leakhunt.agent.format`), by themselves: who walks the living
heap needs these two and nothing of a file.  This module is part of the agent: standard library
only.
"""

from __future__ import annotations

from enum import IntEnum


class EdgeKind(IntEnum):
    """Kind of one edge in :class:`leakhunt.store.columns.SnapshotColumns`.

    The comment says what ``edge_name`` holds for that kind.
    """

    INDEX = 1
    """edge_name: the index."""
    VALUE = 2
    """Value of a mapping.  edge_name: node id of the key."""
    KEY = 3
    """Key of a mapping.  edge_name: 0."""
    ELEMENT = 4
    """Member of a set.  edge_name: 0."""
    ATTR = 5
    """Instance attribute held in inline values or a slot.  edge_name: string id."""
    FIELD = 6
    """Field of a C struct.  edge_name: string id."""
    UNKNOWN = 7
    """edge_name: ordinal of the edge in its run."""
    LOCAL = 8
    """Local variable.  edge_name: string id, or NO_STRING when the code is not known."""
    STACK = 9
    """edge_name: depth in the evaluation stack."""
    WEAK = 10
    """Does not retain.  edge_name: 0."""
    TYPE = 11
    """From an instance to its heap type.  Not written: derived from the node's type."""
    HIDDEN = 12
    """edge_name: ordinal of the edge in its run."""


class RootKind(IntEnum):
    """Why a root node keeps its targets alive."""

    MODULES = 1
    """``sys.modules``."""
    INTERPRETER = 2
    """A field of the interpreter state."""
    THREAD = 3
    """A field of a thread state."""
    FRAME = 4
    """A running frame; facts: LINE, THREAD_ID."""
    STATIC_TYPE = 5
    """A static type object."""
    NATIVE = 6
    """References counted and found on no edge (derived by analysis, never in a stream)."""

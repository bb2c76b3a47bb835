"""The format as constants: fields, enumerations, and how CPython's words map onto V8's.

Facts about readers that shape the mapping are in ``docs/reference/export.md``.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any, Final

import numpy as np

from leakhunt.agent.graph_kinds import EdgeKind, RootKind
from leakhunt.store.columns import U32

SUFFIX: Final = ".heapsnapshot"
"""Chrome's dialog lists no other names (but ``.heaptimeline``)."""

OUR_FORMAT: Final = "leakhunt.heapsnapshot/1"
"""Value of ``snapshot.leakhunt.format`` in files that leakhunt wrote."""

LIMIT: Final = 1 << 32
"""Readers keep every number in 32 bits; what is larger wraps without a word."""


class V8Node(IntEnum):
    """Types of nodes."""

    HIDDEN = 0
    ARRAY = 1
    STRING = 2
    OBJECT = 3
    CODE = 4
    CLOSURE = 5
    REGEXP = 6
    NUMBER = 7
    NATIVE = 8
    SYNTHETIC = 9
    CONCATENATED_STRING = 10
    SLICED_STRING = 11
    SYMBOL = 12
    BIGINT = 13
    OBJECT_SHAPE = 14


class V8Edge(IntEnum):
    """Types of edges."""

    CONTEXT = 0
    ELEMENT = 1
    PROPERTY = 2
    INTERNAL = 3
    HIDDEN = 4
    SHORTCUT = 5
    WEAK = 6


NODE_FIELDS: Final = ("type", "name", "id", "self_size", "edge_count")
EDGE_FIELDS: Final = ("type", "name_or_index", "to_node")


def _words(enumeration: type[IntEnum]) -> list[str]:
    return [member.name.lower().replace("_", " ") for member in enumeration]


META: Final[dict[str, Any]] = {
    "node_fields": list(NODE_FIELDS),
    "node_types": [_words(V8Node), "string", "number", "number", "number"],
    "edge_fields": list(EDGE_FIELDS),
    "edge_types": [_words(V8Edge), "string_or_number", "node"],
}
"""No sample, location or trace fields: naming them makes their sections mandatory."""

CATEGORY_BY_ROOT_KIND: Final = {
    RootKind.MODULES: "(modules)",
    RootKind.INTERPRETER: "(interpreter)",
    RootKind.THREAD: "(threads)",
    RootKind.FRAME: "(running frames)",
    RootKind.STATIC_TYPE: "(static types)",
}
NATIVE_HOLDS: Final = "(native holds)"
IMMORTAL: Final = "(immortal objects)"
GARBAGE: Final = "(garbage)"
CATEGORIES: Final = (*CATEGORY_BY_ROOT_KIND.values(), NATIVE_HOLDS, IMMORTAL, GARBAGE)
"""Children of ``(GC roots)``, present in every file so that their ids never change."""

ROOTS: Final = "(GC roots)"
FIRST_ORDINAL: Final = 2 + len(CATEGORIES)
"""Ordinal in the file of node 0 of a snapshot: root, ``(GC roots)`` and categories come first."""

FIRST_ID: Final = 101
"""Id of the first node of a snapshot; smaller odd ids are those of root and categories."""

NODE_TYPE_BY_NAME: Final = {
    "builtins.str": V8Node.STRING,
    "builtins.int": V8Node.NUMBER,
    "builtins.function": V8Node.CLOSURE,
}
"""All other types are objects: the class a reader groups by is then the name of the type."""

CLASS_BY_TYPE: Final = {
    "builtins.str": "(string)",
    "builtins.int": "(number)",
    "builtins.function": "Function",
}
"""What the readers call the types above."""


def _edge_types() -> U32:
    table = np.full(max(EdgeKind) + 1, V8Edge.INTERNAL, np.uint32)
    for kind, word in (
        (EdgeKind.INDEX, V8Edge.ELEMENT),
        (EdgeKind.VALUE, V8Edge.PROPERTY),
        (EdgeKind.ATTR, V8Edge.PROPERTY),
        (EdgeKind.LOCAL, V8Edge.CONTEXT),
        (EdgeKind.WEAK, V8Edge.WEAK),
    ):
        table[kind] = word
    return table


EDGE_TYPE_BY_KIND: Final = _edge_types()
"""(kinds,) V8 type of each of our edge kinds."""

NAME_BY_KIND: Final = {
    EdgeKind.KEY: "(key)",
    EdgeKind.ELEMENT: "(member)",
    EdgeKind.UNKNOWN: "(unnamed)",
    EdgeKind.STACK: "(evaluation stack)",
    EdgeKind.WEAK: "(weak reference)",
    EdgeKind.TYPE: "__class__",
    EdgeKind.HIDDEN: "(hidden)",
}
"""Names of edges that have none of their own."""

UNKNOWN_NAME: Final = "?"
"""Name of an attribute, field or local whose text was not recorded."""


def class_name(escaped: str) -> str:
    """The name of a type as readers must see it to group by it, from its escaped form.

    A name that starts with ``<`` would be cut at its first blank, ``Object`` and ``Object(``
    mean other things, and parentheses mark classes of the readers' own: the first character
    becomes an escape.
    """
    if escaped[:1] in ("<", "(") or escaped.startswith(("Object(", "Detached <")):
        return f"\\x{ord(escaped[0]):02x}{escaped[1:]}"
    if escaped in ("", "Object", "Function", "RegExp"):
        return f"type {escaped}".rstrip()
    return escaped

"""Native holds: references that are counted and found on no edge, and the healthy reasons.

A hold is a fact, no accusation: every process has some, because C code keeps references in
structures that no traversal reports.  The table below states the classes that were looked into
on CPython 3.11 to 3.14 and explained; what it does not explain is still no finding until it
grows with the load.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from leakhunt.graph.heap_graph import HeapGraph

Ints = npt.NDArray[np.int64]

ANY = -1
"""Every surplus reference is explained."""


@dataclass(frozen=True, slots=True)
class HoldRule:
    """Why objects of some types have more references than edges in a healthy process."""

    types: tuple[str, ...]
    """Full names; one that ends in a dot stands for all types of a module or package."""
    references: int
    """Surplus references of one object that it explains, or ANY."""
    reason: str


RULES = (
    HoldRule(
        ("functools._lru_list_elem",),
        1,
        "each link of an lru_cache is also in a ring that only C code walks",
    ),
    HoldRule(
        ("builtins.str",),
        ANY,
        "names the interpreter and C libraries keep: interned, in shared key tables, in the "
        "type attribute cache, in tables of operators",
    ),
    HoldRule(
        ("builtins.type", "_ctypes.PyCSimpleType", "numpy._DTypeMeta", "abc.ABCMeta"),
        ANY,
        "types that C libraries keep by pointer, and static types",
    ),
    HoldRule(("ast.", "_ast."), ANY, "types and singletons the compiler keeps"),
    HoldRule(("numpy.ufunc",), ANY, "numpy keeps its functions in tables of its own"),
    HoldRule(
        ("builtins.code", "builtins.function", "builtins.method"),
        1,
        "what is being called is also on a stack of the interpreter or of C code",
    ),
    HoldRule(
        ("builtins.builtin_function_or_method", "builtins.method_descriptor", "builtins.module"),
        ANY,
        "C libraries keep functions and modules they use",
    ),
)


_OF_TYPES = (
    "instances of an extension's type did not give back their reference to it, and the type is "
    "there anyway"
)
_VALUES = frozenset({"builtins.str", "builtins.int", "builtins.float", "builtins.bytes"})
_ONE_VALUE = "it is one text or number, and refers to nothing"
_CONSTANTS = dict.fromkeys(
    ("builtins.NoneType", "builtins.bool", "builtins.ellipsis", "builtins.NotImplementedType"),
    "every program shares this constant, and it is never freed",
) | dict.fromkeys(
    (
        f"numpy.dtypes.{name}DType"
        for name in (
            "Bool", "Byte", "UByte", "Short", "UShort", "Int", "UInt", "Long", "ULong",
            "LongLong", "ULongLong", "Int8", "UInt8", "Int16", "UInt16", "Int32", "UInt32",
            "Int64", "UInt64", "Float16", "Float32", "Float64", "LongDouble", "Complex64",
            "Complex128", "CLongDouble", "Object",
        )
    ),
    "numpy has one description of each plain data type, and never frees it",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypeHolds:
    """Native holds of the objects of one type."""

    type: str
    objects: int
    """Objects with a surplus."""
    references: int
    """Their surplus references."""
    unexplained: int
    """Those of the references that no rule explains."""
    reason: str | None
    """The rule's reason, when there is one."""


def rule_of(type_name: str) -> HoldRule | None:
    """The first rule for a type.  O(rules)."""
    for rule in RULES:
        for known in rule.types:
            if type_name == known or (known.endswith(".") and type_name.startswith(known)):
                return rule
    return None


def growth_reason(graph: HeapGraph, node: int) -> str | None:
    """Why more and more references to an object, found on no edge, cost no memory; None when
    they may keep what would otherwise go.  O(types)."""
    name = graph.type_name(node)
    reason = _ONE_VALUE if name in _VALUES else _CONSTANTS.get(name)
    if reason is not None:
        return reason
    return None if graph.name_of_type_object(node) is None else _OF_TYPES


def unexplained(graph: HeapGraph) -> Ints:
    """(node_count,) surplus references that no rule explains.  O(nodes + types)."""
    held = np.flatnonzero(graph.surplus > 0)
    rest = np.zeros(graph.node_count, np.int64)
    rest[held] = _unexplained_of(graph, held)
    return rest


def _unexplained_of(graph: HeapGraph, held: Ints) -> Ints:
    """(held,) surplus references of some objects that no rule explains."""
    c = graph.columns
    allowed = np.zeros(c.type_count, np.int64)
    for t in np.unique(c.node_type[held]).tolist():
        rule = rule_of(graph.name_of_type(t))
        if rule is not None:
            allowed[t] = np.iinfo(np.int64).max if rule.references == ANY else rule.references
    found: Ints = np.maximum(graph.surplus[held] - allowed[c.node_type[held]], 0)
    return found


def holds_by_type(graph: HeapGraph) -> tuple[TypeHolds, ...]:
    """Native holds by type, most references first.  O(nodes + types)."""
    c, held = graph.columns, np.flatnonzero(graph.surplus > 0)
    types = c.node_type[held]
    count = np.bincount(types, minlength=c.type_count)
    references = np.bincount(types, graph.surplus[held], minlength=c.type_count)
    left = np.bincount(types, _unexplained_of(graph, held), minlength=c.type_count)
    found = []
    for t in np.flatnonzero(count).tolist():
        name = graph.name_of_type(t)
        rule = rule_of(name)
        found.append(
            TypeHolds(
                name, int(count[t]), int(references[t]), int(left[t]),
                None if rule is None else rule.reason,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda row: (-row.references, row.type)))

"""Names that were meant, perhaps: for errors about a name that is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from leakhunt.errors import UsageError
from leakhunt.graph.heap_graph import HeapGraph

_SHOWN = 3
_CUTOFF = 0.5


def nearest(name: str, names: Iterable[str]) -> list[str]:
    """The most similar names, best first; case does not count.  O(names)."""
    by_folded = {known.casefold(): known for known in names}
    found = difflib.get_close_matches(name.casefold(), by_folded, _SHOWN, _CUTOFF)
    return [by_folded[folded] for folded in found]


def nearest_hint(name: str, names: Iterable[str], otherwise: str) -> str:
    """``did you mean a, b or c?``, or another hint when nothing is similar."""
    found = nearest(name, names)
    if not found:
        return otherwise
    head = ", ".join(found[:-1])
    return f"did you mean {head + ' or ' if head else ''}{found[-1]}?"


def types_named(graph: HeapGraph, name: str) -> npt.NDArray[np.int64]:
    """Types of that full name (``shop.Session``) or, when none has it, of that last part.

    O(types).

    Raises:
        UsageError: no type has the name, or types of several modules have it.
    """
    names = [graph.name_of_type(i) for i in range(graph.columns.type_count)]
    found = [i for i, known in enumerate(names) if known == name]
    if not found:
        found = [i for i, known in enumerate(names) if known.endswith(f".{name}")]
    full = sorted({names[i] for i in found})
    if len(full) > 1:
        raise UsageError(f"{name} may be {' or '.join(full[:_SHOWN])}", hint="give the full name")
    if not found:
        likely = nearest(name, names) or nearest(name, {n.rpartition(".")[2] for n in names})
        hint = f"the nearest: {', '.join(likely)}" if likely else "leakhunt shows types in full"
        raise UsageError(f"no object has a type named {name}", hint=hint)
    return np.array(found, np.int64)


def instances(graph: HeapGraph, types: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Objects of some types.  O(nodes)."""
    c = graph.columns
    type_of = c.node_type[: c.heap_count]
    wanted = np.zeros(c.type_count, np.bool_)
    wanted[types] = True
    is_one = type_of == np.uint32(types[0]) if len(types) == 1 else wanted[type_of]
    found: npt.NDArray[np.int64] = np.flatnonzero(is_one)
    return found

"""Labels of edges that mean the same in every snapshot of a hunt.

A label is a 64-bit code: the kind of the edge and what names it.  Names are numbered by
their text, keys of mappings by the baseline's id of the key object.  Positions in a list or
a deque name nothing: what stands at index 0 today may stand at 1 tomorrow.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leakhunt.agent.graph_kinds import EdgeKind
from leakhunt.graph.heap_graph import HeapGraph
from leakhunt.store.columns import I32, I64, NO_STRING

ITEM = 0
"""Code of every entry that has no lasting name."""

_NAMED = (EdgeKind.ATTR, EdgeKind.FIELD, EdgeKind.LOCAL)
_ITEMS = (EdgeKind.INDEX, EdgeKind.ELEMENT, EdgeKind.KEY)


class LabelCodes:
    """Gives out label codes; one instance serves all snapshots of a hunt."""

    def __init__(self) -> None:
        self._number: dict[str, int] = {}

    def of(
        self,
        graph: HeapGraph,
        edges: npt.NDArray[np.integer],
        to_baseline: I32 | None,
    ) -> I64:
        """(edges,) codes.  ``to_baseline`` translates key nodes; None in the baseline itself.

        A VALUE under a key that is not in the baseline has code ITEM, unless it is the name
        of an attribute.  O(edges) and O(distinct names).
        """
        c = graph.columns
        kind = c.edge_kind[edges].astype(np.int64)
        name = c.edge_name[edges].astype(np.int64)
        codes: I64 = kind << 40
        codes[np.isin(kind, _ITEMS)] = ITEM
        named = np.isin(kind, _NAMED)
        codes[named] |= self._texts(graph, name[named])
        values = kind == EdgeKind.VALUE
        codes[values] = self._keys(name[values], to_baseline)
        return codes

    def _texts(self, graph: HeapGraph, names: I64) -> I64:
        ids, where = np.unique(names, return_inverse=True)
        numbers = [
            0 if i == NO_STRING else self._number_of(graph.columns.string(i)) for i in ids.tolist()
        ]
        result: I64 = np.array(numbers, np.int64)[where] if len(ids) else names
        return result

    def _number_of(self, text: str) -> int:
        return self._number.setdefault(text, 1 + len(self._number))

    @staticmethod
    def _keys(keys: I64, to_baseline: I32 | None) -> I64:
        there = keys if to_baseline is None else to_baseline[keys].astype(np.int64)
        result: I64 = np.where(there >= 0, (EdgeKind.VALUE << 40) | there, ITEM)
        return result

"""From the object under the cursor to one that matters on its way to a root."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from leakhunt.store.columns import NO_NODE

if TYPE_CHECKING:
    from leakhunt.tui.screens.chain import ChainView


class Jumps:
    """To the holder, the root, the dominator: part of the chain view."""

    @property
    def _chain(self) -> ChainView:
        return cast("ChainView", self)

    def action_to_holder(self) -> None:
        """To the holder of a finding on the way to a root, else to the container above."""
        heap, node = self._chain.heap, self._chain.node
        if heap is None or node is None:
            return
        found = self._chain.suspects.holder_above(heap, node)
        found = heap.container_above(node) if found is None else found
        self._jump(found, "no holder is on the way from a root")

    def action_to_root(self) -> None:
        """To where its retaining path begins."""
        heap, node = self._chain.heap, self._chain.node
        if heap is not None and node is not None:
            is_kept = heap.is_reachable(node)
            self._jump(heap.start_of(node) if is_kept else None, "no root reaches it: garbage")

    def action_to_dominator(self) -> None:
        """To the one object that every way leads through."""
        heap, node = self._chain.heap, self._chain.node
        if heap is None or node is None:
            return
        above = int(heap.graph.dominators[node])
        is_one = above not in (heap.graph.node_count, NO_NODE)
        self._jump(above if is_one else None, "no single object dominates it")

    def _jump(self, node: int | None, otherwise: str) -> None:
        if node is None:
            self._chain.own.say(otherwise)
        else:
            self._chain.open_node(node)

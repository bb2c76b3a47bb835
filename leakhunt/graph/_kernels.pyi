"""Passes over a heap graph held in plain arrays; the GIL is released during each.

``skip`` is 256 bytes, nonzero for edge kinds to ignore.  All raise ValueError for an offset,
edge or node out of X
"""

from leakhunt.store.columns import I32, I64, U8, U32, U64

def explore(
    edge_offset: U64,
    edge_target: U32,
    edge_kind: U8,
    skip: U8,
    blocked: U8,
    seeds: U32,
    tier: int,
    parent: U32,
    parent_edge: U64,
    distance: U32,
    tier_of: U8,
    order: U32,
    length: int,
    /,
) -> int: ...
def in_degree(edge_offset: U64, edge_target: U32, edge_kind: U8, skip: U8, out: U32, /) -> None: ...
def out_count(edge_offset: U64, edge_target: U32, edge_kind: U8, skip: U8, out: U32, /) -> None: ...
def reverse(
    edge_offset: U64, edge_target: U32, edge_kind: U8, skip: U8, back: U64, source: U32, /
) -> int: ...
def climb(order: U32, parent: U32, marked: U8, top: U32, /) -> None: ...
def sum_up(order: U32, parent: U32, count: U32, /) -> None: ...
def fold_down(order: U32, parent: U32, contribution: U64, out: U64, /) -> None: ...
def mark_below(order: U32, parent: U32, mark: U8, /) -> None: ...
def mark_above(order: U32, parent: U32, mark: U8, /) -> None: ...
def distances(
    edge_offset: U64,
    edge_target: U32,
    edge_kind: U8,
    skip: U8,
    named: U32,
    held: U32,
    distance: U32,
    /,
) -> int: ...
def dominators(
    edge_offset: U64,
    edge_target: U32,
    edge_kind: U8,
    skip: U8,
    seeds: U32,
    size: U64,
    idom: U32,
    retained: U64,
    /,
) -> int: ...
def components(
    edge_offset: U64, edge_target: U32, edge_kind: U8, skip: U8, component: U32, /
) -> int: ...
def match(
    old_address: U64,
    old_type: U32,
    old_name: U32,
    address: U64,
    node_type: U32,
    name: U32,
    flags: U8,
    born: int,
    earlier: I32,
    /,
) -> None: ...
def follow(ids: I32, step: I32, /) -> None: ...
def surplus(
    edge_offset: U64,
    edge_target: U32,
    edge_kind: U8,
    skip: U8,
    refcount: U32,
    flags: U8,
    exempt: int,
    out: U32,
    /,
) -> None: ...
def tally(index: U32, chosen: U8 | None, weight: U64 | None, total: I64, /) -> None: ...
def mark_grown(
    after: U32 | U64 | I64,
    before: U32 | U64 | I64,
    earlier: I32,
    least: int,
    grown: U8,
    /,
) -> None: ...
def mark_tree(
    edge_offset: U64,
    edge_target: U32,
    edge_kind: U8,
    skip: U8,
    parent: U32,
    parent_edge: U64,
    start: U32,
    mark: U8,
    queue: U32,
    /,
) -> int: ...
def distinct(key: U64, seed: int, first: I64, group: I64, /) -> int: ...
def ancestors(parent: U32, node: int, out: U32, /) -> int: ...
def below(parent: U32, start: U32, top: int, steps: int, out: U8, /) -> None: ...
def lost(
    edge_offset: U64,
    edge_target: U32,
    edge_kind: U8,
    skip: U8,
    back: U64,
    source: U32,
    parent: U32,
    parent_edge: U64,
    tier: U8,
    stays: U8,
    start: U32,
    is_removed: bool,
    cut_edge: U64,
    cut_pair: U64,
    mark: U8,
    queue: U32,
    /,
) -> int: ...

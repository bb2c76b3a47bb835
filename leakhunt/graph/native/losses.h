/* What would be lost if some nodes or some edges went.  Pure C: no Python.h, needs no GIL. */
#ifndef LEAKHUNT_LOSSES_H
#define LEAKHUNT_LOSSES_H

#include "graph_core.h"

/* A graph with what was derived from it.  Not owned. */
struct lk_heap {
    struct lk_graph graph;
    const uint64_t *back;   /* reverse adjacency, see lk_reverse() */
    const uint32_t *source; /* ascending for each node */
    size_t source_count;
    const uint32_t *parent; /* a tree over what is reachable */
    const uint64_t *parent_edge;
    const uint8_t *tier;  /* LK_NO_TIER for what is not */
    const uint8_t *stays; /* nonzero for nodes that live whatever goes */
};

/* What goes.  Not owned. */
struct lk_cut {
    const uint32_t *start; /* nodes below which, in the tree, all lies that can be lost */
    size_t start_count;
    int is_removed;       /* do the nodes of `start` go themselves? */
    const uint64_t *edge; /* edges that go, none of a skipped kind; ascending */
    const uint64_t *pair; /* the same as target << 32 | source; ascending */
    size_t count;
};

/* Writes the nodes that no longer are reachable to `queue` and returns how many, or -1.  `mark`
 * is all zero before and after (on failure: of no use); both have an item for every node.
 * O(edges to and from what lies below `start`, x log of the cut). */
int64_t lk_lost(const struct lk_heap *heap, const struct lk_cut *cut, uint8_t *mark,
                uint32_t *queue, struct lk_fault *fault);

#endif

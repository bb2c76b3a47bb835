/* Walks up a tree from single nodes.  Pure C: no Python.h, needs no GIL.  What is read is
 * checked first; each returns -1 with a fault when something is out of range. */
#ifndef LEAKHUNT_WALKS_H
#define LEAKHUNT_WALKS_H

#include "graph_core.h"

/* Writes `node`, its parent, and so on up to one whose parent is no node.  Returns how many,
 * or -1: a node is out of range, or there are more than `room`.  O(depth). */
int64_t lk_ancestors(const uint32_t *parent, size_t nodes, uint32_t node, uint32_t *out,
                     size_t room, struct lk_fault *fault);

/* below[i] = 1 when `top` is start[i] or an ancestor of it, 0 when it is not, 2 when the steps
 * ran out before that was known: `steps` are for all of them together.  0 or -1.  O(steps). */
int lk_below(const uint32_t *parent, size_t nodes, const uint32_t *start, size_t count,
             uint32_t top, uint64_t steps, uint8_t *below, struct lk_fault *fault);

#endif

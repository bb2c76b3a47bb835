/* What hangs below the cut in the tree is looked at, and nothing else: every other node keeps
 * the way by which the tree reaches it.  Of these, what an edge from outside leads to lives, and
 * so does what it leads to; the rest is lost.
 */
#include "losses.h"

#include "scratch.h"

/* States of a node in `mark`. */
enum { OUTSIDE, INSIDE, GONE, ALIVE };

/* The first place in `items`, which ascend, that is not below `value`. */
static size_t
lower_bound(const uint64_t *items, size_t count, uint64_t value)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (items[middle] < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* Marks the nodes of `start` and what hangs from them, and queues them; what stays is left out,
 * with all below it.  How many, or -1. */
static int64_t
mark_inside(const struct lk_heap *h, const struct lk_cut *cut, uint8_t *mark, uint32_t *queue,
            struct lk_fault *fault)
{
    const struct lk_graph *g = &h->graph;
    size_t head, length = 0;
    for (head = 0; head < cut->start_count; head++) {
        uint32_t v = cut->start[head];
        if (v >= g->nodes) {
            return lk_fail(fault, "start", v, g->nodes);
        }
        if (mark[v] == OUTSIDE && h->tier[v] != LK_NO_TIER && (cut->is_removed || !h->stays[v])) {
            mark[v] = cut->is_removed ? GONE : INSIDE;
            queue[length++] = v;
        }
    }
    for (head = 0; head < length; head++) {
        uint32_t v = queue[head];
        uint64_t e;
        if (lk_edge_range(g, v, fault) < 0) {
            return -1;
        }
        for (e = g->offset[v]; e < g->offset[v + 1]; e++) {
            uint32_t w = g->target[e];
            if (w >= g->nodes) {
                return lk_fail(fault, "edge target", w, g->nodes);
            }
            if (h->parent[w] == v && h->parent_edge[w] == e && mark[w] == OUTSIDE && !h->stays[w]) {
                mark[w] = INSIDE;
                queue[length++] = w;
            }
        }
    }
    return (int64_t)length;
}

/* 1 when an edge that is not cut leads to node v from one that lives, 0 when none does, -1 on
 * failure.  Both the sources of v and the cut edges to it ascend by source: they are told off
 * against each other, edge for edge. */
static int
is_kept(const struct lk_heap *h, const struct lk_cut *cut, uint32_t v, const uint8_t *mark,
        struct lk_fault *fault)
{
    uint64_t i = h->back[v], end = h->back[v + 1];
    size_t k;
    if (i > end || end > h->source_count) {
        return lk_fail(fault, "reverse offset", end, h->source_count);
    }
    k = lower_bound(cut->pair, cut->count, (uint64_t)v << 32);
    for (; i < end; i++) {
        uint32_t s = h->source[i];
        if (s >= h->graph.nodes) {
            return lk_fail(fault, "edge source", s, h->graph.nodes);
        }
        while (k < cut->count && cut->pair[k] < ((uint64_t)v << 32 | s)) {
            k++;
        }
        if (k < cut->count && cut->pair[k] == ((uint64_t)v << 32 | s)) {
            k++;
        } else if (mark[s] == OUTSIDE && h->tier[s] != LK_NO_TIER) {
            return 1;
        }
    }
    return 0;
}

/* Marks what the nodes of `alive` keep alive inside, and adds it to them. */
static void
spread_life(const struct lk_heap *h, const struct lk_cut *cut, uint8_t *mark, uint32_t *alive,
            size_t length)
{
    const struct lk_graph *g = &h->graph;
    size_t head;
    for (head = 0; head < length; head++) {
        uint64_t e = g->offset[alive[head]], end = g->offset[alive[head] + 1];
        size_t k = lower_bound(cut->edge, cut->count, e); /* the range was checked before */
        for (; e < end; e++) {
            uint32_t w = g->target[e];
            if (k < cut->count && cut->edge[k] == e) {
                k++;
            } else if (!g->skip[g->kind[e]] && mark[w] == INSIDE) {
                mark[w] = ALIVE;
                alive[length++] = w;
            }
        }
    }
}

int64_t
lk_lost(const struct lk_heap *heap, const struct lk_cut *cut, uint8_t *mark, uint32_t *queue,
        struct lk_fault *fault)
{
    int64_t inside = mark_inside(heap, cut, mark, queue, fault), i, lost = 0, alive = 0;
    uint32_t *living;
    if (inside < 0 || (living = lk_new_array((size_t)inside, sizeof *living, fault)) == NULL) {
        return -1;
    }
    for (i = 0; i < inside && alive >= 0; i++) {
        int kept = mark[queue[i]] == INSIDE ? is_kept(heap, cut, queue[i], mark, fault) : 0;
        if (kept > 0) {
            mark[queue[i]] = ALIVE;
            living[alive++] = queue[i];
        } else if (kept < 0) {
            alive = -1;
        }
    }
    if (alive >= 0) {
        spread_life(heap, cut, mark, living, (size_t)alive);
    }
    for (i = 0; i < inside; i++) {
        uint32_t v = queue[i];
        if (mark[v] != ALIVE) {
            queue[lost++] = v;
        }
        mark[v] = OUTSIDE;
    }
    free(living);
    return alive < 0 ? -1 : lost;
}

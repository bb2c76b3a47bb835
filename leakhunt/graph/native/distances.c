/* Breadth-first distances from the roots. */
#include <string.h>

#include "derive.h"
#include "scratch.h"

/* Appends the seeds that have no distance yet, with this one.  New length, or -1. */
static int64_t
add_seeds(const struct lk_graph *g, const struct lk_seeds *seeds, uint32_t depth,
          uint32_t *distance, uint32_t *queue, size_t length, struct lk_fault *fault)
{
    size_t i;
    for (i = 0; i < seeds->count; i++) {
        uint32_t v = seeds->node[i];
        if (v >= g->nodes) {
            return lk_fail(fault, "seed", v, g->nodes);
        }
        if (distance[v] == LK_NO_NODE) {
            distance[v] = depth;
            queue[length++] = v;
        }
    }
    return (int64_t)length;
}

/* Appends what queue[head .. stop] leads to and has no distance yet; the queue may grow past
 * `stop` or up to it.  New length, or -1. */
static int64_t
expand(const struct lk_graph *g, uint32_t *distance, uint32_t *queue, size_t head, size_t stop,
       size_t length, struct lk_fault *fault)
{
    for (; head < length && head < stop; head++) {
        uint32_t v = queue[head];
        uint64_t e;
        if (head + LK_AHEAD < length) {
            __builtin_prefetch(&g->offset[queue[head + LK_AHEAD]]);
        }
        if (head + LK_AHEAD / 2 < length) {
            lk_prefetch_edges(g, queue[head + LK_AHEAD / 2]);
        }
        if (lk_edge_range(g, v, fault) < 0) {
            return -1;
        }
        for (e = g->offset[v]; e < g->offset[v + 1]; e++) {
            uint32_t w = g->target[e];
            if (g->skip[g->kind[e]]) {
                continue;
            }
            if (w >= g->nodes) {
                return lk_fail(fault, "edge target", w, g->nodes);
            }
            if (distance[w] == LK_NO_NODE) {
                distance[w] = distance[v] + 1;
                queue[length++] = w;
            }
        }
    }
    return (int64_t)length;
}

int64_t
lk_distances(const struct lk_graph *g, const struct lk_seeds *named, const struct lk_seeds *held,
             uint32_t *distance, struct lk_fault *fault)
{
    uint32_t *queue = lk_new_array(g->nodes, sizeof *queue, fault);
    int64_t length = -1, first;
    if (queue == NULL) {
        return -1;
    }
    memset(distance, 0xFF, g->nodes * sizeof *distance);
    /* What a named root leads to stands in the queue before what is held without one. */
    first = add_seeds(g, named, 0, distance, queue, 0, fault);
    if (first >= 0) {
        length = expand(g, distance, queue, 0, (size_t)first, (size_t)first, fault);
    }
    if (length >= 0) {
        length = add_seeds(g, held, 1, distance, queue, (size_t)length, fault);
    }
    if (length >= 0) {
        length = expand(g, distance, queue, (size_t)first, SIZE_MAX, (size_t)length, fault);
    }
    free(queue);
    return length;
}

/* Passes over a heap graph held in plain arrays.  No Python.h here: unit-testable.
 *
 * Every function checks what it reads: an offset beyond the edges or an edge to a node that
 * does not exist stops the pass with -1 and says where in `fault`.  None allocates, none
 * recurses, none needs the GIL.
 */
#ifndef LEAKHUNT_GRAPH_CORE_H
#define LEAKHUNT_GRAPH_CORE_H

#include <stddef.h>
#include <stdint.h>

#define LK_NO_NODE 0xFFFFFFFFu
#define LK_NO_TIER 255u

/* `what` of a fault when memory ran out; its `value` is the number of bytes asked for. */
#define LK_MEMORY NULL

/* Edges of node v are offset[v] .. offset[v+1]; `skip[kind]` is nonzero for ignored kinds. */
struct lk_graph {
    const uint64_t *offset;
    const uint32_t *target;
    const uint8_t *kind;
    const uint8_t *skip;
    size_t nodes;
    size_t edges;
};

/* Breadth-first tree, filled tier by tier; owned by the caller. */
struct lk_tree {
    uint32_t *parent;
    uint64_t *parent_edge;
    uint32_t *distance;
    uint8_t *tier;
    uint32_t *order;
};

/* Where a pass stopped: the index that was out of range and its limit. */
struct lk_fault {
    const char *what;
    uint64_t value;
    uint64_t limit;
};

static inline int
lk_fail(struct lk_fault *fault, const char *what, uint64_t value, uint64_t limit)
{
    fault->what = what;
    fault->value = value;
    fault->limit = limit;
    return -1;
}

/* 0 when the edge range of node v is sound, else -1 with the fault set. */
static inline int
lk_edge_range(const struct lk_graph *g, size_t v, struct lk_fault *fault)
{
    if (g->offset[v] > g->offset[v + 1] || g->offset[v + 1] > g->edges) {
        return lk_fail(fault, "edge offset", g->offset[v + 1], g->edges);
    }
    return 0;
}

/* How far ahead of their use cells are asked for: a heap's edges lead anywhere. */
#define LK_AHEAD 16

/* Asks for the first edges of node v, which is one. */
static inline void
lk_prefetch_edges(const struct lk_graph *g, uint32_t v)
{
    uint64_t first = g->offset[v];
    if (first < g->edges) {
        __builtin_prefetch(&g->target[first]);
        __builtin_prefetch(&g->kind[first]);
    }
}

/* Adds to the tree what the seeds reach and no earlier tier did; returns the new length of
 * `order`, or -1.  A seed keeps the parent and distance the caller wrote for it; blocked
 * nodes are entered only as seeds.  Needs no GIL. */
static inline int64_t
lk_explore(const struct lk_graph *g, const uint8_t *blocked, const uint32_t *seeds,
           size_t seed_count, uint8_t tier, const struct lk_tree *tree, size_t length,
           struct lk_fault *fault)
{
    size_t head = length, i;
    if (length > g->nodes) {
        return lk_fail(fault, "order length", length, g->nodes);
    }
    for (i = 0; i < seed_count; i++) {
        uint32_t seed = seeds[i];
        if (seed >= g->nodes) {
            return lk_fail(fault, "seed", seed, g->nodes);
        }
        if (tree->tier[seed] == LK_NO_TIER && length < g->nodes) {
            tree->tier[seed] = tier;
            tree->order[length++] = seed;
        }
    }
    for (; head < length; head++) {
        uint32_t v = tree->order[head];
        uint64_t e;
        if (head + LK_AHEAD < length) {
            __builtin_prefetch(&g->offset[tree->order[head + LK_AHEAD]]);
            lk_prefetch_edges(g, tree->order[head + LK_AHEAD / 2]);
        }
        if (v >= g->nodes) {
            return lk_fail(fault, "node in order", v, g->nodes);
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
            if (tree->tier[w] != LK_NO_TIER || blocked[w] || length >= g->nodes) {
                continue;
            }
            tree->tier[w] = tier;
            tree->parent[w] = v;
            tree->parent_edge[w] = e;
            tree->distance[w] = tree->distance[v] + 1;
            tree->order[length++] = w;
        }
    }
    return (int64_t)length;
}

/* in_degree[w] = number of edges to w that are not skipped.  0 or -1.  Needs no GIL. */
static inline int
lk_in_degree(const struct lk_graph *g, uint32_t *in_degree, struct lk_fault *fault)
{
    size_t e;
    for (e = 0; e < g->nodes; e++) {
        in_degree[e] = 0;
    }
    for (e = 0; e < g->edges; e++) {
        if (g->skip[g->kind[e]]) {
            continue;
        }
        if (g->target[e] >= g->nodes) {
            return lk_fail(fault, "edge target", g->target[e], g->nodes);
        }
        in_degree[g->target[e]]++;
    }
    return 0;
}

/* out_count[v] = number of edges of v that are not skipped.  0 or -1.  Needs no GIL. */
static inline int
lk_out_count(const struct lk_graph *g, uint32_t *out_count, struct lk_fault *fault)
{
    size_t v;
    for (v = 0; v < g->nodes; v++) {
        uint64_t e;
        uint32_t n = 0;
        if (lk_edge_range(g, v, fault) < 0) {
            return -1;
        }
        for (e = g->offset[v]; e < g->offset[v + 1]; e++) {
            n += !g->skip[g->kind[e]];
        }
        out_count[v] = n;
    }
    return 0;
}

/* Reverse adjacency: sources of w are source[back[w] .. back[w+1]], ascending.  `back` has
 * nodes + 1 entries, `source` room for every edge.  Returns how many were written, or -1.
 * Needs no GIL. */
static inline int64_t
lk_reverse(const struct lk_graph *g, uint64_t *back, uint32_t *source, struct lk_fault *fault)
{
    size_t v, e;
    uint64_t sum = 0;
    for (v = 0; v <= g->nodes; v++) {
        back[v] = 0;
    }
    for (e = 0; e < g->edges; e++) {
        if (g->skip[g->kind[e]]) {
            continue;
        }
        if (g->target[e] >= g->nodes) {
            return lk_fail(fault, "edge target", g->target[e], g->nodes);
        }
        if (e + LK_AHEAD < g->edges && g->target[e + LK_AHEAD] < g->nodes) {
            __builtin_prefetch(&back[g->target[e + LK_AHEAD]], 1);
        }
        back[g->target[e]]++;
    }
    for (v = 0; v <= g->nodes; v++) {
        uint64_t n = back[v];
        back[v] = sum;
        sum += n;
    }
    for (v = 0; v < g->nodes; v++) {
        if (lk_edge_range(g, v, fault) < 0) {
            return -1;
        }
        for (e = g->offset[v]; e < g->offset[v + 1]; e++) {
            if (e + LK_AHEAD < g->edges && g->target[e + LK_AHEAD] < g->nodes) {
                __builtin_prefetch(&back[g->target[e + LK_AHEAD]], 1);
            }
            if (!g->skip[g->kind[e]]) {
                if (back[g->target[e]] >= g->edges) {
                    return lk_fail(fault, "overlapping edges of node", v, g->nodes);
                }
                source[back[g->target[e]]++] = (uint32_t)v;
            }
        }
    }
    for (v = g->nodes; v > 0; v--) {
        back[v] = back[v - 1];
    }
    back[0] = 0;
    return (int64_t)sum;
}

/* 0 when v and its parent are nodes (or it has none), else -1. */
static inline int
lk_check_link(uint32_t v, const uint32_t *parent, size_t nodes, struct lk_fault *fault)
{
    if (v >= nodes) {
        return lk_fail(fault, "node in order", v, nodes);
    }
    if (parent[v] != LK_NO_NODE && parent[v] >= nodes) {
        return lk_fail(fault, "parent", parent[v], nodes);
    }
    return 0;
}

/* top[v] = highest ancestor of v such that all from it down to v are marked; v's own id when
 * its parent is not marked; LK_NO_NODE for unmarked nodes.  0 or -1.  Needs no GIL. */
static inline int
lk_climb(const uint32_t *order, size_t length, const uint32_t *parent, const uint8_t *marked,
         uint32_t *top, size_t nodes, struct lk_fault *fault)
{
    size_t i;
    for (i = 0; i < nodes; i++) {
        top[i] = LK_NO_NODE;
    }
    for (i = 0; i < length; i++) {
        uint32_t v = order[i];
        if (lk_check_link(v, parent, nodes, fault) < 0) {
            return -1;
        }
        if (marked[v]) {
            uint32_t p = parent[v];
            top[v] = p != LK_NO_NODE && marked[p] && top[p] != LK_NO_NODE ? top[p] : v;
        }
    }
    return 0;
}

/* count[v] becomes the sum over the subtree of v.  0 or -1.  Needs no GIL. */
static inline int
lk_sum_up(const uint32_t *order, size_t length, const uint32_t *parent, uint32_t *count,
          size_t nodes, struct lk_fault *fault)
{
    size_t i;
    for (i = length; i-- > 0;) {
        uint32_t v = order[i];
        if (lk_check_link(v, parent, nodes, fault) < 0) {
            return -1;
        }
        if (parent[v] != LK_NO_NODE) {
            count[parent[v]] += count[v];
        }
    }
    return 0;
}

/* hash[v] = contributions from the root down to v, mixed in order.  0 or -1.  Needs no GIL. */
static inline int
lk_fold_down(const uint32_t *order, size_t length, const uint32_t *parent,
             const uint64_t *contribution, uint64_t *hash, size_t nodes, struct lk_fault *fault)
{
    size_t i;
    for (i = 0; i < length; i++) {
        uint32_t v = order[i];
        uint64_t h;
        if (lk_check_link(v, parent, nodes, fault) < 0) {
            return -1;
        }
        h = parent[v] == LK_NO_NODE ? 0x243F6A8885A308D3ull : hash[parent[v]];
        h = (h ^ contribution[v]) * 0x9E3779B97F4A7C15ull;
        hash[v] = (h << 29) | (h >> 35);
    }
    return 0;
}

/* Marks every node of the tree below a marked one.  0 or -1.  Needs no GIL. */
static inline int
lk_mark_below(const uint32_t *order, size_t length, const uint32_t *parent, uint8_t *mark,
              size_t nodes, struct lk_fault *fault)
{
    size_t i;
    for (i = 0; i < length; i++) {
        uint32_t v = order[i];
        if (lk_check_link(v, parent, nodes, fault) < 0) {
            return -1;
        }
        if (parent[v] != LK_NO_NODE && mark[parent[v]]) {
            mark[v] = 1;
        }
    }
    return 0;
}

/* Marks every ancestor of a marked node.  0 or -1.  Needs no GIL. */
static inline int
lk_mark_above(const uint32_t *order, size_t length, const uint32_t *parent, uint8_t *mark,
              size_t nodes, struct lk_fault *fault)
{
    size_t i;
    for (i = length; i-- > 0;) {
        uint32_t v = order[i];
        if (lk_check_link(v, parent, nodes, fault) < 0) {
            return -1;
        }
        if (mark[v] && parent[v] != LK_NO_NODE) {
            mark[parent[v]] = 1;
        }
    }
    return 0;
}

#endif

/* Immediate dominators by semi-NCA (Georgiadis, "Linear-Time Algorithms for Dominators and
 * Related Problems", 2005), with the path compression of Lengauer and Tarjan (1979).
 *
 * Nodes are renumbered in the preorder of a depth-first search from the virtual root, number 0.
 * An edge to a node that the search reaches later leads down the search tree: its source is a
 * candidate for the semidominator at once.  Only edges to earlier numbers (back and cross
 * edges) are kept for the second pass.
 */
#include <string.h>

#include "derive.h"
#include "scratch.h"

/* An edge of the search.  On the stack: a node, and the number of its source.  Across: both are
 * numbers.  Each edge of the graph is one or the other at a time, so that all fit one array. */
struct edge {
    uint32_t target, source;
};

/* The search tree and what is known of each of its nodes, by preorder number; owned. */
struct search {
    uint64_t *leaves;   /* by node, a bit each: it has no strong edges */
    uint64_t *mixed;    /* by node, a bit each: some of its edges are skipped */
    uint32_t *number;   /* by node: its preorder number, 0 before the search is there */
    uint32_t *vertex;   /* by number: the node */
    uint32_t *parent;   /* tree parent; becomes the immediate dominator */
    uint32_t *semi;     /* semidominator, of the edges looked at so far */
    size_t count;       /* numbers in use, the virtual root included */
    struct edge *edges; /* those across from the front, the stack from the back */
    size_t across;      /* how many lead across */
};

/* Where a node's compressed path leads, and the least semidominator on the way. */
struct link {
    uint32_t above, least;
};

/* Gives all of it back. */
static void
free_search(struct search *s)
{
    free(s->leaves);
    free(s->mixed);
    free(s->number);
    free(s->vertex);
    free(s->parent);
    free(s->semi);
    free(s->edges);
}

/* 0 with arrays for every node, or -1; the caller frees either way. */
static int
start_search(struct search *s, size_t nodes, struct lk_fault *fault)
{
    *s = (struct search){.count = 1};
    s->vertex = lk_new_array(nodes + 1, sizeof *s->vertex, fault);
    s->parent = lk_new_array(nodes + 1, sizeof *s->parent, fault);
    s->semi = lk_new_array(nodes + 1, sizeof *s->semi, fault);
    s->number = lk_new_zeros(nodes, sizeof *s->number, fault);
    s->leaves = lk_new_zeros(nodes / 64 + 1, sizeof *s->leaves, fault);
    s->mixed = lk_new_zeros(nodes / 64 + 1, sizeof *s->mixed, fault);
    if (s->vertex == NULL || s->parent == NULL || s->semi == NULL || s->number == NULL ||
        s->leaves == NULL || s->mixed == NULL) {
        return -1;
    }
    s->vertex[0] = LK_NO_NODE;
    s->parent[0] = s->semi[0] = 0;
    return 0;
}

/* Bit v of a set of nodes.  Such sets stay in the cache. */
static inline int
has_bit(const uint64_t *bits, uint32_t v)
{
    return bits[v >> 6] >> (v & 63) & 1;
}

/* Finds the nodes without strong edges, which the search numbers where it meets them, and those
 * with skipped edges: of the others the kinds need not be fetched.  The number of strong edges,
 * or -1. */
static int64_t
sort_nodes(const struct lk_graph *g, struct search *s, struct lk_fault *fault)
{
    size_t v;
    int64_t sum = 0;
    for (v = 0; v < g->nodes; v++) {
        uint64_t e, strong = 0, count;
        if (lk_edge_range(g, v, fault) < 0) {
            return -1;
        }
        count = g->offset[v + 1] - g->offset[v];
        for (e = g->offset[v]; e < g->offset[v + 1]; e++) {
            strong += !g->skip[g->kind[e]];
        }
        s->leaves[v >> 6] |= (uint64_t)(strong == 0) << (v & 63);
        s->mixed[v >> 6] |= (uint64_t)(strong != count) << (v & 63);
        sum += (int64_t)strong;
    }
    return sum;
}

/* Numbers node v, reached over an edge from `source` that becomes a tree edge.  The number. */
static inline uint32_t
give_number(struct search *s, uint32_t v, uint32_t source)
{
    uint32_t at = (uint32_t)s->count++;
    s->number[v] = at;
    s->vertex[at] = v;
    s->parent[at] = s->semi[at] = source;
    return at;
}

/* Follows the edges of node v, whose number is given: leaves are numbered, edges to earlier
 * numbers noted, the rest is put on the stack.  The new top of the stack, or NULL. */
static struct edge *
follow_edges(const struct lk_graph *g, struct search *s, uint32_t v, uint32_t at, struct edge *top,
             struct lk_fault *fault)
{
    uint64_t e = g->offset[v], end = g->offset[v + 1]; /* checked by sort_nodes */
    int is_mixed = has_bit(s->mixed, v);
    struct edge *across = s->edges + s->across;
    for (; e < end; e++) {
        uint32_t w = g->target[e], known;
        if (is_mixed && g->skip[g->kind[e]]) {
            continue;
        }
        if (w >= g->nodes) {
            lk_fail(fault, "edge target", w, g->nodes);
            return NULL;
        }
        known = s->number[w];
        if (known != 0) {
            *across = (struct edge){.target = known, .source = at};
            across += known < at; /* a leaf met twice here, or v itself, counts for nothing */
        } else if (has_bit(s->leaves, w)) {
            give_number(s, w, at);
        } else {
            __builtin_prefetch(&g->offset[w]);
            *--top = (struct edge){.target = w, .source = at};
        }
    }
    s->across = (size_t)(across - s->edges);
    return top;
}

/* Numbers all that the edges on the stack lead to.  A node is numbered when an edge to it is
 * taken off, not when it is put on: that makes the search depth-first.  0 or -1. */
static int
number_all(const struct lk_graph *g, struct search *s, struct edge *top, const struct edge *bottom,
           struct lk_fault *fault)
{
    while (top < bottom) {
        struct edge edge = *top++;
        uint32_t at = s->number[edge.target];
        if (bottom - top >= 4) {
            __builtin_prefetch(&g->target[g->offset[top[3].target]]);
        }
        if (at == 0) {
            at = give_number(s, edge.target, edge.source);
            if ((top = follow_edges(g, s, edge.target, at, top, fault)) == NULL) {
                return -1;
            }
        } else if (s->semi[at] > edge.source) { /* reached meanwhile from below the source */
            s->semi[at] = edge.source;
        }
    }
    return 0;
}

/* Depth-first search from the virtual root; leaves the edges that lead across.  0 or -1. */
static int
search_from(const struct lk_graph *g, const struct lk_seeds *seeds, struct search *s,
            struct lk_fault *fault)
{
    int64_t strong = sort_nodes(g, s, fault);
    size_t most = (size_t)strong + seeds->count, i;
    struct edge *top, *bottom;
    if (strong < 0) {
        return -1;
    }
    s->edges = lk_new_array(most, sizeof *s->edges, fault); /* its untouched middle is free */
    if (s->edges == NULL) {
        return -1;
    }
    top = bottom = s->edges + most;
    for (i = seeds->count; i-- > 0;) {
        if (seeds->node[i] >= g->nodes) {
            return lk_fail(fault, "seed", seeds->node[i], g->nodes);
        }
        *--top = (struct edge){.target = seeds->node[i], .source = 0};
    }
    if (number_all(g, s, top, bottom, fault) < 0) {
        return -1;
    }
    /* Gives the place of the stack back; where that fails, it stays. */
    top = realloc(s->edges, (s->across + 1) * sizeof *s->edges);
    s->edges = top == NULL ? s->edges : top;
    return 0;
}

/* Sorts the edges across by target.  *source and *start (count + 1 items) are the caller's to
 * free, whatever is returned; the edges are given back.  0 or -1. */
static int
sort_across(struct search *s, uint32_t **source, uint32_t **start, struct lk_fault *fault)
{
    const struct edge *edge = s->edges;
    size_t i;
    uint32_t sum = 0;
    if (s->across > UINT32_MAX) {
        return lk_fail(fault, "edges back and across", s->across, UINT32_MAX);
    }
    *source = lk_new_array(s->across, sizeof **source, fault);
    *start = lk_new_zeros(s->count, sizeof **start, fault);
    if (*source == NULL || *start == NULL) {
        return -1;
    }
    for (i = 0; i < s->across; i++) {
        (*start)[edge[i].target]++;
    }
    for (i = 0; i <= s->count; i++) {
        sum += (*start)[i];
        (*start)[i] = sum; /* for now, where the sources of i end */
    }
    for (i = s->across; i-- > 0;) {
        if (i >= LK_AHEAD) {
            __builtin_prefetch(&(*start)[edge[i - LK_AHEAD].target], 1);
        }
        (*source)[--(*start)[edge[i].target]] = edge[i].source;
    }
    free(s->edges);
    s->edges = NULL;
    return 0;
}

/* Least semidominator on the path from v up to the last number above w.  Each step halves the
 * path for the next question. */
static inline uint32_t
least_above(struct link *links, uint32_t v, uint32_t w)
{
    uint32_t least = links[v].least, above;
    while ((above = links[v].above) > w) {
        struct link next = links[above];
        if (next.least < least) {
            least = next.least;
        }
        if (next.above > w) {
            if (next.least < links[v].least) {
                links[v].least = next.least;
            }
            links[v].above = next.above;
        }
        v = above;
    }
    return least;
}

/* Semidominators of all numbers, highest first.  0 or -1. */
static int
find_semidominators(struct search *s, struct lk_fault *fault)
{
    uint32_t *source = NULL, *start = NULL;
    struct link *links = NULL;
    int status = sort_across(s, &source, &start, fault);
    size_t w;
    if (status == 0 && (links = lk_new_array(s->count, sizeof *links, fault)) == NULL) {
        status = -1;
    }
    for (w = status == 0 ? s->count : 0; w-- > 1;) {
        uint32_t least = s->semi[w], k;
        for (k = start[w + 1]; k-- > start[w];) {
            uint32_t found;
            if (k >= LK_AHEAD) {
                __builtin_prefetch(&links[source[k - LK_AHEAD]]);
            }
            found = least_above(links, source[k], (uint32_t)w);
            least = found < least ? found : least;
        }
        s->semi[w] = least;
        links[w] = (struct link){.above = s->parent[w], .least = least};
    }
    free(source);
    free(start);
    free(links);
    return status;
}

/* From semidominators to immediate dominators, which take the place of the parents. */
static void
find_dominators(struct search *s)
{
    size_t i;
    for (i = 1; i < s->count; i++) {
        uint32_t above = s->parent[i];
        while (above > s->semi[i]) {
            above = s->parent[above];
        }
        s->parent[i] = above;
    }
}

/* Sums sizes up the dominator tree and gives both results back by node.  0 or -1. */
static int
write_results(const struct lk_graph *g, const struct search *s, const uint64_t *size,
              uint32_t *idom, uint64_t *retained, struct lk_fault *fault)
{
    uint64_t *sum = lk_new_array(s->count, sizeof *sum, fault);
    size_t i;
    if (sum == NULL) {
        return -1;
    }
    sum[0] = 0;
    for (i = 1; i < s->count; i++) {
        if (i + LK_AHEAD < s->count) {
            __builtin_prefetch(&size[s->vertex[i + LK_AHEAD]]);
        }
        sum[i] = size[s->vertex[i]];
    }
    if (s->count <= g->nodes) {
        memset(idom, 0xFF, g->nodes * sizeof *idom);
        memset(retained, 0, g->nodes * sizeof *retained);
    }
    for (i = s->count; i-- > 1;) {
        uint32_t above = s->parent[i], v = s->vertex[i];
        if (i > LK_AHEAD) {
            __builtin_prefetch(&idom[s->vertex[i - LK_AHEAD]], 1);
            __builtin_prefetch(&retained[s->vertex[i - LK_AHEAD]], 1);
        }
        sum[above] += sum[i];
        idom[v] = above == 0 ? (uint32_t)g->nodes : s->vertex[above];
        retained[v] = sum[i];
    }
    free(sum);
    return 0;
}

int64_t
lk_dominators(const struct lk_graph *g, const struct lk_seeds *seeds, const uint64_t *size,
              uint32_t *idom, uint64_t *retained, struct lk_fault *fault)
{
    struct search s;
    int64_t result = -1;
    if (start_search(&s, g->nodes, fault) == 0 && search_from(g, seeds, &s, fault) == 0) {
        free(s.number); /* all that follows goes by number, not by node */
        s.number = NULL;
        if (find_semidominators(&s, fault) == 0) {
            find_dominators(&s);
            free(s.semi);
            s.semi = NULL;
            if (write_results(g, &s, size, idom, retained, fault) == 0) {
                result = (int64_t)s.count - 1;
            }
        }
    }
    free_search(&s);
    return result;
}

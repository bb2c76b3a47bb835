/* Strongly connected components (Tarjan, "Depth-first search and linear graph algorithms",
 * 1972), with a stack of our own instead of recursion. */
#include <string.h>

#include "derive.h"
#include "scratch.h"

/* A node on the path from the start of the search: the next edge to look at, and the least
 * number reached from below it on the path. */
struct level {
    uint64_t edge;
    uint32_t node, least;
};

struct walk {
    uint32_t *number; /* by node, from 1; 0 before the search is there; owned */
    uint32_t *open;   /* nodes whose component is not known yet, as they were reached; owned */
    struct level *path;
    size_t open_count, depth, capacity;
    uint32_t last; /* highest number given */
    uint32_t component_count;
};

/* Enters a node: gives it a number and puts it on the path.  0 or -1. */
static int
enter(const struct lk_graph *g, struct walk *w, uint32_t v, struct lk_fault *fault)
{
    if (lk_edge_range(g, v, fault) < 0) {
        return -1;
    }
    if (w->depth == w->capacity) {
        size_t capacity = w->capacity == 0 ? 1024 : w->capacity * 2;
        struct level *path = realloc(w->path, capacity * sizeof *path);
        if (path == NULL) {
            return lk_fail(fault, LK_MEMORY, capacity * sizeof *path, 0);
        }
        w->path = path;
        w->capacity = capacity;
    }
    w->number[v] = ++w->last;
    w->open[w->open_count++] = v;
    w->path[w->depth++] = (struct level){.edge = g->offset[v], .node = v, .least = w->number[v]};
    return 0;
}

/* Leaves the last node of the path: closes its component when it is the first node of one. */
static void
leave(struct walk *w, uint32_t *component)
{
    struct level done = w->path[--w->depth];
    if (done.least == w->number[done.node]) {
        uint32_t v;
        do {
            v = w->open[--w->open_count];
            component[v] = w->component_count;
        } while (v != done.node);
        w->component_count++;
    }
    if (w->depth > 0 && w->path[w->depth - 1].least > done.least) {
        w->path[w->depth - 1].least = done.least;
    }
}

/* Searches all that v leads to.  0 or -1. */
static int
search_from(const struct lk_graph *g, struct walk *w, uint32_t v, uint32_t *component,
            struct lk_fault *fault)
{
    if (enter(g, w, v, fault) < 0) {
        return -1;
    }
    while (w->depth > 0) {
        struct level *top = &w->path[w->depth - 1];
        uint64_t end = g->offset[top->node + 1];
        uint32_t next = LK_NO_NODE;
        while (top->edge < end && next == LK_NO_NODE) {
            uint64_t e = top->edge++;
            uint32_t t = g->target[e];
            if (g->skip[g->kind[e]]) {
                continue;
            }
            if (t >= g->nodes) {
                return lk_fail(fault, "edge target", t, g->nodes);
            }
            if (w->number[t] == 0) {
                next = t;
            } else if (component[t] == LK_NO_NODE && w->number[t] < top->least) {
                top->least = w->number[t];
            }
        }
        if (next == LK_NO_NODE) {
            leave(w, component);
        } else if (enter(g, w, next, fault) < 0) {
            return -1;
        }
    }
    return 0;
}

int64_t
lk_components(const struct lk_graph *g, uint32_t *component, struct lk_fault *fault)
{
    struct walk w = {0};
    int64_t result = -1;
    size_t v;
    w.open = lk_new_array(g->nodes, sizeof *w.open, fault);
    w.number = lk_new_zeros(g->nodes, sizeof *w.number, fault);
    if (w.open == NULL || w.number == NULL) {
        goto done;
    }
    memset(component, 0xFF, g->nodes * sizeof *component);
    for (v = 0; v < g->nodes; v++) {
        if (w.number[v] == 0 && search_from(g, &w, (uint32_t)v, component, fault) < 0) {
            goto done;
        }
    }
    result = w.component_count;
done:
    free(w.path);
    free(w.open);
    free(w.number);
    return result;
}

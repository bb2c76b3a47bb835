#include "sweeps.h"

#include <stdlib.h>

#include "scratch.h"

int
lk_match(const struct lk_objects *old, const struct lk_objects *now, const uint8_t *flags,
         uint8_t born, int32_t *earlier, struct lk_fault *fault)
{
    size_t i, at = 0;
    if (old->count > INT32_MAX) {
        return lk_fail(fault, "number of objects", old->count, INT32_MAX);
    }
    for (i = 0; i < now->count; i++) {
        uint64_t address = now->address[i];
        while (at < old->count && old->address[at] < address) {
            at++;
        }
        earlier[i] = -1;
        if (at == old->count || old->address[at] != address || (flags[i] & born)) {
            continue;
        }
        if (now->type[i] >= now->names || old->type[at] >= old->names) {
            return lk_fail(fault, "type of node", i, now->names);
        }
        if (now->name[now->type[i]] == old->name[old->type[at]]) {
            earlier[i] = (int32_t)at;
        }
    }
    return 0;
}

int
lk_follow(int32_t *id, size_t count, const int32_t *step, size_t step_count, struct lk_fault *fault)
{
    size_t i;
    for (i = 0; i < count; i++) {
        if (id[i] >= 0) {
            if ((size_t)id[i] >= step_count) {
                return lk_fail(fault, "id", (uint64_t)id[i], step_count);
            }
            id[i] = step[id[i]];
        }
    }
    return 0;
}

int
lk_surplus(const struct lk_graph *g, const uint32_t *refcount, const uint8_t *flags, uint8_t exempt,
           uint32_t *surplus, struct lk_fault *fault)
{
    size_t v;
    if (lk_in_degree(g, surplus, fault) < 0) {
        return -1;
    }
    for (v = 0; v < g->nodes; v++) {
        int counts = refcount[v] > surplus[v] && !(flags[v] & exempt);
        surplus[v] = counts ? refcount[v] - surplus[v] : 0;
    }
    return 0;
}

int
lk_tally(const uint32_t *index, size_t count, const uint8_t *chosen, const uint64_t *weight,
         int64_t *total, size_t totals, struct lk_fault *fault)
{
    size_t i;
    for (i = 0; i < count; i++) {
        if (index[i] >= totals) {
            return lk_fail(fault, "index", index[i], totals);
        }
        if (chosen == NULL || chosen[i]) {
            total[index[i]] += weight == NULL ? 1 : (int64_t)weight[i];
        }
    }
    return 0;
}

/* Numbers of keys by hash, at most half full; 0 is a free place. */
struct numbers {
    uint32_t *at; /* number + 1; owned */
    size_t mask;
    unsigned shift;
    uint64_t multiplier;
};

/* Place of a key, or the free one where it belongs; the key of number g is keys[first[g]]. */
static inline size_t
place_of(const struct numbers *n, uint64_t key, const uint64_t *keys, const int64_t *first)
{
    uint64_t hash = (key ^ key >> 32) * n->multiplier;
    size_t i = (size_t)((hash ^ hash >> 32) * 0x9E3779B97F4A7C15ull >> n->shift);
    while (n->at[i] != 0 && keys[first[n->at[i] - 1]] != key) {
        i = (i + 1) & n->mask;
    }
    return i;
}

/* A table of 2**bits places with the first `count` numbers in it; the old one is given back.
 * 0 or -1. */
static int
resize(struct numbers *n, unsigned bits, const uint64_t *keys, const int64_t *first, size_t count,
       struct lk_fault *fault)
{
    uint32_t *at = lk_new_zeros((size_t)1 << bits, sizeof *at, fault);
    size_t g;
    if (at == NULL) {
        return -1;
    }
    free(n->at);
    n->at = at;
    n->mask = ((size_t)1 << bits) - 1;
    n->shift = 64 - bits;
    for (g = 0; g < count; g++) {
        n->at[place_of(n, keys[first[g]], keys, first)] = (uint32_t)g + 1;
    }
    return 0;
}

int64_t
lk_distinct(const uint64_t *key, size_t count, uint64_t seed, int64_t *first, int64_t *group,
            struct lk_fault *fault)
{
    struct numbers numbers = {.multiplier = seed | 1};
    unsigned bits = 10;
    size_t i, known = 0;
    if (resize(&numbers, bits, key, first, 0, fault) < 0) {
        return -1;
    }
    for (i = 0; i < count; i++) {
        size_t place = place_of(&numbers, key[i], key, first);
        if (numbers.at[place] == 0) {
            first[known++] = (int64_t)i;
            numbers.at[place] = (uint32_t)known;
        }
        group[i] = (int64_t)numbers.at[place] - 1;
        if (known * 2 > numbers.mask && resize(&numbers, ++bits, key, first, known, fault) < 0) {
            free(numbers.at);
            return -1;
        }
    }
    free(numbers.at);
    return (int64_t)known;
}

static inline int64_t
value_at(const struct lk_values *values, size_t i)
{
    return values->is_wide ? ((const int64_t *)values->items)[i]
                           : (int64_t)((const uint32_t *)values->items)[i];
}

int
lk_mark_grown(const struct lk_values *after, const struct lk_values *before, const int32_t *earlier,
              int64_t least, uint8_t *grown, struct lk_fault *fault)
{
    size_t v;
    for (v = 0; v < after->count; v++) {
        int32_t there = earlier[v];
        if (there < 0) {
            continue;
        }
        if ((size_t)there >= before->count) {
            return lk_fail(fault, "earlier node", (uint64_t)there, before->count);
        }
        grown[v] |= value_at(after, v) - value_at(before, (size_t)there) >= least;
    }
    return 0;
}

int64_t
lk_mark_tree(const struct lk_graph *g, const uint32_t *parent, const uint64_t *parent_edge,
             const uint32_t *start, size_t start_count, uint8_t *mark, uint32_t *queue,
             struct lk_fault *fault)
{
    size_t head, length = 0;
    for (head = 0; head < start_count; head++) {
        uint32_t v = start[head];
        if (v >= g->nodes) {
            return lk_fail(fault, "start", v, g->nodes);
        }
        if (!mark[v]) {
            mark[v] = 1;
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
            if (parent[w] == v && parent_edge[w] == e && !mark[w]) {
                mark[w] = 1;
                queue[length++] = w;
            }
        }
    }
    return (int64_t)length;
}

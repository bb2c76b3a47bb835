/* Memory that a pass needs while it runs.  Pure C: no Python.h, needs no GIL. */
#ifndef LEAKHUNT_SCRATCH_H
#define LEAKHUNT_SCRATCH_H

#include <stdlib.h>
#include <string.h>

#include "graph_core.h"
#include "huge.h"

/* New uninitialised array of `count` items, or NULL with the fault saying how many bytes were
 * asked for.  The caller frees it. */
static inline void *
lk_new_array(size_t count, size_t item_size, struct lk_fault *fault)
{
    void *items = NULL;
    if (count < SIZE_MAX / item_size) {
        items = malloc((count + 1) * item_size);
    }
    if (items == NULL) {
        lk_fail(fault, LK_MEMORY, (uint64_t)count * item_size, 0);
    } else {
        lk_wish_huge(items, (count + 1) * item_size);
    }
    return items;
}

/* The same, all zero. */
static inline void *
lk_new_zeros(size_t count, size_t item_size, struct lk_fault *fault)
{
    void *items = lk_new_array(count, item_size, fault);
    if (items != NULL) {
        memset(items, 0, (count + 1) * item_size);
    }
    return items;
}

/* Pairs of 32-bit numbers that grow by doubling. */
struct lk_pair {
    uint32_t a, b;
};

struct lk_pairs {
    struct lk_pair *items;
    size_t count, capacity;
};

/* 0 with room for `extra` more pairs, or -1 with the fault set (the pairs stay). */
static inline int
lk_pairs_reserve(struct lk_pairs *p, size_t extra, struct lk_fault *fault)
{
    size_t capacity = p->capacity < 1024 ? 1024 : p->capacity * 2;
    struct lk_pair *items;
    if (extra <= p->capacity - p->count) {
        return 0;
    }
    if (capacity < p->count + extra) {
        capacity = p->count + extra;
    }
    items = realloc(p->items, capacity * sizeof *items);
    if (items == NULL) {
        return lk_fail(fault, LK_MEMORY, (uint64_t)capacity * sizeof *items, 0);
    }
    lk_wish_huge(items, capacity * sizeof *items);
    p->items = items;
    p->capacity = capacity;
    return 0;
}

/* Gives the pairs back; there are none afterwards. */
static inline void
lk_pairs_free(struct lk_pairs *p)
{
    free(p->items);
    *p = (struct lk_pairs){0};
}

#endif

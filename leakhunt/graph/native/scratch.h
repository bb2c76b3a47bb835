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

#endif

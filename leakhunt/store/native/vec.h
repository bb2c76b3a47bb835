/* A growable array of untyped items.  Pure C: no Python.h, needs no GIL.
 *
 * A vector is never asked for more than its caller has counted in the input, and it doubles,
 * so memory stays within a small multiple of the input.
 */
#ifndef LEAKHUNT_VEC_H
#define LEAKHUNT_VEC_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "huge.h"

typedef struct {
    void *items;
    size_t count, capacity;
} lk_vec;

/* 0 with room for `extra` more items, or -1 when there is no memory (the items stay). */
static inline int
lk_vec_reserve(lk_vec *v, size_t extra, size_t item_size)
{
    if (extra <= v->capacity - v->count) {
        return 0;
    }
    if (extra > SIZE_MAX / 2 / item_size - v->count) {
        return -1;
    }
    size_t capacity = v->count + extra;
    if (capacity < v->capacity * 2) {
        capacity = v->capacity * 2;
    }
    if (capacity < 16) {
        capacity = 16;
    }
    void *items = realloc(v->items, capacity * item_size);
    if (items == NULL) {
        return -1;
    }
    lk_wish_huge(items, capacity * item_size);
    v->items = items;
    v->capacity = capacity;
    return 0;
}

/* The new last item, uninitialised; NULL when there is no memory. */
static inline void *
lk_vec_push(lk_vec *v, size_t item_size)
{
    if (v->count == v->capacity && lk_vec_reserve(v, 1, item_size) < 0) {
        return NULL;
    }
    return (char *)v->items + item_size * v->count++;
}

/* Release the items; the vector is empty again. */
static inline void
lk_vec_free(lk_vec *v)
{
    free(v->items);
    *v = (lk_vec){0};
}

#endif

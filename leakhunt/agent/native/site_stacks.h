/* The places that allocate: stacks as paths in a tree, kept by name.
 *
 * A code object is known by its address until it dies (the sampler notices: its address is
 * watched); no reference to it is ever taken, so that it dies when the program wants.  File
 * and function are copied when a code object is first met, the line when a place is.
 */
#ifndef LEAKHUNT_SITE_STACKS_H
#define LEAKHUNT_SITE_STACKS_H

#include "compat.h"
#include "site_table.h"

#define LK_FRAMES_MAX 128

/* A frame of a stack and what called it.  24 bytes: tracemalloc_ext reads them as they are. */
typedef struct {
    uint32_t parent;   /* place of the caller; 0: outermost frame, or the last that was kept */
    uint32_t function; /* index */
    int32_t offset;    /* of the instruction, bytes */
    int32_t line;
    uint32_t next; /* of the hash chain */
    uint32_t unused;
} lk_place;

/* What a code object was called. */
typedef struct {
    uintptr_t code;      /* 0 once it is dead */
    uint32_t file, name; /* where in the texts; 0: not known */
    uint32_t next;       /* of the hash chain */
    uint32_t renamed;    /* in a rebuild: the new index */
} lk_site_function;

typedef struct {
    lk_place *places; /* index 0: not known */
    uint32_t *place_heads;
    lk_site_function *functions; /* index 0: not known */
    uint32_t *function_heads;
    char *texts; /* each ends with 0; the first is "" */
    uint32_t place_count, function_count, text_bytes;
    struct lk_recent_stack *recent; /* places of whole stacks by hash */
    uint64_t full_count;            /* stacks that found no room: their place is 0 */
    uint64_t rebuild_when;          /* full_count */
} lk_site_stacks;

/* 0, or -1 without memory. */
int lk_site_stacks_init(lk_site_stacks *s);
void lk_site_stacks_fini(lk_site_stacks *s);

/* The place where the current thread is; 0 when it runs no Python code or there is no room.
 * New code objects get a record in the table.  Allocates nothing from Python.  Needs the GIL. */
uint32_t lk_site_stacks_here(lk_site_stacks *s, lk_site_table *table, int frames_max);

/* A code object is gone: its address may become another's. */
void lk_site_stacks_forget(lk_site_stacks *s, uintptr_t code);

/* Bytes of it that were touched. */
size_t lk_site_stacks_memory(const lk_site_stacks *s);

#endif

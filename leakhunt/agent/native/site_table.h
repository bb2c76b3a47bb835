/* The live samples by address: what the sampler asks at each allocation and each free.
 *
 * Most frees are of blocks that were not sampled, so one bit for each hash answers for them.
 * Written and read under the GIL.  Pure C: no Python.h.
 */
#ifndef LEAKHUNT_SITE_TABLE_H
#define LEAKHUNT_SITE_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum lk_sample_kind {
    LK_SAMPLE_NONE = 0,   /* the record is free */
    LK_SAMPLE_BLOCK = 1,  /* a sampled block */
    LK_SAMPLE_REUSED = 2, /* its object died and waits on a free list, or somebody took it */
    LK_SAMPLE_CODE = 3,   /* no sample: a code object whose death must be noticed */
};
/* Added to the kind of a sampled block that is such a code object as well. */
#define LK_SAMPLE_IS_CODE 8
#define LK_SAMPLE_KIND(sample) ((sample)->kind & 7)

/* 32 bytes: leakhunt/tracemalloc_ext reads them as they are. */
typedef struct {
    uint64_t address, bytes;
    uint32_t
        place; /* of the innermost frame, 0: not known; REUSED: where in the block the object is */
    uint32_t next; /* of the same chain; 0 ends it */
    uint32_t epoch;
    uint32_t kind;
} lk_sample;

typedef struct {
    lk_sample *records; /* record 0 is never used */
    size_t capacity;    /* records that there is room for */
    size_t used;        /* records below this were used once */
    uint32_t free;      /* chain of free records */
    size_t count;       /* records in use */
    uint32_t *heads;    /* of the chains, one for eight bits */
    uint8_t *bits;
    unsigned log2_bits;
} lk_site_table;

/* What the hooks read at each call, in one cache line.  While nothing is sampled, `left` never
 * runs out and no bit is set. */
typedef struct {
    int64_t left;        /* bytes to the next sample */
    const uint8_t *bits; /* of the table */
    unsigned shift;
    int is_fresh; /* an object was allocated and is not yet born; 3.13+ */
} lk_site_hot;
extern lk_site_hot lk_site_now __attribute__((visibility("hidden"), aligned(64)));

/* 0, or -1 without memory. */
int lk_site_table_init(lk_site_table *t);
void lk_site_table_fini(lk_site_table *t);

/* The record of an address, or NULL. */
lk_sample *lk_site_table_find(const lk_site_table *t, uintptr_t address);

/* A record for an address that has none; NULL without memory.  Moves the records. */
lk_sample *lk_site_table_add(lk_site_table *t, uintptr_t address);
void lk_site_table_remove(lk_site_table *t, lk_sample *sample);

/* Bytes of the table that were touched. */
size_t lk_site_table_memory(const lk_site_table *t);

/* Point the hooks at the table, or at none. */
void lk_site_table_show(const lk_site_table *t);

/* May the address have a record?  One load beside the hot line. */
static inline int
lk_site_may_be(uintptr_t address)
{
    uint64_t hash = ((uint64_t)address >> 4) * 0x9E3779B97F4A7C15ull >> lk_site_now.shift;
    return lk_site_now.bits[hash >> 3] >> (hash & 7) & 1;
}

#endif

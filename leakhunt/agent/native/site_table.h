/* The live samples by address: what the sampler asks at each allocation and each free.
 *
 * Most frees are of blocks that were not sampled: a bit, found by a part of the address, answers
 * for them.  The bits never move, because RAW is freed by threads without the GIL; all else is
 * read and written under it.  Pure C: no Python.h.
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
/* Above these, of a REUSED one: the wait for its rebirth that it is part of (site_rebirths.c). */
#define LK_SAMPLE_WAIT_SHIFT 4

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
} lk_site_table;

/* Blocks in one line of the cache share a bit, and lines 64 MiB apart do: so 640 KB serve any
 * heap.  With a million samples one question in three looks in vain. */
#define LK_GRAIN_SHIFT 6
#define LK_SITE_BITS ((size_t)1 << 20)
extern uint32_t lk_site_words[LK_SITE_BITS / 32] __attribute__((visibility("hidden")));

/* Bytes to the next sample.  While nothing is sampled it never runs out. */
extern int64_t lk_site_left __attribute__((visibility("hidden")));

/* 0, or -1 without memory.  There is one table at a time: the bits are its. */
int lk_site_table_init(lk_site_table *t);
void lk_site_table_fini(lk_site_table *t);

/* The record of an address, or NULL. */
lk_sample *lk_site_table_find(const lk_site_table *t, uintptr_t address);

/* A record for an address that has none; NULL without memory.  Moves the records. */
lk_sample *lk_site_table_add(lk_site_table *t, uintptr_t address);
void lk_site_table_remove(lk_site_table *t, lk_sample *sample);

/* Bytes of the table that were written. */
size_t lk_site_table_memory(const lk_site_table *t);

/* May the address have a record?  Neighbours in memory are neighbours here: what a program frees
 * together is answered from one line of the cache.  No GIL needed. */
static inline int
lk_site_may_be(uintptr_t address)
{
    size_t bit = address >> LK_GRAIN_SHIFT & (LK_SITE_BITS - 1);
    uint32_t word = __atomic_load_n(&lk_site_words[bit / 32], __ATOMIC_RELAXED);
    return word >> bit % 32 & 1;
}

#endif

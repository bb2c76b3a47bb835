/* Slot to ordinal: a sparse bitmap with rank.  Pure C: no Python.h, needs no GIL.
 *
 * Chunks of 512 slots are found through a hash table.  Real heaps are dense (hundreds of
 * objects a chunk); a hostile file that spreads its slots pays 96 bytes of ours for each.
 * The multiplier of the hash is drawn at random by the caller, so that no file can be made
 * to collide.
 */
#ifndef LEAKHUNT_SLOTS_H
#define LEAKHUNT_SLOTS_H

#include "vec.h"

#define LK_CHUNK_BITS 9
#define LK_CHUNK_WORDS (1 << (LK_CHUNK_BITS - 6))

/* "No such slot". */
#define LK_NONE 0xFFFFFFFFu

typedef struct {
    uint64_t key;                    /* slot >> LK_CHUNK_BITS */
    uint32_t base;                   /* slots of the set in lower chunks */
    uint16_t before[LK_CHUNK_WORDS]; /* slots of the set in lower words of this chunk */
    uint64_t bits[LK_CHUNK_WORDS];
} lk_chunk;

typedef struct {
    lk_vec chunks;   /* of lk_chunk */
    uint32_t *table; /* chunk index + 1, 0 when free; open addressing */
    unsigned shift;  /* 64 - log2(table size) */
    uint64_t multiplier;
    uint32_t last; /* chunk of the last insertion */
} lk_slots;

/* 0, or -1 when there is no memory. */
int lk_slots_init(lk_slots *s, uint64_t seed);

/* 1 when added, 0 when it was there already, -1 when there is no memory. */
int lk_slots_add(lk_slots *s, uint64_t slot);

/* Fix the ordinals; nothing may be added afterwards.  0, or -1 when there is no memory. */
int lk_slots_freeze(lk_slots *s);

void lk_slots_free(lk_slots *s);

static inline unsigned
lk_popcount(uint64_t v)
{
    v -= (v >> 1) & 0x5555555555555555ull;
    v = (v & 0x3333333333333333ull) + ((v >> 2) & 0x3333333333333333ull);
    v = (v + (v >> 4)) & 0x0F0F0F0F0F0F0F0Full;
    return (unsigned)((v * 0x0101010101010101ull) >> 56);
}

/* Place of a key in the table: the keys of a heap are runs of neighbours, hence two rounds. */
static inline size_t
lk_slots_hash(const lk_slots *s, uint64_t key)
{
    uint64_t h = key * s->multiplier;
    h = (h ^ h >> 32) * 0x9E3779B97F4A7C15ull;
    return (size_t)(h >> s->shift);
}

/* Index of the chunk with this key, or LK_NONE.  Expected O(1). */
static inline uint32_t
lk_slots_chunk(const lk_slots *s, uint64_t key)
{
    const lk_chunk *chunks = s->chunks.items;
    size_t mask = ((size_t)1 << (64 - s->shift)) - 1;
    size_t i = lk_slots_hash(s, key);
    for (uint32_t entry; (entry = s->table[i]) != 0; i = (i + 1) & mask) {
        if (chunks[entry - 1].key == key) {
            return entry - 1;
        }
    }
    return LK_NONE;
}

/* Rank of the slot in the frozen set, or LK_NONE when it is not there.  Expected O(1). */
static inline uint32_t
lk_slots_rank(const lk_slots *s, uint64_t slot)
{
    uint32_t at = lk_slots_chunk(s, slot >> LK_CHUNK_BITS);
    if (at == LK_NONE) {
        return LK_NONE;
    }
    const lk_chunk *chunk = (const lk_chunk *)s->chunks.items + at;
    unsigned word = (unsigned)(slot >> 6) & (LK_CHUNK_WORDS - 1);
    uint64_t bit = 1ull << (slot & 63);
    if (!(chunk->bits[word] & bit)) {
        return LK_NONE;
    }
    return chunk->base + chunk->before[word] + lk_popcount(chunk->bits[word] & (bit - 1));
}

/* Sort ascending, least significant byte first; bytes that are all equal are skipped.
 * O(n) a differing byte, n words of scratch.  0, or -1 when there is no memory. */
int lk_sort_u64(uint64_t *items, size_t n);

#endif

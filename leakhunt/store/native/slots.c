#include "slots.h"

#include <string.h>

#define FIRST_SHIFT 56 /* 256 entries: a small stream should cost little */

/* Spread a seed over 64 bits: a small one would make a multiplier that hashes nothing. */
static uint64_t
spread(uint64_t seed)
{
    seed = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9ull + 0x9E3779B97F4A7C15ull;
    seed = (seed ^ seed >> 27) * 0x94D049BB133111EBull;
    return seed ^ seed >> 31;
}

int
lk_slots_init(lk_slots *s, uint64_t seed)
{
    *s = (lk_slots){.shift = FIRST_SHIFT, .multiplier = spread(seed) | 1, .last = LK_NONE};
    s->table = calloc((size_t)1 << (64 - FIRST_SHIFT), sizeof *s->table);
    return s->table == NULL ? -1 : 0;
}

/* Give all memory of the map back.  Needs no GIL. */
void
lk_slots_free(lk_slots *s)
{
    free(s->table);
    s->table = NULL;
    lk_vec_free(&s->chunks);
}

/* Enter chunk `index` into the table, which has room and lacks its key. */
static void
enter(lk_slots *s, uint32_t index)
{
    uint64_t key = ((const lk_chunk *)s->chunks.items)[index].key;
    size_t mask = ((size_t)1 << (64 - s->shift)) - 1;
    size_t i = lk_slots_hash(s, key);
    while (s->table[i] != 0) {
        i = (i + 1) & mask;
    }
    s->table[i] = index + 1;
}

/* Double the table.  0, or -1 when there is no memory (the old table stays). */
static int
grow(lk_slots *s)
{
    uint32_t *table = calloc((size_t)1 << (65 - s->shift), sizeof *table);
    if (table == NULL) {
        return -1;
    }
    free(s->table);
    s->table = table;
    s->shift -= 1;
    for (size_t i = 0; i < s->chunks.count; i++) {
        enter(s, (uint32_t)i);
    }
    return 0;
}

/* Index of a new empty chunk, or LK_NONE when there is no memory. */
static uint32_t
add_chunk(lk_slots *s, uint64_t key)
{
    if (s->chunks.count * 4 >= (size_t)1 << (64 - s->shift) && grow(s) < 0) {
        return LK_NONE;
    }
    lk_chunk *chunk = lk_vec_push(&s->chunks, sizeof *chunk);
    if (chunk == NULL) {
        return LK_NONE;
    }
    memset(chunk, 0, sizeof *chunk);
    chunk->key = key;
    uint32_t index = (uint32_t)(s->chunks.count - 1);
    enter(s, index);
    return index;
}

int
lk_slots_add(lk_slots *s, uint64_t slot)
{
    uint64_t key = slot >> LK_CHUNK_BITS;
    if (s->last == LK_NONE || ((lk_chunk *)s->chunks.items)[s->last].key != key) {
        uint32_t at = lk_slots_chunk(s, key);
        if (at == LK_NONE) {
            at = add_chunk(s, key);
        }
        if (at == LK_NONE) {
            return -1;
        }
        s->last = at;
    }
    uint64_t *word =
        &((lk_chunk *)s->chunks.items)[s->last].bits[(slot >> 6) & (LK_CHUNK_WORDS - 1)];
    uint64_t bit = 1ull << (slot & 63);
    if (*word & bit) {
        return 0;
    }
    *word |= bit;
    return 1;
}

int
lk_slots_freeze(lk_slots *s)
{
    size_t n = s->chunks.count;
    lk_chunk *chunks = s->chunks.items;
    uint64_t *keys = malloc((n + 1) * sizeof *keys);
    if (keys == NULL) {
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        keys[i] = chunks[i].key;
    }
    if (lk_sort_u64(keys, n) < 0) {
        free(keys);
        return -1;
    }
    uint32_t base = 0;
    for (size_t i = 0; i < n; i++) {
        lk_chunk *chunk = &chunks[lk_slots_chunk(s, keys[i])];
        unsigned before = 0;
        chunk->base = base;
        for (int w = 0; w < LK_CHUNK_WORDS; w++) {
            chunk->before[w] = (uint16_t)before;
            before += lk_popcount(chunk->bits[w]);
        }
        base += before;
    }
    free(keys);
    return 0;
}

int
lk_sort_u64(uint64_t *items, size_t n)
{
    uint64_t differing = 0;
    for (size_t i = 1; i < n; i++) {
        differing |= items[i] ^ items[0];
    }
    if (differing == 0) {
        return 0;
    }
    uint64_t *scratch = malloc(n * sizeof *scratch);
    if (scratch == NULL) {
        return -1;
    }
    uint64_t *from = items, *to = scratch;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (((differing >> shift) & 255) == 0) {
            continue;
        }
        size_t at[256] = {0};
        for (size_t i = 0; i < n; i++) {
            at[(from[i] >> shift) & 255] += 1;
        }
        for (size_t b = 0, sum = 0; b < 256; b++) {
            size_t here = at[b];
            at[b] = sum;
            sum += here;
        }
        for (size_t i = 0; i < n; i++) {
            to[at[(from[i] >> shift) & 255]++] = from[i];
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, n * sizeof *items);
    }
    free(scratch);
    return 0;
}

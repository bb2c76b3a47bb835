#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "site_table.h"

#include <sys/mman.h>

#define FIRST_LOG2_BITS 16
#define LAST_LOG2_BITS 31
#define FIRST_CAPACITY 4096
#define BITS_A_SAMPLE 16 /* at least: then one free in sixteen, at most, looks in vain */

static const uint8_t no_bits[1];
lk_site_hot lk_site_now = {.left = INT64_MAX, .bits = no_bits, .shift = 63};

/* Zeroed pages, or NULL. */
static void *
map_pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

static uint64_t
hash_of(const lk_site_table *t, uint64_t address)
{
    return (address >> 4) * 0x9E3779B97F4A7C15ull >> (64 - t->log2_bits);
}

/* Get the index for so many bits.  0, or -1 without memory and nothing changed. */
static int
make_index(lk_site_table *t, unsigned log2_bits)
{
    size_t bytes = (size_t)1 << (log2_bits - 3);
    uint8_t *bits = map_pages(bytes);
    uint32_t *heads = map_pages(bytes * sizeof(*heads));
    if (bits == NULL || heads == NULL) {
        if (bits != NULL) {
            munmap(bits, bytes);
        }
        if (heads != NULL) {
            munmap(heads, bytes * sizeof(*heads));
        }
        return -1;
    }
    t->bits = bits;
    t->heads = heads;
    t->log2_bits = log2_bits;
    return 0;
}

static void
drop_index(uint8_t *bits, uint32_t *heads, unsigned log2_bits)
{
    if (bits != NULL) {
        size_t bytes = (size_t)1 << (log2_bits - 3);
        munmap(bits, bytes);
        munmap(heads, bytes * sizeof(*heads));
    }
}

static void
link_record(lk_site_table *t, uint32_t index)
{
    lk_sample *sample = &t->records[index];
    uint64_t hash = hash_of(t, sample->address);
    sample->next = t->heads[hash >> 3];
    t->heads[hash >> 3] = index;
    t->bits[hash >> 3] |= (uint8_t)(1u << (hash & 7));
}

int
lk_site_table_init(lk_site_table *t)
{
    *t = (lk_site_table){.capacity = FIRST_CAPACITY, .used = 1};
    t->records = map_pages(FIRST_CAPACITY * sizeof(lk_sample));
    if (t->records == NULL || make_index(t, FIRST_LOG2_BITS) < 0) {
        lk_site_table_fini(t);
        return -1;
    }
    return 0;
}

void
lk_site_table_fini(lk_site_table *t)
{
    if (t->records != NULL) {
        munmap(t->records, t->capacity * sizeof(lk_sample));
    }
    drop_index(t->bits, t->heads, t->log2_bits);
    *t = (lk_site_table){0};
}

void
lk_site_table_show(const lk_site_table *t)
{
    int is_there = t != NULL && t->bits != NULL;
    lk_site_now.bits = is_there ? t->bits : no_bits;
    lk_site_now.shift = is_there ? 64 - t->log2_bits : 63;
    if (!is_there) {
        /* both values of a hash of one bit lead to the first byte */
        lk_site_now.left = INT64_MAX;
    }
}

lk_sample *
lk_site_table_find(const lk_site_table *t, uintptr_t address)
{
    if (t->heads == NULL) {
        return NULL;
    }
    for (uint32_t i = t->heads[hash_of(t, address) >> 3]; i != 0; i = t->records[i].next) {
        if (t->records[i].address == address) {
            return &t->records[i];
        }
    }
    return NULL;
}

/* Twice the bits, and all records under their new hashes.  Without memory all stays. */
static void
grow_index(lk_site_table *t)
{
    uint8_t *bits = t->bits;
    uint32_t *heads = t->heads;
    unsigned log2_bits = t->log2_bits;
    if (log2_bits == LAST_LOG2_BITS || make_index(t, log2_bits + 1) < 0) {
        return;
    }
    for (size_t i = 1; i < t->used; i++) {
        if (t->records[i].kind != LK_SAMPLE_NONE) {
            link_record(t, (uint32_t)i);
        }
    }
    drop_index(bits, heads, log2_bits);
    lk_site_table_show(t);
}

/* Room for twice as many records.  0, or -1 without memory and nothing changed. */
static int
grow_records(lk_site_table *t)
{
    size_t bytes = t->capacity * sizeof(lk_sample);
    void *moved = mremap(t->records, bytes, 2 * bytes, MREMAP_MAYMOVE);
    if (moved == MAP_FAILED) {
        return -1;
    }
    t->records = moved;
    t->capacity *= 2;
    return 0;
}

lk_sample *
lk_site_table_add(lk_site_table *t, uintptr_t address)
{
    uint32_t index = t->free;
    if (index != 0) {
        t->free = t->records[index].next;
    } else if (t->used < t->capacity || grow_records(t) == 0) {
        index = (uint32_t)t->used++;
    } else {
        return NULL;
    }
    t->records[index] = (lk_sample){.address = address, .kind = LK_SAMPLE_BLOCK};
    t->count++;
    link_record(t, index);
    if (t->count * BITS_A_SAMPLE > (size_t)1 << t->log2_bits) {
        grow_index(t);
    }
    return &t->records[index];
}

void
lk_site_table_remove(lk_site_table *t, lk_sample *sample)
{
    uint64_t hash = hash_of(t, sample->address);
    uint32_t index = (uint32_t)(sample - t->records), *link = &t->heads[hash >> 3];
    unsigned kept = 0; /* bits of the others in the chain */
    while (*link != 0) {
        lk_sample *at = &t->records[*link];
        if (*link == index) {
            *link = at->next;
        } else {
            kept |= 1u << (hash_of(t, at->address) & 7);
            link = &at->next;
        }
    }
    t->bits[hash >> 3] = (uint8_t)kept;
    *sample = (lk_sample){.next = t->free};
    t->free = index;
    t->count--;
}

size_t
lk_site_table_memory(const lk_site_table *t)
{
    size_t index = t->bits == NULL ? 0 : ((size_t)1 << (t->log2_bits - 3)) * 5;
    return index + t->used * sizeof(lk_sample);
}

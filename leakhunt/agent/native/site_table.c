#include "pages.h"

#include "site_table.h"

#define FIRST_CAPACITY 4096
#define BITS_A_HEAD 8
#define HEAD_BYTES (LK_SITE_BITS / BITS_A_HEAD * sizeof(uint32_t))
#define PAGE_BYTES 4096

/* Pages of it that are not used take no memory. */
uint32_t lk_site_words[LK_SITE_BITS / 32] __attribute__((aligned(PAGE_BYTES)));
int64_t lk_site_left = INT64_MAX;

static size_t
bit_of(uint64_t address)
{
    return address >> LK_GRAIN_SHIFT & (LK_SITE_BITS - 1);
}

static uint32_t *
chain_of(const lk_site_table *t, uint64_t address)
{
    return &t->heads[bit_of(address) / BITS_A_HEAD];
}

static void
set_bit(uint64_t address, int is_set)
{
    size_t bit = bit_of(address);
    uint32_t *word = &lk_site_words[bit / 32], mask = 1u << bit % 32;
    __atomic_store_n(word, is_set ? *word | mask : *word & ~mask, __ATOMIC_RELAXED);
}

int
lk_site_table_init(lk_site_table *t)
{
    *t = (lk_site_table){.capacity = FIRST_CAPACITY, .used = 1};
    t->records = lk_pages_map(FIRST_CAPACITY * sizeof(lk_sample));
    t->heads = lk_pages_map(HEAD_BYTES);
    if (t->records == NULL || t->heads == NULL) {
        lk_site_table_fini(t);
        return -1;
    }
    return 0;
}

void
lk_site_table_fini(lk_site_table *t)
{
    lk_pages_unmap(t->records, t->capacity * sizeof(lk_sample));
    lk_pages_unmap(t->heads, HEAD_BYTES);
    /* private pages of no file: they are zero from here on, and take no memory */
    madvise(lk_site_words, sizeof(lk_site_words), MADV_DONTNEED);
    lk_site_left = INT64_MAX;
    *t = (lk_site_table){0};
}

lk_sample *
lk_site_table_find(const lk_site_table *t, uintptr_t address)
{
    if (t->heads == NULL) {
        return NULL;
    }
    for (uint32_t i = *chain_of(t, address); i != 0; i = t->records[i].next) {
        if (t->records[i].address == address) {
            return &t->records[i];
        }
    }
    return NULL;
}

/* Room for twice as many records.  0, or -1 without memory and nothing changed. */
static int
grow_records(lk_site_table *t)
{
    size_t bytes = t->capacity * sizeof(lk_sample);
    void *moved = lk_pages_grow(t->records, bytes, 2 * bytes);
    if (moved == NULL) {
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
    uint32_t *head = chain_of(t, address);
    t->records[index] = (lk_sample){.address = address, .kind = LK_SAMPLE_BLOCK, .next = *head};
    *head = index;
    set_bit(address, 1);
    t->count++;
    return &t->records[index];
}

void
lk_site_table_remove(lk_site_table *t, lk_sample *sample)
{
    uint32_t index = (uint32_t)(sample - t->records), *link = chain_of(t, sample->address);
    size_t bit = bit_of(sample->address);
    int is_shared = 0;
    while (*link != 0) {
        lk_sample *at = &t->records[*link];
        if (*link == index) {
            *link = at->next;
        } else {
            is_shared |= bit_of(at->address) == bit;
            link = &at->next;
        }
    }
    set_bit(sample->address, is_shared);
    *sample = (lk_sample){.next = t->free};
    t->free = index;
    t->count--;
}

size_t
lk_site_table_memory(const lk_site_table *t)
{
    return t->heads == NULL ? 0
                            : lk_pages_written(t->heads, HEAD_BYTES) +
                                  lk_pages_written(lk_site_words, sizeof(lk_site_words)) +
                                  t->used * sizeof(lk_sample);
}

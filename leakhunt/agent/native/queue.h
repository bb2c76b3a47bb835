/* First-in first-out queue of pointers in chunks; consumed chunks are reused or freed.
 * Pure C: no Python.h.
 */
#ifndef LEAKHUNT_QUEUE_H
#define LEAKHUNT_QUEUE_H

#include "pages.h"

#define LK_CHUNK_ITEMS 8190 /* two words of header: 64 KiB a chunk */

typedef struct lk_chunk {
    struct lk_chunk *next;
    size_t reserved;
    void *items[LK_CHUNK_ITEMS];
} lk_chunk;

typedef struct {
    lk_chunk *head, *tail; /* read from head, write to tail */
    lk_chunk *spare;       /* emptied chunks, kept for reuse */
    size_t head_pos, tail_pos;
    size_t chunk_count, chunk_peak;
} lk_queue;

/* A chunk from the spares or the system; NULL without memory. */
static inline lk_chunk *
lk_queue_chunk(lk_queue *q)
{
    lk_chunk *chunk = q->spare;
    if (chunk != NULL) {
        q->spare = chunk->next;
    } else {
        chunk = lk_pages_map(sizeof(lk_chunk));
        if (chunk == NULL) {
            return NULL;
        }
        q->chunk_count++;
    }
    chunk->next = NULL;
    return chunk;
}

/* 0, or -1 without memory. */
static inline int
lk_queue_init(lk_queue *q)
{
    *q = (lk_queue){0};
    q->head = q->tail = lk_queue_chunk(q);
    return q->head == NULL ? -1 : 0;
}

static inline void
lk_queue_free_list(lk_chunk *chunk)
{
    while (chunk != NULL) {
        lk_chunk *next = chunk->next;
        munmap(chunk, sizeof(lk_chunk));
        chunk = next;
    }
}

static inline void
lk_queue_fini(lk_queue *q)
{
    lk_queue_free_list(q->head);
    lk_queue_free_list(q->spare);
    q->head = q->tail = q->spare = NULL;
}

/* 0, or -1 without memory. */
static inline int
lk_queue_push(lk_queue *q, void *item)
{
    if (__builtin_expect(q->tail_pos == LK_CHUNK_ITEMS, 0)) {
        lk_chunk *chunk = lk_queue_chunk(q);
        if (chunk == NULL) {
            return -1;
        }
        q->tail->next = chunk;
        q->tail = chunk;
        q->tail_pos = 0;
    }
    q->tail->items[q->tail_pos++] = item;
    return 0;
}

/* The oldest item, or NULL when empty. */
static inline void *
lk_queue_pop(lk_queue *q)
{
    if (q->head == q->tail && q->head_pos == q->tail_pos) {
        return NULL;
    }
    if (__builtin_expect(q->head_pos == LK_CHUNK_ITEMS, 0)) {
        lk_chunk *done = q->head;
        q->head = done->next;
        q->head_pos = 0;
        done->next = q->spare;
        q->spare = done;
        if (q->head == q->tail && q->head_pos == q->tail_pos) {
            return NULL;
        }
    }
    return q->head->items[q->head_pos++];
}

/* The item `ahead` places behind the next one, if it lies in the same chunk; else NULL. */
static inline void *
lk_queue_peek(const lk_queue *q, size_t ahead)
{
    size_t pos = q->head_pos + ahead;
    size_t end = q->head == q->tail ? q->tail_pos : LK_CHUNK_ITEMS;
    return pos < end ? q->head->items[pos] : NULL;
}

#endif

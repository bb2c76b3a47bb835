/* Memory of a walk, straight from the system: whole pages by mmap.
 *
 * A walk may run in a child of a program with threads, where a lock of malloc may be held for
 * ever by a thread that the child does not have.  Pure C: no Python.h.
 */
#ifndef LEAKHUNT_PAGES_H
#define LEAKHUNT_PAGES_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

/* Zeroed memory, or NULL.  Needs no GIL. */
static inline void *
lk_pages_map(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* Have it come in pages of 2 MiB where the system has them: for what is written through from its
 * beginning, since each page of 4 KiB would cost a fault.  NULL is fine.  Needs no GIL. */
static inline void
lk_pages_prefer_huge(void *p, size_t bytes)
{
    if (p != NULL) {
        (void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish: a kernel without them says no */
    }
}

/* NULL is fine.  Needs no GIL. */
static inline void
lk_pages_unmap(void *p, size_t bytes)
{
    if (p != NULL) {
        munmap(p, bytes);
    }
}

/* The same memory with room for more, maybe elsewhere, or NULL and it stays as it was.  An
 * `old` of NULL is fine.  Needs no GIL. */
static inline void *
lk_pages_grow(void *old, size_t old_bytes, size_t new_bytes)
{
    if (old == NULL) {
        return lk_pages_map(new_bytes);
    }
    void *p = mremap(old, old_bytes, new_bytes, MREMAP_MAYMOVE);
    return p == MAP_FAILED ? NULL : p;
}

/* Bytes in pages of it that hold something: what is all zero was never written, or may as well
 * not have been.  Needs no GIL. */
static inline size_t
lk_pages_written(const void *p, size_t bytes)
{
    const uint64_t *words = p;
    size_t written = 0, n = bytes / sizeof(*words), a_page = 4096 / sizeof(*words);
    for (size_t page = 0; page < n; page += a_page) {
        uint64_t any = 0;
        for (size_t i = page; i < n && i < page + a_page; i++) {
            any |= words[i];
        }
        written += any != 0 ? 4096 : 0;
    }
    return written;
}

/* ---- many small arrays that live as long as the walk ---- */

#define LK_ARENA_BYTES ((size_t)1 << 16) /* of a part, unless one array needs more */

typedef struct lk_arena_part {
    struct lk_arena_part *next;
    size_t bytes, used; /* this header included */
    size_t reserved;
} lk_arena_part;

typedef struct {
    lk_arena_part *newest;
} lk_arena;

/* Zeroed memory, or NULL.  Needs no GIL. */
static inline void *
lk_arena_take(lk_arena *arena, size_t bytes)
{
    lk_arena_part *part = arena->newest;
    bytes = (bytes + 15) & ~(size_t)15;
    if (part == NULL || part->used + bytes > part->bytes) {
        size_t wanted = bytes + sizeof(*part);
        wanted = wanted > LK_ARENA_BYTES ? wanted : LK_ARENA_BYTES;
        part = lk_pages_map(wanted);
        if (part == NULL) {
            return NULL;
        }
        *part = (lk_arena_part){arena->newest, wanted, sizeof(*part), 0};
        arena->newest = part;
    }
    void *p = (char *)part + part->used;
    part->used += bytes;
    return p;
}

/* Give all of it back.  Needs no GIL. */
static inline void
lk_arena_fini(lk_arena *arena)
{
    while (arena->newest != NULL) {
        lk_arena_part *part = arena->newest;
        arena->newest = part->next;
        munmap(part, part->bytes);
    }
}

#endif

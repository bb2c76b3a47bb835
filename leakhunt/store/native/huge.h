/* Large pieces of memory.  Pure C: no Python.h, needs no GIL. */
#ifndef LEAKHUNT_HUGE_H
#define LEAKHUNT_HUGE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#define LK_HUGE_PAGE ((size_t)1 << 21)

/* Asks for huge pages, where whole ones fit: heaps are walked at random, and most of the time
 * of a large pass would go into page faults and address translation.  It is only a wish. */
static inline void
lk_wish_huge(void *memory, size_t size)
{
#ifdef MADV_HUGEPAGE
    uintptr_t start = ((uintptr_t)memory + LK_HUGE_PAGE - 1) & ~(uintptr_t)(LK_HUGE_PAGE - 1);
    uintptr_t end = ((uintptr_t)memory + size) & ~(uintptr_t)(LK_HUGE_PAGE - 1);
    if (start < end) {
        madvise((void *)start, end - start, MADV_HUGEPAGE);
    }
#else
    (void)memory;
    (void)size;
#endif
}

#endif

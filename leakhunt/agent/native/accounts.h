/* What the allocators and the kernel know of the process's memory: the figures of its bill. */
#ifndef LEAKHUNT_ACCOUNTS_H
#define LEAKHUNT_ACCOUNTS_H

#include "compat.h"
#include "json.h"

#define LK_ACCOUNTS_TEXT_MAX 1024

/* All in bytes, LK_NO_NUMBER where not known. */
typedef struct {
    /* resident, by kind of mapping; all of them unknown without /proc/self/smaps */
    uint64_t rss, files, stacks, anonymous;
    uint64_t own; /* of those, the agent's: its stack and its map of births */
    /* the allocator of Python objects: its arenas, and what is given out of them */
    uint64_t arenas, arenas_used;
    /* the C library: what it got from the kernel, what is given out, what it holds free */
    uint64_t malloc_system, malloc_used, malloc_free;
    const char *object_allocator; /* constant text: "pymalloc", "malloc", "" when not known */
    const char *malloc_name;      /* constant text: "glibc", "jemalloc", "" when not known */
} lk_accounts;

/* Ask the kernel and the C library.  Takes about a page-table walk and a look at each free
 * chunk, so do it without the GIL.  `hides_caller`: this thread's stack is the agent's own. */
void lk_accounts_look(lk_accounts *a, int hides_caller);

/* Ask the allocator of objects, which reads the head of each of its pools.  Needs the GIL. */
void lk_accounts_count(lk_accounts *a);

/* What giving free memory back brought. */
typedef struct {
    uint64_t rss_before, rss_after; /* LK_NO_NUMBER where the kernel does not say */
    int is_trimmed;                 /* 0: it is not glibc's malloc, nothing was done */
    const char *malloc_name;
} lk_trim;

/* Have the C library give back to the kernel what it holds free (malloc_trim).  Every arena is
 * locked meanwhile: without the GIL, and only when somebody asked for it. */
void lk_accounts_trim(lk_trim *t);

/* As a JSON object; what is not known is left out.  Returns its length.  No GIL needed. */
size_t lk_accounts_format(const lk_accounts *a, char *out, size_t room);

#endif

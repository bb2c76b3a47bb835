/* The hooks of the sampler in the allocators.
 *
 * The domains MEM and OBJ are called with the GIL only, so a plain countdown of bytes serves.
 * RAW is not sampled: its callers need no GIL, and then neither the countdown nor the stack of
 * the caller can be trusted.
 *
 * A free says nothing of most blocks, so a hook there would be a call in vain for each.  The
 * sampled blocks are set aside instead: pymalloc is asked for more than it serves, takes the
 * block from RAW, and shrinks it.  The end of such a block passes RAW, as that of any large one,
 * and there are few; the hook for frees is there alone.  Where that is not so, because another
 * allocator or a hook is below us (found by an experiment), frees are hooked as well.
 */
#include "sites.h"
#include "trashcan.h"

#define DOMAIN_COUNT 2
static const PyMemAllocatorDomain DOMAINS[DOMAIN_COUNT] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};
enum { MEM, OBJ };

/* What came before us.  A link that somebody may have saved is never used again. */
#define LINK_MAX 16
static PyMemAllocatorEx links[DOMAIN_COUNT][LINK_MAX];
static int link_count[DOMAIN_COUNT];
static PyMemAllocatorEx ours[DOMAIN_COUNT]; /* what we set last */

/* Called now and then, by hooks that save no register for it. */
#define COLD __attribute__((noinline, cold))

/* So many bytes are about to be allocated: is it time for a sample? */
static inline int
is_due(size_t n)
{
    lk_site_left -= (int64_t)n;
    return __builtin_expect(lk_site_left < 0, 0);
}

/* ---- the end of blocks that were set aside ---- */

static PyMemAllocatorEx raw_next; /* what came before us in RAW */
static uintptr_t wanted;          /* in an experiment: is the end of this block noticed? */

static void
end_block(uintptr_t block)
{
    wanted = block == wanted ? 0 : wanted;
    lk_site_drop(block);
}

/* It may be a sampled block; not without the GIL, which the domains of those ask for. */
static void COLD
end_aside(uintptr_t block)
{
    if (lk_has_gil()) {
        end_block(block);
    }
}

/* The context is that of what came before, so that this pointer is all that differs: other
 * threads call RAW while it is set. */
static void
raw_free(void *ctx, void *p)
{
    if (__builtin_expect(lk_site_may_be((uintptr_t)p), 0)) {
        end_aside((uintptr_t)p);
    }
    raw_next.free(ctx, p);
}

/* ---- when samples are set aside ---- */

/* More than pymalloc serves itself. */
#define ASIDE_BYTES ((size_t)513)

static inline size_t
at_least_aside(size_t n)
{
    return n < ASIDE_BYTES ? ASIDE_BYTES : n;
}

/* Give back of a block what was asked for only to set it aside; NULL for NULL. */
static void *
fit_aside(const PyMemAllocatorEx *next, void *p, size_t n)
{
    void *fitting = p == NULL || n >= ASIDE_BYTES ? NULL : next->realloc(next->ctx, p, n + !n);
    return fitting == NULL ? p : fitting;
}

static void *COLD
aside_malloc(const PyMemAllocatorEx *next, size_t n)
{
    void *p = fit_aside(next, next->malloc(next->ctx, at_least_aside(n)), n);
    lk_site_take(p, n);
    return p != NULL ? p : next->malloc(next->ctx, n);
}

static void *COLD
aside_calloc(const PyMemAllocatorEx *next, size_t n)
{
    void *p = fit_aside(next, next->calloc(next->ctx, 1, at_least_aside(n)), n);
    lk_site_take(p, n);
    return p != NULL ? p : next->calloc(next->ctx, 1, n);
}

/* The new size is as likely to be noted as if it were another block; when it fails the old one
 * is still there. */
static void *COLD
aside_realloc(const PyMemAllocatorEx *next, void *old, size_t n, int is_taken)
{
    void *aside = is_taken ? next->realloc(next->ctx, old, at_least_aside(n)) : NULL;
    void *p = aside != NULL ? fit_aside(next, aside, n) : next->realloc(next->ctx, old, n);
    if (p != NULL && old != NULL) {
        end_block((uintptr_t)old);
    }
    if (is_taken) {
        lk_site_take(aside != NULL ? p : NULL, n);
    }
    return p;
}

/* For link 0 of a domain: its context is that of what came before, so that frees go there
 * without a detour, and all but the sampled calls end in a jump to it. */
#define ASIDE_HOOKS(name, domain)                                                                  \
    static void *name##_malloc(void *ctx, size_t n)                                                \
    {                                                                                              \
        const PyMemAllocatorEx *next = &links[domain][0];                                          \
        return is_due(n) ? aside_malloc(next, n) : next->malloc(ctx, n);                           \
    }                                                                                              \
    static void *name##_calloc(void *ctx, size_t k, size_t n)                                      \
    {                                                                                              \
        const PyMemAllocatorEx *next = &links[domain][0];                                          \
        return is_due(k * n) ? aside_calloc(next, k * n) : next->calloc(ctx, k, n);                \
    }                                                                                              \
    static void *name##_realloc(void *ctx, void *old, size_t n)                                    \
    {                                                                                              \
        const PyMemAllocatorEx *next = &links[domain][0];                                          \
        int is_taken = is_due(n);                                                                  \
        return __builtin_expect(is_taken || lk_site_may_be((uintptr_t)old), 0)                     \
                   ? aside_realloc(next, old, n, is_taken)                                         \
                   : next->realloc(ctx, old, n);                                                   \
    }

ASIDE_HOOKS(mem, MEM)
ASIDE_HOOKS(obj, OBJ)

/* ---- when all frees are hooked ---- */

static void *COLD
linked_sampled_malloc(const PyMemAllocatorEx *next, size_t n)
{
    void *p = next->malloc(next->ctx, n);
    lk_site_take(p, n);
    return p;
}

static void *COLD
linked_sampled_calloc(const PyMemAllocatorEx *next, size_t k, size_t n)
{
    void *p = next->calloc(next->ctx, k, n);
    lk_site_take(p, k * n);
    return p;
}

/* As aside_realloc.  Needs the GIL. */
static void *COLD
linked_sampled_realloc(const PyMemAllocatorEx *next, void *old, size_t n, int is_taken)
{
    void *p = next->realloc(next->ctx, old, n);
    if (p != NULL && old != NULL) {
        end_block((uintptr_t)old);
    }
    if (is_taken) {
        lk_site_take(p, n);
    }
    return p;
}

static void COLD
linked_sampled_free(const PyMemAllocatorEx *next, void *p)
{
    end_block((uintptr_t)p);
    next->free(next->ctx, p);
}

static void *
linked_malloc(void *ctx, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    return is_due(n) ? linked_sampled_malloc(next, n) : next->malloc(next->ctx, n);
}

static void *
linked_calloc(void *ctx, size_t k, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    return is_due(k * n) ? linked_sampled_calloc(next, k, n) : next->calloc(next->ctx, k, n);
}

static void *
linked_realloc(void *ctx, void *old, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    int is_taken = is_due(n);
    return __builtin_expect(is_taken || lk_site_may_be((uintptr_t)old), 0)
               ? linked_sampled_realloc(next, old, n, is_taken)
               : next->realloc(next->ctx, old, n);
}

static void
linked_free(void *ctx, void *p)
{
    const PyMemAllocatorEx *next = ctx;
    if (__builtin_expect(lk_site_may_be((uintptr_t)p), 0)) {
        linked_sampled_free(next, p);
        return;
    }
    next->free(next->ctx, p);
}

/* ---- experiments: who is called? ---- */

static void *
ask_for(int domain)
{
    return domain == MEM ? PyMem_Malloc(64) : PyObject_Malloc(64);
}

static void
give_back(int domain, void *block)
{
    if (domain == MEM) {
        PyMem_Free(block);
    } else {
        PyObject_Free(block);
    }
}

/* Is one of our hooks called when memory of the domain is asked for?  Needs the GIL. */
static int
is_called(int domain)
{
    int64_t left = lk_site_left;
    lk_site_left = INT64_MAX / 2;
    give_back(domain, ask_for(domain));
    int is_ours = lk_site_left != INT64_MAX / 2;
    lk_site_left = left;
    return is_ours;
}

/* Is a block of the domain noticed when it is time for a sample, and its end?  Needs the GIL and
 * the table, which are left as they are. */
static int
is_watched(int domain)
{
    int is_running = lk_sites.is_running, is_taken, is_ended = 0;
    int64_t left = lk_site_left;
    lk_sites.is_running = 0; /* nothing is kept of this one */
    lk_site_left = 0;
    void *block = ask_for(domain);
    is_taken = lk_site_left != 0;
    lk_sample *sample = block == NULL ? NULL : lk_site_table_add(&lk_sites.table, (uintptr_t)block);
    wanted = (uintptr_t)block;
    give_back(domain, block);
    if (sample != NULL) {
        is_ended = wanted == 0;
        lk_site_table_remove(&lk_sites.table, sample);
    }
    wanted = 0;
    lk_site_left = left;
    lk_sites.is_running = is_running;
    return is_taken && is_ended;
}

/* ---- in and out ---- */

static int is_aside; /* of each domain the first link sets aside */

/* Have the frees of RAW.  Needs the GIL. */
static void
hook_raw(void)
{
    PyMemAllocatorEx now;
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &now);
    int is_first = raw_next.free == NULL, is_ours = now.free == raw_free;
    if (is_ours || (!is_first && (now.free != raw_next.free || now.ctx != raw_next.ctx))) {
        return; /* somebody may still have ours, with what was before it then */
    }
    raw_next = now;
    now.free = raw_free;
    PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &now);
}

static void
unhook_raw(void)
{
    PyMemAllocatorEx now;
    PyMem_GetAllocator(PYMEM_DOMAIN_RAW, &now);
    if (now.free == raw_free) {
        now.free = raw_next.free;
        PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &now);
    }
}

/* Put a link on top.  0, or -1.  Needs the GIL. */
static int
install(int domain)
{
    static const PyMemAllocatorEx ASIDE[DOMAIN_COUNT] = {
        [MEM] = {NULL, mem_malloc, mem_calloc, mem_realloc, NULL},
        [OBJ] = {NULL, obj_malloc, obj_calloc, obj_realloc, NULL},
    };
    if (is_called(domain)) {
        return 0; /* left from an earlier time, under another hook */
    }
    if (link_count[domain] == LINK_MAX) {
        return -1;
    }
    PyMemAllocatorEx *link = &links[domain][link_count[domain]++];
    PyMem_GetAllocator(DOMAINS[domain], link);
    if (is_aside && link_count[domain] == 1) {
        ours[domain] = ASIDE[domain];
        ours[domain].ctx = link->ctx;
        ours[domain].free = link->free;
    } else {
        ours[domain] =
            (PyMemAllocatorEx){link, linked_malloc, linked_calloc, linked_realloc, linked_free};
    }
    PyMem_SetAllocator(DOMAINS[domain], &ours[domain]);
    return 0;
}

/* Get into place one way or the other.  0, or -1.  Needs the GIL and the table. */
static int
install_all(int wants_aside)
{
    if (link_count[MEM] == 0 && link_count[OBJ] == 0) {
        is_aside = wants_aside;
    }
    if (is_aside) {
        hook_raw();
    }
    for (int i = 0; i < DOMAIN_COUNT; i++) {
        if (install(i) < 0 || !is_watched(i)) {
            lk_site_hooks_uninstall();
            return -1;
        }
    }
    return 0;
}

int
lk_site_hooks_install(const char **why)
{
    if (install_all(1) < 0 && install_all(0) < 0) {
        *why = "our hook was displaced in this process";
        return -1;
    }
    return 0;
}

/* Our link, if it is on top of a domain; else NULL.  Needs the GIL. */
static PyMemAllocatorEx *
link_on_top(int domain)
{
    PyMemAllocatorEx now, *set = &ours[domain];
    PyMem_GetAllocator(DOMAINS[domain], &now);
    int is_ours = link_count[domain] > 0 && now.ctx == set->ctx && now.malloc == set->malloc &&
                  now.realloc == set->realloc && now.free == set->free;
    return is_ours ? &links[domain][link_count[domain] - 1] : NULL;
}

void
lk_site_hooks_lift(void)
{
    for (int i = 0; i < DOMAIN_COUNT; i++) {
        PyMemAllocatorEx *link = link_on_top(i);
        if (link != NULL) {
            PyMem_SetAllocator(DOMAINS[i], link);
        }
    }
}

void
lk_site_hooks_uninstall(void)
{
    for (int i = 0; i < DOMAIN_COUNT; i++) {
        PyMemAllocatorEx *link = link_on_top(i);
        if (link != NULL) {
            PyMem_SetAllocator(DOMAINS[i], link);
            link_count[i]--;
        }
    }
    unhook_raw();
}

int
lk_site_hooks_are_watching(void)
{
    return is_watched(MEM) && is_watched(OBJ);
}

int
lk_site_hooks_are_left(void)
{
    return is_called(MEM) || is_called(OBJ);
}

size_t
lk_site_hooks_aside_bytes(void)
{
    size_t sum = 0;
    for (size_t i = 1; is_aside && i < lk_sites.table.used; i++) {
        const lk_sample *sample = &lk_sites.table.records[i];
        unsigned kind = LK_SAMPLE_KIND(sample);
        if ((kind == LK_SAMPLE_BLOCK || kind == LK_SAMPLE_REUSED) && sample->bytes < ASIDE_BYTES) {
            size_t chunk = (sample->bytes + 8 + 15) / 16 * 16; /* as glibc counts */
            sum += chunk < 32 ? 32 : chunk;
        }
    }
    return sum;
}

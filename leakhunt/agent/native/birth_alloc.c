/* The hook in the object allocator.
 *
 * A new tenant of a block that was in use at the mark can only come after the old one was
 * freed.  So identity needs the frees alone, and they cost little: the hook need not wait for
 * the allocator's answer.  When lost objects are looked for, what is live must be known, and
 * the allocations are marked.
 */
#include "birth_map.h"

static PyMemAllocatorEx links[LK_LINK_MAX]; /* what came before us */
static int link_count;
static PyMemAllocatorEx ours; /* what we set last */

/* ---- when lost objects are looked for ---- */

static void *
hook_malloc(void *ctx, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    void *p = next->malloc(next->ctx, n);
    lk_birth_set((uintptr_t)p, LK_BIRTH_BORN | LK_BIRTH_LIVE);
    return p;
}

static void *
hook_calloc(void *ctx, size_t k, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    void *p = next->calloc(next->ctx, k, n);
    lk_birth_set((uintptr_t)p, LK_BIRTH_BORN | LK_BIRTH_LIVE);
    return p;
}

/* A block that stays in its place is the same object. */
static void *
hook_realloc(void *ctx, void *old, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    void *p = next->realloc(next->ctx, old, n);
    if (p != NULL && p != old) {
        lk_birth_unset((uintptr_t)old, LK_BIRTH_LIVE);
        lk_birth_set((uintptr_t)p, LK_BIRTH_BORN | LK_BIRTH_LIVE);
    }
    return p;
}

static void
hook_free(void *ctx, void *p)
{
    const PyMemAllocatorEx *next = ctx;
    lk_birth_unset((uintptr_t)p, LK_BIRTH_LIVE);
    next->free(next->ctx, p);
}

/* ---- when identity is enough ---- */

/* The context is not ours but that of what came before, so that allocations go there without
 * a detour.  Hence there can be one installation of this kind at a time: link 0. */
static void *
light_realloc(void *ctx, void *old, size_t n)
{
    void *p = links[0].realloc(ctx, old, n);
    if (p != NULL && p != old) {
        lk_birth_forget((uintptr_t)old);
    }
    return p;
}

static void
light_free(void *ctx, void *p)
{
    lk_birth_forget((uintptr_t)p);
    links[0].free(ctx, p);
}

/* The same for later links. */
static void *
pass_malloc(void *ctx, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    return next->malloc(next->ctx, n);
}

static void *
pass_calloc(void *ctx, size_t k, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    return next->calloc(next->ctx, k, n);
}

static void *
linked_realloc(void *ctx, void *old, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    void *p = next->realloc(next->ctx, old, n);
    if (p != NULL && p != old) {
        lk_birth_forget((uintptr_t)old);
    }
    return p;
}

static void
linked_free(void *ctx, void *p)
{
    const PyMemAllocatorEx *next = ctx;
    lk_birth_forget((uintptr_t)p);
    next->free(next->ctx, p);
}

/* Is our link on top of the chain?  Needs the GIL. */
static int
is_on_top(PyMemAllocatorEx *now)
{
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, now);
    return link_count > 0 && now->ctx == ours.ctx && now->malloc == ours.malloc &&
           now->free == ours.free;
}

int
lk_alloc_is_watching(void)
{
    void *p = PyObject_Malloc(64);
    if (p == NULL) {
        return 1;
    }
    /* LIVE and MET are the same bit, and both end with the block */
    lk_birth_set((uintptr_t)p, LK_BIRTH_LIVE);
    PyObject_Free(p);
    int is_called = !(lk_birth_bits((uintptr_t)p) & LK_BIRTH_LIVE);
    lk_birth_unset((uintptr_t)p, LK_BIRTH_LIVE);
    return is_called;
}

int
lk_alloc_install(const char **why)
{
    PyMemAllocatorEx now;
    if (is_on_top(&now)) {
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &links[--link_count]);
        PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &now);
    }
    if (link_count == LK_LINK_MAX) {
        *why = LK_CHAIN_IS_LONG;
        return -1;
    }
    void *link = &links[link_count];
    if (!lk_birth_is_light) {
        ours = (PyMemAllocatorEx){link, hook_malloc, hook_calloc, hook_realloc, hook_free};
    } else if (link_count > 0) {
        ours = (PyMemAllocatorEx){link, pass_malloc, pass_calloc, linked_realloc, linked_free};
    } else {
        ours = (PyMemAllocatorEx){now.ctx, now.malloc, now.calloc, light_realloc, light_free};
    }
    links[link_count++] = now;
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &ours);
    return 0;
}

void
lk_alloc_uninstall(void)
{
    PyMemAllocatorEx now;
    if (is_on_top(&now)) {
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &links[--link_count]);
    }
}

int
lk_alloc_lift(PyMemAllocatorEx *kept)
{
    if (!is_on_top(kept)) {
        return 0;
    }
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &links[0]);
    return 1;
}

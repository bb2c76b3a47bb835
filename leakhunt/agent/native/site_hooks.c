/* The hooks of the sampler: in the allocators, and in 3.13 at the birth of objects.
 *
 * The domains MEM and OBJ are called with the GIL only, so a plain countdown of bytes serves.
 * RAW is not watched: its callers need no GIL, and then neither the countdown nor the stack
 * of the caller can be trusted.
 */
#include "dealloc.h"
#include "sites.h"

#define DOMAIN_COUNT 2
static const PyMemAllocatorDomain DOMAINS[DOMAIN_COUNT] = {PYMEM_DOMAIN_MEM, PYMEM_DOMAIN_OBJ};

/* What came before us.  A link that somebody may have saved is never used again. */
#define LINK_MAX 16
static PyMemAllocatorEx links[DOMAIN_COUNT][LINK_MAX];
static int link_count[DOMAIN_COUNT];

/* So many bytes are about to be allocated: is it time for a sample? */
static inline int
is_due(size_t n)
{
    lk_site_now.left -= (int64_t)n;
    return __builtin_expect(lk_site_now.left < 0, 0);
}

static void *__attribute__((noinline))
sampled_malloc(const PyMemAllocatorEx *next, size_t n)
{
    void *p = next->malloc(next->ctx, n);
    lk_site_take(p, n);
    return p;
}

static void *__attribute__((noinline))
sampled_calloc(const PyMemAllocatorEx *next, size_t k, size_t n)
{
    void *p = next->calloc(next->ctx, k, n);
    lk_site_take(p, k * n);
    return p;
}

/* The new size is as likely to be noted as if it were another block; when it fails the old one
 * is still there. */
static void *__attribute__((noinline))
sampled_realloc(const PyMemAllocatorEx *next, void *old, size_t n, int is_taken)
{
    void *p = next->realloc(next->ctx, old, n);
    if (p != NULL && lk_site_may_be((uintptr_t)old)) {
        lk_site_drop((uintptr_t)old);
    }
    if (is_taken) {
        lk_site_take(p, n);
    }
    return p;
}

/* All but the sampled calls end in the jump to what came before us. */
static void *
hook_malloc(void *ctx, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    return is_due(n) ? sampled_malloc(next, n) : next->malloc(next->ctx, n);
}

static void *
hook_calloc(void *ctx, size_t k, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    return is_due(k * n) ? sampled_calloc(next, k, n) : next->calloc(next->ctx, k, n);
}

static void *
hook_realloc(void *ctx, void *old, size_t n)
{
    const PyMemAllocatorEx *next = ctx;
    int is_taken = is_due(n);
    return __builtin_expect(is_taken || lk_site_may_be((uintptr_t)old), 0)
               ? sampled_realloc(next, old, n, is_taken)
               : next->realloc(next->ctx, old, n);
}

static void
hook_free(void *ctx, void *p)
{
    const PyMemAllocatorEx *next = ctx;
    if (__builtin_expect(lk_site_may_be((uintptr_t)p), 0)) {
        lk_site_drop((uintptr_t)p);
    }
    next->free(next->ctx, p);
}

#if LK_HAS_REF_TRACER
/* Of objects, where their births are heard of as well: the allocation and the birth that
 * follows it are one. */
static void *
hook_object_malloc(void *ctx, size_t n)
{
    lk_site_now.is_fresh = 1;
    return hook_malloc(ctx, n);
}

static void *
hook_object_calloc(void *ctx, size_t k, size_t n)
{
    lk_site_now.is_fresh = 1;
    return hook_calloc(ctx, k, n);
}
#else
#define hook_object_malloc hook_malloc
#define hook_object_calloc hook_calloc
#endif

/* ---- objects that come back from free lists (3.13+) ---- */

#if LK_HAS_REF_TRACER

/* Is it of a type that the interpreter keeps on free lists?  Subclasses are not kept. */
static inline int
has_free_list(const PyTypeObject *type)
{
    return type == &PyTuple_Type || type == &PyList_Type || type == &PyDict_Type ||
           type == &PyFloat_Type;
}

/* An object of a type with a free list is the next tenant of a block: the former one's sample
 * ended with it, and this one is as likely to be noted as if it had been allocated. */
static void __attribute__((noinline))
hear_rebirth(PyObject *op)
{
    size_t preheader = PyFloat_CheckExact(op) ? 0 : sizeof(PyGC_Head);
    size_t bytes = (size_t)Py_TYPE(op)->tp_basicsize + preheader;
    if (PyTuple_CheckExact(op)) {
        /* still that of the former: each list has tuples of one size */
        bytes += (size_t)Py_SIZE(op) * sizeof(PyObject *);
    }
    if (lk_site_may_be((uintptr_t)op - preheader)) {
        lk_site_drop((uintptr_t)op - preheader);
    }
    if (is_due(bytes)) {
        lk_site_take((char *)op - preheader, bytes);
    }
}

/* Called at the birth and the death of every object.  Deaths say nothing new: what is freed we
 * hear of, what waits on a free list until it is reborn (and the interpreter's loop in 3.13.0
 * leaves some of them out). */
static int
trace_reference(PyObject *op, lk_ref_event event, void *unused)
{
    (void)unused;
    if (event != LK_REF_CREATE) {
        return 0;
    }
    if (lk_site_now.is_fresh) {
        lk_site_now.is_fresh = 0;
    } else if (has_free_list(Py_TYPE(op))) {
        hear_rebirth(op);
    }
    return 0;
}

#endif

static int is_wrapped; /* the deallocators tell us */

enum lk_sites_reuse
lk_site_hooks_reuse(void)
{
#if LK_HAS_REF_TRACER
    if (lk_ref_tracer_get() == trace_reference) {
        return LK_REUSE_SEEN;
    }
#endif
    return is_wrapped ? LK_REUSE_ENDED : LK_REUSE_UNSEEN;
}

/* Hear of births, if the place of the reference tracer is empty, or else of ends. */
static void
watch_free_lists(void)
{
#if LK_HAS_REF_TRACER
    if (lk_ref_tracer_get() == NULL) {
        lk_ref_tracer_set(trace_reference);
        return;
    }
#endif
    is_wrapped = 1;
    lk_dealloc_wrap(LK_DEALLOC_SITES);
}

/* 1 when nothing of ours is left. */
static int
leave_free_lists(void)
{
#if LK_HAS_REF_TRACER
    if (lk_ref_tracer_get() == trace_reference) {
        lk_ref_tracer_set(NULL);
    }
#endif
    if (!is_wrapped) {
        return 1;
    }
    is_wrapped = 0;
    return lk_dealloc_unwrap(LK_DEALLOC_SITES);
}

/* ---- in and out ---- */

/* Is one of our hooks called when memory of the domain is asked for?  Needs the GIL. */
static int
is_called(int domain)
{
    int64_t left = lk_site_now.left;
    lk_site_now.left = INT64_MAX / 2;
    void *p = domain == 0 ? PyMem_Malloc(64) : PyObject_Malloc(64);
    int is_ours = lk_site_now.left != INT64_MAX / 2;
    if (domain == 0) {
        PyMem_Free(p);
    } else {
        PyObject_Free(p);
    }
    lk_site_now.left = left;
    return is_ours;
}

/* Put a link on top.  0, or -1.  Needs the GIL. */
static int
install(int domain)
{
    if (is_called(domain)) {
        return 0; /* left from an earlier time, under another hook */
    }
    if (link_count[domain] == LINK_MAX) {
        return -1;
    }
    PyMemAllocatorEx *link = &links[domain][link_count[domain]++];
    PyMem_GetAllocator(DOMAINS[domain], link);
    PyMemAllocatorEx ours = {link, hook_malloc, hook_calloc, hook_realloc, hook_free};
    if (DOMAINS[domain] == PYMEM_DOMAIN_OBJ) {
        ours.malloc = hook_object_malloc;
        ours.calloc = hook_object_calloc;
    }
    PyMem_SetAllocator(DOMAINS[domain], &ours);
    return 0;
}

int
lk_site_hooks_install(const char **why)
{
    for (int i = 0; i < DOMAIN_COUNT; i++) {
        if (install(i) < 0) {
            lk_site_hooks_uninstall();
            *why = "our hook was displaced too often in this process";
            return -1;
        }
    }
    watch_free_lists();
    return 0;
}

/* Our link, if it is on top of a domain; else NULL.  Needs the GIL. */
static PyMemAllocatorEx *
link_on_top(int domain)
{
    PyMemAllocatorEx now, *link;
    if (link_count[domain] == 0) {
        return NULL;
    }
    link = &links[domain][link_count[domain] - 1];
    PyMem_GetAllocator(DOMAINS[domain], &now);
    return now.free == hook_free && now.ctx == link ? link : NULL;
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

int
lk_site_hooks_uninstall(void)
{
    int is_clean = leave_free_lists();
    for (int i = 0; i < DOMAIN_COUNT; i++) {
        PyMemAllocatorEx *link = link_on_top(i);
        if (link != NULL) {
            PyMem_SetAllocator(DOMAINS[i], link);
            link_count[i]--;
        }
    }
    return is_clean;
}

int
lk_site_hooks_are_watching(void)
{
    return is_called(0) && is_called(1);
}

int
lk_site_hooks_are_left(void)
{
    return is_called(0) || is_called(1);
}

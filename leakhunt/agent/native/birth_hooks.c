/* Who notices births: the allocator and the deallocators (3.11, 3.12), or the reference
 * tracer (3.13 and later).  What is exact and what is not: docs/identity.md; reasons and
 * alternatives: docs/decisions/0004.
 */
#include "birth_map.h"

#include <string.h>

/* ---- places in a chain ---- */

/* Each installation has a link of its own, handed to the hook as its context.  A hook that
 * somebody removed and a later one of ours can then be in one chain without a loop.  A link
 * that somebody may have saved is never used again. */
#define LINK_MAX 16
static const char CHAIN_IS_LONG[] = "our hook was displaced too often in this process";

#if !LK_HAS_REF_TRACER

/* ---- the allocator hook ---- */

static PyMemAllocatorEx links[LINK_MAX];    /* what came before us */
static int link_count;

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
        lk_birth_clear_live((uintptr_t)old);
        lk_birth_set((uintptr_t)p, LK_BIRTH_BORN | LK_BIRTH_LIVE);
    }
    return p;
}

static void
hook_free(void *ctx, void *p)
{
    const PyMemAllocatorEx *next = ctx;
    lk_birth_clear_live((uintptr_t)p);
    next->free(next->ctx, p);
}

/* ---- deallocators of types with free lists ---- */

/* A freed tuple, list or dict may wait on a free list and come back without passing the
 * allocator.  So the end of its life is marked instead: what is found at the address later
 * is another object.  Subclasses never use the free list of their base. */
static inline void
mark_end(PyObject *op, PyTypeObject *type, size_t offset)
{
    if (Py_TYPE(op) == type) {
        lk_birth_set((uintptr_t)op - offset, LK_BIRTH_BORN | LK_BIRTH_LIVE);
    }
}

/* Position in `wrapped`. */
enum wrapped_type { TUPLE, LIST, DICT, CONTEXT, SLICE, FLOAT, MEMORY_ERROR, ASEND, YIELDED,
                    FUTURE_ITER, WRAPPED_COUNT };
static struct {
    PyTypeObject *type;         /* NULL when it does not exist (yet); owned */
    destructor ours, next;
    int is_ours;                /* our wrapper is, or may be, in the chain */
} wrapped[WRAPPED_COUNT];

#define WRAPPER(name, which, offset) \
    static void \
    wrap_##name(PyObject *op) \
    { \
        mark_end(op, wrapped[which].type, offset); \
        wrapped[which].next(op); \
    }

/* The static container types compare tp_dealloc with their own function to decide whether
 * the trashcan (CPython's guard against deep recursion) is used.  With ours in its place
 * they do not, so ours brings it.  While few are nested the calls of Py_TRASHCAN_BEGIN and
 * _END come down to counting. */
#define FEW_NESTED 32
static inline void
dealloc_in_trashcan(PyObject *op, destructor next)
{
    PyThreadState *ts = lk_current_thread();
    if (LK_TRASH_NESTING(ts) < FEW_NESTED) {
        LK_TRASH_NESTING(ts)++;
    }
    else {
        PyObject_GC_UnTrack(op);
        if (_PyTrash_begin(ts, op)) {
            return;             /* deposited: its turn comes when the nest has unwound */
        }
    }
    next(op);
    if (LK_TRASH_LATER(ts) == NULL) {
        LK_TRASH_NESTING(ts)--;
    }
    else {
        _PyTrash_end(ts);
    }
}

#define WRAPPER_WITH_TRASHCAN(name, which) \
    static void \
    wrap_##name(PyObject *op) \
    { \
        mark_end(op, wrapped[which].type, sizeof(PyGC_Head)); \
        if (Py_TYPE(op)->tp_dealloc != wrap_##name) { \
            wrapped[which].next(op); \
            return; \
        } \
        dealloc_in_trashcan(op, wrapped[which].next); \
    }

WRAPPER_WITH_TRASHCAN(tuple, TUPLE)
WRAPPER_WITH_TRASHCAN(list, LIST)
WRAPPER_WITH_TRASHCAN(dict, DICT)
WRAPPER(context, CONTEXT, sizeof(PyGC_Head))
WRAPPER(slice, SLICE, sizeof(PyGC_Head))
WRAPPER(float, FLOAT, 0)
WRAPPER(memory_error, MEMORY_ERROR, sizeof(PyGC_Head))
WRAPPER(asend, ASEND, sizeof(PyGC_Head))
WRAPPER(yielded, YIELDED, sizeof(PyGC_Head))
WRAPPER(future_iter, FUTURE_ITER, sizeof(PyGC_Head))

/* Put our wrapper on a type.  NULL is no type.  Needs the GIL. */
static void
wrap(enum wrapped_type which, PyTypeObject *type, destructor ours)
{
    if (type != NULL && !wrapped[which].is_ours) {
        Py_INCREF(type);
        wrapped[which].type = type;
        wrapped[which].ours = ours;
        wrapped[which].next = type->tp_dealloc;
        wrapped[which].is_ours = 1;
        type->tp_dealloc = ours;
    }
}

/* The type behind `await future`: nothing names it, so it is looked up among the
 * subclasses of object.  Borrowed, NULL when _asyncio is not imported.  Needs the GIL. */
static PyTypeObject *
find_future_iter(void)
{
    PyTypeObject *found = NULL;
    PyObject *modules = PyImport_GetModuleDict();
    if (modules == NULL || PyDict_GetItemString(modules, "_asyncio") == NULL) {
        return NULL;
    }
    PyObject *types = PyObject_CallMethod((PyObject *)&PyBaseObject_Type, "__subclasses__", NULL);
    for (Py_ssize_t i = 0; types != NULL && i < PyList_GET_SIZE(types); i++) {
        PyTypeObject *type = (PyTypeObject *)PyList_GET_ITEM(types, i);
        if (strcmp(type->tp_name, "_asyncio.FutureIter") == 0 &&
            lk_preheader_bytes(type) == sizeof(PyGC_Head) && type->tp_base == &PyBaseObject_Type) {
            found = type;
        }
    }
    Py_XDECREF(types);
    PyErr_Clear();
    return found;
}

/* Needs the GIL. */
static void
wrap_all(void)
{
    wrap(TUPLE, &PyTuple_Type, wrap_tuple);
    wrap(LIST, &PyList_Type, wrap_list);
    wrap(DICT, &PyDict_Type, wrap_dict);
    wrap(CONTEXT, &PyContext_Type, wrap_context);
    wrap(SLICE, &PySlice_Type, wrap_slice);
    wrap(FLOAT, &PyFloat_Type, wrap_float);
    wrap(MEMORY_ERROR, (PyTypeObject *)PyExc_MemoryError, wrap_memory_error);
    wrap(ASEND, &_PyAsyncGenASend_Type, wrap_asend);
    wrap(YIELDED, &_PyAsyncGenWrappedValue_Type, wrap_yielded);
    if (!wrapped[FUTURE_ITER].is_ours) {
        wrap(FUTURE_ITER, find_future_iter(), wrap_future_iter);
    }
}

/* Take our wrappers off.  1 when all are.  `next` stays: static types that were made
 * meanwhile inherited the wrapper.  Needs the GIL. */
static int
unwrap_all(void)
{
    int is_clean = 1;
    for (int i = 0; i < WRAPPED_COUNT; i++) {
        if (!wrapped[i].is_ours) {
            continue;
        }
        if (wrapped[i].type->tp_dealloc != wrapped[i].ours) {
            is_clean = 0;
            continue;
        }
        wrapped[i].type->tp_dealloc = wrapped[i].next;
        wrapped[i].is_ours = 0;
        Py_DECREF(wrapped[i].type);
    }
    return is_clean;
}

/* Is our hook called?  A block that we say is live and free must not be live then.
 * Needs the GIL and a map. */
int
lk_birth_is_watching(void)
{
    void *p = PyObject_Malloc(64);
    if (p == NULL) {
        return 1;
    }
    lk_birth_set((uintptr_t)p, LK_BIRTH_LIVE);
    PyObject_Free(p);
    int is_called = !(lk_birth_bits((uintptr_t)p) & LK_BIRTH_LIVE);
    lk_birth_clear_live((uintptr_t)p);
    return is_called;
}

/* Is the link on top of the chain ours?  Needs the GIL. */
static int
is_on_top(PyMemAllocatorEx *now)
{
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, now);
    return now->malloc == hook_malloc && link_count > 0 && now->ctx == &links[link_count - 1];
}

/* 0, or -1 with *why a constant text.  Needs the GIL and a map. */
int
lk_birth_install(const char **why)
{
    PyMemAllocatorEx now, ours = {NULL, hook_malloc, hook_calloc, hook_realloc, hook_free};
    if (!is_on_top(&now) && !lk_birth_is_watching()) {
        if (link_count == LINK_MAX) {
            *why = CHAIN_IS_LONG;
            return -1;
        }
        links[link_count] = now;
        ours.ctx = &links[link_count++];
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &ours);
    }
    wrap_all();
    return 0;
}

/* Put back what we found.  The code itself is never unloaded.  Needs the GIL and a map. */
enum lk_birth_rest
lk_birth_uninstall(void)
{
    PyMemAllocatorEx now;
    int is_clean = unwrap_all();
    if (is_on_top(&now)) {
        PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &links[--link_count]);
    }
    return is_clean && !lk_birth_is_watching() ? LK_BIRTH_NOTHING_LEFT : LK_BIRTH_PASS_THROUGH;
}

/* Bytes from the block to the object: allocators see blocks. */
size_t
lk_birth_object_offset(size_t preheader_bytes)
{
    return preheader_bytes;
}

const char *
lk_birth_method(void)
{
    return "allocator+deallocators";
}

const char *
lk_birth_note(void)
{
    return "exact for all that passes the object allocator and for the types of the standard "
           "library with free lists; a float computed from a dying float, and an object of an "
           "extension type with a free list of its own, can pass for the one whose place it took";
}

#else

/* ---- the reference tracer ---- */

static struct {
    PyRefTracer tracer;
    void *data;
} links[LINK_MAX];              /* what came before us */
static int link_count;

/* PyRefTracer: every creation and destruction, free lists included. */
static int
trace(PyObject *o, PyRefTracerEvent event, void *data)
{
    const PyRefTracer next = links[(intptr_t)data].tracer;
    if (event != PyRefTracer_CREATE) {
        lk_birth_clear_live((uintptr_t)o);
    }
    else if (__builtin_expect(Py_TYPE(o)->tp_finalize != NULL, 0) && PyObject_IS_GC(o) &&
             _PyGC_FINALIZED(o)) {
        /* an old object that its finalizer brought back is announced as if it were new */
    }
    else {
        lk_birth_set((uintptr_t)o, LK_BIRTH_BORN | LK_BIRTH_LIVE);
    }
    return next == NULL ? 0 : next(o, event, links[(intptr_t)data].data);
}

/* As for the allocator hook. */
int
lk_birth_is_watching(void)
{
    PyObject *o = PyList_New(0);
    if (o == NULL) {
        PyErr_Clear();
        return 1;
    }
    lk_birth_set((uintptr_t)o, LK_BIRTH_LIVE);
    Py_DECREF(o);
    int is_called = !(lk_birth_bits((uintptr_t)o) & LK_BIRTH_LIVE);
    lk_birth_clear_live((uintptr_t)o);
    return is_called;
}

static int
is_on_top(void)
{
    void *data;
    return PyRefTracer_GetTracer(&data) == trace && (intptr_t)data == link_count - 1;
}

/* 0, or -1 with *why a constant text.  Needs the GIL and a map. */
int
lk_birth_install(const char **why)
{
    if (is_on_top() || lk_birth_is_watching()) {
        return 0;
    }
    if (link_count == LINK_MAX) {
        *why = CHAIN_IS_LONG;
        return -1;
    }
    /* tracemalloc uses the slot too: it keeps being called */
    links[link_count].tracer = PyRefTracer_GetTracer(&links[link_count].data);
    if (PyRefTracer_SetTracer(trace, (void *)(intptr_t)link_count) < 0) {
        PyErr_Clear();
        *why = "the reference tracer could not be set";
        return -1;
    }
    link_count++;
    return 0;
}

/* As for the allocator hook. */
enum lk_birth_rest
lk_birth_uninstall(void)
{
    if (is_on_top()) {
        link_count--;
        if (PyRefTracer_SetTracer(links[link_count].tracer, links[link_count].data) < 0) {
            PyErr_Clear();
        }
    }
    return lk_birth_is_watching() ? LK_BIRTH_PASS_THROUGH : LK_BIRTH_NOTHING_LEFT;
}

/* The tracer sees objects, not blocks. */
size_t
lk_birth_object_offset(size_t preheader_bytes)
{
    (void)preheader_bytes;
    return 0;
}

const char *
lk_birth_method(void)
{
    return "reference tracer";
}

const char *
lk_birth_note(void)
{
    return "the interpreter reports every creation, free lists included; but a float that "
           "arithmetic overwrites in place stays the same object";
}

#endif

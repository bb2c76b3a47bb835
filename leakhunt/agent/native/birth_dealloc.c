/* Births that the allocator does not see: the deallocators of types with free lists. */
#include "birth_map.h"
#include "pycall.h"
#include "sites.h"
#include "trashcan.h"

#include <string.h>

/* A freed tuple, list or dict may wait on a free list and come back without passing the
 * allocator.  So the end of its life is marked instead: what is found at the address later
 * is another object.  Subclasses never use the free list of their base.  A sample ends as well:
 * where it was made says nothing of the next. */
static inline void
mark_end(PyObject *op, PyTypeObject *type, size_t offset)
{
    uintptr_t block = (uintptr_t)op - offset;
    if (Py_TYPE(op) != type) {
        return;
    }
    if (__builtin_expect(lk_site_may_be(block), 0)) {
        lk_site_end(block, offset);
    }
    if (lk_births.leaves == NULL) {
        return; /* births are not watched */
    }
    if (lk_birth_is_light) {
        lk_birth_forget(block);
    } else {
        lk_birth_set(block, LK_BIRTH_BORN | LK_BIRTH_LIVE);
    }
}

/* Position in `wrapped`. */
enum wrapped_type {
    TUPLE,
    LIST,
    DICT,
    CONTEXT,
    SLICE,
    FLOAT,
    MEMORY_ERROR,
    ASEND,
    YIELDED,
    FUTURE_ITER,
    INT,
    METHOD,
    BUILTIN,
    BUILTIN_METHOD,
    LIST_ITER,
    TUPLE_ITER,
    RANGE,
    RANGE_ITER,
    CODE,
    WRAPPED_COUNT
};
static struct {
    PyTypeObject *type; /* NULL when it does not exist (yet); owned */
    destructor ours, next;
    int is_ours; /* our wrapper is, or may be, in the chain */
} wrapped[WRAPPED_COUNT];

#define WRAPPER(name, which, offset)                                                               \
    static void wrap_##name(PyObject *op)                                                          \
    {                                                                                              \
        mark_end(op, wrapped[which].type, offset);                                                 \
        wrapped[which].next(op);                                                                   \
    }

/* Wrappers that are running now, one in the other, in all threads. */
static unsigned nested_count;
#define FEW_NESTED 32

static void __attribute__((noinline, cold))
run_deep(PyObject *op, destructor ours, destructor next)
{
    if (Py_TYPE(op)->tp_dealloc == ours) {
        lk_dealloc_in_trashcan(op, next);
    } else {
        next(op);
    }
}

/* The static container types compare tp_dealloc with their own function to decide whether
 * the trashcan (CPython's guard against deep recursion) is used.  With ours in its place
 * they do not, so ours brings it.  It is not needed while few are nested, which is less than the
 * room that the trashcan leaves. */
#define WRAPPER_WITH_TRASHCAN(name, which)                                                         \
    static void wrap_##name(PyObject *op)                                                          \
    {                                                                                              \
        mark_end(op, wrapped[which].type, sizeof(PyGC_Head));                                      \
        if (__builtin_expect(nested_count < FEW_NESTED, 1)) {                                      \
            nested_count++;                                                                        \
            wrapped[which].next(op);                                                               \
            nested_count--;                                                                        \
        } else {                                                                                   \
            run_deep(op, wrap_##name, wrapped[which].next);                                        \
        }                                                                                          \
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
#if LK_MANY_FREE_LISTS
WRAPPER(int, INT, 0)
WRAPPER(method, METHOD, sizeof(PyGC_Head))
WRAPPER(builtin, BUILTIN, sizeof(PyGC_Head))
WRAPPER(builtin_method, BUILTIN_METHOD, sizeof(PyGC_Head))
WRAPPER(list_iter, LIST_ITER, sizeof(PyGC_Head))
WRAPPER(tuple_iter, TUPLE_ITER, sizeof(PyGC_Head))
WRAPPER(range, RANGE, 0)
WRAPPER(range_iter, RANGE_ITER, 0)
#endif

/* Code waits on no free list, but its place in memory is its name in the sampler's stacks. */
static void
wrap_code(PyObject *op)
{
    if (lk_site_may_be((uintptr_t)op)) {
        lk_site_end_code((uintptr_t)op);
    }
    wrapped[CODE].next(op);
}

/* Put our wrapper on a type.  Needs the GIL. */
static void
wrap(enum wrapped_type which, PyTypeObject *type, destructor ours)
{
    if (!wrapped[which].is_ours) {
        Py_INCREF(type);
        wrapped[which].type = type;
        wrapped[which].ours = ours;
        wrapped[which].next = type->tp_dealloc;
        wrapped[which].is_ours = 1;
        type->tp_dealloc = ours;
    }
}

/* Wrap types that no symbol names: they are looked up among the subclasses of object.
 * Needs the GIL. */
static void
wrap_by_name(void)
{
    PyObject *types = lk_call_method((PyObject *)&PyBaseObject_Type, "__subclasses__", NULL);
    for (Py_ssize_t i = 0; types != NULL && i < PyList_GET_SIZE(types); i++) {
        PyTypeObject *type = (PyTypeObject *)PyList_GET_ITEM(types, i);
        if (lk_preheader_bytes(type) != sizeof(PyGC_Head)) {
            continue;
        }
        if (strcmp(type->tp_name, "_asyncio.FutureIter") == 0) {
            wrap(FUTURE_ITER, type, wrap_future_iter);
        } else if (strcmp(type->tp_name, "async_generator_wrapped_value") == 0) {
            wrap(YIELDED, type, wrap_yielded);
        }
    }
    Py_XDECREF(types);
    PyErr_Clear();
}

/* The types that are on free lists since 3.14.  Needs the GIL. */
static void
wrap_many(void)
{
#if LK_MANY_FREE_LISTS
    wrap(INT, &PyLong_Type, wrap_int);
    wrap(METHOD, &PyMethod_Type, wrap_method);
    wrap(BUILTIN, &PyCFunction_Type, wrap_builtin);
    wrap(BUILTIN_METHOD, &PyCMethod_Type, wrap_builtin_method);
    wrap(LIST_ITER, &PyListIter_Type, wrap_list_iter);
    wrap(TUPLE_ITER, &PyTupleIter_Type, wrap_tuple_iter);
    wrap(RANGE, &PyRange_Type, wrap_range);
    wrap(RANGE_ITER, &PyRangeIter_Type, wrap_range_iter);
#endif
}

/* Has a type come that is not wrapped yet?  Needs the GIL. */
static int
is_one_missing(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    return !wrapped[YIELDED].is_ours || (!wrapped[FUTURE_ITER].is_ours && modules != NULL &&
                                         PyDict_GetItemString(modules, "_asyncio") != NULL);
}

static unsigned users; /* who wants the ends */

void
lk_dealloc_wrap(enum lk_dealloc_user user)
{
    users |= user;
    wrap(TUPLE, &PyTuple_Type, wrap_tuple);
    wrap(LIST, &PyList_Type, wrap_list);
    wrap(DICT, &PyDict_Type, wrap_dict);
    wrap(CONTEXT, &PyContext_Type, wrap_context);
    wrap(SLICE, &PySlice_Type, wrap_slice);
    wrap(FLOAT, &PyFloat_Type, wrap_float);
    wrap(MEMORY_ERROR, (PyTypeObject *)PyExc_MemoryError, wrap_memory_error);
    wrap(ASEND, &_PyAsyncGenASend_Type, wrap_asend);
    wrap_many();
    if (user == LK_DEALLOC_SITES) {
        wrap(CODE, &PyCode_Type, wrap_code);
    }
    if (is_one_missing()) {
        wrap_by_name();
    }
}

/* `next` stays: static types that were made meanwhile inherited the wrapper. */
int
lk_dealloc_unwrap(enum lk_dealloc_user user)
{
    int is_clean = 1;
    users &= ~(unsigned)user;
    if (users != 0) {
        return 1;
    }
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

/* Every difference between the CPython versions we serve, and nothing else (those of
 * frames: compat_frames.h).
 *
 * Private structs are read, never written (docs/decisions/0002).  selftest.c proves each
 * location on sacrificial objects when the module is loaded; an interpreter that does not
 * match is refused.
 */
#ifndef LEAKHUNT_COMPAT_H
#define LEAKHUNT_COMPAT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#define Py_BUILD_CORE 1
#define PY_SSIZE_T_CLEAN
#include "Python.h"
#include "structmember.h"
#include "internal/pycore_interp.h"
#include "internal/pycore_pystate.h"
#include "internal/pycore_dict.h"
#include "internal/pycore_object.h"
#include "internal/pycore_frame.h"
#if PY_VERSION_HEX >= 0x030E0000
#include "internal/pycore_interpframe.h"
#include "internal/pycore_stackref.h"
#endif
#include "internal/pycore_code.h"
#include "internal/pycore_context.h"
#include "internal/pycore_gc.h"
#include "internal/pycore_runtime.h"
#include "internal/pycore_pymem.h"

#if PY_VERSION_HEX >= 0x030F0000
#error "CPython 3.15 and later are not served yet"
#elif PY_VERSION_HEX >= 0x030E0000
#define LK_V 314
#elif PY_VERSION_HEX >= 0x030D0000
#define LK_V 313
#elif PY_VERSION_HEX >= 0x030C0000
#define LK_V 312
#elif PY_VERSION_HEX >= 0x030B0000
#define LK_V 311
#else
#error "CPython 3.11 or later is needed"
#endif
#ifdef Py_GIL_DISABLED
#error "free-threaded builds are not served"
#endif
#ifdef Py_TRACE_REFS
#error "Py_TRACE_REFS builds are not served"
#endif

#ifdef Py_DEBUG
#define LK_IS_DEBUG 1
#else
#define LK_IS_DEBUG 0
#endif

#define LK_BUILT_FOR PY_VERSION_HEX
#define LK_STATIC_BUILTIN_FLAG (1UL << 1) /* _Py_TPFLAGS_STATIC_BUILTIN, 3.12+ */

/* ---- references ---- */

/* True when the reference count says nothing.  On 3.11 the deep-frozen objects of the
 * interpreter start at 999,999,999. */
static inline int
lk_is_immortal(PyObject *o)
{
#if LK_V >= 312
    return _Py_IsImmortal(o);
#else
    return Py_REFCNT(o) >= 500000000;
#endif
}

/* sys.getsizeof counts the collector's header of a static type before 3.13, though there is
 * none: it asked the metaclass, now it asks the object. */
#define LK_GETSIZEOF_ASKS_OBJECT (LK_V >= 313)

/* Bytes before the object in its block. */
static inline size_t
lk_preheader_bytes(PyTypeObject *t)
{
    size_t n = (t->tp_flags & Py_TPFLAGS_HAVE_GC) ? sizeof(PyGC_Head) : 0;
#if LK_V >= 312
    if (t->tp_flags & Py_TPFLAGS_PREHEADER) {
#else
    if (t->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
#endif
        n += 2 * sizeof(PyObject *);
    }
    return n;
}

/* ---- dicts and inline values ---- */

static inline PyDictUnicodeEntry *
lk_unicode_entries(PyDictKeysObject *keys)
{
    return (PyDictUnicodeEntry *)(keys->dk_indices + ((size_t)1 << keys->dk_log2_index_bytes));
}

static inline PyDictKeyEntry *
lk_general_entries(PyDictKeysObject *keys)
{
    return (PyDictKeyEntry *)(keys->dk_indices + ((size_t)1 << keys->dk_log2_index_bytes));
}

/* The inline values of an instance of t, or NULL.  *capacity bounds the array. */
static inline PyObject **
lk_inline_values(PyObject *o, PyTypeObject *t, Py_ssize_t *capacity)
{
    *capacity = PY_SSIZE_T_MAX;
#if LK_V == 311
    if (t->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        PyDictValues *values = ((PyDictValues **)o)[-4];
        return values == NULL ? NULL : values->values;
    }
#elif LK_V == 312
    if (t->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        uintptr_t word = ((uintptr_t *)o)[-3];
        return (word & 1) ? ((PyDictValues *)(word + 1))->values : NULL;
    }
#else
    if (t->tp_flags & Py_TPFLAGS_INLINE_VALUES) {
        PyDictValues *values = (PyDictValues *)((char *)o + t->tp_basicsize);
        *capacity = values->capacity;
        return values->valid ? values->values : NULL;
    }
#endif
    return NULL;
}

/* Word of an instance (from its start) that leads to its inline values or its dict. */
#if LK_V == 311
#define LK_VALUES_WORD -4
#else
#define LK_VALUES_WORD -3
#endif

/* The separately allocated block behind inline values, or 0 (for the unreached set). */
static inline uintptr_t
lk_inline_values_block(PyObject *o, PyTypeObject *t)
{
#if LK_V >= 313
    (void)o;
    (void)t;
    return 0;
#else
    Py_ssize_t capacity;
    PyObject **values = lk_inline_values(o, t, &capacity);
    if (values == NULL) {
        return 0;
    }
    /* the byte before the values says how long the prefix is */
    return (uintptr_t)values - ((uint8_t *)values)[-1];
#endif
}

/* The materialised managed dict of an instance of t, or NULL. */
static inline PyObject *
lk_managed_dict(PyObject *o, PyTypeObject *t)
{
    if (!(t->tp_flags & Py_TPFLAGS_MANAGED_DICT)) {
        return NULL;
    }
#if LK_V == 312
    uintptr_t word = ((uintptr_t *)o)[-3];
    return (word & 1) ? NULL : (PyObject *)word;
#else
    return ((PyObject **)o)[-3];
#endif
}

/* True for the dict that shares its instance's inline values: the instance owns them. */
static inline int
lk_dict_is_embedded(PyDictObject *d)
{
#if LK_V >= 313
    return d->ma_values != NULL && d->ma_values->embedded;
#else
    (void)d;
    return 0;
#endif
}

/* The table of interned strings, where it does not count what it refers to: neither as key nor
 * as value. */
#if LK_V >= 313
#define LK_IS_UNCOUNTED_DICT(interp, d)                                                            \
    ((PyObject *)(d) == (interp)->cached_objects.interned_strings)
#else
#define LK_IS_UNCOUNTED_DICT(interp, d) ((void)(interp), (void)(d), 0)
#endif

/* ---- errors ---- */

#if LK_V >= 312
typedef PyObject *lk_raised;
static inline lk_raised
lk_raised_save(void)
{
    return PyErr_GetRaisedException();
}
static inline void
lk_raised_restore(lk_raised saved)
{
    PyErr_SetRaisedException(saved);
}
#else
typedef struct {
    PyObject *type, *value, *traceback;
} lk_raised;
static inline lk_raised
lk_raised_save(void)
{
    lk_raised saved;
    PyErr_Fetch(&saved.type, &saved.value, &saved.traceback);
    return saved;
}
static inline void
lk_raised_restore(lk_raised saved)
{
    PyErr_Restore(saved.type, saved.value, saved.traceback);
}
#endif

/* ---- births of objects that pass no allocator ---- */

/* 3.14 keeps more types on free lists: ints, bound methods, built-in functions, some iterators
 * and ranges. */
#define LK_MANY_FREE_LISTS (LK_V >= 314)

#if LK_V >= 313
#define LK_HAS_REF_TRACER 1
#define LK_REF_CREATE PyRefTracer_CREATE
typedef PyRefTracerEvent lk_ref_event;
#define lk_ref_tracer_get() PyRefTracer_GetTracer(&(void *){NULL})
#define lk_ref_tracer_set(f) PyRefTracer_SetTracer(f, NULL)
#else
#define LK_HAS_REF_TRACER 0
#define LK_REF_CREATE 0
typedef int lk_ref_event;
#define lk_ref_tracer_get() ((lk_ref_tracer)NULL)
#define lk_ref_tracer_set(f) ((void)(f))
#endif
typedef int (*lk_ref_tracer)(PyObject *, lk_ref_event, void *);

#if LK_V == 311
#define lk_tracemalloc_is_on() _Py_tracemalloc_config.tracing
#else
#define lk_tracemalloc_is_on() _PyRuntime.tracemalloc.config.tracing
#endif

#include "compat_frames.h"

/* ---- types ---- */

/* The dict and the subclasses dict of a type: static builtin types keep them in the
 * interpreter since 3.12. */
static inline void
lk_type_dicts(PyInterpreterState *interp, PyTypeObject *t, PyObject **dict, PyObject **subclasses)
{
    *dict = t->tp_dict;
    *subclasses = (PyObject *)t->tp_subclasses;
#if LK_V == 312
    if (t->tp_flags & LK_STATIC_BUILTIN_FLAG) {
        *subclasses = NULL;
        for (size_t i = 0; i < interp->types.num_builtins_initialized; i++) {
            if (interp->types.builtins[i].type == t) {
                *dict = interp->types.builtins[i].tp_dict;
                *subclasses = interp->types.builtins[i].tp_subclasses;
                return;
            }
        }
    }
#elif LK_V >= 313
    if (t->tp_flags & LK_STATIC_BUILTIN_FLAG) {
        *subclasses = NULL;
        for (size_t i = 0; i < _Py_MAX_MANAGED_STATIC_BUILTIN_TYPES; i++) {
            if (interp->types.builtins.initialized[i].type == t) {
                *dict = interp->types.builtins.initialized[i].tp_dict;
                *subclasses = interp->types.builtins.initialized[i].tp_subclasses;
                return;
            }
        }
        for (size_t i = 0; i < _Py_MAX_MANAGED_STATIC_EXT_TYPES; i++) {
            if (interp->types.for_extensions.initialized[i].type == t) {
                *dict = interp->types.for_extensions.initialized[i].tp_dict;
                *subclasses = interp->types.for_extensions.initialized[i].tp_subclasses;
                return;
            }
        }
    }
#else
    (void)interp;
#endif
}

/* ---- interpreter ---- */

/* os.fork warns when the process has other threads. */
#define LK_FORK_WARNS_OF_THREADS (LK_V >= 312)

/* True once the interpreter goes down: then nobody else gets the GIL any more. */
static inline int
lk_is_finalizing(void)
{
    return _PyRuntimeState_GetFinalizing(&_PyRuntime) != NULL;
}

#define LK_GC_LISTS 4

/* One of the collector's three generations.  3.14.0 to 3.14.4 collect in steps, and have a young
 * one and two old ones in the same place. */
#ifdef _PyGC_NEXT_MASK_OLD_SPACE_1
#define LK_GC_GENERATION(gc, i) ((i) == 0 ? &(gc)->young : &(gc)->old[(i) > 0 ? (i) - 1 : 0])
#else
#define LK_GC_GENERATION(gc, i) (&(gc)->generations[i])
#endif

/* Head of one of the collector's lists: three generations and the frozen one. */
static inline PyGC_Head *
lk_gc_list(PyInterpreterState *interp, int i)
{
    return i < 3 ? &LK_GC_GENERATION(&interp->gc, i)->head : &interp->gc.permanent_generation.head;
}

/* The next in one of the collector's lists: bits of the collector's own are in the word. */
static inline PyGC_Head *
lk_gc_next(const PyGC_Head *at)
{
    return (PyGC_Head *)(at->_gc_next & ~(uintptr_t)3);
}

/* The formatter never comes to rest on these lists. */
/* clang-format off */
#if LK_V == 311
#define LK_INTERP_FIELDS(X)                                                                        \
    X(modules_by_index)                                                                            \
    X(sysdict) X(builtins) X(importlib) X(import_func) X(dict) X(builtins_copy)                    \
        X(codec_search_path) X(codec_search_cache) X(codec_error_registry) X(before_forkers)       \
            X(after_forkers_parent) X(after_forkers_child) X(audit_hooks) X(gc.garbage)            \
                X(gc.callbacks) X(warnings.filters) X(warnings.once_registry)                      \
                    X(warnings.default_action)
#define LK_INTERP_MODULES(interp) ((interp)->modules)
#define LK_THREAD_FIELDS(X)                                                                        \
    X(dict)                                                                                        \
    X(context) X(c_profileobj) X(c_traceobj) X(async_exc) X(async_gen_firstiter)                   \
        X(async_gen_finalizer) X(curexc_type) X(curexc_value) X(curexc_traceback)                  \
            X(exc_state.exc_value)
#else
#if LK_V == 312
#define LK_INTERP_CODECS(X) X(codec_search_path) X(codec_search_cache) X(codec_error_registry)
#define LK_THREAD_LOCALS(X)
#else
#define LK_INTERP_CODECS(X) X(codecs.search_path) X(codecs.search_cache) X(codecs.error_registry)
#define LK_THREAD_LOCALS(X) X(threading_local_key) X(threading_local_sentinel)
#endif
#if LK_V >= 314
/* 3.14 keeps the callbacks of atexit in a list. */
#define LK_INTERP_ATEXIT(X) X(atexit.callbacks)
#else
#define LK_INTERP_ATEXIT(X)
#endif
/* The table of interned strings keeps those that are immortal: in 3.12 all, since then some. */
#define LK_INTERP_FIELDS(X)                                                                        \
    X(imports.modules_by_index)                                                                    \
    X(sysdict) X(builtins) X(imports.importlib) X(imports.import_func) X(dict) X(sysdict_copy)     \
        X(builtins_copy) LK_INTERP_CODECS(X) X(cached_objects.interned_strings)                    \
            X(before_forkers) X(after_forkers_parent) X(after_forkers_child) X(audit_hooks)        \
                X(gc.garbage) X(gc.callbacks) X(warnings.filters) X(warnings.once_registry)        \
                    X(warnings.default_action) LK_INTERP_ATEXIT(X)
#define LK_INTERP_MODULES(interp) ((interp)->imports.modules)
#define LK_THREAD_FIELDS(X)                                                                        \
    X(dict)                                                                                        \
    X(context) X(c_profileobj) X(c_traceobj) X(async_exc) X(async_gen_firstiter)                   \
        X(async_gen_finalizer) X(current_exception) X(exc_state.exc_value) LK_THREAD_LOCALS(X)
#endif
/* clang-format on */

/* The cache of attribute look-ups in types: it owns the names. */
#if LK_V == 311
#define LK_TYPE_CACHE(interp) ((interp)->type_cache.hashtable)
#else
#define LK_TYPE_CACHE(interp) ((interp)->types.type_cache.hashtable)
#endif
#define LK_TYPE_CACHE_SIZE (1 << MCACHE_SIZE_EXP)

/* The callbacks of atexit that are in no list of Python's: three references each. */
#if LK_V >= 314
#define LK_ATEXIT_COUNT(state) ((void)(state), 0)
#define LK_ATEXIT_PARTS(state, i) {NULL, NULL, NULL}
#else
#define LK_ATEXIT_COUNT(state) (state)->ncallbacks
#define LK_ATEXIT_PART(state, i, part)                                                             \
    ((state)->callbacks[i] == NULL ? NULL : (state)->callbacks[i]->part)
#define LK_ATEXIT_PARTS(state, i)                                                                  \
    {LK_ATEXIT_PART(state, i, func), LK_ATEXIT_PART(state, i, args),                               \
     LK_ATEXIT_PART(state, i, kwargs)}
#endif

/* ---- fields whose place or presence differs ---- */

/* The function that makes the annotations when they are asked for. */
#if LK_V >= 314
#define LK_FUNCTION_ANNOTATE(f) (f)->func_annotate
#else
#define LK_FUNCTION_ANNOTATE(f) NULL
#endif

#if LK_V == 311
#define LK_CODE_CACHED_FIELDS(c) (c)->_co_code
#define LK_CODE_CACHED_NAMES "co_code"
#define LK_CODE_CACHED_COUNT 1
#define LK_FUNCTION_TYPEPARAMS(f) NULL
#define LK_GENERATOR_CODE(g) ((PyObject *)(g)->gi_code)
#define LK_NEW_GENERATOR_CODE(g) Py_NewRef(LK_GENERATOR_CODE((PyGenObject *)(g)))
#else
#define LK_NEW_GENERATOR_CODE(g) ((PyObject *)PyGen_GetCode((PyGenObject *)(g)))
#define LK_CODE_CACHED_COUNT 4
#define LK_CODE_CACHED_NAMES "co_code", "co_varnames", "co_cellvars", "co_freevars"
#define LK_CODE_CACHED_FIELDS(c)                                                                   \
    LK_CACHED(c, _co_code), LK_CACHED(c, _co_varnames), LK_CACHED(c, _co_cellvars),                \
        LK_CACHED(c, _co_freevars)
#define LK_CACHED(c, field) ((c)->_co_cached ? (c)->_co_cached->field : NULL)
#define LK_FUNCTION_TYPEPARAMS(f) (f)->func_typeparams
#if LK_V >= 314
/* the frame owns it, and one that is cleared still does */
#define LK_GENERATOR_CODE(g)                                                                       \
    ((g)->gi_frame_state >= FRAME_CLEARED ? lk_slot_owned((g)->gi_iframe.f_executable) : NULL)
#else
#define LK_GENERATOR_CODE(g) NULL /* the frame owns it */
#endif
#endif

#if LK_V >= 313
#define LK_FRAME_EXTRA_LOCALS(f) (f)->f_extra_locals
#define LK_FRAME_LOCALS_CACHE(f) (f)->f_locals_cache
#else
#define LK_FRAME_EXTRA_LOCALS(f) NULL
#define LK_FRAME_LOCALS_CACHE(f) NULL
#endif

/* Offset of the first reference that a C task has beyond a future. */
#if LK_V >= 314
#define LK_TASK_OFFSET 120
#elif LK_V >= 313
#define LK_TASK_OFFSET 112
#else
#define LK_TASK_OFFSET 128
#endif

/* Offsets in a _thread._local. */
#if LK_V >= 313
#define LK_LOCAL_ARGS_OFFSET 16
#define LK_LOCAL_DICTS_OFFSET 40
#else
#define LK_LOCAL_ARGS_OFFSET 24
#define LK_LOCAL_DICTS_OFFSET 48
#endif

#ifdef Py_RELATIVE_OFFSET
#define LK_MEMBER_IS_RELATIVE(m) ((m)->flags & Py_RELATIVE_OFFSET)
#else
#define LK_MEMBER_IS_RELATIVE(m) 0
#endif

/* md_dict and md_name of a module object: the struct is private, the layout old. */
typedef struct {
    PyObject_HEAD PyObject *md_dict;
    struct PyModuleDef *md_def;
    void *md_state;
    PyObject *md_weaklist;
    PyObject *md_name;
} lk_module;

#endif

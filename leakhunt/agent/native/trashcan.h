/* CPython's guard against deep recursion of deallocators, by version (beside compat.h). */
#ifndef LEAKHUNT_TRASHCAN_H
#define LEAKHUNT_TRASHCAN_H

#include "compat.h"

/* The thread that holds the GIL. */
static inline PyThreadState *
lk_current_thread(void)
{
#if LK_V == 311
    return _PyThreadState_GET();
#elif LK_V >= 314
    return PyThreadState_GetUnchecked();
#else
    return _PyThreadState_UncheckedGet();
#endif
}

/* Does this thread have the GIL?  In 3.11 the current thread may be another. */
static inline int
lk_has_gil(void)
{
    PyThreadState *ts = lk_current_thread();
    return ts != NULL && (LK_V >= 312 || ts == PyGILState_GetThisThreadState());
}

/* Run a deallocator that leaves the trashcan to us: `next(op)`, or later when deallocators
 * are nested too deep. */
#if LK_V >= 314
static inline void
lk_dealloc_in_trashcan(PyObject *op, destructor next)
{
    next(op); /* _Py_Dealloc guards before it asks the type */
}
#elif LK_V >= 313
static inline void
lk_dealloc_in_trashcan(PyObject *op, destructor next)
{
    PyThreadState *ts = lk_current_thread();
    if (ts->c_recursion_remaining <= Py_TRASHCAN_HEADROOM) {
        PyObject_GC_UnTrack(op);
        _PyTrash_thread_deposit_object(ts, op);
        return;
    }
    next(op); /* counts the nesting, and empties the trashcan when there is room */
}
#else
static inline void
lk_dealloc_in_trashcan(PyObject *op, destructor next)
{
    PyThreadState *ts = lk_current_thread();
    PyObject_GC_UnTrack(op);
    if (_PyTrash_begin(ts, op)) {
        return; /* deposited: its turn comes when the nest has unwound */
    }
    next(op);
    _PyTrash_end(ts);
}
#endif

#endif

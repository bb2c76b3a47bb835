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
#if LK_V == 311
#define LK_TRASH_NESTING(ts) (ts)->trash_delete_nesting
#define LK_TRASH_LATER(ts) (ts)->trash_delete_later
#else
#define LK_TRASH_NESTING(ts) (ts)->trash.delete_nesting
#define LK_TRASH_LATER(ts) (ts)->trash.delete_later
#endif
/* While few are nested, what Py_TRASHCAN_BEGIN and _END call comes down to counting. */
#define LK_FEW_NESTED 32
static inline void
lk_dealloc_in_trashcan(PyObject *op, destructor next)
{
    PyThreadState *ts = lk_current_thread();
    if (LK_TRASH_NESTING(ts) < LK_FEW_NESTED) {
        LK_TRASH_NESTING(ts)++;
    } else {
        PyObject_GC_UnTrack(op);
        if (_PyTrash_begin(ts, op)) {
            return; /* deposited: its turn comes when the nest has unwound */
        }
    }
    next(op);
    if (LK_TRASH_LATER(ts) == NULL) {
        LK_TRASH_NESTING(ts)--;
    } else {
        _PyTrash_end(ts);
    }
}
#endif

#endif

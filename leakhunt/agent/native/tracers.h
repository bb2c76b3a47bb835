/* Who is told of objects being made, by version (beside compat.h). */
#ifndef LEAKHUNT_TRACERS_H
#define LEAKHUNT_TRACERS_H

#include "compat.h"

#include "internal/pycore_pymem.h"

/* In the child of a capture: no tracer is told of the ints that are made there.  tracemalloc has
 * a lock, which a thread may hold that the child does not have.  The one place where a private
 * struct is written: it is the child's own copy.  No GIL to be had there. */
static inline void
lk_drop_tracers(void)
{
#if LK_V == 311
    _Py_tracemalloc_config.tracing = 0;
#else
    _PyRuntime.tracemalloc.config.tracing = 0;
#endif
#if LK_V >= 313
    _PyRuntime.ref_tracer.tracer_func = NULL;
#endif
}

#endif

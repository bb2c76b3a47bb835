/* What Python cannot do for the tests of birth tracking: look at allocators, chain a hook
 * above ours, take ours away, make static types.  Loaded with ctypes.PyDLL, so the GIL is held.
 */
#include "Python.h"

#include <stdint.h>

#if PY_VERSION_HEX >= 0x030D0000
#define HAS_TRACER 1
#else
#define HAS_TRACER 0
#endif

static long calls;

static PyMemAllocatorEx below;

static void *
above_malloc(void *ctx, size_t n)
{
    calls++;
    return below.malloc(below.ctx, n);
}

static void *
above_calloc(void *ctx, size_t k, size_t n)
{
    calls++;
    return below.calloc(below.ctx, k, n);
}

static void *
above_realloc(void *ctx, void *p, size_t n)
{
    calls++;
    return below.realloc(below.ctx, p, n);
}

static void
above_free(void *ctx, void *p)
{
    below.free(below.ctx, p);
}

/* Put a counting hook on top of the agent's. */
void
chain_above(void)
{
    PyMemAllocatorEx ours = {NULL, above_malloc, above_calloc, above_realloc, above_free};
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &below);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &ours);
}

/* Take it off by putting back what was below, as everybody does. */
void
unchain(void)
{
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &below);
}

#define DOMAIN_COUNT 3
static PyMemAllocatorEx kept[2][DOMAIN_COUNT];

/* Keep what is in the allocators now, as a tracer does when it begins. */
void
keep_allocators(int slot)
{
    for (int domain = 0; domain < DOMAIN_COUNT; domain++) {
        PyMem_GetAllocator(domain, &kept[slot][domain]);
    }
}

/* Put it back, as a tracer does when it ends, whoever came after it. */
void
put_back_allocators(int slot)
{
    for (int domain = 0; domain < DOMAIN_COUNT; domain++) {
        PyMem_SetAllocator(domain, &kept[slot][domain]);
    }
}

long
chain_calls(void)
{
    return calls;
}

/* Everything a hook could have changed, as numbers: 17 of them. */
void
look(uint64_t *out)
{
    for (int domain = 0; domain < 3; domain++) {
        PyMemAllocatorEx a;
        PyMem_GetAllocator(domain, &a);
        *out++ = (uint64_t)(uintptr_t)a.ctx;
        *out++ = (uint64_t)(uintptr_t)a.malloc;
        *out++ = (uint64_t)(uintptr_t)a.calloc;
        *out++ = (uint64_t)(uintptr_t)a.realloc;
        *out++ = (uint64_t)(uintptr_t)a.free;
    }
    out[0] = out[1] = 0;
#if HAS_TRACER
    void *data;
    out[0] = (uint64_t)(uintptr_t)PyRefTracer_GetTracer(&data);
    out[1] = (uint64_t)(uintptr_t)data;
#endif
}

uint64_t
dealloc_of(PyObject *type)
{
    return (uint64_t)(uintptr_t)((PyTypeObject *)type)->tp_dealloc;
}

static PyTypeObject static_types[] = {
    {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "helper.Tuple"},
    {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "helper.List"},
    {PyVarObject_HEAD_INIT(NULL, 0).tp_name = "helper.Dict"},
};

/* A static type that inherits the deallocator its base has now.  New reference. */
PyObject *
make_static_type(int which)
{
    PyTypeObject *bases[] = {&PyTuple_Type, &PyList_Type, &PyDict_Type};
    PyTypeObject *type = &static_types[which];
    type->tp_base = bases[which];
    type->tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE;
    if (PyType_Ready(type) < 0) {
        return NULL;
    }
    return Py_NewRef((PyObject *)type);
}

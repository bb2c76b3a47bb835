/* Buffers of Python arrays as plain memory: what the doors to the graph passes share. */
#ifndef LEAKHUNT_BUFFERS_H
#define LEAKHUNT_BUFFERS_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "graph_core.h"

#define MAX_BUFFERS 18

/* An entry of a method table: the function and its documentation share a name. */
#define METHOD(name) {#name, (PyCFunction)(void (*)(void))name, METH_FASTCALL, name##_doc}

/* The methods of derive_door.c, losses_door.c, sweeps_door.c and walks_door.c. */
extern PyMethodDef lk_derive_methods[];
extern PyMethodDef lk_loss_methods[];
extern PyMethodDef lk_sweep_methods[];
extern PyMethodDef lk_walk_methods[];

/* The buffers of one call; all are released together. */
struct buffers {
    Py_buffer view[MAX_BUFFERS];
    int count;
};

/* Releases every buffer.  Needs the GIL. */
static inline void
release_all(struct buffers *b)
{
    while (b->count > 0) {
        PyBuffer_Release(&b->view[--b->count]);
    }
}

/* Returns the memory of an array argument, or NULL with an exception; `length` -1 accepts any
 * length.  The buffer is owned by `b`.  Needs the GIL. */
static inline void *
take(struct buffers *b, PyObject *object, const char *name, Py_ssize_t item_bytes,
     Py_ssize_t length, int writable)
{
    static char empty[8];
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    Py_buffer *view = &b->view[b->count];
    if (b->count >= MAX_BUFFERS) {
        PyErr_SetString(PyExc_SystemError, "too many buffers");
        return NULL;
    }
    if (PyObject_GetBuffer(object, view, flags) < 0) {
        return NULL;
    }
    b->count++;
    if (view->itemsize != item_bytes || view->ndim != 1) {
        PyErr_Format(PyExc_TypeError, "%s: expected one dimension of %zd-byte items", name,
                     item_bytes);
        return NULL;
    }
    if (length >= 0 && view->len / item_bytes != length) {
        PyErr_Format(PyExc_ValueError, "%s: %zd items, expected %zd", name, view->len / item_bytes,
                     length);
        return NULL;
    }
    return view->len == 0 ? empty : view->buf;
}

/* Number of items of the buffer taken last.  Needs no GIL. */
static inline Py_ssize_t
last_length(const struct buffers *b)
{
    const Py_buffer *view = &b->view[b->count - 1];
    return view->len / view->itemsize;
}

/* Turns a fault into ValueError, or into MemoryError(bytes); always NULL.  Needs the GIL. */
static inline PyObject *
raise_fault(const struct lk_fault *fault)
{
    if (fault->what == LK_MEMORY) {
        return PyErr_Format(PyExc_MemoryError, "%llu bytes", (unsigned long long)fault->value);
    }
    return PyErr_Format(PyExc_ValueError, "%s %llu is out of range (limit %llu)", fault->what,
                        (unsigned long long)fault->value, (unsigned long long)fault->limit);
}

/* Fills `g` from the four arrays every graph pass starts with.  0 or -1 with an exception;
 * the buffers are owned by `b`.  Needs the GIL. */
static inline int
take_graph(struct buffers *b, PyObject *const *args, struct lk_graph *g)
{
    if ((g->offset = take(b, args[0], "edge_offset", 8, -1, 0)) == NULL) {
        return -1;
    }
    if (last_length(b) < 1 || (uint64_t)last_length(b) > LK_NO_NODE) {
        PyErr_SetString(PyExc_ValueError, "edge_offset: needs 1 to 2**32 - 1 items");
        return -1;
    }
    g->nodes = (size_t)last_length(b) - 1;
    if ((g->target = take(b, args[1], "edge_target", 4, -1, 0)) == NULL) {
        return -1;
    }
    g->edges = (size_t)last_length(b);
    if ((g->kind = take(b, args[2], "edge_kind", 1, (Py_ssize_t)g->edges, 0)) == NULL ||
        (g->skip = take(b, args[3], "skip", 1, 256, 0)) == NULL) {
        return -1;
    }
    return 0;
}

/* 0 when the call has `expected` arguments, else -1 with an exception.  Needs the GIL. */
static inline int
check_count(const char *name, Py_ssize_t given, Py_ssize_t expected)
{
    if (given != expected) {
        PyErr_Format(PyExc_TypeError, "%s() takes %zd arguments (%zd given)", name, expected,
                     given);
        return -1;
    }
    return 0;
}

#endif

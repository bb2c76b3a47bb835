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

/* The buffers of one call; all are released together.  After one failure, with its exception,
 * nothing more is taken: a door takes all it needs and looks at `has_failed` once. */
struct buffers {
    Py_buffer view[MAX_BUFFERS];
    int count, has_failed;
};

/* Gives every buffer back.  Always NULL, for a call that ends with an exception.  Needs the GIL. */
static inline void *
release_all(struct buffers *b)
{
    while (b->count > 0) {
        PyBuffer_Release(&b->view[--b->count]);
    }
    return NULL;
}

/* 0 when `object` gave a buffer of `length` items of `item_bytes`, else -1 with an exception. */
static inline int
take_view(struct buffers *b, PyObject *object, const char *name, Py_ssize_t item_bytes,
          Py_ssize_t length, int writable)
{
    int flags = PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | (writable ? PyBUF_WRITABLE : 0);
    Py_buffer *view = &b->view[b->count];
    if (b->count >= MAX_BUFFERS) {
        PyErr_SetString(PyExc_SystemError, "too many buffers");
        return -1;
    }
    if (PyObject_GetBuffer(object, view, flags) < 0) {
        return -1;
    }
    b->count++;
    if (view->itemsize != item_bytes || view->ndim != 1) {
        PyErr_Format(PyExc_TypeError, "%s: expected one dimension of %zd-byte items", name,
                     item_bytes);
        return -1;
    }
    if (length >= 0 && view->len / item_bytes != length) {
        PyErr_Format(PyExc_ValueError, "%s: %zd items, expected %zd", name, view->len / item_bytes,
                     length);
        return -1;
    }
    return 0;
}

/* Returns the memory of an array argument, or NULL after a failure; `length` -1 accepts any
 * length.  The buffer is owned by `b`.  Needs the GIL. */
static inline void *
take(struct buffers *b, PyObject *object, const char *name, Py_ssize_t item_bytes,
     Py_ssize_t length, int writable)
{
    static char empty[8];
    if (b->has_failed || take_view(b, object, name, item_bytes, length, writable) < 0) {
        b->has_failed = 1;
        return NULL;
    }
    return b->view[b->count - 1].len == 0 ? empty : b->view[b->count - 1].buf;
}

/* Number of items of the buffer taken last; 0 after a failure.  Needs no GIL. */
static inline Py_ssize_t
last_length(const struct buffers *b)
{
    if (b->has_failed) {
        return 0;
    }
    const Py_buffer *view = &b->view[b->count - 1];
    return view->len / view->itemsize;
}

/* The memory of an array of any length, which is written to *count; see take(). */
static inline void *
take_counted(struct buffers *b, PyObject *object, const char *name, Py_ssize_t item_bytes,
             int writable, size_t *count)
{
    void *memory = take(b, object, name, item_bytes, -1, writable);
    *count = (size_t)last_length(b);
    return memory;
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

/* The number a pass returned, or its fault as an exception; gives the buffers back either way.
 * New reference or NULL.  Needs the GIL. */
static inline PyObject *
finish(struct buffers *b, int64_t done, const struct lk_fault *fault)
{
    release_all(b);
    return done < 0 ? raise_fault(fault) : PyLong_FromLongLong(done);
}

/* The same for a pass that returns nothing: None or NULL. */
static inline PyObject *
finish_none(struct buffers *b, int status, const struct lk_fault *fault)
{
    release_all(b);
    return status < 0 ? raise_fault(fault) : Py_NewRef(Py_None);
}

/* Fills `g` from the four arrays every graph pass starts with and returns its number of nodes,
 * 0 after a failure.  The buffers are owned by `b`.  Needs the GIL. */
static inline Py_ssize_t
take_graph(struct buffers *b, PyObject *const *args, struct lk_graph *g)
{
    g->offset = take(b, args[0], "edge_offset", 8, -1, 0);
    if (!b->has_failed && (last_length(b) < 1 || (uint64_t)last_length(b) > LK_NO_NODE)) {
        PyErr_SetString(PyExc_ValueError, "edge_offset: needs 1 to 2**32 - 1 items");
        b->has_failed = 1;
    }
    g->nodes = b->has_failed ? 0 : (size_t)last_length(b) - 1;
    g->target = take_counted(b, args[1], "edge_target", 4, 0, &g->edges);
    g->kind = take(b, args[2], "edge_kind", 1, (Py_ssize_t)g->edges, 0);
    g->skip = take(b, args[3], "skip", 1, 256, 0);
    return (Py_ssize_t)g->nodes;
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

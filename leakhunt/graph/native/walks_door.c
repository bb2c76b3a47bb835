/* The part of leakhunt.graph._kernels that is the door to walks.h. */
#include "buffers.h"
#include "walks.h"

/* A number below 2**32.  0, or -1 with an exception.  Needs the GIL. */
static int
take_node(PyObject *object, uint32_t *node)
{
    unsigned long number = PyLong_AsUnsignedLong(object);
    if (number == (unsigned long)-1 && PyErr_Occurred()) {
        return -1;
    }
    if (number > UINT32_MAX) {
        PyErr_Format(PyExc_ValueError, "node %lu is not below 2**32", number);
        return -1;
    }
    *node = (uint32_t)number;
    return 0;
}

PyDoc_STRVAR(ancestors_doc,
             "ancestors(parent, node, out) -> int\n\n"
             "Write a node, its parent and so on up to one whose parent is no node; returns how\n"
             "many.");

static PyObject *
ancestors(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_fault fault = {"nothing", 0, 0};
    const uint32_t *parent;
    uint32_t *out, node;
    size_t n, room;
    int64_t done;
    if (check_count("ancestors", nargs, 3) < 0 || take_node(args[1], &node) < 0) {
        return NULL;
    }
    parent = take_counted(&b, args[0], "parent", 4, 0, &n);
    out = take_counted(&b, args[2], "out", 4, 1, &room);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done = lk_ancestors(parent, n, node, out, room, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

PyDoc_STRVAR(below_doc,
             "below(parent, start, top, steps, out)\n\n"
             "out[i] = 1 when top is start[i] or an ancestor of it, 0 when it is not, 2\n"
             "when the steps, which are for all of them together, ran out before.");

static PyObject *
below(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_fault fault = {"nothing", 0, 0};
    const uint32_t *parent, *start;
    uint8_t *out;
    size_t n, count;
    unsigned long long steps;
    uint32_t top;
    int status;
    if (check_count("below", nargs, 5) < 0 || take_node(args[2], &top) < 0) {
        return NULL;
    }
    steps = PyLong_AsUnsignedLongLong(args[3]);
    if (steps == (unsigned long long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    parent = take_counted(&b, args[0], "parent", 4, 0, &n);
    start = take_counted(&b, args[1], "start", 4, 0, &count);
    out = take(&b, args[4], "out", 1, (Py_ssize_t)count, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS status = lk_below(parent, n, start, count, top, steps, out, &fault);
    Py_END_ALLOW_THREADS return finish_none(&b, status, &fault);
}

PyMethodDef lk_walk_methods[] = {
    METHOD(ancestors),
    METHOD(below),
    {NULL, NULL, 0, NULL},
};

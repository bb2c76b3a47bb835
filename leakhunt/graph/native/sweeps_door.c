/* The part of leakhunt.graph._kernels that is the door to sweeps.h. */
#include "sweeps.h"
#include "buffers.h"

/* None, or the fault of a pass as an exception; gives the buffers back either way.  New
 * reference or NULL.  Needs the GIL. */
static PyObject *
finish(struct buffers *b, int status, const struct lk_fault *fault)
{
    release_all(b);
    if (status < 0) {
        return raise_fault(fault);
    }
    Py_RETURN_NONE;
}

/* A number from 0 to 255, or -1 with an exception.  Needs the GIL. */
static int
take_bits(PyObject *object)
{
    long bits = PyLong_AsLong(object);
    if (bits == -1 && PyErr_Occurred()) {
        return -1;
    }
    if (bits < 0 || bits > 255) {
        PyErr_Format(PyExc_ValueError, "flag bits %ld are not in 0 to 255", bits);
        return -1;
    }
    return (int)bits;
}

/* The memory of an array, or NULL without an exception when it is None; see take(). */
static int
take_optional(struct buffers *b, PyObject *object, const char *name, Py_ssize_t item_bytes,
              Py_ssize_t length, const void **memory)
{
    *memory = NULL;
    if (object != Py_None) {
        *memory = take(b, object, name, item_bytes, length, 0);
        return *memory == NULL ? -1 : 0;
    }
    return 0;
}

/* Takes the addresses, types and names of types of one snapshot.  0, or -1 with an exception.
 * Needs the GIL. */
static int
take_objects(struct buffers *b, PyObject *const *args, struct lk_objects *objects)
{
    if ((objects->address = take(b, args[0], "address", 8, -1, 0)) == NULL) {
        return -1;
    }
    objects->count = (size_t)last_length(b);
    if ((objects->type = take(b, args[1], "type", 4, (Py_ssize_t)objects->count, 0)) == NULL ||
        (objects->name = take(b, args[2], "name", 4, -1, 0)) == NULL) {
        return -1;
    }
    objects->names = (size_t)last_length(b);
    return 0;
}

PyDoc_STRVAR(match_doc,
             "match(old_address, old_type, old_name, address, type, name, flags, born, earlier)\n\n"
             "earlier[i] = place among the old of the same address and name of type, -1 when\n"
             "there is none or flags[i] & born.  Addresses ascend.");

static PyObject *
match(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_objects old, now;
    struct lk_fault fault = {"nothing", 0, 0};
    const uint8_t *flags;
    int64_t *earlier;
    int born, status;
    if (check_count("match", nargs, 9) < 0 || (born = take_bits(args[7])) < 0) {
        return NULL;
    }
    if (take_objects(&b, args, &old) < 0 || take_objects(&b, args + 3, &now) < 0 ||
        (flags = take(&b, args[6], "flags", 1, (Py_ssize_t)now.count, 0)) == NULL ||
        (earlier = take(&b, args[8], "earlier", 8, (Py_ssize_t)now.count, 1)) == NULL) {
        release_all(&b);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = lk_match(&old, &now, flags, (uint8_t)born, earlier, &fault);
    Py_END_ALLOW_THREADS return finish(&b, status, &fault);
}

PyDoc_STRVAR(follow_doc, "follow(ids, step)\n\n"
                         "ids[i] = step[ids[i]], -1 where either is.");

static PyObject *
follow(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_fault fault = {"nothing", 0, 0};
    int64_t *ids;
    const int64_t *step;
    Py_ssize_t count, step_count;
    int status;
    if (check_count("follow", nargs, 2) < 0) {
        return NULL;
    }
    if ((ids = take(&b, args[0], "ids", 8, -1, 1)) == NULL) {
        goto error;
    }
    count = last_length(&b);
    if ((step = take(&b, args[1], "step", 8, -1, 0)) == NULL) {
        goto error;
    }
    step_count = last_length(&b);
    Py_BEGIN_ALLOW_THREADS status = lk_follow(ids, (size_t)count, step, (size_t)step_count, &fault);
    Py_END_ALLOW_THREADS return finish(&b, status, &fault);
error:
    release_all(&b);
    return NULL;
}

PyDoc_STRVAR(surplus_doc,
             "surplus(edge_offset, edge_target, edge_kind, skip, refcount, flags, exempt, out)\n\n"
             "out[v] = references counted and found on no edge; 0 where none are counted or\n"
             "flags[v] & exempt.");

static PyObject *
surplus(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_fault fault = {"nothing", 0, 0};
    const uint32_t *refcount;
    const uint8_t *flags;
    int64_t *out;
    Py_ssize_t n;
    int exempt, status;
    if (check_count("surplus", nargs, 8) < 0 || (exempt = take_bits(args[6])) < 0) {
        return NULL;
    }
    if (take_graph(&b, args, &g) < 0) {
        goto error;
    }
    n = (Py_ssize_t)g.nodes;
    if ((refcount = take(&b, args[4], "refcount", 4, n, 0)) == NULL ||
        (flags = take(&b, args[5], "flags", 1, n, 0)) == NULL ||
        (out = take(&b, args[7], "out", 8, n, 1)) == NULL) {
        goto error;
    }
    Py_BEGIN_ALLOW_THREADS status = lk_surplus(&g, refcount, flags, (uint8_t)exempt, out, &fault);
    Py_END_ALLOW_THREADS return finish(&b, status, &fault);
error:
    release_all(&b);
    return NULL;
}

PyDoc_STRVAR(tally_doc, "tally(index, chosen, weight, total)\n\n"
                        "total[index[i]] += weight[i], or 1 when weight is None, for all i that\n"
                        "are chosen, or for all when chosen is None.");

static PyObject *
tally(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_fault fault = {"nothing", 0, 0};
    const uint32_t *index;
    const void *chosen, *weight;
    int64_t *total;
    Py_ssize_t count;
    int status;
    if (check_count("tally", nargs, 4) < 0) {
        return NULL;
    }
    if ((index = take(&b, args[0], "index", 4, -1, 0)) == NULL) {
        goto error;
    }
    count = last_length(&b);
    if (take_optional(&b, args[1], "chosen", 1, count, &chosen) < 0 ||
        take_optional(&b, args[2], "weight", 8, count, &weight) < 0 ||
        (total = take(&b, args[3], "total", 8, -1, 1)) == NULL) {
        goto error;
    }
    Py_BEGIN_ALLOW_THREADS status =
        lk_tally(index, (size_t)count, chosen, weight, total, (size_t)last_length(&b), &fault);
    Py_END_ALLOW_THREADS return finish(&b, status, &fault);
error:
    release_all(&b);
    return NULL;
}

/* Takes a column of 4- or 8-byte integers.  0, or -1 with an exception.  Needs the GIL. */
static int
take_values(struct buffers *b, PyObject *object, const char *name, int is_wide,
            struct lk_values *values)
{
    values->items = take(b, object, name, is_wide ? 8 : 4, -1, 0);
    values->is_wide = is_wide;
    if (values->items == NULL) {
        return -1;
    }
    values->count = (size_t)last_length(b);
    return 0;
}

PyDoc_STRVAR(mark_grown_doc,
             "mark_grown(after, before, earlier, least, grown)\n\n"
             "grown[v] = 1 where after[v] - before[earlier[v]] >= least.  Both are of 4-byte\n"
             "counts, or both of 8-byte integers.");

static PyObject *
mark_grown(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_fault fault = {"nothing", 0, 0};
    struct lk_values after, before;
    const int64_t *earlier;
    uint8_t *grown;
    long long least;
    int is_wide, status;
    Py_buffer probe;
    if (check_count("mark_grown", nargs, 5) < 0) {
        return NULL;
    }
    least = PyLong_AsLongLong(args[3]);
    if ((least == -1 && PyErr_Occurred()) ||
        PyObject_GetBuffer(args[0], &probe, PyBUF_STRIDES) < 0) {
        return NULL;
    }
    is_wide = probe.itemsize == 8;
    PyBuffer_Release(&probe);
    if (take_values(&b, args[0], "after", is_wide, &after) < 0 ||
        take_values(&b, args[1], "before", is_wide, &before) < 0 ||
        (earlier = take(&b, args[2], "earlier", 8, (Py_ssize_t)after.count, 0)) == NULL ||
        (grown = take(&b, args[4], "grown", 1, (Py_ssize_t)after.count, 1)) == NULL) {
        release_all(&b);
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS status = lk_mark_grown(&after, &before, earlier, least, grown, &fault);
    Py_END_ALLOW_THREADS return finish(&b, status, &fault);
}

PyDoc_STRVAR(mark_tree_doc,
             "mark_tree(edge_offset, edge_target, edge_kind, skip, parent, parent_edge, start,\n"
             "          mark, queue) -> int\n\n"
             "Mark the nodes of start and all below them in the tree, and write them to queue;\n"
             "returns how many.  Costs what is marked.");

static PyObject *
mark_tree(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_fault fault = {"nothing", 0, 0};
    const uint32_t *parent, *start;
    const uint64_t *parent_edge;
    uint8_t *mark;
    uint32_t *queue;
    Py_ssize_t n, start_count;
    int64_t done;
    if (check_count("mark_tree", nargs, 9) < 0) {
        return NULL;
    }
    if (take_graph(&b, args, &g) < 0) {
        goto error;
    }
    n = (Py_ssize_t)g.nodes;
    if ((parent = take(&b, args[4], "parent", 4, n, 0)) == NULL ||
        (parent_edge = take(&b, args[5], "parent_edge", 8, n, 0)) == NULL ||
        (start = take(&b, args[6], "start", 4, -1, 0)) == NULL) {
        goto error;
    }
    start_count = last_length(&b);
    if ((mark = take(&b, args[7], "mark", 1, n, 1)) == NULL ||
        (queue = take(&b, args[8], "queue", 4, n, 1)) == NULL) {
        goto error;
    }
    Py_BEGIN_ALLOW_THREADS done =
        lk_mark_tree(&g, parent, parent_edge, start, (size_t)start_count, mark, queue, &fault);
    Py_END_ALLOW_THREADS if (done < 0)
    {
        raise_fault(&fault);
        goto error;
    }
    release_all(&b);
    return PyLong_FromLongLong(done);
error:
    release_all(&b);
    return NULL;
}

PyMethodDef lk_sweep_methods[] = {
    METHOD(match),      METHOD(follow),    METHOD(surplus),       METHOD(tally),
    METHOD(mark_grown), METHOD(mark_tree), {NULL, NULL, 0, NULL},
};

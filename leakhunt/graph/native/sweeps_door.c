/* The part of leakhunt.graph._kernels that is the door to sweeps.h. */
#include "sweeps.h"
#include "buffers.h"

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

/* The memory of an array, or NULL when it is None or after a failure; see take(). */
static const void *
take_optional(struct buffers *b, PyObject *object, const char *name, Py_ssize_t item_bytes,
              size_t length)
{
    return object == Py_None ? NULL : take(b, object, name, item_bytes, (Py_ssize_t)length, 0);
}

/* Takes the addresses, types and names of types of one snapshot.  Needs the GIL. */
static struct lk_objects
take_objects(struct buffers *b, PyObject *const *args)
{
    struct lk_objects objects;
    objects.address = take_counted(b, args[0], "address", 8, 0, &objects.count);
    objects.type = take(b, args[1], "type", 4, (Py_ssize_t)objects.count, 0);
    objects.name = take_counted(b, args[2], "name", 4, 0, &objects.names);
    return objects;
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
    int32_t *earlier;
    int born, status;
    if (check_count("match", nargs, 9) < 0 || (born = take_bits(args[7])) < 0) {
        return NULL;
    }
    old = take_objects(&b, args);
    now = take_objects(&b, args + 3);
    flags = take(&b, args[6], "flags", 1, (Py_ssize_t)now.count, 0);
    earlier = take(&b, args[8], "earlier", 4, (Py_ssize_t)now.count, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS status = lk_match(&old, &now, flags, (uint8_t)born, earlier, &fault);
    Py_END_ALLOW_THREADS return finish_none(&b, status, &fault);
}

PyDoc_STRVAR(follow_doc, "follow(ids, step)\n\n"
                         "ids[i] = step[ids[i]], -1 where either is.");

static PyObject *
follow(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_fault fault = {"nothing", 0, 0};
    int32_t *ids;
    const int32_t *step;
    size_t count, step_count;
    int status;
    if (check_count("follow", nargs, 2) < 0) {
        return NULL;
    }
    ids = take_counted(&b, args[0], "ids", 4, 1, &count);
    step = take_counted(&b, args[1], "step", 4, 0, &step_count);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS status = lk_follow(ids, count, step, step_count, &fault);
    Py_END_ALLOW_THREADS return finish_none(&b, status, &fault);
}

PyDoc_STRVAR(surplus_doc,
             "surplus(edge_offset, edge_target, edge_kind, skip, refcount, flags, exempt, out)\n\n"
             "out[v] = references counted beyond the edges found; 0 where there are no more,\n"
             "or flags[v] & exempt.");

static PyObject *
surplus(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_fault fault = {"nothing", 0, 0};
    const uint32_t *refcount;
    const uint8_t *flags;
    uint32_t *out;
    Py_ssize_t n;
    int exempt, status;
    if (check_count("surplus", nargs, 8) < 0 || (exempt = take_bits(args[6])) < 0) {
        return NULL;
    }
    n = take_graph(&b, args, &g);
    refcount = take(&b, args[4], "refcount", 4, n, 0);
    flags = take(&b, args[5], "flags", 1, n, 0);
    out = take(&b, args[7], "out", 4, n, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS status = lk_surplus(&g, refcount, flags, (uint8_t)exempt, out, &fault);
    Py_END_ALLOW_THREADS return finish_none(&b, status, &fault);
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
    size_t count, totals;
    int status;
    if (check_count("tally", nargs, 4) < 0) {
        return NULL;
    }
    index = take_counted(&b, args[0], "index", 4, 0, &count);
    chosen = take_optional(&b, args[1], "chosen", 1, count);
    weight = take_optional(&b, args[2], "weight", 8, count);
    total = take_counted(&b, args[3], "total", 8, 1, &totals);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS status = lk_tally(index, count, chosen, weight, total, totals, &fault);
    Py_END_ALLOW_THREADS return finish_none(&b, status, &fault);
}

/* Takes a column of 4- or 8-byte integers.  Needs the GIL. */
static struct lk_values
take_values(struct buffers *b, PyObject *object, const char *name, int is_wide)
{
    struct lk_values values = {.is_wide = is_wide};
    values.items = take_counted(b, object, name, is_wide ? 8 : 4, 0, &values.count);
    return values;
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
    const int32_t *earlier;
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
    after = take_values(&b, args[0], "after", is_wide);
    before = take_values(&b, args[1], "before", is_wide);
    earlier = take(&b, args[2], "earlier", 4, (Py_ssize_t)after.count, 0);
    grown = take(&b, args[4], "grown", 1, (Py_ssize_t)after.count, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS status = lk_mark_grown(&after, &before, earlier, least, grown, &fault);
    Py_END_ALLOW_THREADS return finish_none(&b, status, &fault);
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
    Py_ssize_t n;
    size_t start_count;
    int64_t done;
    if (check_count("mark_tree", nargs, 9) < 0) {
        return NULL;
    }
    n = take_graph(&b, args, &g);
    parent = take(&b, args[4], "parent", 4, n, 0);
    parent_edge = take(&b, args[5], "parent_edge", 8, n, 0);
    start = take_counted(&b, args[6], "start", 4, 0, &start_count);
    mark = take(&b, args[7], "mark", 1, n, 1);
    queue = take(&b, args[8], "queue", 4, n, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done =
        lk_mark_tree(&g, parent, parent_edge, start, start_count, mark, queue, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

PyDoc_STRVAR(distinct_doc,
             "distinct(key, seed, first, group) -> int\n\n"
             "group[i] = number of the value of key[i], by first appearance; first[g] =\n"
             "where it is; returns how many groups there are.  seed: any number that\n"
             "those who chose the keys cannot foresee.");

static PyObject *
distinct(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_fault fault = {"nothing", 0, 0};
    const uint64_t *key;
    int64_t *first, *group, done;
    unsigned long long seed;
    size_t count;
    if (check_count("distinct", nargs, 4) < 0) {
        return NULL;
    }
    seed = PyLong_AsUnsignedLongLong(args[1]);
    if (seed == (unsigned long long)-1 && PyErr_Occurred()) {
        return NULL;
    }
    key = take_counted(&b, args[0], "key", 8, 0, &count);
    first = take(&b, args[2], "first", 8, (Py_ssize_t)count, 1);
    group = take(&b, args[3], "group", 8, (Py_ssize_t)count, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done = lk_distinct(key, count, seed, first, group, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

PyMethodDef lk_sweep_methods[] = {
    METHOD(match),      METHOD(follow),    METHOD(surplus),  METHOD(tally),
    METHOD(mark_grown), METHOD(mark_tree), METHOD(distinct), {NULL, NULL, 0, NULL},
};

/* leakhunt.graph._kernels: Python's door to graph_core.h.  The doors to derive.h,
 * sweeps.h, walks.h and losses.h, in files of their own, add their methods to it.
 *
 * Takes buffers, checks their item sizes and lengths, lets go of the GIL for the pass.
 */
#include "buffers.h"

PyDoc_STRVAR(explore_doc,
             "explore(edge_offset, edge_target, edge_kind, skip, blocked, seeds, tier, parent,\n"
             "        parent_edge, distance, tier_of, order, length) -> int\n\n"
             "Add one tier to a breadth-first tree; returns the new length of order.");

static PyObject *
explore(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_tree tree;
    struct lk_fault fault = {"nothing", 0, 0};
    const uint8_t *blocked;
    const uint32_t *seeds;
    Py_ssize_t n;
    long tier;
    size_t length, seed_count;
    int64_t done;
    if (check_count("explore", nargs, 13) < 0) {
        return NULL;
    }
    tier = PyLong_AsLong(args[6]);
    if (tier == -1 && PyErr_Occurred()) {
        return NULL;
    }
    length = PyLong_AsSize_t(args[12]);
    if (length == (size_t)-1 && PyErr_Occurred()) {
        return NULL;
    }
    if (tier < 0 || tier >= (long)LK_NO_TIER) {
        return PyErr_Format(PyExc_ValueError, "tier %ld is not in 0 to 254", tier);
    }
    n = take_graph(&b, args, &g);
    blocked = take(&b, args[4], "blocked", 1, n, 0);
    seeds = take_counted(&b, args[5], "seeds", 4, 0, &seed_count);
    tree.parent = take(&b, args[7], "parent", 4, n, 1);
    tree.parent_edge = take(&b, args[8], "parent_edge", 8, n, 1);
    tree.distance = take(&b, args[9], "distance", 4, n, 1);
    tree.tier = take(&b, args[10], "tier_of", 1, n, 1);
    tree.order = take(&b, args[11], "order", 4, n, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done =
        lk_explore(&g, blocked, seeds, seed_count, (uint8_t)tier, &tree, length, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

/* Runs a pass that writes one number a node.  New reference to None, or NULL.  Needs the GIL. */
static PyObject *
count_pass(PyObject *const *args, Py_ssize_t nargs, const char *name,
           int (*pass)(const struct lk_graph *, uint32_t *, struct lk_fault *))
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_fault fault = {"nothing", 0, 0};
    uint32_t *out;
    Py_ssize_t n;
    int status;
    if (check_count(name, nargs, 5) < 0) {
        return NULL;
    }
    n = take_graph(&b, args, &g);
    out = take(&b, args[4], "out", 4, n, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS status = pass(&g, out, &fault);
    Py_END_ALLOW_THREADS return finish_none(&b, status, &fault);
}

PyDoc_STRVAR(in_degree_doc, "in_degree(edge_offset, edge_target, edge_kind, skip, out)\n\n"
                            "out[w] = number of edges to w whose kind is not skipped.");

static PyObject *
in_degree(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    return count_pass(args, nargs, "in_degree", lk_in_degree);
}

PyDoc_STRVAR(out_count_doc, "out_count(edge_offset, edge_target, edge_kind, skip, out)\n\n"
                            "out[v] = number of edges of v whose kind is not skipped.");

static PyObject *
out_count(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    return count_pass(args, nargs, "out_count", lk_out_count);
}

PyDoc_STRVAR(reverse_doc,
             "reverse(edge_offset, edge_target, edge_kind, skip, back, source) -> int\n\n"
             "Reverse adjacency; returns how many items of source were written.");

static PyObject *
reverse(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_fault fault = {"nothing", 0, 0};
    uint64_t *back;
    uint32_t *source;
    Py_ssize_t n;
    int64_t done;
    if (check_count("reverse", nargs, 6) < 0) {
        return NULL;
    }
    n = take_graph(&b, args, &g);
    back = take(&b, args[4], "back", 8, n + 1, 1);
    source = take(&b, args[5], "source", 4, (Py_ssize_t)g.edges, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done = lk_reverse(&g, back, source, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

/* The passes along the tree; they share the arguments order and parent. */
enum tree_pass { CLIMB, SUM_UP, FOLD_DOWN, MARK_BELOW, MARK_ABOVE };

/* Takes (order, parent, array[, out]) and runs one pass.  New reference to None, or NULL.
 * Needs the GIL. */
static PyObject *
tree_pass(PyObject *const *args, Py_ssize_t nargs, const char *name, enum tree_pass which)
{
    struct buffers b = {.count = 0};
    struct lk_fault fault = {"nothing", 0, 0};
    const uint32_t *order, *parent;
    void *array, *out = NULL;
    size_t length, n;
    Py_ssize_t item = which == SUM_UP ? 4 : which == FOLD_DOWN ? 8 : 1;
    int has_out = which == CLIMB || which == FOLD_DOWN;
    int status = -1;
    if (check_count(name, nargs, has_out ? 4 : 3) < 0) {
        return NULL;
    }
    order = take_counted(&b, args[0], "order", 4, 0, &length);
    parent = take_counted(&b, args[1], "parent", 4, 0, &n);
    array = take(&b, args[2], "values", item, (Py_ssize_t)n, !has_out);
    if (has_out) {
        out = take(&b, args[3], "out", which == CLIMB ? 4 : 8, (Py_ssize_t)n, 1);
    }
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS switch (which)
    {
    case CLIMB:
        status = lk_climb(order, length, parent, array, out, n, &fault);
        break;
    case SUM_UP:
        status = lk_sum_up(order, length, parent, array, n, &fault);
        break;
    case FOLD_DOWN:
        status = lk_fold_down(order, length, parent, array, out, n, &fault);
        break;
    case MARK_BELOW:
        status = lk_mark_below(order, length, parent, array, n, &fault);
        break;
    case MARK_ABOVE:
        status = lk_mark_above(order, length, parent, array, n, &fault);
        break;
    }
    Py_END_ALLOW_THREADS return finish_none(&b, status, &fault);
}

PyDoc_STRVAR(climb_doc, "climb(order, parent, marked, top)\n\n"
                        "top[v] = highest ancestor such that all from it to v are marked.");

static PyObject *
climb(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    return tree_pass(args, nargs, "climb", CLIMB);
}

PyDoc_STRVAR(sum_up_doc, "sum_up(order, parent, count)\n\n"
                         "count[v] becomes the sum over the subtree of v.");

static PyObject *
sum_up(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    return tree_pass(args, nargs, "sum_up", SUM_UP);
}

PyDoc_STRVAR(fold_down_doc, "fold_down(order, parent, contribution, out)\n\n"
                            "out[v] = hash of the contributions from the root down to v.");

static PyObject *
fold_down(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    return tree_pass(args, nargs, "fold_down", FOLD_DOWN);
}

PyDoc_STRVAR(mark_below_doc, "mark_below(order, parent, mark)\n\n"
                             "Mark every node of the tree below a marked one.");

static PyObject *
mark_below(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    return tree_pass(args, nargs, "mark_below", MARK_BELOW);
}

PyDoc_STRVAR(mark_above_doc, "mark_above(order, parent, mark)\n\n"
                             "Mark every ancestor of a marked node of the tree.");

static PyObject *
mark_above(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    return tree_pass(args, nargs, "mark_above", MARK_ABOVE);
}

static PyMethodDef methods[] = {
    METHOD(explore),    METHOD(in_degree),     METHOD(out_count), METHOD(reverse),
    METHOD(climb),      METHOD(sum_up),        METHOD(fold_down), METHOD(mark_below),
    METHOD(mark_above), {NULL, NULL, 0, NULL},
};

/* Adds the methods of the other doors.  0 or -1.  Needs the GIL. */
static int
add_methods(PyObject *module)
{
    if (PyModule_AddFunctions(module, lk_derive_methods) < 0 ||
        PyModule_AddFunctions(module, lk_sweep_methods) < 0 ||
        PyModule_AddFunctions(module, lk_loss_methods) < 0) {
        return -1;
    }
    return PyModule_AddFunctions(module, lk_walk_methods);
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, add_methods},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "leakhunt.graph._kernels",
    .m_doc = "Passes over a heap graph held in plain arrays.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__kernels(void)
{
    return PyModuleDef_Init(&module_def);
}

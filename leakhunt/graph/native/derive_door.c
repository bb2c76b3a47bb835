/* The part of leakhunt.graph._kernels that is the door to derive.h. */
#include "buffers.h"
#include "derive.h"

/* Takes a list of nodes.  The buffer is owned by `b`.  Needs the GIL. */
static struct lk_seeds
take_seeds(struct buffers *b, PyObject *object, const char *name)
{
    struct lk_seeds seeds;
    seeds.node = take_counted(b, object, name, 4, 0, &seeds.count);
    return seeds;
}

PyDoc_STRVAR(
    distances_doc,
    "distances(edge_offset, edge_target, edge_kind, skip, named, held, distance) -> int\n\n"
    "Fewest edges to each node, 0 from named and 1 from held; returns how many nodes\n"
    "were reached.");

static PyObject *
distances(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_seeds named, held;
    struct lk_fault fault = {"nothing", 0, 0};
    uint32_t *distance;
    Py_ssize_t n;
    int64_t done;
    if (check_count("distances", nargs, 7) < 0) {
        return NULL;
    }
    n = take_graph(&b, args, &g);
    named = take_seeds(&b, args[4], "named");
    held = take_seeds(&b, args[5], "held");
    distance = take(&b, args[6], "distance", 4, n, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done = lk_distances(&g, &named, &held, distance, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

PyDoc_STRVAR(dominators_doc,
             "dominators(edge_offset, edge_target, edge_kind, skip, seeds, size, idom,\n"
             "           retained) -> int\n\n"
             "Immediate dominators below a virtual root (number: node count) that leads to the\n"
             "seeds, and the sizes they retain; returns how many nodes are reachable.");

static PyObject *
dominators(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_seeds seeds;
    struct lk_fault fault = {"nothing", 0, 0};
    const uint64_t *size;
    uint32_t *idom;
    uint64_t *retained;
    Py_ssize_t n;
    int64_t done;
    if (check_count("dominators", nargs, 8) < 0) {
        return NULL;
    }
    n = take_graph(&b, args, &g);
    seeds = take_seeds(&b, args[4], "seeds");
    size = take(&b, args[5], "size", 8, n, 0);
    idom = take(&b, args[6], "idom", 4, n, 1);
    retained = take(&b, args[7], "retained", 8, n, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done = lk_dominators(&g, &seeds, size, idom, retained, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

PyDoc_STRVAR(components_doc,
             "components(edge_offset, edge_target, edge_kind, skip, component) -> int\n\n"
             "Number of the strongly connected component of each node; returns how many there\n"
             "are.  An edge from one to another leads from the higher number to the lower.");

static PyObject *
components(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_graph g;
    struct lk_fault fault = {"nothing", 0, 0};
    uint32_t *component;
    Py_ssize_t n;
    int64_t done;
    if (check_count("components", nargs, 5) < 0) {
        return NULL;
    }
    n = take_graph(&b, args, &g);
    component = take(&b, args[4], "component", 4, n, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done = lk_components(&g, component, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

PyMethodDef lk_derive_methods[] = {
    METHOD(distances),
    METHOD(dominators),
    METHOD(components),
    {NULL, NULL, 0, NULL},
};

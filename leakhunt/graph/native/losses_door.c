/* The part of leakhunt.graph._kernels that is the door to losses.h. */
#include "losses.h"
#include "buffers.h"

/* Takes the graph and what was derived from it, ten arrays; returns the number of nodes.  The
 * buffers are owned by `b`.  Needs the GIL. */
static Py_ssize_t
take_heap(struct buffers *b, PyObject *const *args, struct lk_heap *h)
{
    Py_ssize_t n = take_graph(b, args, &h->graph);
    h->back = take(b, args[4], "back", 8, n + 1, 0);
    h->source = take_counted(b, args[5], "source", 4, 0, &h->source_count);
    h->parent = take(b, args[6], "parent", 4, n, 0);
    h->parent_edge = take(b, args[7], "parent_edge", 8, n, 0);
    h->tier = take(b, args[8], "tier", 1, n, 0);
    h->stays = take(b, args[9], "stays", 1, n, 0);
    return n;
}

/* Takes what goes: start, is_removed, cut_edge, cut_pair.  The buffers are owned by `b`.  Needs
 * the GIL. */
static void
take_cut(struct buffers *b, PyObject *const *args, struct lk_cut *cut)
{
    cut->start = take_counted(b, args[0], "start", 4, 0, &cut->start_count);
    cut->edge = take_counted(b, args[2], "cut_edge", 8, 0, &cut->count);
    cut->pair = take(b, args[3], "cut_pair", 8, (Py_ssize_t)cut->count, 0);
}

PyDoc_STRVAR(lost_doc,
             "lost(edge_offset, edge_target, edge_kind, skip, back, source, parent, parent_edge,\n"
             "     tier, stays, start, is_removed, cut_edge, cut_pair, mark, queue) -> int\n\n"
             "Write to queue what is no longer reachable when the nodes of start or the cut edges\n"
             "go; returns how many.  All of it hangs from start in the tree.  The cut edges are\n"
             "none of a skipped kind, and ascend; cut_pair are the same as target << 32 | source,\n"
             "and ascend.  mark is all zero before and after.");

static PyObject *
lost(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t nargs)
{
    struct buffers b = {.count = 0};
    struct lk_heap heap;
    struct lk_cut cut;
    struct lk_fault fault = {"nothing", 0, 0};
    uint8_t *mark;
    uint32_t *queue;
    Py_ssize_t n;
    int64_t done;
    if (check_count("lost", nargs, 16) < 0 || (cut.is_removed = PyObject_IsTrue(args[11])) < 0) {
        return NULL;
    }
    n = take_heap(&b, args, &heap);
    take_cut(&b, args + 10, &cut);
    mark = take(&b, args[14], "mark", 1, n, 1);
    queue = take(&b, args[15], "queue", 4, n, 1);
    if (b.has_failed) {
        return release_all(&b);
    }
    Py_BEGIN_ALLOW_THREADS done = lk_lost(&heap, &cut, mark, queue, &fault);
    Py_END_ALLOW_THREADS return finish(&b, done, &fault);
}

PyMethodDef lk_loss_methods[] = {
    METHOD(lost),
    {NULL, NULL, 0, NULL},
};

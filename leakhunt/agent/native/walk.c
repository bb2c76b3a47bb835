/* The walk itself: from the roots and the collector's lists to every object. */
#include "walk.h"

#include "birth.h"
#include "site_traces.h"

/* 0, or -1 without memory; then lk_walk_fini must still be called.  Needs no GIL. */
int
lk_walk_init(lk_walk *w)
{
    memset(w, 0, sizeof(*w));
    w->out.fd = -1;
    w->type_capacity = 1024;
    w->types = lk_pages_map(w->type_capacity * sizeof(lk_type));
    if (w->types == NULL || lk_queue_init(&w->queue) < 0 ||
        lk_slotmap_init(&w->visited, LK_LEAF_BITS_1) < 0 ||
        lk_slotmap_init(&w->named, LK_LEAF_BITS_1) < 0 ||
        lk_slotmap_init(&w->claimed, LK_LEAF_BITS_1) < 0) {
        return -1;
    }
    return 0;
}

/* Give back all memory of the walk; its counts stay.  Safe to call twice.  Needs no GIL. */
void
lk_walk_fini(lk_walk *w)
{
    lk_pages_unmap(w->types, w->type_capacity * sizeof(*w->types));
    lk_pages_unmap(w->named_edges.items, w->named_edges.capacity * sizeof(lk_edge));
    lk_pages_unmap(w->other_edges.items, w->other_edges.capacity * sizeof(lk_edge));
    lk_pages_unmap(w->pending, w->pending_capacity * sizeof(*w->pending));
    lk_pages_unmap(w->symbols, w->symbol_capacity * sizeof(*w->symbols));
    lk_pages_unmap(w->newborns, w->newborn_capacity * sizeof(*w->newborns));
    lk_pages_unmap(w->static_types, w->static_type_capacity * sizeof(*w->static_types));
    w->types = NULL;
    w->named_edges.items = w->other_edges.items = NULL;
    w->pending = NULL;
    w->symbols = NULL;
    w->static_types = NULL;
    w->newborns = NULL;
    w->newborn_count = w->newborn_capacity = 0;
    lk_arena_fini(&w->arena);
    lk_queue_fini(&w->queue);
    lk_slotmap_fini(&w->visited);
    lk_slotmap_fini(&w->named);
    lk_slotmap_fini(&w->claimed);
}

/* Bytes that the walk itself holds at its peak.  Needs no GIL. */
size_t
lk_walk_memory(const lk_walk *w)
{
    return w->queue.chunk_count * sizeof(lk_chunk) + w->type_capacity * sizeof(lk_type) +
           w->pending_capacity * sizeof(lk_pending_name) + LK_BLOCK_BYTES +
           (w->named_edges.capacity + w->other_edges.capacity) * sizeof(lk_edge) +
           lk_slotmap_resident(&w->visited) + lk_slotmap_resident(&w->named) +
           lk_slotmap_resident(&w->claimed);
}

/* Put both ends of each of the collector's lists in the queue; each object leads to its
 * neighbours, so that the lists are walked as edges, many cache misses at a time.  The
 * heads themselves are marked: they are no objects.  Needs the GIL. */
void
lk_walk_start_gc_lists(lk_walk *w)
{
    for (int i = 0; i < LK_GC_LISTS; i++) {
        if (lk_slotmap_add(&w->visited, (uintptr_t)(lk_gc_list(w->interp, i) + 1)) < 0) {
            w->out_of_memory = 1;
        }
    }
    for (int i = 0; i < LK_GC_LISTS; i++) {
        PyGC_Head *head = lk_gc_list(w->interp, i);
        lk_discover(w, (PyObject *)((head->_gc_next & ~(uintptr_t)3) + sizeof(PyGC_Head)));
        lk_discover(w, (PyObject *)((head->_gc_prev & ~(uintptr_t)3) + sizeof(PyGC_Head)));
    }
    w->use_gc_lists = 1;
}

/* Is the object in one of the collector's lists?  Then its neighbours are discovered. */
static inline int
follow_gc_links(lk_walk *w, const lk_type *t, PyObject *o)
{
    if (!t->is_gc || (t->type->tp_is_gc != NULL && !t->type->tp_is_gc(o))) {
        return 0;
    }
    PyGC_Head *head = (PyGC_Head *)o - 1;
    if (head->_gc_next == 0) {
        return 0;
    }
    if (w->use_gc_lists) {
        lk_discover(w, (PyObject *)((head->_gc_next & ~(uintptr_t)3) + sizeof(PyGC_Head)));
        lk_discover(w, (PyObject *)((head->_gc_prev & ~(uintptr_t)3) + sizeof(PyGC_Head)));
    }
    return 1;
}

/* Load what the reader of an object will need, some places ahead of its turn. */
static inline void
prefetch_second(PyObject *o)
{
    PyTypeObject *t = Py_TYPE(o);
    if (t == &PyList_Type) {
        __builtin_prefetch(((PyListObject *)o)->ob_item);
    } else if (t == &PyDict_Type) {
        const char *keys = (const char *)((PyDictObject *)o)->ma_keys;
        __builtin_prefetch(keys);
        __builtin_prefetch(keys + 64);
    } else if (t->tp_flags & Py_TPFLAGS_MANAGED_DICT) {
        __builtin_prefetch((const char *)((uintptr_t)((void **)o)[LK_VALUES_WORD] & ~(uintptr_t)7));
    }
}

/* Tag, slot, size and reference count of a node; its size.  Needs the GIL. */
static inline size_t
put_header(lk_walk *w, const lk_type *t, PyObject *o, int is_tracked, int is_born)
{
    uint64_t slot = (uint64_t)(uintptr_t)o >> 4;
    size_t size = lk_object_size(t, o);
    uint64_t refs = lk_is_immortal(o) ? 0 : (uint64_t)Py_REFCNT(o);
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_NODE_TAG_BASE + (uint64_t)t->index);
    lk_emit_wide(&w->out, lk_zigzag((int64_t)(slot - w->last_node_slot)));
    lk_emit_varint(&w->out, (uint64_t)size - (uint64_t)t->base_bytes);
    lk_emit_varint(&w->out,
                   refs * 4 + (is_tracked ? LK_NODE_TRACKED : 0) + (is_born ? LK_NODE_BORN : 0));
    w->last_node_slot = w->last_edge_slot = slot;
    w->total_bytes += size;
    w->node_count++;
    return size;
}

/* Write one object: header, runs, facts, names.  Needs the GIL. */
static void
put_object(lk_walk *w, PyObject *o)
{
    lk_type *t = lk_type_lookup(w, Py_TYPE(o));
    if (t == NULL) {
        return;
    }
    w->last_type = t->type;
    w->last_type_entry = t;
    int is_born = 0;
    if (w->has_births) {
        is_born = lk_birth_test(o, t->preheader_bytes, &w->claimed);
    }
    if (t->reader >= LK_READ_DEQUE) {
        lk_collect_generic(w, t, o);
    }
    int is_tracked = follow_gc_links(w, t, o);
    size_t size = put_header(w, t, o, is_tracked, is_born);
    if (__builtin_expect(w->wants_traces, 0)) {
        lk_note_newborn(w, o, t->preheader_bytes, size);
    }
    lk_put_edges(w, t, o);
    if (t->fact_reader != 0 || lk_may_have_bounds(t)) {
        lk_put_facts(w, t, o);
    }
    if (__builtin_expect(((uintptr_t)o & 15) != 0, 0)) {
        lk_put_fact(w, LK_FACT_ADDRESS_LOW, (int64_t)((uintptr_t)o & 15));
    }
    if (t->reader == LK_READ_STR && lk_str_is_interned(o)) {
        lk_want_name(w, o, 0);
    }
    if (w->pending_count > 0) {
        lk_put_pending_names(w);
    }
}

#define PREFETCH_FAR 24
#define PREFETCH_NEAR 10

/* Empty the queue.  0, or -1 without memory or when the file failed.  Needs the GIL. */
int
lk_walk_run(lk_walk *w)
{
    PyObject *o;
    while ((o = lk_queue_pop(&w->queue)) != NULL) {
        const char *far = lk_queue_peek(&w->queue, PREFETCH_FAR);
        PyObject *near = lk_queue_peek(&w->queue, PREFETCH_NEAR);
        if (far != NULL) {
            __builtin_prefetch(far - 16);
            __builtin_prefetch(far + 32);
        }
        if (near != NULL) {
            prefetch_second(near);
        }
        put_object(w, o);
        if (__builtin_expect(w->out_of_memory || w->out.error != 0, 0)) {
            return -1;
        }
    }
    return 0;
}

/* Objects of C types: tp_traverse says what is owned, tp_members and layouts name it.
 *
 * Edges are collected before the node's header is written, because naming them may write
 * SYMBOL records.
 */
#include "walk.h"

/* Append to a list of edges.  Needs no GIL. */
static void
collect(lk_walk *w, lk_edges *edges, PyObject *target, uint32_t symbol, int is_sure)
{
    if (edges->count == edges->capacity) {
        size_t capacity = edges->capacity ? edges->capacity * 2 : 256;
        lk_edge *grown = lk_pages_grow(edges->items, edges->capacity * sizeof(lk_edge),
                                       capacity * sizeof(lk_edge));
        if (grown == NULL) {
            w->out_of_memory = 1;
            return;
        }
        edges->items = grown;
        edges->capacity = capacity;
    }
    edges->items[edges->count++] = (lk_edge){target, symbol, (uint8_t)is_sure, 0, 0};
}

/* visitproc: keeps what is alive.  Some modules report dead objects of their free lists. */
static int
visit(PyObject *target, void *arg)
{
    lk_walk *w = arg;
    if (target != NULL && (lk_is_immortal(target) || Py_REFCNT(target) > 0)) {
        collect(w, &w->other_edges, target, 0, 1);
    }
    return 0;
}

/* May tp_traverse be called?  It aborts the process on static types.  Needs the GIL. */
int
lk_can_traverse(PyObject *o)
{
    PyTypeObject *t = Py_TYPE(o);
    if (!(t->tp_flags & Py_TPFLAGS_HAVE_GC) || t->tp_traverse == NULL) {
        return 0;
    }
    if (PyType_Check(o)) {
        return (((PyTypeObject *)o)->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0;
    }
    return t->tp_is_gc == NULL || t->tp_is_gc(o);
}

/* Add a named edge, unless it is NULL.  Writes a SYMBOL record on first sight of the name.
 * Needs the GIL. */
void
lk_collect_named(lk_walk *w, PyObject *target, const char *name, int is_sure)
{
    if (target != NULL) {
        collect(w, &w->named_edges, target, lk_symbol(w, name), is_sure);
    }
}

/* Fields of exceptions, types with a metaclass, modules and weak proxies.  Needs the GIL. */
static void
collect_struct(lk_walk *w, PyObject *o)
{
    PyTypeObject *t = Py_TYPE(o);
    if (t->tp_flags & Py_TPFLAGS_BASE_EXC_SUBCLASS) {
        PyBaseExceptionObject *e = (PyBaseExceptionObject *)o;
        lk_collect_named(w, e->dict, "__dict__", 1);
        lk_collect_named(w, e->args, "args", 1);
        lk_collect_named(w, e->notes, "__notes__", 1);
        lk_collect_named(w, e->traceback, "__traceback__", 1);
        lk_collect_named(w, e->context, "__context__", 1);
        lk_collect_named(w, e->cause, "__cause__", 1);
    } else if (PyType_Check(o)) {
        PyTypeObject *type = (PyTypeObject *)o;
        PyObject *dict, *subclasses;
        lk_type_dicts(w->interp, type, &dict, &subclasses);
        lk_collect_named(w, dict, "__dict__", 1);
        lk_collect_named(w, type->tp_mro, "__mro__", 1);
        lk_collect_named(w, type->tp_bases, "__bases__", 1);
        lk_collect_named(w, (PyObject *)type->tp_base, "__base__", 1);
        lk_collect_named(w, subclasses, "tp_subclasses", 1);
        if (type->tp_flags & Py_TPFLAGS_HEAPTYPE) {
            PyHeapTypeObject *h = (PyHeapTypeObject *)type;
            lk_collect_named(w, h->ht_name, "__name__", 1);
            lk_collect_named(w, h->ht_qualname, "__qualname__", 1);
            lk_collect_named(w, h->ht_slots, "__slots__", 1);
            lk_collect_named(w, h->ht_module, "ht_module", 1);
        } else {
            lk_note_static_type(w, o);
        }
    } else if (PyModule_Check(o)) {
        lk_collect_named(w, ((lk_module *)o)->md_dict, "__dict__", 1);
        lk_collect_named(w, ((lk_module *)o)->md_name, "md_name", 1);
        lk_want_name(w, ((lk_module *)o)->md_name, 1);
    } else if (PyWeakref_CheckProxy(o)) {
        lk_collect_named(w, ((PyWeakReference *)o)->wr_callback, "__callback__", 0);
    }
}

/* The dict of an object that keeps it at an offset, or NULL.  Needs the GIL. */
static PyObject *
unmanaged_dict(const lk_type *t, PyObject *o)
{
    Py_ssize_t offset = t->dict_offset;
    if (offset == 0 || (t->type->tp_flags & Py_TPFLAGS_BASE_EXC_SUBCLASS) || PyModule_Check(o)) {
        return NULL;
    }
    if (offset < 0) {
        Py_ssize_t n = Py_SIZE(o);
        size_t size =
            (size_t)t->type->tp_basicsize + (size_t)(n < 0 ? -n : n) * (size_t)t->type->tp_itemsize;
        offset += (Py_ssize_t)((size + 7) & ~(size_t)7);
    }
    return *(PyObject **)((char *)o + offset);
}

/* Inline values and dict of an instance.  Needs the GIL. */
static void
collect_attributes(lk_walk *w, const lk_type *t, PyObject *o)
{
    Py_ssize_t capacity;
    PyObject **values = lk_inline_values(o, t->type, &capacity);
    /* static types have no cached keys: that field would lie behind their struct */
    PyDictKeysObject *keys = values == NULL ? NULL : ((PyHeapTypeObject *)t->type)->ht_cached_keys;
    if (keys != NULL) {
        PyDictUnicodeEntry *entry = lk_unicode_entries(keys);
        for (Py_ssize_t i = 0; i < keys->dk_nentries && i < capacity; i++) {
            if (values[i] != NULL && PyUnicode_IS_ASCII(entry[i].me_key)) {
                lk_collect_named(w, values[i], (const char *)PyUnicode_DATA(entry[i].me_key), 1);
            }
        }
    }
    lk_collect_named(w, lk_managed_dict(o, t->type), "__dict__", 1);
    lk_collect_named(w, unmanaged_dict(t, o), "__dict__", 1);
}

/* Which part of a C type's struct holds items.  Needs the GIL. */
void
lk_find_part(lk_type *t)
{
    unsigned long flags = t->type->tp_flags;
    t->part = flags & Py_TPFLAGS_DICT_SUBCLASS    ? LK_PART_DICT
              : flags & Py_TPFLAGS_LIST_SUBCLASS  ? LK_PART_LIST
              : flags & Py_TPFLAGS_TUPLE_SUBCLASS ? LK_PART_TUPLE
                                                  : LK_PART_NONE;
    if (lk_is_numpy_array(t->type)) {
        t->part = LK_PART_NUMPY;
    } else if (lk_is_numpy_dtype(t->type)) {
        t->part = LK_PART_DTYPE;
    }
    for (const PyTypeObject *base = t->type; base != NULL; base = base->tp_base) {
        if (base == &PySet_Type || base == &PyFrozenSet_Type) {
            t->part = LK_PART_SET;
        } else if (strcmp(base->tp_name, "collections.deque") == 0) {
            t->part = LK_PART_DEQUE;
        } else if (strcmp(base->tp_name, "hamt_bitmap_node") == 0 ||
                   strcmp(base->tp_name, "hamt_collision_node") == 0) {
            t->part = LK_PART_HAMT;
        }
    }
}

static void
collect_item(lk_walk *w, PyObject *target)
{
    if (target != NULL) {
        collect(w, &w->named_edges, target, 0, 0);
        if (w->named_edges.count > 0) {
            w->named_edges.items[w->named_edges.count - 1].is_item = 1;
        }
    }
}

/* Has the item of a tuple a name of its own?  Structure sequences name theirs. */
static int
is_named_item(const lk_type *t, Py_ssize_t i)
{
    Py_ssize_t offset = (Py_ssize_t)(offsetof(PyTupleObject, ob_item) + (size_t)i * sizeof(void *));
    for (size_t k = 0; k < t->slot_count; k++) {
        if (t->slots[k].offset == offset) {
            return 1;
        }
    }
    return 0;
}

/* Collect the items that the reader of the part will write, so that they are not taken for
 * edges without a name.  Needs the GIL. */
static void
collect_part(lk_walk *w, const lk_type *t, PyObject *o)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    switch (t->part) {
    case LK_PART_LIST:
        for (Py_ssize_t i = 0; i < Py_SIZE(o); i++) {
            collect_item(w, ((PyListObject *)o)->ob_item[i]);
        }
        break;
    case LK_PART_TUPLE:
        for (Py_ssize_t i = 0; i < Py_SIZE(o); i++) {
            if (!is_named_item(t, i)) {
                collect_item(w, ((PyTupleObject *)o)->ob_item[i]);
            }
        }
        break;
    case LK_PART_DICT:
        while (!lk_dict_is_embedded((PyDictObject *)o) && PyDict_Next(o, &at, &key, &value)) {
            collect_item(w, key);
            collect_item(w, value);
        }
        break;
    case LK_PART_SET:
        for (Py_ssize_t i = 0; i <= ((PySetObject *)o)->mask; i++) {
            const setentry *entry = &((PySetObject *)o)->table[i];
            collect_item(w, entry->hash == -1 ? NULL : entry->key);
        }
        break;
    case LK_PART_DTYPE:
        if (lk_numpy_fields(o, &key, &value)) {
            lk_collect_named(w, key, "fields", 1);
            lk_collect_named(w, value, "names", 1);
        }
        break;
    default:
        break;
    }
}

/* A leaf of a context's mapping reports each value right before its variable: the variable
 * names the value.  Not inside a record.  Needs the GIL. */
static void
name_context_values(lk_walk *w)
{
    lk_edges *other = &w->other_edges;
    for (size_t i = 1; i < other->count; i++) {
        PyObject *variable = other->items[i].target;
        if (PyContextVar_CheckExact(variable) &&
            !PyContextVar_CheckExact(other->items[i - 1].target)) {
            PyObject *name = ((PyContextVar *)variable)->var_name;
            if (PyUnicode_CheckExact(name) && PyUnicode_IS_ASCII(name)) {
                lk_collect_named(w, other->items[i - 1].target, (const char *)PyUnicode_DATA(name),
                                 0);
            }
        }
    }
}

static int
by_target(const void *a, const void *b)
{
    const lk_edge *x = a, *y = b;
    return x->target < y->target ? -1 : x->target > y->target;
}

/* An unmatched named edge to a target, by binary search, before any item of a part; NULL when
 * there is none. */
static lk_edge *
find_unmatched(lk_edges *named, const PyObject *target)
{
    size_t lo = 0, hi = named->count;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (named->items[mid].target < target) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    lk_edge *item = NULL;
    for (; lo < named->count && named->items[lo].target == target; lo++) {
        if (!named->items[lo].is_matched && !named->items[lo].is_item) {
            return &named->items[lo];
        }
        item = named->items[lo].is_matched ? item : &named->items[lo];
    }
    return item;
}

/* Fit names to what tp_traverse reports: an edge reported and named is written once, with
 * its name; a C member that is not reported is not owned.  The type itself is implied by
 * the node.  Needs the GIL. */
static void
match_names(lk_walk *w, const lk_type *t, int was_traversed)
{
    lk_edges *named = &w->named_edges, *other = &w->other_edges;
    size_t kept = 0, items_from = other->count - w->deque_count;
    int type_pending = t->is_heap;
    if (named->count > 1) {
        qsort(named->items, named->count, sizeof(lk_edge), by_target);
    }
    for (size_t i = 0; i < other->count; i++) {
        PyObject *target = other->items[i].target;
        lk_edge *match = i < items_from ? find_unmatched(named, target) : NULL;
        if (match != NULL) {
            match->is_matched = 1;
        } else if (type_pending && i < items_from && target == (PyObject *)t->type) {
            type_pending = 0;
        } else {
            other->items[kept++] = other->items[i];
        }
    }
    other->count = kept;
    kept = 0;
    for (size_t i = 0; i < named->count; i++) {
        if (!named->items[i].is_item &&
            (named->items[i].is_matched || named->items[i].is_sure || !was_traversed)) {
            named->items[kept++] = named->items[i];
        }
    }
    named->count = kept;
}

/* A C lru_cache reports the keys and results of its links as its own.  The links own them
 * and are read for themselves: of what is reported, keep what stands in the cache's struct.
 * Needs the GIL. */
static void
keep_own_words(lk_walk *w, const lk_type *t, PyObject *o)
{
    lk_edges *other = &w->other_edges;
    size_t kept = 0;
    Py_ssize_t cache_at = lk_lru_cache_offset(t->type);
    for (Py_ssize_t at = cache_at; at + 8 <= t->type->tp_basicsize; at += 8) {
        PyObject *word = *(PyObject **)((char *)o + at);
        for (size_t i = kept; i < other->count; i++) {
            if (other->items[i].target == word) {
                lk_edge found = other->items[i];
                other->items[i] = other->items[kept];
                other->items[kept++] = found;
                break;
            }
        }
    }
    other->count = kept;
    lk_collect_named(w, *(PyObject **)((char *)o + cache_at), "cache", 0);
}

/* Collect all edges of a C object.  Writes SYMBOL records: not inside a record.  Needs the
 * GIL; calls tp_traverse, which is C. */
void
lk_collect_generic(lk_walk *w, const lk_type *t, PyObject *o)
{
    w->named_edges.count = w->other_edges.count = w->deque_count = 0;
    collect_struct(w, o);
    collect_part(w, t, o);
    lk_collect_places(w, t, o);
    for (size_t i = 0; i < t->slot_count; i++) {
        PyObject *target = *(PyObject **)((char *)o + t->slots[i].offset);
        int in_struct = (t->type->tp_flags & Py_TPFLAGS_BASE_EXC_SUBCLASS) &&
                        t->slots[i].offset < (Py_ssize_t)sizeof(PyBaseExceptionObject);
        if (target != NULL && !in_struct) {
            collect(w, &w->named_edges, target, t->slots[i].symbol, 0);
        }
    }
    if (!PyType_Check(o)) {
        collect_attributes(w, t, o);
    }
    int can = lk_can_traverse(o);
    if (can) {
        t->type->tp_traverse(o, visit, w);
        if (t->reader == LK_READ_LRU_CACHE) {
            keep_own_words(w, t, o);
        } else if (t->part == LK_PART_DEQUE && w->other_edges.count >= (size_t)Py_SIZE(o)) {
            w->deque_count = (size_t)Py_SIZE(o); /* a deque visits its items last */
        } else if (t->part == LK_PART_HAMT) {
            name_context_values(w);
        }
    }
    match_names(w, t, can);
}

/* The run of the items of a part, if it has one.  Needs the GIL. */
static void
put_part(lk_walk *w, const lk_type *t, PyObject *o, int more)
{
    static const uint8_t READERS[] = {
        [LK_PART_LIST] = LK_READ_LIST, [LK_PART_DICT] = LK_READ_DICT, [LK_PART_SET] = LK_READ_SET};
    const lk_edges *other = &w->other_edges;
    if (t->part == LK_PART_DEQUE) {
        lk_put_run_of(w, LK_RUN_INDEX, w->deque_count, more);
        for (size_t i = other->count - w->deque_count; i < other->count; i++) {
            lk_put_edge(w, other->items[i].target);
        }
    } else if (t->part == LK_PART_TUPLE) {
        lk_put_run_of(w, LK_RUN_INDEX, (size_t)Py_SIZE(o), more);
        for (Py_ssize_t i = 0; i < Py_SIZE(o); i++) {
            lk_put_edge(w, is_named_item(t, i) ? NULL : ((PyTupleObject *)o)->ob_item[i]);
        }
    } else if (t->part == LK_PART_NUMPY) {
        lk_put_numpy_array(w, o, more);
    } else {
        lk_put_builtin_part(w, t, READERS[t->part], o, more);
    }
}

/* Write the collected edges as runs: UNKNOWN for those without a name, the items of the
 * part, NAMED, and WEAK for the referent of a weak reference.  Needs the GIL. */
void
lk_put_generic(lk_walk *w, const lk_type *t, PyObject *o)
{
    PyObject *referent = PyWeakref_Check(o) ? ((PyWeakReference *)o)->wr_object : Py_None;
    int has_named = w->named_edges.count > 0;
    int has_weak = referent != Py_None && referent != NULL && Py_REFCNT(referent) > 0;
    int has_part = t->part != LK_PART_NONE && t->part <= LK_PART_NUMPY;
    size_t unnamed = w->other_edges.count - w->deque_count;
    int more = has_part || has_named || has_weak;
    if (t->default_run == LK_RUN_UNKNOWN) {
        lk_put_run(w, unnamed, more);
    } else if (unnamed > 0 || !more) {
        lk_put_run_of(w, LK_RUN_UNKNOWN, unnamed, more);
    }
    for (size_t i = 0; i < unnamed; i++) {
        lk_put_edge(w, w->other_edges.items[i].target);
    }
    if (has_part) {
        put_part(w, t, o, has_named || has_weak);
    }
    if (has_named) {
        lk_put_run_of(w, LK_RUN_NAMED, w->named_edges.count, has_weak);
        for (size_t i = 0; i < w->named_edges.count; i++) {
            lk_emit_room(&w->out);
            lk_emit_varint(&w->out, w->named_edges.items[i].symbol);
            lk_put_edge(w, w->named_edges.items[i].target);
        }
    }
    if (has_weak) {
        lk_put_run_of(w, LK_RUN_WEAK, 1, 0);
        lk_put_edge(w, referent);
    }
}

/* Runs of containers and of instances of Python classes. */
#include "walk.h"

#define ITEMS_FIT(keys) ((size_t)(keys)->dk_nentries <= (((size_t)2 << (keys)->dk_log2_size) / 3))

/* Write n references as one run of the type's default kind.  Needs the GIL. */
static void
put_items(lk_walk *w, enum lk_run_kind kind, const lk_type *t, PyObject *const *items, size_t n,
          int more)
{
    if (t->default_run == kind) {
        lk_put_run(w, n, more);
    } else {
        lk_put_run_of(w, kind, n, more);
    }
    for (size_t i = 0; i < n; i++) {
        lk_put_edge(w, items[i]);
    }
}

/* A key whose text a path would show. */
static inline void
want_key(lk_walk *w, PyObject *key)
{
    PyTypeObject *t = Py_TYPE(key);
    if (t == &PyUnicode_Type) {
        if (!lk_str_is_interned(key)) {
            lk_want_name(w, key, 0);
        }
    } else if (t == &PyLong_Type) {
        lk_want_name(w, key, 0);
    }
}

/* Live entries of a table without split values.  Needs the GIL. */
static size_t
count_entries(PyDictKeysObject *keys)
{
    size_t live = 0, n = (size_t)keys->dk_nentries;
    if (keys->dk_kind == DICT_KEYS_GENERAL) {
        PyDictKeyEntry *entry = lk_general_entries(keys);
        for (size_t i = 0; i < n; i++) {
            live += entry[i].me_value != NULL;
        }
    } else {
        PyDictUnicodeEntry *entry = lk_unicode_entries(keys);
        for (size_t i = 0; i < n; i++) {
            live += entry[i].me_value != NULL;
        }
    }
    return live;
}

/* Key and value of each live entry of a split dict.  Needs the GIL. */
static void
put_split_items(lk_walk *w, PyDictObject *d, size_t n)
{
    PyDictUnicodeEntry *entry = lk_unicode_entries(d->ma_keys);
    for (size_t i = 0; i < n; i++) {
        PyObject *value = d->ma_values->values[i];
        if (value != NULL) {
            lk_put_edge(w, entry[i].me_key);
            lk_put_edge(w, value);
        }
    }
}

/* Key and value of each live entry of a combined dict.  Needs the GIL. */
static void
put_combined_items(lk_walk *w, PyDictKeysObject *keys, size_t n)
{
    if (keys->dk_kind == DICT_KEYS_GENERAL) {
        PyDictKeyEntry *entry = lk_general_entries(keys);
        for (size_t i = 0; i < n; i++) {
            if (entry[i].me_value != NULL) {
                want_key(w, entry[i].me_key);
                lk_put_edge(w, entry[i].me_key);
                lk_put_edge(w, entry[i].me_value);
            }
        }
        return;
    }
    PyDictUnicodeEntry *entry = lk_unicode_entries(keys);
    for (size_t i = 0; i < n; i++) {
        if (entry[i].me_value != NULL) {
            if (!lk_str_is_interned(entry[i].me_key)) {
                lk_want_name(w, entry[i].me_key, 0);
            }
            lk_put_edge(w, entry[i].me_key);
            lk_put_edge(w, entry[i].me_value);
        }
    }
}

/* The table of interned strings: it counts none of them, and keeps only those that are immortal.
 * Needs the GIL. */
static void
put_interned(lk_walk *w, PyDictKeysObject *keys, int more)
{
    PyDictUnicodeEntry *entry = lk_unicode_entries(keys);
    size_t n = keys->dk_kind == DICT_KEYS_UNICODE ? (size_t)keys->dk_nentries : 0, kept = 0;
    for (size_t i = 0; i < n; i++) {
        kept += entry[i].me_value != NULL && lk_is_immortal(entry[i].me_key);
    }
    lk_put_run_of(w, LK_RUN_ITEM, kept * 2, more);
    for (size_t i = 0; i < n; i++) {
        if (entry[i].me_value != NULL && lk_is_immortal(entry[i].me_key)) {
            lk_put_edge(w, entry[i].me_key);
            lk_put_edge(w, entry[i].me_value);
        }
    }
    if (w->has_births) {
        lk_slotmap_add(&w->claimed, (uintptr_t)keys);
    }
}

/* The ITEM run of a dict.  A dict that shares its instance's inline values has none: the
 * instance owns them.  Needs the GIL. */
static void
put_dict(lk_walk *w, const lk_type *t, PyDictObject *d, int more)
{
    PyDictKeysObject *keys = d->ma_keys;
    size_t n = (size_t)keys->dk_nentries, live = 0;
    if (LK_IS_UNCOUNTED_DICT(w->interp, d)) {
        put_interned(w, keys, more);
        return;
    }
    if (lk_dict_is_embedded(d) || !ITEMS_FIT(keys)) {
        n = 0;
    } else if (d->ma_values != NULL) {
        for (size_t i = 0; i < n; i++) {
            live += d->ma_values->values[i] != NULL;
        }
    } else {
        /* without deletions every entry is live */
        live = (size_t)d->ma_used == n ? n : count_entries(keys);
    }
    if (t->default_run == LK_RUN_ITEM) {
        lk_put_run(w, live * 2, more);
    } else {
        lk_put_run_of(w, LK_RUN_ITEM, live * 2, more);
    }
    if (live == 0) {
        return;
    }
    if (d->ma_values != NULL) {
        put_split_items(w, d, n);
    } else {
        put_combined_items(w, keys, n);
    }
    if (w->has_births) {
        lk_slotmap_add(&w->claimed, (uintptr_t)keys);
        if (d->ma_values != NULL) {
            lk_slotmap_add(&w->claimed, (uintptr_t)d->ma_values);
        }
    }
}

/* The nodes that keep the order of an OrderedDict own each key once more.  Needs the GIL. */
static void
put_order(lk_walk *w, PyDictObject *d, int more)
{
    PyDictKeysObject *keys = d->ma_keys;
    size_t n = ITEMS_FIT(keys) && d->ma_values == NULL ? (size_t)keys->dk_nentries : 0;
    lk_put_run_of(w, LK_RUN_HIDDEN, n == 0 ? 0 : count_entries(keys), more);
    for (size_t i = 0; i < n; i++) {
        if (keys->dk_kind == DICT_KEYS_GENERAL) {
            PyDictKeyEntry *entry = &lk_general_entries(keys)[i];
            if (entry->me_value != NULL) {
                lk_put_edge(w, entry->me_key);
            }
        } else if (lk_unicode_entries(keys)[i].me_value != NULL) {
            lk_put_edge(w, lk_unicode_entries(keys)[i].me_key);
        }
    }
}

/* The ELEMENT run of a set or frozenset.  Needs the GIL. */
static void
put_set(lk_walk *w, const lk_type *t, PySetObject *s, int more)
{
    size_t live = 0;
    for (Py_ssize_t i = 0; i <= s->mask; i++) {
        live += s->table[i].key != NULL && s->table[i].hash != -1;
    }
    if (t->default_run == LK_RUN_ELEMENT) {
        lk_put_run(w, live, more);
    } else {
        lk_put_run_of(w, LK_RUN_ELEMENT, live, more);
    }
    for (Py_ssize_t i = 0; i <= s->mask; i++) {
        if (s->table[i].key != NULL && s->table[i].hash != -1) {
            lk_put_edge(w, s->table[i].key);
        }
    }
}

/* The list, tuple, dict or set part of an instance.  Needs the GIL. */
void
lk_put_builtin_part(lk_walk *w, const lk_type *t, unsigned reader, PyObject *o, int more)
{
    switch (reader) {
    case LK_READ_LIST:
        put_items(w, LK_RUN_INDEX, t, ((PyListObject *)o)->ob_item, (size_t)Py_SIZE(o), more);
        break;
    case LK_READ_TUPLE:
        put_items(w, LK_RUN_INDEX, t, ((PyTupleObject *)o)->ob_item, (size_t)Py_SIZE(o), more);
        break;
    case LK_READ_DICT:
        put_dict(w, t, (PyDictObject *)o, more);
        break;
    case LK_READ_ORDERED_DICT:
        put_dict(w, t, (PyDictObject *)o, 1);
        put_order(w, (PyDictObject *)o, more);
        break;
    default:
        put_set(w, t, (PySetObject *)o, more);
        break;
    }
}

/* The ATTR run of inline values.  Needs the GIL. */
static void
put_inline_values(lk_walk *w, const lk_type *t, PyObject *o, PyObject *const *values,
                  Py_ssize_t capacity, int more)
{
    PyDictKeysObject *keys = ((PyHeapTypeObject *)t->type)->ht_cached_keys;
    Py_ssize_t n = keys == NULL ? 0 : keys->dk_nentries;
    n = n < capacity ? n : capacity;
    put_items(w, LK_RUN_ATTR, t, values, (size_t)n, more);
    if (w->has_births) {
        uintptr_t block = lk_inline_values_block(o, t->type);
        if (block != 0) {
            lk_slotmap_add(&w->claimed, block);
        }
    }
}

/* The NAMED run of __slots__.  Needs the GIL. */
static void
put_slots(lk_walk *w, const lk_type *t, PyObject *o)
{
    lk_put_run_of(w, LK_RUN_NAMED, t->slot_count, 0);
    for (size_t i = 0; i < t->slot_count; i++) {
        lk_emit_room(&w->out);
        lk_emit_varint(&w->out, t->slots[i].symbol);
        lk_put_edge(w, *(PyObject **)((char *)o + t->slots[i].offset));
    }
}

/* All runs of an instance of a Python class: builtin part, inline values, dict, slots.
 * Nothing else can be owned by it, so tp_traverse is not asked.  Needs the GIL. */
static void
put_instance(lk_walk *w, const lk_type *t, PyObject *o)
{
    Py_ssize_t capacity;
    PyObject **values = lk_inline_values(o, t->type, &capacity);
    PyObject *dict = lk_managed_dict(o, t->type);
    if (dict == NULL && t->dict_offset > 0) {
        dict = *(PyObject **)((char *)o + t->dict_offset);
    }
    int has_slots = t->slot_count > 0;
    if (t->base_reader != LK_READ_ATOM) {
        lk_put_builtin_part(w, t, t->base_reader, o, values != NULL || dict != NULL || has_slots);
    }
    if (values != NULL) {
        put_inline_values(w, t, o, values, capacity, dict != NULL || has_slots);
    }
    if (dict != NULL) {
        lk_put_field_run(w, LK_SCHEMA_DICT, &dict, 1, has_slots);
    }
    if (has_slots) {
        put_slots(w, t, o);
    } else if (values == NULL && dict == NULL && t->base_reader == LK_READ_ATOM) {
        lk_put_run(w, 0, 0);
    }
}

/* Every run of one node, after its header.  Needs the GIL. */
void
lk_put_edges(lk_walk *w, const lk_type *t, PyObject *o)
{
    switch (t->reader) {
    case LK_READ_ATOM:
    case LK_READ_STR:
    case LK_READ_INT:
        lk_put_run(w, 0, 0);
        break;
    case LK_READ_LIST:
    case LK_READ_TUPLE:
    case LK_READ_DICT:
    case LK_READ_SET:
        lk_put_builtin_part(w, t, t->reader, o, 0);
        break;
    case LK_READ_INSTANCE:
        put_instance(w, t, o);
        break;
    case LK_READ_DEQUE:
    case LK_READ_LRU_CACHE:
    case LK_READ_GENERIC:
        lk_put_generic(w, t, o);
        break;
    default:
        if (!lk_put_fields(w, t, o)) {
            lk_put_run(w, 0, 0);
        }
        break;
    }
}

/* A LOCAL run.  Needs the GIL. */
void
lk_put_locals(lk_walk *w, const lk_frame_slot *slots, size_t count, int more)
{
    lk_put_run_of(w, LK_RUN_LOCAL, count, more);
    for (size_t i = 0; i < count; i++) {
        lk_put_edge(w, lk_slot_owned(slots[i]));
    }
}

/* Named roots: what keeps objects alive without being an object itself. */
#include "walk.h"

/* Open a ROOT record.  Deltas of its edges start at slot 0. */
static void
put_root(lk_walk *w, enum lk_root_kind kind, const char *label, size_t n)
{
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_ROOT);
    lk_emit_varint(&w->out, kind);
    lk_emit_string(&w->out, label, n);
    w->last_edge_slot = 0;
    w->root_count++;
}

#define INTERP_FIELD(field) (PyObject *)w->interp->field,
#define THREAD_FIELD(field) (PyObject *)ts->field,

/* The interpreter state: its references and the atexit callbacks.  Needs the GIL. */
static void
put_interpreter(lk_walk *w)
{
    PyObject *modules = LK_INTERP_MODULES(w->interp);
    PyObject *fields[] = {LK_INTERP_FIELDS(INTERP_FIELD)};
    put_root(w, LK_ROOT_MODULES, "sys.modules", 11);
    lk_put_field_run(w, LK_SCHEMA_MODULES, &modules, 1, 0);

    put_root(w, LK_ROOT_INTERPRETER, "interpreter", 11);
    lk_put_field_run(w, LK_SCHEMA_INTERPRETER, fields, sizeof(fields) / sizeof(*fields), 0);

    const struct atexit_state *state = &w->interp->atexit;
    put_root(w, LK_ROOT_INTERPRETER, "atexit callbacks", 16);
    lk_put_run_of(w, LK_RUN_INDEX, (size_t)LK_ATEXIT_COUNT(state) * 3, 0);
    for (int i = 0; i < LK_ATEXIT_COUNT(state); i++) {
        PyObject *parts[] = LK_ATEXIT_PARTS(state, i);
        for (int part = 0; part < 3; part++) {
            lk_put_edge(w, parts[part]);
        }
    }
}

/* The names that the cache of attribute look-ups keeps alive: those of the runtime live
 * without it.  Needs the GIL. */
static void
put_type_cache(lk_walk *w)
{
    put_root(w, LK_ROOT_INTERPRETER, "type attribute cache", 20);
    lk_put_run_of(w, LK_RUN_UNKNOWN, LK_TYPE_CACHE_SIZE, 0);
    for (int i = 0; i < LK_TYPE_CACHE_SIZE; i++) {
        PyObject *name = LK_TYPE_CACHE(w->interp)[i].name;
        lk_put_edge(w, name == NULL || lk_is_immortal(name) ? NULL : name);
    }
    lk_put_fact(w, LK_FACT_MAXSIZE, LK_TYPE_CACHE_SIZE);
}

/* A value of a dict by a constant ASCII key; borrowed, or NULL.  Needs the GIL. */
static PyObject *
dict_find(PyObject *dict, const char *name)
{
    PyObject *key, *value;
    Py_ssize_t at = 0;
    while (dict != NULL && PyDict_Check(dict) && PyDict_Next(dict, &at, &key, &value)) {
        if (PyUnicode_CheckExact(key) && PyUnicode_IS_ASCII(key) &&
            strcmp((const char *)PyUnicode_DATA(key), name) == 0) {
            return value;
        }
    }
    return NULL;
}

/* An attribute of a plain instance, read without running anything; borrowed, or NULL.
 * Needs the GIL. */
static PyObject *
instance_find(PyObject *o, const char *name)
{
    PyTypeObject *t = Py_TYPE(o);
    Py_ssize_t capacity;
    PyObject **values = lk_inline_values(o, t, &capacity);
    PyDictKeysObject *keys;
    if (values == NULL || (keys = ((PyHeapTypeObject *)t)->ht_cached_keys) == NULL) {
        return dict_find(lk_managed_dict(o, t), name);
    }
    PyDictUnicodeEntry *entry = lk_unicode_entries(keys);
    for (Py_ssize_t i = 0; i < keys->dk_nentries && i < capacity; i++) {
        if (PyUnicode_IS_ASCII(entry[i].me_key) &&
            strcmp((const char *)PyUnicode_DATA(entry[i].me_key), name) == 0) {
            return values[i];
        }
    }
    return NULL;
}

/* ``'MainThread'`` of a thread, as threading knows it, or its ident.  Needs the GIL. */
static size_t
thread_name(lk_walk *w, unsigned long ident, char *out, size_t room)
{
    PyObject *threading = dict_find(LK_INTERP_MODULES(w->interp), "threading");
    PyObject *active = NULL, *key, *thread;
    Py_ssize_t at = 0;
    int64_t value;
    int truncated;
    if (threading != NULL && PyModule_Check(threading)) {
        active = dict_find(((lk_module *)threading)->md_dict, "_active");
    }
    while (active != NULL && PyDict_Check(active) && PyDict_Next(active, &at, &key, &thread)) {
        if (PyLong_CheckExact(key) && lk_int_value(key, &value) && (unsigned long)value == ident) {
            PyObject *name = instance_find(thread, "_name");
            if (name != NULL && PyUnicode_Check(name)) {
                out[0] = '\'';
                size_t n = 1 + lk_utf8_of(name, 64, out + 1, room - 2, &truncated);
                out[n++] = '\'';
                return n;
            }
        }
    }
    return (size_t)snprintf(out, room, "%lu", ident);
}

/* ``thread 'worker-1', serve() at app.py:31``.  Needs the GIL. */
static size_t
frame_label(_PyInterpreterFrame *f, const char *thread, size_t thread_bytes, char *out, size_t room)
{
    PyCodeObject *code = lk_frame_code(f);
    int truncated;
    size_t n = (size_t)snprintf(out, room, "thread %.*s, ", (int)thread_bytes, thread);
    if (code == NULL) {
        return n + (size_t)snprintf(out + n, room - n, "frame");
    }
    n += lk_utf8_of(code->co_qualname, 200, out + n, room - n - 8, &truncated);
    n += (size_t)snprintf(out + n, room - n, "() at ");
    /* the file's own name is what a person knows */
    Py_ssize_t from = PyUnicode_GET_LENGTH(code->co_filename);
    int kind = PyUnicode_KIND(code->co_filename);
    while (from > 0 && PyUnicode_READ(kind, PyUnicode_DATA(code->co_filename), from - 1) != '/') {
        from--;
    }
    for (Py_ssize_t i = from; i < PyUnicode_GET_LENGTH(code->co_filename) && n + 32 < room; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, PyUnicode_DATA(code->co_filename), i);
        out[n++] = c < 128 ? (char)c : '?';
    }
    return n + (size_t)snprintf(out + n, room - n, ":%d", lk_frame_line(f));
}

/* One thread: its state, then its frames, the newest first.  Needs the GIL. */
static void
put_thread(lk_walk *w, PyThreadState *ts)
{
    char name[300], label[1600];
    size_t name_bytes = thread_name(w, ts->thread_id, name, sizeof(name));
    PyObject *fields[] = {LK_THREAD_FIELDS(THREAD_FIELD)};
    size_t n = (size_t)snprintf(label, sizeof(label), "thread %.*s", (int)name_bytes, name);
    put_root(w, LK_ROOT_THREAD, label, n);
    lk_put_field_run(w, LK_SCHEMA_THREAD, fields, sizeof(fields) / sizeof(*fields), 0);
    lk_put_fact(w, LK_FACT_THREAD_ID, (int64_t)ts->thread_id);
    for (_PyInterpreterFrame *f = lk_thread_frame(ts); f != NULL; f = f->previous) {
        if (lk_frame_is_shim(f) || f->owner == FRAME_OWNED_BY_GENERATOR) {
            continue; /* a running generator's frame belongs to the generator */
        }
        n = frame_label(f, name, name_bytes, label, sizeof(label));
        put_root(w, LK_ROOT_FRAME, label, n);
        lk_put_running_frame(w, f);
        lk_put_fact(w, LK_FACT_LINE, lk_frame_line(f));
        lk_put_fact(w, LK_FACT_THREAD_ID, (int64_t)ts->thread_id);
    }
}

/* All roots but the static types.  Needs the GIL. */
void
lk_put_roots(lk_walk *w)
{
    put_interpreter(w);
    put_type_cache(w);
    for (PyThreadState *ts = w->interp->threads.head; ts != NULL; ts = ts->next) {
        if (ts != w->own_thread) {
            put_thread(w, ts);
        }
    }
}

/* Remember a static type; it is alive by itself.  Needs no GIL. */
void
lk_note_static_type(lk_walk *w, PyObject *type)
{
    if (w->static_type_count == w->static_type_capacity) {
        size_t capacity = w->static_type_capacity ? w->static_type_capacity * 2 : 512;
        PyObject **grown = lk_pages_grow(w->static_types, w->static_type_capacity * sizeof(*grown),
                                         capacity * sizeof(*grown));
        if (grown == NULL) {
            w->out_of_memory = 1;
            return;
        }
        w->static_types = grown;
        w->static_type_capacity = capacity;
    }
    w->static_types[w->static_type_count++] = type;
}

/* The root of the static types met.  After the last node.  Needs the GIL. */
void
lk_put_static_types(lk_walk *w)
{
    put_root(w, LK_ROOT_STATIC_TYPE, "static types", 12);
    lk_put_run_of(w, LK_RUN_UNKNOWN, w->static_type_count, 0);
    for (size_t i = 0; i < w->static_type_count; i++) {
        lk_put_edge(w, w->static_types[i]);
    }
}

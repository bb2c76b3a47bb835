/* Runs of objects whose C struct we know: functions, code, types, modules, arrays ... */
#include "walk.h"

typedef struct {
    uint8_t count;
    const char *names[24];
} schema_table;

#define X_NAME(field) #field,
#define X_ONE(field) +1

static const schema_table SCHEMAS[LK_SCHEMA_COUNT] = {
    [LK_SCHEMA_FUNCTION] = {14,
                            {"__code__", "__globals__", "__builtins__", "__module__",
                             "__defaults__", "__kwdefaults__", "__doc__", "__name__", "__dict__",
                             "__closure__", "__annotations__", "__qualname__", "__type_params__",
                             "__annotate__"}},
    [LK_SCHEMA_CELL] = {1, {"cell_contents"}},
    [LK_SCHEMA_METHOD] = {2, {"__func__", "__self__"}},
    [LK_SCHEMA_CFUNCTION] = {3, {"__self__", "__module__", "mm_class"}},
    [LK_SCHEMA_CODE] = {9 + LK_CODE_CACHED_COUNT,
                        {"co_consts", "co_names", "co_exceptiontable", "co_localsplusnames",
                         "co_localspluskinds", "co_filename", "co_name", "co_qualname",
                         "co_linetable", LK_CODE_CACHED_NAMES}},
    [LK_SCHEMA_TYPE] = {10,
                        {"__dict__", "__mro__", "__bases__", "__base__", "tp_cache",
                         "tp_subclasses", "__name__", "__qualname__", "__slots__", "ht_module"}},
    [LK_SCHEMA_GENERATOR] = {9,
                             {"__name__", "__qualname__", "exc_value", "origin_or_finalizer",
                              "function", "code", "f_locals", "frame", "gi_code"}},
    [LK_SCHEMA_FRAME_OBJECT] = {8,
                                {"f_back", "f_trace", "f_extra_locals", "f_locals_cache",
                                 "function", "code", "f_locals", "frame"}},
    [LK_SCHEMA_FRAME] = {4, {"function", "code", "f_locals", "frame"}},
    [LK_SCHEMA_TRACEBACK] = {2, {"tb_next", "tb_frame"}},
    [LK_SCHEMA_DESCRIPTOR] = {3, {"__objclass__", "__name__", "__qualname__"}},
    [LK_SCHEMA_SLICE] = {3, {"start", "stop", "step"}},
    [LK_SCHEMA_RANGE] = {4, {"start", "stop", "step", "length"}},
    [LK_SCHEMA_DICT] = {1, {"__dict__"}},
    [LK_SCHEMA_NUMPY_ARRAY] = {2, {"base", "dtype"}},
    [LK_SCHEMA_MODULES] = {1, {"modules"}},
    [LK_SCHEMA_INTERPRETER] = {0 LK_INTERP_FIELDS(X_ONE), {LK_INTERP_FIELDS(X_NAME)}},
    [LK_SCHEMA_THREAD] = {0 LK_THREAD_FIELDS(X_ONE), {LK_THREAD_FIELDS(X_NAME)}},
};

/* Write every schema, in the order of the enum.  Needs no GIL. */
void
lk_put_schemas(lk_walk *w)
{
    for (int s = 0; s < LK_SCHEMA_COUNT; s++) {
        lk_emit_room(&w->out);
        lk_emit_varint(&w->out, LK_TAG_SCHEMA);
        lk_emit_varint(&w->out, SCHEMAS[s].count);
        for (int i = 0; i < SCHEMAS[s].count; i++) {
            lk_emit_string(&w->out, SCHEMAS[s].names[i], strlen(SCHEMAS[s].names[i]));
        }
    }
}

/* A FIELD run.  Needs the GIL. */
void
lk_put_field_run(lk_walk *w, enum lk_schema schema, PyObject *const *fields, size_t count, int more)
{
    lk_put_run_of(w, LK_RUN_FIELD, count, more);
    lk_emit_varint(&w->out, schema);
    for (size_t i = 0; i < count; i++) {
        lk_put_edge(w, fields[i]);
    }
}

#define PUT(schema, more, ...)                                                                     \
    do {                                                                                           \
        PyObject *fields_[] = {__VA_ARGS__};                                                       \
        lk_put_field_run(w, schema, fields_, sizeof(fields_) / sizeof(*fields_), more);            \
    } while (0)
#define OBJ(x) ((PyObject *)(x))

/* Needs the GIL. */
static void
put_function(lk_walk *w, PyFunctionObject *f)
{
    lk_want_name(w, f->func_qualname, 0);
    PUT(LK_SCHEMA_FUNCTION, 0, f->func_code, f->func_globals, f->func_builtins, f->func_module,
        f->func_defaults, f->func_kwdefaults, f->func_doc, f->func_name, f->func_dict,
        f->func_closure, f->func_annotations, f->func_qualname, LK_FUNCTION_TYPEPARAMS(f),
        LK_FUNCTION_ANNOTATE(f));
}

/* Needs the GIL. */
static void
put_code(lk_walk *w, PyCodeObject *c)
{
    lk_want_name(w, c->co_filename, 1);
    lk_want_name(w, c->co_qualname, 1);
    PUT(LK_SCHEMA_CODE, 0, c->co_consts, c->co_names, c->co_exceptiontable, c->co_localsplusnames,
        c->co_localspluskinds, c->co_filename, c->co_name, c->co_qualname, c->co_linetable,
        LK_CODE_CACHED_FIELDS(c));
}

/* Needs the GIL. */
static void
put_type(lk_walk *w, PyTypeObject *t)
{
    PyObject *dict, *subclasses;
    lk_type_dicts(w->interp, t, &dict, &subclasses);
    if (!(t->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        lk_note_static_type(w, OBJ(t));
        PUT(LK_SCHEMA_TYPE, 0, dict, t->tp_mro, t->tp_bases, OBJ(t->tp_base), t->tp_cache,
            subclasses);
        return;
    }
    PyHeapTypeObject *h = (PyHeapTypeObject *)t;
    PyDictKeysObject *keys = h->ht_cached_keys;
    PUT(LK_SCHEMA_TYPE, keys != NULL, dict, t->tp_mro, t->tp_bases, OBJ(t->tp_base), t->tp_cache,
        subclasses, h->ht_name, h->ht_qualname, h->ht_slots, h->ht_module);
    if (keys != NULL) {
        PyDictUnicodeEntry *entry = lk_unicode_entries(keys);
        lk_put_run_of(w, LK_RUN_HIDDEN, (size_t)keys->dk_nentries, 0);
        for (Py_ssize_t i = 0; i < keys->dk_nentries; i++) {
            lk_put_edge(w, entry[i].me_key);
        }
        if (w->has_births) {
            lk_slotmap_add(&w->claimed, (uintptr_t)keys);
        }
    }
}

/* The runs of a type with a known struct: 1, or 0 when it is none of ours.  Needs the GIL. */
int
lk_put_fields(lk_walk *w, const lk_type *t, PyObject *o)
{
    switch (t->reader) {
    case LK_READ_FUNCTION:
        put_function(w, (PyFunctionObject *)o);
        return 1;
    case LK_READ_CELL:
        PUT(LK_SCHEMA_CELL, 0, ((PyCellObject *)o)->ob_ref);
        return 1;
    case LK_READ_METHOD:
        PUT(LK_SCHEMA_METHOD, 0, ((PyMethodObject *)o)->im_func, ((PyMethodObject *)o)->im_self);
        return 1;
    case LK_READ_CFUNCTION:
        PUT(LK_SCHEMA_CFUNCTION, 0, ((PyCFunctionObject *)o)->m_self,
            ((PyCFunctionObject *)o)->m_module,
            t->type == &PyCMethod_Type ? OBJ(((PyCMethodObject *)o)->mm_class) : NULL);
        return 1;
    case LK_READ_CODE:
        put_code(w, (PyCodeObject *)o);
        return 1;
    case LK_READ_TYPE:
        put_type(w, (PyTypeObject *)o);
        return 1;
    case LK_READ_GENERATOR:
        lk_read_generator(w, o);
        return 1;
    case LK_READ_FRAME:
        lk_read_frame_object(w, o);
        return 1;
    case LK_READ_TRACEBACK:
        PUT(LK_SCHEMA_TRACEBACK, 0, OBJ(((PyTracebackObject *)o)->tb_next),
            OBJ(((PyTracebackObject *)o)->tb_frame));
        return 1;
    case LK_READ_DESCRIPTOR:
        PUT(LK_SCHEMA_DESCRIPTOR, 0, OBJ(((PyDescrObject *)o)->d_type),
            ((PyDescrObject *)o)->d_name, ((PyDescrObject *)o)->d_qualname);
        return 1;
    case LK_READ_SLICE:
        PUT(LK_SCHEMA_SLICE, 0, ((PySliceObject *)o)->start, ((PySliceObject *)o)->stop,
            ((PySliceObject *)o)->step);
        return 1;
    case LK_READ_RANGE:
        lk_put_field_run(w, LK_SCHEMA_RANGE, (PyObject **)(o + 1), 4, 0);
        return 1;
    case LK_READ_NUMPY_ARRAY:
        lk_put_numpy_array(w, o, 0);
        return 1;
    default:
        return 0;
    }
}

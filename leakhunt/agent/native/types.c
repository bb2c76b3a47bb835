/* The table of types met by a walk: how each is read, measured and named. */
#include "walk.h"

static traverseproc python_class_traverse; /* subtype_traverse of the interpreter */

/* Learn what a class statement puts into tp_traverse.  0, or -1 with an exception set.
 * Called when the module is loaded, never during a walk.  Needs the GIL. */
int
lk_types_prepare(void)
{
    /* A class that every interpreter has.  One made here would be a cycle, and a program that
     * switched its collector off would keep it for ever. */
    PyObject *importlib = PyDict_GetItemString(PyImport_GetModuleDict(), "_frozen_importlib");
    PyObject *sample = importlib == NULL || !PyModule_Check(importlib)
                           ? NULL
                           : PyDict_GetItemString(PyModule_GetDict(importlib), "ModuleSpec");
    if (sample == NULL || !PyType_Check(sample) ||
        !(((PyTypeObject *)sample)->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        PyErr_SetString(PyExc_RuntimeError, "importlib's class ModuleSpec is missing");
        return -1;
    }
    python_class_traverse = ((PyTypeObject *)sample)->tp_traverse;
    return 0;
}

static int
is_default_dict(const PyTypeObject *type)
{
    return strcmp(type->tp_name, "collections.defaultdict") == 0 && type->tp_base == &PyDict_Type &&
           type->tp_basicsize == (Py_ssize_t)(sizeof(PyDictObject) + sizeof(PyObject *));
}

/* The reader of types whose instances we know exactly.  Needs the GIL. */
static lk_reader
exact_reader(const PyTypeObject *t)
{
    const struct {
        const PyTypeObject *type;
        lk_reader reader;
    } known[] = {
        {&PyUnicode_Type, LK_READ_STR},
        {&PyLong_Type, LK_READ_INT},
        {&PyList_Type, LK_READ_LIST},
        {&PyTuple_Type, LK_READ_TUPLE},
        {&PyDict_Type, LK_READ_DICT},
        {&PySet_Type, LK_READ_SET},
        {&PyFrozenSet_Type, LK_READ_SET},
        {&PyFloat_Type, LK_READ_ATOM},
        {&PyBytes_Type, LK_READ_ATOM},
        {&PyBool_Type, LK_READ_ATOM},
        {&PyComplex_Type, LK_READ_ATOM},
        {&PyByteArray_Type, LK_READ_ATOM},
        {&PyEllipsis_Type, LK_READ_ATOM},
        {Py_TYPE(Py_None), LK_READ_ATOM},
        {Py_TYPE(Py_NotImplemented), LK_READ_ATOM},
        {&PyFunction_Type, LK_READ_FUNCTION},
        {&PyCell_Type, LK_READ_CELL},
        {&PyMethod_Type, LK_READ_METHOD},
        {&PyCFunction_Type, LK_READ_CFUNCTION},
        {&PyCMethod_Type, LK_READ_CFUNCTION},
        {&PyCode_Type, LK_READ_CODE},
        {&PyType_Type, LK_READ_TYPE},
        {&PyGen_Type, LK_READ_GENERATOR},
        {&PyCoro_Type, LK_READ_GENERATOR},
        {&PyAsyncGen_Type, LK_READ_GENERATOR},
        {&PyFrame_Type, LK_READ_FRAME},
        {&PyTraceBack_Type, LK_READ_TRACEBACK},
        {&PyMemberDescr_Type, LK_READ_DESCRIPTOR},
        {&PyGetSetDescr_Type, LK_READ_DESCRIPTOR},
        {&PyWrapperDescr_Type, LK_READ_DESCRIPTOR},
        {&PyMethodDescr_Type, LK_READ_DESCRIPTOR},
        {&PyClassMethodDescr_Type, LK_READ_DESCRIPTOR},
        {&PySlice_Type, LK_READ_SLICE},
        {&PyRange_Type, LK_READ_RANGE},
    };
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (known[i].type == t) {
            return known[i].reader;
        }
    }
    if (is_default_dict(t) || t == &PyODict_Type) {
        return LK_READ_INSTANCE; /* a dict and, in plain sight, a little more */
    }
    if (strcmp(t->tp_name, "collections.deque") == 0) {
        return LK_READ_DEQUE;
    }
    if (lk_lru_cache_offset(t) != 0) {
        return LK_READ_LRU_CACHE;
    }
    if (lk_is_lru_link(t)) {
        return LK_READ_INSTANCE; /* key and result, read like slots */
    }
    if (strcmp(t->tp_name, "numpy.ndarray") == 0 && lk_is_numpy_array(t)) {
        return LK_READ_NUMPY_ARRAY;
    }
    return LK_READ_GENERIC;
}

/* The reader of the C base of a Python class, or LK_READ_GENERIC when the class inherits
 * from a struct that only its own tp_traverse knows.  Needs the GIL. */
static lk_reader
instance_base_reader(const PyTypeObject *t)
{
    while (t != NULL && (t->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
           t->tp_traverse == python_class_traverse) {
        t = t->tp_base;
    }
    if (t == NULL || t == &PyBaseObject_Type || t == &PyLong_Type || t == &PyFloat_Type ||
        t == &PyUnicode_Type || t == &PyBytes_Type) {
        return LK_READ_ATOM;
    }
    if (t == &PyList_Type) {
        return LK_READ_LIST;
    }
    if (t == &PyTuple_Type) {
        return LK_READ_TUPLE;
    }
    if (t == &PyDict_Type || is_default_dict(t)) {
        return LK_READ_DICT;
    }
    if (t == &PyODict_Type) {
        return LK_READ_ORDERED_DICT;
    }
    if (t == &PySet_Type || t == &PyFrozenSet_Type) {
        return LK_READ_SET;
    }
    return LK_READ_GENERIC;
}

/* The kind of the runs that most instances have; it need not be written.  Needs no GIL. */
static enum lk_run_kind
default_run_of(const lk_type *t)
{
    unsigned reader = t->reader == LK_READ_INSTANCE ? t->base_reader : t->reader;
    switch (reader) {
    case LK_READ_LIST:
    case LK_READ_TUPLE:
    case LK_READ_DEQUE:
        return LK_RUN_INDEX;
    case LK_READ_DICT:
    case LK_READ_ORDERED_DICT:
        return LK_RUN_ITEM;
    case LK_READ_SET:
        return LK_RUN_ELEMENT;
    case LK_READ_GENERIC:
    case LK_READ_LRU_CACHE:
        return LK_RUN_UNKNOWN;
    default:
        return t->reader == LK_READ_INSTANCE ? LK_RUN_ATTR : LK_RUN_NONE;
    }
}

/* Is it an object member that find_slots records?  tp_dictoffset is read as the dict. */
static int
is_slot(const PyTypeObject *type, const PyMemberDef *m)
{
    return (m->type == T_OBJECT_EX || m->type == T_OBJECT) && m->offset > 0 &&
           m->offset != type->tp_dictoffset && !LK_MEMBER_IS_RELATIVE(m);
}

/* Object members along tp_base, those that a base repeats included.  Needs the GIL. */
static size_t
count_slots(const PyTypeObject *type)
{
    size_t count = 0;
    for (const PyTypeObject *base = type; base != NULL; base = base->tp_base) {
        for (const PyMemberDef *m = base->tp_members; m != NULL && m->name != NULL; m++) {
            count += (size_t)is_slot(type, m);
        }
    }
    return count;
}

/* Add one that is not known yet.  Writes a SYMBOL record.  Needs the GIL. */
static void
add_slot(lk_walk *w, lk_type *t, Py_ssize_t offset, const char *name)
{
    for (size_t i = 0; i < t->slot_count; i++) {
        if (t->slots[i].offset == offset) {
            return;
        }
    }
    uint8_t is_bound = (uint8_t)lk_text_is_bound(name, strlen(name));
    t->slots[t->slot_count++] = (lk_slot){offset, lk_symbol(w, name), is_bound};
    t->has_bounds_in_slots |= is_bound;
}

/* Record the object members along tp_base (``__slots__`` and C members).  Needs the GIL. */
static void
find_slots(lk_walk *w, lk_type *t)
{
    if (t->type->tp_flags & (Py_TPFLAGS_TYPE_SUBCLASS)) {
        return;
    }
    int is_link = lk_is_lru_link(t->type);
    size_t count = is_link ? 2 : count_slots(t->type);
    t->slots = count == 0 ? NULL : lk_arena_take(&w->arena, count * sizeof(lk_slot));
    if (t->slots == NULL) {
        w->out_of_memory |= count > 0;
        return;
    }
    if (is_link) {
        add_slot(w, t, LK_LRU_LINK_KEY, "key");
        add_slot(w, t, LK_LRU_LINK_RESULT, "result");
        return;
    }
    for (PyTypeObject *base = t->type; base != NULL; base = base->tp_base) {
        for (PyMemberDef *m = base->tp_members; m != NULL && m->name != NULL; m++) {
            if (is_slot(t->type, m)) {
                add_slot(w, t, m->offset, m->name);
            }
        }
    }
}

/* Fill an entry from the type object.  Needs the GIL. */
static void
describe(lk_walk *w, lk_type *t)
{
    PyTypeObject *type = t->type;
    int is_class = (type->tp_flags & Py_TPFLAGS_HEAPTYPE) != 0;
    t->is_heap = (uint8_t)is_class;
    t->is_gc = (type->tp_flags & Py_TPFLAGS_HAVE_GC) != 0;
    t->preheader_bytes = lk_preheader_bytes(type);
    t->reader = (uint8_t)exact_reader(type);
    if (t->reader == LK_READ_INSTANCE && !lk_is_lru_link(type)) {
        t->base_reader = (uint8_t)instance_base_reader(type);
    } else if (t->reader == LK_READ_GENERIC && is_class &&
               type->tp_traverse == python_class_traverse) {
        t->base_reader = (uint8_t)instance_base_reader(type);
        t->reader = t->base_reader == LK_READ_GENERIC ? LK_READ_GENERIC : LK_READ_INSTANCE;
    } else if (t->reader == LK_READ_GENERIC && is_class && !t->is_gc &&
               type->tp_basicsize == type->tp_base->tp_basicsize &&
               instance_base_reader(type->tp_base) == LK_READ_ATOM) {
        t->reader = LK_READ_INSTANCE; /* __slots__ = () over an atom: owns nothing more */
        t->base_reader = LK_READ_ATOM;
    }
    if (t->reader == LK_READ_INSTANCE || t->reader == LK_READ_GENERIC ||
        t->reader == LK_READ_DEQUE || t->reader == LK_READ_LRU_CACHE) {
        find_slots(w, t);
    }
    if (!(type->tp_flags & Py_TPFLAGS_MANAGED_DICT) && type->tp_dictoffset != 0 &&
        !(type->tp_flags & Py_TPFLAGS_TYPE_SUBCLASS)) {
        t->dict_offset = type->tp_dictoffset;
    }
    if (t->reader == LK_READ_INSTANCE && t->dict_offset < 0) {
        t->reader = LK_READ_GENERIC; /* counted from the end of a variable-size object */
    }
    if (t->reader >= LK_READ_DEQUE) {
        lk_find_part(t);
        lk_find_places(t, python_class_traverse);
    }
    t->default_run = (uint8_t)default_run_of(t);
    t->sizer = lk_sizer_of(type, &t->sizeof_method);
    t->base_bytes = (size_t)type->tp_basicsize + t->preheader_bytes;
    t->is_opaque = t->reader == LK_READ_GENERIC && type->tp_traverse == NULL &&
                   t->part == LK_PART_NONE && t->place_count == 0 &&
                   type->tp_basicsize > (Py_ssize_t)sizeof(PyObject);
    t->fact_reader = lk_fact_reader_of(w, type);
    /* a module's dict is full of names, but bounds nothing */
    t->has_bounds_in_dict =
        is_class && t->dict_offset > 0 && !PyType_IsSubtype(type, &PyModule_Type);
}

/* The text of a str found in a type's dict under a constant name, or NULL.  Borrowed.
 * No hash is computed, no error is set: identifiers are interned.  Needs the GIL. */
static PyObject *
type_dict_str(lk_walk *w, PyTypeObject *type, const char *name)
{
    PyObject *dict, *subclasses;
    lk_type_dicts(w->interp, type, &dict, &subclasses);
    Py_ssize_t at = 0;
    PyObject *key, *value;
    while (dict != NULL && PyDict_Next(dict, &at, &key, &value)) {
        if (PyUnicode_CheckExact(key) && PyUnicode_IS_ASCII(key) &&
            strcmp((const char *)PyUnicode_DATA(key), name) == 0) {
            return PyUnicode_CheckExact(value) ? value : NULL;
        }
    }
    return NULL;
}

/* ``module.QualName`` in UTF-8; returns the length.  Needs the GIL. */
static size_t
type_name(lk_walk *w, PyTypeObject *type, char *out, size_t room)
{
    size_t n = 0;
    int truncated;
    if (!(type->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        n = strlen(type->tp_name);
        const char *prefix = memchr(type->tp_name, '.', n) ? "" : "builtins.";
        n = (size_t)snprintf(out, room, "%s%s", prefix, type->tp_name);
        return n < room ? n : room - 1;
    }
    PyObject *module = type_dict_str(w, type, "__module__");
    if (module != NULL) {
        n = lk_utf8_of(module, 200, out, room / 2, &truncated);
        out[n++] = '.';
    } else if (memchr(type->tp_name, '.', strlen(type->tp_name)) == NULL) {
        n = (size_t)snprintf(out, room, "builtins.");
    } else {
        n = (size_t)snprintf(out, room, "%s", type->tp_name);
        return n < room ? n : room - 1;
    }
    return n +
           lk_utf8_of(((PyHeapTypeObject *)type)->ht_qualname, 400, out + n, room - n, &truncated);
}

/* The names of inline values, and which of them say that they are a bound.  Needs the GIL. */
static void
put_keys_record(lk_walk *w, lk_type *t)
{
    PyDictKeysObject *keys = ((PyHeapTypeObject *)t->type)->ht_cached_keys;
    PyDictUnicodeEntry *entry = lk_unicode_entries(keys);
    uint64_t last = 0;
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_KEYS);
    lk_emit_varint(&w->out, t->index);
    lk_emit_varint(&w->out, (uint64_t)keys->dk_nentries);
    for (Py_ssize_t i = 0; i < keys->dk_nentries; i++) {
        uint64_t slot = (uint64_t)(uintptr_t)entry[i].me_key >> 4;
        lk_emit_room(&w->out);
        lk_emit_zigzag(&w->out, (int64_t)(slot - last));
        last = slot;
        if (entry[i].me_key == NULL) {
            continue;
        }
        lk_discover(w, entry[i].me_key);
        lk_want_name(w, entry[i].me_key, 0);
        if (t->bound_count < sizeof(t->bounds) && i < 256 && lk_name_is_bound(entry[i].me_key)) {
            t->bounds[t->bound_count++] = (uint8_t)i;
        }
    }
}

/* Double the table.  Entries move, so the one-entry memory is forgotten. */
static int
grow(lk_walk *w)
{
    size_t capacity = w->type_capacity * 2;
    lk_type *types = lk_pages_map(capacity * sizeof(lk_type));
    if (types == NULL) {
        w->out_of_memory = 1;
        return -1;
    }
    for (size_t i = 0; i < w->type_capacity; i++) {
        if (w->types[i].type != NULL) {
            size_t j =
                (((uintptr_t)w->types[i].type >> 4) * 0x9E3779B97F4A7C15ull >> 40) & (capacity - 1);
            while (types[j].type != NULL) {
                j = (j + 1) & (capacity - 1);
            }
            types[j] = w->types[i];
        }
    }
    lk_pages_unmap(w->types, w->type_capacity * sizeof(lk_type));
    w->types = types;
    w->type_capacity = capacity;
    w->last_type = NULL;
    return 0;
}

/* Add a type: SYMBOL records of its members, its TYPE and KEYS records.  NULL without
 * memory.  Needs the GIL; never inside a record. */
lk_type *
lk_type_lookup_slow(lk_walk *w, PyTypeObject *type)
{
    char name[1024];
    if (w->type_count * 2 > w->type_capacity && grow(w) < 0) {
        return NULL;
    }
    size_t mask = w->type_capacity - 1;
    size_t i = (((uintptr_t)type >> 4) * 0x9E3779B97F4A7C15ull >> 40) & mask;
    while (w->types[i].type != NULL) {
        i = (i + 1) & mask;
    }
    lk_type *t = &w->types[i];
    *t = (lk_type){.type = type, .index = (uint32_t)w->type_count++};
    describe(w, t);
    size_t n = type_name(w, type, name, sizeof(name));
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_TYPE);
    lk_emit_varint(&w->out, (uint64_t)(uintptr_t)type >> 4);
    lk_emit_varint(&w->out, (uint64_t)(t->is_heap ? LK_TYPE_HEAP : 0) |
                                (t->is_gc ? LK_TYPE_GC : 0) | (t->is_opaque ? LK_TYPE_OPAQUE : 0));
    lk_emit_varint(&w->out, t->base_bytes);
    lk_emit_varint(&w->out, t->default_run);
    lk_emit_string(&w->out, name, n);
    lk_discover(w, (PyObject *)type);
    if (t->is_heap && ((PyHeapTypeObject *)type)->ht_cached_keys != NULL) {
        put_keys_record(w, t);
    }
    return t;
}

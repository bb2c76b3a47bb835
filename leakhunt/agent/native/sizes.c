/* Shallow sizes, equal to sys.getsizeof wherever the type's __sizeof__ is written in C. */
#include "walk.h"

/* Look a name up along the MRO without the type cache.  Borrowed, or NULL; sets no error.
 * Needs the GIL. */
static PyObject *
mro_find(PyTypeObject *type, const char *name)
{
    PyInterpreterState *interp = PyInterpreterState_Get();
    for (Py_ssize_t i = 0; type->tp_mro != NULL && i < PyTuple_GET_SIZE(type->tp_mro); i++) {
        PyTypeObject *base = (PyTypeObject *)PyTuple_GET_ITEM(type->tp_mro, i);
        PyObject *dict, *subclasses, *key, *value;
        Py_ssize_t at = 0;
        lk_type_dicts(interp, base, &dict, &subclasses);
        while (dict != NULL && PyDict_Next(dict, &at, &key, &value)) {
            if (PyUnicode_CheckExact(key) && PyUnicode_IS_ASCII(key) &&
                strcmp((const char *)PyUnicode_DATA(key), name) == 0) {
                return value;
            }
        }
    }
    return NULL;
}

/* How to size the instances of a type.  A __sizeof__ written in Python is never called: the
 * struct's own size stands in.  *method is borrowed from the type.  Needs the GIL. */
uint8_t
lk_sizer_of(PyTypeObject *type, PyObject **method)
{
    const struct {
        PyTypeObject *owner;
        lk_sizer sizer;
    } known[] = {
        {&PyBaseObject_Type, LK_SIZE_BASIC}, {&PyList_Type, LK_SIZE_LIST},
        {&PyDict_Type, LK_SIZE_DICT},        {&PySet_Type, LK_SIZE_SET},
        {&PyFrozenSet_Type, LK_SIZE_SET},    {&PyUnicode_Type, LK_SIZE_STR},
        {&PyLong_Type, LK_SIZE_INT},         {&PyByteArray_Type, LK_SIZE_BYTEARRAY},
        {&PyCode_Type, LK_SIZE_CODE},        {&PyType_Type, LK_SIZE_TYPE},
    };
    PyObject *found = mro_find(type, "__sizeof__");
    *method = NULL;
    if (found == NULL || Py_TYPE(found) != &PyMethodDescr_Type) {
        return LK_SIZE_BASIC;
    }
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
        if (((PyDescrObject *)found)->d_type == known[i].owner) {
            return (uint8_t)known[i].sizer;
        }
    }
    *method = found;
    return LK_SIZE_CALL;
}

/* Bytes of a dict's key table. */
static size_t
keys_bytes(const PyDictKeysObject *keys)
{
    size_t entry =
        keys->dk_kind == DICT_KEYS_GENERAL ? sizeof(PyDictKeyEntry) : sizeof(PyDictUnicodeEntry);
    size_t usable = ((size_t)2 << keys->dk_log2_size) / 3;
    return sizeof(PyDictKeysObject) + ((size_t)1 << keys->dk_log2_index_bytes) + usable * entry;
}

/* As dict.__sizeof__: a key table that others share is not counted to the dict. */
static size_t
dict_extra(const PyDictObject *d)
{
    const PyDictKeysObject *keys = d->ma_keys;
    size_t bytes = keys->dk_refcnt == 1 ? keys_bytes(keys) : 0;
    if (d->ma_values != NULL) {
        bytes += (size_t)(keys->dk_nentries + keys->dk_usable) * sizeof(PyObject *);
    }
    return bytes;
}

/* As str.__sizeof__. */
static size_t
str_bytes(PyObject *o)
{
    const PyASCIIObject *u = (PyASCIIObject *)o;
    size_t n = (size_t)u->length + 1, bytes;
    if (u->state.compact && u->state.ascii) {
        return sizeof(PyASCIIObject) + n;
    }
    bytes = u->state.compact ? sizeof(PyCompactUnicodeObject) + n * u->state.kind
                             : sizeof(PyUnicodeObject);
    const PyCompactUnicodeObject *c = (const PyCompactUnicodeObject *)o;
    if (!u->state.compact && ((const PyUnicodeObject *)o)->data.any != NULL) {
        bytes += n * u->state.kind;
    }
    if (c->utf8 != NULL &&
        (u->state.compact || (const void *)c->utf8 != ((const PyUnicodeObject *)o)->data.any)) {
        bytes += (size_t)c->utf8_length + 1;
    }
    return bytes;
}

/* As code.__sizeof__, which rounds the instructions up to a whole word. */
static size_t
code_extra(const PyCodeObject *c)
{
    /* the head of the private struct _PyCodeObjectExtra: a count, then that many pointers */
    const Py_ssize_t *extra = c->co_extra;
    size_t bytes = ((size_t)Py_SIZE(c) * sizeof(_Py_CODEUNIT) + 7) & ~(size_t)7;
    return extra == NULL ? bytes : bytes + sizeof(Py_ssize_t) + (size_t)*extra * sizeof(void *);
}

/* As type.__sizeof__. */
static size_t
type_bytes(const PyTypeObject *t)
{
    if (!(t->tp_flags & Py_TPFLAGS_HEAPTYPE)) {
        return sizeof(PyTypeObject);
    }
    const PyHeapTypeObject *h = (const PyHeapTypeObject *)t;
    size_t bytes = sizeof(PyHeapTypeObject);
    if (h->ht_cached_keys != NULL) {
        bytes += keys_bytes(h->ht_cached_keys);
    }
    return bytes;
}

/* Ask a __sizeof__ written in C.  Makes a short-lived int; an error is dropped and the
 * struct's size stands in.  Needs the GIL. */
static size_t
called_size(const lk_type *t, PyObject *o)
{
    lk_raised saved = lk_raised_save();
    PyObject *size = PyObject_CallOneArg(t->sizeof_method, o);
    size_t bytes = (size_t)t->type->tp_basicsize;
    if (size != NULL && PyLong_CheckExact(size)) {
        bytes = PyLong_AsSize_t(size);
    }
    Py_XDECREF(size);
    PyErr_Clear();
    lk_raised_restore(saved);
    return bytes + t->preheader_bytes;
}

/* Shallow size in bytes, as sys.getsizeof would say.  Needs the GIL. */
size_t
lk_object_size(const lk_type *t, PyObject *o)
{
    switch (t->sizer) {
    case LK_SIZE_LIST:
        return t->base_bytes + (size_t)((PyListObject *)o)->allocated * sizeof(PyObject *);
    case LK_SIZE_DICT:
        return t->base_bytes + dict_extra((PyDictObject *)o);
    case LK_SIZE_SET: {
        const PySetObject *s = (PySetObject *)o;
        return t->base_bytes +
               (s->table != s->smalltable ? (size_t)(s->mask + 1) * sizeof(setentry) : 0);
    }
    case LK_SIZE_STR:
        return str_bytes(o) + t->preheader_bytes;
    case LK_SIZE_INT:
        return lk_int_size(o) + t->preheader_bytes;
    case LK_SIZE_BYTEARRAY:
        return t->base_bytes + (size_t)((PyByteArrayObject *)o)->ob_alloc;
    case LK_SIZE_CODE:
        return t->base_bytes + code_extra((PyCodeObject *)o);
    case LK_SIZE_TYPE:
        return type_bytes((PyTypeObject *)o) +
               (LK_GETSIZEOF_ASKS_OBJECT && !PyObject_IS_GC(o) ? 0 : t->preheader_bytes);
    case LK_SIZE_CALL:
        return called_size(t, o);
    default: {
        size_t bytes = t->base_bytes;
        if (t->type->tp_itemsize != 0) {
            Py_ssize_t n = Py_SIZE(o);
            bytes += (size_t)(n < 0 ? -n : n) * (size_t)t->type->tp_itemsize;
        }
        return bytes;
    }
    }
}

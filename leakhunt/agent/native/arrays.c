/* numpy's arrays and dtypes.  tp_traverse reports nothing of them, and the agent links
 * against nothing of numpy: the structs are known by name and checked by what the type
 * itself tells of its members.
 */
#include "walk.h"

/* The head of the array struct has not changed since numpy 1.0. */
typedef struct {
    PyObject_HEAD char *data;
    int nd;
    Py_ssize_t *dimensions, *strides;
    PyObject *base, *descr;
} numpy_array;

#define MAX_DIMS 64
#define MAX_FIELDS 256 /* object fields of one element */
#define MAX_DEPTH 16   /* of structs in structs */

/* Where the objects of one element are. */
typedef struct {
    size_t count;
    Py_ssize_t offsets[MAX_FIELDS];
} element_layout;

/* Is it numpy's array type, or a class built on it?  Needs no GIL. */
int
lk_is_numpy_array(const PyTypeObject *type)
{
    for (; type != NULL; type = type->tp_base) {
        if (strcmp(type->tp_name, "numpy.ndarray") == 0) {
            return type->tp_basicsize >= (Py_ssize_t)sizeof(numpy_array);
        }
    }
    return 0;
}

/* Is it numpy's type of dtypes, or one built on it?  Needs no GIL. */
int
lk_is_numpy_dtype(const PyTypeObject *type)
{
    for (; type != NULL; type = type->tp_base) {
        if (strcmp(type->tp_name, "numpy.dtype") == 0) {
            return 1;
        }
    }
    return 0;
}

static char
kind_of(PyObject *descr)
{
    return *((const char *)descr + sizeof(PyObject) + sizeof(PyObject *));
}

/* Offset of the dict of fields in a dtype, or 0: the tuple of names stands behind it and the
 * subarray before it.  numpy 1 and 2 differ; the place of `alignment` tells which it is. */
static Py_ssize_t
fields_offset(const PyTypeObject *type)
{
    const PyTypeObject *base = type;
    while (base != NULL && strcmp(base->tp_name, "numpy.dtype") != 0) {
        base = base->tp_base;
    }
    const PyMemberDef *m = base == NULL ? NULL : base->tp_members;
    Py_ssize_t found = 0;
    for (; m != NULL && m->name != NULL; m++) {
        if (strcmp(m->name, "alignment") == 0) {
            found = m->offset == 36 ? 48 : m->offset == 48 ? 96 : 0;
        }
    }
    return found + 16 <= type->tp_basicsize ? found : 0;
}

/* The fields and names of a struct dtype.  Borrowed; 0 when it has none or is not known.
 * Needs the GIL. */
int
lk_numpy_fields(PyObject *descr, PyObject **fields, PyObject **names)
{
    Py_ssize_t at = fields_offset(Py_TYPE(descr));
    if (at == 0 || kind_of(descr) != 'V') {
        return 0;
    }
    PyObject *const *words = (PyObject *const *)((const char *)descr + at);
    if (words[-1] != NULL || words[0] == NULL || words[1] == NULL || !PyDict_CheckExact(words[0]) ||
        !PyTuple_CheckExact(words[1])) {
        return 0;
    }
    *fields = words[0];
    *names = words[1];
    return 1;
}

/* Collect the objects of an element whose dtype is `descr`, which begins at `start`.  Needs
 * the GIL. */
static void
find_objects(element_layout *layout, PyObject *descr, Py_ssize_t start, int depth)
{
    PyObject *fields, *names, *key, *value;
    Py_ssize_t at = 0;
    int64_t offset;
    if (descr == NULL || depth > MAX_DEPTH || layout->count == MAX_FIELDS) {
        return;
    }
    if (kind_of(descr) == 'O') {
        layout->offsets[layout->count++] = start;
        return;
    }
    if (!lk_numpy_fields(descr, &fields, &names)) {
        return;
    }
    while (PyDict_Next(fields, &at, &key, &value)) {
        /* a title is a second key of the same field */
        int is_name = 0;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(names); i++) {
            is_name |= PyTuple_GET_ITEM(names, i) == key;
        }
        if (is_name && PyTuple_CheckExact(value) && PyTuple_GET_SIZE(value) >= 2 &&
            lk_is_numpy_dtype(Py_TYPE(PyTuple_GET_ITEM(value, 0))) &&
            PyLong_CheckExact(PyTuple_GET_ITEM(value, 1)) &&
            lk_int_value(PyTuple_GET_ITEM(value, 1), &offset)) {
            find_objects(layout, PyTuple_GET_ITEM(value, 0), start + (Py_ssize_t)offset, depth + 1);
        }
    }
}

/* The reference at an offset in element i (row-major order).  Needs the GIL. */
static PyObject *
object_at(const numpy_array *a, size_t i, Py_ssize_t offset)
{
    char *p = a->data + offset;
    for (int axis = a->nd - 1; axis >= 0; axis--) {
        size_t n = (size_t)a->dimensions[axis];
        p += (Py_ssize_t)(i % n) * a->strides[axis];
        i /= n;
    }
    PyObject *o;
    memcpy(&o, p, sizeof(o)); /* fields of structs may be unaligned */
    return o;
}

/* Base, dtype, and one INDEX run for each object field of the elements.  A view does not own
 * its items: its base does.  Needs the GIL. */
void
lk_put_numpy_array(lk_walk *w, PyObject *o, int more)
{
    const numpy_array *a = (const numpy_array *)o;
    PyObject *fields[] = {a->base, a->descr};
    element_layout layout = {0};
    size_t items = 1;
    if (a->base == NULL && a->data != NULL && a->descr != NULL && a->nd >= 0 && a->nd <= MAX_DIMS) {
        find_objects(&layout, a->descr, 0, 0);
        for (int i = 0; layout.count > 0 && i < a->nd; i++) {
            items *= (size_t)a->dimensions[i];
        }
    }
    lk_put_field_run(w, LK_SCHEMA_NUMPY_ARRAY, fields, 2, more || layout.count > 0);
    for (size_t k = 0; k < layout.count; k++) {
        lk_put_run_of(w, LK_RUN_INDEX, items, more || k + 1 < layout.count);
        for (size_t i = 0; i < items; i++) {
            lk_put_edge(w, object_at(a, i, layout.offsets[k]));
        }
    }
}

/* Bounds of containers, as attributes of their owners say. */
#include "walk.h"

#define MOST_ATTRIBUTES 32 /* of a dict that is searched for bounds */

/* Does an attribute's name of n bytes say that it bounds a container?  Needs no GIL. */
int
lk_text_is_bound(const char *text, size_t n)
{
    static const char *const WORDS[] = {
        "maxsize",     "max_size",    "maxlen",    "max_len",  "max_length",      "capacity",
        "limit",       "max_entries", "max_items", "maxitems", "max_connections", "pool_size",
        "max_workers", "cache_size",  "threshold", "maxSize",  "listSize"};
    for (size_t i = 0; i < sizeof(WORDS) / sizeof(*WORDS); i++) {
        size_t m = strlen(WORDS[i]);
        /* as a whole, or at the end after an underscore (_Cache__maxsize, _max_size) */
        if (n >= m && memcmp(text + n - m, WORDS[i], m) == 0 &&
            (n == m || text[n - m - 1] == '_')) {
            return 1;
        }
    }
    return 0;
}

/* The same of a str, or of what else is a key of a dict.  Needs the GIL. */
int
lk_name_is_bound(PyObject *name)
{
    return PyUnicode_Check(name) && PyUnicode_IS_ASCII(name) &&
           lk_text_is_bound((const char *)PyUnicode_DATA(name), (size_t)PyUnicode_GET_LENGTH(name));
}

/* A bound, if the value can be one.  Needs the GIL. */
static void
put_bound(lk_walk *w, PyObject *value)
{
    int64_t number;
    if (value != NULL && PyLong_CheckExact(value) && lk_int_value(value, &number) && number > 0) {
        lk_put_fact(w, LK_FACT_BOUND, number);
    }
}

/* Bounds among the inline values, or in a dict of the instance's own.  Needs the GIL. */
static void
put_bounds_in_dict(lk_walk *w, const lk_type *t, PyObject *o)
{
    Py_ssize_t capacity, at = 0;
    PyObject *key, *value, **values = lk_inline_values(o, t->type, &capacity);
    for (unsigned i = 0; values != NULL && i < t->bound_count; i++) {
        put_bound(w, t->bounds[i] < capacity ? values[t->bounds[i]] : NULL);
    }
    PyObject *dict = values != NULL ? NULL : lk_managed_dict(o, t->type);
    if (t->has_bounds_in_dict) {
        dict = *(PyObject **)((char *)o + t->dict_offset);
    }
    if (dict == NULL || !PyDict_CheckExact(dict) || PyDict_GET_SIZE(dict) > MOST_ATTRIBUTES) {
        return;
    }
    while (PyDict_Next(dict, &at, &key, &value)) {
        if (lk_name_is_bound(key)) {
            put_bound(w, value);
        }
    }
}

/* Values of the attributes whose names say that they are bounds.  The last one written counts:
 * of two slots of one name that of the class nearer to the instance's, which comes first in
 * t->slots.  Needs the GIL. */
void
lk_put_bounds(lk_walk *w, const lk_type *t, PyObject *o)
{
    if (t->bound_count > 0 || t->has_bounds_in_dict) {
        put_bounds_in_dict(w, t, o);
    }
    for (size_t i = t->has_bounds_in_slots ? t->slot_count : 0; i > 0; i--) {
        if (t->slots[i - 1].is_bound) {
            put_bound(w, *(PyObject **)((char *)o + t->slots[i - 1].offset));
        }
    }
}

/* Bounds of containers, as attributes of their owners say. */
#include "walk.h"

#define MOST_ATTRIBUTES 32 /* of a dict that is searched for bounds */

/* Does an attribute's name say that it bounds a container?  Needs the GIL. */
int
lk_name_is_bound(PyObject *name)
{
    static const char *const WORDS[] = {
        "maxsize",     "max_size",    "maxlen",    "max_len",  "max_length",      "capacity",
        "limit",       "max_entries", "max_items", "maxitems", "max_connections", "pool_size",
        "max_workers", "cache_size",  "threshold", "maxSize",  "listSize"};
    if (!PyUnicode_Check(name) || !PyUnicode_IS_ASCII(name)) {
        return 0;
    }
    const char *text = (const char *)PyUnicode_DATA(name);
    size_t n = (size_t)PyUnicode_GET_LENGTH(name);
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

/* A bound, if the value can be one.  Needs the GIL. */
static void
put_bound(lk_walk *w, PyObject *value)
{
    int64_t number;
    if (value != NULL && PyLong_CheckExact(value) && lk_int_value(value, &number) && number > 0) {
        lk_put_fact(w, LK_FACT_BOUND, number);
    }
}

/* Values of the attributes whose names say that they are bounds: inline, or in a dict of the
 * instance's own.  Needs the GIL. */
void
lk_put_bounds(lk_walk *w, const lk_type *t, PyObject *o)
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

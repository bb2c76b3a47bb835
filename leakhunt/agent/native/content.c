/* Keyed hashes of values, on request: which strings and numbers are equal, without their text.
 *
 * The key is random, of this capture alone, and never written: equal values of one capture have
 * equal hashes, and nobody can look up what a hash stands for.
 */
#include "walk.h"

#include <errno.h>
#include <sys/random.h>

#define HASHED_MAX ((size_t)1 << 24) /* longer values would lengthen the pause */

enum value_kind { VALUE_STR = 1, VALUE_BYTES, VALUE_INT, VALUE_FLOAT };

/* A new key.  0, or -1 with errno.  Needs no GIL. */
int
lk_content_key(lk_walk *w)
{
    ssize_t n;
    do {
        n = getrandom(&w->content_key, sizeof(w->content_key), 0);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(w->content_key) ? 0 : -1;
}

/* Do the instances of a type have a value we can hash?  Exact types only: a subclass may mean
 * something else by equality. */
int
lk_has_content(const PyTypeObject *type)
{
    return type == &PyUnicode_Type || type == &PyBytes_Type || type == &PyLong_Type ||
           type == &PyFloat_Type;
}

static void
put_hash(lk_walk *w, enum value_kind kind, unsigned form, const void *bytes, size_t n)
{
    if (n <= HASHED_MAX) {
        uint64_t word = (uint64_t)kind << 56 | (uint64_t)form << 48 | n;
        lk_put_fact(w, LK_FACT_CONTENT, (int64_t)lk_siphash(w->content_key, word, bytes, n));
    }
}

/* The CONTENT fact of the value just written.  Reads the object, changes nothing, runs nothing.
 * Needs the GIL. */
void
lk_put_content(lk_walk *w, PyObject *o)
{
    if (Py_TYPE(o) == &PyUnicode_Type) {
        const PyASCIIObject *u = (PyASCIIObject *)o;
        if (u->state.kind != 0) { /* 0: a legacy string of 3.11 that is not ready */
            put_hash(w, VALUE_STR, u->state.kind, PyUnicode_DATA(o),
                     (size_t)u->length * u->state.kind);
        }
    } else if (Py_TYPE(o) == &PyBytes_Type) {
        put_hash(w, VALUE_BYTES, 0, PyBytes_AS_STRING(o), (size_t)PyBytes_GET_SIZE(o));
    } else if (Py_TYPE(o) == &PyLong_Type) {
        put_hash(w, VALUE_INT, (unsigned)lk_int_is_negative(o), lk_int_digit_array(o),
                 lk_int_digits(o) * sizeof(digit));
    } else if (Py_TYPE(o) == &PyFloat_Type) {
        put_hash(w, VALUE_FLOAT, 0, &((PyFloatObject *)o)->ob_fval, sizeof(double));
    }
}

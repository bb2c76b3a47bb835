/* The digits of an int, version by version. */
#ifndef LEAKHUNT_INTS_H
#define LEAKHUNT_INTS_H

#include "compat.h"

static inline size_t
lk_int_digits(PyObject *o)
{
#if LK_V >= 312
    return ((PyLongObject *)o)->long_value.lv_tag >> 3;
#else
    Py_ssize_t n = Py_SIZE(o);
    return (size_t)(n < 0 ? -n : n);
#endif
}

static inline const digit *
lk_int_digit_array(PyObject *o)
{
#if LK_V >= 312
    return ((PyLongObject *)o)->long_value.ob_digit;
#else
    return ((PyLongObject *)o)->ob_digit;
#endif
}

static inline int
lk_int_is_negative(PyObject *o)
{
#if LK_V >= 312
    return (((PyLongObject *)o)->long_value.lv_tag & 3) == 2;
#else
    return Py_SIZE(o) < 0;
#endif
}

/* 1 and the value of an int of at most two digits, else 0. */
static inline int
lk_int_value(PyObject *o, int64_t *value)
{
    size_t n = lk_int_digits(o);
    const digit *d = lk_int_digit_array(o);
    if (n > 2) {
        return 0;
    }
    *value = (n > 0 ? (int64_t)d[0] : 0) + (n > 1 ? (int64_t)d[1] << PyLong_SHIFT : 0);
    if (lk_int_is_negative(o)) {
        *value = -*value;
    }
    return 1;
}

/* Bytes of digits as int.__sizeof__ counts them. */
static inline size_t
lk_int_size(PyObject *o)
{
    size_t n = lk_int_digits(o);
    n = n == 0 ? 1 : n;
#if LK_V >= 312
    return offsetof(PyLongObject, long_value.ob_digit) + n * sizeof(digit);
#else
    return offsetof(PyLongObject, ob_digit) + n * sizeof(digit);
#endif
}

#endif

/* Calls into the interpreter, for the moments before a walk.
 *
 * Names are interned first: the interpreter's cache of attribute look-ups keeps the name it was
 * asked with, and a string of ours must not stay in it.
 */
#ifndef LEAKHUNT_PYCALL_H
#define LEAKHUNT_PYCALL_H

#include "compat.h"

/* An attribute of an object; NULL passes through.  New reference, or NULL with an exception
 * set.  Needs the GIL. */
static inline PyObject *
lk_attribute(PyObject *o, const char *name)
{
    PyObject *interned = o == NULL ? NULL : PyUnicode_InternFromString(name);
    PyObject *found = interned == NULL ? NULL : PyObject_GetAttr(o, interned);
    Py_XDECREF(interned);
    return found;
}

/* Call a method with one argument, or with none when it is NULL.  New reference, or NULL with
 * an exception set.  Needs the GIL. */
static inline PyObject *
lk_call_method(PyObject *o, const char *name, PyObject *argument)
{
    PyObject *interned = o == NULL ? NULL : PyUnicode_InternFromString(name);
    PyObject *result =
        interned == NULL ? NULL : PyObject_CallMethodObjArgs(o, interned, argument, NULL);
    Py_XDECREF(interned);
    return result;
}

#endif

/* The functions of the module that say what leads where among living objects. */
#include "module_reach.h"

#include "reach.h"

PyDoc_STRVAR(apart_doc, "apart(objects, seeds) -> list\n\n"
                        "The objects of a list that no seed leads to by way of others of it; what\n"
                        "else lies between is not looked through, except the seeds themselves.\n"
                        "Seeds are not among them.  O(references of all of these).");

/* New reference; needs the GIL. */
static PyObject *
py_apart(PyObject *self, PyObject *args)
{
    PyObject *objects, *seeds;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &objects, &PyList_Type, &seeds)) {
        return NULL;
    }
    return lk_reach_apart(objects, seeds);
}

PyDoc_STRVAR(unlike_doc, "unlike(objects, kinds) -> list\n\n"
                         "The objects of a list whose class is none of a tuple's, by identity: no\n"
                         "class is asked.  O(objects * kinds).");

/* New reference; needs the GIL. */
static PyObject *
py_unlike(PyObject *self, PyObject *args)
{
    PyObject *objects, *kinds;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &objects, &PyTuple_Type, &kinds)) {
        return NULL;
    }
    return lk_reach_unlike(objects, kinds);
}

PyDoc_STRVAR(
    all_known_doc,
    "all_known(objects, seeds, kinds, codes, silent) -> bool\n\n"
    "Whether each object of a list is one that a seed leads to by way of others of it, or\n"
    "an instance of the list kinds, or a generator that runs code of the list codes, or\n"
    "what these lead to; or else says nothing: an instance of the tuple silent, and a\n"
    "list that is empty, has one string only or begins with the first seed.  All by\n"
    "identity of the class.  O(references of all of these).");

/* New reference; needs the GIL. */
static PyObject *
py_all_known(PyObject *self, PyObject *args)
{
    PyObject *objects, *seeds;
    lk_known known;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O!O!O!O!", &PyList_Type, &objects, &PyList_Type, &seeds,
                          &PyList_Type, &known.kinds, &PyList_Type, &known.codes, &PyTuple_Type,
                          &known.silent)) {
        return NULL;
    }
    if (PyList_GET_SIZE(seeds) == 0) {
        PyErr_SetString(PyExc_ValueError, "there must be a seed");
        return NULL;
    }
    int is_known = lk_reach_all_known(objects, seeds, &known);
    return is_known < 0 ? NULL : PyBool_FromLong(is_known);
}

PyDoc_STRVAR(holders_doc, "holders(objects, candidates) -> list\n\n"
                          "(candidate, object) for each reference of a candidate to an object of\n"
                          "the list.  O(references of the candidates).");

/* New reference; needs the GIL. */
static PyObject *
py_holders(PyObject *self, PyObject *args)
{
    PyObject *objects, *candidates;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O!", &PyList_Type, &objects, &PyList_Type, &candidates)) {
        return NULL;
    }
    return lk_reach_holders(objects, candidates);
}

PyDoc_STRVAR(
    ways_doc,
    "ways(addresses, tiers, shut) -> dict\n\n"
    "Shortest ways from some seeds to those of the addresses that are reached: by address\n"
    "of each object on them, the object and the one before it, None before a seed.  The\n"
    "lists of seeds are explored one after the other; nothing goes through an object of\n"
    "the list shut.  O(objects reached) at most.");

/* New reference; needs the GIL. */
static PyObject *
py_ways(PyObject *self, PyObject *args)
{
    PyObject *addresses, *tiers, *shut;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!O!O!", &PyList_Type, &addresses, &PyList_Type, &tiers,
                          &PyList_Type, &shut)) {
        return NULL;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(tiers); i++) {
        if (!PyList_Check(PyList_GET_ITEM(tiers, i))) {
            PyErr_SetString(PyExc_TypeError, "each tier must be a list of objects");
            return NULL;
        }
    }
    return lk_reach_ways(addresses, tiers, shut);
}

#define FIELD_NAME(field) #field,
#define FIELD_VALUE(field) (PyObject *)interp->field,

/* Append a reference of a root; NULL is none.  0, or -1 with an exception set; needs the GIL. */
static int
append_reference(PyObject *list, const char *root, const char *field, long index, PyObject *o)
{
    if (o == NULL) {
        return 0;
    }
    PyObject *name = field != NULL ? PyUnicode_FromString(field) : PyLong_FromLong(index);
    PyObject *row = name == NULL ? NULL : Py_BuildValue("(sNO)", root, name, o);
    int status = row == NULL ? -1 : PyList_Append(list, row);
    Py_XDECREF(row);
    return status;
}

PyDoc_STRVAR(interpreter_doc,
             "interpreter_references() -> list\n\n"
             "What the interpreter itself keeps, but for sys.modules: (root, name of the field or\n"
             "index, object), as the roots of a snapshot have it.  After self_test only.");

/* New reference; needs the GIL. */
static PyObject *
py_interpreter_references(PyObject *self, PyObject *unused)
{
    static const char *const NAMES[] = {LK_INTERP_FIELDS(FIELD_NAME)};
    PyInterpreterState *interp = PyInterpreterState_Get();
    int gc_was_enabled = PyGC_Disable(); /* what is told is borrowed until it is in the list */
    PyObject *fields[] = {LK_INTERP_FIELDS(FIELD_VALUE)};
    const struct atexit_state *state = &interp->atexit;
    PyObject *result = PyList_New(0);
    int status = result == NULL ? -1 : 0;
    (void)self;
    (void)unused;
    for (size_t i = 0; status == 0 && i < sizeof(fields) / sizeof(*fields); i++) {
        status = append_reference(result, "interpreter", NAMES[i], 0, fields[i]);
    }
    for (int i = 0; status == 0 && i < LK_ATEXIT_COUNT(state); i++) {
        PyObject *parts[] = LK_ATEXIT_PARTS(state, i);
        for (int part = 0; status == 0 && part < 3; part++) {
            status = append_reference(result, "atexit callbacks", NULL, i * 3 + part, parts[part]);
        }
    }
    if (status < 0) {
        Py_CLEAR(result);
    }
    if (gc_was_enabled) {
        PyGC_Enable();
    }
    return result;
}

static PyMethodDef methods[] = {
    {"apart", py_apart, METH_VARARGS, apart_doc},
    {"unlike", py_unlike, METH_VARARGS, unlike_doc},
    {"all_known", py_all_known, METH_VARARGS, all_known_doc},
    {"holders", py_holders, METH_VARARGS, holders_doc},
    {"ways", py_ways, METH_VARARGS, ways_doc},
    {"interpreter_references", py_interpreter_references, METH_NOARGS, interpreter_doc},
    {NULL, NULL, 0, NULL},
};

int
lk_module_add_reach(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}

/* A stand-in for the native agent: the same functions, but a "snapshot" is its header only.
 * The environment variable FAKE_AGENT makes it fail: "self_test", or "errno:LABEL:NUMBER" for
 * the capture whose file name starts with LABEL. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static PyObject *
self_test(PyObject *self, PyObject *unused)
{
    const char *wish = getenv("FAKE_AGENT");
    (void)self, (void)unused;
    if (wish != NULL && strcmp(wish, "self_test") == 0) {
        PyErr_SetString(PyExc_RuntimeError, "unknown layout");
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyObject *
birth_start(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return Py_BuildValue("{s:s,s:O,s:[],s:s}", "method", "fake", "exact", Py_True,
                         "inferred_types", "note", "");
}

static PyObject *
birth_stop(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return Py_BuildValue("{s:O,s:s}", "restored", Py_True, "note", "");
}

static PyObject *
capture(PyObject *self, PyObject *args)
{
    const char *path, *header, *wish = getenv("FAKE_AGENT"), *name;
    char label[32] = "";
    Py_ssize_t n;
    const char *mode;
    int mark, wait, redact, content, number = 0;
    FILE *file;
    (void)self;
    if (!PyArg_ParseTuple(args, "yy#pipsp", &path, &header, &n, &mark, &wait, &redact, &mode,
                          &content)) {
        return NULL;
    }
    name = strrchr(path, '/') + 1;
    if (wish != NULL && sscanf(wish, "errno:%31[a-z]:%d", label, &number) == 2
        && strncmp(name, label, strlen(label)) == 0) {
        errno = number;
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    file = fopen(path, "wb");
    if (file == NULL) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    fwrite(header, 1, (size_t)n, file);
    fclose(file);
    return PyLong_FromLongLong(123456789);
}

/* True: the stand-in leaves the process as it is. */
static PyObject *
die_with_parent(PyObject *self, PyObject *pid)
{
    (void)self;
    (void)pid;
    Py_RETURN_TRUE;
}

/* Nothing to prepare. */
static PyObject *
prepare(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    Py_RETURN_NONE;
}

/* A process that is ours. */
static PyObject *
describe_process(PyObject *self, PyObject *unused)
{
    (void)self, (void)unused;
    return Py_BuildValue("{s:l,s:i,s:s,s:l}", "pid", (long)getpid(), "start_ticks", 1, "boot_id",
                         "fake", "uid", (long)getuid());
}

static PyMethodDef methods[] = {
    {"describe_process", describe_process, METH_NOARGS, NULL},
    {"self_test", self_test, METH_NOARGS, NULL},
    {"prepare", prepare, METH_NOARGS, NULL},
    {"die_with_parent", die_with_parent, METH_O, NULL},
    {"birth_start", birth_start, METH_NOARGS, NULL},
    {"birth_stop", birth_stop, METH_NOARGS, NULL},
    {"capture", capture, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};
static PyModuleDef_Slot slots[] = {{0, NULL}};
static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, .m_name = "_heap", .m_size = 0, .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__heap(void)
{
    return PyModuleDef_Init(&module);
}

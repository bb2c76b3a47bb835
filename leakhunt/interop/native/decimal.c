/* leakhunt.interop._decimal: Python's door to decimal_core.h.
 *
 * Takes buffers, checks their item sizes, lets go of the GIL for the work.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "decimal_core.h"

/* Fills `view` with a contiguous buffer of `item_bytes` items.  0, or -1 with an exception and
 * nothing to release.  Needs the GIL. */
static int
take(PyObject *object, const char *name, Py_ssize_t item_bytes, int flags, Py_buffer *view)
{
    if (PyObject_GetBuffer(object, view, PyBUF_C_CONTIGUOUS | PyBUF_FORMAT | flags) < 0) {
        return -1;
    }
    if (view->itemsize != item_bytes) {
        PyErr_Format(PyExc_TypeError, "%s: expected %zd-byte items", name, item_bytes);
        PyBuffer_Release(view);
        return -1;
    }
    return 0;
}

PyDoc_STRVAR(format_rows_doc,
             "format_rows(values, columns, is_first, /) -> bytes\n\n"
             "uint32 values as decimal text: a line break before each row, a comma before each\n"
             "number but, with is_first, the first.  O(values).");

static PyObject *
format_rows(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *values, *text = NULL;
    Py_ssize_t columns;
    Py_buffer view;
    size_t count, written;
    int is_first;
    if (!PyArg_ParseTuple(args, "Onp:format_rows", &values, &columns, &is_first) ||
        take(values, "values", 4, 0, &view) < 0) {
        return NULL;
    }
    count = (size_t)view.len / 4;
    if (columns < 1 || count % (size_t)columns != 0) {
        PyErr_Format(PyExc_ValueError, "%zu values make no rows of %zd", count, columns);
        goto done;
    }
    if (count > (size_t)PY_SSIZE_T_MAX / (2 * LK_NUMBER_BYTES)) {
        PyErr_NoMemory();
        goto done;
    }
    text = PyBytes_FromStringAndSize(
        NULL, (Py_ssize_t)(count * LK_NUMBER_BYTES + count / (size_t)columns));
    if (text == NULL) {
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS;
    written = lk_write_rows(PyBytes_AS_STRING(text), view.buf, count, (size_t)columns, is_first);
    Py_END_ALLOW_THREADS;
    _PyBytes_Resize(&text, (Py_ssize_t)written);
done:
    PyBuffer_Release(&view);
    return text;
}

PyDoc_STRVAR(parse_numbers_doc,
             "parse_numbers(text, start, end, out, /) -> (count, next)\n\n"
             "Read unsigned decimal numbers with commas between them from text[start:end] into\n"
             "the uint32 array out, until it is full or the text ends.  next is where to go on.\n"
             "Raises ValueError(what, offset) for anything else.  O(bytes read).");

static PyObject *
parse_numbers(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *text_object, *out_object, *result = NULL;
    Py_ssize_t start, end;
    Py_buffer text, out;
    struct lk_reading reading = {0, NULL};
    size_t count;
    if (!PyArg_ParseTuple(args, "OnnO:parse_numbers", &text_object, &start, &end, &out_object) ||
        take(text_object, "text", 1, 0, &text) < 0) {
        return NULL;
    }
    if (take(out_object, "out", 4, PyBUF_WRITABLE, &out) < 0) {
        PyBuffer_Release(&text);
        return NULL;
    }
    if (start < 0 || end < start || end > text.len) {
        PyErr_Format(PyExc_ValueError, "text of %zd bytes has no part %zd to %zd", text.len, start,
                     end);
        goto done;
    }
    reading.at = (size_t)start;
    Py_BEGIN_ALLOW_THREADS;
    count = lk_read_numbers(text.buf, (size_t)end, &reading, out.buf, (size_t)out.len / 4);
    Py_END_ALLOW_THREADS;
    if (reading.problem != NULL) {
        PyObject *why = Py_BuildValue("(sn)", reading.problem, (Py_ssize_t)reading.at);
        if (why != NULL) {
            PyErr_SetObject(PyExc_ValueError, why);
            Py_DECREF(why);
        }
        goto done;
    }
    result = Py_BuildValue("(nn)", (Py_ssize_t)count, (Py_ssize_t)reading.at);
done:
    PyBuffer_Release(&out);
    PyBuffer_Release(&text);
    return result;
}

static PyMethodDef methods[] = {
    {"format_rows", format_rows, METH_VARARGS, format_rows_doc},
    {"parse_numbers", parse_numbers, METH_VARARGS, parse_numbers_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {{0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "leakhunt.interop._decimal",
    .m_doc = "Decimal text of number arrays; the GIL is released during the work.",
    .m_size = 0,
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__decimal(void)
{
    return PyModuleDef_Init(&definition);
}

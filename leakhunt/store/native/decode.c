/* leakhunt.store._decode: the blocks of a snapshot stream to column buffers.
 *
 * This file alone knows Python.  The work is done by blocks.c, parse.c, runs.c and columns.c
 * without the GIL.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "columns.h"

/* What is wrong as an exception: MemoryError, or ValueError(text, file offset).  GIL. */
static void
raise_fault(const lk_fault *fault)
{
    if (fault->kind == LK_FAULT_MEMORY) {
        PyErr_NoMemory();
        return;
    }
    PyObject *arguments = Py_BuildValue("(sK)", fault->text, (unsigned long long)fault->offset);
    if (arguments != NULL) {
        PyErr_SetObject(PyExc_ValueError, arguments);
        Py_DECREF(arguments);
    }
}

/* New dict of column name to bytes, uninitialised; *columns borrows its buffers.  NULL with
 * an exception.  Needs the GIL. */
static PyObject *
new_columns(const lk_column_counts *counts, lk_columns *columns)
{
    PyObject *item, *result = PyDict_New();
    if (result == NULL) {
        return NULL;
    }
#define X(name, type)                                                                              \
    item = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(counts->name * sizeof(type)));             \
    if (item == NULL || PyDict_SetItemString(result, #name, item) < 0) {                           \
        Py_XDECREF(item);                                                                          \
        goto error;                                                                                \
    }                                                                                              \
    columns->name = (type *)(void *)PyBytes_AS_STRING(item);                                       \
    Py_DECREF(item);
    LK_COLUMNS(X)
#undef X
    return result;
error:
    Py_DECREF(result);
    return NULL;
}

/* Parse again up to the edge that leads nowhere, to say where in the file it is.  No GIL. */
static void
locate_edge(const lk_payload *payload, uint64_t seed, uint64_t edge, lk_fault *fault)
{
    lk_stream again;
    lk_fault found = {0};
    lk_parse(payload, seed, edge, &again, &found);
    if (found.kind != LK_FAULT_NONE) {
        *fault = found;
    }
    lk_stream_free(&again);
}

PyDoc_STRVAR(decode_doc,
             "decode(data, start, seed, /)\n--\n\n"
             "Decode the blocks of a stream that begin at offset start.\n\n"
             "Returns (columns, end): raw bytes by column name, and the offset of the byte after\n"
             "the blocks.  seed is any 64-bit number a file cannot foresee; it does not show in\n"
             "the result.  Raises ValueError(text, offset) when the stream is damaged.");

static PyObject *
decode(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    Py_buffer data;
    Py_ssize_t start;
    unsigned long long seed;
    PyObject *result = NULL, *made = NULL;
    size_t end = 0;
    int status;
    uint64_t bad_edge = UINT64_MAX;
    lk_payload payload = {0};
    lk_stream stream = {0};
    lk_column_counts counts;
    lk_columns columns;
    lk_fault fault = {0};

    if (!PyArg_ParseTuple(arguments, "y*nK:decode", &data, &start, &seed)) {
        return NULL;
    }
    if (start < 0 || start > data.len) {
        PyErr_SetString(PyExc_ValueError, "start is outside the data");
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS status =
        lk_join_blocks(data.buf, (size_t)data.len, (size_t)start, &payload, &end, &fault);
    if (status == 0) {
        status = lk_parse(&payload, seed, UINT64_MAX, &stream, &fault);
    }
    if (status == 0) {
        status = lk_measure(&stream, &counts, &fault);
    }
    Py_END_ALLOW_THREADS if (status < 0)
    {
        raise_fault(&fault);
        goto done;
    }
    made = new_columns(&counts, &columns);
    if (made == NULL) {
        goto done;
    }
    Py_BEGIN_ALLOW_THREADS status = lk_fill(&stream, &counts, &columns, &bad_edge, &fault);
    if (status < 0 && bad_edge != UINT64_MAX) {
        locate_edge(&payload, seed, bad_edge, &fault);
    }
    Py_END_ALLOW_THREADS if (status < 0)
    {
        raise_fault(&fault);
        goto done;
    }
    result = Py_BuildValue("(On)", made, (Py_ssize_t)end);
done:
    Py_XDECREF(made);
    lk_stream_free(&stream);
    lk_payload_free(&payload);
    PyBuffer_Release(&data);
    return result;
}

PyDoc_STRVAR(block_hash_doc, "block_hash(data, /)\n--\n\n"
                             "The block hash of the snapshot format.  O(n).");

static PyObject *
block_hash(PyObject *Py_UNUSED(module), PyObject *argument)
{
    Py_buffer data;
    uint64_t hash;
    if (PyObject_GetBuffer(argument, &data, PyBUF_SIMPLE) < 0) {
        return NULL;
    }
    Py_BEGIN_ALLOW_THREADS hash = lk_block_hash(data.buf, (size_t)data.len);
    Py_END_ALLOW_THREADS PyBuffer_Release(&data);
    return PyLong_FromUnsignedLongLong(hash);
}

static PyMethodDef methods[] = {
    {"decode", decode, METH_VARARGS, decode_doc},
    {"block_hash", block_hash, METH_O, block_hash_doc},
    {NULL, NULL, 0, NULL},
};

static PyModuleDef_Slot slots[] = {
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_PER_INTERPRETER_GIL_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef module_def = {
    PyModuleDef_HEAD_INIT,
    .m_name = "leakhunt.store._decode",
    .m_doc = "Decoder of snapshot streams; see leakhunt.store.stream.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC
PyInit__decode(void)
{
    return PyModuleDef_Init(&module_def);
}

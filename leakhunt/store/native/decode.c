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
    lk_wish_huge(columns->name, counts->name * sizeof(type));                                      \
    Py_DECREF(item);
    LK_COLUMNS(X)
#undef X
    return result;
error:
    Py_DECREF(result);
    return NULL;
}

/* Everything one call works on; all of it is given back by finish(). */
struct job {
    Py_buffer data;
    lk_payload payload;
    lk_stream stream;
    lk_column_counts counts;
    lk_fault fault;
    uint64_t seed;
    size_t end;
};

/* Blocks to tables, and how large the columns will be.  0, or -1 with a fault.  No GIL. */
static int
read_records(struct job *job, size_t start)
{
    if (lk_join_blocks(job->data.buf, (size_t)job->data.len, start, !job->data.readonly,
                       &job->payload, &job->end, &job->fault) < 0 ||
        lk_parse(&job->payload, job->seed, &job->stream, &job->fault) < 0) {
        return -1;
    }
    return lk_measure(&job->stream, &job->counts, &job->fault);
}

/* Gives everything back.  Needs the GIL. */
static void
finish(struct job *job)
{
    lk_stream_free(&job->stream);
    lk_payload_free(&job->payload);
    PyBuffer_Release(&job->data);
}

PyDoc_STRVAR(
    decode_doc,
    "decode(data, start, seed, /)\n--\n\n"
    "Decode the blocks of a stream that begin at offset start.\n\n"
    "Returns (columns, end): raw bytes by column name, and the offset of the byte after\n"
    "the blocks, which are written over when data is writable.  seed is any 64-bit number a\n"
    "file cannot foresee; it does not show in the result.\n\n"
    "Raises ValueError(text, offset) when the stream is damaged.");

static PyObject *
decode(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    struct job job = {0};
    lk_columns columns;
    Py_ssize_t start;
    unsigned long long seed;
    PyObject *result = NULL, *made = NULL;
    int status;

    if (!PyArg_ParseTuple(arguments, "y*nK:decode", &job.data, &start, &seed)) {
        return NULL;
    }
    if (start < 0 || start > job.data.len) {
        PyErr_SetString(PyExc_ValueError, "start is outside the data");
        goto done;
    }
    job.seed = seed;
    Py_BEGIN_ALLOW_THREADS status = read_records(&job, (size_t)start);
    Py_END_ALLOW_THREADS if (status == 0)
    {
        made = new_columns(&job.counts, &columns);
        if (made == NULL) {
            goto done;
        }
        Py_BEGIN_ALLOW_THREADS status =
            lk_fill(&job.payload, &job.stream, &job.counts, &columns, &job.fault);
        Py_END_ALLOW_THREADS
    }
    if (status < 0) {
        raise_fault(&job.fault);
        goto done;
    }
    result = Py_BuildValue("(On)", made, (Py_ssize_t)job.end);
done:
    Py_XDECREF(made);
    finish(&job);
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

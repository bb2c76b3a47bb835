/* leakhunt.store._decode: the blocks of a snapshot stream to column buffers.
 *
 * This file alone knows Python.  The work is done by blocks.c, parse.c, runs.c and columns.c
 * without the GIL.
 */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "columns.h"

/* What is wrong as an exception: MemoryError, or ValueError(text, file offset); the offset is
 * None when it is not known.  GIL. */
static void
raise_fault(const lk_fault *fault, int is_located)
{
    if (fault->kind == LK_FAULT_MEMORY) {
        PyErr_NoMemory();
        return;
    }
    PyObject *arguments =
        is_located ? Py_BuildValue("(sK)", fault->text, (unsigned long long)fault->offset)
                   : Py_BuildValue("(sO)", fault->text, Py_None);
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

/* Parse again up to the edge that leads nowhere, to say where in the file it is.  No GIL. */
static void
locate_edge(const lk_payload *payload, uint64_t seed, uint64_t edge, lk_fault *fault)
{
    lk_stream again = {0};
    lk_fault found = {0};
    lk_parse(payload, seed, edge, &again, &found);
    if (found.kind != LK_FAULT_NONE) {
        *fault = found;
    }
    lk_stream_free(&again);
}

/* Everything one call works on; all of it is given back by finish(). */
struct job {
    Py_buffer data;
    lk_payload payload;
    lk_stream stream;
    lk_column_counts counts;
    lk_fault fault;
    uint64_t seed, bad_edge;
    size_t end;
};

/* Blocks to tables, and how large the columns will be.  0, or -1 with a fault.  No GIL. */
static int
read_records(struct job *job, size_t start, int in_place, const lk_counts *expected)
{
    if (lk_join_blocks(job->data.buf, (size_t)job->data.len, start, in_place, &job->payload,
                       &job->end, &job->fault) < 0) {
        return -1;
    }
    lk_reserve(&job->stream, expected, &job->payload);
    if (lk_parse(&job->payload, job->seed, UINT64_MAX, &job->stream, &job->fault) < 0) {
        return -1;
    }
    return lk_measure(&job->stream, &job->counts, &job->fault);
}

/* Tables to columns.  The texts come first: once they are copied, the payload is only needed to
 * say where damage is, and its memory is given back when it is ours to write.  0, or -1 with a
 * fault.  No GIL. */
static int
fill_columns(struct job *job, const lk_columns *columns)
{
    if (lk_fill_texts(&job->stream, &job->counts, columns, &job->fault) < 0) {
        return -1;
    }
    if (job->payload.is_borrowed) {
        lk_drop_pages(job->payload.bytes, job->payload.length);
    }
    free(job->stream.strings.items); /* their numbers are still needed */
    free(job->stream.others.items);
    job->stream.strings.items = job->stream.others.items = NULL;
    if (lk_fill(&job->stream, &job->counts, columns, &job->bad_edge, &job->fault) == 0) {
        return 0;
    }
    if (job->bad_edge != UINT64_MAX && !job->payload.is_borrowed) {
        locate_edge(&job->payload, job->seed, job->bad_edge, &job->fault);
        job->bad_edge = UINT64_MAX;
    }
    return -1;
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
    "decode(data, start, seed, in_place, records, edges, /)\n--\n\n"
    "Decode the blocks of a stream that begin at offset start.\n\n"
    "Returns (columns, end): raw bytes by column name, and the offset of the byte after\n"
    "the blocks.  seed is any 64-bit number a file cannot foresee; it does not show in\n"
    "the result.  in_place writes over the blocks, and gives their memory back; data is\n"
    "then writable, of whole pages that are ours.  records and edges are how many there are\n"
    "supposed to be: only a hint.  Raises ValueError(text, offset) when the stream is damaged;\n"
    "the offset is None when it takes a decoding that is not in place to know it.");

static PyObject *
decode(PyObject *Py_UNUSED(module), PyObject *arguments)
{
    struct job job = {.bad_edge = UINT64_MAX};
    lk_columns columns;
    lk_counts expected;
    Py_ssize_t start, records, edges;
    unsigned long long seed;
    PyObject *result = NULL, *made = NULL;
    int status, in_place;

    if (!PyArg_ParseTuple(arguments, "y*nKpnn:decode", &job.data, &start, &seed, &in_place,
                          &records, &edges)) {
        return NULL;
    }
    if (start < 0 || start > job.data.len || (in_place && job.data.readonly)) {
        PyErr_SetString(PyExc_ValueError, "start is outside the data, or it is not writable");
        goto done;
    }
    job.seed = seed;
    expected = (lk_counts){.records = records < 0 ? 0 : (size_t)records,
                           .edges = edges < 0 ? 0 : (size_t)edges};
    Py_BEGIN_ALLOW_THREADS status = read_records(&job, (size_t)start, in_place, &expected);
    Py_END_ALLOW_THREADS if (status == 0)
    {
        made = new_columns(&job.counts, &columns);
        if (made == NULL) {
            goto done;
        }
        Py_BEGIN_ALLOW_THREADS status = fill_columns(&job, &columns);
        Py_END_ALLOW_THREADS
    }
    if (status < 0) {
        raise_fault(&job.fault, job.bad_edge == UINT64_MAX);
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

/* The Python face of the sampler: parses arguments, raises exceptions.  What is read goes out
 * as bytes, in one piece: objects made one by one would be sampled themselves, and a collection
 * between two of them could change what is read. */
#include "module_sites.h"

#include "site_traces.h"
#include "sites.h"

PyDoc_STRVAR(start_doc, "sites_start(sample_bytes=524288, frames=64, seed=0) -> None\n\n"
                        "Begin to sample allocations.  seed: of the random numbers, 0 for any.\n"
                        "Raises ValueError, and RuntimeError when it cannot.");

/* New reference; needs the GIL. */
static PyObject *
py_start(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"sample_bytes", "frames", "seed", NULL};
    long long sample_bytes = LK_SAMPLE_BYTES;
    unsigned long long seed = 0;
    lk_sites_options options = {.frames_max = LK_SITE_FRAMES};
    const char *why = "";
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|LiK:sites_start", names, &sample_bytes,
                                     &options.frames_max, &seed)) {
        return NULL;
    }
    if (sample_bytes < 1 || (uint64_t)sample_bytes > LK_SAMPLE_BYTES_MAX) {
        return PyErr_Format(PyExc_ValueError, "sample_bytes is %lld: 1 to 2**40 is possible",
                            sample_bytes);
    }
    if (options.frames_max < 1 || options.frames_max > LK_FRAMES_MAX) {
        return PyErr_Format(PyExc_ValueError, "%d frames: 1 to %d are possible", options.frames_max,
                            LK_FRAMES_MAX);
    }
    options.sample_bytes = (uint64_t)sample_bytes;
    options.seed = seed;
    if (lk_sites_start(&options, &why) < 0) {
        PyErr_SetString(PyExc_RuntimeError, why);
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(traces_doc, "sites_read_traces() -> None\n\n"
                         "Captures tell the traces of tracemalloc from now on, until sites_stop.");

/* New reference; needs the GIL. */
static PyObject *
py_read_traces(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    lk_traces_want();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stop_doc, "sites_stop() -> bool\n\n"
                       "End sampling, give all memory back.  False when our hook stays as a\n"
                       "pass-through because another was installed above it.");

/* New reference; needs the GIL. */
static PyObject *
py_stop(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    return PyBool_FromLong(lk_sites_stop());
}

PyDoc_STRVAR(mark_doc, "sites_mark() -> None\n\nSamples from now on are of the next epoch.");

/* New reference; needs the GIL. */
static PyObject *
py_mark(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    lk_sites_mark();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(status_doc, "sites_status() -> dict\n\nThe sampler's own numbers.");

/* New reference; needs the GIL. */
static PyObject *
py_status(PyObject *self, PyObject *unused)
{
    const lk_sites_state *s = &lk_sites;
    (void)self;
    (void)unused;
    int is_sound = lk_sites_is_sound(), reuse = (int)lk_sites_reuse();
    uint64_t live_count = 0;
    for (size_t i = 1; i < s->table.used; i++) {
        unsigned kind = LK_SAMPLE_KIND(&s->table.records[i]);
        live_count += kind == LK_SAMPLE_BLOCK || kind == LK_SAMPLE_REUSED;
    }
    return Py_BuildValue(
        "{s:O, s:K, s:i, s:d, s:d, s:K, s:K, s:K, s:K, s:I, s:I, s:n, s:I, s:O, s:i}", "running",
        s->is_running ? Py_True : Py_False, "sample_bytes",
        (unsigned long long)s->options.sample_bytes, "frames", s->options.frames_max,
        "current_bytes", s->current_bytes, "peak_bytes", s->peak_bytes, "live_samples",
        (unsigned long long)live_count, "samples", (unsigned long long)s->sample_count,
        "lost_samples", (unsigned long long)s->lost_count, "unknown_stacks",
        (unsigned long long)s->stacks.full_count, "places",
        s->stacks.place_count > 0 ? s->stacks.place_count - 1 : 0, "functions",
        s->stacks.function_count > 0 ? s->stacks.function_count - 1 : 0, "memory_bytes",
        (Py_ssize_t)lk_sites_memory(), "epoch", s->epoch, "sound", is_sound ? Py_True : Py_False,
        "reuse", reuse);
}

/* A table of the sampler. */
typedef struct {
    const void *bytes;
    size_t count;
} lk_bytes;

/* So much may come to each while the first are copied. */
#define ROOM_TO_GROW 16384

/* The tables in the order of sites_read. */
static void
find_tables(lk_bytes tables[4])
{
    const lk_sites_state *s = &lk_sites;
    tables[0] = (lk_bytes){s->table.records, s->table.used * sizeof(lk_sample)};
    tables[1] = (lk_bytes){s->stacks.places, s->stacks.place_count * sizeof(lk_place)};
    tables[2] =
        (lk_bytes){s->stacks.functions, s->stacks.function_count * sizeof(lk_site_function)};
    tables[3] = (lk_bytes){s->stacks.texts, s->stacks.text_bytes};
}

/* Leave out of a copy what waits on a free list, and all when ends were missed.  Needs the GIL. */
static void
forget_dead(lk_sample *samples, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (lk_sites.has_gap || lk_sample_is_parked(&samples[i])) {
            samples[i] = (lk_sample){0};
        }
    }
}

PyDoc_STRVAR(read_doc,
             "sites_read() -> (samples, places, functions, texts) as bytes\n\n"
             "The tables as they are, of native byte order.\n"
             "sample, 32 bytes: u64 address, u64 bytes, u32 place, u32 -, u32 epoch, u32 kind.\n"
             "place, 24 bytes: u32 caller, u32 function, i32 offset, i32 line, u32 -, u32 -.\n"
             "function, 24 bytes: u64 -, u32 file, u32 name, u32 -, u32 -.  Texts end with 0.\n"
             "No samples when another hook took ours away: sites_status says so (sound).\n"
             "Raises RuntimeError when nothing runs, MemoryError.");

/* New reference; needs the GIL. */
static PyObject *
py_read(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    if (!lk_sites_is_running()) {
        PyErr_SetString(PyExc_RuntimeError, "sampling is not running");
        return NULL;
    }
    PyObject *parts[4] = {NULL}, *result = NULL;
    lk_bytes from[4];
    lk_sites_is_sound(); /* notes a gap */
    find_tables(from);
    for (int i = 0; i < 4; i++) {
        parts[i] = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)from[i].count + ROOM_TO_GROW);
        if (parts[i] == NULL) {
            goto done;
        }
    }
    /* making them may have added samples; from here to the last copy nothing can */
    find_tables(from);
    for (int i = 0; i < 4; i++) {
        size_t room = (size_t)PyBytes_GET_SIZE(parts[i]);
        size_t n = from[i].count < room ? from[i].count : room;
        memcpy(PyBytes_AS_STRING(parts[i]), from[i].bytes, n);
        memset(PyBytes_AS_STRING(parts[i]) + n, 0, room - n);
    }
    forget_dead((lk_sample *)PyBytes_AS_STRING(parts[0]),
                (size_t)PyBytes_GET_SIZE(parts[0]) / sizeof(lk_sample));
    result = PyTuple_Pack(4, parts[0], parts[1], parts[2], parts[3]);
done:
    for (int i = 0; i < 4; i++) {
        Py_XDECREF(parts[i]);
    }
    return result;
}

PyDoc_STRVAR(block_doc, "sites_block(obj) -> int\n\n"
                        "The address of an object's sample; 0 when it was not sampled, or another\n"
                        "hook took ours away.");

/* New reference; needs the GIL. */
static PyObject *
py_block(PyObject *self, PyObject *o)
{
    uintptr_t block = (uintptr_t)o - lk_preheader_bytes(Py_TYPE(o));
    const lk_sample *sample = lk_site_table_find(&lk_sites.table, block);
    (void)self;
    int is_sampled =
        sample != NULL && LK_SAMPLE_KIND(sample) == LK_SAMPLE_BLOCK && lk_sites_is_sound();
    return PyLong_FromUnsignedLongLong(is_sampled ? block : 0);
}

static PyMethodDef methods[] = {
    {"sites_start", (PyCFunction)(void (*)(void))py_start, METH_VARARGS | METH_KEYWORDS, start_doc},
    {"sites_read_traces", py_read_traces, METH_NOARGS, traces_doc},
    {"sites_stop", py_stop, METH_NOARGS, stop_doc},
    {"sites_mark", py_mark, METH_NOARGS, mark_doc},
    {"sites_status", py_status, METH_NOARGS, status_doc},
    {"sites_read", py_read, METH_NOARGS, read_doc},
    {"sites_block", py_block, METH_O, block_doc},
    {NULL, NULL, 0, NULL},
};

int
lk_module_add_sites(PyObject *module)
{
    return PyModule_AddFunctions(module, methods);
}

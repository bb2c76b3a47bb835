/* Facts that the graph has no edge for, read at places proved on sacrificial objects.
 *
 * An unknown layout gives no fact, never a wrong one.
 */
#include "pycall.h"
#include "walk.h"

#include "internal/pycore_namespace.h"

enum fact_reader {
    FACTS_NONE,
    FACTS_CODE,
    FACTS_GENERATOR,
    FACTS_BYTEARRAY,
    FACTS_DEQUE,
    FACTS_LRU,
    FACTS_FILEIO,
    FACTS_SOCKET,
    FACTS_FUTURE,
    FACTS_ARRAY,
    FACTS_CONTENT,
    FACTS_CTYPES,
};

/* Offsets learned from sacrificial objects; 0 while not proved. */
static Py_ssize_t deque_maxlen_at, lru_maxsize_at, lru_cache_at, fileio_fd_at, future_state_at;
static PyTypeObject *deque_type, *lru_type, *lru_link_type, *fileio_type, *socket_type;
static PyTypeObject *future_type, *task_type, *array_type, *ctypes_type;

/* The head of the struct of all ctypes data; proved on a sample. */
typedef struct {
    PyObject_HEAD char *data;
    int owns_data;
    PyObject *base;
    Py_ssize_t bytes;
} ctypes_data;

#define SENTINEL 7919
#define LRU_LINK_BYTES 56

/* Offset of the only word of an instance that equals a value, or 0.  Needs the GIL. */
static Py_ssize_t
find_word(PyObject *o, Py_ssize_t value)
{
    Py_ssize_t found = 0;
    for (Py_ssize_t at = sizeof(PyObject); at + 8 <= Py_TYPE(o)->tp_basicsize; at += 8) {
        if (*(Py_ssize_t *)((char *)o + at) == value) {
            if (found != 0) {
                return 0;
            }
            found = at;
        }
    }
    return found;
}

/* A module that is imported already, as a borrowed reference; sets no error. */
static PyObject *
imported(const char *name)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *module = modules == NULL ? NULL : PyDict_GetItemString(modules, name);
    return module != NULL && PyModule_Check(module) ? module : NULL;
}

/* Prove a deque's maxlen.  Errors are dropped: no proof, no fact.  Needs the GIL. */
static void
learn_deque(void)
{
    PyObject *module = imported("_collections");
    PyObject *type = lk_attribute(module, "deque");
    PyObject *empty = PyTuple_New(0);
    PyObject *sample = type == NULL || empty == NULL
                           ? NULL
                           : PyObject_CallFunction(type, "On", empty, (Py_ssize_t)SENTINEL);
    if (sample != NULL && Py_TYPE(sample) == (PyTypeObject *)type) {
        deque_maxlen_at = find_word(sample, SENTINEL);
        deque_type = deque_maxlen_at ? (PyTypeObject *)type : NULL;
    }
    Py_XDECREF(sample);
    Py_XDECREF(empty);
    Py_XDECREF(type);
    PyErr_Clear();
}

/* Offset of the cache dict in a C lru_cache, or 0 while it is not proved. */
Py_ssize_t
lk_lru_cache_offset(const PyTypeObject *type)
{
    return type == lru_type ? lru_cache_at : 0;
}

/* Is it the type of the links of a C lru_cache, with key and result where we read them? */
int
lk_is_lru_link(const PyTypeObject *type)
{
    return type == lru_link_type;
}

/* Prove the places of a cache and of its only link.  Needs the GIL. */
static void
prove_lru(PyObject *sample, PyObject *result)
{
    PyTypeObject *t = Py_TYPE(sample);
    PyObject *key, *link;
    lru_maxsize_at = find_word(sample, SENTINEL);
    lru_cache_at = 0;
    /* behind the root link: the first word that leads to a dict of one entry */
    for (Py_ssize_t at = LRU_LINK_BYTES + 16; at + 8 <= t->tp_basicsize; at += 8) {
        PyObject *o = *(PyObject **)((char *)sample + at);
        Py_ssize_t i = 0;
        if (lru_cache_at == 0 && (uintptr_t)o > 65536 && ((uintptr_t)o & 7) == 0 &&
            PyDict_CheckExact(o) && PyDict_Next(o, &i, &key, &link)) {
            lru_cache_at = at;
        }
    }
    if (lru_maxsize_at == 0 || lru_cache_at == 0) {
        return;
    }
    lru_type = t;
    if (Py_TYPE(link)->tp_basicsize == LRU_LINK_BYTES &&
        *(PyObject **)((char *)link + LK_LRU_LINK_KEY) == key &&
        *(PyObject **)((char *)link + LK_LRU_LINK_RESULT) == result) {
        lru_link_type = Py_TYPE(link);
    }
}

/* Learn the layout of a C lru_cache.  Needs the GIL. */
static void
learn_lru(void)
{
    PyObject *module = imported("functools");
    PyObject *maker = lk_attribute(module, "lru_cache");
    PyObject *decorator = maker == NULL ? NULL : PyObject_CallFunction(maker, "i", SENTINEL);
    PyObject *sample =
        decorator == NULL ? NULL : PyObject_CallOneArg(decorator, (PyObject *)&PyBaseObject_Type);
    PyObject *result = sample == NULL ? NULL : PyObject_CallNoArgs(sample);
    if (result != NULL && strcmp(Py_TYPE(sample)->tp_name, "functools._lru_cache_wrapper") == 0) {
        prove_lru(sample, result);
    }
    Py_XDECREF(result);
    Py_XDECREF(sample);
    Py_XDECREF(decorator);
    Py_XDECREF(maker);
    PyErr_Clear();
}

/* Prove the descriptor of a raw file on /dev/null.  Needs the GIL. */
static void
learn_fileio(void)
{
    PyObject *module = imported("_io");
    PyObject *type = lk_attribute(module, "FileIO");
    PyObject *sample = type == NULL ? NULL : PyObject_CallFunction(type, "s", "/dev/null");
    PyObject *fd = lk_call_method(sample, "fileno", NULL);
    if (fd != NULL && Py_TYPE(sample) == (PyTypeObject *)type &&
        *(int *)((char *)sample + sizeof(PyObject)) == PyLong_AsLong(fd)) {
        fileio_fd_at = sizeof(PyObject);
        fileio_type = (PyTypeObject *)type;
    }
    PyObject *done = lk_call_method(sample, "close", NULL);
    Py_XDECREF(done);
    Py_XDECREF(fd);
    Py_XDECREF(sample);
    Py_XDECREF(type);
    PyErr_Clear();
}

/* Prove the descriptor of a socket: its struct begins with it, right before the family, whose
 * place the type itself tells.  Needs the GIL. */
static void
learn_socket(void)
{
    PyObject *module = imported("_socket");
    PyObject *type = lk_attribute(module, "socket");
    if (type != NULL && PyType_Check(type)) {
        PyMemberDef *m = ((PyTypeObject *)type)->tp_members;
        for (; m != NULL && m->name != NULL; m++) {
            if (strcmp(m->name, "family") == 0 && m->type == T_INT &&
                m->offset == (Py_ssize_t)(sizeof(PyObject) + sizeof(int))) {
                socket_type = (PyTypeObject *)type;
            }
        }
    }
    Py_XDECREF(type);
    PyErr_Clear();
}

/* A C future of a loop that is not there, after one call of a method.  New reference, or
 * NULL.  Needs the GIL. */
static PyObject *
sample_future(PyObject *type, const char *method, PyObject *argument)
{
    /* a future asks its loop for get_debug(): bool() is False */
    PyObject *loop = Py_BuildValue("{s:O}", "get_debug", (PyObject *)&PyBool_Type);
    PyObject *space = loop == NULL ? NULL : _PyNamespace_New(loop);
    PyObject *none = PyTuple_New(0);
    PyObject *named = space == NULL ? NULL : Py_BuildValue("{s:O}", "loop", space);
    PyObject *sample = named == NULL || none == NULL ? NULL : PyObject_Call(type, none, named);
    PyObject *done = method == NULL ? NULL : lk_call_method(sample, method, argument);
    if (method != NULL && done == NULL) {
        Py_CLEAR(sample);
    }
    Py_XDECREF(done);
    Py_XDECREF(named);
    Py_XDECREF(none);
    Py_XDECREF(space);
    Py_XDECREF(loop);
    return sample;
}

/* The one int of a struct that is 0 when pending, 1 when cancelled, 2 when finished; 0 when
 * it is not found or not alone. */
static Py_ssize_t
find_state(PyObject *pending, PyObject *cancelled, PyObject *finished)
{
    Py_ssize_t found = 0;
    for (Py_ssize_t at = sizeof(PyObject); at + 4 <= Py_TYPE(pending)->tp_basicsize; at += 4) {
        if (*(int *)((char *)pending + at) == 0 && *(int *)((char *)cancelled + at) == 1 &&
            *(int *)((char *)finished + at) == 2) {
            if (found != 0) {
                return 0;
            }
            found = at;
        }
    }
    return found;
}

/* Prove the state of asyncio's C futures; tasks begin with the same struct.  Needs the GIL. */
static void
learn_future(void)
{
    PyObject *module = imported("_asyncio");
    PyObject *type = lk_attribute(module, "Future");
    PyObject *task = lk_attribute(module, "Task");
    if (type != NULL && task != NULL && PyType_Check(type) && PyType_Check(task) &&
        strcmp(((PyTypeObject *)type)->tp_name, "_asyncio.Future") == 0 &&
        strcmp(((PyTypeObject *)task)->tp_name, "_asyncio.Task") == 0) {
        PyObject *pending = sample_future(type, NULL, NULL);
        PyObject *cancelled = sample_future(type, "cancel", NULL);
        PyObject *finished = sample_future(type, "set_result", Py_None);
        if (pending != NULL && cancelled != NULL && finished != NULL) {
            future_state_at = find_state(pending, cancelled, finished);
        }
        if (future_state_at != 0) {
            future_type = (PyTypeObject *)type;
            task_type = (PyTypeObject *)task;
        }
        Py_XDECREF(pending);
        Py_XDECREF(cancelled);
        Py_XDECREF(finished);
    }
    Py_XDECREF(type);
    Py_XDECREF(task);
    PyErr_Clear();
}

/* Prove that an array's ob_size counts its items.  Needs the GIL. */
static void
learn_array(void)
{
    PyObject *module = imported("array");
    PyObject *type = lk_attribute(module, "array");
    PyObject *sample = type == NULL ? NULL : PyObject_CallFunction(type, "s(iii)", "i", 1, 2, 3);
    if (sample != NULL && Py_TYPE(sample) == (PyTypeObject *)type && Py_SIZE(sample) == 3) {
        array_type = (PyTypeObject *)type;
    }
    Py_XDECREF(sample);
    Py_XDECREF(type);
    PyErr_Clear();
}

/* Is the memory of ctypes data inside the object itself?  Needs no GIL. */
static int
is_inside(const ctypes_data *d)
{
    const char *start = (const char *)d;
    return d->data >= start && d->data < start + Py_TYPE(d)->tp_basicsize;
}

/* Prove where ctypes data keep their memory and its size, on an integer.  Needs the GIL. */
static void
learn_ctypes(void)
{
    PyObject *module = imported("ctypes");
    PyObject *type = lk_attribute(module, "c_longlong");
    PyObject *sample = type == NULL ? NULL : PyObject_CallFunction(type, "i", SENTINEL);
    if (sample != NULL && Py_TYPE(sample)->tp_basicsize >= (Py_ssize_t)sizeof(ctypes_data)) {
        const ctypes_data *d = (const ctypes_data *)sample;
        PyTypeObject *t = Py_TYPE(sample);
        while (t != NULL && strcmp(t->tp_name, "_ctypes._CData") != 0) {
            t = t->tp_base;
        }
        if (d->bytes == sizeof(long long) && d->owns_data == 1 && d->base == NULL && is_inside(d) &&
            *(const long long *)d->data == SENTINEL) {
            ctypes_type = t;
        }
    }
    Py_XDECREF(sample);
    Py_XDECREF(type);
    PyErr_Clear();
}

/* Learn what is not known yet, before a walk, never during one.  Imports nothing.  The
 * types are kept as addresses to compare with, not as references.  Needs the GIL. */
void
lk_facts_prepare(void)
{
    if (deque_type == NULL) {
        learn_deque();
    }
    if (lru_type == NULL) {
        learn_lru();
    }
    if (fileio_type == NULL) {
        learn_fileio();
    }
    if (socket_type == NULL) {
        learn_socket();
    }
    if (future_type == NULL) {
        learn_future();
    }
    if (array_type == NULL) {
        learn_array();
    }
    if (ctypes_type == NULL) {
        learn_ctypes();
    }
}

/* Which facts the instances of a type have; 0 for none.  Needs the GIL. */
uint16_t
lk_fact_reader_of(const lk_walk *w, PyTypeObject *type)
{
    if (w->has_content && lk_has_content(type)) {
        return FACTS_CONTENT;
    }
    if (type == &PyCode_Type) {
        return FACTS_CODE;
    }
    if (type == &PyGen_Type || type == &PyCoro_Type || type == &PyAsyncGen_Type) {
        return FACTS_GENERATOR;
    }
    if (type == &PyByteArray_Type) {
        return FACTS_BYTEARRAY;
    }
    /* a class built on one of these begins with the same struct */
    for (; type != NULL; type = type->tp_base) {
        if (type == deque_type) {
            return FACTS_DEQUE;
        }
        if (type == lru_type) {
            return FACTS_LRU;
        }
        if (type == fileio_type) {
            return FACTS_FILEIO;
        }
        if (type == socket_type) {
            return FACTS_SOCKET;
        }
        if (type == future_type || type == task_type) {
            return FACTS_FUTURE;
        }
        if (type == array_type) {
            return FACTS_ARRAY;
        }
        if (type == ctypes_type) {
            return FACTS_CTYPES;
        }
    }
    return FACTS_NONE;
}

/* A FACT record about the last node or root.  Needs no GIL. */
void
lk_put_fact(lk_walk *w, unsigned id, int64_t value)
{
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_FACT);
    lk_emit_varint(&w->out, id);
    lk_emit_zigzag(&w->out, value);
}

/* State and line of a generator or coroutine.  Needs the GIL. */
static void
put_generator_facts(lk_walk *w, PyGenObject *g)
{
    int8_t state = g->gi_frame_state;
    int created = state == FRAME_CREATED, running = state == FRAME_EXECUTING;
    int done = state >= FRAME_COMPLETED;
    lk_put_fact(w, LK_FACT_STATE, created ? 0 : running ? 2 : done ? 3 : 1);
    _PyInterpreterFrame *f = lk_generator_frame(g);
    PyCodeObject *code = done ? NULL : lk_frame_code(f);
    if (code != NULL) {
        lk_put_fact(w, LK_FACT_LINE, lk_frame_line(f));
        if (!running) {
            lk_put_unread_locals(w, f, code);
        }
    }
}

/* Memory that ctypes data own outside the object, which no size counts.  Needs the GIL. */
static void
put_ctypes_facts(lk_walk *w, const ctypes_data *d)
{
    if (!d->owns_data || d->data == NULL || d->bytes <= 0 || is_inside(d)) {
        return;
    }
    lk_put_fact(w, LK_FACT_BUFFER_BYTES, d->bytes);
    if (w->has_births) {
        lk_slotmap_add(&w->claimed, (uintptr_t)d->data);
    }
}

/* All facts of the node just written.  Needs the GIL. */
void
lk_put_facts(lk_walk *w, const lk_type *t, PyObject *o)
{
    switch (t->fact_reader) {
    case FACTS_CODE:
        lk_put_fact(w, LK_FACT_LINE, ((PyCodeObject *)o)->co_firstlineno);
        lk_put_unread_arguments(w, (PyCodeObject *)o);
        break;
    case FACTS_GENERATOR:
        put_generator_facts(w, (PyGenObject *)o);
        break;
    case FACTS_BYTEARRAY:
        lk_put_fact(w, LK_FACT_LENGTH, Py_SIZE(o));
        if (((PyByteArrayObject *)o)->ob_exports != 0) {
            lk_put_fact(w, LK_FACT_EXPORTS, ((PyByteArrayObject *)o)->ob_exports);
        }
        if (w->has_births && ((PyByteArrayObject *)o)->ob_bytes != NULL) {
            lk_slotmap_add(&w->claimed, (uintptr_t)((PyByteArrayObject *)o)->ob_bytes);
        }
        break;
    case FACTS_DEQUE: {
        Py_ssize_t maxlen = *(Py_ssize_t *)((char *)o + deque_maxlen_at);
        lk_put_fact(w, LK_FACT_MAXSIZE, maxlen);
        break;
    }
    case FACTS_LRU: {
        PyObject *cache = *(PyObject **)((char *)o + lru_cache_at);
        lk_put_fact(w, LK_FACT_MAXSIZE, *(Py_ssize_t *)((char *)o + lru_maxsize_at));
        if (cache != NULL && PyDict_CheckExact(cache)) {
            lk_put_fact(w, LK_FACT_LENGTH, ((PyDictObject *)cache)->ma_used);
        }
        break;
    }
    case FACTS_FILEIO:
    case FACTS_SOCKET: {
        Py_ssize_t at =
            t->fact_reader == FACTS_FILEIO ? fileio_fd_at : (Py_ssize_t)sizeof(PyObject);
        int fd = *(int *)((char *)o + at);
        lk_put_fact(w, LK_FACT_FD, fd);
        lk_put_fact(w, LK_FACT_CLOSED, fd < 0);
        break;
    }
    case FACTS_FUTURE:
        lk_put_fact(w, LK_FACT_STATE, *(int *)((char *)o + future_state_at));
        break;
    case FACTS_ARRAY:
        lk_put_fact(w, LK_FACT_LENGTH, Py_SIZE(o));
        break;
    case FACTS_CONTENT:
        lk_put_content(w, o);
        break;
    case FACTS_CTYPES:
        put_ctypes_facts(w, (const ctypes_data *)o);
        break;
    default:
        break;
    }
    if (lk_may_have_bounds(t)) {
        lk_put_bounds(w, t, o);
    }
}

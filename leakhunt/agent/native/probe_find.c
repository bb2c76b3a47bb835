/* Which threads run an event loop now, and how it is woken up. */
#include "probe_ticks.h"
#include "probes.h"
#include "pycall.h"

#define FRAMES_MAX 100000

/* What is compared with, borrowed: the classes and the function as asyncio made them. */
typedef struct {
    PyObject *loop_type, *socket_type, *run_code;
    PyTypeObject *uvloop_type; /* NULL when it is not loaded */
} asyncio_parts;

/* A name of a module that is imported already, borrowed; NULL without an error.  Needs the GIL. */
static PyObject *
part_of(const char *module_name, const char *name)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *module = modules != NULL && PyDict_CheckExact(modules)
                           ? PyDict_GetItemString(modules, module_name)
                           : NULL;
    return module != NULL && PyModule_Check(module)
               ? PyDict_GetItemString(PyModule_GetDict(module), name)
               : NULL;
}

/* 1 when asyncio is loaded and is what we know.  Needs the GIL. */
static int
find_parts(asyncio_parts *parts)
{
    PyObject *base = part_of("asyncio.base_events", "BaseEventLoop");
    PyObject *run = base != NULL && PyType_Check(base)
                        ? PyDict_GetItemString(((PyTypeObject *)base)->tp_dict, "run_forever")
                        : NULL;
    parts->loop_type = part_of("asyncio.unix_events", "_UnixSelectorEventLoop");
    parts->socket_type = part_of("socket", "socket");
    PyObject *uvloop = part_of("uvloop.loop", "Loop");
    parts->uvloop_type = uvloop != NULL && PyType_Check(uvloop) ? (PyTypeObject *)uvloop : NULL;
    parts->run_code = run != NULL && PyFunction_Check(run) ? PyFunction_GET_CODE(run) : NULL;
    return parts->loop_type != NULL && parts->socket_type != NULL && parts->run_code != NULL;
}

/* The loop that a thread runs, borrowed: `self` of the call that runs it; NULL for none. */
static PyObject *
loop_of(PyThreadState *ts, const asyncio_parts *parts)
{
    _PyInterpreterFrame *f = lk_thread_frame(ts);
    for (int i = 0; f != NULL && i < FRAMES_MAX; f = f->previous, i++) {
        PyCodeObject *code = lk_frame_is_shim(f) ? NULL : lk_frame_code(f);
        if (code != NULL && (PyObject *)code == parts->run_code &&
            !lk_frame_is_incomplete(f, code)) {
            return lk_slot_object(f->localsplus[0]);
        }
    }
    return parts->uvloop_type != NULL ? lk_uvloop_of(ts, parts->uvloop_type) : NULL;
}

/* The descriptor that a loop is woken up by, or -1.  Only for the very types that are known: of
 * these no attribute runs code of the program.  Needs the GIL. */
static int
bell_of(PyObject *loop, const asyncio_parts *parts)
{
    long fd = -1;
    if (parts->uvloop_type != NULL && PyType_IsSubtype(Py_TYPE(loop), parts->uvloop_type)) {
        return lk_uvloop_bell(loop, parts->uvloop_type);
    }
    if ((PyObject *)Py_TYPE(loop) != parts->loop_type) {
        return -1;
    }
    PyObject *bell = lk_attribute(loop, "_csock");
    if (bell != NULL && (PyObject *)Py_TYPE(bell) == parts->socket_type) {
        PyObject *number = lk_call_method(bell, "fileno", NULL);
        fd = number == NULL || !PyLong_CheckExact(number) ? -1 : PyLong_AsLong(number);
        Py_XDECREF(number);
    }
    Py_XDECREF(bell);
    PyErr_Clear();
    return (int)fd;
}

void
lk_probe_find_loops(void)
{
    PyInterpreterState *interp = PyInterpreterState_Get();
    asyncio_parts parts;
    PyObject *loops[LK_LOOPS_MAX];
    pid_t threads[LK_LOOPS_MAX];
    int count = 0;
    lk_ticks_look_begin();
    if (find_parts(&parts)) {
        /* asking a loop may let other threads run, and end: the list is read before that */
        for (PyThreadState *ts = interp->threads.head; ts != NULL && count < LK_LOOPS_MAX;
             ts = ts->next) {
            PyObject *loop = loop_of(ts, &parts);
            if (loop != NULL) {
                loops[count] = Py_NewRef(loop);
                threads[count++] = (pid_t)ts->native_thread_id;
            }
        }
        for (int i = 0; i < count; i++) {
            lk_ticks_see(bell_of(loops[i], &parts), threads[i]);
            Py_DECREF(loops[i]);
        }
    }
    lk_ticks_look_end();
}

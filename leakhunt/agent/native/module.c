/* The Python face of the agent: parses arguments, raises exceptions. */
#include "compat.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "birth.h"
#include "capture.h"
#include "module_reach.h"
#include "module_sites.h"
#include "process.h"
#include "selftest.h"
#include "server.h"
#include "session.h"
#include "walk.h"

/* A mode by its name.  0, or -1 with an exception set; needs the GIL. */
static int
parse_mode(const char *name, enum lk_capture_mode *mode)
{
    for (int i = LK_CAPTURE_IN_PROCESS; i <= LK_CAPTURE_AUTO; i++) {
        if (strcmp(name, lk_capture_mode_name((enum lk_capture_mode)i)) == 0) {
            *mode = (enum lk_capture_mode)i;
            return 0;
        }
    }
    PyErr_Format(PyExc_ValueError, "mode %.100s: say in-process, fork or auto", name);
    return -1;
}

/* Set the exception of a capture that failed; path may be NULL.  Needs the GIL. */
static void
raise_for(const lk_capture *c, PyObject *path)
{
    const char *text = c->failure != NULL ? c->failure : strerror(c->error);
    if (c->out_of_memory) {
        PyErr_NoMemory();
        return;
    }
    PyObject *args = path == NULL ? Py_BuildValue("(is)", c->error, text)
                                  : Py_BuildValue("(isO)", c->error, text, path);
    if (args != NULL) {
        PyErr_SetObject(PyExc_OSError, args);
    }
    Py_XDECREF(args);
}

PyDoc_STRVAR(capture_doc,
             "capture(path, header, mark=False, max_wait_ms=1000, redact=False,\n"
             "        mode='in-process', content=False) -> pause in ns\n\n"
             "Write a snapshot of this interpreter to path (mode 0600, by way of path + '.part').\n"
             "header: JSON as bytes.  mark: start a new birth epoch in the same pause.\n"
             "mode: 'in-process', 'fork' or 'auto'.  content: write keyed hashes of strings and\n"
             "numbers.  Raises OSError, MemoryError, ValueError.");

/* New reference; needs the GIL. */
static PyObject *
py_capture(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"path",   "header", "mark",    "max_wait_ms",
                            "redact", "mode",   "content", NULL};
    PyObject *path;
    const char *header, *mode = lk_capture_mode_name(LK_CAPTURE_IN_PROCESS);
    Py_ssize_t header_bytes;
    lk_capture c = {.max_wait_ms = 1000};
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "O&y#|pipsp:capture", names,
                                     PyUnicode_FSConverter, &path, &header, &header_bytes, &c.mark,
                                     &c.max_wait_ms, &c.redact_names, &mode, &c.content)) {
        return NULL;
    }
    int status = parse_mode(mode, &c.mode);
    if (status == 0) {
        status = lk_capture_run(&c, PyBytes_AS_STRING(path), -1, header, (size_t)header_bytes);
        if (status < 0) {
            raise_for(&c, path);
        }
    }
    Py_DECREF(path);
    return status < 0 ? NULL : PyLong_FromUnsignedLongLong(c.pause_ns);
}

PyDoc_STRVAR(capture_to_doc,
             "capture_to(fd, header, mark=False, max_wait_ms=1000, redact=False,\n"
             "           mode='in-process', content=False) -> dict\n\n"
             "The same into a descriptor, which stays open; when it fails, what was written is\n"
             "no snapshot.  The answer says what was done and what was predicted.");

/* New reference; needs the GIL. */
static PyObject *
py_capture_to(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"fd",     "header", "mark",    "max_wait_ms",
                            "redact", "mode",   "content", NULL};
    int fd;
    const char *header, *mode = lk_capture_mode_name(LK_CAPTURE_IN_PROCESS);
    Py_ssize_t header_bytes;
    lk_capture c = {.max_wait_ms = 1000};
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "iy#|pipsp:capture_to", names, &fd, &header,
                                     &header_bytes, &c.mark, &c.max_wait_ms, &c.redact_names, &mode,
                                     &c.content) ||
        parse_mode(mode, &c.mode) < 0) {
        return NULL;
    }
    if (lk_capture_run(&c, NULL, fd, header, (size_t)header_bytes) < 0) {
        raise_for(&c, NULL);
        return NULL;
    }
    return Py_BuildValue("{s:s, s:s, s:K, s:K, s:K, s:K, s:K, s:O}", "mode",
                         lk_capture_mode_name(c.mode_used), "why", c.why, "pause_ns", c.pause_ns,
                         "predicted_walk_ns", c.predicted_walk_ns, "predicted_fork_ns",
                         c.predicted_fork_ns, "nodes", c.node_count, "file_bytes", c.file_bytes,
                         "collecting", c.was_collecting ? Py_True : Py_False);
}

PyDoc_STRVAR(
    birth_start_doc,
    "birth_start(lost=True) -> dict\n\n"
    "Begin to track births; the answer says by which method and what it cannot see.\n"
    "lost: also keep account of what is live, to find objects that C code lost; without it\n"
    "tracking costs less than half.\n"
    "Raises RuntimeError when it cannot.");

/* New reference; needs the GIL. */
static PyObject *
py_birth_start(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"lost", NULL};
    const char *why = "";
    int lost = 1;
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "|p:birth_start", names, &lost)) {
        return NULL;
    }
    if (lk_birth_start(lost, &why) < 0) {
        PyErr_SetString(PyExc_RuntimeError, why);
        return NULL;
    }
    PyObject *inferred = PyList_New(0);
    for (const char *const *name = lk_birth_inferred_types(); inferred != NULL && *name; name++) {
        PyObject *text = PyUnicode_FromString(*name);
        if (text == NULL || PyList_Append(inferred, text) < 0) {
            Py_CLEAR(inferred);
        }
        Py_XDECREF(text);
    }
    PyObject *answer =
        inferred == NULL
            ? NULL
            : Py_BuildValue("{s:s, s:O, s:N, s:s}", "method", lk_birth_method(), "exact", Py_True,
                            "inferred_types", inferred, "note", lk_birth_note());
    if (answer == NULL) {
        lk_birth_stop();
    }
    return answer;
}

PyDoc_STRVAR(birth_stop_doc, "birth_stop() -> dict\n\nEnd tracking and put back what was touched.");

/* New reference; needs the GIL. */
static PyObject *
py_birth_stop(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    int restored = lk_birth_stop() == LK_BIRTH_NOTHING_LEFT;
    return Py_BuildValue("{s:O, s:s}", "restored", restored ? Py_True : Py_False, "note",
                         restored ? "" : LK_BIRTH_PASS_THROUGH_NOTE);
}

PyDoc_STRVAR(birth_mark_doc,
             "birth_mark() -> None\n\nStart a new birth epoch now.\n"
             "Raises RuntimeError after birth_start(lost=False): that needs capture(mark=True).");

/* New reference; needs the GIL. */
static PyObject *
py_birth_mark(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    if (lk_birth_is_running() && lk_birth_is_light) {
        PyErr_SetString(PyExc_RuntimeError, "with lost=False only capture(mark=True) can mark");
        return NULL;
    }
    lk_birth_mark();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(is_born_doc, "is_born(obj) -> bool\n\nWas obj created since the last mark?");

/* New reference; needs the GIL. */
static PyObject *
py_is_born(PyObject *self, PyObject *o)
{
    (void)self;
    return PyBool_FromLong(lk_birth_is_born(o));
}

PyDoc_STRVAR(
    die_with_parent_doc,
    "die_with_parent(pid) -> bool\n\n"
    "Have the kernel end this process when the thread that started it ends.  False when the\n"
    "parent is not pid any more.  For processes that leakhunt starts itself.");

/* New reference; needs the GIL. */
static PyObject *
py_die_with_parent(PyObject *self, PyObject *arg)
{
    long pid = PyLong_AsLong(arg);
    (void)self;
    if (pid == -1 && PyErr_Occurred()) {
        return NULL;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return PyBool_FromLong(getppid() == pid);
}

PyDoc_STRVAR(
    prepare_doc,
    "prepare() -> None\n\n"
    "For processes that leakhunt starts itself, before the baseline.  Learns layouts on\n"
    "sacrificial objects, so that what that leaves behind is older than the baseline, and\n"
    "empties the cache of attribute look-ups in types: it keeps names that came up while\n"
    "the program was loaded, and lets go of them one by one when others need the place.");

/* New reference; needs the GIL. */
static PyObject *
py_prepare(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    lk_facts_prepare();
    PyType_ClearCache();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(self_test_doc, "self_test() -> None\n\n"
                            "Prove the interpreter's layout on sacrificial objects.\n"
                            "Raises RuntimeError naming what does not match.");

/* New reference; needs the GIL. */
static PyObject *
py_self_test(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    if (lk_self_test() < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(
    describe_process_doc,
    "describe_process() -> dict\n\n"
    "What identifies this process beyond its number, which is used again: pid, start_ticks,\n"
    "boot_id, uid; 0 and '' without /proc.");

/* New reference; needs the GIL. */
static PyObject *
py_describe_process(PyObject *self, PyObject *unused)
{
    char boot_id[LK_BOOT_ID_ROOM];
    (void)self;
    (void)unused;
    lk_boot_id(boot_id);
    return Py_BuildValue("{s:l, s:K, s:s, s:l}", "pid", (long)getpid(), "start_ticks",
                         (unsigned long long)lk_start_ticks(), "boot_id", boot_id, "uid",
                         (long)getuid());
}

PyDoc_STRVAR(
    serve_doc,
    "serve(fd, on_end=None) -> None\n\n"
    "Answer the client at the other end of fd, a Unix socket of type SEQPACKET, in a\n"
    "thread that no Python code runs in; the descriptor is ours then.  on_end() is called\n"
    "when the client is gone.  Raises RuntimeError.");

/* New reference; needs the GIL. */
static PyObject *
py_serve(PyObject *self, PyObject *args, PyObject *kwargs)
{
    static char *names[] = {"fd", "on_end", NULL};
    PyObject *on_end = Py_None;
    const char *why = "";
    int fd;
    (void)self;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "i|O:serve", names, &fd, &on_end)) {
        return NULL;
    }
    if (lk_server_serve(fd, on_end == Py_None ? NULL : on_end, &why) < 0) {
        PyErr_SetString(PyExc_RuntimeError, why);
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(listen_doc, "listen(path) -> None\n\n"
                         "Await clients at a new Unix socket and answer one after the other.\n"
                         "Raises OSError, RuntimeError.");

/* New reference; needs the GIL. */
static PyObject *
py_listen(PyObject *self, PyObject *arg)
{
    PyObject *path;
    const char *why = "";
    int error = 0;
    (void)self;
    if (!PyUnicode_FSConverter(arg, &path)) {
        return NULL;
    }
    int status = lk_server_listen(PyBytes_AS_STRING(path), &why, &error);
    if (status < 0 && error != 0) {
        errno = error;
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, PyBytes_AS_STRING(path));
    } else if (status < 0) {
        PyErr_SetString(PyExc_RuntimeError, why);
    }
    Py_DECREF(path);
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

PyDoc_STRVAR(stop_listening_doc,
             "stop_listening() -> None\n\n"
             "End what listen() began, and who is connected; the thread is gone after that.");

/* New reference; needs the GIL. */
static PyObject *
py_stop_listening(PyObject *self, PyObject *unused)
{
    (void)self;
    (void)unused;
    lk_server_stop_listening();
    Py_RETURN_NONE;
}

PyDoc_STRVAR(mark_doc,
             "mark(label) -> None\n\n"
             "Tell the client that a moment has come and wait until it lets go, a minute\n"
             "at most.  Does nothing when no client listens.");

/* New reference; needs the GIL. */
static PyObject *
py_mark(PyObject *self, PyObject *label)
{
    (void)self;
    PyObject *text = PyUnicode_Check(label) ? PyUnicode_AsEncodedString(label, "utf-8", "replace")
                                            : PyErr_Format(PyExc_TypeError, "a label is a str");
    if (text == NULL) {
        return NULL;
    }
    int status = lk_mark(PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text));
    Py_DECREF(text);
    if (status < 0) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"capture", (PyCFunction)(void (*)(void))py_capture, METH_VARARGS | METH_KEYWORDS, capture_doc},
    {"capture_to", (PyCFunction)(void (*)(void))py_capture_to, METH_VARARGS | METH_KEYWORDS,
     capture_to_doc},
    {"birth_start", (PyCFunction)(void (*)(void))py_birth_start, METH_VARARGS | METH_KEYWORDS,
     birth_start_doc},
    {"birth_stop", py_birth_stop, METH_NOARGS, birth_stop_doc},
    {"birth_mark", py_birth_mark, METH_NOARGS, birth_mark_doc},
    {"is_born", py_is_born, METH_O, is_born_doc},
    {"die_with_parent", py_die_with_parent, METH_O, die_with_parent_doc},
    {"prepare", py_prepare, METH_NOARGS, prepare_doc},
    {"describe_process", py_describe_process, METH_NOARGS, describe_process_doc},
    {"serve", (PyCFunction)(void (*)(void))py_serve, METH_VARARGS | METH_KEYWORDS, serve_doc},
    {"listen", py_listen, METH_O, listen_doc},
    {"stop_listening", py_stop_listening, METH_NOARGS, stop_listening_doc},
    {"mark", py_mark, METH_O, mark_doc},
    {"self_test", py_self_test, METH_NOARGS, self_test_doc},
    {NULL, NULL, 0, NULL},
};

/* 0, or -1 with an exception set; needs the GIL. */
static int
module_exec(PyObject *module)
{
    if (PyInterpreterState_Get() != PyInterpreterState_Main()) {
        PyErr_SetString(PyExc_ImportError, "leakhunt's agent serves the main interpreter only");
        return -1;
    }
    if (lk_module_add_sites(module) < 0 || lk_module_add_reach(module) < 0) {
        return -1;
    }
    return lk_types_prepare();
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, module_exec},
#ifdef Py_mod_multiple_interpreters
    {Py_mod_multiple_interpreters, Py_MOD_MULTIPLE_INTERPRETERS_NOT_SUPPORTED},
#endif
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_heap",
    .m_doc = "Heap walk, birth tracking and snapshot writer of leakhunt's agent.",
    .m_methods = methods,
    .m_slots = slots,
};

/* New reference; needs the GIL. */
PyMODINIT_FUNC
PyInit__heap(void)
{
    return PyModuleDef_Init(&definition);
}

/* What the agent does for a client, one function a command. */
#include "session.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "accounts.h"
#include "birth.h"
#include "capture.h"
#include "clock.h"
#include "predict.h"
#include "probe_ticks.h"
#include "probes.h"
#include "process.h"
#include "selftest.h"
#include "site_traces.h"
#include "sites.h"
#include "walk.h"

/* Cost of a full collection for each allocated block, before one was measured. */
#define COLLECT_NS_A_BLOCK 90.0
/* The list of frozen objects is counted no further. */
#define FROZEN_MAX 100000

/* -1 with the exception that is set as the error, and none set any more.  Needs the GIL. */
static int
fail_with_exception(lk_json *out)
{
    PyObject *type, *value, *traceback;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    /* only exceptions of our own making come here: their text is plain */
    PyObject *text = value == NULL ? NULL : PyObject_Str(value);
    const char *bytes = text == NULL ? NULL : PyUnicode_AsUTF8(text);
    lk_json_string(out, "error", bytes == NULL ? "an exception without a text" : bytes);
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    PyErr_Clear();
    return -1;
}

/* Frozen objects, FROZEN_MAX at most.  Needs the GIL. */
static uint64_t
frozen_count(PyInterpreterState *interp)
{
    uint64_t n = 0;
    PyGC_Head *head = lk_gc_list(interp, 3);
    for (PyGC_Head *at = lk_gc_next(head); at != head && n < FROZEN_MAX; at = lk_gc_next(at)) {
        n++;
    }
    return n;
}

/* A finalizer that ran in our thread may have asked for the current thread: then threading
 * made a stand-in for ours, and keeps it.  Needs the GIL. */
static void
forget_dummy_thread(void)
{
    PyObject *modules = PyImport_GetModuleDict();
    PyObject *threading = modules == NULL ? NULL : PyDict_GetItemString(modules, "threading");
    PyObject *active = threading == NULL || !PyModule_Check(threading)
                           ? NULL
                           : PyDict_GetItemString(PyModule_GetDict(threading), "_active");
    PyObject *ident = PyLong_FromUnsignedLong((unsigned long)pthread_self());
    if (active != NULL && PyDict_CheckExact(active) && ident != NULL &&
        PyDict_GetItemWithError(active, ident) != NULL) {
        PyDict_DelItem(active, ident);
    }
    Py_XDECREF(ident);
    PyErr_Clear();
}

/* What is left in the interpreter after birth tracking. */
static void
put_rest(lk_json *out, int is_restored)
{
    lk_json_bool(out, "restored", is_restored);
    lk_json_string(out, "note", is_restored ? "" : LK_BIRTH_PASS_THROUGH_NOTE);
}

/* ---- without the GIL ---- */

/* Who we are; sets what the client wishes of the connection. */
static int
say_hello(lk_session *s, lk_json *out)
{
    char boot_id[LK_BOOT_ID_ROOM];
    Dl_info library = {0};
    if (s->request.number != 0) {
        s->silence_ms = s->request.number;
    }
    lk_mark_open(s->request.flags & LK_FLAG_EVENTS ? s : NULL);
    lk_boot_id(boot_id);
    lk_json_number(out, "version", LK_WIRE_VERSION);
    lk_json_number(out, "hexversion", (uint64_t)Py_Version);
    lk_json_number(out, "pid", (uint64_t)getpid());
    lk_json_number(out, "tid", (uint64_t)lk_thread_number());
    lk_json_number(out, "uid", (uint64_t)getuid());
    lk_json_number(out, "start_ticks", lk_start_ticks());
    lk_json_string(out, "boot_id", boot_id);
    lk_json_number(out, "threads", lk_count_entries("/proc/self/task") - 1);
    lk_json_bool(out, "is_debug", LK_IS_DEBUG);
    lk_json_bool(out, "is_prepared", s->is_prepared);
    lk_json_bool(out, "has_births", lk_birth_is_running());
    if (dladdr((void *)lk_command_run, &library) != 0 && library.dli_fname != NULL) {
        lk_json_string(out, "library", library.dli_fname);
    }
    return 0;
}

static int
release_mark(lk_session *s, lk_json *out)
{
    (void)s;
    (void)out;
    lk_mark_release();
    return 0;
}

/* Give free memory back to the kernel, and say what that brought. */
static int
trim(lk_session *s, lk_json *out)
{
    lk_trim done;
    uint64_t start = lk_now_ns();
    (void)s;
    lk_accounts_trim(&done);
    lk_json_bool(out, "is_trimmed", done.is_trimmed);
    lk_json_string(out, "malloc", done.malloc_name);
    lk_json_number(out, "rss_before_bytes", done.rss_before);
    lk_json_number(out, "rss_after_bytes", done.rss_after);
    lk_json_number(out, "ns", lk_now_ns() - start);
    return 0;
}

/* ---- with the GIL ---- */

static int
self_test(lk_session *s, lk_json *out)
{
    (void)s;
    return lk_self_test() < 0 ? fail_with_exception(out) : 0;
}

static int
prepare(lk_session *s, lk_json *out)
{
    (void)s;
    (void)out;
    lk_facts_prepare();
    PyType_ClearCache();
    return 0;
}

/* Begin birth tracking; it ends with the session. */
static int
start_births(lk_session *s, lk_json *out)
{
    const char *why = "";
    if (lk_birth_start(s->request.flags & LK_FLAG_LOST ? 1 : 0, &why) < 0) {
        lk_json_string(out, "error", why);
        return -1;
    }
    s->has_births = 1;
    lk_json_string(out, "method", lk_birth_method());
    lk_json_bool(out, "exact", 1);
    lk_json_strings(out, "inferred_types", lk_birth_inferred_types());
    lk_json_string(out, "note", lk_birth_note());
    return 0;
}

static int
stop_births(lk_session *s, lk_json *out)
{
    if (!s->has_births) {
        lk_json_string(out, "error", "this client did not start birth tracking");
        return -1;
    }
    s->has_births = 0;
    put_rest(out, lk_birth_stop() == LK_BIRTH_NOTHING_LEFT);
    return 0;
}

/* Begin to sample; it ends with the session. */
static int
start_sites(lk_session *s, lk_json *out)
{
    uint64_t wanted = s->request.number;
    lk_sites_options options = {.sample_bytes = wanted != 0 ? wanted : LK_SAMPLE_BYTES,
                                .frames_max = LK_SITE_FRAMES};
    const char *why = wanted > LK_SAMPLE_BYTES_MAX ? "samples cannot be that far apart" : "";
    if (lk_tracemalloc_is_on()) {
        lk_traces_want();
        s->has_sites = 1;
        lk_json_string(out, "source", "tracemalloc");
        return 0;
    }
    if (why[0] != 0 || lk_sites_start(&options, &why) < 0) {
        lk_json_string(out, "error", why);
        return -1;
    }
    s->has_sites = 1;
    lk_json_string(out, "source", "sampled");
    lk_json_number(out, "sample_bytes", options.sample_bytes);
    lk_json_number(out, "reuse", (uint64_t)lk_sites_reuse());
    return 0;
}

static int
stop_sites(lk_session *s, lk_json *out)
{
    if (!s->has_sites) {
        lk_json_string(out, "error", "this client did not start sampling");
        return -1;
    }
    s->has_sites = 0;
    put_rest(out, lk_sites_stop());
    return 0;
}

static int
stop_probes(lk_session *s, lk_json *out)
{
    (void)out;
    if (s->has_probes) {
        lk_probes_stop();
    }
    s->has_probes = 0;
    return 0;
}

/* The state of the process, the agent's own left out. */
static int
measure(lk_session *s, lk_json *out)
{
    PyInterpreterState *interp = PyInterpreterState_Get();
    lk_prediction prediction = {0};
    int wants_pauses = (s->request.flags & LK_FLAG_PREDICT) != 0;
    if (wants_pauses) {
        Py_BEGIN_ALLOW_THREADS lk_predict_look(&prediction);
        Py_END_ALLOW_THREADS
    }
    lk_predict(&prediction);
    size_t threads = lk_count_entries("/proc/self/task");
    size_t descriptors = lk_count_entries("/proc/self/fd");
    /* ours, and the one that lists them */
    size_t own = 1 + (s->socket.fd >= 0) + (s->spare.fd >= 0) + lk_ticks_descriptor_count();
    lk_json_number(out, "rss_bytes", lk_rss_bytes());
    lk_json_number(out, "blocks", prediction.block_count);
    lk_json_number(out, "threads", threads > 0 ? threads - 1 : 0);
    lk_json_number(out, "descriptors", descriptors > own ? descriptors - own : 0);
    lk_json_bool(out, "gc_enabled", interp->gc.enabled);
    lk_json_bool(out, "gc_collecting", interp->gc.collecting);
    lk_json_number(out, "gc_young", (uint64_t)LK_GC_GENERATION(&interp->gc, 0)->count);
    lk_json_number(out, "gc_frozen", frozen_count(interp));
    lk_json_bool(out, "has_births", lk_birth_is_running());
    if (wants_pauses) {
        lk_json_number(out, "anonymous_bytes", prediction.anonymous_bytes);
        lk_json_number(out, "huge_bytes", prediction.huge_bytes);
        lk_json_number(out, "predicted_walk_ns", prediction.walk_ns);
        lk_json_number(out, "predicted_fork_ns", prediction.fork_ns);
        lk_json_string(out, "fork_refused", lk_predict_refusal(&prediction));
    }
    return 0;
}

/* One full collection, in a program that switched the collector off too; refused when it would
 * take too long.  Finalizers and callbacks of the program run. */
static int
collect(lk_session *s, lk_json *out)
{
    static double ns_a_block; /* as measured last */
    PyInterpreterState *interp = PyInterpreterState_Get();
    lk_prediction now = {0};
    lk_predict(&now);
    uint64_t blocks = now.block_count, most = s->request.number;
    uint64_t predicted =
        (uint64_t)((double)blocks * (ns_a_block > 0 ? ns_a_block : COLLECT_NS_A_BLOCK));
    int is_refused = most != 0 && predicted > most;
    lk_json_number(out, "predicted_ns", predicted);
    lk_json_bool(out, "is_refused", is_refused);
    lk_json_bool(out, "is_collecting", interp->gc.collecting);
    if (is_refused || interp->gc.collecting) {
        lk_json_number(out, "freed", 0);
        lk_json_number(out, "ns", 0);
        return 0;
    }
    int was_enabled = PyGC_Enable();
    lk_probe_gc_mute(1);
    uint64_t start = lk_now_ns();
    Py_ssize_t freed = PyGC_Collect();
    uint64_t took = lk_now_ns() - start;
    lk_probe_gc_mute(0);
    if (!was_enabled) {
        PyGC_Disable();
    }
    ns_a_block = (double)took / (double)(blocks > 0 ? blocks : 1);
    forget_dummy_thread();
    lk_json_number(out, "freed", freed > 0 ? (uint64_t)freed : 0);
    lk_json_number(out, "ns", took);
    return 0;
}

/* Why a capture failed, as the answer. */
static int
fail_to_capture(const lk_capture *c, lk_json *out)
{
    const char *why = c->failure != NULL  ? c->failure
                      : c->out_of_memory  ? "no memory for the walk"
                      : c->error == EBUSY ? "another capture is under way in the process"
                                          : strerror(c->error);
    lk_json_string(out, "error", why);
    lk_json_number(out, "errno", c->out_of_memory ? ENOMEM : (uint64_t)c->error);
    return -1;
}

/* Write a snapshot to the descriptor that came with the request. */
static int
capture(lk_session *s, lk_json *out)
{
    const lk_request *r = &s->request;
    lk_capture c = {
        .mark = (r->flags & LK_FLAG_MARK) != 0,
        .redact_names = (r->flags & LK_FLAG_REDACT) != 0,
        .content = (r->flags & LK_FLAG_CONTENT) != 0,
        .max_wait_ms = r->number > INT_MAX ? INT_MAX : (int)r->number,
        .mode = r->flags & LK_FLAG_AUTO   ? LK_CAPTURE_AUTO
                : r->flags & LK_FLAG_FORK ? LK_CAPTURE_FORK
                                          : LK_CAPTURE_IN_PROCESS,
        .hides_caller = 1,
    };
    if (r->file.fd < 0) {
        lk_json_string(out, "error",
                       "no descriptor came with the request: has the program none"
                       " left?");
        lk_json_number(out, "errno", EMFILE);
        return -1;
    }
    if (lk_capture_run(&c, NULL, r->file.fd, r->payload, r->payload_bytes) < 0) {
        return fail_to_capture(&c, out);
    }
    lk_json_string(out, "mode", lk_capture_mode_name(c.mode_used));
    lk_json_string(out, "why", c.why);
    lk_json_number(out, "pause_ns", c.pause_ns);
    lk_json_number(out, "predicted_walk_ns", c.predicted_walk_ns);
    lk_json_number(out, "predicted_fork_ns", c.predicted_fork_ns);
    lk_json_number(out, "nodes", c.node_count);
    lk_json_number(out, "file_bytes", c.file_bytes);
    lk_json_bool(out, "is_collecting", c.was_collecting);
    return 0;
}

/* ---- */

typedef struct {
    int (*run)(lk_session *, lk_json *);
    int needs_gil;
    int is_long; /* the client is told when the lock is ours */
} lk_command;

static const lk_command commands[] = {
    [LK_OP_HELLO] = {say_hello, 0, 0},         [LK_OP_SELF_TEST] = {self_test, 1, 1},
    [LK_OP_PREPARE] = {prepare, 1, 1},         [LK_OP_BIRTH_START] = {start_births, 1, 1},
    [LK_OP_BIRTH_STOP] = {stop_births, 1, 1},  [LK_OP_MEASURE] = {measure, 1, 0},
    [LK_OP_COLLECT] = {collect, 1, 1},         [LK_OP_CAPTURE] = {capture, 1, 1},
    [LK_OP_RELEASE] = {release_mark, 0, 0},    [LK_OP_SITES_START] = {start_sites, 1, 1},
    [LK_OP_SITES_STOP] = {stop_sites, 1, 1},   [LK_OP_PROBES] = {lk_probes_read, 1, 0},
    [LK_OP_PROBES_STOP] = {stop_probes, 1, 0}, [LK_OP_TRIM] = {trim, 0, 0},
};

/* Did the client hang up while we waited for the lock? */
static int
is_abandoned(const lk_session *s)
{
    struct pollfd look = {.fd = s->socket.fd, .events = POLLIN};
    return !lk_descriptor_is_ours(&s->socket) ||
           (poll(&look, 1, 0) > 0 && (look.revents & (POLLHUP | POLLERR)));
}

int
lk_command_run(lk_session *s, lk_json *answer)
{
    static const char locked[] = "{\"event\": \"locked\"}";
    const lk_command *command = &commands[s->request.opcode];
    PyGILState_STATE held;
    if (!command->needs_gil) {
        return command->run(s, answer);
    }
    uint64_t asked_ns = lk_now_ns();
    if (lk_interpreter_take(&held) < 0) {
        lk_json_string(answer, "error", "the interpreter is going down");
        return -1;
    }
    if (lk_now_ns() - asked_ns > LK_TICK_BLUR_NS) {
        lk_ticks_void(1); /* heard while we waited, nobody knows when */
    }
    int status = -1;
    if (is_abandoned(s)) {
        lk_json_string(answer, "error", "the client did not wait");
    } else {
        if (command->is_long) {
            lk_session_send(s, LK_STATUS_EVENT, s->request.opcode, locked, sizeof(locked) - 1);
        }
        status = command->run(s, answer);
    }
    if (command->is_long) {
        lk_ticks_void(0);
    }
    lk_interpreter_release(held);
    return status;
}

void
lk_command_clean_up(lk_session *s, lk_json *answer)
{
    PyGILState_STATE held;
    int is_restored = 1;
    if ((s->has_births || s->has_sites || s->has_probes || s->on_end != NULL) &&
        lk_interpreter_take(&held) == 0) {
        if (s->has_probes) {
            lk_probes_stop();
        }
        if (s->has_births) {
            is_restored = lk_birth_stop() == LK_BIRTH_NOTHING_LEFT;
        }
        if (s->has_sites) {
            is_restored &= lk_sites_stop();
        }
        if (s->on_end != NULL) {
            PyObject *done = PyObject_CallNoArgs(s->on_end);
            Py_XDECREF(done);
            PyErr_Clear();
            Py_CLEAR(s->on_end);
        }
        lk_interpreter_release(held);
    }
    s->has_births = s->has_sites = s->has_probes = 0;
    put_rest(answer, is_restored);
}

/* Pauses of the collector, heard by way of gc.callbacks. */
#include <string.h>

#include "clock.h"
#include "histogram.h"
#include "probes.h"

#define GENERATIONS 3
#define CALLBACKS_WAIT_NS 1000000
#define CALLBACKS_WAIT_STEPS 1000

/* Written under the GIL. */
static struct {
    int is_on;
    int is_muted;
    uint64_t begun_ns; /* when the collection under way began; 0 without */
    Py_ssize_t collections[GENERATIONS], freed[GENERATIONS]; /* the collector's own, then */
    lk_histogram pauses[GENERATIONS], all;
    uint64_t collected[GENERATIONS];
} heard;

/* ---- the callback ---- */

/* Note what the collector has counted so far. */
static void
begin(const struct _gc_runtime_state *gc, uint64_t now)
{
    for (int i = 0; i < GENERATIONS; i++) {
        heard.collections[i] = gc->generation_stats[i].collections;
        heard.freed[i] = gc->generation_stats[i].collected;
    }
    heard.begun_ns = now;
}

/* A collection is over: of which generation, the collector's counts tell. */
static void
end(const struct _gc_runtime_state *gc, uint64_t now)
{
    for (int i = 0; i < GENERATIONS && heard.begun_ns != 0; i++) {
        if (gc->generation_stats[i].collections != heard.collections[i]) {
            lk_histogram_add(&heard.pauses[i], now - heard.begun_ns);
            lk_histogram_add(&heard.all, now - heard.begun_ns);
            heard.collected[i] += (uint64_t)(gc->generation_stats[i].collected - heard.freed[i]);
            break;
        }
    }
    heard.begun_ns = 0;
}

static int take_away(void *unused);

/* gc.callbacks calls it with "start" or "stop" and a dict.  New reference; needs the GIL. */
static PyObject *
hear(PyObject *self, PyObject *const *args, Py_ssize_t n)
{
    (void)self;
    if (!heard.is_on) { /* a child of fork, or somebody kept a copy of the list */
        Py_AddPendingCall(take_away, NULL);
    } else if (!heard.is_muted && n > 0 && PyUnicode_CheckExact(args[0])) {
        const struct _gc_runtime_state *gc = &PyInterpreterState_Get()->gc;
        if (PyUnicode_CompareWithASCIIString(args[0], "start") == 0) {
            begin(gc, lk_now_ns());
        } else {
            end(gc, lk_now_ns());
        }
    }
    Py_RETURN_NONE;
}

/* The same by the way that calls usually take.  New reference; needs the GIL. */
static PyObject *
hear_vectorcall(PyObject *self, PyObject *const *args, size_t n, PyObject *names)
{
    (void)names;
    return hear(self, args, PyVectorcall_NARGS(n));
}

static PyMethodDef method = {"leakhunt_hears_collections", (PyCFunction)(void (*)(void))hear,
                             METH_FASTCALL, NULL};

/* A function object that nobody allocated: it is no part of the heap that is looked at, the
 * collector does not know it, and our reference to it is never given up. */
static struct {
    PyGC_Head untracked;
    PyCFunctionObject function;
} callback;

#define CALLBACK ((PyObject *)&callback.function)

/* Take it out of gc.callbacks.  A pending call: 0.  Needs the GIL. */
static int
take_away(void *unused)
{
    PyObject *list = PyInterpreterState_Get()->gc.callbacks;
    lk_raised raised = lk_raised_save();
    (void)unused;
    for (Py_ssize_t i = list == NULL ? 0 : PyList_GET_SIZE(list); i-- > 0;) {
        if (PyList_GET_ITEM(list, i) == CALLBACK && !heard.is_on) {
            PyList_SetSlice(list, i, i + 1, NULL);
        }
    }
    PyErr_Clear();
    lk_raised_restore(raised);
    return 0;
}

/* ---- begin, report, end ---- */

/* Forget what was heard. */
static void
clear(void)
{
    memset(heard.pauses, 0, sizeof(heard.pauses));
    memset(&heard.all, 0, sizeof(heard.all));
    memset(heard.collected, 0, sizeof(heard.collected));
}

int
lk_probe_gc_start(void)
{
    PyObject *list = PyInterpreterState_Get()->gc.callbacks;
    if (Py_REFCNT(CALLBACK) == 0) {
        Py_SET_REFCNT(CALLBACK, 1);
        Py_SET_TYPE(CALLBACK, &PyCFunction_Type);
        callback.function.m_ml = &method;
        callback.function.vectorcall = hear_vectorcall;
    }
    if (list == NULL || PyList_Append(list, CALLBACK) < 0) {
        PyErr_Clear();
        return -1;
    }
    clear();
    heard.begun_ns = 0;
    heard.is_muted = 0;
    heard.is_on = 1;
    return 0;
}

void
lk_probe_gc_stop(void)
{
    const struct _gc_runtime_state *gc = &PyInterpreterState_Get()->gc;
    heard.is_on = 0;
    /* whoever goes through the list while another thread has the GIL would miss a callback */
    for (int i = 0; gc->collecting && i < CALLBACKS_WAIT_STEPS; i++) {
        struct timespec step = {0, CALLBACKS_WAIT_NS};
        Py_BEGIN_ALLOW_THREADS nanosleep(&step, NULL);
        Py_END_ALLOW_THREADS
    }
    take_away(NULL);
}

void
lk_probe_gc_forget(void)
{
    heard.is_on = 0;
}

void
lk_probe_gc_mute(int is_ours)
{
    heard.is_muted = is_ours;
    heard.begun_ns = 0;
}

/* ---- */

/* Members about one kind of collection: how many, and their pauses. */
static void
put_pauses(lk_json *out, const char *name, const lk_histogram *h, uint64_t collected)
{
    uint64_t values[] = {
        h->count,  collected, lk_histogram_percentile(h, 50), lk_histogram_percentile(h, 99),
        h->max_ns, h->sum_ns};
    lk_json_numbers(out, name, values, sizeof(values) / sizeof(values[0]));
}

void
lk_probe_gc_report(lk_json *out, int keeps)
{
    static const char *const NAMES[GENERATIONS] = {"gc_0", "gc_1", "gc_2"};
    const struct _gc_runtime_state *gc = &PyInterpreterState_Get()->gc;
    uint64_t thresholds[GENERATIONS], collected = 0, uncollectable = 0;
    for (int i = 0; i < GENERATIONS; i++) {
        put_pauses(out, NAMES[i], &heard.pauses[i], heard.collected[i]);
        collected += heard.collected[i];
        uncollectable += (uint64_t)gc->generation_stats[i].uncollectable;
        thresholds[i] = (uint64_t)LK_GC_GENERATION(gc, i)->threshold;
    }
    put_pauses(out, "gc_all", &heard.all, collected);
    lk_json_numbers(out, "gc_thresholds", thresholds, GENERATIONS);
    lk_json_bool(out, "gc_enabled", gc->enabled);
    lk_json_number(out, "gc_uncollectable", uncollectable);
    lk_json_number(out, "gc_garbage",
                   gc->garbage == NULL ? 0 : (uint64_t)PyList_GET_SIZE(gc->garbage));
    if (!keeps) {
        clear();
    }
}

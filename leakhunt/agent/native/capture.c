/* One capture: choose how, stop the program, walk, write the file. */
#include "compat.h"

#include "capture.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "accounts.h"
#include "birth.h"
#include "childheap.h"
#include "clock.h"
#include "fork.h"
#include "predict.h"
#include "site_records.h"
#include "site_traces.h"
#include "sites.h"
#include "unreached.h"

/* The child is given this long, and this many times what the walk was predicted to take. */
#define DEADLINE_S 60
#define DEADLINE_FACTOR 30
#define PAUSE_IS_KNOWN_MS 10000 /* the child waits for the parent to say how long it stood */

/* What a walk came to.  Of a child, in memory that it shares with its parent. */
typedef struct {
    _Atomic uint64_t pause_ns; /* of the parent; 0 until it is known */
    uint64_t walk_ns, node_count, file_bytes;
    int error, out_of_memory, is_complete;
} outcome;

/* A capture under way. */
typedef struct {
    lk_capture *capture;
    PyInterpreterState *interp;
    const PyThreadState *own_thread;
    const char *header;
    size_t header_bytes;
    lk_emit out;
    lk_prediction prediction;
    lk_accounts accounts;
    char memory[LK_ACCOUNTS_TEXT_MAX]; /* the same as text, made before a fork */
    int births_sound;                  /* before the walk; the allocator of a child is another */
    lk_sites_footer sites;
    uint64_t start_ns;
} job;

const char *
lk_capture_mode_name(enum lk_capture_mode mode)
{
    static const char *const NAMES[] = {"in-process", "fork", "auto"};
    return NAMES[mode];
}

static void
sleep_ms(long ms)
{
    struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
    nanosleep(&pause, NULL);
}

/* While another thread's collection runs (a finalizer may block with the GIL released),
 * the lists are not whole.  1 when no collection is under way, 0 when the wait was in
 * vain.  Needs the GIL, which it releases while it waits. */
static int
wait_for_collector(PyInterpreterState *interp, int max_wait_ms)
{
    for (int i = 0; interp->gc.collecting && i < max_wait_ms; i++) {
        Py_BEGIN_ALLOW_THREADS sleep_ms(1);
        Py_END_ALLOW_THREADS
    }
    return !interp->gc.collecting;
}

/* Records of the whole heap.  0, or -1.  Needs the GIL. */
static int
put_records(lk_walk *w, lk_unreached *unreached, int gc_lists)
{
    lk_put_schemas(w);
    lk_put_roots(w);
    if (gc_lists) {
        lk_walk_start_gc_lists(w);
    }
    if (lk_walk_run(w) < 0) {
        return -1;
    }
    lk_put_static_types(w);
    /* a type met only there still has to be written */
    if (lk_walk_run(w) < 0) {
        return -1;
    }
    if (lk_birth_has_account()) {
        lk_put_unreached(w, unreached);
        if (lk_walk_run(w) < 0) {
            return -1;
        }
    }
    lk_put_sites(w);
    lk_put_traces(w);
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_END);
    lk_emit_varint(&w->out, w->node_count);
    lk_emit_varint(&w->out, w->root_count);
    lk_emit_varint(&w->out, w->edge_count);
    return w->out_of_memory || w->out.error != 0 ? -1 : 0;
}

/* What the footer tells of the walk's memory and of births, before both are let go of. */
typedef struct {
    size_t peak_bytes, birth_bytes;
    int births_sound, lost_known;
    lk_sites_footer sites;
} last_look;

/* The footer's JSON; returns its length, 0 when there is no room. */
static size_t
format_footer(const lk_walk *w, const job *j, const outcome *o, const lk_unreached *unreached,
              const last_look *look, char *out, size_t room)
{
    const lk_capture *c = j->capture;
    const struct _gc_runtime_state *gc = &w->interp->gc;
    int n = snprintf(
        out, room,
        "{\"nodes\": %llu, \"edges\": %llu, \"roots\": %llu, \"types\": %zu, \"bytes\": %llu, "
        "\"mode\": \"%s\", \"pause_ns\": %llu, \"predicted_walk_ns\": %llu, "
        "\"predicted_fork_ns\": %llu, \"fork_refused\": \"%s\", "
        "\"walk_ns\": %llu, \"file_bytes\": %llu, \"rss_bytes\": %llu, "
        "\"peak_extra_bytes\": %zu, \"birth_bytes\": %zu, \"births_sound\": %s, "
        "\"lost_known\": %s, "
        "\"collecting\": %s, \"gc_enabled\": %s, \"gc_counts\": [%d, %d, %d], "
        "\"unreached_objects\": %llu, \"raw_blocks\": %llu, \"sites\": %s, "
        "\"memory\": %s}",
        (unsigned long long)w->node_count, (unsigned long long)w->edge_count,
        (unsigned long long)w->root_count, w->type_count, (unsigned long long)w->total_bytes,
        lk_capture_mode_name(c->mode_used), (unsigned long long)atomic_load(&o->pause_ns),
        (unsigned long long)c->predicted_walk_ns, (unsigned long long)c->predicted_fork_ns, c->why,
        (unsigned long long)o->walk_ns,
        (unsigned long long)(w->out.file_bytes + (uint64_t)(w->out.at - w->out.buffer)),
        (unsigned long long)j->prediction.resident_bytes, look->peak_bytes, look->birth_bytes,
        look->births_sound ? "true" : "false", look->lost_known ? "true" : "false",
        c->was_collecting ? "true" : "false", c->gc_was_enabled ? "true" : "false",
        LK_GC_GENERATION(gc, 0)->count, LK_GC_GENERATION(gc, 1)->count,
        LK_GC_GENERATION(gc, 2)->count, (unsigned long long)unreached->object_count,
        (unsigned long long)unreached->raw_count, look->sites.text, j->memory);
    return n > 0 && (size_t)n < room ? (size_t)n : 0;
}

/* Begin a new epoch if that is wished.  Needs the GIL. */
static void
mark_births(const lk_capture *c)
{
    if (c->mark) {
        lk_birth_mark();
        lk_sites_mark();
    }
}

/* Open what is written to.  0, or -1 with c->error set. */
static int
open_output(lk_capture *c, lk_emit *out, const char *part, int fd)
{
    int status;
    if (part[0] != 0) {
        unlink(part);
        status = lk_emit_open(out, part);
    } else {
        status = lk_emit_borrow(out, fd);
    }
    c->error = out->error;
    return status;
}

/* Rename the finished file, or remove the unfinished one. */
static void
settle_file(lk_capture *c, const char *part, const char *path, int is_complete)
{
    if (is_complete && rename(part, path) != 0) {
        c->error = errno;
        is_complete = 0;
    }
    if (!is_complete) {
        unlink(part);
    }
}

/* The walk is over.  In the process: do what else the program waits for, so that the footer can
 * tell the whole pause but for its own writing.  In a child: wait until it is known. */
static void
end_pause(const job *j, lk_walk *w, outcome *o)
{
    if (j->capture->mode_used == LK_CAPTURE_IN_PROCESS) {
        lk_walk_fini(w);
        mark_births(j->capture);
        atomic_store(&o->pause_ns, lk_now_ns() - j->start_ns);
    }
    for (int i = 0; atomic_load(&o->pause_ns) == 0 && i < PAUSE_IS_KNOWN_MS; i++) {
        sleep_ms(1);
    }
}

/* Walk the heap and write the whole stream.  Fills *o, which says whether it is complete.
 * Needs the GIL, or to be the child of who has it. */
static void
write_snapshot(const job *j, outcome *o)
{
    char footer[4096];
    lk_unreached unreached = {0};
    lk_walk w;
    uint64_t start = lk_now_ns();
    if (lk_walk_init(&w) < 0) {
        o->out_of_memory = 1;
        lk_walk_fini(&w);
        return;
    }
    w.out = j->out;
    w.interp = j->interp;
    w.own_thread = j->own_thread;
    w.redact_names = j->capture->redact_names;
    w.has_content = j->capture->content;
    w.has_births = lk_birth_is_running();
    w.wants_traces = lk_traces_are_read() && j->capture->mode_used == LK_CAPTURE_IN_PROCESS;
    if (w.has_content && lk_content_key(&w) < 0) {
        w.out.error = errno; /* nothing is written after an error */
    }
    if (lk_emit_start(&w.out, j->header, j->header_bytes) == 0 &&
        put_records(&w, &unreached, !j->capture->was_collecting) == 0) {
        o->walk_ns = lk_now_ns() - start;
        last_look look = {lk_walk_memory(&w), lk_birth_memory(),
                          j->births_sound && lk_birth_is_whole(), lk_birth_has_account(), j->sites};
        if (w.wants_traces) {
            lk_traces_describe(&w, &look.sites);
        }
        end_pause(j, &w, o);
        size_t n = format_footer(&w, j, o, &unreached, &look, footer, sizeof(footer));
        w.out.error = n == 0 ? EOVERFLOW : w.out.error;
        o->is_complete = lk_emit_finish(&w.out, footer, n) == 0;
    }
    o->error = w.out.error;
    o->out_of_memory = w.out_of_memory;
    o->node_count = w.node_count;
    o->file_bytes = w.out.file_bytes;
    w.out.is_lent = 1; /* the descriptor is the job's */
    lk_emit_close(&w.out);
    lk_walk_fini(&w);
}

/* Keep what a walk came to. */
static void
take_over(job *j, const outcome *o)
{
    lk_capture *c = j->capture;
    c->node_count = o->node_count;
    c->file_bytes = o->file_bytes;
    c->error = o->error;
    c->out_of_memory = o->out_of_memory;
    if (o->is_complete) {
        lk_predict_learn_walk(&j->prediction, o->walk_ns, o->node_count);
    }
}

/* The program stands still until the file is whole.  0, or -1.  Needs the GIL. */
static int
capture_here(job *j)
{
    lk_capture *c = j->capture;
    outcome o = {0};
    c->mode_used = LK_CAPTURE_IN_PROCESS;
    write_snapshot(j, &o);
    j->interp->gc.enabled = c->gc_was_enabled;
    c->pause_ns = lk_now_ns() - j->start_ns;
    take_over(j, &o);
    return o.is_complete ? 0 : -1;
}

/* A child failed here for a reason that will be there the next time. */
static int child_has_failed;

/* Say how a child that did not finish ended. */
static void
blame_child(lk_capture *c, enum lk_child_end end)
{
    child_has_failed |= end == LK_CHILD_TIMED_OUT || end == LK_CHILD_CRASHED;
    switch (end) {
    case LK_CHILD_TIMED_OUT:
        c->error = ETIMEDOUT;
        c->failure = "the child that walks the heap did not finish in time";
        break;
    case LK_CHILD_KILLED:
        c->error = ENOMEM;
        c->failure = "the child that walks the heap was killed, for want of memory or by somebody";
        break;
    case LK_CHILD_CRASHED:
        c->error = EIO;
        c->failure = "the child that walks the heap crashed";
        break;
    default:
        if (c->error == 0 && !c->out_of_memory) {
            c->error = EIO;
            c->failure = "the child that walks the heap left before it was done";
        }
        break;
    }
}

/* Why the system gave us no child, constant text. */
static const char *
refusal_of(int error)
{
    switch (error) {
    case EAGAIN:
        return "the limit of processes (RLIMIT_NPROC or the pids control group) is reached";
    case ENOMEM:
        return "the system has no memory for a child (overcommit?)";
    default:
        return "the system call clone is refused (seccomp?)";
    }
}

/* The program stands still while a child is made, which walks its frozen copy; then it goes on
 * while this thread waits.  0, -1, or 1 when there is no child: c->why says why.  Needs the
 * GIL. */
static int
capture_by_fork(job *j)
{
    lk_capture *c = j->capture;
    enum lk_child_end end;
    outcome *o = mmap(NULL, sizeof(*o), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (o == MAP_FAILED) {
        c->why = refusal_of(ENOMEM);
        return 1;
    }
    c->mode_used = LK_CAPTURE_FORK;
    uint64_t before = lk_now_ns();
    pid_t pid = lk_fork(
        j->out.fd, (unsigned)(DEADLINE_S + DEADLINE_FACTOR * c->predicted_walk_ns / 1000000000));
    if (pid == 0) {
        lk_child_heap_use();
        write_snapshot(j, o);
        _exit(0);
    }
    if (pid < 0) {
        c->why = refusal_of(errno);
        munmap(o, sizeof(*o));
        return 1;
    }
    lk_predict_learn_fork(&j->prediction, lk_now_ns() - before);
    mark_births(c);
    j->interp->gc.enabled = c->gc_was_enabled;
    c->pause_ns = lk_now_ns() - j->start_ns;
    atomic_store(&o->pause_ns, c->pause_ns);
    Py_BEGIN_ALLOW_THREADS end = lk_fork_wait(pid);
    Py_END_ALLOW_THREADS take_over(j, o);
    int status = o->is_complete ? 0 : -1;
    if (status < 0) {
        blame_child(c, end);
    }
    munmap(o, sizeof(*o));
    return status;
}

/* Why `auto` does not fork where it could, constant text; "" when it does. */
static const char *
why_not_unasked(const lk_prediction *p)
{
    if (child_has_failed) {
        return "a child that walked this heap has failed before";
    }
    return p->walk_ns <= p->fork_ns ? "a walk in the process is predicted to be the shorter pause"
                                    : "";
}

/* Is a fork wished, possible, and in `auto` the shorter pause?  Else c->why says why not.  Needs
 * the GIL. */
static int
is_fork_better(lk_capture *c, const lk_prediction *p)
{
    if (c->mode == LK_CAPTURE_IN_PROCESS) {
        return 0;
    }
    if (c->mark && lk_birth_is_running() && lk_birth_is_light) {
        c->why = "births tracked without an account of what is live are marked by the walk itself";
        return 0;
    }
    if (lk_traces_are_read()) {
        c->why = "traces of tracemalloc are read in the process itself";
        return 0;
    }
    c->why = lk_predict_refusal(p);
    if (c->why[0] == 0 && c->mode == LK_CAPTURE_AUTO) {
        c->why = why_not_unasked(p);
    }
    return c->why[0] == 0;
}

/* Stop the program and capture.  0, or -1.  Needs the GIL. */
static int
stop_and_capture(job *j)
{
    lk_capture *c = j->capture;
    int status = 1;
    j->start_ns = lk_now_ns();
    lk_facts_prepare();
    c->gc_was_enabled = j->interp->gc.enabled;
    j->interp->gc.enabled = 0; /* a __sizeof__ written in C might allocate */
    j->births_sound = lk_birth_take_stock();
    lk_sites_describe(&j->sites);
    lk_predict(&j->prediction);
    lk_accounts_count(&j->accounts);
    lk_accounts_format(&j->accounts, j->memory, sizeof(j->memory));
    c->predicted_walk_ns = j->prediction.walk_ns;
    c->predicted_fork_ns = j->prediction.fork_ns;
    if (is_fork_better(c, &j->prediction)) {
        status = capture_by_fork(j);
    }
    return status <= 0 ? status : capture_here(j);
}

/* What stands between a wish and a capture: 0, or an errno.  Needs the GIL. */
static int
begin(lk_capture *c, pid_t *owner)
{
    c->why = "";
    c->failure = NULL;
    if (*owner == getpid()) {
        return EBUSY; /* another thread waits for its child, or for a collection */
    }
    *owner = getpid(); /* not of a process that was forked meanwhile */
    return 0;
}

int
lk_capture_run(lk_capture *c, const char *path, int fd, const char *header, size_t header_bytes)
{
    static pid_t owner;
    char part[4096] = "";
    job j = {.capture = c,
             .interp = PyInterpreterState_Get(),
             .own_thread = c->hides_caller ? PyThreadState_Get() : NULL,
             .header = header,
             .header_bytes = header_bytes};
    int status = -1;
    if (path != NULL && (size_t)snprintf(part, sizeof(part), "%s.part", path) >= sizeof(part)) {
        c->error = ENAMETOOLONG;
        return -1;
    }
    c->error = begin(c, &owner);
    if (c->error != 0) {
        return -1;
    }
    if (open_output(c, &j.out, part, fd) == 0) {
        Py_BEGIN_ALLOW_THREADS lk_predict_look(&j.prediction);
        lk_accounts_look(&j.accounts, c->hides_caller);
        Py_END_ALLOW_THREADS c->was_collecting = !wait_for_collector(j.interp, c->max_wait_ms);
        status = stop_and_capture(&j);
        lk_emit_close(&j.out);
        if (path != NULL) {
            settle_file(c, part, path, status == 0);
        }
    }
    owner = 0;
    return status == 0 && c->error == 0 ? 0 : -1;
}

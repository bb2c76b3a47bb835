/* One capture: wait for the collector, walk, list what no walk reached, write the file. */
#include "compat.h"

#include "capture.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "birth.h"
#include "walk.h"

static uint64_t
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

/* Resident bytes of this process, or 0 without /proc. */
static uint64_t
resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f == NULL) {
        return 0;
    }
    if (fscanf(f, "%lu %lu", &total, &resident) != 2) {
        resident = 0;
    }
    fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* While another thread's collection runs (a finalizer may block with the GIL released),
 * the lists are not whole.  1 when no collection is under way, 0 when the wait was in
 * vain.  Needs the GIL, which it releases while it waits. */
static int
wait_for_collector(PyInterpreterState *interp, int max_wait_ms)
{
    struct timespec pause = {0, 1000000};
    for (int i = 0; interp->gc.collecting && i < max_wait_ms; i++) {
        Py_BEGIN_ALLOW_THREADS nanosleep(&pause, NULL);
        Py_END_ALLOW_THREADS
    }
    return !interp->gc.collecting;
}

/* Copy from our own memory without trusting the address.  1 when all of it was there. */
static int
read_safely(const void *from, void *to, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)from, n};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)n;
}

typedef struct {
    lk_walk *walk;
    uint64_t object_count, raw_count;
} unreached_state;

/* The entry of a type already met, or NULL: writes nothing. */
static const lk_type *
known_type(const lk_walk *w, const PyTypeObject *type)
{
    size_t mask = w->type_capacity - 1;
    size_t i = (((uintptr_t)type >> 4) * 0x9E3779B97F4A7C15ull >> 40) & mask;
    for (; w->types[i].type != NULL; i = (i + 1) & mask) {
        if (w->types[i].type == type) {
            return &w->types[i];
        }
    }
    return NULL;
}

/* The entry of what looks like a type: one with instances, or any type object that the walk
 * reached, so that a type whose every instance is lost is named too.  NULL when it is none. */
static const lk_type *
plausible_type(lk_walk *w, uintptr_t address)
{
    PyTypeObject *type = (PyTypeObject *)address, *metatype;
    const lk_type *known = known_type(w, type);
    if (known != NULL) {
        return known;
    }
    if ((address & 15) != 0 || !lk_slotmap_has(&w->visited, address) ||
        !read_safely(&((PyObject *)type)->ob_type, &metatype, sizeof(metatype)) ||
        known_type(w, metatype) == NULL || !(metatype->tp_flags & Py_TPFLAGS_TYPE_SUBCLASS)) {
        return NULL;
    }
    return lk_type_lookup(w, type);
}

/* Size of an object that nobody reaches: it may be half made, so no pointer of it is
 * followed. */
static size_t
size_of_lost(const lk_type *t, PyObject *o)
{
    switch (t->sizer) {
    case LK_SIZE_BASIC:
    case LK_SIZE_LIST:
    case LK_SIZE_INT:
    case LK_SIZE_BYTEARRAY:
        return lk_object_size(t, o);
    case LK_SIZE_STR:
        return ((PyASCIIObject *)o)->state.compact ? lk_object_size(t, o) : t->base_bytes;
    default:
        return t->base_bytes;
    }
}

/* A live block that the walk does not explain: an object that C code lost when its header
 * is plausible, else somebody's buffer, which is only counted. */
static int
put_unreached(uintptr_t block, void *arg)
{
    unreached_state *state = arg;
    lk_walk *w = state->walk;
    uintptr_t words[6];
    size_t have = read_safely((void *)block, words, sizeof(words)) ? 6 : 0;
    if (have == 0 && read_safely((void *)block, words, 16)) {
        have = 2;
    }
    for (size_t at = 0; at + 2 <= have; at += 2) {
        if (words[at] == 0 || words[at] > 0xFFFFFFFFull) {
            continue; /* no reference count */
        }
        const lk_type *t = plausible_type(w, words[at + 1]);
        if (t == NULL || t->preheader_bytes != at * sizeof(uintptr_t)) {
            continue;
        }
        PyObject *o = (PyObject *)(block + at * sizeof(uintptr_t));
        if (lk_slotmap_has(&w->visited, (uintptr_t)o)) {
            return 0;
        }
        size_t size = size_of_lost(t, o);
        lk_emit_room(&w->out);
        lk_emit_varint(&w->out, LK_TAG_UNREACHED);
        lk_emit_varint(&w->out, (uint64_t)(uintptr_t)o >> 4);
        lk_emit_varint(&w->out, (uint64_t)t->index + 1);
        lk_emit_varint(&w->out, size);
        state->object_count++;
        return w->out.error != 0;
    }
    state->raw_count++;
    return 0;
}

/* Records of the whole heap.  0, or -1.  Needs the GIL. */
static int
put_records(lk_walk *w, unreached_state *unreached, int gc_lists)
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
    if (w->has_births) {
        lk_birth_each_live(&w->claimed, put_unreached, unreached);
        /* the names in a type met only there */
        lk_put_pending_names(w);
        if (lk_walk_run(w) < 0) {
            return -1;
        }
    }
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_END);
    lk_emit_varint(&w->out, w->node_count);
    lk_emit_varint(&w->out, w->root_count);
    lk_emit_varint(&w->out, w->edge_count);
    return w->out_of_memory || w->out.error != 0 ? -1 : 0;
}

/* The footer's JSON; returns its length. */
static size_t
format_footer(const lk_walk *w, const lk_capture *c, const unreached_state *unreached, uint64_t rss,
              char *out, size_t room)
{
    const struct _gc_runtime_state *gc = &w->interp->gc;
    int n = snprintf(
        out, room,
        "{\"nodes\": %llu, \"edges\": %llu, \"roots\": %llu, \"types\": %zu, \"bytes\": %llu, "
        "\"pause_ns\": %llu, \"walk_ns\": %llu, \"file_bytes\": %llu, \"rss_bytes\": %llu, "
        "\"peak_extra_bytes\": %zu, \"birth_bytes\": %zu, \"births_sound\": %s, "
        "\"collecting\": %s, \"gc_enabled\": %s, \"gc_counts\": [%d, %d, %d], "
        "\"unreached_objects\": %llu, \"raw_blocks\": %llu}",
        (unsigned long long)w->node_count, (unsigned long long)w->edge_count,
        (unsigned long long)w->root_count, w->type_count, (unsigned long long)w->total_bytes,
        (unsigned long long)c->pause_ns, (unsigned long long)c->pause_ns,
        (unsigned long long)(w->out.file_bytes + (uint64_t)(w->out.at - w->out.buffer)),
        (unsigned long long)rss, lk_walk_memory(w), lk_birth_memory(),
        lk_birth_is_sound() ? "true" : "false", c->was_collecting ? "true" : "false",
        c->gc_was_enabled ? "true" : "false", gc->generations[0].count, gc->generations[1].count,
        gc->generations[2].count, (unsigned long long)unreached->object_count,
        (unsigned long long)unreached->raw_count);
    return n > 0 && (size_t)n < room ? (size_t)n : 0;
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

int
lk_capture_run(lk_capture *c, const char *path, int fd, const char *header, size_t header_bytes)
{
    char part[4096] = "", footer[1024];
    unreached_state unreached = {0};
    lk_walk w;
    int status = -1;
    if (path != NULL && (size_t)snprintf(part, sizeof(part), "%s.part", path) >= sizeof(part)) {
        c->error = ENAMETOOLONG;
        return -1;
    }
    PyInterpreterState *interp = PyInterpreterState_Get();
    uint64_t rss = resident_bytes();
    c->was_collecting = !wait_for_collector(interp, c->max_wait_ms);
    c->mode_used = LK_CAPTURE_IN_PROCESS;
    c->why = c->mode == LK_CAPTURE_IN_PROCESS ? "" : "this agent walks in-process only";
    lk_facts_prepare();
    c->gc_was_enabled = interp->gc.enabled;
    interp->gc.enabled = 0; /* a __sizeof__ written in C might allocate */
    uint64_t start = now_ns();
    if (lk_walk_init(&w) < 0) {
        c->out_of_memory = 1;
        goto done;
    }
    unreached.walk = &w;
    w.interp = interp;
    w.redact_names = c->redact_names;
    w.has_births = lk_birth_is_running();
    if (open_output(c, &w.out, part, fd) < 0) {
        goto done;
    }
    if (lk_emit_start(&w.out, header, header_bytes) == 0 &&
        put_records(&w, &unreached, !c->was_collecting) == 0) {
        c->pause_ns = now_ns() - start;
        size_t n = format_footer(&w, c, &unreached, rss, footer, sizeof(footer));
        status = lk_emit_finish(&w.out, footer, n);
    }
    c->error = w.out.error;
    c->out_of_memory = w.out_of_memory;
    c->node_count = w.node_count;
    c->file_bytes = w.out.file_bytes;
    if (status == 0 && c->mark) {
        lk_birth_mark();
    }
done:
    lk_emit_close(&w.out);
    lk_walk_fini(&w);
    interp->gc.enabled = c->gc_was_enabled;
    c->pause_ns = now_ns() - start;
    if (path != NULL) {
        settle_file(c, part, path, status == 0);
    }
    return status == 0 && c->error == 0 ? 0 : -1;
}

#include "predict.h"

#include <sys/stat.h>
#include <unistd.h>

#include "procfs.h"

/* Rates of a process that was never captured, from tests/benchmarks/fork_pause.py on the
 * machine of docs/decisions/0008-fork-capture.md; each capture replaces them by its own. */
#define WALK_BASE_NS 2000000ull /* types, names of the standard library, the file */
#define WALK_NS_PER_BLOCK 45ull
#define FORK_BASE_NS 400000ull /* the text, the libraries, the process itself */
#define FORK_NS_PER_PAGE 100ull
#define FORK_NS_PER_HUGE_PAGE 600ull
/* A shorter fork says nothing of the rate of pages. */
#define FORK_LEARNED_FROM_NS (5 * FORK_BASE_NS)

#define PAGE_BYTES 4096ull
#define HUGE_PAGE_BYTES (2ull << 20)
#define BYTES_PER_OBJECT 96ull /* when no count of blocks can be had */

/* What the child needs for itself. */
#define CHILD_BASE_BYTES (32ull << 20)
#define CHILD_BYTES_PER_BLOCK 20ull

/* Rates learned in this process, 0 before: of a walk in 1/1024 ns a block, of a fork in 1/1024 of
 * what is usual. */
static uint64_t walk_rate, fork_rate;
/* Objects that the last capture met; 0 before one. */
static uint64_t last_node_count;

/* Would a child be in another PID namespace?  There it would be the init process, and its end
 * the end of all that comes after. */
static int
children_are_elsewhere(void)
{
    static const char LINK[] = "/proc/self/ns/pid_for_children"; /* since Linux 4.12 */
    char own[64], theirs[64];
    struct stat st;
    ssize_t n = readlink("/proc/self/ns/pid", own, sizeof(own));
    ssize_t m = readlink(LINK, theirs, sizeof(theirs));
    if (m < 0) {
        return lstat(LINK, &st) == 0; /* the namespace is new: nobody is in it yet */
    }
    return n != m || memcmp(own, theirs, (size_t)n) != 0;
}

/* A number of kilobytes as bytes, 0 when there is none. */
static uint64_t
bytes_of(const char *text, const char *key)
{
    uint64_t kilobytes = lk_proc_number(text, key);
    return kilobytes == LK_NO_NUMBER ? 0 : kilobytes * 1024;
}

void
lk_predict_look(lk_prediction *p)
{
    char text[8192];
    *p = (lk_prediction){0};
    lk_proc_read("/proc/self/status", text, sizeof(text));
    p->resident_bytes = bytes_of(text, "VmRSS:");
    p->anonymous_bytes = bytes_of(text, "RssAnon:");
    lk_proc_read("/proc/self/smaps_rollup", text, sizeof(text));
    p->huge_bytes = bytes_of(text, "AnonHugePages:");
    p->room = lk_room_left();
    p->is_elsewhere = children_are_elsewhere();
}

/* Blocks that the object allocator gave out, by sys.getallocatedblocks; 0 when it is not the
 * interpreter's own.  Makes a short-lived int.  Needs the GIL. */
static uint64_t
count_blocks(void)
{
    PyObject *function = PySys_GetObject("getallocatedblocks");
    uint64_t count = 0;
    if (function == NULL || !PyCFunction_CheckExact(function)) {
        return 0;
    }
    lk_raised saved = lk_raised_save();
    PyObject *answer = PyObject_CallNoArgs(function);
    if (answer != NULL && PyLong_CheckExact(answer)) {
        count = PyLong_AsSize_t(answer);
    }
    Py_XDECREF(answer);
    PyErr_Clear();
    lk_raised_restore(saved);
    return count;
}

/* Objects in blocks, or what stands for them: never 0. */
static uint64_t
work_of(const lk_prediction *p)
{
    if (p->block_count > 0) {
        return p->block_count;
    }
    return last_node_count > 0 ? last_node_count : p->resident_bytes / BYTES_PER_OBJECT + 1;
}

/* What a fork costs at the rates we began with. */
static uint64_t
usual_fork_ns(const lk_prediction *p)
{
    uint64_t huge = p->huge_bytes < p->anonymous_bytes ? p->huge_bytes : p->anonymous_bytes;
    return FORK_BASE_NS + (p->anonymous_bytes - huge) / PAGE_BYTES * FORK_NS_PER_PAGE +
           huge / HUGE_PAGE_BYTES * FORK_NS_PER_HUGE_PAGE;
}

void
lk_predict(lk_prediction *p)
{
    p->block_count = count_blocks();
    uint64_t rate = walk_rate > 0 ? walk_rate : WALK_NS_PER_BLOCK * 1024;
    p->walk_ns = WALK_BASE_NS + work_of(p) * rate / 1024;
    p->fork_ns = usual_fork_ns(p) * (fork_rate > 0 ? fork_rate : 1024) / 1024;
}

const char *
lk_predict_refusal(const lk_prediction *p)
{
    if (p->resident_bytes == 0) {
        return "/proc is missing: what a fork would cost is not known";
    }
    if (p->is_elsewhere) {
        return "children of this process would be in another PID namespace";
    }
    uint64_t own = CHILD_BASE_BYTES + work_of(p) * CHILD_BYTES_PER_BLOCK;
    /* Pages that the program writes while the child walks are copied.  When it gets too much,
     * the kernel takes the child; but a group that dies together must have room for all. */
    uint64_t copied = p->room.dies_together ? p->anonymous_bytes : p->anonymous_bytes / 4;
    if (p->room.bytes < own + copied) {
        return "the memory limit leaves no room for a child";
    }
    return "";
}

void
lk_predict_learn_walk(const lk_prediction *p, uint64_t ns, uint64_t node_count)
{
    last_node_count = node_count;
    if (node_count > 0 && ns > WALK_BASE_NS) {
        walk_rate = (ns - WALK_BASE_NS) * 1024 / work_of(p) + 1;
    }
}

void
lk_predict_learn_fork(const lk_prediction *p, uint64_t ns)
{
    uint64_t usual = usual_fork_ns(p);
    if (usual >= FORK_LEARNED_FROM_NS) {
        fork_rate = ns * 1024 / usual + 1;
    }
}

#include "sites.h"

#include <math.h>
#include <pthread.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "dealloc.h"
#include "process.h"
#include "site_traces.h"
#include "trashcan.h"

lk_sites_state lk_sites;

/* ---- chance ---- */

/* The next of a sequence of random 64-bit numbers (splitmix64, Vigna 2015). */
static uint64_t
next_random(void)
{
    uint64_t z = lk_sites.random += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

/* Bytes from one sample to the next: exponentially distributed, so what was counted before
 * says nothing about what comes. */
static int64_t
draw_distance(void)
{
    double u = (double)((next_random() >> 11) + 1) * 0x1p-53;
    return (int64_t)(-log(u) * (double)lk_sites.options.sample_bytes);
}

double
lk_sites_weight(uint64_t bytes)
{
    double n = (double)bytes;
    return bytes == 0 ? 0 : n / -expm1(-n / (double)lk_sites.options.sample_bytes);
}

/* ---- from the hooks ---- */

/* Allocators are shared by all interpreters, but another has a lock of its own and no business
 * in our tables; nor has a thread without the lock, though some extensions allocate without. */
static int
is_served(void)
{
    PyThreadState *ts = lk_current_thread();
    return lk_sites.is_running && lk_has_gil() && ts->interp == lk_sites.interp;
}

/* End a record of any kind. */
static void
end_record(lk_sample *sample)
{
    if (sample->kind == LK_SAMPLE_CODE || (sample->kind & LK_SAMPLE_IS_CODE)) {
        lk_site_stacks_forget(&lk_sites.stacks, (uintptr_t)sample->address);
    }
    lk_site_await_no_more(sample);
    if (sample->kind != LK_SAMPLE_CODE) {
        lk_sites.current_bytes -= lk_sites_weight(sample->bytes);
    }
    lk_site_table_remove(&lk_sites.table, sample);
}

void
lk_site_take(void *block, size_t bytes)
{
    if (!is_served()) {
        lk_site_left = lk_sites.is_running ? draw_distance() : INT64_MAX;
        return;
    }
    lk_site_left = draw_distance();
    if (block == NULL) {
        return;
    }
    lk_sample *sample = lk_site_table_find(&lk_sites.table, (uintptr_t)block);
    if (sample != NULL) { /* of a block whose end we did not see */
        lk_sites.has_gap |= sample->kind != LK_SAMPLE_CODE;
        end_record(sample);
    }
    uint32_t place =
        lk_site_stacks_here(&lk_sites.stacks, &lk_sites.table, lk_sites.options.frames_max);
    sample = lk_site_table_add(&lk_sites.table, (uintptr_t)block);
    if (sample == NULL) {
        lk_sites.lost_count++;
        return;
    }
    sample->bytes = bytes;
    sample->place = place;
    sample->epoch = lk_sites.epoch;
    lk_sites.sample_count++;
    lk_sites.current_bytes += lk_sites_weight(bytes);
    if (lk_sites.current_bytes > lk_sites.peak_bytes) {
        lk_sites.peak_bytes = lk_sites.current_bytes;
    }
}

void
lk_site_drop(uintptr_t block)
{
    if (!is_served()) {
        return;
    }
    lk_sample *sample = lk_site_table_find(&lk_sites.table, block);
    if (sample != NULL) {
        end_record(sample);
    }
}

void
lk_site_end(uintptr_t block, size_t offset)
{
    if (!is_served()) {
        return;
    }
    lk_sample *sample = lk_site_table_find(&lk_sites.table, block);
    if (sample != NULL && LK_SAMPLE_KIND(sample) == LK_SAMPLE_BLOCK) {
        sample->kind += LK_SAMPLE_REUSED - LK_SAMPLE_BLOCK;
    }
    if (sample != NULL && LK_SAMPLE_KIND(sample) == LK_SAMPLE_REUSED) {
        sample->place = (uint32_t)offset;
        lk_site_await(sample);
    }
}

void
lk_site_end_code(uintptr_t code)
{
    lk_sample *sample = is_served() ? lk_site_table_find(&lk_sites.table, code) : NULL;
    if (sample != NULL && sample->kind == LK_SAMPLE_CODE) {
        end_record(sample);
    } else if (sample != NULL && (sample->kind & LK_SAMPLE_IS_CODE)) {
        lk_site_stacks_forget(&lk_sites.stacks, code);
        sample->kind &= ~(uint32_t)LK_SAMPLE_IS_CODE;
    }
}

void
lk_site_reborn(uintptr_t block)
{
    lk_sample *sample = lk_site_table_find(&lk_sites.table, block);
    if (!is_served() || sample == NULL || LK_SAMPLE_KIND(sample) != LK_SAMPLE_REUSED) {
        return;
    }
    lk_site_await_no_more(sample);
    uint32_t place =
        lk_site_stacks_here(&lk_sites.stacks, &lk_sites.table, lk_sites.options.frames_max);
    sample = lk_site_table_find(&lk_sites.table, block); /* new code may have moved it */
    sample->kind = LK_SAMPLE_BLOCK | (sample->kind & LK_SAMPLE_IS_CODE);
    sample->place = place;
    sample->epoch = lk_sites.epoch;
}

/* The kernel reads: a hook that was away and is back again could not be noticed. */
int
lk_sample_is_parked(const lk_sample *sample)
{
    PyObject head;
    const void *object = (void *)(uintptr_t)(sample->address + sample->place);
    return LK_SAMPLE_KIND(sample) == LK_SAMPLE_REUSED &&
           (!lk_read_memory(object, &head, sizeof(head)) || Py_REFCNT(&head) == 0);
}

/* ---- begin and end ---- */

/* Put back what we found.  1 when no deallocator of ours is left.  Needs the GIL. */
static int
uninstall(void)
{
    lk_site_hooks_uninstall();
    return lk_dealloc_unwrap(LK_DEALLOC_SITES);
}

/* The hooks pass through from here on; memory goes back. */
static void
drop_tables(void)
{
    lk_site_rebirths_stop();
    lk_site_stacks_fini(&lk_sites.stacks);
    lk_site_table_fini(&lk_sites.table);
    lk_sites = (lk_sites_state){0};
}

/* A child of fork is not watched.  When it was forked by a thread without the GIL, the
 * interpreter is not touched (the program will not run Python there). */
static void
leave_child_alone(void)
{
    PyThreadState *ts = lk_current_thread();
    if (lk_sites.is_running && ts != NULL && ts == PyGILState_GetThisThreadState()) {
        uninstall();
    }
    drop_tables();
}

/* A seed that is not 0. */
static uint64_t
choose_seed(uint64_t wanted)
{
    uint64_t seed = wanted;
    if (seed == 0 && getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed)) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        seed = (uint64_t)t.tv_nsec << 32 ^ (uint64_t)t.tv_sec ^ (uint64_t)getpid();
    }
    return seed;
}

int
lk_sites_start(const lk_sites_options *options, const char **why)
{
    static int has_fork_handler;
    PyInterpreterState *interp = PyInterpreterState_Get();
    if (lk_sites.is_running) {
        *why = "sampling is running already";
        return -1;
    }
    if (interp != PyInterpreterState_Main() ||
        PyInterpreterState_Next(PyInterpreterState_Head()) != NULL) {
        *why = "sampling serves a process with one interpreter only";
        return -1;
    }
    uint64_t seed = choose_seed(options->seed);
    lk_sites = (lk_sites_state){.options = *options, .interp = interp, .random = seed};
    if (lk_site_table_init(&lk_sites.table) < 0 || lk_site_stacks_init(&lk_sites.stacks) < 0) {
        drop_tables();
        *why = "no memory for the tables";
        return -1;
    }
    if (!has_fork_handler) {
        has_fork_handler = pthread_atfork(NULL, NULL, leave_child_alone) == 0;
    }
    if (lk_site_hooks_install(why) < 0) {
        drop_tables();
        return -1;
    }
    lk_dealloc_wrap(LK_DEALLOC_SITES);
    lk_site_rebirths_start();
    lk_sites.is_running = 1;
    lk_site_left = draw_distance();
    return 0;
}

int
lk_sites_stop(void)
{
    lk_traces_want_no_more();
    int is_clean = uninstall();
    drop_tables();
    return is_clean && !lk_site_hooks_are_left();
}

int
lk_sites_is_running(void)
{
    return lk_sites.is_running;
}

void
lk_sites_mark(void)
{
    lk_sites.epoch++;
}

int
lk_sites_is_sound(void)
{
    lk_sites.has_gap |= lk_sites.is_running && !lk_site_hooks_are_watching();
    return !lk_sites.has_gap;
}

enum lk_sites_reuse
lk_sites_reuse(void)
{
    return !lk_sites.is_running           ? LK_REUSE_UNSEEN
           : lk_site_rebirths_are_heard() ? LK_REUSE_SEEN
                                          : LK_REUSE_ENDED;
}

size_t
lk_sites_memory(void)
{
    return lk_site_table_memory(&lk_sites.table) + lk_site_stacks_memory(&lk_sites.stacks);
}

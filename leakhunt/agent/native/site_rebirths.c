/* Objects that come back from free lists.
 *
 * A sampled block stays one of a fair sample of all blocks, whoever lives in it.  So nothing need
 * be drawn when an object comes from a free list: it is enough to know who is in the sampled
 * blocks.  When such an object dies and its block may wait on a free list, we listen to births
 * (3.13+, where nobody else does) until the block has its next tenant.  What is heard at each
 * birth costs more than all the rest of the sampler, so the wait has an end: what comes into the
 * block after that is counted, and its line is not known.
 */
#include "sites.h"

#if LK_HAS_REF_TRACER

/* Births of any kind that we wait for, for each byte between two samples: at 512 KiB some
 * thousand, and at no distance more than a third of all. */
#define BYTES_A_BIRTH 64
#define LEAST_BIRTHS 64

static uint32_t wait;          /* number of the current wait */
static uint32_t waiting_count; /* blocks in it */
static int64_t births_left;    /* until it is given up */
static int is_refused;         /* somebody else listens to births */

#define WAIT_MAX ((1u << (32 - LK_SAMPLE_WAIT_SHIFT)) - 1)

static int
is_waiting(const lk_sample *sample)
{
    return waiting_count > 0 && LK_SAMPLE_KIND(sample) == LK_SAMPLE_REUSED &&
           sample->kind >> LK_SAMPLE_WAIT_SHIFT == wait;
}

/* Every object is born here while we wait.  Deaths are heard elsewhere: the interpreter's loop in
 * 3.13.0 leaves some of them out. */
static int
trace_reference(PyObject *op, lk_ref_event event, void *unused)
{
    (void)unused;
    if (event != LK_REF_CREATE) {
        return 0;
    }
    if (--births_left < 0) {
        lk_site_rebirths_stop();
        return 0;
    }
    int has_head = (Py_TYPE(op)->tp_flags & Py_TPFLAGS_HAVE_GC) != 0;
    uintptr_t block = (uintptr_t)op - (has_head ? sizeof(PyGC_Head) : 0);
    if (__builtin_expect(lk_site_may_be(block), 0)) {
        lk_site_reborn(block);
    }
    return 0;
}

void
lk_site_rebirths_start(void)
{
    waiting_count = 0;
    is_refused = 0;
}

void
lk_site_rebirths_stop(void)
{
    waiting_count = 0;
    if (lk_ref_tracer_get() == trace_reference) {
        lk_ref_tracer_set(NULL);
    }
}

int
lk_site_rebirths_are_heard(void)
{
    return !is_refused && (lk_ref_tracer_get() == NULL || lk_ref_tracer_get() == trace_reference);
}

void
lk_site_await(lk_sample *sample)
{
    if (!lk_site_rebirths_are_heard()) {
        is_refused = 1;
        return;
    }
    if (waiting_count == 0) {
        wait = wait == WAIT_MAX ? 1 : wait + 1;
        lk_ref_tracer_set(trace_reference);
    }
    uint64_t births = lk_sites.options.sample_bytes / BYTES_A_BIRTH;
    births_left = births > LEAST_BIRTHS ? (int64_t)births : LEAST_BIRTHS;
    if (!is_waiting(sample)) {
        waiting_count++;
        sample->kind =
            (sample->kind & ((1u << LK_SAMPLE_WAIT_SHIFT) - 1)) | wait << LK_SAMPLE_WAIT_SHIFT;
    }
}

void
lk_site_await_no_more(const lk_sample *sample)
{
    if (is_waiting(sample) && --waiting_count == 0) {
        lk_site_rebirths_stop();
    }
}

#else

void
lk_site_rebirths_start(void)
{
}

void
lk_site_rebirths_stop(void)
{
}

int
lk_site_rebirths_are_heard(void)
{
    return 0;
}

void
lk_site_await(lk_sample *sample)
{
    (void)sample;
}

void
lk_site_await_no_more(const lk_sample *sample)
{
    (void)sample;
}

#endif

/* Sampling of allocation sites: every so many bytes on average, at random, one block is noted
 * with the stack that made it.
 *
 * Each byte that is allocated has the same chance, independent of all others (a Poisson
 * process), so a block of n bytes is noted with probability 1 - exp(-n / sample_bytes), and
 * counted with the inverse of that it gives unbiased sums (Horvitz and Thompson 1952).
 */
#ifndef LEAKHUNT_SITES_H
#define LEAKHUNT_SITES_H

#include "compat.h"
#include "site_stacks.h"
#include "site_table.h"

#define LK_SAMPLE_BYTES 524288 /* unless asked otherwise */
#define LK_SAMPLE_BYTES_MAX ((uint64_t)1 << 40)
#define LK_SITE_FRAMES 64

/* What our hooks see. */
typedef struct {
    uint64_t sample_bytes;
    int frames_max;
    uint64_t seed; /* of the random numbers; 0: one from the kernel */
} lk_sites_options;

/* Process-wide, like the hooks.  Written under the GIL; constant while nothing runs. */
typedef struct {
    lk_sites_options options;
    lk_site_table table;
    lk_site_stacks stacks;
    PyInterpreterState *interp; /* the only one served */
    int is_running;
    uint32_t epoch;
    uint64_t random;
    double current_bytes, peak_bytes; /* as estimated */
    uint64_t sample_count;            /* since the start */
    uint64_t lost_count;              /* samples that there was no memory for */
    int has_gap; /* ends were missed: of no sample is it known whether its block lives */
} lk_sites_state;
extern lk_sites_state lk_sites __attribute__((visibility("hidden")));

/* Begin.  0, or -1 with *why a constant text.  Needs the GIL. */
int lk_sites_start(const lk_sites_options *options, const char **why);

/* End, and give all memory back.  1 when the interpreter is as it was found; 0 when our hook
 * stays as a pass-through because another was installed above it.  Needs the GIL. */
int lk_sites_stop(void);

/* Between start and stop, in this process.  No GIL needed. */
int lk_sites_is_running(void);

/* Samples from now on belong to the next epoch.  Needs the GIL. */
void lk_sites_mark(void);

/* Were all ends seen since the start?  Not when somebody took our hook away, for good or for a
 * while.  From then on no sample says anything: its block may be another's.  Needs the GIL. */
int lk_sites_is_sound(void);

/* What is known of objects that come back from free lists without an allocation. */
enum lk_sites_reuse {
    LK_REUSE_UNSEEN, /* nothing runs */
    LK_REUSE_ENDED,  /* that they are others, but not where they were made */
    LK_REUSE_SEEN,   /* where most were made (3.13+, where nobody else traces references) */
};
enum lk_sites_reuse lk_sites_reuse(void);

/* Is the object of a sample gone, and nobody else in its block?  Only while all is sound. */
int lk_sample_is_parked(const lk_sample *sample);

/* Bytes of our tables in memory. */
size_t lk_sites_memory(void);

/* Bytes that a block stands for: n / (1 - exp(-n / sample_bytes)). */
double lk_sites_weight(uint64_t bytes);

/* ---- from the hooks ---- */

/* Note a block, or not if it is NULL; draw the distance to the next.  Needs the GIL. */
void lk_site_take(void *block, size_t bytes) __attribute__((noinline, visibility("hidden")));

/* Its block is freed.  Needs the GIL. */
void lk_site_drop(uintptr_t block) __attribute__((noinline, visibility("hidden")));

/* The object at block + offset dies, and the block may wait on a free list.  Needs the GIL. */
void lk_site_end(uintptr_t block, size_t offset) __attribute__((noinline, visibility("hidden")));

/* A code object dies. */
void lk_site_end_code(uintptr_t code) __attribute__((noinline, visibility("hidden")));

/* The next object begins in a block that waited for one.  Needs the GIL. */
void lk_site_reborn(uintptr_t block) __attribute__((noinline, visibility("hidden")));

/* ---- site_hooks.c; all need the GIL, and the first the table ---- */

/* Get into place (0, or -1 with *why a constant text) and out of it. */
int lk_site_hooks_install(const char **why);
void lk_site_hooks_uninstall(void);

/* Put what came before us in the place of each hook of ours that is on top; who calls this sets
 * the allocators again before the GIL is let go of. */
void lk_site_hooks_lift(void);

/* Are allocations and ends noticed (in all domains)?  Is any hook of ours called?  Found by an
 * experiment. */
int lk_site_hooks_are_watching(void);
int lk_site_hooks_are_left(void);

/* Bytes of malloc in sampled blocks that pymalloc would have served itself.  O(samples). */
size_t lk_site_hooks_aside_bytes(void);

/* ---- site_rebirths.c; all need the GIL ---- */

/* Begin with nothing that is waited for. */
void lk_site_rebirths_start(void);

/* Wait for nothing any more, and listen to no births. */
void lk_site_rebirths_stop(void);

/* Would we hear of births, if we wanted? */
int lk_site_rebirths_are_heard(void);

/* Wait for the next object in the block of a sample. */
void lk_site_await(lk_sample *sample);

/* Or no more: it came, or the block is gone. */
void lk_site_await_no_more(const lk_sample *sample);

#endif

/* Durations, counted by their size in a fixed place.  Pure C: no Python.h.
 *
 * As HdrHistogram does: each doubling is cut into equal steps, so a quantile is exact to one part
 * in LK_HISTOGRAM_STEPS whatever its size, and adding one costs some instructions.
 */
#ifndef LEAKHUNT_HISTOGRAM_H
#define LEAKHUNT_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define LK_HISTOGRAM_STEPS_LOG2 4
#define LK_HISTOGRAM_STEPS (1u << LK_HISTOGRAM_STEPS_LOG2)
#define LK_HISTOGRAM_BUCKETS ((64 - LK_HISTOGRAM_STEPS_LOG2 + 1) * LK_HISTOGRAM_STEPS)

typedef struct {
    uint64_t count, sum_ns, max_ns;
    uint32_t counts[LK_HISTOGRAM_BUCKETS];
} lk_histogram;

/* The bucket of a duration.  Below LK_HISTOGRAM_STEPS each has its own. */
static inline size_t
lk_histogram_bucket(uint64_t ns)
{
    if (ns < LK_HISTOGRAM_STEPS) {
        return (size_t)ns;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - LK_HISTOGRAM_STEPS_LOG2;
    return (shift + 1) * LK_HISTOGRAM_STEPS + ((ns >> shift) & (LK_HISTOGRAM_STEPS - 1));
}

/* The longest duration of a bucket. */
static inline uint64_t
lk_histogram_edge(size_t bucket)
{
    if (bucket < LK_HISTOGRAM_STEPS) {
        return bucket;
    }
    unsigned shift = (unsigned)(bucket / LK_HISTOGRAM_STEPS) - 1;
    uint64_t first = LK_HISTOGRAM_STEPS + bucket % LK_HISTOGRAM_STEPS;
    return (first << shift) + (((uint64_t)1 << shift) - 1);
}

static inline void
lk_histogram_add(lk_histogram *h, uint64_t ns)
{
    h->count++;
    h->sum_ns += ns;
    h->max_ns = ns > h->max_ns ? ns : h->max_ns;
    h->counts[lk_histogram_bucket(ns)]++;
}

/* The duration that a share of all, in hundredths, does not exceed: the true one or at most one
 * part in LK_HISTOGRAM_STEPS more; 0 of none. */
static inline uint64_t
lk_histogram_percentile(const lk_histogram *h, unsigned hundredths)
{
    uint64_t rank = (h->count * hundredths + 99) / 100, seen = 0;
    for (size_t i = 0; h->count > 0 && i < LK_HISTOGRAM_BUCKETS; i++) {
        seen += h->counts[i];
        if (seen >= rank && seen > 0) {
            uint64_t edge = lk_histogram_edge(i);
            return edge < h->max_ns ? edge : h->max_ns;
        }
    }
    return 0;
}

#endif

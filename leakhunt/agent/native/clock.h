/* The clock that all durations are measured with. */
#ifndef LEAKHUNT_CLOCK_H
#define LEAKHUNT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
lk_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

#endif

/* What is allocated and reached by no walk. */
#ifndef LEAKHUNT_UNREACHED_H
#define LEAKHUNT_UNREACHED_H

#include "walk.h"

typedef struct {
    uint64_t object_count; /* with the header of an object: lost by C code */
    uint64_t raw_count;    /* anything else: somebody's buffers */
} lk_unreached;

/* Write a record for each object born since the baseline that the walk, which must be done, did
 * not reach, and count.  Needs the GIL. */
void lk_put_unreached(lk_walk *w, lk_unreached *found);

#endif

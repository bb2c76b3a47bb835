/* How much memory a process may still take before something is killed for it. */
#ifndef LEAKHUNT_ROOM_H
#define LEAKHUNT_ROOM_H

#include <stdint.h>

typedef struct {
    uint64_t bytes;    /* that can still be taken; UINT64_MAX when nothing says */
    int dies_together; /* out of memory, the whole group is killed, not the child alone */
} lk_room;

/* The smallest of what the machine (MemAvailable) and the memory control groups (v1 or v2, this
 * one and those above) leave.  Page cache that is easily given back counts as free.  Reads
 * files only: no GIL, no locks. */
lk_room lk_room_left(void);

#endif

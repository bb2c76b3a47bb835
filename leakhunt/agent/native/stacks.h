/* Where the threads of the process have their stacks. */
#ifndef LEAKHUNT_STACKS_H
#define LEAKHUNT_STACKS_H

#include <stddef.h>
#include <stdint.h>

/* Put the stack pointer of each thread that waits into `out`, at most `room`: how many.  A thread
 * that runs at this moment has none that could be told.  Needs no GIL. */
size_t lk_stack_pointers(uintptr_t *out, size_t room);

/* Resident bytes of the calling thread's stack: neighbouring stacks may be one mapping.  0 when not
 * known.  Needs no GIL. */
uint64_t lk_own_stack_bytes(void);

#endif

/* The ends of objects whose blocks may wait on a free list, and of code (birth_dealloc.c). */
#ifndef LEAKHUNT_DEALLOC_H
#define LEAKHUNT_DEALLOC_H

/* Who wants to hear of them. */
enum lk_dealloc_user { LK_DEALLOC_BIRTHS = 1, LK_DEALLOC_SITES = 2 };

/* Put our wrappers on the deallocators of types with free lists, as far as they exist.
 * Needs the GIL. */
void lk_dealloc_wrap(enum lk_dealloc_user user);

/* Take them off when nobody else wants them.  1 when all are off, or another's.  Needs the
 * GIL. */
int lk_dealloc_unwrap(enum lk_dealloc_user user);

#endif

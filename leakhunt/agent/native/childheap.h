/* Python's memory in the child of a fork capture. */
#ifndef LEAKHUNT_CHILDHEAP_H
#define LEAKHUNT_CHILDHEAP_H

/* From now on all memory that the interpreter asks for in this process comes from pages of our
 * own, and nothing is freed: a lock of malloc may be held for ever by a thread that the child
 * does not have, and the copies of the program's pages stay unwritten.  Tracers of memory and of
 * references hear nothing any more, for the same reasons.  For the child only. */
void lk_child_heap_use(void);

#endif

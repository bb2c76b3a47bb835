/* How late event loops are: their own bell is rung, and it is seen when they hear it.
 *
 * The loop of asyncio wakes up when a byte comes in at a socket of its own; zero bytes mean
 * nothing else to it.  With ours we send the writing end of a pipe: the kernel closes it when the
 * loop reads the byte, which is when a callback that was scheduled with it would run.  So nobody
 * polls, no Python object is made, and no byte of others is taken for ours.
 *
 * The loop of libuv, which uvloop runs, waits at an eventfd and never looks at its count.  We add
 * what is missing to the largest count there is: until the loop reads it, and so empties it, it
 * takes no more, and the kernel tells when it does.  Of others libuv takes no for "it is awake".
 *
 * Nothing here needs the GIL or Python.h; all of it is called by the agent's thread.
 */
#ifndef LEAKHUNT_PROBE_TICKS_H
#define LEAKHUNT_PROBE_TICKS_H

#include <poll.h>
#include <stdint.h>
#include <sys/types.h>

#include "json.h"

#define LK_LOOPS_MAX 8
#define LK_TICK_NS 100000000u    /* between ticks, on average */
#define LK_TICK_BLUR_NS 1000000u /* we may look so late when a tick was heard */

/* Does the kernel do what this is built on?  0, or -1. */
int lk_ticks_prove(void);

/* Between the two each loop that runs is told of: the socket or eventfd that is written to when
 * it shall wake up, of which a copy is kept, and its thread. */
void lk_ticks_look_begin(void);
void lk_ticks_see(int bell, pid_t tid);
void lk_ticks_look_end(void);

/* Put what to wait for into `out`, which has room for LK_LOOPS_MAX; returns how many. */
nfds_t lk_ticks_poll(struct pollfd *out);

/* Milliseconds until the next tick is due, `most` at most. */
int lk_ticks_due_ms(int most);

/* Look which ticks were heard, and ring where it is time to. */
void lk_ticks_step(void);

/* What is under way now counts for nothing: the program was held up by us.  `only_heard`: of
 * the ticks that were heard already, but nobody looked when. */
void lk_ticks_void(int only_heard);

/* Descriptors that are open for it. */
size_t lk_ticks_descriptor_count(void);

/* What was seen; `keeps`: go on adding up. */
void lk_ticks_report(lk_json *out, int keeps);

/* Close everything, in a child of fork too. */
void lk_ticks_stop(void);

#endif

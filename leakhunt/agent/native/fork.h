/* A child that nobody in the program notices, for work on a frozen copy of its memory. */
#ifndef LEAKHUNT_FORK_H
#define LEAKHUNT_FORK_H

#include <sys/types.h>

/* How a child ended. */
enum lk_child_end {
    LK_CHILD_LEFT,      /* by _exit, or somebody else reaped it */
    LK_CHILD_TIMED_OUT, /* its deadline passed */
    LK_CHILD_KILLED,    /* SIGKILL: by the kernel for want of memory, or by somebody */
    LK_CHILD_CRASHED,   /* any other signal */
};

/* Like fork, but of this thread alone and unseen by the program: no handler of pthread_atfork
 * runs, and no SIGCHLD and no wait of the program ever tells of the child (its exit signal is 0,
 * so only a wait with __WCLONE or __WALL does).
 *
 * In the child (0): all descriptors but `keep_fd` are closed, all signals are blocked but the
 * one that ends it at the deadline, it dies with this thread, never dumps core, runs at low
 * priority and is the first to go when memory is short.  It may call nothing that takes a lock:
 * other threads, which it does not have, may have held any.  It must end by _exit.
 *
 * In the parent: its pid, or -1 with errno set.  Needs no GIL. */
pid_t lk_fork(int keep_fd, unsigned deadline_s);

/* Wait for the end of a child.  Blocks: call it without the GIL. */
enum lk_child_end lk_fork_wait(pid_t pid);

#endif

/* One capture, as module.c asks for it. */
#ifndef LEAKHUNT_CAPTURE_H
#define LEAKHUNT_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

enum lk_capture_mode {
    LK_CAPTURE_IN_PROCESS, /* the program stands still until the file is whole */
    LK_CAPTURE_FORK,       /* it stands still while a child is made, which walks its frozen copy */
    LK_CAPTURE_AUTO,       /* whichever promises the shorter pause */
};

typedef struct {
    /* wishes */
    int mark;        /* start a new birth epoch at the moment of the snapshot, in the same pause */
    int max_wait_ms; /* for a collection in another thread */
    int redact_names;
    int hides_caller; /* the thread that captures is ours and no part of the program */
    int content;      /* write keyed hashes of strings and numbers */
    enum lk_capture_mode mode;
    /* results */
    enum lk_capture_mode mode_used; /* never AUTO */
    const char *why;                /* why there was no fork, constant text; or "" */
    const char *failure;            /* how the child ended too early, constant text; or NULL */
    uint64_t predicted_walk_ns, predicted_fork_ns; /* of the two pauses; 0: not predicted */
    uint64_t pause_ns;                             /* the program stood still */
    uint64_t node_count, file_bytes;
    int was_collecting, gc_was_enabled;
    int error; /* errno */
    int out_of_memory;
} lk_capture;

/* "in-process", "fork" or "auto". */
const char *lk_capture_mode_name(enum lk_capture_mode mode);

/* Write a snapshot of the whole interpreter to `path` (by way of path + ".part"), or with a
 * path of NULL to the descriptor `fd`, which stays open and is the caller's to rename or
 * remove.  0, or -1 with c->error (an errno) or c->out_of_memory set, c->failure if there is more
 * to say, and no file left behind at `path`.  Needs the GIL; it is released while waiting: for
 * a collection in another thread, and after a fork for the child. */
int lk_capture_run(lk_capture *c, const char *path, int fd, const char *header,
                   size_t header_bytes);

#endif

/* One capture, as module.c asks for it. */
#ifndef LEAKHUNT_CAPTURE_H
#define LEAKHUNT_CAPTURE_H

#include <stddef.h>
#include <stdint.h>

typedef struct {
    /* wishes */
    int mark;        /* start a new birth epoch at the end, in the same pause */
    int max_wait_ms; /* for a collection in another thread */
    int redact_names;
    /* results */
    uint64_t pause_ns, node_count;
    int was_collecting, gc_was_enabled;
    int error; /* errno */
    int out_of_memory;
} lk_capture;

int lk_capture_run(lk_capture *c, const char *path, const char *header, size_t header_bytes);

#endif

/* How long a program would stand still for a capture, by a walk or by a fork. */
#ifndef LEAKHUNT_PREDICT_H
#define LEAKHUNT_PREDICT_H

#include "compat.h"
#include "room.h"

typedef struct {
    uint64_t resident_bytes;  /* 0 without /proc */
    uint64_t anonymous_bytes; /* of those, what a fork shares page by page */
    uint64_t huge_bytes;      /* of those, what is in huge pages */
    uint64_t block_count;     /* that the object allocator gave out */
    lk_room room;
    int is_elsewhere;          /* children would be in another PID namespace */
    uint64_t walk_ns, fork_ns; /* the predicted pauses */
} lk_prediction;

/* Read what the kernel knows.  Takes about as long as a fork, so do it without the GIL. */
void lk_predict_look(lk_prediction *p);

/* Count blocks and predict.  Needs the GIL. */
void lk_predict(lk_prediction *p);

/* Why a fork would do harm, constant text; "" when it would not.  Needs no GIL. */
const char *lk_predict_refusal(const lk_prediction *p);

/* Correct the rates of this process by what was measured.  Needs the GIL. */
void lk_predict_learn_walk(const lk_prediction *p, uint64_t ns, uint64_t node_count);
void lk_predict_learn_fork(const lk_prediction *p, uint64_t ns);

#endif

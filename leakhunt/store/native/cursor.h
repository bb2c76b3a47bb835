/* Reading varints and strings from a joined payload.  Pure C: no Python.h, needs no GIL. */
#ifndef LEAKHUNT_CURSOR_H
#define LEAKHUNT_CURSOR_H

#include "parse.h"

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the decoder reads little-endian words"
#endif

typedef struct {
    const lk_payload *payload;
    const unsigned char *at, *end, *record; /* record: where the current record began */
    lk_fault *fault;
} lk_cursor;

/* File offset of a byte of the payload.  O(log blocks): for faults only. */
static inline uint64_t
lk_offset_at(const lk_cursor *c, const unsigned char *at)
{
    return lk_file_offset(c->payload, (size_t)(at - c->payload->bytes));
}

/* File offset of the reading position. */
static inline uint64_t
lk_here(const lk_cursor *c)
{
    return lk_offset_at(c, c->at);
}

/* File offset of the current record. */
static inline uint64_t
lk_record_offset(const lk_cursor *c)
{
    return lk_offset_at(c, c->record);
}

/* A varint of more than one byte, or the end.  0, or -1 with a fault. */
int lk_read_long_varint(lk_cursor *c, uint64_t *value);

/* 0, or -1 with a fault.  May look at up to 10 bytes behind the end (the padding). */
static inline int
lk_read_varint(lk_cursor *c, uint64_t *value)
{
    if (c->at < c->end && *c->at < 0x80) {
        *value = *c->at++;
        return 0;
    }
    uint64_t word;
    memcpy(&word, c->at, 8);
    uint64_t stops = ~word & 0x8080808080808080ull;
    if (stops == 0 || c->end - c->at < 8) {
        return lk_read_long_varint(c, value);
    }
    /* All in registers: lengths vary too much for the branch predictor. */
    unsigned last = (unsigned)__builtin_ctzll(stops); /* 8 * length - 1 */
    word &= 0x7F7F7F7F7F7F7F7Full & (stops ^ (stops - 1));
    word = (word & 0x007F007F007F007Full) | ((word & 0x7F007F007F007F00ull) >> 1);
    word = (word & 0x00003FFF00003FFFull) | ((word & 0x3FFF00003FFF0000ull) >> 2);
    word = (word & 0x000000000FFFFFFFull) | ((word & 0x0FFFFFFF00000000ull) >> 4);
    unsigned length = (last + 1) >> 3;
    if (word >> (7 * (length - 1)) == 0) { /* the last byte is redundant */
        return lk_read_long_varint(c, value);
    }
    c->at += length;
    *value = word;
    return 0;
}

/* A varint of at most `limit`; `what` names it in the fault. */
int lk_read_bounded(lk_cursor *c, const char *what, uint64_t limit, uint64_t *value);

/* A zigzag difference from `from`; the sum must be a slot in 0..LK_MAX_SLOT. */
int lk_read_slot(lk_cursor *c, uint64_t from, uint64_t *slot);

/* Length, text and offset of a string; the text is valid UTF-8 (surrogates allowed). */
int lk_read_string(lk_cursor *c, lk_string *string);

#endif

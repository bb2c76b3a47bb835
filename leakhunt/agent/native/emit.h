/* Writer of the snapshot stream: varints into blocks into a file.  Pure C: no Python.h. */
#ifndef LEAKHUNT_EMIT_H
#define LEAKHUNT_EMIT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "stream_format.h"

#define LK_VARINT_MAX 10
#define LK_EMIT_MARGIN 4096 /* a short record never needs more */

typedef struct {
    int fd;
    int is_lent;  /* somebody else closes fd */
    dev_t device; /* of fd when opened: programs close descriptors and */
    ino_t inode;  /* reuse numbers, so it is checked before each write */
    int error;    /* errno of the first failure; later calls do nothing */
    uint8_t *buffer, *at, *limit;
    uint64_t file_bytes;
} lk_emit;

int lk_emit_open(lk_emit *e, const char *path);
int lk_emit_borrow(lk_emit *e, int fd);
int lk_emit_start(lk_emit *e, const char *header, size_t header_bytes);
void lk_emit_flush(lk_emit *e);
int lk_emit_finish(lk_emit *e, const char *footer, size_t footer_bytes);
void lk_emit_close(lk_emit *e);

/* Room for one short record, flushing the block when needed. */
static inline void
lk_emit_room(lk_emit *e)
{
    if (__builtin_expect(e->at > e->limit, 0)) {
        lk_emit_flush(e);
    }
}

/* Append a varint; the caller has made room. */
static inline void
lk_emit_varint(lk_emit *e, uint64_t v)
{
    uint8_t *p = e->at;
    while (v >= 128) {
        *p++ = (uint8_t)(v | 128);
        v >>= 7;
    }
    *p++ = (uint8_t)v;
    e->at = p;
}

/* Append a varint of unpredictable length without a branch on the length: spread the
 * 7-bit groups over bytes, set the continuation bits of all but the last, store eight bytes
 * and advance by the true length.  The caller has made room. */
static inline void
lk_emit_wide(lk_emit *e, uint64_t v)
{
    if (__builtin_expect(v >> 56 != 0, 0)) {
        lk_emit_varint(e, v);
        return;
    }
    unsigned last = (unsigned)(63 - __builtin_clzll(v | 1)) * 37 >> 8; /* bits / 7 */
    uint64_t x = (v & 0x000000000FFFFFFFull) | (v & 0x00FFFFFFF0000000ull) << 4;
    x = (x & 0x00003FFF00003FFFull) | (x & 0x0FFFC0000FFFC000ull) << 2;
    x = (x & 0x007F007F007F007Full) | (x & 0x3F803F803F803F80ull) << 1;
    x |= 0x8080808080808080ull & ((1ull << (last * 8)) - 1);
    memcpy(e->at, &x, 8);
    e->at += last + 1;
}

static inline void
lk_emit_zigzag(lk_emit *e, int64_t v)
{
    lk_emit_varint(e, lk_zigzag(v));
}

/* Append a string of any length. */
static inline void
lk_emit_string(lk_emit *e, const char *text, size_t n)
{
    lk_emit_room(e);
    lk_emit_varint(e, n);
    while (n > 0) {
        size_t part = n < LK_EMIT_MARGIN / 2 ? n : LK_EMIT_MARGIN / 2;
        lk_emit_room(e);
        memcpy(e->at, text, part);
        e->at += part;
        text += part;
        n -= part;
    }
    lk_emit_room(e);
}

#endif

/* Blocks of a stream to tables in stream order.  Pure C: no Python.h, needs no GIL. */
#ifndef LEAKHUNT_PARSE_H
#define LEAKHUNT_PARSE_H

#include "fault.h"
#include "slots.h"
#include "stream_format.h"
#include "vec.h"

/* Slots are addresses // 16: 60 bits. */
#define LK_MAX_SLOT ((1ull << 60) - 1)

/* Two codes beside the edge kinds, for attributes whose name is resolved in different ways. */
#define LK_EDGE_ATTR_POOL 13   /* name: index into the pool of KEYS entries, or LK_NONE */
#define LK_EDGE_ATTR_SYMBOL 14 /* name: index into the other strings */

typedef struct {
    size_t at;       /* first byte in the joined payload */
    uint64_t offset; /* the same byte in the file */
} lk_piece;

/* The payloads of all blocks, joined; zero bytes follow so that reads may overrun a little. */
typedef struct {
    unsigned char *bytes;
    size_t length;
    lk_vec pieces;   /* of lk_piece, ascending */
    int is_borrowed; /* the bytes are a part of the file in memory */
} lk_payload;

#define LK_PADDING 16

#define LK_MAX_ITEMS 0xFFFFFFF0u /* of anything that is numbered by 32 bits */
#define LK_MAX_RUN_KIND LK_RUN_HIDDEN

/* A node or a root. */
typedef struct {
    uint64_t slot; /* 0 for a root */
    uint64_t at;   /* where it begins in the payload */
} lk_record;

typedef struct {
    uint32_t kind, label; /* label: among the other strings */
} lk_root;

typedef struct {
    uint64_t slot, base_size, offset, node_count;
    size_t keys_start, keys_count; /* in the pool; keys_start is SIZE_MAX before KEYS */
    uint32_t name;                 /* among the other strings */
    uint8_t flags, default_run;
    uint8_t has_attributes; /* an ATTR run has been read */
} lk_type;

typedef struct {
    uint64_t slot, offset; /* other strings: slot 0 */
    const unsigned char *text;
    size_t length;
    uint8_t flags;
} lk_string;

typedef struct {
    uint64_t slot, offset;
    int64_t value;
} lk_int;

typedef struct {
    uint64_t slot, offset;
} lk_pool_entry;

typedef struct {
    size_t names, count;   /* its names among the other strings */
    uint64_t code, locals; /* position of `code` or `f_code`, of `co_localsplusnames` */
} lk_schema;

typedef struct {
    int64_t value;
    uint32_t node; /* number of its record; from lk_fill on its node id */
    uint16_t id;
} lk_fact;

/* A node and the slot that one of its edges leads to. */
typedef struct {
    uint64_t slot;
    uint32_t node; /* as in lk_fact */
} lk_pair;

typedef struct {
    uint64_t slot, size;
    int32_t type;
} lk_unreached;

/* A place that allocates, below the one that called it. */
typedef struct {
    uint32_t parent, file, function, line; /* parent: number + 1; names: among the symbols */
} lk_site;

typedef struct {
    uint64_t slot, size, offset;
    uint32_t site, epoch; /* site: number + 1 */
    uint8_t object;       /* slots from the block to its object + 1; 0: none */
    uint8_t flags;
} lk_sample;

typedef struct {
    lk_slots slots;
    lk_vec records;   /* of lk_record */
    lk_vec roots;     /* of lk_root */
    lk_vec types;     /* of lk_type */
    lk_vec strings;   /* of lk_string: texts of nodes */
    lk_vec others;    /* of lk_string: symbols, labels, names */
    lk_vec symbols;   /* of uint32_t: among the other strings */
    lk_vec schemas;   /* of lk_schema */
    lk_vec pool;      /* of lk_pool_entry: entries of all KEYS records */
    lk_vec ints;      /* of lk_int */
    lk_vec facts;     /* of lk_fact */
    lk_vec framed;    /* of lk_pair: a node with locals and its code; slot 0 for none */
    lk_vec codes;     /* of lk_pair: a code object and its tuple of names */
    lk_vec unreached; /* of lk_unreached */
    lk_vec sites;     /* of lk_site */
    lk_vec samples;   /* of lk_sample */
    uint64_t node_count, edge_count;
    uint64_t address_low_count; /* facts that end up in the address */
    unsigned root_kinds;        /* bit k: a root of kind k */
} lk_stream;

/* File offset of a byte of the payload. */
uint64_t lk_file_offset(const lk_payload *payload, size_t at);

/* Check and join the blocks that begin at `start`; *end is where the final zero length ends.
 * `in_place` writes over what precedes the end: the file has LK_PADDING bytes before `start`.
 * 0, or -1 with a fault.  The caller owns the payload either way. */
int lk_join_blocks(unsigned char *file, size_t size, size_t start, int in_place,
                   lk_payload *payload, size_t *end, lk_fault *fault);

void lk_payload_free(lk_payload *payload);

/* Parse all records into a stream that is zero.  0, or -1 with a fault.  The caller owns the stream
 * either way; it refers to the payload. */
int lk_parse(const lk_payload *payload, uint64_t seed, lk_stream *stream, lk_fault *fault);

void lk_stream_free(lk_stream *stream);

#endif

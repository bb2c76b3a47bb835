/* Numbers of the snapshot stream, for the writer in the agent and the reader in the store.
 *
 * leakhunt/agent/format.py is the source of truth; tests/contract/test_format_header.py
 * compares every LK_ constant below with it.  No Python.h here: unit-testable.
 */
#ifndef LEAKHUNT_STREAM_FORMAT_H
#define LEAKHUNT_STREAM_FORMAT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define LK_MAGIC "\x89LKHEAP\n"
#define LK_END_MAGIC "\nPAEHKL\x98"
#define LK_VERSION_MAJOR 1
#define LK_VERSION_MINOR 1
#define LK_BLOCK_BYTES (1u << 20)
#define LK_NODE_TAG_BASE 16
#define LK_SLOT_BYTES 16

enum lk_tag {
    LK_TAG_END = 0,
    LK_TAG_TYPE = 1,
    LK_TAG_STRING = 2,
    LK_TAG_KEYS = 3,
    LK_TAG_FACT = 4,
    LK_TAG_ROOT = 5,
    LK_TAG_SYMBOL = 6,
    LK_TAG_INT = 7,
    LK_TAG_SCHEMA = 8,
    LK_TAG_UNREACHED = 9,
    LK_TAG_SITE = 10,
    LK_TAG_SAMPLE = 11,
};

enum lk_run_kind {
    LK_RUN_NONE = 0,
    LK_RUN_INDEX = 1,
    LK_RUN_ITEM = 2,
    LK_RUN_ELEMENT = 3,
    LK_RUN_ATTR = 4,
    LK_RUN_FIELD = 5,
    LK_RUN_NAMED = 6,
    LK_RUN_UNKNOWN = 7,
    LK_RUN_LOCAL = 8,
    LK_RUN_STACK = 9,
    LK_RUN_WEAK = 10,
    LK_RUN_HIDDEN = 11,
};

enum lk_edge_kind {
    LK_EDGE_INDEX = 1,
    LK_EDGE_VALUE = 2,
    LK_EDGE_KEY = 3,
    LK_EDGE_ELEMENT = 4,
    LK_EDGE_ATTR = 5,
    LK_EDGE_FIELD = 6,
    LK_EDGE_UNKNOWN = 7,
    LK_EDGE_LOCAL = 8,
    LK_EDGE_STACK = 9,
    LK_EDGE_WEAK = 10,
    LK_EDGE_TYPE = 11,
    LK_EDGE_HIDDEN = 12,
};

enum lk_node_flag {
    LK_NODE_BORN = 1,
    LK_NODE_TRACKED = 2,
    LK_NODE_ROOT = 4,
    LK_NODE_IMMORTAL = 8,
};

enum lk_type_flag { LK_TYPE_HEAP = 1, LK_TYPE_GC = 2, LK_TYPE_OPAQUE = 4, LK_TYPE_ROOT = 8 };

enum lk_string_flag { LK_STRING_TRUNCATED = 1, LK_STRING_MASKED = 2 };

enum lk_sample_flag { LK_SAMPLED_REUSED = 1 };

enum lk_root_kind {
    LK_ROOT_MODULES = 1,
    LK_ROOT_INTERPRETER = 2,
    LK_ROOT_THREAD = 3,
    LK_ROOT_FRAME = 4,
    LK_ROOT_STATIC_TYPE = 5,
    LK_ROOT_NATIVE = 6,
};

enum lk_fact {
    LK_FACT_LINE = 1,
    LK_FACT_THREAD_ID = 2,
    LK_FACT_LENGTH = 3,
    LK_FACT_MAXSIZE = 4,
    LK_FACT_STATE = 5,
    LK_FACT_FD = 6,
    LK_FACT_CLOSED = 7,
    LK_FACT_BOUND = 8,
    LK_FACT_WEAKREFS = 9,
    LK_FACT_ADDRESS_LOW = 10,
    LK_FACT_EXPORTS = 11,
    LK_FACT_BUFFER_BYTES = 12,
    LK_FACT_CONTENT = 13,
    LK_FACT_UNREAD = 14,
    LK_FACT_ARGUMENTS = 15,
};

/* The block hash of docs/snapshot-format.md.  Needs no GIL. */
static inline uint64_t
lk_block_hash(const unsigned char *bytes, size_t n)
{
    uint64_t h = (uint64_t)n, word;
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        memcpy(&word, bytes + i, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15ull;
        h = (h << 29) | (h >> 35);
    }
    if (i < n) {
        word = 0;
        memcpy(&word, bytes + i, n - i);
        h = (h ^ word) * 0x9E3779B97F4A7C15ull;
        h = (h << 29) | (h >> 35);
    }
    return h ^ (h >> 32);
}

/* Signed to unsigned, small magnitudes first. */
static inline uint64_t
lk_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t
lk_unzigzag(uint64_t u)
{
    return (int64_t)(u >> 1) ^ -(int64_t)(u & 1);
}

#endif

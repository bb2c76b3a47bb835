/* Tables in stream order to columns in address order.  Pure C: no Python.h, needs no GIL. */
#ifndef LEAKHUNT_COLUMNS_H
#define LEAKHUNT_COLUMNS_H

#include "parse.h"

/* Every column: its name in SnapshotColumns and its item type. */
#define LK_COLUMNS(X)                                                                              \
    X(node_address, uint64_t)                                                                      \
    X(node_type, uint32_t)                                                                         \
    X(node_size, uint64_t)                                                                         \
    X(node_refcount, uint32_t)                                                                     \
    X(node_flags, uint8_t)                                                                         \
    X(edge_offset, uint64_t)                                                                       \
    X(edge_target, uint32_t)                                                                       \
    X(edge_kind, uint8_t)                                                                          \
    X(edge_name, uint32_t)                                                                         \
    X(type_name, uint32_t)                                                                         \
    X(type_flags, uint8_t)                                                                         \
    X(type_node, uint32_t)                                                                         \
    X(type_base_size, uint64_t)                                                                    \
    X(string_offset, uint64_t)                                                                     \
    X(string_bytes, uint8_t)                                                                       \
    X(string_node, uint32_t)                                                                       \
    X(string_flags, uint8_t)                                                                       \
    X(int_node, uint32_t)                                                                          \
    X(int_value, int64_t)                                                                          \
    X(fact_node, uint32_t)                                                                         \
    X(fact_id, uint16_t)                                                                           \
    X(fact_value, int64_t)                                                                         \
    X(root_kind, uint8_t)                                                                          \
    X(root_label, uint32_t)                                                                        \
    X(unreached_address, uint64_t)                                                                 \
    X(unreached_type, int32_t)                                                                     \
    X(unreached_size, uint64_t)                                                                    \
    X(site_parent, int32_t)                                                                        \
    X(site_file, uint32_t)                                                                         \
    X(site_function, uint32_t)                                                                     \
    X(site_line, uint32_t)                                                                         \
    X(sample_address, uint64_t)                                                                    \
    X(sample_node, uint32_t)                                                                       \
    X(sample_site, int32_t)                                                                        \
    X(sample_size, uint64_t)                                                                       \
    X(sample_epoch, uint32_t)                                                                      \
    X(sample_flags, uint8_t)

typedef struct {
#define X(name, type) type *name;
    LK_COLUMNS(X)
#undef X
} lk_columns;

/* Number of items of each column. */
typedef struct {
#define X(name, type) size_t name;
    LK_COLUMNS(X)
#undef X
} lk_column_counts;

/* Fix the ordinals and count the items of each column.  0, or -1 with a fault. */
int lk_measure(lk_stream *stream, lk_column_counts *counts, lk_fault *fault);

/* Fill all columns, of the measured size; gives tables back on the way.  0, or -1 with a fault. */
int lk_fill(const lk_payload *payload, lk_stream *stream, const lk_column_counts *counts,
            const lk_columns *columns, lk_fault *fault);

#endif

/* What the steps that fill the columns share.  Pure C: no Python.h, needs no GIL. */
#ifndef LEAKHUNT_FILL_H
#define LEAKHUNT_FILL_H

#include "columns.h"

typedef struct {
    const lk_payload *payload;
    const lk_stream *s;
    const lk_column_counts *n;
    const lk_columns *to;
    lk_fault *fault;
    uint32_t *pool_names;                /* (pool) string id, or LK_NONE; owned */
    uint32_t root_types[LK_ROOT_NATIVE]; /* root kind to type index */
} lk_filler;

/* Name of the pseudo type of the roots of a kind that streams may contain. */
const char *lk_root_type_name(unsigned kind);

/* The steps of texts.c; each 0, or -1 with a fault. */
int lk_fill_strings(const lk_filler *f);
int lk_fill_ints(const lk_filler *f);
int lk_fill_types(lk_filler *f);

/* The columns of sites and samples (samples.c).  0, or -1 with a fault. */
int lk_fill_sites(const lk_filler *f);

/* Names of the entries of all KEYS records, into f->pool_names. */
int lk_resolve_pool(lk_filler *f);

/* Replace the positions of all locals by string ids; nodes and edges are filled. */
int lk_name_locals(const lk_filler *f);

#endif

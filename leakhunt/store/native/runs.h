/* The edges of a record, run by run.  They are read twice: counted when the stream is parsed, and
 * written to the columns once every node has its id, so that they need no table in between.
 *
 * Pure C: no Python.h, needs no GIL.
 */
#ifndef LEAKHUNT_RUNS_H
#define LEAKHUNT_RUNS_H

#include "cursor.h"

/* A run of edges.  The name at position i is first + i * step, LK_NONE from `named` on. */
typedef struct {
    uint64_t kind, count;
    uint64_t edge_kinds[2]; /* of even and odd positions */
    uint64_t first, step, named;
    const lk_schema *schema; /* of FIELD */
    int has_symbols;         /* they come with the edges, and are the names */
    int is_last;
} lk_run;

/* What precedes the edges of the next run; `type` is that of the node, NULL for a root.
 * 0, or -1 with a fault. */
int lk_read_run(lk_cursor *c, const lk_stream *s, const lk_type *type, lk_run *run);

/* The symbol that names an edge.  0, or -1 with a fault. */
int lk_read_symbol(lk_cursor *c, const lk_stream *s, uint32_t *name);

/* The edge at a position of a run: its name, and its slot in place of the one before it.
 * 1, 0 when the reference is absent (the slot stays), or -1 with a fault. */
static inline int
lk_read_edge(lk_cursor *c, const lk_stream *s, const lk_run *run, uint64_t position, uint64_t *slot,
             uint32_t *name)
{
    uint64_t code;
    *name = position < run->named ? (uint32_t)(run->first + position * run->step) : LK_NONE;
    if ((run->has_symbols && lk_read_symbol(c, s, name) < 0) || lk_read_varint(c, &code) < 0) {
        return -1;
    }
    if (code == 0) {
        return run->kind != LK_RUN_ITEM
                   ? 0
                   : lk_damage(c->fault, lk_here(c), "a key or value is absent");
    }
    uint64_t next = *slot + (uint64_t)lk_unzigzag(code - 1);
    if (next - 1 >= LK_MAX_SLOT) {
        return lk_damage(c->fault, lk_here(c), "an edge leads outside the address space");
    }
    *slot = next;
    return 1;
}

#endif

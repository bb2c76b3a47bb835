/* Passes over the columns of nodes, for comparing snapshots.  Pure C: no Python.h, needs no
 * GIL.  What is read is checked first; each returns -1 with a fault when something is out of
 * range or memory ran out. */
#ifndef LEAKHUNT_SWEEPS_H
#define LEAKHUNT_SWEEPS_H

#include "graph_core.h"

/* Objects of one snapshot: their addresses ascend; name[type[i]] is the same number in both
 * snapshots for types of the same name. */
struct lk_objects {
    const uint64_t *address;
    const uint32_t *type;
    size_t count;
    const uint32_t *name;
    size_t names;
};

/* earlier[i] = place of object i of `now` in `old`: the same address, a type of the same name,
 * and flags without a bit of `born`; -1 when there is none.  0 or -1.  O(both). */
int lk_match(const struct lk_objects *old, const struct lk_objects *now, const uint8_t *flags,
             uint8_t born, int32_t *earlier, struct lk_fault *fault);

/* id[i] = step[id[i]], -1 where either is.  0 or -1.  O(count). */
int lk_follow(int32_t *id, size_t count, const int32_t *step, size_t step_count,
              struct lk_fault *fault);

/* surplus[v] = references counted beyond the edges found; 0 where there are no more, or its flags
 * have a bit of `exempt`.  0 or -1.  O(nodes + edges). */
int lk_surplus(const struct lk_graph *g, const uint32_t *refcount, const uint8_t *flags,
               uint8_t exempt, uint32_t *surplus, struct lk_fault *fault);

/* total[index[i]] += weight[i], or 1 without weights, for all i that are chosen (`chosen` NULL
 * for all).  0 or -1.  O(count). */
int lk_tally(const uint32_t *index, size_t count, const uint8_t *chosen, const uint64_t *weight,
             int64_t *total, size_t totals, struct lk_fault *fault);

/* group[i] = number of the value of key[i], by first appearance; first[g] = where group g appears
 * first.  Both have room for `count` items.  `seed` is any number a file cannot foresee.  How many
 * groups, or -1.  Expected O(count); 16 to 32 bytes a group of scratch. */
int64_t lk_distinct(const uint64_t *key, size_t count, uint64_t seed, int64_t *first,
                    int64_t *group, struct lk_fault *fault);

/* Columns of 32-bit counts or 64-bit integers. */
struct lk_values {
    const void *items;
    size_t count;
    int is_wide;
};

/* grown[v] = 1 when after[v] - before[earlier[v]] >= least; left alone otherwise.  0 or -1.
 * O(nodes). */
int lk_mark_grown(const struct lk_values *after, const struct lk_values *before,
                  const int32_t *earlier, int64_t least, uint8_t *grown, struct lk_fault *fault);

/* Marks the nodes of `start` and all below them in a tree whose edges are edges of the graph.
 * They are written to `queue`, which has room for all nodes.  How many, or -1.  O(edges of the
 * marked nodes). */
int64_t lk_mark_tree(const struct lk_graph *g, const uint32_t *parent, const uint64_t *parent_edge,
                     const uint32_t *start, size_t start_count, uint8_t *mark, uint32_t *queue,
                     struct lk_fault *fault);

#endif

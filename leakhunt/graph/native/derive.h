/* What is derived once from a heap graph and kept: distances, dominators, components.
 *
 * Pure C: no Python.h, needs no GIL.  Nothing recurses; every offset, edge and seed is checked
 * before it is used.  Each returns -1 with a fault when one is out of range or memory ran out.
 */
#ifndef LEAKHUNT_DERIVE_H
#define LEAKHUNT_DERIVE_H

#include "graph_core.h"

/* Nodes that a search starts from; any order, repeats do not matter. */
struct lk_seeds {
    const uint32_t *node;
    size_t count;
};

/* distance[v] = fewest edges to v: 0 from `named`, 1 from `held`; LK_NO_NODE when unreached.
 * Returns the number of nodes reached, or -1.  O(nodes + edges), 4 bytes a node of scratch. */
int64_t lk_distances(const struct lk_graph *g, const struct lk_seeds *named,
                     const struct lk_seeds *held, uint32_t *distance, struct lk_fault *fault);

/* idom[v] = the immediate dominator of v below a virtual root that leads to every seed: a node,
 * g->nodes for the virtual root itself, LK_NO_NODE when v is unreachable.  retained[v] = sum of
 * size over all that v dominates, itself included; 0 when unreachable.  Returns the number of
 * reachable nodes, or -1.  O((nodes + edges) log nodes) at worst, linear in practice; scratch
 * 24 bytes a node and 12 bytes an edge that leads back or across, of which there are 2^32 at most.
 */
int64_t lk_dominators(const struct lk_graph *g, const struct lk_seeds *seeds, const uint64_t *size,
                      uint32_t *idom, uint64_t *retained, struct lk_fault *fault);

/* component[v] = number of the strongly connected component of v, from 0; an edge between two
 * components leads from the higher number to the lower.  Returns how many there are, or -1.
 * O(nodes + edges); scratch 8 bytes a node and 16 a node of the deepest path. */
int64_t lk_components(const struct lk_graph *g, uint32_t *component, struct lk_fault *fault);

#endif

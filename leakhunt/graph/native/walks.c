#include "walks.h"

int64_t
lk_ancestors(const uint32_t *parent, size_t nodes, uint32_t node, uint32_t *out, size_t room,
             struct lk_fault *fault)
{
    size_t length = 0;
    uint32_t v = node;
    if (node >= nodes) {
        return lk_fail(fault, "node", node, nodes);
    }
    for (; v < nodes; v = parent[v]) {
        if (length == room) {
            return lk_fail(fault, "depth", length, room);
        }
        out[length++] = v;
    }
    return (int64_t)length;
}

int
lk_below(const uint32_t *parent, size_t nodes, const uint32_t *start, size_t count, uint32_t top,
         uint64_t steps, uint8_t *below, struct lk_fault *fault)
{
    size_t i;
    for (i = 0; i < count; i++) {
        uint32_t v = start[i];
        if (v >= nodes) {
            return lk_fail(fault, "start", v, nodes);
        }
        while (v < nodes && v != top && steps > 0) {
            v = parent[v];
            steps--;
        }
        below[i] = v == top ? 1 : v < nodes ? 2 : 0;
    }
    return 0;
}

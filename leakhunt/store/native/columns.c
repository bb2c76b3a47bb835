#include "fill.h"
#include "runs.h"

#define RECORDS_AHEAD 16 /* of the one being read, whose bytes are asked for */

/* Bytes of the texts of a vector of lk_string. */
static size_t
text_bytes(const lk_vec *strings)
{
    size_t sum = 0;
    for (size_t i = 0; i < strings->count; i++) {
        sum += ((const lk_string *)strings->items)[i].length;
    }
    return sum;
}

int
lk_measure(lk_stream *s, lk_column_counts *n, lk_fault *fault)
{
    size_t nodes = s->records.count, edges = (size_t)s->edge_count;
    size_t root_types = 0, strings, facts, bytes = text_bytes(&s->strings) + text_bytes(&s->others);
    if (lk_slots_freeze(&s->slots) < 0) {
        return lk_no_memory(fault);
    }
    for (size_t i = 0; i < s->types.count; i++) {
        const lk_type *type = (const lk_type *)s->types.items + i;
        edges += (type->flags & LK_TYPE_HEAP) ? (size_t)type->node_count : 0;
    }
    for (unsigned kind = LK_ROOT_MODULES; kind < LK_ROOT_NATIVE; kind++) {
        if (s->root_kinds & (1u << kind)) {
            root_types += 1;
            bytes += strlen(lk_root_type_name(kind));
        }
    }
    strings = s->strings.count + s->others.count + root_types;
    if (strings >= LK_NONE) {
        return lk_damage(fault, 0, "the file holds %zu strings", strings);
    }
    facts = s->facts.count - (size_t)s->address_low_count;
    *n = (lk_column_counts){
        .node_address = nodes,
        .node_type = nodes,
        .node_size = nodes,
        .node_refcount = nodes,
        .node_flags = nodes,
        .edge_offset = nodes + 1,
        .edge_target = edges,
        .edge_kind = edges,
        .edge_name = edges,
        .type_name = s->types.count + root_types,
        .type_flags = s->types.count + root_types,
        .type_node = s->types.count + root_types,
        .type_base_size = s->types.count + root_types,
        .string_offset = strings + 1,
        .string_bytes = bytes,
        .string_node = strings,
        .string_flags = strings,
        .int_node = s->ints.count,
        .int_value = s->ints.count,
        .fact_node = facts,
        .fact_id = facts,
        .fact_value = facts,
        .root_kind = s->roots.count,
        .root_label = s->roots.count,
        .unreached_address = s->unreached.count,
        .unreached_type = s->unreached.count,
        .unreached_size = s->unreached.count,
        .site_parent = s->sites.count,
        .site_file = s->sites.count,
        .site_function = s->sites.count,
        .site_line = s->sites.count,
        .sample_address = s->samples.count,
        .sample_node = s->samples.count,
        .sample_site = s->samples.count,
        .sample_size = s->samples.count,
        .sample_epoch = s->samples.count,
        .sample_flags = s->samples.count,
    };
    return 0;
}

/* Give every record its node id: what tells of a record by its number tells of the node from now
 * on.  Where each begins waits in the column of sizes until its node is filled: heaps are large,
 * and memory is short when one looks at them. */
static void
number_records(const lk_filler *f, lk_stream *s)
{
    lk_record *records = s->records.items;
    lk_fact *facts = s->facts.items;
    lk_pair *framed = s->framed.items, *codes = s->codes.items;
    uint64_t root = s->node_count;
    for (size_t i = 0; i < s->records.count; i++) {
        uint64_t slot = records[i].slot;
        uint64_t id = slot == 0 ? root++ : lk_slots_rank(&s->slots, slot);
        f->to->node_address[id] = slot * LK_SLOT_BYTES;
        f->to->node_size[id] = records[i].at;
        records[i].slot = id;
    }
    for (size_t i = 0; i < s->facts.count; i++) {
        facts[i].node = (uint32_t)records[facts[i].node].slot;
    }
    for (size_t i = 0; i < s->framed.count; i++) {
        framed[i].node = (uint32_t)records[framed[i].node].slot;
    }
    for (size_t i = 0; i < s->codes.count; i++) {
        codes[i].node = (uint32_t)records[codes[i].node].slot;
    }
    lk_vec_free(&s->records);
}

/* Write edge number `at` of the columns.  0, or -1 when no node is at the slot. */
static inline int
put_edge(const lk_filler *f, uint64_t at, uint64_t slot, uint64_t kind, uint32_t name,
         uint32_t *target)
{
    uint32_t before = *target;
    *target = lk_slots_rank(&f->s->slots, slot);
    switch (kind) {
    case LK_EDGE_VALUE:
        name = before; /* the key, which is never absent */
        break;
    case LK_EDGE_FIELD:
        name += (uint32_t)f->s->strings.count;
        break;
    case LK_EDGE_ATTR_SYMBOL:
        name += (uint32_t)f->s->strings.count;
        kind = LK_EDGE_ATTR;
        break;
    case LK_EDGE_ATTR_POOL:
        name = name == LK_NONE ? LK_NONE : f->pool_names[name];
        kind = LK_EDGE_ATTR;
        break;
    default:
        break;
    }
    f->to->edge_target[at] = *target;
    f->to->edge_kind[at] = (uint8_t)kind;
    f->to->edge_name[at] = name;
    return *target == LK_NONE ? -1 : 0;
}

/* The edges of a node or root (type NULL), to number *at of the columns, which moves behind the
 * last.  0, or -1 with a fault. */
static int
fill_edges(const lk_filler *f, lk_cursor *c, const lk_type *type, uint64_t slot, uint64_t *at)
{
    uint64_t first = *at, e = first;
    uint32_t target = LK_NONE, name;
    lk_run run;
    do {
        if (lk_read_run(c, f->s, type, &run) < 0) {
            return -1;
        }
        for (uint64_t i = 0; i < run.count; i++) {
            int found = lk_read_edge(c, f->s, &run, i, &slot, &name);
            if (found < 0) {
                return -1;
            }
            if (found && put_edge(f, e++, slot, run.edge_kinds[i & 1], name, &target) < 0) {
                return lk_damage(f->fault, lk_record_offset(c),
                                 "edge %llu of a record leads to slot %#llx, where no node is",
                                 (unsigned long long)(e - 1 - first), (unsigned long long)slot);
            }
        }
    } while (!run.is_last);
    *at = e;
    return 0;
}

/* The columns of a node and its edges.  0, or -1 with a fault. */
static int
fill_node(const lk_filler *f, lk_cursor *c, size_t id, uint64_t *at)
{
    uint64_t slot = f->to->node_address[id] / LK_SLOT_BYTES, index, unused, extra, counted;
    if (lk_read_varint(c, &index) < 0 || lk_read_varint(c, &unused) < 0 ||
        lk_read_varint(c, &extra) < 0 || lk_read_varint(c, &counted) < 0) {
        return -1;
    }
    index -= LK_NODE_TAG_BASE;
    const lk_type *type = (const lk_type *)f->s->types.items + index;
    uint64_t count = counted >> 2;
    f->to->node_type[id] = (uint32_t)index;
    f->to->node_size[id] = type->base_size + extra;
    /* No object has 2^32 referrers, but a reference leak in C may count so far. */
    f->to->node_refcount[id] = count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
    f->to->node_flags[id] =
        (uint8_t)(((counted & 1) ? LK_NODE_BORN : 0) | ((counted & 2) ? LK_NODE_TRACKED : 0) |
                  (count == 0 ? LK_NODE_IMMORTAL : 0));
    if (fill_edges(f, c, type, slot, at) < 0) {
        return -1;
    }
    if (type->flags & LK_TYPE_HEAP) {
        f->to->edge_target[*at] = f->to->type_node[index];
        f->to->edge_kind[*at] = LK_EDGE_TYPE;
        f->to->edge_name[(*at)++] = 0;
    }
    return 0;
}

/* The columns of a root and its edges.  0, or -1 with a fault. */
static int
fill_root(const lk_filler *f, lk_cursor *c, size_t id, uint64_t *at)
{
    size_t number = id - (size_t)f->s->node_count;
    const lk_root *root = (const lk_root *)f->s->roots.items + number;
    uint64_t unused;
    lk_string label;
    if (lk_read_varint(c, &unused) < 0 || lk_read_varint(c, &unused) < 0 ||
        lk_read_string(c, &label) < 0) {
        return -1;
    }
    f->to->node_type[id] = f->root_types[root->kind];
    f->to->node_size[id] = 0;
    f->to->node_refcount[id] = 0;
    f->to->node_flags[id] = LK_NODE_ROOT;
    f->to->root_kind[number] = (uint8_t)root->kind;
    f->to->root_label[number] = (uint32_t)f->s->strings.count + root->label;
    return fill_edges(f, c, NULL, 0, at);
}

/* Nodes and edges in the order of node ids: the random accesses are reads of one place a record,
 * all writes are sequential.  0, or -1 with a fault. */
static int
fill_graph(const lk_filler *f)
{
    const unsigned char *bytes = f->payload->bytes;
    const uint64_t *begin = f->to->node_size;
    size_t count = f->n->node_size;
    uint64_t at = 0;
    lk_cursor c = {.payload = f->payload, .end = bytes + f->payload->length, .fault = f->fault};
    for (size_t id = 0; id < count; id++) {
        if (id + RECORDS_AHEAD < count) {
            __builtin_prefetch(bytes + begin[id + RECORDS_AHEAD]);
        }
        c.at = c.record = bytes + begin[id];
        f->to->edge_offset[id] = at;
        if ((id < f->s->node_count ? fill_node(f, &c, id, &at) : fill_root(f, &c, id, &at)) < 0) {
            return -1;
        }
    }
    f->to->edge_offset[count] = at;
    return 0;
}

/* Facts by node id; the low bits of an address go into the address. */
static int
fill_facts(const lk_filler *f)
{
    const lk_fact *facts = f->s->facts.items;
    uint64_t *keys = malloc((f->n->fact_node + 1) * sizeof *keys);
    size_t n = 0;
    if (keys == NULL) {
        return lk_no_memory(f->fault);
    }
    for (size_t i = 0; i < f->s->facts.count; i++) {
        uint32_t id = facts[i].node;
        if (facts[i].id == LK_FACT_ADDRESS_LOW) {
            f->to->node_address[id] += (uint64_t)facts[i].value;
        } else {
            keys[n++] = (uint64_t)id << 32 | i;
        }
    }
    if (lk_sort_u64(keys, n) < 0) {
        free(keys);
        return lk_no_memory(f->fault);
    }
    for (size_t i = 0; i < n; i++) {
        f->to->fact_node[i] = (uint32_t)(keys[i] >> 32);
        f->to->fact_id[i] = facts[(uint32_t)keys[i]].id;
        f->to->fact_value[i] = facts[(uint32_t)keys[i]].value;
    }
    free(keys);
    return 0;
}

static int
fill_unreached(const lk_filler *f)
{
    const lk_unreached *blocks = f->s->unreached.items;
    for (size_t i = 0; i < f->s->unreached.count; i++) {
        f->to->unreached_address[i] = blocks[i].slot * LK_SLOT_BYTES;
        f->to->unreached_type[i] = blocks[i].type;
        f->to->unreached_size[i] = blocks[i].size;
    }
    return 0;
}

/* Everything about nodes and edges.  0, or -1 with a fault. */
static int
fill_nodes(lk_filler *f, lk_stream *stream)
{
    int status = lk_resolve_pool(f);
    if (status == 0) {
        number_records(f, stream);
        status = fill_graph(f) < 0 || lk_name_locals(f) < 0 ? -1 : 0;
    }
    free(f->pool_names);
    return status;
}

int
lk_fill(const lk_payload *payload, lk_stream *stream, const lk_column_counts *counts,
        const lk_columns *columns, lk_fault *fault)
{
    lk_filler f = {.payload = payload, .s = stream, .n = counts, .to = columns, .fault = fault};
    if (lk_fill_strings(&f) < 0 || lk_fill_ints(&f) < 0 || lk_fill_types(&f) < 0 ||
        fill_nodes(&f, stream) < 0 || fill_facts(&f) < 0 || lk_fill_sites(&f) < 0) {
        return -1;
    }
    return fill_unreached(&f);
}

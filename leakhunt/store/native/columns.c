#include "fill.h"

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
    size_t nodes = (size_t)(s->node_count + s->root_count), edges = s->edges.count;
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
        .root_kind = (size_t)s->root_count,
        .root_label = (size_t)s->root_count,
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

/* Record number of each node id.  It waits in the column of reference counts until its node is
 * filled: heaps are large, and memory is short when one looks at them. */
static void
invert(const lk_filler *f)
{
    const lk_record *records = f->s->records.items;
    for (size_t i = 0; i < f->s->records.count; i++) {
        f->to->node_refcount[lk_id_of(f->s, &records[i])] = (uint32_t)i;
    }
}

/* Edges of one record, to number `at` of the columns; returns the number after the last, or
 * UINT64_MAX with the fault in *bad_edge. */
static inline uint64_t
fill_edges(const lk_filler *f, uint64_t from, uint64_t end, uint64_t at)
{
    const uint64_t *edges = f->s->edges.items;
    const uint32_t *names = f->s->edge_names.items;
    const uint32_t node_texts = (uint32_t)f->s->strings.count;
    uint32_t previous = 0;
    for (uint64_t e = from; e < end; e++, at++) {
        uint32_t target = lk_slots_rank(&f->s->slots, edges[e] >> 4), name = names[e];
        unsigned kind = edges[e] & 15;
        if (target == LK_NONE) {
            *f->bad_edge = e;
            return UINT64_MAX;
        }
        switch (kind) {
        case LK_EDGE_VALUE:
            name = previous; /* keys are never absent */
            break;
        case LK_EDGE_FIELD:
            name += node_texts;
            break;
        case LK_EDGE_ATTR_SYMBOL:
            name += node_texts;
            kind = LK_EDGE_ATTR;
            break;
        case LK_EDGE_ATTR_POOL:
            name = name == LK_NONE ? LK_NONE : f->pool_names[name];
            kind = LK_EDGE_ATTR;
            break;
        default:
            break;
        }
        f->to->edge_target[at] = previous = target;
        f->to->edge_kind[at] = (uint8_t)kind;
        f->to->edge_name[at] = name;
    }
    return at;
}

/* The node columns of one record. */
static void
fill_node(const lk_filler *f, size_t id, const lk_record *r)
{
    if (r->tag & LK_NODE_ROOT) {
        f->to->node_address[id] = 0;
        f->to->node_type[id] = f->root_types[r->type];
        f->to->node_size[id] = 0;
        f->to->node_refcount[id] = 0;
        f->to->root_kind[r->size] = (uint8_t)r->type;
        f->to->root_label[r->size] = (uint32_t)f->s->strings.count + r->refcount;
    } else {
        f->to->node_address[id] = (r->tag >> 4) * LK_SLOT_BYTES;
        f->to->node_type[id] = r->type;
        f->to->node_size[id] = r->size;
        f->to->node_refcount[id] = r->refcount;
    }
    f->to->node_flags[id] = r->tag & 15;
}

/* Nodes and edges, gathered in the order of node ids: the random accesses are reads of two
 * places a record, all writes are sequential. */
static int
fill_graph(const lk_filler *f)
{
    const lk_record *records = f->s->records.items;
    const lk_type *types = f->s->types.items;
    const uint64_t *edges = f->s->edges.items;
    const uint32_t *order = f->to->node_refcount;
    size_t count = f->s->records.count;
    uint64_t at = 0;
    for (size_t id = 0; id < count; id++) {
        if (id + 24 < count) {
            __builtin_prefetch(&records[order[id + 24]]);
        }
        if (id + 12 < count) {
            __builtin_prefetch(&edges[records[order[id + 12]].first_edge]);
        }
        uint32_t number = order[id];
        const lk_record *r = &records[number];
        uint64_t end = number + 1 < count ? r[1].first_edge : f->s->edges.count;
        f->to->edge_offset[id] = at;
        fill_node(f, id, r);
        at = fill_edges(f, r->first_edge, end, at);
        if (at == UINT64_MAX) {
            return lk_damage(f->fault, 0, "an edge leads to no node");
        }
        if (!(r->tag & LK_NODE_ROOT) && (types[r->type].flags & LK_TYPE_HEAP)) {
            f->to->edge_target[at] = f->to->type_node[r->type];
            f->to->edge_kind[at] = LK_EDGE_TYPE;
            f->to->edge_name[at++] = 0;
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
    const lk_record *records = f->s->records.items;
    uint64_t *keys = malloc((f->n->fact_node + 1) * sizeof *keys);
    size_t n = 0;
    if (keys == NULL) {
        return lk_no_memory(f->fault);
    }
    for (size_t i = 0; i < f->s->facts.count; i++) {
        uint32_t id = lk_id_of(f->s, &records[facts[i].record]);
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

int
lk_fill_texts(const lk_stream *stream, const lk_column_counts *counts, const lk_columns *columns,
              lk_fault *fault)
{
    lk_filler f = {.s = stream, .n = counts, .to = columns, .fault = fault};
    return lk_fill_strings(&f);
}

/* Everything about nodes and edges; the tables of edges are given back afterwards. */
static int
fill_nodes(lk_filler *f, lk_stream *stream)
{
    int status = lk_resolve_pool(f);
    if (status == 0) {
        invert(f);
        status = fill_graph(f) < 0 || lk_name_locals(f) < 0 ? -1 : 0;
    }
    free(f->pool_names);
    if (status == 0) {
        lk_vec_free(&stream->edges);
        lk_vec_free(&stream->edge_names);
    }
    return status;
}

int
lk_fill(lk_stream *stream, const lk_column_counts *counts, const lk_columns *columns,
        uint64_t *bad_edge, lk_fault *fault)
{
    lk_filler f = {.s = stream, .n = counts, .to = columns, .fault = fault, .bad_edge = bad_edge};
    *bad_edge = UINT64_MAX;
    if (lk_fill_ints(&f) < 0 || lk_fill_types(&f) < 0 || fill_nodes(&f, stream) < 0 ||
        fill_facts(&f) < 0 || lk_fill_sites(&f) < 0) {
        return -1;
    }
    return fill_unreached(&f);
}

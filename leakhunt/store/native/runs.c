#include "records.h"

/* Who the runs being read belong to. */
typedef struct {
    uint64_t slot, code_edge, locals_edge; /* edges: UINT64_MAX until found */
    lk_type *type;                         /* NULL for a root */
    uint64_t default_run;
    uint8_t has_locals;
} owner;

/* How the edges of one run are named: position i gets first + i * step, LK_NONE from `named`. */
typedef struct {
    uint64_t kinds[2]; /* of even and odd positions */
    uint64_t first, step, named;
    const lk_schema *schema;
    int is_named; /* symbols come with the edges */
} naming;

/* Read what precedes the edges of a run, and decide on kinds and names. */
static int
start_run(lk_parser *p, owner *o, uint64_t kind, uint64_t count, naming *n)
{
    static const uint8_t kind_of_run[] = {
        [LK_RUN_INDEX] = LK_EDGE_INDEX,     [LK_RUN_ITEM] = LK_EDGE_KEY,
        [LK_RUN_ELEMENT] = LK_EDGE_ELEMENT, [LK_RUN_ATTR] = LK_EDGE_ATTR_POOL,
        [LK_RUN_FIELD] = LK_EDGE_FIELD,     [LK_RUN_NAMED] = LK_EDGE_ATTR_SYMBOL,
        [LK_RUN_UNKNOWN] = LK_EDGE_UNKNOWN, [LK_RUN_LOCAL] = LK_EDGE_LOCAL,
        [LK_RUN_STACK] = LK_EDGE_STACK,     [LK_RUN_WEAK] = LK_EDGE_WEAK,
        [LK_RUN_HIDDEN] = LK_EDGE_HIDDEN,
    };
    uint64_t schema;
    *n = (naming){.kinds = {kind_of_run[kind], kind_of_run[kind]}, .step = 1, .named = count};
    switch (kind) {
    case LK_RUN_ITEM:
        n->kinds[1] = LK_EDGE_VALUE;
        n->step = 0;
        if (count % 2 != 0) {
            return lk_damage(p->c.fault, lk_here(&p->c), "an odd number of keys and values: %llu",
                             (unsigned long long)count);
        }
        break;
    case LK_RUN_ELEMENT:
    case LK_RUN_WEAK:
        n->step = 0;
        break;
    case LK_RUN_ATTR:
        if (o->type == NULL) {
            return lk_damage(p->c.fault, lk_here(&p->c), "a root has no inline values");
        }
        o->type->has_attributes = 1;
        n->first = o->type->keys_start;
        n->named = o->type->keys_start == SIZE_MAX ? 0 : o->type->keys_count;
        break;
    case LK_RUN_FIELD:
        if (lk_read_varint(&p->c, &schema) < 0) {
            return -1;
        }
        if (schema >= p->s->schemas.count ||
            ((lk_schema *)p->s->schemas.items)[schema].count < count) {
            return lk_damage(p->c.fault, lk_here(&p->c),
                             "schema %llu does not exist or is shorter than %llu fields",
                             (unsigned long long)schema, (unsigned long long)count);
        }
        n->schema = (lk_schema *)p->s->schemas.items + schema;
        n->first = n->schema->names;
        break;
    case LK_RUN_NAMED:
        n->is_named = 1;
        break;
    case LK_RUN_LOCAL:
        o->has_locals = 1;
        break;
    default:
        break;
    }
    return 0;
}

/* Note the edges through which the names of locals are found later. */
static void
note_code(const lk_parser *p, owner *o, const naming *n, size_t start)
{
    const uint32_t *names = p->s->edge_names.items;
    for (size_t e = start; e < p->s->edges.count; e++) {
        uint64_t position = names[e] - n->first;
        if (position == n->schema->code && o->code_edge == UINT64_MAX) {
            o->code_edge = e;
        }
        if (position == n->schema->locals && o->locals_edge == UINT64_MAX) {
            o->locals_edge = e;
        }
    }
}

/* The edges of one run.  *previous is the slot that the next edge is a difference to. */
static int
parse_edges(lk_parser *p, owner *o, uint64_t kind, uint64_t count, uint64_t *previous)
{
    naming n;
    lk_stream *s = p->s;
    size_t start = s->edges.count;
    if (start_run(p, o, kind, count, &n) < 0) {
        return -1;
    }
    if (lk_vec_reserve(&s->edges, (size_t)count, sizeof(uint64_t)) < 0 ||
        lk_vec_reserve(&s->edge_names, (size_t)count, sizeof(uint32_t)) < 0) {
        return lk_no_memory(p->c.fault);
    }
    uint64_t *edges = s->edges.items;
    uint32_t *names = s->edge_names.items;
    size_t at = start;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t code, symbol;
        uint64_t name = i < n.named ? n.first + i * n.step : LK_NONE;
        if (n.is_named) {
            if (lk_read_varint(&p->c, &symbol) < 0) {
                return -1;
            }
            if (symbol >= s->symbols.count) {
                return lk_damage(p->c.fault, lk_here(&p->c), "symbol %llu of %zu",
                                 (unsigned long long)symbol, s->symbols.count);
            }
            name = ((const uint32_t *)s->symbols.items)[symbol];
        }
        if (lk_read_varint(&p->c, &code) < 0) {
            return -1;
        }
        if (code == 0) {
            if (kind == LK_RUN_ITEM) {
                return lk_damage(p->c.fault, lk_here(&p->c), "a key or value is absent");
            }
            continue;
        }
        uint64_t slot = *previous + (uint64_t)lk_unzigzag(code - 1);
        if (slot - 1 >= LK_MAX_SLOT) {
            return lk_damage(p->c.fault, lk_here(&p->c), "an edge leads outside the address space");
        }
        *previous = slot;
        edges[at] = slot << 4 | n.kinds[i & 1];
        names[at++] = (uint32_t)name;
    }
    s->edges.count = s->edge_names.count = at;
    if (n.schema != NULL && (n.schema->code < count || n.schema->locals < count)) {
        note_code(p, o, &n, start);
    }
    return 0;
}

/* All runs of a node or root, which is the last record already. */
static int
parse_runs(lk_parser *p, owner *o)
{
    uint64_t head, previous = o->slot;
    size_t first_edge = p->s->edges.count;
    do {
        uint64_t kind = o->default_run;
        const unsigned char *start = p->c.at;
        if (lk_read_varint(&p->c, &head) < 0 ||
            ((head & 2) && lk_read_bounded(&p->c, "run kind", LK_MAX_RUN_KIND, &kind) < 0)) {
            return -1;
        }
        uint64_t count = head >> 2;
        if (count == 0) {
            naming unused;
            if ((head & 2) && kind == LK_RUN_FIELD && start_run(p, o, kind, 0, &unused) < 0) {
                return -1; /* a run that names its kind has a schema id even when empty */
            }
            continue;
        }
        if (count > (uint64_t)(p->c.end - p->c.at)) {
            return lk_damage(p->c.fault, lk_offset_at(&p->c, start),
                             "a run of %llu edges does not fit the bytes left",
                             (unsigned long long)count);
        }
        if (kind == LK_RUN_NONE || count > LK_MAX_ITEMS) {
            return lk_damage(p->c.fault, lk_offset_at(&p->c, start),
                             "a run of %llu edges has no kind", (unsigned long long)count);
        }
        if (parse_edges(p, o, kind, count, &previous) < 0) {
            return -1;
        }
    } while (head & 1);
    if (p->s->edges.count > p->watch_edge && first_edge <= p->watch_edge) {
        uint64_t edge = ((const uint64_t *)p->s->edges.items)[p->watch_edge];
        return lk_damage(p->c.fault, lk_record_offset(&p->c),
                         "edge %llu of a record leads to slot %#llx, where no node is",
                         (unsigned long long)(p->watch_edge - first_edge),
                         (unsigned long long)(edge >> 4));
    }
    return 0;
}

/* Remember how to name locals: of frames, and by code objects. */
static int
keep_code(lk_parser *p, const owner *o)
{
    uint32_t record = (uint32_t)(p->s->records.count - 1);
    if (o->has_locals) {
        lk_pair *pair = lk_push(p, &p->s->framed, sizeof *pair);
        if (pair == NULL) {
            return -1;
        }
        *pair = (lk_pair){.edge = o->code_edge, .record = record};
    }
    if (o->locals_edge != UINT64_MAX && o->type != NULL) {
        lk_pair *pair = lk_push(p, &p->s->codes, sizeof *pair);
        if (pair == NULL) {
            return -1;
        }
        *pair = (lk_pair){.edge = o->locals_edge, .record = record};
    }
    return 0;
}

/* Saturate: no Python object has 2^32 referrers, but a reference leak in C may count so far. */
static uint32_t
saturated(uint64_t count)
{
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

int
lk_parse_node(lk_parser *p, uint64_t index)
{
    lk_stream *s = p->s;
    uint64_t slot, extra, counted;
    if (index >= s->types.count) {
        return lk_damage(p->c.fault, lk_record_offset(&p->c), "a node of type %llu of %zu",
                         (unsigned long long)index, s->types.count);
    }
    if (lk_read_slot(&p->c, p->last_slot, &slot) < 0 || lk_read_varint(&p->c, &extra) < 0 ||
        lk_read_varint(&p->c, &counted) < 0) {
        return -1;
    }
    int added = slot == 0 ? 0 : lk_slots_add(&s->slots, slot);
    if (added <= 0) {
        return added < 0 ? lk_no_memory(p->c.fault)
                         : lk_damage(p->c.fault, lk_record_offset(&p->c),
                                     "slot %#llx is zero or has a node already",
                                     (unsigned long long)slot);
    }
    lk_type *type = (lk_type *)s->types.items + index;
    lk_record *record = lk_push(p, &s->records, sizeof *record);
    if (record == NULL) {
        return -1;
    }
    uint64_t flags = ((counted & 1) ? LK_NODE_BORN : 0) | ((counted & 2) ? LK_NODE_TRACKED : 0) |
                     ((counted >> 2) == 0 ? LK_NODE_IMMORTAL : 0);
    *record = (lk_record){.tag = slot << 4 | flags,
                          .size = type->base_size + extra,
                          .first_edge = s->edges.count,
                          .type = (uint32_t)index,
                          .refcount = saturated(counted >> 2)};
    type->node_count += 1;
    s->node_count += 1;
    p->last_slot = slot;
    p->has_address_low = 0;
    owner o = {.slot = slot,
               .type = type,
               .default_run = type->default_run,
               .code_edge = UINT64_MAX,
               .locals_edge = UINT64_MAX};
    if (parse_runs(p, &o) < 0) {
        return -1;
    }
    return o.has_locals || o.locals_edge != UINT64_MAX ? keep_code(p, &o) : 0;
}

int
lk_parse_root(lk_parser *p)
{
    lk_stream *s = p->s;
    uint64_t kind, offset = lk_record_offset(&p->c);
    uint32_t label;
    if (lk_read_varint(&p->c, &kind) < 0) {
        return -1;
    }
    if (kind < LK_ROOT_MODULES || kind > LK_ROOT_STATIC_TYPE) {
        return lk_damage(p->c.fault, offset, "root kind %llu", (unsigned long long)kind);
    }
    lk_record *record;
    if (lk_parse_other(p, &label) < 0 ||
        (record = lk_push(p, &s->records, sizeof *record)) == NULL) {
        return -1;
    }
    *record = (lk_record){.tag = LK_NODE_ROOT,
                          .size = s->root_count,
                          .first_edge = s->edges.count,
                          .type = (uint32_t)kind,
                          .refcount = label};
    s->root_count += 1;
    s->root_kinds |= 1u << kind;
    owner o = {.code_edge = UINT64_MAX, .locals_edge = UINT64_MAX};
    return parse_runs(p, &o) < 0 ? -1 : keep_code(p, &o);
}

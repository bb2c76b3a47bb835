#include "records.h"
#include "runs.h"

/* Who the runs being read belong to. */
typedef struct {
    lk_type *type;  /* NULL for a root */
    uint64_t slot;  /* of the last edge; at first, its own */
    uint64_t code;  /* slot of the code, 0 until found */
    uint64_t names; /* slot of the names of locals, 0 until found */
    uint8_t has_locals;
} owner;

/* The schema that names the edges of a run.  0, or -1 with a fault. */
static int
read_schema(lk_cursor *c, const lk_stream *s, lk_run *run)
{
    uint64_t schema;
    if (lk_read_varint(c, &schema) < 0) {
        return -1;
    }
    if (schema >= s->schemas.count || ((lk_schema *)s->schemas.items)[schema].count < run->count) {
        return lk_damage(c->fault, lk_here(c),
                         "schema %llu does not exist or is shorter than %llu fields",
                         (unsigned long long)schema, (unsigned long long)run->count);
    }
    run->schema = (lk_schema *)s->schemas.items + schema;
    run->first = run->schema->names;
    return 0;
}

/* Decide on the kinds and names of the edges of a run.  0, or -1 with a fault. */
static int
name_edges(lk_cursor *c, const lk_stream *s, const lk_type *type, lk_run *run)
{
    switch (run->kind) {
    case LK_RUN_ITEM:
        run->edge_kinds[1] = LK_EDGE_VALUE;
        run->step = 0;
        if (run->count % 2 != 0) {
            return lk_damage(c->fault, lk_here(c), "an odd number of keys and values: %llu",
                             (unsigned long long)run->count);
        }
        break;
    case LK_RUN_ELEMENT:
    case LK_RUN_WEAK:
        run->step = 0;
        break;
    case LK_RUN_ATTR:
        if (type == NULL) {
            return lk_damage(c->fault, lk_here(c), "a root has no inline values");
        }
        run->first = type->keys_start;
        run->named = type->keys_start == SIZE_MAX ? 0 : type->keys_count;
        break;
    case LK_RUN_FIELD:
        return read_schema(c, s, run);
    case LK_RUN_NAMED:
        run->has_symbols = 1;
        break;
    default:
        break;
    }
    return 0;
}

int
lk_read_run(lk_cursor *c, const lk_stream *s, const lk_type *type, lk_run *run)
{
    static const uint8_t edge_kind_of_run[] = {
        [LK_RUN_INDEX] = LK_EDGE_INDEX,     [LK_RUN_ITEM] = LK_EDGE_KEY,
        [LK_RUN_ELEMENT] = LK_EDGE_ELEMENT, [LK_RUN_ATTR] = LK_EDGE_ATTR_POOL,
        [LK_RUN_FIELD] = LK_EDGE_FIELD,     [LK_RUN_NAMED] = LK_EDGE_ATTR_SYMBOL,
        [LK_RUN_UNKNOWN] = LK_EDGE_UNKNOWN, [LK_RUN_LOCAL] = LK_EDGE_LOCAL,
        [LK_RUN_STACK] = LK_EDGE_STACK,     [LK_RUN_WEAK] = LK_EDGE_WEAK,
        [LK_RUN_HIDDEN] = LK_EDGE_HIDDEN,
    };
    const unsigned char *start = c->at;
    uint64_t head, kind = type == NULL ? LK_RUN_NONE : type->default_run;
    if (lk_read_varint(c, &head) < 0 ||
        ((head & 2) && lk_read_bounded(c, "run kind", LK_MAX_RUN_KIND, &kind) < 0)) {
        return -1;
    }
    uint8_t edge_kind = edge_kind_of_run[kind];
    *run = (lk_run){.kind = kind,
                    .count = head >> 2,
                    .edge_kinds = {edge_kind, edge_kind},
                    .step = 1,
                    .named = head >> 2,
                    .is_last = !(head & 1)};
    if (run->count == 0) { /* a run that names its kind has a schema id even when empty */
        return (head & 2) && kind == LK_RUN_FIELD ? read_schema(c, s, run) : 0;
    }
    if (run->count > (uint64_t)(c->end - c->at)) {
        return lk_damage(c->fault, lk_offset_at(c, start),
                         "a run of %llu edges does not fit the bytes left",
                         (unsigned long long)run->count);
    }
    if (kind == LK_RUN_NONE || run->count > LK_MAX_ITEMS) {
        return lk_damage(c->fault, lk_offset_at(c, start), "a run of %llu edges has no kind",
                         (unsigned long long)run->count);
    }
    return name_edges(c, s, type, run);
}

int
lk_read_symbol(lk_cursor *c, const lk_stream *s, uint32_t *name)
{
    uint64_t symbol;
    if (lk_read_varint(c, &symbol) < 0) {
        return -1;
    }
    if (symbol >= s->symbols.count) {
        return lk_damage(c->fault, lk_here(c), "symbol %llu of %zu", (unsigned long long)symbol,
                         s->symbols.count);
    }
    *name = ((const uint32_t *)s->symbols.items)[symbol];
    return 0;
}

/* Note the edge just read if the names of locals are found through it later. */
static void
note_code(owner *o, const lk_schema *schema, uint64_t position)
{
    if (position == schema->code && o->code == 0) {
        o->code = o->slot;
    }
    if (position == schema->locals && o->names == 0) {
        o->names = o->slot;
    }
}

/* Check and count the edges of all runs of a node or root, which is the last record already.
 * 0, or -1 with a fault. */
static int
parse_runs(lk_parser *p, owner *o)
{
    lk_run run;
    do {
        if (lk_read_run(&p->c, p->s, o->type, &run) < 0) {
            return -1;
        }
        for (uint64_t i = 0; i < run.count; i++) {
            uint32_t name;
            int found = lk_read_edge(&p->c, p->s, &run, i, &o->slot, &name);
            if (found < 0) {
                return -1;
            }
            p->s->edge_count += (uint64_t)found;
            if (found && run.schema != NULL) {
                note_code(o, run.schema, i);
            }
        }
        if (run.kind == LK_RUN_ATTR && run.count != 0) {
            o->type->has_attributes = 1;
        }
        o->has_locals |= run.kind == LK_RUN_LOCAL;
    } while (!run.is_last);
    return 0;
}

/* Remember how to name locals: of frames, and by code objects.  0, or -1 with a fault. */
static int
keep_code(lk_parser *p, const owner *o)
{
    uint32_t number = (uint32_t)(p->s->records.count - 1);
    if (o->has_locals) {
        lk_pair *pair = lk_push(p, &p->s->framed, sizeof *pair);
        if (pair == NULL) {
            return -1;
        }
        *pair = (lk_pair){.slot = o->code, .node = number};
    }
    if (o->names != 0 && o->type != NULL) {
        lk_pair *pair = lk_push(p, &p->s->codes, sizeof *pair);
        if (pair == NULL) {
            return -1;
        }
        *pair = (lk_pair){.slot = o->names, .node = number};
    }
    return 0;
}

/* Note where the record that is being read begins.  0, or -1 with a fault. */
static int
keep_record(lk_parser *p, uint64_t slot)
{
    lk_record *record = lk_push(p, &p->s->records, sizeof *record);
    if (record == NULL) {
        return -1;
    }
    *record = (lk_record){.slot = slot, .at = (uint64_t)(p->c.record - p->c.payload->bytes)};
    return 0;
}

int
lk_parse_node(lk_parser *p, uint64_t index)
{
    lk_stream *s = p->s;
    uint64_t slot, extra, counted; /* the last two are for the columns, and read again then */
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
    if (keep_record(p, slot) < 0) {
        return -1;
    }
    lk_type *type = (lk_type *)s->types.items + index;
    type->node_count += 1;
    s->node_count += 1;
    p->last_slot = slot;
    p->has_address_low = 0;
    owner o = {.slot = slot, .type = type};
    return parse_runs(p, &o) < 0 ? -1 : keep_code(p, &o);
}

int
lk_parse_root(lk_parser *p)
{
    lk_root root;
    lk_root *item;
    uint64_t kind, offset = lk_record_offset(&p->c);
    if (lk_read_varint(&p->c, &kind) < 0) {
        return -1;
    }
    if (kind < LK_ROOT_MODULES || kind > LK_ROOT_STATIC_TYPE) {
        return lk_damage(p->c.fault, offset, "root kind %llu", (unsigned long long)kind);
    }
    root.kind = (uint32_t)kind;
    if (lk_parse_other(p, &root.label) < 0 ||
        (item = lk_push(p, &p->s->roots, sizeof *item)) == NULL || keep_record(p, 0) < 0) {
        return -1;
    }
    *item = root;
    p->s->root_kinds |= 1u << root.kind;
    owner o = {.slot = 0};
    return parse_runs(p, &o) < 0 ? -1 : keep_code(p, &o);
}

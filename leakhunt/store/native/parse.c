#include "records.h"

#define MAX_TYPES 0x7FFFFFF0u
#define USUAL_RECORD_BYTES 14 /* its edges included; room for more is made when needed */

/* A string that is the text of no node: its number among those.  0, or -1 with the fault
 * described.  Needs no GIL. */
int
lk_parse_other(lk_parser *p, uint32_t *number)
{
    lk_string string;
    lk_string *item;
    if (lk_read_string(&p->c, &string) < 0 ||
        (item = lk_push(p, &p->s->others, sizeof *item)) == NULL) {
        return -1;
    }
    *item = string;
    *number = (uint32_t)(p->s->others.count - 1);
    return 0;
}

/* A TYPE record: the next entry of the type table.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_type(lk_parser *p)
{
    uint64_t flags, default_run;
    lk_type type = {.offset = lk_record_offset(&p->c), .keys_start = SIZE_MAX};
    lk_type *item;
    if (p->s->types.count >= MAX_TYPES) {
        return lk_damage(p->c.fault, type.offset, "too many types");
    }
    if (lk_read_bounded(&p->c, "the slot of a type", LK_MAX_SLOT, &type.slot) < 0 ||
        lk_read_bounded(&p->c, "type flags", LK_TYPE_ROOT - 1, &flags) < 0 ||
        lk_read_varint(&p->c, &type.base_size) < 0 ||
        lk_read_bounded(&p->c, "run kind", LK_MAX_RUN_KIND, &default_run) < 0 ||
        lk_parse_other(p, &type.name) < 0 ||
        (item = lk_push(p, &p->s->types, sizeof *item)) == NULL) {
        return -1;
    }
    type.flags = (uint8_t)flags;
    type.default_run = (uint8_t)default_run;
    *item = type;
    return 0;
}

/* A STRING record: the text of a str object.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_string(lk_parser *p)
{
    uint64_t slot, flags, offset = lk_record_offset(&p->c);
    lk_string string;
    lk_string *item;
    if (lk_read_slot(&p->c, p->last_slot, &slot) < 0 ||
        lk_read_bounded(&p->c, "string flags", LK_STRING_TRUNCATED | LK_STRING_MASKED, &flags) <
            0 ||
        lk_read_string(&p->c, &string) < 0 ||
        (item = lk_push(p, &p->s->strings, sizeof *item)) == NULL) {
        return -1;
    }
    *item = string;
    item->slot = slot;
    item->flags = (uint8_t)flags;
    item->offset = offset;
    return 0;
}

/* A KEYS record: the names of a type's inline values.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_keys(lk_parser *p)
{
    uint64_t index, count, slot = 0, offset = lk_record_offset(&p->c);
    if (lk_read_varint(&p->c, &index) < 0 || lk_read_varint(&p->c, &count) < 0) {
        return -1;
    }
    if (index >= p->s->types.count) {
        return lk_damage(p->c.fault, offset, "KEYS of type %llu, of which there are %zu",
                         (unsigned long long)index, p->s->types.count);
    }
    lk_type *type = (lk_type *)p->s->types.items + index;
    if (type->keys_start != SIZE_MAX || type->has_attributes) {
        return lk_damage(p->c.fault, offset, "KEYS of type %llu come twice or too late",
                         (unsigned long long)index);
    }
    if (count > (uint64_t)(p->c.end - p->c.at)) {
        return lk_damage(p->c.fault, offset, "%llu KEYS do not fit the bytes left",
                         (unsigned long long)count);
    }
    type->keys_start = p->s->pool.count;
    type->keys_count = (size_t)count;
    for (uint64_t i = 0; i < count; i++) {
        lk_pool_entry *entry;
        if (lk_read_slot(&p->c, slot, &slot) < 0 ||
            (entry = lk_push(p, &p->s->pool, sizeof *entry)) == NULL) {
            return -1;
        }
        *entry = (lk_pool_entry){.slot = slot, .offset = offset};
    }
    return 0;
}

/* A FACT record about the last node or root.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_fact(lk_parser *p)
{
    uint64_t id, value, offset = lk_record_offset(&p->c);
    lk_fact *fact;
    if (lk_read_bounded(&p->c, "fact", UINT16_MAX, &id) < 0 || lk_read_varint(&p->c, &value) < 0) {
        return -1;
    }
    if (p->s->records.count == 0) {
        return lk_damage(p->c.fault, offset, "a fact comes before any node or root");
    }
    if ((fact = lk_push(p, &p->s->facts, sizeof *fact)) == NULL) {
        return -1;
    }
    *fact = (lk_fact){.id = (uint16_t)id,
                      .value = lk_unzigzag(value),
                      .node = (uint32_t)(p->s->records.count - 1)};
    if (id == LK_FACT_ADDRESS_LOW) {
        const lk_record *record = (lk_record *)p->s->records.items + fact->node;
        if (record->slot == 0 || p->has_address_low || fact->value < 0 ||
            fact->value >= LK_SLOT_BYTES) {
            return lk_damage(p->c.fault, offset,
                             "the low address bits %lld are misplaced or out of range",
                             (long long)fact->value);
        }
        p->has_address_low = 1;
        p->s->address_low_count += 1;
    }
    return 0;
}

/* A SYMBOL record: the next entry of the symbol table.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_symbol(lk_parser *p)
{
    uint32_t number;
    uint32_t *symbol;
    if (lk_parse_other(p, &number) < 0 ||
        (symbol = lk_push(p, &p->s->symbols, sizeof *symbol)) == NULL) {
        return -1;
    }
    *symbol = number;
    return 0;
}

/* An INT record: the value of an int used as a key.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_int(lk_parser *p)
{
    uint64_t slot, value, offset = lk_record_offset(&p->c);
    lk_int *item;
    if (lk_read_slot(&p->c, p->last_slot, &slot) < 0 || lk_read_varint(&p->c, &value) < 0 ||
        (item = lk_push(p, &p->s->ints, sizeof *item)) == NULL) {
        return -1;
    }
    *item = (lk_int){.slot = slot, .offset = offset, .value = lk_unzigzag(value)};
    return 0;
}

/* Is it exactly this text?  Needs no GIL. */
static int
is_text(const lk_string *string, const char *text)
{
    return string->length == strlen(text) && memcmp(string->text, text, string->length) == 0;
}

/* A SCHEMA record: the next entry of the schema table.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_schema(lk_parser *p)
{
    uint64_t count, offset = lk_record_offset(&p->c);
    if (lk_read_varint(&p->c, &count) < 0) {
        return -1;
    }
    if (count > (uint64_t)(p->c.end - p->c.at)) {
        return lk_damage(p->c.fault, offset, "a schema of %llu names does not fit",
                         (unsigned long long)count);
    }
    lk_schema schema = {.names = p->s->others.count,
                        .count = (size_t)count,
                        .code = UINT64_MAX,
                        .locals = UINT64_MAX};
    for (uint64_t i = 0; i < count; i++) {
        uint32_t number;
        if (lk_parse_other(p, &number) < 0) {
            return -1;
        }
        const lk_string *name = (lk_string *)p->s->others.items + number;
        if (schema.code == UINT64_MAX && (is_text(name, "code") || is_text(name, "f_code"))) {
            schema.code = i;
        }
        if (schema.locals == UINT64_MAX && is_text(name, "co_localsplusnames")) {
            schema.locals = i;
        }
    }
    lk_schema *item = lk_push(p, &p->s->schemas, sizeof *item);
    if (item == NULL) {
        return -1;
    }
    *item = schema;
    return 0;
}

/* An UNREACHED record.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_unreached(lk_parser *p)
{
    uint64_t type;
    lk_unreached block;
    lk_unreached *item;
    if (lk_read_bounded(&p->c, "the slot of a block", LK_MAX_SLOT, &block.slot) < 0 ||
        lk_read_bounded(&p->c, "type + 1", p->s->types.count, &type) < 0 ||
        lk_read_varint(&p->c, &block.size) < 0 ||
        (item = lk_push(p, &p->s->unreached, sizeof *item)) == NULL) {
        return -1;
    }
    block.type = (int32_t)type - 1;
    *item = block;
    return 0;
}

/* The END record, whose counts must be those of what was read.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_end(lk_parser *p)
{
    lk_stream *s = p->s;
    uint64_t nodes, roots, edges, offset = lk_record_offset(&p->c);
    if (lk_read_varint(&p->c, &nodes) < 0 || lk_read_varint(&p->c, &roots) < 0 ||
        lk_read_varint(&p->c, &edges) < 0) {
        return -1;
    }
    if (nodes != s->node_count || roots != s->roots.count || edges != s->edge_count) {
        return lk_damage(p->c.fault, offset,
                         "END counts %llu nodes, %llu roots, %llu edges; found %llu, %zu, %llu",
                         (unsigned long long)nodes, (unsigned long long)roots,
                         (unsigned long long)edges, (unsigned long long)s->node_count,
                         s->roots.count, (unsigned long long)s->edge_count);
    }
    if (p->c.at != p->c.end) {
        return lk_damage(p->c.fault, lk_here(&p->c), "%zu bytes follow the END record",
                         (size_t)(p->c.end - p->c.at));
    }
    return 0;
}

/* Any record but a node, by its tag.  0, or -1 with the fault described.
 * Needs no GIL. */
static int
parse_other_record(lk_parser *p, uint64_t tag)
{
    switch (tag) {
    case LK_TAG_TYPE:
        return parse_type(p);
    case LK_TAG_STRING:
        return parse_string(p);
    case LK_TAG_KEYS:
        return parse_keys(p);
    case LK_TAG_FACT:
        return parse_fact(p);
    case LK_TAG_ROOT:
        return lk_parse_root(p);
    case LK_TAG_SYMBOL:
        return parse_symbol(p);
    case LK_TAG_INT:
        return parse_int(p);
    case LK_TAG_SCHEMA:
        return parse_schema(p);
    case LK_TAG_UNREACHED:
        return parse_unreached(p);
    case LK_TAG_SITE:
        return lk_parse_site(p);
    case LK_TAG_SAMPLE:
        return lk_parse_sample(p);
    default:
        return lk_damage(p->c.fault, lk_record_offset(&p->c), "record tag %llu",
                         (unsigned long long)tag);
    }
}

int
lk_parse(const lk_payload *payload, uint64_t seed, lk_stream *stream, lk_fault *fault)
{
    lk_parser p = {.c = {.payload = payload,
                         .at = payload->bytes,
                         .end = payload->bytes + payload->length,
                         .fault = fault},
                   .s = stream};
    if (lk_slots_init(&stream->slots, seed) < 0 ||
        lk_vec_reserve(&stream->records, payload->length / USUAL_RECORD_BYTES, sizeof(lk_record)) <
            0) {
        return lk_no_memory(fault);
    }
    for (;;) {
        uint64_t tag;
        p.c.record = p.c.at;
        if (p.c.at == p.c.end) {
            return lk_damage(fault, lk_here(&p.c), "the records end without an END record");
        }
        if (lk_read_varint(&p.c, &tag) < 0) {
            return -1;
        }
        if (tag == LK_TAG_END) {
            return parse_end(&p);
        }
        int status = tag >= LK_NODE_TAG_BASE ? lk_parse_node(&p, tag - LK_NODE_TAG_BASE)
                                             : parse_other_record(&p, tag);
        if (status < 0) {
            return -1;
        }
    }
}

/* Give all tables back.  Safe on tables half made.  Needs no GIL. */
void
lk_stream_free(lk_stream *stream)
{
    lk_slots_free(&stream->slots);
    lk_vec *vectors[] = {&stream->records,   &stream->roots,   &stream->types,   &stream->strings,
                         &stream->others,    &stream->symbols, &stream->schemas, &stream->pool,
                         &stream->ints,      &stream->facts,   &stream->framed,  &stream->codes,
                         &stream->unreached, &stream->sites,   &stream->samples};
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        lk_vec_free(vectors[i]);
    }
}

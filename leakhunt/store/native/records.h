/* State of the parser of records.  Pure C: no Python.h, needs no GIL. */
#ifndef LEAKHUNT_RECORDS_H
#define LEAKHUNT_RECORDS_H

#include "cursor.h"

typedef struct {
    lk_cursor c;
    lk_stream *s;
    uint64_t last_slot;      /* of the last node */
    uint8_t has_address_low; /* of the last node */
} lk_parser;

/* A new item of a vector; NULL with a fault when memory or numbers run out. */
static inline void *
lk_push(lk_parser *p, lk_vec *v, size_t item_size)
{
    void *item = NULL;
    if (v->count >= LK_MAX_ITEMS) {
        lk_damage(p->c.fault, lk_record_offset(&p->c), "too many records of one kind");
        return NULL;
    }
    item = lk_vec_push(v, item_size);
    if (item == NULL) {
        lk_no_memory(p->c.fault);
    }
    return item;
}

/* Read a string into the other strings; *number is its place there.  0, or -1 with a fault. */
int lk_parse_other(lk_parser *p, uint32_t *number);

/* The rest of a SITE record, of a SAMPLE record.  0, or -1 with a fault. */
int lk_parse_site(lk_parser *p);
int lk_parse_sample(lk_parser *p);

/* The rest of a node's record (its tag named the type), of a root's.  0, or -1 with a fault. */
int lk_parse_node(lk_parser *p, uint64_t type_index);
int lk_parse_root(lk_parser *p);

#endif

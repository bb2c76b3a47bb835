#include "fill.h"

static const char *const root_type_names[] = {
    [LK_ROOT_MODULES] = "<root: modules>",         [LK_ROOT_INTERPRETER] = "<root: interpreter>",
    [LK_ROOT_THREAD] = "<root: thread>",           [LK_ROOT_FRAME] = "<root: frame>",
    [LK_ROOT_STATIC_TYPE] = "<root: static type>",
};

const char *
lk_root_type_name(unsigned kind)
{
    return root_type_names[kind];
}

/* Sorted (node id << 32 | index) of a vector whose items begin like lk_pool_entry; each slot
 * has a node, and no two are the same.  NULL with a fault; the caller frees it. */
static uint64_t *
sorted_by_node(const lk_filler *f, const lk_vec *v, size_t item_size, const char *what)
{
    size_t n = v->count;
    uint64_t *keys = malloc((n + 1) * sizeof *keys);
    if (keys == NULL) {
        goto no_memory;
    }
    for (size_t i = 0; i < n; i++) {
        lk_pool_entry item;
        memcpy(&item, (const char *)v->items + i * item_size, sizeof item);
        uint32_t id = lk_slots_rank(&f->s->slots, item.slot);
        if (id == LK_NONE) {
            lk_damage(f->fault, item.offset, "the %s of slot %#llx, where no node is", what,
                      (unsigned long long)item.slot);
            goto error;
        }
        keys[i] = (uint64_t)id << 32 | i;
    }
    if (lk_sort_u64(keys, n) < 0) {
        goto no_memory;
    }
    for (size_t i = 1; i < n; i++) {
        if (keys[i] >> 32 == keys[i - 1] >> 32) {
            lk_pool_entry item;
            memcpy(&item, (const char *)v->items + (uint32_t)keys[i] * item_size, sizeof item);
            lk_damage(f->fault, item.offset, "a second %s of slot %#llx", what,
                      (unsigned long long)item.slot);
            goto error;
        }
    }
    return keys;
no_memory:
    lk_no_memory(f->fault);
error:
    free(keys);
    return NULL;
}

/* Append one string to the string columns, at *bytes. */
static void
put_string(const lk_filler *f, size_t id, const lk_string *string, uint32_t node, size_t *bytes)
{
    memcpy(f->to->string_bytes + *bytes, string->text, string->length);
    *bytes += string->length;
    f->to->string_offset[id + 1] = *bytes;
    f->to->string_node[id] = node;
    f->to->string_flags[id] = string->flags;
}

int
lk_fill_strings(const lk_filler *f)
{
    const lk_string *strings = f->s->strings.items, *others = f->s->others.items;
    size_t id = 0, bytes = 0;
    uint64_t *keys = sorted_by_node(f, &f->s->strings, sizeof *strings, "text");
    if (keys == NULL) {
        return -1;
    }
    f->to->string_offset[0] = 0;
    for (; id < f->s->strings.count; id++) {
        put_string(f, id, &strings[(uint32_t)keys[id]], (uint32_t)(keys[id] >> 32), &bytes);
    }
    free(keys);
    for (size_t i = 0; i < f->s->others.count; i++) {
        put_string(f, id++, &others[i], LK_NONE, &bytes);
    }
    for (unsigned kind = LK_ROOT_MODULES; kind < LK_ROOT_NATIVE; kind++) {
        if (f->s->root_kinds & (1u << kind)) {
            const char *name = lk_root_type_name(kind);
            lk_string string = {.text = (const unsigned char *)name, .length = strlen(name)};
            put_string(f, id++, &string, LK_NONE, &bytes);
        }
    }
    return 0;
}

int
lk_fill_ints(const lk_filler *f)
{
    const lk_int *ints = f->s->ints.items;
    uint64_t *keys = sorted_by_node(f, &f->s->ints, sizeof *ints, "value");
    if (keys == NULL) {
        return -1;
    }
    for (size_t i = 0; i < f->s->ints.count; i++) {
        f->to->int_node[i] = (uint32_t)(keys[i] >> 32);
        f->to->int_value[i] = ints[(uint32_t)keys[i]].value;
    }
    free(keys);
    return 0;
}

/* String id of the text of a node, or LK_NONE.  O(log n). */
static uint32_t
text_of(const lk_filler *f, uint32_t node)
{
    const uint32_t *nodes = f->to->string_node;
    size_t low = 0, high = f->s->strings.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (nodes[middle] < node) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < f->s->strings.count && nodes[low] == node ? (uint32_t)low : LK_NONE;
}

int
lk_resolve_pool(lk_filler *f)
{
    const lk_pool_entry *pool = f->s->pool.items;
    f->pool_names = malloc((f->s->pool.count + 1) * sizeof *f->pool_names);
    if (f->pool_names == NULL) {
        return lk_no_memory(f->fault);
    }
    for (size_t i = 0; i < f->s->pool.count; i++) {
        uint32_t node = pool[i].slot == 0 ? LK_NONE : lk_slots_rank(&f->s->slots, pool[i].slot);
        if (pool[i].slot != 0 && node == LK_NONE) {
            return lk_damage(f->fault, pool[i].offset, "a key at slot %#llx, where no node is",
                             (unsigned long long)pool[i].slot);
        }
        f->pool_names[i] = node == LK_NONE ? LK_NONE : text_of(f, node);
    }
    return 0;
}

int
lk_fill_types(lk_filler *f)
{
    const lk_type *types = f->s->types.items;
    size_t at = f->s->types.count, name = f->s->strings.count + f->s->others.count;
    for (size_t i = 0; i < f->s->types.count; i++) {
        uint32_t node = lk_slots_rank(&f->s->slots, types[i].slot);
        if (node == LK_NONE && (types[i].flags & LK_TYPE_HEAP) && types[i].node_count > 0) {
            return lk_damage(f->fault, types[i].offset,
                             "a heap type at slot %#llx, where no node is",
                             (unsigned long long)types[i].slot);
        }
        f->to->type_name[i] = (uint32_t)f->s->strings.count + types[i].name;
        f->to->type_flags[i] = types[i].flags;
        f->to->type_node[i] = node;
        f->to->type_base_size[i] = types[i].base_size;
    }
    for (unsigned kind = LK_ROOT_MODULES; kind < LK_ROOT_NATIVE; kind++) {
        if (f->s->root_kinds & (1u << kind)) {
            f->root_types[kind] = (uint32_t)at;
            f->to->type_name[at] = (uint32_t)name++;
            f->to->type_flags[at] = LK_TYPE_ROOT;
            f->to->type_node[at] = LK_NONE;
            f->to->type_base_size[at++] = 0;
        }
    }
    return 0;
}

/* Sorted (code node id << 32 | index in s->codes).  NULL with a fault; the caller frees it. */
static uint64_t *
sorted_codes(const lk_filler *f)
{
    const lk_pair *codes = f->s->codes.items;
    uint64_t *keys = malloc((f->s->codes.count + 1) * sizeof *keys);
    if (keys != NULL) {
        for (size_t i = 0; i < f->s->codes.count; i++) {
            keys[i] = (uint64_t)codes[i].node << 32 | i;
        }
        if (lk_sort_u64(keys, f->s->codes.count) < 0) {
            free(keys);
            keys = NULL;
        }
    }
    if (keys == NULL) {
        lk_no_memory(f->fault);
    }
    return keys;
}

/* Node id of the tuple of names of a code object, or LK_NONE. */
static uint32_t
names_of_code(const lk_filler *f, const uint64_t *keys, uint32_t code)
{
    size_t low = 0, high = f->s->codes.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (keys[middle] >> 32 < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == f->s->codes.count || keys[low] >> 32 != code) {
        return LK_NONE;
    }
    return lk_slots_rank(&f->s->slots,
                         ((const lk_pair *)f->s->codes.items)[(uint32_t)keys[low]].slot);
}

/* String id of item i of a tuple of names: edge number i, if it says that it is item i. */
static uint32_t
name_in_tuple(const lk_filler *f, uint32_t tuple, uint32_t i)
{
    uint64_t start = f->to->edge_offset[tuple], end = f->to->edge_offset[tuple + 1];
    if (i >= end - start || f->to->edge_kind[start + i] != LK_EDGE_INDEX ||
        f->to->edge_name[start + i] != i) {
        return LK_NONE;
    }
    return text_of(f, f->to->edge_target[start + i]);
}

int
lk_name_locals(const lk_filler *f)
{
    const lk_pair *framed = f->s->framed.items;
    uint64_t *keys = sorted_codes(f);
    if (keys == NULL) {
        return -1;
    }
    for (size_t k = 0; k < f->s->framed.count; k++) {
        uint32_t id = framed[k].node, tuple = LK_NONE;
        if (framed[k].slot != 0) {
            tuple = names_of_code(f, keys, lk_slots_rank(&f->s->slots, framed[k].slot));
        }
        for (uint64_t e = f->to->edge_offset[id]; e < f->to->edge_offset[id + 1]; e++) {
            if (f->to->edge_kind[e] == LK_EDGE_LOCAL) {
                f->to->edge_name[e] =
                    tuple == LK_NONE ? LK_NONE : name_in_tuple(f, tuple, f->to->edge_name[e]);
            }
        }
    }
    free(keys);
    return 0;
}

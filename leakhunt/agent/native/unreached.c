#include "unreached.h"

#include "birth.h"
#include "process.h"

typedef struct {
    lk_walk *walk;
    lk_unreached *found;
} search;

/* The entry of a type already met, or NULL: writes nothing. */
static const lk_type *
known_type(const lk_walk *w, const PyTypeObject *type)
{
    size_t mask = w->type_capacity - 1;
    size_t i = (((uintptr_t)type >> 4) * 0x9E3779B97F4A7C15ull >> 40) & mask;
    for (; w->types[i].type != NULL; i = (i + 1) & mask) {
        if (w->types[i].type == type) {
            return &w->types[i];
        }
    }
    return NULL;
}

/* The entry of what looks like a type: one with instances, or any type object that the walk
 * reached, so that a type whose every instance is lost is named too.  NULL when it is none. */
static const lk_type *
plausible_type(lk_walk *w, uintptr_t address)
{
    PyTypeObject *type = (PyTypeObject *)address, *metatype;
    const lk_type *known = known_type(w, type);
    if (known != NULL) {
        return known;
    }
    if ((address & 15) != 0 || !lk_slotmap_has(&w->visited, address) ||
        !lk_read_memory(&((PyObject *)type)->ob_type, &metatype, sizeof(metatype)) ||
        known_type(w, metatype) == NULL || !(metatype->tp_flags & Py_TPFLAGS_TYPE_SUBCLASS)) {
        return NULL;
    }
    return lk_type_lookup(w, type);
}

/* Size of an object that nobody reaches: it may be half made, so no pointer of it is
 * followed. */
static size_t
size_of_lost(const lk_type *t, PyObject *o)
{
    switch (t->sizer) {
    case LK_SIZE_BASIC:
    case LK_SIZE_LIST:
    case LK_SIZE_INT:
    case LK_SIZE_BYTEARRAY:
        return lk_object_size(t, o);
    case LK_SIZE_STR:
        return ((PyASCIIObject *)o)->state.compact ? lk_object_size(t, o) : t->base_bytes;
    default:
        return t->base_bytes;
    }
}

/* A live block that the walk does not explain: an object that C code lost when its header
 * is plausible, else somebody's buffer, which is only counted. */
static int
put_unreached(uintptr_t block, void *arg)
{
    search *state = arg;
    lk_walk *w = state->walk;
    uintptr_t words[6];
    size_t have = lk_read_memory((void *)block, words, sizeof(words)) ? 6 : 0;
    if (have == 0 && lk_read_memory((void *)block, words, 16)) {
        have = 2;
    }
    for (size_t at = 0; at + 2 <= have; at += 2) {
        if (words[at] == 0 || words[at] > 0xFFFFFFFFull) {
            continue; /* no reference count */
        }
        const lk_type *t = plausible_type(w, words[at + 1]);
        if (t == NULL || t->preheader_bytes != at * sizeof(uintptr_t)) {
            continue;
        }
        PyObject *o = (PyObject *)(block + at * sizeof(uintptr_t));
        if (lk_slotmap_has(&w->visited, (uintptr_t)o)) {
            return 0;
        }
        size_t size = size_of_lost(t, o);
        lk_emit_room(&w->out);
        lk_emit_varint(&w->out, LK_TAG_UNREACHED);
        lk_emit_varint(&w->out, (uint64_t)(uintptr_t)o >> 4);
        lk_emit_varint(&w->out, (uint64_t)t->index + 1);
        lk_emit_varint(&w->out, size);
        state->found->object_count++;
        return w->out.error != 0;
    }
    state->found->raw_count++;
    return 0;
}

void
lk_put_unreached(lk_walk *w, lk_unreached *found)
{
    search state = {w, found};
    lk_birth_each_live(&w->claimed, put_unreached, &state);
    /* the names in a type met only there */
    lk_put_pending_names(w);
}

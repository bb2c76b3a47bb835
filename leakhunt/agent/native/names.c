/* Text of names: which strings are written, how much of them, and what is masked. */
#include "walk.h"

#include <ctype.h>

#define NAME_LIMIT 64       /* characters of identifiers and keys */
#define LONG_NAME_LIMIT 400 /* file names, qualified names */

/* UTF-8 of the first `limit` characters; returns bytes written.  Surrogates are written as
 * three bytes (Python's surrogatepass).  Needs the GIL. */
size_t
lk_utf8_of(PyObject *str, size_t limit, char *out, size_t room, int *truncated)
{
    size_t n = (size_t)PyUnicode_GET_LENGTH(str), at = 0, i = 0;
    int kind = PyUnicode_KIND(str);
    const void *data = PyUnicode_DATA(str);
    for (; i < n && i < limit && at + 4 <= room; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, i);
        if (c < 0x80) {
            out[at++] = (char)c;
        } else if (c < 0x800) {
            out[at++] = (char)(0xC0 | c >> 6);
            out[at++] = (char)(0x80 | (c & 63));
        } else if (c < 0x10000) {
            out[at++] = (char)(0xE0 | c >> 12);
            out[at++] = (char)(0x80 | (c >> 6 & 63));
            out[at++] = (char)(0x80 | (c & 63));
        } else {
            out[at++] = (char)(0xF0 | c >> 18);
            out[at++] = (char)(0x80 | (c >> 12 & 63));
            out[at++] = (char)(0x80 | (c >> 6 & 63));
            out[at++] = (char)(0x80 | (c & 63));
        }
    }
    *truncated = i < n;
    return at;
}

/* Does a key look like a credential?  Well-known prefixes, or 24 and more characters of one
 * alphabet that mix upper case, lower case and digits (or 32 and more hexadecimal digits). */
static int
looks_secret(const char *text, size_t n)
{
    static const char *const PREFIXES[] = {"sk-",  "sk_",         "pk_live", "ghp_",  "gho_",
                                           "ghs_", "github_pat_", "glpat-",  "AKIA",  "ASIA",
                                           "eyJ",  "xox",         "Bearer ", "ya29.", "-----BEGIN"};
    size_t upper = 0, lower = 0, digits = 0, hex = 0, other = 0;
    for (size_t i = 0; i < sizeof(PREFIXES) / sizeof(*PREFIXES); i++) {
        size_t m = strlen(PREFIXES[i]);
        if (n >= m + 8 && memcmp(text, PREFIXES[i], m) == 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)text[i];
        upper += c >= 'A' && c <= 'Z';
        lower += c >= 'a' && c <= 'z';
        digits += c >= '0' && c <= '9';
        hex += (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        other += !(isalnum(c) || c == '+' || c == '/' || c == '=' || c == '_' || c == '-');
    }
    if (hex == n && n >= 32 && digits >= 6) {
        return 1;
    }
    return other == 0 && n >= 24 && digits >= 3 && upper >= 3 && lower >= 3;
}

/* Remember that the text of a str, or the value of an int, is wanted.  It is written after
 * the open record; each object once.  Needs the GIL. */
void
lk_want_name(lk_walk *w, PyObject *o, int is_long)
{
    if (o == NULL || (w->redact_names && !is_long) || Py_REFCNT(o) <= 0) {
        return;
    }
    int is_int = PyLong_CheckExact(o);
    if ((!is_int && !PyUnicode_Check(o)) || lk_slotmap_add(&w->named, (uintptr_t)o) != 1) {
        return;
    }
    if (w->pending_count == w->pending_capacity) {
        size_t capacity = w->pending_capacity ? w->pending_capacity * 2 : 256;
        lk_pending_name *grown = lk_pages_grow(w->pending, w->pending_capacity * sizeof(*grown),
                                               capacity * sizeof(*grown));
        if (grown == NULL) {
            w->out_of_memory = 1;
            return;
        }
        w->pending = grown;
        w->pending_capacity = capacity;
    }
    w->pending[w->pending_count++] = (lk_pending_name){o, (uint8_t)is_int, (uint8_t)is_long};
}

/* A STRING record.  Needs the GIL. */
static void
put_string(lk_walk *w, const lk_pending_name *name, int64_t delta)
{
    char text[LONG_NAME_LIMIT * 4 + 8];
    int truncated, masked = 0;
    size_t limit = name->limit_long ? LONG_NAME_LIMIT : NAME_LIMIT;
    size_t n = lk_utf8_of(name->object, limit, text, sizeof(text), &truncated);
    if (!name->limit_long && looks_secret(text, n)) {
        n = n < 4 ? n : 4;
        memcpy(text + n, "\xE2\x80\xA6", 3); /* an ellipsis */
        n += 3;
        masked = 1;
    }
    lk_emit_varint(&w->out, LK_TAG_STRING);
    lk_emit_zigzag(&w->out, delta);
    lk_emit_varint(&w->out, (uint64_t)(truncated ? LK_STRING_TRUNCATED : 0) |
                                (masked ? LK_STRING_MASKED : 0));
    lk_emit_string(&w->out, text, n);
}

/* Write what was wanted since the last call.  Never inside a record.  Needs the GIL. */
void
lk_put_pending_names(lk_walk *w)
{
    for (size_t i = 0; i < w->pending_count; i++) {
        const lk_pending_name *name = &w->pending[i];
        uint64_t slot = (uint64_t)(uintptr_t)name->object >> 4;
        int64_t delta = (int64_t)(slot - w->last_node_slot), value;
        lk_discover(w, name->object);
        lk_emit_room(&w->out);
        if (!name->is_int) {
            put_string(w, name, delta);
        } else if (lk_int_value(name->object, &value)) {
            lk_emit_varint(&w->out, LK_TAG_INT);
            lk_emit_zigzag(&w->out, delta);
            lk_emit_zigzag(&w->out, value);
        }
    }
    w->pending_count = 0;
}

static size_t
text_hash(const char *text)
{
    uint64_t h = 0xCBF29CE484222325ull;
    for (; *text != 0; text++) {
        h = (h ^ (unsigned char)*text) * 0x100000001B3ull;
    }
    return (size_t)(h >> 16);
}

/* Double the table of symbols.  0, or -1 without memory. */
static int
grow_symbols(lk_walk *w)
{
    size_t capacity = w->symbol_capacity ? w->symbol_capacity * 2 : 1024;
    lk_symbol_entry *grown = lk_pages_map(capacity * sizeof(*grown));
    if (grown == NULL) {
        w->out_of_memory = 1;
        return -1;
    }
    for (size_t i = 0; i < w->symbol_capacity; i++) {
        if (w->symbols[i].name != NULL) {
            size_t j = text_hash(w->symbols[i].name) & (capacity - 1);
            while (grown[j].name != NULL) {
                j = (j + 1) & (capacity - 1);
            }
            grown[j] = w->symbols[i];
        }
    }
    lk_pages_unmap(w->symbols, w->symbol_capacity * sizeof(*grown));
    w->symbols = grown;
    w->symbol_capacity = capacity;
    return 0;
}

/* The number of a symbol; writes its SYMBOL record on first sight, so never inside a
 * record.  Keeps a copy of the text.  Needs the GIL. */
uint32_t
lk_symbol(lk_walk *w, const char *name)
{
    if (w->symbol_count * 2 >= w->symbol_capacity && grow_symbols(w) < 0) {
        return 0;
    }
    size_t i = text_hash(name) & (w->symbol_capacity - 1);
    for (; w->symbols[i].name != NULL; i = (i + 1) & (w->symbol_capacity - 1)) {
        if (strcmp(w->symbols[i].name, name) == 0) {
            return w->symbols[i].id;
        }
    }
    size_t n = strlen(name);
    char *kept = lk_arena_take(&w->arena, n + 1);
    if (kept == NULL) {
        w->out_of_memory = 1;
        return 0;
    }
    memcpy(kept, name, n + 1);
    w->symbols[i] = (lk_symbol_entry){kept, (uint32_t)w->symbol_count};
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_SYMBOL);
    lk_emit_string(&w->out, name, n);
    return (uint32_t)w->symbol_count++;
}

#include "cursor.h"

int
lk_read_long_varint(lk_cursor *c, uint64_t *value)
{
    const unsigned char *at = c->at;
    uint64_t sum = 0;
    for (unsigned shift = 0;; shift += 7, at++) {
        if (at >= c->end) {
            return lk_damage(c->fault, lk_here(c), "the records end inside a number");
        }
        if (shift == 63 && *at > 1) {
            return lk_damage(c->fault, lk_here(c), "a number does not fit 64 bits");
        }
        sum |= (uint64_t)(*at & 0x7F) << shift;
        if (*at < 0x80) {
            break;
        }
    }
    if (*at == 0 && at != c->at) {
        return lk_damage(c->fault, lk_here(c), "a number is longer than it needs to be");
    }
    c->at = at + 1;
    *value = sum;
    return 0;
}

int
lk_read_bounded(lk_cursor *c, const char *what, uint64_t limit, uint64_t *value)
{
    const unsigned char *start = c->at;
    if (lk_read_varint(c, value) < 0) {
        return -1;
    }
    if (*value > limit) {
        return lk_damage(c->fault, lk_offset_at(c, start), "%s %llu is not in 0..%llu", what,
                         (unsigned long long)*value, (unsigned long long)limit);
    }
    return 0;
}

int
lk_read_slot(lk_cursor *c, uint64_t from, uint64_t *slot)
{
    uint64_t delta;
    const unsigned char *start = c->at;
    if (lk_read_varint(c, &delta) < 0) {
        return -1;
    }
    *slot = from + (uint64_t)lk_unzigzag(delta);
    if (*slot > LK_MAX_SLOT) {
        c->at = start;
        return lk_damage(c->fault, lk_here(c), "a slot is outside the address space");
    }
    return 0;
}

/* Number of bytes of the character at `at`, 0 when it is not one.  Surrogates pass. */
static size_t
character_length(const unsigned char *at, size_t left)
{
    unsigned lead = at[0];
    size_t length = lead < 0x80 ? 1 : lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    if (length == 0 || lead > 0xF4 || length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    if ((lead == 0xE0 && at[1] < 0xA0) || (lead == 0xF0 && at[1] < 0x90) ||
        (lead == 0xF4 && at[1] > 0x8F)) {
        return 0;
    }
    return length;
}

int
lk_read_string(lk_cursor *c, lk_string *string)
{
    uint64_t length, offset = lk_here(c);
    if (lk_read_varint(c, &length) < 0) {
        return -1;
    }
    if (length > (uint64_t)(c->end - c->at)) {
        return lk_damage(c->fault, offset, "a string of %llu bytes does not fit the %llu left",
                         (unsigned long long)length, (unsigned long long)(c->end - c->at));
    }
    const unsigned char *at = c->at, *end = c->at + length;
    while (at < end) {
        size_t n = character_length(at, (size_t)(end - at));
        if (n == 0) {
            return lk_damage(c->fault, offset, "a string of %llu bytes is not UTF-8",
                             (unsigned long long)length);
        }
        at += n;
    }
    *string = (lk_string){.text = c->at, .length = (size_t)length, .offset = offset};
    c->at = end;
    return 0;
}

/* Unsigned 32-bit numbers to and from the decimal text of JSON arrays.  No Python.h here:
 * unit-testable.  None allocates, none recurses, none needs the GIL.
 */
#ifndef LEAKHUNT_DECIMAL_CORE_H
#define LEAKHUNT_DECIMAL_CORE_H

#include <stddef.h>
#include <stdint.h>

/* Longest number and the comma before it. */
#define LK_NUMBER_BYTES 11

/* Writes `value` at `out` and returns the place behind it; at most 10 bytes.  Needs no GIL. */
static inline char *
lk_write_number(char *out, uint32_t value)
{
    char digits[10];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    while (count > 0) {
        *out++ = digits[--count];
    }
    return out;
}

/* Writes `count` numbers in rows of `columns`, a comma before each number and a line break
 * before each row; without the first comma when `is_first`.  `out` has LK_NUMBER_BYTES a
 * number and one byte a row.  Returns the bytes written.  Needs no GIL. */
static inline size_t
lk_write_rows(char *out, const uint32_t *values, size_t count, size_t columns, int is_first)
{
    char *at = out;
    size_t i, column = 0;
    for (i = 0; i < count; i++) {
        if (column == 0) {
            *at++ = '\n';
        }
        if (i > 0 || !is_first) {
            *at++ = ',';
        }
        at = lk_write_number(at, values[i]);
        column = column + 1 == columns ? 0 : column + 1;
    }
    return (size_t)(at - out);
}

/* Where reading stands: the next byte, and what is wrong with it (NULL when nothing is). */
struct lk_reading {
    size_t at;
    const char *problem;
};

/* Is it a blank of JSON?  Needs no GIL. */
static inline int
lk_is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

/* Reads one number at `r->at`, which is before `end`.  0, or -1 with the problem set.  Needs no
 * GIL. */
static inline int
lk_read_number(const char *text, size_t end, struct lk_reading *r, uint32_t *value)
{
    size_t start = r->at;
    uint64_t number = 0;
    while (r->at < end && text[r->at] >= '0' && text[r->at] <= '9') {
        number = number * 10 + (uint64_t)(text[r->at] - '0');
        if (number > UINT32_MAX) {
            r->at = start;
            r->problem = "a number does not fit 32 bits";
            return -1;
        }
        r->at++;
    }
    if (r->at == start) {
        r->problem = "an unsigned decimal number is expected";
        return -1;
    }
    if (text[start] == '0' && r->at > start + 1) {
        r->at = start;
        r->problem = "a number has a leading zero";
        return -1;
    }
    *value = (uint32_t)number;
    return 0;
}

/* Reads numbers with commas between them from `r->at` to `end`, at most `room`; returns how
 * many.  With fewer than `room`, everything up to `end` was read, or the problem is set.  A
 * comma at the very end is a problem.  Needs no GIL. */
static inline size_t
lk_read_numbers(const char *text, size_t end, struct lk_reading *r, uint32_t *out, size_t room)
{
    size_t count = 0;
    while (count < room) {
        while (r->at < end && lk_is_blank(text[r->at])) {
            r->at++;
        }
        if (r->at == end && count == 0) {
            return 0;
        }
        if (lk_read_number(text, end, r, &out[count]) < 0) {
            return count;
        }
        count++;
        while (r->at < end && lk_is_blank(text[r->at])) {
            r->at++;
        }
        if (r->at == end) {
            return count;
        }
        if (text[r->at] != ',') {
            r->problem = "a comma is expected";
            return count;
        }
        r->at++;
        if (r->at == end) {
            r->problem = "a number is expected after the last comma";
            return count;
        }
    }
    return count;
}

#endif

/* A JSON object written into a fixed buffer.  Pure C: no Python.h. */
#ifndef LEAKHUNT_JSON_H
#define LEAKHUNT_JSON_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define LK_JSON_TAIL 8 /* room kept for what closes the object */

typedef struct {
    char *text;
    size_t used, room;
} lk_json;

/* Begin an object. */
static inline void
lk_json_open(lk_json *j, char *text, size_t room)
{
    *j = (lk_json){text, 1, room};
    text[0] = '{';
}

/* The name of a member that will need `bytes` at most.  1, or 0 when there is no room: then
 * the member is left out. */
static inline int
lk_json_name(lk_json *j, const char *name, size_t bytes)
{
    if (j->used + strlen(name) + 6 + bytes + LK_JSON_TAIL > j->room) {
        return 0;
    }
    j->used += (size_t)sprintf(j->text + j->used, "%s\"%s\": ", j->used > 1 ? ", " : "", name);
    return 1;
}

static inline void
lk_json_number(lk_json *j, const char *name, uint64_t value)
{
    if (lk_json_name(j, name, 20)) {
        j->used += (size_t)sprintf(j->text + j->used, "%llu", (unsigned long long)value);
    }
}

/* A list of n numbers. */
static inline void
lk_json_numbers(lk_json *j, const char *name, const uint64_t *values, size_t n)
{
    if (!lk_json_name(j, name, 22 * n + 2)) {
        return;
    }
    j->text[j->used++] = '[';
    for (size_t i = 0; i < n; i++) {
        j->used += (size_t)sprintf(j->text + j->used, "%s%llu", i > 0 ? ", " : "",
                                   (unsigned long long)values[i]);
    }
    j->text[j->used++] = ']';
}

static inline void
lk_json_bool(lk_json *j, const char *name, int value)
{
    if (lk_json_name(j, name, 5)) {
        j->used += (size_t)sprintf(j->text + j->used, value ? "true" : "false");
    }
}

/* One byte of a string; what needs no escape goes as it is, also bytes that are not UTF-8. */
static inline void
lk_json_byte(lk_json *j, unsigned char c)
{
    if (c == '"' || c == '\\') {
        j->text[j->used++] = '\\';
        j->text[j->used++] = (char)c;
    } else if (c < ' ') {
        j->used += (size_t)sprintf(j->text + j->used, "\\u%04x", c);
    } else {
        j->text[j->used++] = (char)c;
    }
}

/* A string of n bytes. */
static inline void
lk_json_bytes(lk_json *j, const char *name, const char *value, size_t n)
{
    if (!lk_json_name(j, name, 6 * n + 2)) {
        return;
    }
    j->text[j->used++] = '"';
    for (size_t i = 0; i < n; i++) {
        lk_json_byte(j, (unsigned char)value[i]);
    }
    j->text[j->used++] = '"';
}

static inline void
lk_json_string(lk_json *j, const char *name, const char *value)
{
    lk_json_bytes(j, name, value, strlen(value));
}

/* A list of strings that ends with NULL. */
static inline void
lk_json_strings(lk_json *j, const char *name, const char *const *values)
{
    size_t bytes = 2;
    for (size_t i = 0; values[i] != NULL; i++) {
        bytes += 6 * strlen(values[i]) + 4;
    }
    if (!lk_json_name(j, name, bytes)) {
        return;
    }
    j->text[j->used++] = '[';
    for (size_t i = 0; values[i] != NULL; i++) {
        j->used += (size_t)sprintf(j->text + j->used, i > 0 ? ", \"" : "\"");
        for (const char *c = values[i]; *c != 0; c++) {
            lk_json_byte(j, (unsigned char)*c);
        }
        j->text[j->used++] = '"';
    }
    j->text[j->used++] = ']';
}

/* End the object; returns its length. */
static inline size_t
lk_json_close(lk_json *j)
{
    j->text[j->used++] = '}';
    return j->used;
}

#endif

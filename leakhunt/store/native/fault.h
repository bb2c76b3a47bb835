/* What is wrong with a stream, and where.  Pure C: no Python.h. */
#ifndef LEAKHUNT_FAULT_H
#define LEAKHUNT_FAULT_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

typedef enum { LK_FAULT_NONE, LK_FAULT_DAMAGE, LK_FAULT_MEMORY } lk_fault_kind;

typedef struct {
    lk_fault_kind kind;
    uint64_t offset; /* in the file */
    char text[192];
} lk_fault;

/* Note damage at a file offset.  Returns -1, for `return lk_damage(...)`. */
__attribute__((format(printf, 3, 4))) static inline int
lk_damage(lk_fault *fault, uint64_t offset, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fault->kind = LK_FAULT_DAMAGE;
    fault->offset = offset;
    vsnprintf(fault->text, sizeof fault->text, format, arguments);
    va_end(arguments);
    return -1;
}

/* Note that memory ran out.  Returns -1. */
static inline int
lk_no_memory(lk_fault *fault)
{
    fault->kind = LK_FAULT_MEMORY;
    return -1;
}

#endif

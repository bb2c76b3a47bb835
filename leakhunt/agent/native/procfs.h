/* Small text files of the kernel, read without stdio, malloc or Python. */
#ifndef LEAKHUNT_PROCFS_H
#define LEAKHUNT_PROCFS_H

#include <stddef.h>
#include <stdint.h>

/* What lk_proc_number says when there is none. */
#define LK_NO_NUMBER UINT64_MAX

/* Read a file into `out` and end it with a NUL; what does not fit is left out.  The bytes
 * read, or -1 when it cannot be read (then `out` is ""). */
long lk_proc_read(const char *path, char *out, size_t room);

/* Write a short text to a file that exists.  0, or -1. */
int lk_proc_write(const char *path, const char *text);

/* The number behind a key that starts a line ("RssAnon:"), or with an empty key the one that
 * starts the text.  LK_NO_NUMBER when there is none. */
uint64_t lk_proc_number(const char *text, const char *key);

#endif

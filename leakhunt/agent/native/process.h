/* What /proc and the kernel say of this process.  Nothing here needs the GIL or Python.h. */
#ifndef LEAKHUNT_PROCESS_H
#define LEAKHUNT_PROCESS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What identifies this process beyond its number, which is used again: when it started, in
 * clock ticks since boot, and which boot.  0 and "" without /proc. */
#define LK_BOOT_ID_ROOM 64
uint64_t lk_start_ticks(void);
void lk_boot_id(char *out);

/* Resident bytes; 0 without /proc. */
uint64_t lk_rss_bytes(void);

/* Entries of a folder; 0 when it cannot be read. */
size_t lk_count_entries(const char *folder);

/* The thread as the kernel numbers it. */
pid_t lk_thread_number(void);

/* Copy from our own memory without trusting the address: the kernel reads.  1 when all of it was
 * there. */
int lk_read_memory(const void *from, void *to, size_t n);

#endif

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "stacks.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "procfs.h"

/* The stack pointer in the last but one word of /proc/self/task/TID/syscall; 0 for none. */
static uintptr_t
stack_pointer_of(const char *thread)
{
    char path[64], text[256];
    snprintf(path, sizeof(path), "/proc/self/task/%.20s/syscall", thread);
    if (lk_proc_read(path, text, sizeof(text)) <= 0) {
        return 0;
    }
    char *last = strrchr(text, ' ');
    if (last == NULL) {
        return 0; /* "running" */
    }
    *last = 0;
    const char *at = strrchr(text, ' ');
    return at == NULL ? 0 : (uintptr_t)strtoull(at + 1, NULL, 16);
}

/* Directory entries are read without opendir, which would allocate. */
size_t
lk_stack_pointers(uintptr_t *out, size_t room)
{
    char entries[4096] __attribute__((aligned(8)));
    size_t count = 0;
    long n;
    int fd = open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    while (fd >= 0 && (n = syscall(SYS_getdents64, fd, entries, sizeof(entries))) > 0) {
        for (long at = 0; at < n && count < room;) {
            const struct dirent64 *entry = (const struct dirent64 *)(entries + at);
            uintptr_t found = entry->d_name[0] == '.' ? 0 : stack_pointer_of(entry->d_name);
            if (found != 0) {
                out[count++] = found;
            }
            at += entry->d_reclen;
        }
    }
    if (fd >= 0) {
        close(fd);
    }
    return count;
}

uint64_t
lk_own_stack_bytes(void)
{
    unsigned char is_there[4096];
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = 0, count = 0;
    pthread_attr_t attributes;
    void *start = NULL;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) {
        return 0;
    }
    int failed = pthread_attr_getstack(&attributes, &start, &size);
    pthread_attr_destroy(&attributes);
    for (size_t at = 0; !failed && at < size; at += sizeof(is_there) * page) {
        size_t part = size - at < sizeof(is_there) * page ? size - at : sizeof(is_there) * page;
        if (mincore((char *)start + at, part, is_there) != 0) {
            continue; /* a guard in between */
        }
        for (size_t i = 0; i < part / page; i++) {
            count += is_there[i] & 1;
        }
    }
    return count * page;
}

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "process.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "procfs.h"

uint64_t
lk_start_ticks(void)
{
    char text[1024];
    lk_proc_read("/proc/self/stat", text, sizeof(text));
    /* the name in parentheses, the second field, may hold spaces and parentheses */
    const char *at = strrchr(text, ')');
    for (int field = 2; at != NULL && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

void
lk_boot_id(char *out)
{
    lk_proc_read("/proc/sys/kernel/random/boot_id", out, LK_BOOT_ID_ROOM);
    out[strcspn(out, "\n")] = 0;
}

uint64_t
lk_rss_bytes(void)
{
    char text[256];
    unsigned long long total, resident;
    lk_proc_read("/proc/self/statm", text, sizeof(text));
    if (sscanf(text, "%llu %llu", &total, &resident) != 2) {
        return 0;
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

size_t
lk_count_entries(const char *folder)
{
    size_t n = 0;
    DIR *entries = opendir(folder);
    if (entries == NULL) {
        return 0;
    }
    for (const struct dirent *entry; (entry = readdir(entries)) != NULL;) {
        n += entry->d_name[0] != '.';
    }
    closedir(entries);
    return n;
}

pid_t
lk_thread_number(void)
{
    return (pid_t)syscall(SYS_gettid);
}

int
lk_read_memory(const void *from, void *to, size_t n)
{
    struct iovec local = {to, n}, remote = {(void *)from, n};
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)n;
}

#include "accounts.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "birth.h"
#include "process.h"
#include "procfs.h"
#include "sites.h"
#include "stacks.h"

/* glibc leaves a guard of this size at most below the stack of a thread.  Since 2.42 the guard is
 * no mapping of its own any more, where the kernel can do that: such stacks are known by the
 * threads that wait on them. */
#define GUARD_BYTES_MAX 65536
#define POINTERS_MAX 512
#define STATS_BYTES 16384

/* ---- mappings ---- */

enum kind { FILES, STACKS, ANONYMOUS, KIND_COUNT };

typedef struct {
    uint64_t sums[KIND_COUNT];
    uint64_t guard_end; /* of the last mapping, when it could be the guard of a stack */
    uint64_t marker;    /* an address on our own stack, or 0 */
    uintptr_t pointers[POINTERS_MAX]; /* into the stacks of others */
    size_t pointer_count;
    enum kind kind; /* of the mapping whose lines are read */
} map_reader;

/* Does a waiting thread have its stack there? */
static int
is_stack(const map_reader *r, uint64_t start, uint64_t end)
{
    for (size_t i = 0; i < r->pointer_count; i++) {
        if (r->pointers[i] >= start && r->pointers[i] < end) {
            return 1;
        }
    }
    return 0;
}

/* What a mapping is for, by its first line in smaps. */
static enum kind
kind_of(map_reader *r, uint64_t start, uint64_t end, const char *access, const char *name)
{
    int is_unnamed = name[0] == 0 || strncmp(name, "[anon", 5) == 0;
    int has_guard = r->guard_end == start;
    int is_guard = is_unnamed && access[0] == '-' && end - start <= GUARD_BYTES_MAX;
    r->guard_end = is_guard ? end : 0;
    if (name[0] == '/' || strncmp(name, "[v", 2) == 0) {
        return FILES;
    }
    if (strcmp(name, "[stack]") == 0) {
        return STACKS;
    }
    if (!is_unnamed || access[0] != 'r') {
        return ANONYMOUS;
    }
    int is_own = r->marker >= start && r->marker < end;
    return is_own || has_guard || is_stack(r, start, end) ? STACKS : ANONYMOUS;
}

/* One line: of a mapping's figures only what is resident counts. */
static void
take_line(map_reader *r, const char *line)
{
    unsigned long long start, end;
    char access[8];
    int name_at = 0;
    if (strncmp(line, "Rss:", 4) == 0) {
        uint64_t kilobytes = lk_proc_number(line, "Rss:");
        r->sums[r->kind] += kilobytes == LK_NO_NUMBER ? 0 : kilobytes * 1024;
    } else if (sscanf(line, "%llx-%llx %7s %*s %*s %*s %n", &start, &end, access, &name_at) == 3) {
        r->kind = kind_of(r, start, end, access, name_at > 0 ? line + name_at : "");
    }
}

/* Take every whole line of a text; returns where the last, unfinished one begins. */
static size_t
take_lines(map_reader *r, char *text, size_t n)
{
    size_t start = 0;
    for (size_t i = 0; i < n; i++) {
        if (text[i] == '\n') {
            text[i] = 0;
            take_line(r, text + start);
            start = i + 1;
        }
    }
    return start;
}

/* Add up what is resident by kind.  0, or -1 when the kernel does not say. */
static int
read_maps(map_reader *r)
{
    char text[8192];
    size_t have = 0, total = 0;
    ssize_t n;
    int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return -1;
    }
    while ((n = read(fd, text + have, sizeof(text) - have)) > 0) {
        have += (size_t)n;
        total += (size_t)n;
        size_t done = take_lines(r, text, have);
        have = done == 0 && have == sizeof(text) ? 0 : have - done; /* no line is so long */
        memmove(text, text + done, have);
    }
    close(fd);
    return n < 0 || total == 0 ? -1 : 0;
}

/* ---- malloc ---- */

/* The file that a function of the process comes from, "" when not known. */
static const char *
file_of(const void *function)
{
    Dl_info info = {0};
    return function != NULL && dladdr(function, &info) != 0 && info.dli_fname != NULL
               ? info.dli_fname
               : "";
}

/* Is it a function's own code?  In a program that is linked to a fixed address (Debian's python3
 * is) the address of a function of a library is that of a stub within the program. */
static int
is_definition(const void *function)
{
    Dl_info info = {0};
    const ElfW(Sym) *symbol = NULL;
    return function != NULL && dladdr1(function, &info, (void **)&symbol, RTLD_DL_SYMENT) != 0 &&
           symbol != NULL && symbol->st_shndx != SHN_UNDEF;
}

#define LIBRARIES_MAX 64

typedef struct {
    char paths[LIBRARIES_MAX][256];
    int count;
} loaded_libraries;

/* Called with the loader's lock held: names are copied and nothing else. */
static int
note_library(struct dl_phdr_info *info, size_t size, void *data)
{
    loaded_libraries *libraries = data;
    (void)size;
    if (info->dlpi_name[0] == '/' && strlen(info->dlpi_name) < sizeof(libraries->paths[0])) {
        strcpy(libraries->paths[libraries->count++], info->dlpi_name);
    }
    return libraries->count == LIBRARIES_MAX;
}

/* Is that the library which defines the process's malloc, the first in the order in which the
 * linker looks for it? */
static int
is_file_of_malloc(const char *wanted)
{
    loaded_libraries libraries = {.count = 0};
    const void *known = dlsym(RTLD_DEFAULT, "malloc");
    if (is_definition(known)) {
        return strcmp(file_of(known), wanted) == 0;
    }
    dl_iterate_phdr(note_library, &libraries);
    for (int i = 0; i < libraries.count; i++) {
        void *library = dlopen(libraries.paths[i], RTLD_LAZY | RTLD_NOLOAD);
        if (library == NULL) {
            continue;
        }
        const char *file = file_of(dlsym(library, "malloc"));
        int is_definer = strcmp(file, libraries.paths[i]) == 0;
        dlclose(library);
        if (is_definer) {
            return strcmp(libraries.paths[i], wanted) == 0;
        }
    }
    return 0;
}

/* Whose malloc it is, by what only that library offers. */
static const char *
name_of_malloc(void)
{
    static const char *const MARKS[][2] = {
        {"mallctl", "jemalloc"},
        {"je_mallctl", "jemalloc"},
        {"MallocExtension_ReleaseFreeMemory", "tcmalloc"},
        {"tc_malloc", "tcmalloc"},
        {"mi_version", "mimalloc"},
    };
    const char *libc = file_of(dlsym(RTLD_DEFAULT, "gnu_get_libc_version"));
    if (libc[0] != 0 && is_file_of_malloc(libc)) {
        return "glibc";
    }
    for (size_t i = 0; i < sizeof(MARKS) / sizeof(MARKS[0]); i++) {
        if (dlsym(RTLD_DEFAULT, MARKS[i][0]) != NULL) {
            return MARKS[i][1];
        }
    }
    return strstr(file_of(dlsym(RTLD_DEFAULT, "malloc")), "musl") != NULL ? "musl" : "";
}

/* The counters of glibc's malloc, where it has such wide ones (2.33). */
static void
read_malloc(lk_accounts *a)
{
    struct wide {
        size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keep;
    };
    struct wide (*ask)(void) = NULL;
    void *found = dlsym(RTLD_DEFAULT, "mallinfo2");
    a->malloc_name = name_of_malloc();
    if (found == NULL || strcmp(a->malloc_name, "glibc") != 0) {
        return;
    }
    memcpy(&ask, &found, sizeof(ask)); /* ISO C knows no cast from an object to a function */
    struct wide now = ask();
    a->malloc_system = now.arena + now.hblkhd;
    a->malloc_used = now.uordblks + now.hblkhd;
    a->malloc_free = now.fordblks;
}

void
lk_accounts_trim(lk_trim *t)
{
    int (*trim)(size_t) = NULL;
    void *found = dlsym(RTLD_DEFAULT, "malloc_trim");
    *t = (lk_trim){lk_rss_bytes(), LK_NO_NUMBER, 0, name_of_malloc()};
    if (found != NULL && strcmp(t->malloc_name, "glibc") == 0) {
        memcpy(&trim, &found, sizeof(trim));
        trim(0);
        t->is_trimmed = 1;
    }
    t->rss_after = lk_rss_bytes();
}

/* ---- the allocator of objects ---- */

/* Not in the headers of all versions: prints to a stream what the allocator holds, 0 when it is
 * not the interpreter's own. */
int _PyObject_DebugMallocStats(FILE *out);
const char *_PyMem_GetCurrentAllocatorName(void);
#pragma weak _PyObject_DebugMallocStats
#pragma weak _PyMem_GetCurrentAllocatorName

/* The number after the "=" of the line that has `key` in it, its commas left out. */
static uint64_t
number_of(const char *text, const char *key)
{
    const char *at = strstr(text, key);
    at = at == NULL ? NULL : strchr(at, '=');
    if (at == NULL) {
        return LK_NO_NUMBER;
    }
    uint64_t value = 0;
    int digit_count = 0;
    for (at++; *at != '\n' && *at != 0; at++) {
        if (*at >= '0' && *at <= '9') {
            value = value * 10 + (uint64_t)(*at - '0');
            digit_count++;
        }
    }
    return digit_count > 0 ? value : LK_NO_NUMBER;
}

/* The words for the allocator, as constant text of ours. */
static const char *
name_of_allocator(void)
{
    static const char *const NAMES[] = {"pymalloc",     "pymalloc_debug", "malloc",
                                        "malloc_debug", "mimalloc",       "mimalloc_debug"};
    const char *name =
        _PyMem_GetCurrentAllocatorName == NULL ? NULL : _PyMem_GetCurrentAllocatorName();
    for (size_t i = 0; name != NULL && i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(name, NAMES[i]) == 0) {
            return NAMES[i];
        }
    }
    return "";
}

/* Sampled blocks that were set aside count as what they would be without us. */
static void
count_aside(lk_accounts *a)
{
    size_t aside = lk_site_hooks_aside_bytes();
    int is_known = a->arenas != LK_NO_NUMBER && a->malloc_used != LK_NO_NUMBER;
    if (is_known && aside <= a->malloc_used && aside <= a->malloc_system) {
        a->arenas += aside;
        a->arenas_used += aside;
        a->malloc_system -= aside;
        a->malloc_used -= aside;
    }
}

/* Put what is below our hooks, whichever of them is on top, in the allocators' places. */
static void
lift_hooks(void)
{
    PyMemAllocatorEx unused;
    lk_alloc_lift(&unused);
    lk_site_hooks_lift();
    lk_alloc_lift(&unused);
}

void
lk_accounts_count(lk_accounts *a)
{
    char text[STATS_BYTES] = "", buffer[512];
    PyMemAllocatorEx memory, objects;
    FILE *out = _PyObject_DebugMallocStats == NULL ? NULL : fmemopen(text, sizeof(text), "w");
    PyMem_GetAllocator(PYMEM_DOMAIN_MEM, &memory);
    PyMem_GetAllocator(PYMEM_DOMAIN_OBJ, &objects);
    lift_hooks(); /* it gives its figures only without a hook above it */
    a->object_allocator = name_of_allocator();
    if (out != NULL) {
        setvbuf(out, buffer, _IOFBF, sizeof(buffer));
        int is_own = _PyObject_DebugMallocStats(out) != 0;
        fclose(out);
        text[sizeof(text) - 1] = 0;
        uint64_t arenas = number_of(text, "bytes/arena");
        uint64_t used = number_of(text, "# bytes in allocated blocks");
        if (is_own && arenas != LK_NO_NUMBER && used <= arenas) {
            a->arenas = arenas;
            a->arenas_used = used;
            a->object_allocator = a->object_allocator[0] == 0 ? "pymalloc" : a->object_allocator;
        }
    }
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &memory);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &objects);
    count_aside(a);
    if (a->rss != LK_NO_NUMBER) {
        uint64_t tables = lk_birth_memory() + lk_sites_memory();
        tables = tables < a->anonymous ? tables : a->anonymous;
        a->anonymous -= tables;
        a->own += tables;
    }
}

/* ---- */

void
lk_accounts_look(lk_accounts *a, int hides_caller)
{
    map_reader maps = {.kind = ANONYMOUS};
    *a = (lk_accounts){LK_NO_NUMBER, LK_NO_NUMBER, LK_NO_NUMBER, LK_NO_NUMBER,
                       LK_NO_NUMBER, LK_NO_NUMBER, LK_NO_NUMBER, LK_NO_NUMBER,
                       LK_NO_NUMBER, LK_NO_NUMBER, "",           ""};
    maps.marker = hides_caller ? (uint64_t)(uintptr_t)&maps : 0;
    maps.pointer_count = lk_stack_pointers(maps.pointers, POINTERS_MAX);
    read_malloc(a);
    if (read_maps(&maps) == 0) {
        a->files = maps.sums[FILES];
        a->own = hides_caller ? lk_own_stack_bytes() : 0;
        a->own = a->own < maps.sums[STACKS] ? a->own : maps.sums[STACKS];
        a->stacks = maps.sums[STACKS] - a->own;
        a->anonymous = maps.sums[ANONYMOUS];
        a->rss = a->files + a->stacks + a->anonymous + a->own;
    }
}

size_t
lk_accounts_format(const lk_accounts *a, char *out, size_t room)
{
    const struct {
        const char *name;
        uint64_t value;
    } members[] = {
        {"rss_bytes", a->rss},
        {"file_bytes", a->files},
        {"stack_bytes", a->stacks},
        {"anonymous_bytes", a->anonymous},
        {"own_bytes", a->own},
        {"arena_bytes", a->arenas},
        {"arena_used_bytes", a->arenas_used},
        {"malloc_system_bytes", a->malloc_system},
        {"malloc_used_bytes", a->malloc_used},
        {"malloc_free_bytes", a->malloc_free},
    };
    lk_json text;
    lk_json_open(&text, out, room);
    lk_json_string(&text, "object_allocator", a->object_allocator);
    lk_json_string(&text, "malloc", a->malloc_name);
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (members[i].value != LK_NO_NUMBER) {
            lk_json_number(&text, members[i].name, members[i].value);
        }
    }
    size_t n = lk_json_close(&text);
    out[n] = 0;
    return n;
}

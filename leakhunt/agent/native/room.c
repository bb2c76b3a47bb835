#include "room.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "procfs.h"

/* The names of one version of control groups. */
typedef struct {
    const char *root, *limit, *soft_limit, *usage, *cache_key;
} group_files;

static const group_files V1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "",
                               "memory.usage_in_bytes", "total_inactive_file "};
static const group_files V2 = {"/sys/fs/cgroup", "memory.max", "memory.high", "memory.current",
                               "inactive_file "};

/* The number that a file of a group holds, or LK_NO_NUMBER ("max", or no such file). */
static uint64_t
group_number(const group_files *files, const char *group, const char *name, const char *key)
{
    char path[PATH_MAX], text[8192];
    if (name[0] == 0 ||
        (size_t)snprintf(path, sizeof(path), "%s%s/%s", files->root, group, name) >= sizeof(path)) {
        return LK_NO_NUMBER;
    }
    return lk_proc_read(path, text, sizeof(text)) < 0 ? LK_NO_NUMBER : lk_proc_number(text, key);
}

/* Take one group's limit into account. */
static void
look_at_group(const group_files *files, const char *group, lk_room *room)
{
    uint64_t limit = group_number(files, group, files->limit, "");
    uint64_t soft = group_number(files, group, files->soft_limit, "");
    uint64_t usage = group_number(files, group, files->usage, "");
    uint64_t cache = group_number(files, group, "memory.stat", files->cache_key);
    limit = soft < limit ? soft : limit;
    if (group_number(files, group, "memory.oom.group", "") == 1) {
        room->dies_together = 1;
    }
    if (limit == LK_NO_NUMBER || usage == LK_NO_NUMBER) {
        return;
    }
    usage -= cache != LK_NO_NUMBER && cache < usage ? cache : 0;
    uint64_t left = limit > usage ? limit - usage : 0;
    room->bytes = left < room->bytes ? left : room->bytes;
}

/* The group and all above it.  Inside a container the path may be the host's, where nothing is
 * found until the root, which is the container's own. */
static void
look_at_groups(const group_files *files, char *group, lk_room *room)
{
    char *end;
    while ((end = strrchr(group, '/')) != NULL) {
        if (end[1] != 0) {
            look_at_group(files, group, room);
        }
        *end = 0;
    }
    look_at_group(files, "", room);
}

lk_room
lk_room_left(void)
{
    lk_room room = {UINT64_MAX, 0};
    char text[8192];
    lk_proc_read("/proc/meminfo", text, sizeof(text));
    uint64_t available = lk_proc_number(text, "MemAvailable:");
    if (available != LK_NO_NUMBER) {
        room.bytes = available * 1024;
    }
    lk_proc_read("/proc/self/cgroup", text, sizeof(text));
    char *next;
    for (char *line = text; line != NULL && *line != 0; line = next) {
        next = strchr(line, '\n');
        if (next != NULL) {
            *next++ = 0;
        }
        char *controllers = strchr(line, ':');
        char *group = controllers == NULL ? NULL : strchr(controllers + 1, ':');
        if (group == NULL) {
            continue;
        }
        *group++ = 0;
        if (strcmp(controllers + 1, "memory") == 0) {
            look_at_groups(&V1, group, &room);
        } else if (controllers[1] == 0) {
            look_at_groups(&V2, group, &room);
        }
    }
    return room;
}

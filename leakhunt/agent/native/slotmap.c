#include "slotmap.h"

#include <sys/mman.h>
#include <unistd.h>

/* Anonymous zero pages that are not counted against overcommit.  NULL without memory. */
static void *
map_pages(size_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                   -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

/* The directory and, behind it, the list of the regions that have a leaf: who is done with a map
 * need not read a directory of a megabyte for a handful of leaves. */
#define DIRECTORY_BYTES (LK_REGIONS * (sizeof(uint8_t *) + sizeof(uint32_t)))

/* 0, or -1 without memory.  The map owns its pages until lk_slotmap_fini.  No GIL needed. */
int
lk_slotmap_init(lk_slotmap *map, size_t leaf_bytes)
{
    map->leaf_bytes = leaf_bytes;
    map->leaf_count = 0;
    map->leaves = map_pages(DIRECTORY_BYTES);
    if (map->leaves == NULL) {
        return -1;
    }
    map->regions = (uint32_t *)(map->leaves + LK_REGIONS);
    return 0;
}

/* Give all pages back.  Safe on a map whose init failed.  No GIL needed. */
void
lk_slotmap_fini(lk_slotmap *map)
{
    if (map->leaves == NULL) {
        return;
    }
    for (size_t i = 0; i < map->leaf_count; i++) {
        munmap(map->leaves[map->regions[i]], map->leaf_bytes);
    }
    map->leaf_count = 0;
    munmap(map->leaves, DIRECTORY_BYTES);
    map->leaves = NULL;
}

/* The new, empty leaf for an address that has none; NULL without memory.  No GIL needed. */
uint8_t *
lk_slotmap_add_leaf(lk_slotmap *map, uintptr_t address)
{
    uintptr_t region = address >> LK_REGION_SHIFT;
    if (region >= LK_REGIONS) {
        return NULL;
    }
    uint8_t *leaf = map_pages(map->leaf_bytes);
    if (leaf != NULL) {
        map->leaves[region] = leaf;
        map->regions[map->leaf_count++] = (uint32_t)region;
    }
    return leaf;
}

/* Bytes of the map that are in memory now (mincore), for the footer.  No GIL needed. */
size_t
lk_slotmap_resident(const lk_slotmap *map)
{
    static unsigned char vec[4096]; /* one leaf of 16 MiB has 4096 pages */
    size_t page = (size_t)sysconf(_SC_PAGESIZE), total = 0;
    if (map->leaves == NULL || map->leaf_bytes / page > sizeof(vec)) {
        return 0;
    }
    for (size_t i = 0; i < map->leaf_count; i++) {
        if (mincore(map->leaves[map->regions[i]], map->leaf_bytes, vec) == 0) {
            for (size_t j = 0; j < map->leaf_bytes / page; j++) {
                total += (vec[j] & 1) * page;
            }
        }
    }
    return total;
}

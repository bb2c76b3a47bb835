/* Sets of 16-byte slots as bits in lazily mapped leaves.
 *
 * One leaf covers 1 GiB of addresses.  The directory covers the 47-bit user half, so
 * a look-up is two loads; pages that no bit touches cost no memory.  Everything is
 * mapped on demand, which keeps working under RLIMIT_AS where one huge reservation fails.
 * Pure C: no Python.h.
 */
#ifndef LEAKHUNT_SLOTMAP_H
#define LEAKHUNT_SLOTMAP_H

#include <stddef.h>
#include <stdint.h>

#define LK_REGION_SHIFT 30 /* 1 GiB a leaf */
#define LK_REGIONS ((size_t)1 << (47 - LK_REGION_SHIFT))
#define LK_LEAF_BITS_1 ((size_t)1 << (LK_REGION_SHIFT - 4 - 3)) /* bytes, 1 bit a slot */
#define LK_LEAF_BITS_2 ((size_t)1 << (LK_REGION_SHIFT - 4 - 2)) /* bytes, 2 bits a slot */

typedef struct {
    uint8_t **leaves;  /* LK_REGIONS entries */
    uint32_t *regions; /* of the leaves, in the order in which they were made */
    size_t leaf_bytes;
    size_t leaf_count;
} lk_slotmap;

int lk_slotmap_init(lk_slotmap *map, size_t leaf_bytes);
void lk_slotmap_fini(lk_slotmap *map);
uint8_t *lk_slotmap_add_leaf(lk_slotmap *map, uintptr_t address);
size_t lk_slotmap_resident(const lk_slotmap *map);

/* The leaf of an address, or NULL when it was never made.  Needs no GIL. */
static inline uint8_t *
lk_slotmap_leaf(const lk_slotmap *map, uintptr_t address)
{
    uintptr_t region = address >> LK_REGION_SHIFT;
    return region < LK_REGIONS ? map->leaves[region] : NULL;
}

/* Test one bit of a 1-bit map. */
static inline int
lk_slotmap_has(const lk_slotmap *map, uintptr_t address)
{
    const uint8_t *leaf = lk_slotmap_leaf(map, address);
    uintptr_t slot = (address >> 4) & (((uintptr_t)1 << (LK_REGION_SHIFT - 4)) - 1);
    return leaf != NULL && (leaf[slot >> 3] >> (slot & 7) & 1);
}

/* Set one bit of a 1-bit map: 1 when it was clear, 0 when it was set, -1 without memory. */
static inline int
lk_slotmap_add(lk_slotmap *map, uintptr_t address)
{
    uintptr_t region = address >> LK_REGION_SHIFT;
    if (__builtin_expect(region >= LK_REGIONS, 0)) {
        return -1;
    }
    uint8_t *leaf = map->leaves[region];
    if (__builtin_expect(leaf == NULL, 0)) {
        leaf = lk_slotmap_add_leaf(map, address);
        if (leaf == NULL) {
            return -1;
        }
    }
    uintptr_t slot = (address >> 4) & (((uintptr_t)1 << (LK_REGION_SHIFT - 4)) - 1);
    uint8_t bit = (uint8_t)(1u << (slot & 7));
    uint8_t *cell = &leaf[slot >> 3];
    if (*cell & bit) {
        return 0;
    }
    *cell = (uint8_t)(*cell | bit);
    return 1;
}

#endif

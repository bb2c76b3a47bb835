/* What birth.c (the map and its epochs), birth_alloc.c and birth_dealloc.c (who fill it) share.
 *
 * Two bits per 16-byte slot, written under the GIL: PYMEM_DOMAIN_OBJ is only called with it.
 */
#ifndef LEAKHUNT_BIRTH_MAP_H
#define LEAKHUNT_BIRTH_MAP_H

#include "birth.h"
#include "dealloc.h"

#define LK_CELL_INDEX(address) (((address) >> 6) & (LK_LEAF_BITS_2 - 1))
#define LK_CELL_SHIFT(address) ((((address) >> 4) & 3) * 2)

/* Process-wide, like the hooks. */
extern lk_slotmap lk_births __attribute__((visibility("hidden")));

/* The leaf used last, placed so that address >> 6 is its index: most blocks of a program are
 * in one region.  While tracking is off no region fits, and the hooks pass through. */
typedef struct {
    uintptr_t region, base;
} lk_hot_leaf;
extern lk_hot_leaf lk_birth_hot __attribute__((visibility("hidden")));

/* The cell of an address in another leaf than the last; NULL when there is nothing to mark.
 * `make`: the leaf is made when it is missing.  Needs the GIL. */
uint8_t *lk_birth_find_cell(uintptr_t address, int make)
    __attribute__((noinline, visibility("hidden")));

/* Needs the GIL. */
static inline void
lk_birth_set(uintptr_t address, unsigned bits)
{
    uint8_t *cell = (uint8_t *)(lk_birth_hot.base + (address >> 6));
    if (__builtin_expect(address >> LK_REGION_SHIFT != lk_birth_hot.region, 0)) {
        cell = lk_birth_find_cell(address, 1);
        if (cell == NULL) {
            return;
        }
    }
    *cell |= (uint8_t)(bits << LK_CELL_SHIFT(address));
}

/* Needs the GIL. */
static inline void
lk_birth_unset(uintptr_t address, unsigned bits)
{
    uint8_t *cell = (uint8_t *)(lk_birth_hot.base + (address >> 6));
    if (__builtin_expect(address >> LK_REGION_SHIFT != lk_birth_hot.region, 0)) {
        cell = lk_birth_find_cell(address, 0);
        if (cell == NULL) {
            return;
        }
    }
    *cell &= (uint8_t)~(bits << LK_CELL_SHIFT(address));
}

/* When identity is enough: the object that was old or met is no more.  Needs the GIL. */
static inline void
lk_birth_forget(uintptr_t address)
{
    uint8_t *cell = (uint8_t *)(lk_birth_hot.base + (address >> 6));
    if (__builtin_expect(address >> LK_REGION_SHIFT != lk_birth_hot.region, 0)) {
        cell = lk_birth_find_cell(address, 1);
        if (cell == NULL) {
            return;
        }
    }
    unsigned bits = 3u << LK_CELL_SHIFT(address);
    if (__builtin_expect(*cell & bits, 0)) {
        *cell &= (uint8_t)~bits; /* most that die are young: no write for them */
    }
}

/* ---- who notices ---- */

/* Each installation has a link of its own, handed to the hook as its context.  A hook that
 * somebody removed and a later one of ours can then be in one chain without a loop.  A link
 * that somebody may have saved is never used again. */
#define LK_LINK_MAX 16
#define LK_CHAIN_IS_LONG "our hook was displaced too often in this process"

/* The allocator hook: get into place (0, or -1 with *why a constant text), give the place
 * back if it is on top, and: is it called?  That is found by an experiment.  They need the
 * GIL and a map. */
int lk_alloc_install(const char **why);
void lk_alloc_uninstall(void);
int lk_alloc_is_watching(void);

#endif

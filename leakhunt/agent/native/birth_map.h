/* What birth.c (the map and its epochs) and birth_hooks.c (who fills it) share.
 *
 * Two bits per 16-byte slot, written under the GIL: PYMEM_DOMAIN_OBJ and the tracer are
 * only called with it.
 */
#ifndef LEAKHUNT_BIRTH_MAP_H
#define LEAKHUNT_BIRTH_MAP_H

#include "birth.h"

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
lk_birth_clear_live(uintptr_t address)
{
    uint8_t *cell = (uint8_t *)(lk_birth_hot.base + (address >> 6));
    if (__builtin_expect(address >> LK_REGION_SHIFT != lk_birth_hot.region, 0)) {
        cell = lk_birth_find_cell(address, 0);
        if (cell == NULL) {
            return;
        }
    }
    *cell &= (uint8_t)~(LK_BIRTH_LIVE << LK_CELL_SHIFT(address));
}

/* Get our hooks into place; what is there already stays.  0, or -1 with *why a constant
 * text.  Needs the GIL and a map. */
int lk_birth_install(const char **why);

/* Put back what we found.  Needs the GIL and a map. */
enum lk_birth_rest lk_birth_uninstall(void);

/* Is our hook called?  Asked by an experiment.  Needs the GIL and a map. */
int lk_birth_is_watching(void);

#endif

#include "compat.h"

#include "childheap.h"
#include "pages.h"
#include "tracers.h"

#define REGION_BYTES ((size_t)1 << 20)

typedef struct {
    size_t bytes, reserved;
} block_head; /* keeps blocks at multiples of 16 */

static char *next_free, *region_end;

/* New memory, zeroed unless it was used before; NULL without. */
static void *
take(void *ctx, size_t n)
{
    size_t bytes = sizeof(block_head) + ((n + 15) & ~(size_t)15);
    (void)ctx;
    if (n > PY_SSIZE_T_MAX / 2) {
        return NULL;
    }
    if (next_free == NULL || (size_t)(region_end - next_free) < bytes) {
        size_t region = bytes > REGION_BYTES ? bytes : REGION_BYTES;
        char *p = lk_pages_map(region);
        if (p == NULL) {
            return NULL;
        }
        next_free = p;
        region_end = p + region;
    }
    block_head *head = (block_head *)next_free;
    head->bytes = n;
    next_free += bytes;
    return head + 1;
}

static void *
take_zeroed(void *ctx, size_t k, size_t n)
{
    if (n != 0 && k > PY_SSIZE_T_MAX / n) {
        return NULL;
    }
    void *p = take(ctx, k * n);
    return p == NULL ? NULL : memset(p, 0, k * n);
}

/* What the program allocated has another head: such a block cannot grow. */
static void *
take_more(void *ctx, void *old, size_t n)
{
    return old == NULL ? take(ctx, n) : NULL;
}

/* The newest block can be used again, which is all that a walk needs: the int that a
 * __sizeof__ answers is gone before the next one is made. */
static void
give_back(void *ctx, void *p)
{
    (void)ctx;
    block_head *head = p == NULL ? NULL : (block_head *)p - 1;
    if (p != NULL && (char *)p < next_free && (char *)p >= region_end - REGION_BYTES &&
        (char *)p + ((head->bytes + 15) & ~(size_t)15) == next_free) {
        next_free = (char *)head;
    }
}

void
lk_child_heap_use(void)
{
    lk_drop_tracers();
    PyMemAllocatorEx ours = {NULL, take, take_zeroed, take_more, give_back};
    PyMem_SetAllocator(PYMEM_DOMAIN_RAW, &ours);
    PyMem_SetAllocator(PYMEM_DOMAIN_MEM, &ours);
    PyMem_SetAllocator(PYMEM_DOMAIN_OBJ, &ours);
}

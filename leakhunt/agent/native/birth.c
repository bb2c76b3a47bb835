/* Birth tracking: the map of births and its epochs. */
#include "birth_map.h"
#include "trashcan.h"

#include <pthread.h>
#include <sys/mman.h>

lk_slotmap lk_births;
static int is_fresh;  /* no mark since the start: the first mark is the baseline */
static int is_broken; /* births of this epoch were missed */
static int has_gap;   /* ends were missed since the start */
int lk_birth_is_light;
static size_t seen_pages; /* pages of the map with bits in them, when last looked at */

#define PAGE_BYTES ((size_t)4096)
#define PAGE_WORDS (PAGE_BYTES / sizeof(uint64_t))
#define LIVE_BITS 0xAAAAAAAAAAAAAAAAull
#define MET_BITS LIVE_BITS

#define NO_REGION (~(uintptr_t)0)
lk_hot_leaf lk_birth_hot = {.region = NO_REGION};

uint8_t *
lk_birth_find_cell(uintptr_t address, int make)
{
    uintptr_t region = address >> LK_REGION_SHIFT;
    /* address 0: an allocation that failed, or free(NULL) */
    if (lk_births.leaves == NULL || address == 0 || region >= LK_REGIONS) {
        return NULL;
    }
    uint8_t *leaf = lk_births.leaves[region];
    if (leaf == NULL && make) {
        leaf = lk_slotmap_add_leaf(&lk_births, address);
        if (leaf == NULL) {
            is_broken = 1;
            return NULL;
        }
        /* a huge page would make memory of a map that is mostly empty; refusal does no harm */
        madvise(leaf, LK_LEAF_BITS_2, MADV_NOHUGEPAGE);
    }
    if (leaf == NULL) {
        return NULL;
    }
    lk_birth_hot.region = region;
    lk_birth_hot.base = (uintptr_t)leaf - region * LK_LEAF_BITS_2;
    return leaf + LK_CELL_INDEX(address);
}

/* Turn the hooks into pass-throughs and give the map back. */
static void
drop_map(void)
{
    lk_birth_hot.region = NO_REGION;
    lk_slotmap_fini(&lk_births);
}

#if LK_MANY_FREE_LISTS
#define LK_NUMBER "float or an int"
#else
#define LK_NUMBER "float"
#endif

const char *const *
lk_birth_inferred_types(void)
{
#if LK_MANY_FREE_LISTS
    static const char *const names[] = {"builtins.float", "builtins.int", NULL};
#else
    static const char *const names[] = {"builtins.float", NULL};
#endif
    return names;
}

const char *
lk_birth_method(void)
{
    return "allocator+deallocators";
}

const char *
lk_birth_note(void)
{
    return "exact for all that passes the object allocator and for the types of the standard "
           "library with free lists; a " LK_NUMBER
           " computed from a dying one, and an object of an "
           "extension type with a free list of its own, can pass for the one whose place it took";
}

/* Get into place; what is there already stays.  0, or -1 with *why a constant text.  Needs
 * the GIL and a map. */
static int
install(const char **why)
{
    if (!lk_alloc_is_watching() && lk_alloc_install(why) < 0) {
        return -1;
    }
    lk_dealloc_wrap(LK_DEALLOC_BIRTHS);
    return 0;
}

/* Put back what we found.  Needs the GIL and a map. */
static enum lk_birth_rest
uninstall(void)
{
    int is_clean = lk_dealloc_unwrap(LK_DEALLOC_BIRTHS);
    lk_alloc_uninstall();
    return is_clean && !lk_alloc_is_watching() ? LK_BIRTH_NOTHING_LEFT : LK_BIRTH_PASS_THROUGH;
}

/* A child of fork is not watched: what is in place is taken out of it again.  When it was
 * forked by a thread without the GIL, the interpreter is not touched (the program will not run
 * Python there) and the hooks pass through. */
static void
leave_child_alone(void)
{
    PyThreadState *ts = lk_current_thread();
    if (lk_birth_is_running() && ts != NULL && ts == PyGILState_GetThisThreadState()) {
        uninstall();
    }
    drop_map();
}

/* Begin.  find_lost: keep account of what is live as well, which costs as much again.
 * 0, or -1 with *why a constant text.  Needs the GIL. */
int
lk_birth_start(int find_lost, const char **why)
{
    static int has_fork_handler;
    if (lk_birth_is_running()) {
        *why = "birth tracking is running already";
        return -1;
    }
    if (lk_slotmap_init(&lk_births, LK_LEAF_BITS_2) < 0) {
        *why = "no memory for the birth map";
        return -1;
    }
    is_broken = has_gap = 0;
    is_fresh = 1;
    lk_birth_is_light = !find_lost;
    if (install(why) < 0) {
        drop_map();
        return -1;
    }
    if (!has_fork_handler) {
        has_fork_handler = pthread_atfork(NULL, NULL, leave_child_alone) == 0;
    }
    return 0;
}

/* End.  The map's memory goes back.  Needs the GIL. */
enum lk_birth_rest
lk_birth_stop(void)
{
    /* a child of fork has the hooks and no map; without one we cannot ask who is called */
    if (lk_births.leaves == NULL && lk_slotmap_init(&lk_births, LK_LEAF_BITS_2) < 0) {
        return LK_BIRTH_PASS_THROUGH;
    }
    enum lk_birth_rest rest = uninstall();
    drop_map();
    return rest;
}

int
lk_birth_is_running(void)
{
    return lk_births.leaves != NULL;
}

/* False when memory for the map ran out.  The part of lk_birth_take_stock that a child can ask. */
int
lk_birth_is_whole(void)
{
    return !lk_birth_is_running() || !is_broken;
}

int
lk_birth_has_account(void)
{
    return lk_birth_is_running() && !lk_birth_is_light && !has_gap;
}

/* Bytes of the map that hold bits, as of the last capture or mark.  What is resident cannot
 * be asked: looking at an empty page makes it count as such. */
size_t
lk_birth_memory(void)
{
    return lk_birth_is_running() ? seen_pages * PAGE_BYTES : 0;
}

unsigned
lk_birth_bits(uintptr_t address)
{
    const uint8_t *leaf = lk_births.leaves == NULL ? NULL : lk_slotmap_leaf(&lk_births, address);
    return leaf == NULL ? 0 : leaf[LK_CELL_INDEX(address)] >> LK_CELL_SHIFT(address) & 3;
}

typedef int (*page_visitor)(uint64_t *page, uintptr_t base, void *arg);

/* Visit the pages of the map that are not empty; `base` is the address of the first slot.
 * Stops when the visitor returns non-zero and returns that.  Needs the GIL. */
static int
each_page(page_visitor visit, void *arg)
{
    int stop = 0;
    seen_pages = 0;
    for (size_t i = 0; lk_births.leaves != NULL && stop == 0 && i < LK_REGIONS; i++) {
        uint64_t *page = (uint64_t *)lk_births.leaves[i];
        uintptr_t base = (uintptr_t)i << LK_REGION_SHIFT;
        for (size_t j = 0; page != NULL && stop == 0 && j < LK_LEAF_BITS_2 / PAGE_BYTES; j++) {
            uint64_t any = 0;
            for (size_t k = 0; k < PAGE_WORDS; k++) {
                any |= page[k];
            }
            if (any != 0) {
                seen_pages++;
                stop = visit(page, base, arg);
            }
            page += PAGE_WORDS;
            base += PAGE_WORDS * 32 << 4;
        }
    }
    return stop;
}

int
lk_birth_meet(uintptr_t block)
{
    uint8_t *cell = lk_birth_find_cell(block, 1);
    if (cell == NULL) {
        return 1;
    }
    unsigned shift = LK_CELL_SHIFT(block);
    int is_born = !(*cell >> shift & LK_BIRTH_OLD);
    *cell |= (uint8_t)(LK_BIRTH_MET << shift);
    return is_born;
}

int
lk_birth_is_born(PyObject *o)
{
    size_t preheader = lk_preheader_bytes(Py_TYPE(o));
    unsigned bits = lk_birth_bits((uintptr_t)o - preheader);
    return lk_birth_is_running() &&
           (lk_birth_is_light ? !(bits & LK_BIRTH_OLD) : (bits & LK_BIRTH_BORN) != 0);
}

/* A page_visitor: those met become the old ones. */
static int
age_met(uint64_t *page, uintptr_t base, void *arg)
{
    (void)base;
    (void)arg;
    for (size_t i = 0; i < PAGE_WORDS; i++) {
        page[i] = (page[i] & MET_BITS) >> 1;
    }
    return 0;
}

/* A page_visitor. */
static int
forget_born(uint64_t *page, uintptr_t base, void *arg)
{
    (void)base;
    (void)arg;
    for (size_t i = 0; i < PAGE_WORDS; i++) {
        page[i] &= LIVE_BITS;
    }
    return 0;
}

/* A page_visitor: none was met yet. */
static int
forget_met(uint64_t *page, uintptr_t base, void *arg)
{
    (void)base;
    (void)arg;
    for (size_t i = 0; i < PAGE_WORDS; i++) {
        page[i] &= ~MET_BITS;
    }
    return 0;
}

int
lk_birth_take_stock(void)
{
    int is_watching = !lk_birth_is_running() || lk_alloc_is_watching();
    has_gap |= !is_watching;
    if (!is_watching && lk_birth_is_light) {
        each_page(forget_met, NULL);
    }
    return is_watching && lk_birth_is_whole();
}

/* Nothing is born.  The first mark is the baseline: nothing is live either. */
void
lk_birth_mark(void)
{
    const char *why;
    if (!lk_birth_is_running()) {
        return;
    }
    /* our hook may have been taken away, a module with a wanted type imported */
    is_broken = install(&why) < 0;
    if (lk_birth_is_light) {
        each_page(age_met, NULL);
        return;
    }
    for (size_t i = 0; is_fresh && i < LK_REGIONS; i++) {
        if (lk_births.leaves[i] != NULL) {
            madvise(lk_births.leaves[i], LK_LEAF_BITS_2, MADV_DONTNEED);
        }
    }
    if (!is_fresh) {
        each_page(forget_born, NULL);
    }
    is_fresh = 0;
}

typedef struct {
    const lk_slotmap *claimed;
    int (*found)(uintptr_t, void *);
    void *arg;
} live_search;

/* A page_visitor: report the live slots of a page. */
static int
report_live(uint64_t *page, uintptr_t base, void *arg)
{
    const live_search *search = arg;
    for (size_t i = 0; i < PAGE_WORDS; i++) {
        for (uint64_t live = page[i] & LIVE_BITS; live != 0; live &= live - 1) {
            uintptr_t slot = i * 32 + (uintptr_t)__builtin_ctzll(live) / 2;
            uintptr_t address = base + (slot << 4);
            if (!lk_slotmap_has(search->claimed, address)) {
                int stop = search->found(address, search->arg);
                if (stop) {
                    return stop;
                }
            }
        }
    }
    return 0;
}

int
lk_birth_each_live(const lk_slotmap *claimed, int (*found)(uintptr_t, void *), void *arg)
{
    live_search search = {claimed, found, arg};
    return each_page(report_live, &search);
}

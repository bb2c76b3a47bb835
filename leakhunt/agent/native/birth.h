/* Birth tracking: which slots got a new object since the last mark, and which blocks made
 * since the baseline are still allocated.
 */
#ifndef LEAKHUNT_BIRTH_H
#define LEAKHUNT_BIRTH_H

#include "compat.h"
#include "slotmap.h"

/* When lost objects are looked for as well: */
#define LK_BIRTH_BORN 1 /* something was made here since the mark */
#define LK_BIRTH_LIVE 2 /* made since the baseline and not freed */
/* When identity is enough: */
#define LK_BIRTH_OLD 1 /* an object that the capture at the mark met; not freed since */
#define LK_BIRTH_MET 2 /* an object that a later capture met; not freed since */

/* What is left of us in the interpreter after lk_birth_stop. */
enum lk_birth_rest {
    LK_BIRTH_NOTHING_LEFT, /* all is as it was found */
    LK_BIRTH_PASS_THROUGH, /* somebody built on our hook: it stays and does nothing */
};

#define LK_BIRTH_PASS_THROUGH_NOTE                                                                 \
    "another hook was installed above ours: ours stays as a pass-through"

/* Which pair of bits it is. */
extern int lk_birth_is_light __attribute__((visibility("hidden")));

int lk_birth_start(int find_lost, const char **why);
enum lk_birth_rest lk_birth_stop(void);

/* Between start and stop, in this process.  No GIL needed. */
int lk_birth_is_running(void);

/* Start a new epoch.  When identity is enough, only right after a walk of the whole heap:
 * what that met is old from now on.  Needs the GIL. */
void lk_birth_mark(void);

/* Before a walk: were all births of this epoch seen?  When somebody took our hook away, forgets
 * what the ends that were missed would have ended.  Needs the GIL. */
int lk_birth_take_stock(void);
int lk_birth_is_whole(void);

/* Were all ends seen since the start?  Else nothing is known of lost objects. */
int lk_birth_has_account(void);
const char *lk_birth_method(void);
const char *lk_birth_note(void);
size_t lk_birth_memory(void);
unsigned lk_birth_bits(uintptr_t address);

/* When identity is enough: was the block not met by the capture at the mark, or freed since?
 * Notes that it is met now.  Needs the GIL. */
int lk_birth_meet(uintptr_t block);

/* Was the object at o made since the mark?  Changes nothing.  Needs the GIL. */
int lk_birth_is_born(PyObject *o);

/* Put what the interpreter used before our hook in the allocator's place for a moment.  1 when it
 * was ours that was on top: then *kept is to be set again before the GIL is let go of. */
int lk_alloc_lift(PyMemAllocatorEx *kept);

/* Types of which a newborn can pass for an old object, ending with NULL. */
const char *const *lk_birth_inferred_types(void);

/* Call `found` for the address of each live block that is not in `claimed`; stops when it
 * returns non-zero and returns that.  Only with an account. */
int lk_birth_each_live(const lk_slotmap *claimed, int (*found)(uintptr_t, void *), void *arg);

/* Was the object at o made since the mark?  (With BORN bits: or it was absent from the capture
 * at the mark, which the reader of the file knows.)  Also notes that it was met, and claims
 * its block as explained. */
static inline int
lk_birth_test(PyObject *o, size_t preheader_bytes, lk_slotmap *claimed)
{
    uintptr_t block = (uintptr_t)o - preheader_bytes;
    if (lk_birth_is_light) {
        return lk_birth_meet(block);
    }
    unsigned bits = lk_birth_bits(block);
    if (bits & LK_BIRTH_LIVE) {
        lk_slotmap_add(claimed, block);
    }
    return bits & LK_BIRTH_BORN;
}

#endif

/* Birth tracking: which slots got a new object since the last mark, and which blocks made
 * since the baseline are still allocated.
 */
#ifndef LEAKHUNT_BIRTH_H
#define LEAKHUNT_BIRTH_H

#include "compat.h"
#include "slotmap.h"

#define LK_BIRTH_BORN 1     /* something was created here since the last mark */
#define LK_BIRTH_LIVE 2     /* and it has not been freed */

/* What is left of us in the interpreter after lk_birth_stop. */
enum lk_birth_rest {
    LK_BIRTH_NOTHING_LEFT,      /* all is as it was found */
    LK_BIRTH_PASS_THROUGH,      /* somebody built on our hook: it stays and does nothing */
};

int lk_birth_start(const char **why);
enum lk_birth_rest lk_birth_stop(void);
int lk_birth_is_running(void);
void lk_birth_mark(void);
int lk_birth_is_sound(void);
const char *lk_birth_method(void);
const char *lk_birth_note(void);
size_t lk_birth_memory(void);
unsigned lk_birth_bits(uintptr_t address);
size_t lk_birth_object_offset(size_t preheader_bytes);

/* Types of which a newborn can pass for an old object, ending with NULL. */
const char *const *lk_birth_inferred_types(void);

/* Call `found` for the address of each live block that is not in `claimed`; stops when it
 * returns non-zero and returns that. */
int lk_birth_each_live(const lk_slotmap *claimed, int (*found)(uintptr_t, void *), void *arg);

/* Was the object at o created since the last mark?  Also claims its block as explained. */
static inline int
lk_birth_test(PyObject *o, size_t preheader_bytes, lk_slotmap *claimed)
{
    uintptr_t block = (uintptr_t)o - lk_birth_object_offset(preheader_bytes);
    unsigned bits = lk_birth_bits(block);
    if (bits & LK_BIRTH_LIVE) {
        lk_slotmap_add(claimed, block);
    }
    return bits & LK_BIRTH_BORN;
}

#endif

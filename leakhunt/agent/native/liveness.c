/* Which local variables no instruction that can still run reads.
 *
 * Soundness before precision: a variable is called unread only when no unit of the code, whatever
 * it is, can be an instruction that reads it.  Inline caches are looked at as if they were
 * instructions, and variables that a cell shares, code that looks at its own frame, and code that
 * somebody instruments are left alone.
 */
#include "walk.h"

#include "instructions.h"

#define VARIABLES_MAX 63 /* bits of a fact that stay positive */

/* Names by which a function reads its own variables in other ways than by its instructions. */
static const char *const FRAME_READERS[] = {"locals", "vars",      "eval",      "exec",
                                            "dir",    "super",     "_getframe", "currentframe",
                                            "stack",  "breakpoint"};

static inline uint64_t
bit(unsigned index)
{
    return index < VARIABLES_MAX ? (uint64_t)1 << index : 0;
}

/* The variables that a unit reads, if it is an instruction. */
static uint64_t
reads_of(_Py_CODEUNIT unit)
{
    unsigned variables[2];
    unsigned count = lk_unit_reads(unit, variables);
    return (count > 0 ? bit(variables[0]) : 0) | (count > 1 ? bit(variables[1]) : 0);
}

/* Where a unit jumps back to, if it is an instruction and the one before it perhaps its
 * EXTENDED_ARG; its own place when it does not.  More of those, and it may be anywhere. */
static Py_ssize_t
target_of(const _Py_CODEUNIT *units, Py_ssize_t at)
{
    Py_ssize_t distance = _Py_OPARG(units[at]);
    if (!lk_unit_jumps_back(units[at])) {
        return at;
    }
    if (at > 0 && _Py_OPCODE(units[at - 1]) == EXTENDED_ARG) {
        if (at > 1 && _Py_OPCODE(units[at - 2]) == EXTENDED_ARG) {
            return 0;
        }
        distance += (Py_ssize_t)_Py_OPARG(units[at - 1]) << 8;
    }
    return at + 1 > distance ? at + 1 - distance : 0;
}

/* Does the code look at its own variables by other means?  Needs the GIL. */
static int
is_opaque(PyCodeObject *code)
{
    PyObject *names = code->co_names;
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_GET_SIZE(names); i++) {
        PyObject *name = PyTuple_GET_ITEM(names, i);
        if (!PyUnicode_CheckExact(name) || !PyUnicode_IS_COMPACT_ASCII(name)) {
            continue;
        }
        const char *text = (const char *)PyUnicode_1BYTE_DATA(name);
        for (size_t j = 0; j < sizeof(FRAME_READERS) / sizeof(FRAME_READERS[0]); j++) {
            if (strcmp(text, FRAME_READERS[j]) == 0) {
                return 1;
            }
        }
    }
    return lk_code_is_instrumented(code);
}

/* The first unit that can run from unit `at` on: jumps back are followed, also those that only
 * look like one. */
static Py_ssize_t
first_reachable(const _Py_CODEUNIT *units, Py_ssize_t count, Py_ssize_t at)
{
    Py_ssize_t first = at;
    for (Py_ssize_t i = count; first > 0 && i-- > first;) {
        Py_ssize_t target = target_of(units, i);
        first = target < first ? target : first;
    }
    return first;
}

/* Plain variables, not shared with a cell, among the first `count`. */
static uint64_t
plain_variables(PyCodeObject *code, int count)
{
    uint64_t plain = 0;
    const char *kinds = PyBytes_AS_STRING(code->co_localspluskinds);
    for (int i = 0; i < count && i < VARIABLES_MAX && i < code->co_nlocalsplus; i++) {
        int is_shared = kinds[i] & (CO_FAST_CELL | CO_FAST_FREE);
        plain |= (kinds[i] & CO_FAST_LOCAL) && !is_shared ? bit((unsigned)i) : 0;
    }
    return plain;
}

/* Those of `wanted` that no unit from `at` on reads.  Needs the GIL. */
static uint64_t
unread(PyCodeObject *code, uint64_t wanted, Py_ssize_t at)
{
    const _Py_CODEUNIT *units = _PyCode_CODE(code);
    Py_ssize_t count = Py_SIZE(code);
    if (wanted == 0 || at < 0 || at > count) {
        return 0;
    }
    for (Py_ssize_t i = first_reachable(units, count, at); i < count && wanted != 0; i++) {
        wanted &= ~reads_of(units[i]);
    }
    return wanted != 0 && is_opaque(code) ? 0 : wanted;
}

/* Facts UNREAD and ARGUMENTS of a code object: arguments that none of its instructions reads. Needs
 * the GIL. */
void
lk_put_unread_arguments(lk_walk *w, PyCodeObject *code)
{
    int count = code->co_argcount + code->co_kwonlyargcount + ((code->co_flags & CO_VARARGS) != 0) +
                ((code->co_flags & CO_VARKEYWORDS) != 0);
    uint64_t found = unread(code, plain_variables(code, count), 0);
    if (found != 0) {
        lk_put_fact(w, LK_FACT_UNREAD, (int64_t)found);
        lk_put_fact(w, LK_FACT_ARGUMENTS, code->co_argcount);
    }
}

/* The same of a suspended generator or coroutine: variables that are set, and that nothing reads
 * from where it is.  Those that leak are many of one code at one place: that is looked at once.
 * Needs the GIL. */
void
lk_put_unread_locals(lk_walk *w, _PyInterpreterFrame *f, PyCodeObject *code)
{
    Py_ssize_t at = lk_frame_offset(f, code) / (Py_ssize_t)sizeof(_Py_CODEUNIT);
    if (w->unread_code != code || w->unread_at != at) {
        w->unread_code = code;
        w->unread_at = at;
        w->unread_mask = unread(code, plain_variables(code, code->co_nlocalsplus), at < 0 ? 0 : at);
    }
    uint64_t found = w->unread_mask;
    for (unsigned i = 0; i < VARIABLES_MAX && found >> i != 0; i++) {
        if ((found & bit(i)) && lk_slot_object(f->localsplus[i]) == NULL) {
            found &= ~bit(i);
        }
    }
    if (found != 0) {
        lk_put_fact(w, LK_FACT_UNREAD, (int64_t)found);
    }
}

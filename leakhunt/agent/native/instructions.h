/* What must be known of instructions, version by version: compat.h for byte code. */
#ifndef LEAKHUNT_INSTRUCTIONS_H
#define LEAKHUNT_INSTRUCTIONS_H

#include "compat.h"
#include "opcode.h"

/* Variables that a unit of the code reads if it is an instruction; returns how many.  Deleting
 * one counts too. */
static inline unsigned
lk_unit_reads(_Py_CODEUNIT unit, unsigned *variables)
{
    unsigned oparg = _Py_OPARG(unit);
    switch (_Py_OPCODE(unit)) {
    case LOAD_FAST:
    case DELETE_FAST:
    case LOAD_DEREF:
    case DELETE_DEREF:
    case MAKE_CELL:
#if LK_V <= 312 /* with the first half of two that run as one; the second stays what it was */
    case LOAD_CLOSURE:
    case LOAD_FAST__LOAD_CONST:
    case LOAD_FAST__LOAD_FAST:
#endif
#if LK_V == 311
    case LOAD_CLASSDEREF:
#else
    case LOAD_FAST_CHECK:
    case LOAD_FAST_AND_CLEAR:
    case LOAD_FROM_DICT_OR_DEREF:
#endif
#if LK_V >= 314
    case LOAD_FAST_BORROW:
#endif
        variables[0] = oparg;
        return 1;
#if LK_V >= 313
    case STORE_FAST_LOAD_FAST:
        variables[0] = oparg & 15;
        return 1;
    case LOAD_FAST_LOAD_FAST:
#if LK_V >= 314
    case LOAD_FAST_BORROW_LOAD_FAST_BORROW:
#endif
        variables[0] = oparg >> 4;
        variables[1] = oparg & 15;
        return 2;
#endif
    default:
        return 0;
    }
}

/* Does a unit jump back if it is an instruction?  By its argument, from behind it. */
static inline int
lk_unit_jumps_back(_Py_CODEUNIT unit)
{
    switch (_Py_OPCODE(unit)) {
    case JUMP_BACKWARD:
    case JUMP_BACKWARD_NO_INTERRUPT:
#if LK_V == 311
    case JUMP_BACKWARD_QUICK:
    case POP_JUMP_BACKWARD_IF_NOT_NONE:
    case POP_JUMP_BACKWARD_IF_NONE:
    case POP_JUMP_BACKWARD_IF_FALSE:
    case POP_JUMP_BACKWARD_IF_TRUE:
#endif
#if LK_V >= 314
    case JUMP_BACKWARD_JIT:
    case JUMP_BACKWARD_NO_JIT:
#endif
        return 1;
    default:
        return 0;
    }
}

/* Do other instructions than its own stand in a code object, put there by a tool (sys.monitoring)
 * or by the optimizer? */
static inline int
lk_code_is_instrumented(const PyCodeObject *code)
{
#if LK_V >= 313
    return code->_co_monitoring != NULL || code->co_executors != NULL;
#elif LK_V == 312
    return code->_co_monitoring != NULL;
#else
    (void)code;
    return 0;
#endif
}

#endif

/* The part of compat.h that is about frames: their slots, code, function, line and chain. */
#ifndef LEAKHUNT_COMPAT_FRAMES_H
#define LEAKHUNT_COMPAT_FRAMES_H

#include "compat.h"

/* A slot of a frame: a local, or a value on the evaluation stack. */
#if LK_V >= 314
typedef _PyStackRef lk_frame_slot;

/* The object that a slot owns a reference to, or NULL: a slot may be empty, hold a small int
 * within its bits, or borrow what another slot owns. */
static inline PyObject *
lk_slot_owned(lk_frame_slot slot)
{
    PyObject *o = (PyObject *)(slot.bits & ~(uintptr_t)Py_TAG_BITS);
    if ((slot.bits & Py_TAG_BITS) == 0 || o == NULL) {
        return o;
    }
    return (slot.bits & Py_TAG_BITS) == Py_TAG_REFCNT && lk_is_immortal(o) ? o : NULL;
}

/* The object in a slot that is known to hold one, owned or borrowed. */
static inline PyObject *
lk_slot_object(lk_frame_slot slot)
{
    return (PyObject *)(slot.bits & ~(uintptr_t)Py_TAG_BITS);
}
#else
typedef PyObject *lk_frame_slot;
#define lk_slot_owned(slot) (slot)
#define lk_slot_object(slot) (slot)
#endif

/* The frame within a generator. */
#if LK_V >= 314
#define lk_generator_frame(g) (&(g)->gi_iframe)
#else
#define lk_generator_frame(g) ((_PyInterpreterFrame *)(g)->gi_iframe)
#endif

/* How many slots are in use, -1 when the frame does not say. */
static inline Py_ssize_t
lk_frame_top(_PyInterpreterFrame *f)
{
#if LK_V >= 314
    return f->stackpointer == NULL ? -1 : f->stackpointer - f->localsplus;
#else
    return f->stacktop;
#endif
}

static inline PyCodeObject *
lk_frame_code(_PyInterpreterFrame *f)
{
#if LK_V >= 314
    PyObject *x = lk_slot_object(f->f_executable);
    return x != NULL && PyCode_Check(x) ? (PyCodeObject *)x : NULL;
#elif LK_V >= 313
    PyObject *x = f->f_executable;
    return x != NULL && PyCode_Check(x) ? (PyCodeObject *)x : NULL;
#else
    return f->f_code;
#endif
}

/* Offset in bytes of the instruction a frame is at. */
static inline Py_ssize_t
lk_frame_offset(_PyInterpreterFrame *f, PyCodeObject *code)
{
#if LK_V >= 313
    return (char *)f->instr_ptr - (char *)_PyCode_CODE(code);
#else
    return (char *)f->prev_instr - (char *)_PyCode_CODE(code);
#endif
}

static inline PyObject *
lk_frame_function(_PyInterpreterFrame *f)
{
#if LK_V == 311
    return (PyObject *)f->f_func;
#elif LK_V < 314
    return f->f_funcobj;
#else
    return lk_slot_owned(f->f_funcobj);
#endif
}

/* True for the entry frames of the C stack, which own no locals. */
static inline int
lk_frame_is_shim(_PyInterpreterFrame *f)
{
#if LK_V >= 314
    return f->owner >= FRAME_OWNED_BY_INTERPRETER;
#elif LK_V >= 312
    return f->owner == FRAME_OWNED_BY_CSTACK;
#else
    (void)f;
    return 0;
#endif
}

/* True while a frame is being made: it runs no code yet, and tracebacks leave it out. */
static inline int
lk_frame_is_incomplete(_PyInterpreterFrame *f, PyCodeObject *code)
{
#if LK_V >= 313
    const _Py_CODEUNIT *at = f->instr_ptr;
#else
    const _Py_CODEUNIT *at = f->prev_instr;
#endif
    return f->owner != FRAME_OWNED_BY_GENERATOR &&
           at < _PyCode_CODE(code) + code->_co_firsttraceable;
}

static inline _PyInterpreterFrame *
lk_thread_frame(PyThreadState *ts)
{
#if LK_V >= 313
    return ts->current_frame;
#else
    return ts->cframe == NULL ? NULL : ts->cframe->current_frame;
#endif
}

#endif

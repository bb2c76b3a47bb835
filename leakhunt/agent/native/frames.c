/* Running frames, frame objects, generators, coroutines. */
#include "walk.h"

/* Line of an instruction offset, or -1: decodes co_linetable (PEP 626 format of 3.11+)
 * without the interpreter, which would allocate.  Needs the GIL. */
static int
line_of_offset(PyCodeObject *code, Py_ssize_t offset)
{
    const uint8_t *p = (const uint8_t *)PyBytes_AS_STRING(code->co_linetable);
    const uint8_t *end = p + PyBytes_GET_SIZE(code->co_linetable);
    int line = code->co_firstlineno;
    Py_ssize_t at = 0;
    if (offset < 0) {
        return line;
    }
    while (p < end) {
        unsigned kind = (*p >> 3) & 15;
        Py_ssize_t bytes = ((*p & 7) + 1) * (Py_ssize_t)sizeof(_Py_CODEUNIT);
        int delta = 0;
        p++;
        if (kind == 13 || kind == 14) {
            unsigned value = 0, shift = 0;
            uint8_t b;
            do {
                b = p < end ? *p++ : 0;
                value |= (b & 63u) << shift;
                shift += 6;
            } while ((b & 64) && shift < 30);
            delta = (value & 1) ? -(int)(value >> 1) : (int)(value >> 1);
        } else if (kind >= 10 && kind <= 12) {
            delta = (int)kind - 10;
        }
        line += delta;
        if (offset < at + bytes) {
            return kind == 15 ? -1 : line;
        }
        at += bytes;
        while (p < end && !(*p & 128)) {
            p++;
        }
    }
    return -1;
}

/* Line a frame is at, or -1.  Needs the GIL. */
int
lk_frame_line(_PyInterpreterFrame *f)
{
    PyCodeObject *code = lk_frame_code(f);
    return code == NULL ? -1 : line_of_offset(code, lk_frame_offset(f, code));
}

/* LOCAL run, and STACK run when the frame has saved its stack top.  While a frame runs, its
 * stack top is not known and what lies above the locals may be stale: it is left out.
 * Needs the GIL. */
static void
put_frame_values(lk_walk *w, _PyInterpreterFrame *f, PyCodeObject *code)
{
    Py_ssize_t locals = code->co_nlocalsplus, top = lk_frame_top(f);
    Py_ssize_t live = top >= 0 && top < locals ? top : locals;
    Py_ssize_t stack = top > locals && top <= locals + code->co_stacksize ? top - locals : 0;
    lk_put_locals(w, f->localsplus, (size_t)live, stack > 0);
    if (stack > 0) {
        lk_put_run_of(w, LK_RUN_STACK, (size_t)stack, 0);
        for (Py_ssize_t i = 0; i < stack; i++) {
            lk_put_edge(w, lk_slot_owned(f->localsplus[locals + i]));
        }
    }
}

/* Runs of a frame on a thread's stack, inside a ROOT record.  Needs the GIL. */
void
lk_put_running_frame(lk_walk *w, _PyInterpreterFrame *f)
{
    PyCodeObject *code = lk_frame_code(f);
    PyObject *fields[] = {lk_frame_function(f), (PyObject *)code, f->f_locals,
                          (PyObject *)f->frame_obj};
    lk_put_field_run(w, LK_SCHEMA_FRAME, fields, 4, code != NULL);
    if (code != NULL) {
        put_frame_values(w, f, code);
    }
}

/* Runs of a generator, coroutine or async generator.  Needs the GIL. */
void
lk_read_generator(lk_walk *w, PyObject *o)
{
    PyGenObject *g = (PyGenObject *)o;
    PyObject *fields[9] = {g->gi_name, g->gi_qualname, g->gi_exc_state.exc_value};
    _PyInterpreterFrame *f = NULL;
    PyCodeObject *code = NULL;
    if (!PyGen_CheckExact(o)) {
        /* a plain generator leaves this field uninitialised */
        fields[3] = g->gi_origin_or_finalizer;
    }
    /* one that was closed before its first step, or by 3.13's short way, keeps its frame */
    if (g->gi_frame_state < FRAME_CLEARED) {
        f = lk_generator_frame(g);
        code = lk_frame_code(f);
        fields[4] = lk_frame_function(f);
        fields[6] = f->f_locals;
        fields[7] = (PyObject *)f->frame_obj;
    }
    fields[5] = (PyObject *)code;
    fields[8] = LK_GENERATOR_CODE(g);
    lk_put_field_run(w, LK_SCHEMA_GENERATOR, fields, 9, f != NULL && code != NULL);
    if (f != NULL && code != NULL) {
        put_frame_values(w, f, code);
    }
}

/* Runs of a frame object; it owns the frame's data only after the call has ended.
 * Needs the GIL. */
void
lk_read_frame_object(lk_walk *w, PyObject *o)
{
    PyFrameObject *fo = (PyFrameObject *)o;
    PyObject *fields[8] = {(PyObject *)fo->f_back, fo->f_trace, LK_FRAME_EXTRA_LOCALS(fo),
                           LK_FRAME_LOCALS_CACHE(fo)};
    _PyInterpreterFrame *f = fo->f_frame;
    PyCodeObject *code = NULL;
    if (f->owner == FRAME_OWNED_BY_FRAME_OBJECT) {
        code = lk_frame_code(f);
        fields[4] = lk_frame_function(f);
        fields[5] = (PyObject *)code;
        fields[6] = f->f_locals;
    }
    lk_put_field_run(w, LK_SCHEMA_FRAME_OBJECT, fields, 8, code != NULL);
    if (code != NULL) {
        put_frame_values(w, f, code);
    }
}

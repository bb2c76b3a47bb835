/* What can be known of a program's pauses: of its garbage collector and of its event loops
 * (docs/decisions/0017).  Begun by the first reading, ended with the connection at the latest.
 */
#ifndef LEAKHUNT_PROBES_H
#define LEAKHUNT_PROBES_H

#include "compat.h"
#include "session.h"

/* Answer with what was seen since the last reading; the first one begins.  0, or -1 with the
 * error in the answer.  Needs the GIL. */
int lk_probes_read(lk_session *s, lk_json *out);

/* Put everything back.  Needs the GIL, and may let go of it for a moment. */
void lk_probes_stop(void);

/* In a child of fork: nobody listens there.  No GIL needed. */
void lk_probes_forget(void);

/* probe_gc.c.  Begin and end to hear of collections.  0, or -1; both need the GIL. */
int lk_probe_gc_start(void);
void lk_probe_gc_stop(void);

/* probe_gc.c: hear nothing, the callback may still be called.  No GIL needed. */
void lk_probe_gc_forget(void);

/* probe_gc.c: is the collection that begins now one of ours?  Needs the GIL. */
void lk_probe_gc_mute(int is_ours);

/* probe_gc.c: what was heard; `keeps`: go on adding up.  Needs the GIL. */
void lk_probe_gc_report(lk_json *out, int keeps);

/* probe_find.c: look where event loops run.  Needs the GIL. */
void lk_probe_find_loops(void);

/* probe_uvloop.c: the loop of uvloop that a thread runs, borrowed; NULL for none.  `type` is
 * uvloop's own class of loops.  Needs the GIL. */
PyObject *lk_uvloop_of(PyThreadState *ts, PyTypeObject *type);

/* probe_uvloop.c: the eventfd that such a loop is woken up by, or -1.  Needs the GIL. */
int lk_uvloop_bell(PyObject *loop, PyTypeObject *type);

#endif

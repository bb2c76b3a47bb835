/* What leads where among living objects, as the collector sees it: by tp_traverse alone, so that
 * no layout is presumed and no code of the program runs.  The GIL is held throughout.
 */
#ifndef LEAKHUNT_REACH_H
#define LEAKHUNT_REACH_H

#include "compat.h"

/* The items of the list that no seed leads to, by way of other items; new list, or NULL with
 * an exception set.  Needs the GIL. */
PyObject *lk_reach_apart(PyObject *objects, PyObject *seeds);

/* The items of the list whose class is none of the tuple's; new list, or NULL with an exception
 * set. Needs the GIL. */
PyObject *lk_reach_unlike(PyObject *objects, PyObject *kinds);

typedef struct {
    PyObject *kinds;  /* list of classes: what an instance leads to is known */
    PyObject *codes;  /* list of code objects: what a generator that runs one leads to is known */
    PyObject *silent; /* tuple of classes: an instance says nothing */
} lk_known;

/* Whether all items of the list are known or hang from the seeds, of which there is one at least:
 * see module_reach.c.  1, 0, or -1 with an exception set.  Needs the GIL. */
int lk_reach_all_known(PyObject *objects, PyObject *seeds, const lk_known *known);

/* (holder, item) for each reference of a candidate to an item of the list; new list, or NULL with
 * an exception set.  Needs the GIL. */
PyObject *lk_reach_holders(PyObject *objects, PyObject *candidates);

/* Shortest ways to the objects at some addresses: see module_reach.c.  New dict, or NULL with an
 * exception set.  Needs the GIL. */
PyObject *lk_reach_ways(PyObject *addresses, PyObject *tiers, PyObject *shut);

#endif

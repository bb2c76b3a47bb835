/* Exact sites of a program that runs tracemalloc: its traces, as records of a snapshot. */
#ifndef LEAKHUNT_SITE_TRACES_H
#define LEAKHUNT_SITE_TRACES_H

#include "site_records.h"

/* Are the traces to be read by captures from now on?  Need the GIL. */
void lk_traces_want(void);
void lk_traces_want_no_more(void);
int lk_traces_are_read(void);

/* An object was met: keep it in mind when it was made since the baseline, or that is not known.
 * Needs the GIL. */
void lk_note_newborn(lk_walk *w, PyObject *o, size_t preheader_bytes, size_t bytes);

/* SITE and SAMPLE records of what was noted.  Makes and drops tuples: not for the child of a
 * fork.  Needs the GIL. */
void lk_put_traces(lk_walk *w);

/* After that: what the footer says of traces. */
void lk_traces_describe(const lk_walk *w, lk_sites_footer *footer);

#endif

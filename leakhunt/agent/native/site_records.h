/* Sites and samples in the snapshot stream. */
#ifndef LEAKHUNT_SITE_RECORDS_H
#define LEAKHUNT_SITE_RECORDS_H

#include "walk.h"

/* What the footer says of sampling: a JSON object. */
typedef struct {
    char text[384];
} lk_sites_footer;

/* Before the walk: looks whether our hook is called.  Needs the GIL. */
void lk_sites_describe(lk_sites_footer *footer);

/* SITE and SAMPLE records of what is live, when the walk has met all objects; none when ends were
 * missed.  Needs the GIL, or to be the child of who has it. */
void lk_put_sites(lk_walk *w);

#endif

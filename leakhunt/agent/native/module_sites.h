#ifndef LEAKHUNT_MODULE_SITES_H
#define LEAKHUNT_MODULE_SITES_H

#include "compat.h"

/* Give the module the functions of the sampler.  0, or -1 with an exception set; needs the
 * GIL. */
int lk_module_add_sites(PyObject *module);

#endif

#ifndef LEAKHUNT_MODULE_REACH_H
#define LEAKHUNT_MODULE_REACH_H

#include "compat.h"

/* Give the module the functions that say what leads where.  0, or -1 with an exception set; needs
 * the GIL. */
int lk_module_add_reach(PyObject *module);

#endif

/* Where C types of the standard library keep their references, for names that tp_members
 * does not give.
 *
 * A name is used when the word at the offset equals an edge that tp_traverse reports, so a
 * wrong offset names nothing.  Entries marked as owned are read even where tp_traverse is
 * silent about them, and all entries of a type that has no tp_traverse (_io's decoder and
 * decimal's context on older versions); their layouts are older than the oldest version
 * served.
 */
#include "walk.h"

#define _PY_DATETIME_IMPL 1 /* the structs, not the import of the module */
#include "datetime.h"

typedef struct {
    const char *type;
    Py_ssize_t offset;
    const char *name;
    uint8_t is_owned;
} place;

#define FUTURE(type)                                                                               \
    {type, 16, "_loop", 0}, {type, 24, "_callback0", 0}, {type, 32, "_context0", 0},               \
        {type, 40, "_callbacks", 0}, {type, 48, "_exception", 0}, {type, 64, "_result", 0}

/* Entries of one type stand together. */
static const place PLACES[] = {
    FUTURE("_asyncio.Future"),
    FUTURE("_asyncio.Task"),
    {"_asyncio.Task", LK_TASK_OFFSET, "_fut_waiter", 0},
    {"_asyncio.Task", LK_TASK_OFFSET + 8, "_coro", 0},
    {"_asyncio.Task", LK_TASK_OFFSET + 16, "_name", 0},
    {"_asyncio.Task", LK_TASK_OFFSET + 24, "_context", 0},
    {"_io.TextIOWrapper", 32, "buffer", 0},
    {"_io.TextIOWrapper", 56, "decoder", 0},
    {"_io.TextIOWrapper", 72, "errors", 0},
    {"_io.BytesIO", 16, "buffer", 1},
    {"_io.BufferedRWPair", 16, "reader", 1},
    {"_io.BufferedRWPair", 24, "writer", 1},
    {"_io.IncrementalNewlineDecoder", 16, "decoder", 0},
    {"_io.IncrementalNewlineDecoder", 24, "errors", 0},
    {"_thread._local", LK_LOCAL_ARGS_OFFSET, "args", 0},
    {"_thread._local", LK_LOCAL_DICTS_OFFSET, "dicts", 0},
    {"_thread._local", LK_LOCAL_DICTS_OFFSET + 8, "watchdogs", 0},
    {"memoryview", 24, "managedbuffer", 0},
    {"managedbuffer", 40, "obj", 0},
    {"mappingproxy", 16, "mapping", 0},
    {"builtin_method", 24, "__self__", 0},
    {"method-wrapper", 16, "descriptor", 0},
    {"_contextvars.Context", 16, "previous", 0},
    {"_contextvars.Context", 24, "vars", 0},
    {"_contextvars.ContextVar", 24, "default", 0},
    {"hamt", 16, "root", 0},
    {"list_iterator", 24, "sequence", 0},
    {"tuple_iterator", 24, "sequence", 0},
    {"dict_keys", 16, "mapping", 0},
    {"dict_values", 16, "mapping", 0},
    {"dict_items", 16, "mapping", 0},
    {"datetime.timezone", 16, "offset", 1},
    {"datetime.timezone", 24, "name", 1},
    {"decimal.Context", 64, "traps", 0},
    {"decimal.Context", 72, "flags", 0},
    {"posix.DirEntry", 32, "stat", 0},
    {"posix.DirEntry", 40, "lstat", 0},
};

#define PLACE_COUNT (sizeof(PLACES) / sizeof(*PLACES))

/* Find what is known about a type: the nearest base of its struct that is written in C.
 * Needs the GIL. */
void
lk_find_places(lk_type *t, traverseproc python_class)
{
    const PyTypeObject *type = t->type;
    while (type != NULL && (type->tp_flags & Py_TPFLAGS_HEAPTYPE) &&
           type->tp_traverse == python_class) {
        type = type->tp_base;
    }
    t->place_count = 0;
    for (size_t i = 0; type != NULL && i < PLACE_COUNT; i++) {
        if (strcmp(PLACES[i].type, type->tp_name) == 0 && PLACES[i].offset < type->tp_basicsize) {
            t->first_place = t->place_count == 0 ? (uint8_t)i : t->first_place;
            t->place_count++;
        }
    }
    if (type != NULL && strcmp(type->tp_name, "datetime.datetime") == 0 &&
        type->tp_basicsize == sizeof(PyDateTime_DateTime)) {
        t->part = LK_PART_DATETIME;
    } else if (type != NULL && strcmp(type->tp_name, "datetime.time") == 0 &&
               type->tp_basicsize == sizeof(PyDateTime_Time)) {
        t->part = LK_PART_TIME;
    }
}

/* Collect the references of the places of an object's type.  Not inside a record.  Needs
 * the GIL. */
void
lk_collect_places(lk_walk *w, const lk_type *t, PyObject *o)
{
    for (unsigned i = t->first_place; i < (unsigned)t->first_place + t->place_count; i++) {
        PyObject *target = *(PyObject **)((char *)o + PLACES[i].offset);
        lk_collect_named(w, target, PLACES[i].name, PLACES[i].is_owned);
    }
    /* without a time zone the struct ends before the field */
    if (t->part == LK_PART_DATETIME && ((PyDateTime_DateTime *)o)->hastzinfo) {
        lk_collect_named(w, ((PyDateTime_DateTime *)o)->tzinfo, "tzinfo", 1);
    } else if (t->part == LK_PART_TIME && ((PyDateTime_Time *)o)->hastzinfo) {
        lk_collect_named(w, ((PyDateTime_Time *)o)->tzinfo, "tzinfo", 1);
    }
}

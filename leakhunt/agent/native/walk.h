/* The walk over the heap: shared state, and the inlined core that every reader uses.
 *
 * The GIL is held from the first look to the last.  No reference count is touched, no
 * Python object is made, no Python code runs; memory comes from mmap: in the child
 * of a fork capture a lock of malloc may be held for ever.
 */
#ifndef LEAKHUNT_WALK_H
#define LEAKHUNT_WALK_H

#include "compat.h"
#include "emit.h"
#include "ints.h"
#include "queue.h"
#include "siphash.h"
#include "slotmap.h"

/* How the instances of a type are read. */
typedef enum {
    LK_READ_ATOM,
    LK_READ_STR,
    LK_READ_INT,
    LK_READ_LIST,
    LK_READ_TUPLE,
    LK_READ_DICT,
    LK_READ_SET,
    LK_READ_FUNCTION,
    LK_READ_CELL,
    LK_READ_METHOD,
    LK_READ_CFUNCTION,
    LK_READ_CODE,
    LK_READ_TYPE,
    LK_READ_INSTANCE,
    LK_READ_GENERATOR,
    LK_READ_FRAME,
    LK_READ_TRACEBACK,
    LK_READ_DESCRIPTOR,
    LK_READ_SLICE,
    LK_READ_RANGE,
    LK_READ_NUMPY_ARRAY,
    LK_READ_ORDERED_DICT,
    /* from here on the edges are collected before the node's header is written */
    LK_READ_DEQUE,
    LK_READ_LRU_CACHE,
    LK_READ_GENERIC,
} lk_reader;

/* What a C object holds besides fields: see generic.c. */
typedef enum {
    LK_PART_NONE,
    LK_PART_LIST,
    LK_PART_TUPLE,
    LK_PART_DICT,
    LK_PART_SET,
    LK_PART_DEQUE,
    LK_PART_NUMPY,
    LK_PART_HAMT,
    LK_PART_DATETIME,
    LK_PART_TIME,
    LK_PART_DTYPE,
} lk_part;

/* Field layouts, numbered as they are written at the start of every stream (fields.c). */
typedef enum lk_schema {
    LK_SCHEMA_FUNCTION,
    LK_SCHEMA_CELL,
    LK_SCHEMA_METHOD,
    LK_SCHEMA_CFUNCTION,
    LK_SCHEMA_CODE,
    LK_SCHEMA_TYPE,
    LK_SCHEMA_GENERATOR,
    LK_SCHEMA_FRAME_OBJECT,
    LK_SCHEMA_FRAME,
    LK_SCHEMA_TRACEBACK,
    LK_SCHEMA_DESCRIPTOR,
    LK_SCHEMA_SLICE,
    LK_SCHEMA_RANGE,
    LK_SCHEMA_DICT,
    LK_SCHEMA_NUMPY_ARRAY,
    LK_SCHEMA_MODULES,
    LK_SCHEMA_INTERPRETER,
    LK_SCHEMA_THREAD,
    LK_SCHEMA_COUNT,
} lk_schema;

/* How the shallow size of an instance is found. */
typedef enum {
    LK_SIZE_BASIC,
    LK_SIZE_LIST,
    LK_SIZE_DICT,
    LK_SIZE_SET,
    LK_SIZE_STR,
    LK_SIZE_INT,
    LK_SIZE_BYTEARRAY,
    LK_SIZE_CODE,
    LK_SIZE_TYPE,
    LK_SIZE_CALL,
} lk_sizer;

typedef struct {
    Py_ssize_t offset;
    uint32_t symbol;
    uint8_t is_bound; /* by its name */
} lk_slot;

typedef struct {
    PyTypeObject *type;
    uint32_t index; /* number in the stream */
    uint8_t reader, sizer;
    uint8_t default_run;
    uint8_t is_gc; /* instances may have a collector header */
    uint8_t is_heap;
    uint8_t base_reader; /* list, tuple, dict or set part of an instance */
    uint8_t is_opaque;
    uint8_t part;                     /* an lk_part, of types whose edges are collected */
    uint8_t first_place, place_count; /* see places.c */
    uint8_t has_bounds_in_dict;       /* class on a C type that has no inline values */
    uint8_t has_bounds_in_slots;      /* one of its slots is a bound by its name */
    uint8_t bound_count;              /* inline values whose names say they are a bound */
    uint8_t bounds[4];
    uint16_t fact_reader; /* see facts.c; 0 for none */
    size_t base_bytes;    /* size of an instance without items */
    size_t preheader_bytes;
    PyObject *sizeof_method; /* borrowed C method for LK_SIZE_CALL */
    lk_slot *slots;          /* object members along tp_base; in the walk's arena */
    size_t slot_count;
    Py_ssize_t dict_offset; /* of an unmanaged __dict__; 0 for none */
} lk_type;

typedef struct {
    PyObject *target;
    uint32_t symbol;
    uint8_t is_sure; /* owned for certain; else only a name for an edge of T */
    uint8_t is_matched;
    uint8_t is_item; /* written by the reader of the part it belongs to */
} lk_edge;

typedef struct {
    lk_edge *items;
    size_t count, capacity;
} lk_edges;

typedef struct {
    const char *name;
    uint32_t id;
} lk_symbol_entry;

typedef struct {
    PyObject *object;
    uint8_t is_int;
    uint8_t limit_long; /* file names may be longer than other names */
} lk_pending_name;

/* An object that was made since the baseline. */
typedef struct {
    uintptr_t block;
    uint32_t bytes;  /* as much as fits */
    uint32_t offset; /* of the object in its block */
} lk_newborn;

typedef struct {
    lk_emit out;
    lk_slotmap visited; /* objects in the queue or written */
    lk_slotmap named;   /* objects whose text was written or is pending */
    lk_arena arena;
    lk_slotmap claimed; /* blocks born since the baseline that the walk explains */
    lk_queue queue;
    PyInterpreterState *interp;
    const PyThreadState *own_thread; /* no part of the program; NULL: all threads are */

    lk_type *types; /* open addressing by type pointer */
    size_t type_capacity, type_count;
    PyTypeObject *last_type;
    lk_type *last_type_entry;

    uint64_t node_count, root_count, edge_count, total_bytes;
    uint64_t last_node_slot; /* for the delta of the next node */
    uint64_t last_edge_slot; /* for the delta of the next edge */

    lk_edges named_edges, other_edges;
    size_t deque_count; /* the last so many other edges are items of a deque */
    lk_pending_name *pending;
    size_t pending_count, pending_capacity;
    lk_symbol_entry *symbols; /* open addressing by text */
    size_t symbol_count, symbol_capacity;
    PyObject **static_types;
    size_t static_type_count, static_type_capacity;

    int redact_names; /* write no text but of types, code and modules */
    int has_content;  /* write hashes of values, by this key */
    lk_sip_key content_key;
    int use_gc_lists;                /* follow the collector's list links */
    const PyCodeObject *unread_code; /* what liveness.c found last, and where */
    Py_ssize_t unread_at;
    uint64_t unread_mask;
    int out_of_memory;
    int has_births; /* the birth tracker is running */

    int wants_traces; /* note what is new: traces are read after the walk */
    lk_newborn *newborns;
    size_t newborn_count, newborn_capacity;
    uint64_t newborns_left_out;   /* there were too many */
    uint64_t unknown_stack_count; /* of those told: no room for their lines */
} lk_walk;

/* walk.c */
int lk_walk_init(lk_walk *w);
void lk_walk_fini(lk_walk *w);
int lk_walk_run(lk_walk *w);
size_t lk_walk_memory(const lk_walk *w);
void lk_walk_start_gc_lists(lk_walk *w);

/* types.c */
lk_type *lk_type_lookup_slow(lk_walk *w, PyTypeObject *type);
int lk_types_prepare(void);

/* sizes.c */
size_t lk_object_size(const lk_type *t, PyObject *o);
uint8_t lk_sizer_of(PyTypeObject *type, PyObject **method);

/* edges.c: containers and instances */
void lk_put_edges(lk_walk *w, const lk_type *t, PyObject *o);
void lk_put_builtin_part(lk_walk *w, const lk_type *t, unsigned reader, PyObject *o, int more);
void lk_put_locals(lk_walk *w, const lk_frame_slot *slots, size_t count, int more);

/* fields.c: objects whose C struct we know */
void lk_put_schemas(lk_walk *w);
int lk_put_fields(lk_walk *w, const lk_type *t, PyObject *o);
void lk_put_field_run(lk_walk *w, enum lk_schema schema, PyObject *const *fields, size_t count,
                      int more);

/* arrays.c: numpy */
int lk_is_numpy_array(const PyTypeObject *type);
int lk_is_numpy_dtype(const PyTypeObject *type);
int lk_numpy_fields(PyObject *descr, PyObject **fields, PyObject **names);
void lk_put_numpy_array(lk_walk *w, PyObject *o, int more);

/* generic.c: everything else, by tp_traverse and tp_members */
void lk_collect_generic(lk_walk *w, const lk_type *t, PyObject *o);
void lk_put_generic(lk_walk *w, const lk_type *t, PyObject *o);
int lk_can_traverse(PyObject *o);
void lk_collect_named(lk_walk *w, PyObject *target, const char *name, int is_sure);
void lk_find_part(lk_type *t);

/* places.c: names of references in C structs */
void lk_find_places(lk_type *t, traverseproc python_class);
void lk_collect_places(lk_walk *w, const lk_type *t, PyObject *o);

/* frames.c */
void lk_read_generator(lk_walk *w, PyObject *o);
void lk_read_frame_object(lk_walk *w, PyObject *o);
int lk_frame_line(_PyInterpreterFrame *f);
void lk_put_running_frame(lk_walk *w, _PyInterpreterFrame *f);

/* roots.c */
void lk_put_roots(lk_walk *w);
void lk_put_static_types(lk_walk *w);
void lk_note_static_type(lk_walk *w, PyObject *type);

/* facts.c */
uint16_t lk_fact_reader_of(const lk_walk *w, PyTypeObject *type);
void lk_put_facts(lk_walk *w, const lk_type *t, PyObject *o);
void lk_put_fact(lk_walk *w, unsigned id, int64_t value);
void lk_facts_prepare(void);
Py_ssize_t lk_lru_cache_offset(const PyTypeObject *type);
int lk_is_lru_link(const PyTypeObject *type);
#define LK_LRU_LINK_KEY 40
#define LK_LRU_LINK_RESULT 48

/* liveness.c: which variables no instruction that can still run reads */
void lk_put_unread_arguments(lk_walk *w, PyCodeObject *code);
void lk_put_unread_locals(lk_walk *w, _PyInterpreterFrame *f, PyCodeObject *code);

/* bounds.c */
int lk_text_is_bound(const char *text, size_t n);
int lk_name_is_bound(PyObject *name);
void lk_put_bounds(lk_walk *w, const lk_type *t, PyObject *o);

/* content.c */
int lk_content_key(lk_walk *w);
int lk_has_content(const PyTypeObject *type);
void lk_put_content(lk_walk *w, PyObject *o);

/* names.c */
void lk_want_name(lk_walk *w, PyObject *o, int is_long);
void lk_put_pending_names(lk_walk *w);
uint32_t lk_symbol(lk_walk *w, const char *name);
size_t lk_utf8_of(PyObject *str, size_t limit, char *out, size_t room, int *truncated);

/* ---- the inlined core ---- */

/* Put an object in the queue unless it is there already. */
static inline void
lk_discover(lk_walk *w, PyObject *o)
{
    int is_new = lk_slotmap_add(&w->visited, (uintptr_t)o);
    if (is_new != 0) {
        if (__builtin_expect(is_new < 0 || lk_queue_push(&w->queue, o) < 0, 0)) {
            w->out_of_memory = 1;
        }
    }
}

/* Write one edge of the open run; NULL keeps its position. */
static inline void
lk_put_edge(lk_walk *w, PyObject *target)
{
    lk_emit_room(&w->out);
    if (target == NULL) {
        *w->out.at++ = 0;
        return;
    }
    uint64_t slot = (uint64_t)(uintptr_t)target >> 4;
    lk_emit_wide(&w->out, 1 + lk_zigzag((int64_t)(slot - w->last_edge_slot)));
    w->last_edge_slot = slot;
    w->edge_count++;
    lk_discover(w, target);
}

/* Open a run whose kind is the default of the node's type. */
static inline void
lk_put_run(lk_walk *w, size_t count, int more)
{
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, (uint64_t)count * 4 + (more ? 1 : 0));
}

/* Open a run that names its kind. */
static inline void
lk_put_run_of(lk_walk *w, enum lk_run_kind kind, size_t count, int more)
{
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, (uint64_t)count * 4 + 2 + (more ? 1 : 0));
    lk_emit_varint(&w->out, kind);
}

/* The table entry of a type; writes its TYPE record on first sight, so never call it
 * inside a record.  NULL when out of memory. */
static inline lk_type *
lk_type_lookup(lk_walk *w, PyTypeObject *type)
{
    if (__builtin_expect(type == w->last_type, 0)) {
        return w->last_type_entry;
    }
    size_t mask = w->type_capacity - 1;
    size_t i = (((uintptr_t)type >> 4) * 0x9E3779B97F4A7C15ull >> 40) & mask;
    while (w->types[i].type != NULL) {
        if (w->types[i].type == type) {
            return &w->types[i];
        }
        i = (i + 1) & mask;
    }
    return lk_type_lookup_slow(w, type);
}

/* May an instance have an attribute that is a bound by its name? */
static inline int
lk_may_have_bounds(const lk_type *t)
{
    return t->bound_count > 0 || t->has_bounds_in_dict || t->has_bounds_in_slots;
}

/* Is it one of the strings whose text belongs to the graph by itself (identifiers)? */
static inline int
lk_str_is_interned(PyObject *o)
{
    return ((PyASCIIObject *)o)->state.interned != 0;
}

#endif

/* Which objects hang from which, for whoever lives in the process: a test run looks for what
 * outlived a test, and for who holds it.
 */
#include "reach.h"

#include "pages.h"
#include "slotmap.h"

/* ---- which items of a list no seed leads to ---- */

typedef struct {
    PyObject *object; /* NULL: a free place */
    int is_reached;
} item;

/* So many items need no memory of their own: what one test leaves.  It is asked for after each
 * test, and malloc would use the occasion to tidy up: 10 us. */
#define FEW 64

/* The items by address, and those whose turn to be traversed has not come. */
typedef struct {
    item *places;
    size_t mask;
    PyObject **waiting;
    size_t waiting_count;
    item few_places[FEW * 2];
    PyObject *few_waiting[FEW];
} items;

/* The place of an object, or the free one where it would be. */
static inline item *
place_of(const items *s, const PyObject *o)
{
    size_t i = ((uintptr_t)o >> 4) * 0x9E3779B97F4A7C15ull >> 32;
    while (s->places[i & s->mask].object != NULL && s->places[i & s->mask].object != o) {
        i++;
    }
    return &s->places[i & s->mask];
}

/* 0, or -1 with MemoryError set; items_fini then too.  Needs the GIL. */
static int
items_init(items *s, PyObject *objects)
{
    size_t n = (size_t)PyList_GET_SIZE(objects), capacity = 16;
    while (capacity < n * 2) {
        capacity *= 2;
    }
    s->mask = capacity - 1;
    s->waiting_count = 0;
    if (n <= FEW) {
        s->places = memset(s->few_places, 0, capacity * sizeof(item));
        s->waiting = s->few_waiting;
    } else {
        s->places = PyMem_Calloc(capacity, sizeof(item));
        s->waiting = PyMem_Malloc(n * sizeof(PyObject *));
    }
    if (s->places == NULL || s->waiting == NULL) {
        PyErr_NoMemory();
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        PyObject *o = PyList_GET_ITEM(objects, (Py_ssize_t)i);
        place_of(s, o)->object = o;
    }
    return 0;
}

/* Safe on items whose init failed.  Needs the GIL. */
static void
items_fini(items *s)
{
    if (s->places != s->few_places) {
        PyMem_Free(s->places);
        PyMem_Free(s->waiting);
    }
}

/* A visitor: an item is reached, and waits for its turn.  Always 0.  Needs the GIL. */
static int
reach_item(PyObject *o, void *arg)
{
    items *s = arg;
    item *found = place_of(s, o);
    if (found->object != NULL && !found->is_reached) {
        found->is_reached = 1;
        s->waiting[s->waiting_count++] = o;
    }
    return 0;
}

/* Call `visit` for what an object refers to, as the collector would.  Needs the GIL. */
static inline void
traverse(PyObject *o, visitproc visit, void *arg)
{
    PyTypeObject *t = Py_TYPE(o);
    if (PyType_IS_GC(t) && (t->tp_is_gc == NULL || t->tp_is_gc(o)) && t->tp_traverse != NULL) {
        t->tp_traverse(o, visit, arg);
    }
}

/* Reach what an object leads to, by way of items.  Needs the GIL. */
static void
reach_from(items *s, PyObject *seed)
{
    place_of(s, seed)->is_reached = 1; /* a free place stays one */
    traverse(seed, reach_item, s);
    while (s->waiting_count > 0) {
        traverse(s->waiting[--s->waiting_count], reach_item, s);
    }
}

PyObject *
lk_reach_apart(PyObject *objects, PyObject *seeds)
{
    items s;
    PyObject *result = NULL;
    if (items_init(&s, objects) < 0) {
        goto done;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(seeds); i++) {
        reach_from(&s, PyList_GET_ITEM(seeds, i));
    }
    result = PyList_New(0);
    for (Py_ssize_t i = 0; result != NULL && i < PyList_GET_SIZE(objects); i++) {
        PyObject *o = PyList_GET_ITEM(objects, i);
        if (!place_of(&s, o)->is_reached && PyList_Append(result, o) < 0) {
            Py_CLEAR(result);
        }
    }
done:
    items_fini(&s);
    return result;
}

/* ---- which objects are of none of some classes ---- */

/* Whether an object is among those of a list or tuple, by identity. */
static inline int
is_among(PyObject *o, PyObject *sequence)
{
    Py_ssize_t i = PySequence_Fast_GET_SIZE(sequence);
    while (i > 0 && PySequence_Fast_GET_ITEM(sequence, i - 1) != o) {
        i--;
    }
    return i > 0;
}

PyObject *
lk_reach_unlike(PyObject *objects, PyObject *kinds)
{
    PyObject *result = PyList_New(0);
    for (Py_ssize_t i = 0; result != NULL && i < PyList_GET_SIZE(objects); i++) {
        PyObject *o = PyList_GET_ITEM(objects, i);
        if (!is_among((PyObject *)Py_TYPE(o), kinds) && PyList_Append(result, o) < 0) {
            Py_CLEAR(result);
        }
    }
    return result;
}

/* ---- whether all items are somebody's ---- */

/* Reach what the items of some classes lead to, and the generators that run some code.  Needs the
 * GIL. */
static void
reach_from_kinds(items *s, PyObject *objects, PyObject *kinds, PyObject *codes)
{
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(objects); i++) {
        PyObject *o = PyList_GET_ITEM(objects, i);
        if (PyGen_CheckExact(o)) {
            PyObject *code = LK_NEW_GENERATOR_CODE(o);
            if (is_among(code, codes)) {
                reach_from(s, o);
            }
            Py_DECREF(code);
        } else if (is_among((PyObject *)Py_TYPE(o), kinds)) {
            PyObject *dict = lk_managed_dict(o, Py_TYPE(o));
            reach_from(s, o);
            if (dict != NULL) { /* which the collector is not led to where values are inline */
                reach_from(s, dict);
            }
        }
    }
}

/* Whether an object says nothing of what holds it: of a silent class, a method of a weak
 * reference, or a list that is empty, has one string, or begins with `first`. */
static inline int
is_mute(PyObject *o, PyObject *silent, PyObject *first)
{
    if (PyCFunction_CheckExact(o)) { /* the class cache of abc holds these */
        PyObject *self = PyCFunction_GET_SELF(o);
        return self != NULL && PyWeakref_CheckRefExact(self);
    }
    if (!PyList_CheckExact(o)) {
        return is_among((PyObject *)Py_TYPE(o), silent);
    }
    Py_ssize_t n = PyList_GET_SIZE(o);
    PyObject *head = n == 0 ? NULL : PyList_GET_ITEM(o, 0);
    return n == 0 || head == first || (n == 1 && head != NULL && PyUnicode_CheckExact(head));
}

int
lk_reach_all_known(PyObject *objects, PyObject *seeds, const lk_known *known)
{
    items s;
    int is_known = items_init(&s, objects);
    if (is_known == 0) {
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(seeds); i++) {
            reach_from(&s, PyList_GET_ITEM(seeds, i));
        }
        reach_from_kinds(&s, objects, known->kinds, known->codes);
        is_known = 1;
        for (Py_ssize_t i = 0; is_known && i < PyList_GET_SIZE(objects); i++) {
            PyObject *o = PyList_GET_ITEM(objects, i);
            is_known =
                place_of(&s, o)->is_reached || is_mute(o, known->silent, PyList_GET_ITEM(seeds, 0));
        }
    }
    items_fini(&s);
    return is_known;
}

/* ---- which items some objects hold ---- */

typedef struct {
    const items *of;
    PyObject *holder, *result;
} holding;

/* A visitor: note what holds an item.  0, or -1 with an exception set.  Needs the GIL. */
static int
note_holder(PyObject *o, void *arg)
{
    holding *h = arg;
    if (place_of(h->of, o)->object == NULL) {
        return 0;
    }
    PyObject *pair = PyTuple_Pack(2, h->holder, o);
    int status = pair == NULL ? -1 : PyList_Append(h->result, pair);
    Py_XDECREF(pair);
    return status; /* ends the traversal when it is not 0 */
}

PyObject *
lk_reach_holders(PyObject *objects, PyObject *candidates)
{
    items s;
    int gc_was_enabled = PyGC_Disable(); /* nothing may run while an object is traversed */
    PyObject *result = items_init(&s, objects) < 0 ? NULL : PyList_New(0);
    holding h = {&s, NULL, result};
    for (Py_ssize_t i = 0; result != NULL && i < PyList_GET_SIZE(candidates); i++) {
        h.holder = PyList_GET_ITEM(candidates, i);
        traverse(h.holder, note_holder, &h);
        if (PyErr_Occurred()) {
            Py_CLEAR(result);
        }
    }
    items_fini(&s);
    if (gc_was_enabled) {
        PyGC_Enable();
    }
    return result;
}

/* ---- shortest ways from some seeds to some addresses ---- */

#define NOWHERE SIZE_MAX              /* what leads to a seed */
#define FIRST_NODES ((size_t)1 << 20) /* that of most test suites need not grow */
#define AHEAD_FAR 24
#define AHEAD_NEAR 10

typedef struct {
    PyObject *object;
    size_t from; /* the node that led here */
} node;

typedef struct {
    node *nodes; /* in the order in which they were met */
    size_t count, capacity, now;
    lk_slotmap met, wanted;
    size_t wanted_count;
    size_t *found; /* nodes at the wanted addresses; wanted_count places */
    size_t found_count;
    int out_of_memory;
} search;

/* A visitor: put an object among the nodes unless it is.  0, or -1 without memory, which ends the
 * traversal.  Needs the GIL. */
static int
meet(PyObject *o, void *arg)
{
    search *s = arg;
    int is_new = lk_slotmap_add(&s->met, (uintptr_t)o);
    if (is_new == 0) {
        return 0;
    }
    if (is_new > 0 && s->count == s->capacity) {
        size_t bytes = s->capacity * sizeof(node);
        node *grown = lk_pages_grow(s->nodes, bytes, bytes * 2);
        s->nodes = grown != NULL ? grown : s->nodes;
        s->capacity *= grown != NULL ? 2 : 1;
    }
    if (is_new < 0 || s->count == s->capacity) {
        s->out_of_memory = 1;
        return -1;
    }
    s->nodes[s->count++] = (node){o, s->now};
    return 0;
}

/* Load what a traversal of an object will need, some places ahead of its turn. */
static inline void
prefetch_parts(PyObject *o)
{
    if (Py_TYPE(o) == &PyDict_Type) {
        const char *keys = (const char *)((PyDictObject *)o)->ma_keys;
        __builtin_prefetch(keys);
        __builtin_prefetch(keys + 64);
    } else if (Py_TYPE(o) == &PyList_Type) {
        __builtin_prefetch(((PyListObject *)o)->ob_item);
    }
}

/* Go on from all that was met.  Needs the GIL. */
static void
explore(search *s)
{
    for (; s->now < s->count && s->found_count < s->wanted_count && !s->out_of_memory; s->now++) {
        if (s->now + AHEAD_FAR < s->count) {
            __builtin_prefetch((const char *)s->nodes[s->now + AHEAD_FAR].object - 16);
            __builtin_prefetch((const char *)s->nodes[s->now + AHEAD_FAR].object + 32);
        }
        if (s->now + AHEAD_NEAR < s->count) {
            prefetch_parts(s->nodes[s->now + AHEAD_NEAR].object);
        }
        PyObject *o = s->nodes[s->now].object;
        if (lk_slotmap_has(&s->wanted, (uintptr_t)o)) {
            s->found[s->found_count++] = s->now;
        }
        traverse(o, meet, s);
    }
}

/* 0, or -1 with an exception set; search_fini then too.  Needs the GIL. */
static int
search_init(search *s, PyObject *addresses, PyObject *shut)
{
    size_t n = (size_t)PyList_GET_SIZE(addresses);
    s->capacity = FIRST_NODES;
    s->nodes = lk_pages_map(s->capacity * sizeof(node));
    lk_pages_prefer_huge(s->nodes, s->capacity * sizeof(node));
    s->found = PyMem_Malloc((n + 1) * sizeof(*s->found));
    s->out_of_memory = s->nodes == NULL || s->found == NULL ||
                       lk_slotmap_init(&s->met, LK_LEAF_BITS_1) < 0 ||
                       lk_slotmap_init(&s->wanted, LK_LEAF_BITS_1) < 0;
    for (size_t i = 0; i < n && !s->out_of_memory; i++) {
        size_t address = PyLong_AsSize_t(PyList_GET_ITEM(addresses, (Py_ssize_t)i));
        if (address == (size_t)-1 && PyErr_Occurred()) {
            return -1;
        }
        int is_new = lk_slotmap_add(&s->wanted, address);
        s->wanted_count += is_new > 0;
        s->out_of_memory |= is_new < 0;
    }
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(shut) && !s->out_of_memory; i++) {
        s->out_of_memory |= lk_slotmap_add(&s->met, (uintptr_t)PyList_GET_ITEM(shut, i)) < 0;
    }
    if (s->out_of_memory) {
        PyErr_NoMemory();
        return -1;
    }
    return 0;
}

/* Safe on a search whose init failed.  Needs the GIL. */
static void
search_fini(search *s)
{
    lk_pages_unmap(s->nodes, s->capacity * sizeof(node));
    PyMem_Free(s->found);
    lk_slotmap_fini(&s->met);
    lk_slotmap_fini(&s->wanted);
}

/* Add a node to a dict of address and (object, the one before it or None).  1, 0 when it is there,
 * -1 with an exception set.  Needs the GIL. */
static int
add_step(const search *s, const node *step, PyObject *result)
{
    PyObject *before = step->from == NOWHERE ? Py_None : s->nodes[step->from].object;
    PyObject *address = PyLong_FromVoidPtr(step->object), *pair = NULL;
    int status = address == NULL ? -1 : PyDict_Contains(result, address);
    if (status == 0) {
        pair = PyTuple_Pack(2, step->object, before);
        status = pair == NULL || PyDict_SetItem(result, address, pair) < 0 ? -1 : 1;
    } else if (status > 0) {
        status = 0;
    }
    Py_XDECREF(address);
    Py_XDECREF(pair);
    return status;
}

/* All nodes from the seeds down to those that were found, each once: ways share their beginnings,
 * and of a long chain every link may be wanted.  NULL with an exception set.  Nothing of the search
 * may be freed meanwhile: the collector is off.  Needs the GIL. */
static PyObject *
ways_found(const search *s)
{
    PyObject *result = PyDict_New();
    for (size_t i = 0; result != NULL && i < s->found_count; i++) {
        int status = 1;
        for (size_t at = s->found[i]; status > 0 && at != NOWHERE; at = s->nodes[at].from) {
            status = add_step(s, &s->nodes[at], result);
        }
        if (status < 0) {
            Py_CLEAR(result);
        }
    }
    return result;
}

PyObject *
lk_reach_ways(PyObject *addresses, PyObject *tiers, PyObject *shut)
{
    search s = {0};
    PyObject *result = NULL;
    int gc_was_enabled = PyGC_Disable();
    if (search_init(&s, addresses, shut) < 0) {
        goto done;
    }
    for (Py_ssize_t tier = 0; tier < PyList_GET_SIZE(tiers); tier++) {
        PyObject *seeds = PyList_GET_ITEM(tiers, tier);
        size_t before = s.now;
        s.now = NOWHERE;
        for (Py_ssize_t i = 0; i < PyList_GET_SIZE(seeds); i++) {
            (void)meet(PyList_GET_ITEM(seeds, i), &s);
        }
        s.now = before;
        explore(&s);
    }
    if (s.out_of_memory) {
        PyErr_NoMemory();
        goto done;
    }
    result = ways_found(&s);
done:
    search_fini(&s);
    if (gc_was_enabled) {
        PyGC_Enable();
    }
    return result;
}

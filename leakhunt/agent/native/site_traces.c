#include "site_traces.h"

#include <stdio.h>

#include "birth.h"
#include "pages.h"

/* So many objects, and so many places: what is more is not told. */
#define NEWBORN_MAX ((size_t)1 << 20)
#define PLACE_MAX ((size_t)1 << 16)

static int is_wanted;

void
lk_traces_want(void)
{
    is_wanted = 1;
}

void
lk_traces_want_no_more(void)
{
    is_wanted = 0;
}

int
lk_traces_are_read(void)
{
    return is_wanted && lk_tracemalloc_is_on();
}

void
lk_note_newborn(lk_walk *w, PyObject *o, size_t preheader_bytes, size_t bytes)
{
    uintptr_t block = (uintptr_t)o - preheader_bytes;
    if (lk_birth_has_account() && !(lk_birth_bits(block) & LK_BIRTH_LIVE)) {
        return;
    }
    if (w->newborn_count == NEWBORN_MAX) {
        w->newborns_left_out++;
        return;
    }
    if (w->newborn_count == w->newborn_capacity) {
        size_t old = w->newborn_capacity * sizeof(lk_newborn), more = old != 0 ? 2 * old : 65536;
        lk_newborn *moved = lk_pages_grow(w->newborns, old, more);
        if (moved == NULL) {
            w->newborns_left_out++; /* as if there were too many */
            return;
        }
        w->newborns = moved;
        w->newborn_capacity = more / sizeof(lk_newborn);
    }
    w->newborns[w->newborn_count++] =
        (lk_newborn){.block = block,
                     .bytes = bytes > UINT32_MAX ? UINT32_MAX : (uint32_t)bytes,
                     .offset = (uint32_t)preheader_bytes};
}

/* A place that was written: a line and who called it. */
typedef struct {
    PyObject *file; /* NULL: free; tracemalloc keeps it */
    long line;
    uint32_t caller, site; /* numbers of SITE records + 1 */
} place;

typedef struct {
    place *places; /* open addressing */
    uint32_t count;
} places;

/* The SITE record of a line, written when it is new: its number + 1; 0 when there is no room.
 * Needs the GIL. */
static uint32_t
put_place(lk_walk *w, places *all, uint32_t caller, PyObject *file, long line)
{
    uint64_t hash = ((uint64_t)(uintptr_t)file >> 4) + (uint64_t)line * 0x9E3779B97F4A7C15ull +
                    caller * 0xBF58476D1CE4E5B9ull;
    size_t i = (hash ^ hash >> 29) & (PLACE_MAX - 1);
    char text[1024];
    int truncated;
    for (; all->places[i].file != NULL; i = (i + 1) & (PLACE_MAX - 1)) {
        place *p = &all->places[i];
        if (p->file == file && p->line == line && p->caller == caller) {
            return p->site;
        }
    }
    if (all->count >= PLACE_MAX / 4 * 3) {
        return 0;
    }
    text[lk_utf8_of(file, 250, text, sizeof(text) - 1, &truncated)] = 0;
    uint32_t file_symbol = lk_symbol(w, text), name = lk_symbol(w, "?");
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_SITE);
    lk_emit_varint(&w->out, caller);
    lk_emit_varint(&w->out, file_symbol);
    lk_emit_varint(&w->out, name);
    lk_emit_varint(&w->out, line > 0 ? (uint64_t)line : 0);
    all->places[i] = (place){file, line, caller, ++all->count};
    return all->count;
}

/* The SITE records of a stack, as tracemalloc has it: (file, line), the innermost first.  The
 * number of that one + 1; 0 when it is no stack.  Needs the GIL. */
static uint32_t
put_frames(lk_walk *w, places *all, PyObject *frames)
{
    uint32_t site = 0;
    for (Py_ssize_t i = PyTuple_GET_SIZE(frames); i-- > 0;) {
        PyObject *frame = PyTuple_GET_ITEM(frames, i);
        if (!PyTuple_CheckExact(frame) || PyTuple_GET_SIZE(frame) != 2 ||
            !PyUnicode_CheckExact(PyTuple_GET_ITEM(frame, 0))) {
            return 0;
        }
        long line = PyLong_AsLong(PyTuple_GET_ITEM(frame, 1));
        site = put_place(w, all, site, PyTuple_GET_ITEM(frame, 0), line);
        if (site == 0) {
            return 0;
        }
    }
    return site;
}

/* The SAMPLE record of an object, if it is traced.  Needs the GIL. */
static void
put_trace(lk_walk *w, places *all, const lk_newborn *newborn)
{
    PyObject *frames = _PyTraceMalloc_GetTraceback(0, newborn->block);
    if (frames != NULL && PyTuple_CheckExact(frames)) {
        uint32_t site = put_frames(w, all, frames);
        w->unknown_stack_count += site == 0;
        lk_emit_room(&w->out);
        lk_emit_varint(&w->out, LK_TAG_SAMPLE);
        lk_emit_varint(&w->out, newborn->block / LK_SLOT_BYTES);
        lk_emit_varint(&w->out, newborn->offset / LK_SLOT_BYTES + 1);
        lk_emit_varint(&w->out, site);
        lk_emit_varint(&w->out, newborn->bytes);
        lk_emit_varint(&w->out, 0);
        lk_emit_varint(&w->out, 0);
    }
    Py_XDECREF(frames);
}

void
lk_put_traces(lk_walk *w)
{
    size_t bytes = PLACE_MAX * sizeof(place);
    if (w->newborn_count == 0) {
        return;
    }
    places all = {.places = lk_pages_map(bytes)};
    if (all.places == NULL) {
        w->out_of_memory = 1;
        return;
    }
    lk_raised raised = lk_raised_save();
    for (size_t i = 0; i < w->newborn_count && w->out.error == 0; i++) {
        put_trace(w, &all, &w->newborns[i]);
    }
    PyErr_Clear();
    lk_raised_restore(raised);
    lk_pages_unmap(all.places, bytes);
}

void
lk_traces_describe(const lk_walk *w, lk_sites_footer *footer)
{
    snprintf(footer->text, sizeof(footer->text),
             "{\"source\": \"tracemalloc\", \"left_out\": %llu, \"unknown_stacks\": %llu}",
             (unsigned long long)w->newborns_left_out, (unsigned long long)w->unknown_stack_count);
}

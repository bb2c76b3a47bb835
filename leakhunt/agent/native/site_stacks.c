#include "site_stacks.h"

#include <string.h>
#include <sys/mman.h>

#include "pages.h"
#include "trashcan.h"
#include "walk.h"

/* Together less than 3 MiB; what is not used is not in memory. */
#define PLACE_MAX 49152u
#define FUNCTION_MAX 8192u
#define TEXT_BYTES_MAX 524288u
#define PLACE_HEADS 65536u
#define FUNCTION_HEADS 16384u
#define RECENT_MAX 1024u
#define TEXT_LIMIT 250 /* characters of a file or function name */
/* When nothing died a rebuild would be in vain: so many samples later the next. */
#define REBUILD_SAMPLES 4096

/* Memory of one structure: one mapping, freed at once. */
typedef struct lk_recent_stack {
    uint64_t hash;
    uint32_t place, frame_count;
} lk_recent_stack;

/* A frame as it is read. */
typedef struct {
    PyCodeObject *code;
    int32_t offset;
} raw_frame;

static const struct {
    size_t places, place_heads, functions, function_heads, texts, recent, end;
} AT = {
    .places = 0,
    .place_heads = PLACE_MAX * sizeof(lk_place),
    .functions = PLACE_MAX * sizeof(lk_place) + PLACE_HEADS * 4,
    .function_heads =
        PLACE_MAX * sizeof(lk_place) + PLACE_HEADS * 4 + FUNCTION_MAX * sizeof(lk_site_function),
    .texts = PLACE_MAX * sizeof(lk_place) + PLACE_HEADS * 4 +
             FUNCTION_MAX * sizeof(lk_site_function) + FUNCTION_HEADS * 4,
    .recent = PLACE_MAX * sizeof(lk_place) + PLACE_HEADS * 4 +
              FUNCTION_MAX * sizeof(lk_site_function) + FUNCTION_HEADS * 4 + TEXT_BYTES_MAX,
    .end = PLACE_MAX * sizeof(lk_place) + PLACE_HEADS * 4 +
           FUNCTION_MAX * sizeof(lk_site_function) + FUNCTION_HEADS * 4 + TEXT_BYTES_MAX +
           RECENT_MAX * sizeof(lk_recent_stack),
};

int
lk_site_stacks_init(lk_site_stacks *s)
{
    char *p = mmap(NULL, AT.end, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *s = (lk_site_stacks){.place_count = 1, .function_count = 1, .text_bytes = 1};
    if (p == MAP_FAILED) {
        return -1;
    }
    s->places = (lk_place *)(p + AT.places);
    s->place_heads = (uint32_t *)(p + AT.place_heads);
    s->functions = (lk_site_function *)(p + AT.functions);
    s->function_heads = (uint32_t *)(p + AT.function_heads);
    s->texts = p + AT.texts;
    s->recent = (lk_recent_stack *)(p + AT.recent);
    return 0;
}

void
lk_site_stacks_fini(lk_site_stacks *s)
{
    if (s->places != NULL) {
        munmap(s->places, AT.end);
    }
    *s = (lk_site_stacks){0};
}

static uint64_t
mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xFF51AFD7ED558CCDull;
    return x ^ x >> 33;
}

/* ---- functions ---- */

/* Keep a text.  Its place; 0 when there is no room. */
static uint32_t
add_text(lk_site_stacks *s, const char *text, size_t n)
{
    uint32_t at = s->text_bytes;
    if (n + 1 > TEXT_BYTES_MAX - at) {
        return 0;
    }
    memcpy(s->texts + at, text, n);
    s->texts[at + n] = 0;
    s->text_bytes += (uint32_t)n + 1;
    return at;
}

/* The same of a file's name, which many functions share. */
static uint32_t
add_file_text(lk_site_stacks *s, const char *text, size_t n)
{
    for (uint32_t i = s->function_count; i-- > 1;) {
        if (strcmp(s->texts + s->functions[i].file, text) == 0) {
            return s->functions[i].file;
        }
    }
    return add_text(s, text, n);
}

/* The UTF-8 of a str, ended by 0; its length.  Needs the GIL. */
static size_t
text_of(PyObject *str, char *text, size_t room)
{
    int truncated;
    size_t n = str == NULL || !PyUnicode_Check(str)
                   ? 0
                   : lk_utf8_of(str, TEXT_LIMIT, text, room - 1, &truncated);
    text[n] = 0;
    return n;
}

static uint32_t *
function_chain(const lk_site_stacks *s, uintptr_t code)
{
    return &s->function_heads[mix(code) & (FUNCTION_HEADS - 1)];
}

/* There is room. */
static uint32_t
add_function(lk_site_stacks *s, uintptr_t code, uint32_t file, uint32_t name)
{
    uint32_t *head = function_chain(s, code), i = s->function_count++;
    s->functions[i] = (lk_site_function){.code = code, .file = file, .name = name, .next = *head};
    *head = i;
    return i;
}

/* Have the end of a code object noticed.  0, or -1 without memory. */
static int
watch(lk_site_table *table, uintptr_t code)
{
    lk_sample *sample = lk_site_table_find(table, code);
    if (sample != NULL) {
        if (sample->kind != LK_SAMPLE_CODE) {
            sample->kind |= LK_SAMPLE_IS_CODE;
        }
        return 0;
    }
    sample = lk_site_table_add(table, code);
    if (sample == NULL) {
        return -1;
    }
    sample->kind = LK_SAMPLE_CODE;
    return 0;
}

/* Its end need not be noticed any more. */
static void
unwatch(lk_site_table *table, uintptr_t code)
{
    lk_sample *sample = lk_site_table_find(table, code);
    if (sample != NULL && sample->kind == LK_SAMPLE_CODE) {
        lk_site_table_remove(table, sample);
    } else if (sample != NULL) {
        sample->kind &= ~(uint32_t)LK_SAMPLE_IS_CODE;
    }
}

/* The function of a code object, made on first sight.  0 when there is no room.  Needs the
 * GIL. */
static uint32_t
function_of(lk_site_stacks *s, lk_site_table *table, PyCodeObject *code)
{
    char text[TEXT_LIMIT * 4 + 8];
    for (uint32_t i = *function_chain(s, (uintptr_t)code); i != 0; i = s->functions[i].next) {
        if (s->functions[i].code == (uintptr_t)code) {
            return i;
        }
    }
    if (s->function_count == FUNCTION_MAX) {
        return 0;
    }
    if (watch(table, (uintptr_t)code) < 0) {
        return 0;
    }
    size_t n = text_of(code->co_filename, text, sizeof(text));
    uint32_t file = add_file_text(s, text, n);
    n = text_of(code->co_qualname, text, sizeof(text));
    return add_function(s, (uintptr_t)code, file, add_text(s, text, n));
}

void
lk_site_stacks_forget(lk_site_stacks *s, uintptr_t code)
{
    for (uint32_t i = *function_chain(s, code); i != 0; i = s->functions[i].next) {
        if (s->functions[i].code == code) {
            s->functions[i].code = 0;
        }
    }
    memset(s->recent, 0, RECENT_MAX * sizeof(lk_recent_stack));
}

/* ---- places ---- */

static uint32_t *
place_chain(const lk_site_stacks *s, uint32_t parent, uint32_t function, int32_t offset)
{
    uint64_t key = ((uint64_t)parent << 32 | function) ^ mix((uint32_t)offset);
    return &s->place_heads[mix(key) & (PLACE_HEADS - 1)];
}

/* A frame below `parent`; 0 when there is no room.  `is_new`: its line is to be found. */
static uint32_t
add_place(lk_site_stacks *s, uint32_t parent, uint32_t function, int32_t offset, int *is_new)
{
    uint32_t *head = place_chain(s, parent, function, offset);
    *is_new = 0;
    for (uint32_t i = *head; i != 0; i = s->places[i].next) {
        const lk_place *p = &s->places[i];
        if (p->parent == parent && p->function == function && p->offset == offset) {
            return i;
        }
    }
    if (s->place_count == PLACE_MAX) {
        return 0;
    }
    *is_new = 1;
    s->places[s->place_count] =
        (lk_place){.parent = parent, .function = function, .offset = offset, .next = *head};
    *head = s->place_count;
    return s->place_count++;
}

/* The place of a whole stack, innermost frame first; 0 when there is no room.  Needs the GIL. */
static uint32_t
add_stack(lk_site_stacks *s, lk_site_table *table, const raw_frame *frames, int n)
{
    uint32_t place = 0;
    for (int i = n - 1; i >= 0; i--) {
        int is_new;
        uint32_t function = function_of(s, table, frames[i].code);
        place = function == 0 ? 0 : add_place(s, place, function, frames[i].offset, &is_new);
        if (place == 0) {
            return 0;
        }
        if (is_new) {
            s->places[place].line = PyCode_Addr2Line(frames[i].code, frames[i].offset);
        }
    }
    return place;
}

/* ---- when it is full: keep what living samples need ---- */

/* The function in the new structure. */
static uint32_t
move_function(lk_site_stacks *old, lk_site_stacks *new, uint32_t function)
{
    lk_site_function *f = &old->functions[function];
    if (f->renamed == 0) {
        const char *file = old->texts + f->file, *name = old->texts + f->name;
        uint32_t new_file = add_file_text(new, file, strlen(file));
        f->renamed = add_function(new, f->code, new_file, add_text(new, name, strlen(name)));
    }
    return f->renamed;
}

/* The place in the new structure, which is no smaller. */
static uint32_t
move_place(lk_site_stacks *old, lk_site_stacks *new, uint32_t place)
{
    uint32_t path[LK_FRAMES_MAX], n = 0, moved = 0;
    for (; place != 0 && n < LK_FRAMES_MAX; place = old->places[place].parent) {
        path[n++] = place;
    }
    while (n-- > 0) {
        const lk_place *p = &old->places[path[n]];
        int is_new;
        moved = add_place(new, moved, move_function(old, new, p->function), p->offset, &is_new);
        new->places[moved].line = p->line;
    }
    return moved;
}

/* Make room.  Nothing changes when there is no memory for it. */
static void
rebuild(lk_site_stacks *s, lk_site_table *table)
{
    lk_site_stacks new;
    if (lk_site_stacks_init(&new) < 0) {
        return;
    }
    for (size_t i = 1; i < table->used; i++) {
        if (LK_SAMPLE_KIND(&table->records[i]) == LK_SAMPLE_BLOCK && table->records[i].place != 0) {
            table->records[i].place = move_place(s, &new, table->records[i].place);
        }
    }
    for (uint32_t i = 1; i < s->function_count; i++) {
        if (s->functions[i].code != 0 && s->functions[i].renamed == 0) {
            unwatch(table, s->functions[i].code);
        }
    }
    new.full_count = s->full_count;
    lk_site_stacks_fini(s);
    *s = new;
}

/* Is there no room for one more stack, with names of usual length? */
static int
is_full(const lk_site_stacks *s)
{
    return s->place_count > PLACE_MAX - LK_FRAMES_MAX ||
           s->function_count > FUNCTION_MAX - LK_FRAMES_MAX ||
           s->text_bytes > TEXT_BYTES_MAX - LK_FRAMES_MAX * 128;
}

/* Is it soon full again? */
static int
is_crowded(const lk_site_stacks *s)
{
    return s->place_count > PLACE_MAX / 8 * 7 || s->function_count > FUNCTION_MAX / 8 * 7 ||
           s->text_bytes > TEXT_BYTES_MAX / 8 * 7;
}

/* ---- the current stack ---- */

/* Read the frames of the current thread, innermost first; how many.  Needs the GIL. */
static int
read_frames(raw_frame *frames, int frames_max, uint64_t *hash)
{
    PyThreadState *ts = lk_current_thread();
    int n = 0;
    uint64_t h = 1;
    if (ts == NULL) {
        return 0;
    }
    for (_PyInterpreterFrame *f = lk_thread_frame(ts); f != NULL && n < frames_max;
         f = f->previous) {
        if (lk_frame_is_shim(f)) {
            continue;
        }
        PyCodeObject *code = lk_frame_code(f);
        if (code == NULL || lk_frame_is_incomplete(f, code)) {
            continue;
        }
        frames[n].code = code;
        frames[n].offset = (int32_t)lk_frame_offset(f, code);
        h = mix(h ^ (uint64_t)(uintptr_t)code) + mix((uint32_t)frames[n].offset + h);
        n++;
    }
    *hash = h;
    return n;
}

uint32_t
lk_site_stacks_here(lk_site_stacks *s, lk_site_table *table, int frames_max)
{
    raw_frame frames[LK_FRAMES_MAX];
    uint64_t hash;
    int n = read_frames(frames, frames_max, &hash);
    if (n == 0) {
        return 0;
    }
    lk_recent_stack *recent = &s->recent[hash & (RECENT_MAX - 1)];
    if (recent->hash == hash && recent->frame_count == (uint32_t)n) {
        return recent->place;
    }
    if (is_full(s) && s->full_count >= s->rebuild_when) {
        rebuild(s, table);
        s->rebuild_when = s->full_count + (is_crowded(s) ? REBUILD_SAMPLES : 0);
        recent = &s->recent[hash & (RECENT_MAX - 1)];
    }
    uint32_t place = is_full(s) ? 0 : add_stack(s, table, frames, n);
    if (place == 0) {
        s->full_count++;
        return 0;
    }
    *recent = (lk_recent_stack){hash, place, (uint32_t)n};
    return place;
}

size_t
lk_site_stacks_memory(const lk_site_stacks *s)
{
    return s->places == NULL
               ? 0
               : s->place_count * sizeof(lk_place) + s->text_bytes +
                     s->function_count * sizeof(lk_site_function) +
                     lk_pages_written(s->place_heads, PLACE_HEADS * 4) +
                     lk_pages_written(s->function_heads, FUNCTION_HEADS * 4) +
                     lk_pages_written(s->recent, RECENT_MAX * sizeof(lk_recent_stack));
}

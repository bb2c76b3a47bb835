#include "site_records.h"

#include <stdio.h>

#include "pages.h"
#include "sites.h"

/* Places that were written. */
typedef struct {
    uint32_t *site_of; /* by place: number of the SITE record + 1; 0: not written */
    uint32_t count;
} written;

void
lk_sites_describe(lk_sites_footer *footer)
{
    const lk_sites_state *s = &lk_sites;
    if (!lk_sites_is_running()) {
        snprintf(footer->text, sizeof(footer->text), "{\"source\": \"%s\"}",
                 lk_tracemalloc_is_on() ? "tracemalloc" : "none");
        return;
    }
    snprintf(footer->text, sizeof(footer->text),
             "{\"source\": \"sampled\", \"sample_bytes\": %llu, \"frames\": %d, \"epoch\": %u, "
             "\"samples\": %llu, \"lost\": %llu, \"unknown_stacks\": %llu, \"reuse\": %d, "
             "\"is_sound\": %s, \"memory_bytes\": %zu}",
             (unsigned long long)s->options.sample_bytes, s->options.frames_max, s->epoch,
             (unsigned long long)s->sample_count, (unsigned long long)s->lost_count,
             (unsigned long long)s->stacks.full_count, (int)lk_sites_reuse(),
             lk_sites_is_sound() ? "true" : "false", lk_sites_memory());
}

/* One SITE record, whose caller's was written.  Never inside a record. */
static void
put_site(lk_walk *w, written *sites, uint32_t place)
{
    const lk_site_stacks *stacks = &lk_sites.stacks;
    const lk_place *p = &stacks->places[place];
    const lk_site_function *f = &stacks->functions[p->function];
    uint32_t file = lk_symbol(w, stacks->texts + f->file);
    uint32_t name = lk_symbol(w, stacks->texts + f->name);
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_SITE);
    lk_emit_varint(&w->out, sites->site_of[p->parent]);
    lk_emit_varint(&w->out, file);
    lk_emit_varint(&w->out, name);
    lk_emit_varint(&w->out, p->line > 0 ? (uint64_t)p->line : 0);
    sites->site_of[place] = ++sites->count;
}

/* The SITE record of a place and those of its callers, outermost first.  Its number + 1. */
static uint32_t
put_stack(lk_walk *w, written *sites, uint32_t place)
{
    uint32_t path[LK_FRAMES_MAX], n = 0;
    for (uint32_t at = place; at != 0 && sites->site_of[at] == 0 && n < LK_FRAMES_MAX;
         at = lk_sites.stacks.places[at].parent) {
        path[n++] = at;
    }
    while (n > 0) {
        put_site(w, sites, path[--n]);
    }
    return sites->site_of[place];
}

/* Slots from a block to the object that begins in it, + 1; 0 when the walk met none there. */
static unsigned
object_in(const lk_walk *w, uintptr_t block)
{
    for (unsigned i = 0; i <= 2; i++) {
        if (lk_slotmap_has(&w->visited, block + i * LK_SLOT_BYTES)) {
            return i + 1;
        }
    }
    return 0;
}

/* Is there a block that a SAMPLE record is about?  What waits on a free list is none, and was met
 * by no walk: no memory is looked at. */
static int
is_told(const lk_walk *w, const lk_sample *sample)
{
    unsigned kind = LK_SAMPLE_KIND(sample);
    return kind == LK_SAMPLE_BLOCK ||
           (kind == LK_SAMPLE_REUSED &&
            lk_slotmap_has(&w->visited, (uintptr_t)sample->address + sample->place));
}

/* One SAMPLE record. */
static void
put_sample(lk_walk *w, written *sites, const lk_sample *sample)
{
    int is_reused = LK_SAMPLE_KIND(sample) == LK_SAMPLE_REUSED;
    uint32_t site = is_reused ? 0 : put_stack(w, sites, sample->place);
    uint64_t most = (sample->bytes + LK_SLOT_BYTES - 1) / LK_SLOT_BYTES;
    unsigned within = object_in(w, (uintptr_t)sample->address);
    lk_emit_room(&w->out);
    lk_emit_varint(&w->out, LK_TAG_SAMPLE);
    lk_emit_varint(&w->out, sample->address / LK_SLOT_BYTES);
    lk_emit_varint(&w->out, within <= most ? within : 0); /* else in the next block */
    lk_emit_varint(&w->out, site);
    lk_emit_varint(&w->out, sample->bytes);
    lk_emit_varint(&w->out, sample->epoch);
    lk_emit_varint(&w->out, is_reused ? LK_SAMPLED_REUSED : 0);
}

void
lk_put_sites(lk_walk *w)
{
    const lk_site_table *table = &lk_sites.table;
    size_t bytes = lk_sites.stacks.place_count * sizeof(uint32_t);
    if (!lk_sites_is_running() || lk_sites.has_gap) {
        return;
    }
    written sites = {.site_of = lk_pages_map(bytes)};
    if (sites.site_of == NULL) {
        w->out_of_memory = 1;
        return;
    }
    for (size_t i = 1; i < table->used; i++) {
        if (is_told(w, &table->records[i])) {
            put_sample(w, &sites, &table->records[i]);
        }
    }
    lk_pages_unmap(sites.site_of, bytes);
}

/* Allocation sites and samples: parsed, and as columns. */
#include "fill.h"
#include "records.h"

#define MOST_SITES 0x7FFFFFF0u

/* The number of a symbol that was met.  0, or -1 with a fault. */
static int
read_symbol(lk_parser *p, uint32_t *symbol)
{
    uint64_t number, offset = lk_record_offset(&p->c);
    if (lk_read_varint(&p->c, &number) < 0) {
        return -1;
    }
    if (number >= p->s->symbols.count) {
        return lk_damage(p->c.fault, offset, "a site has symbol %llu, of which there are %zu",
                         (unsigned long long)number, p->s->symbols.count);
    }
    *symbol = (uint32_t)number;
    return 0;
}

int
lk_parse_site(lk_parser *p)
{
    uint64_t parent, line;
    lk_site site;
    lk_site *item;
    if (lk_read_bounded(&p->c, "caller + 1", p->s->sites.count, &parent) < 0 ||
        read_symbol(p, &site.file) < 0 || read_symbol(p, &site.function) < 0 ||
        lk_read_bounded(&p->c, "the line of a site", INT32_MAX, &line) < 0) {
        return -1;
    }
    if (p->s->sites.count >= MOST_SITES) {
        return lk_damage(p->c.fault, lk_record_offset(&p->c), "too many sites");
    }
    if ((item = lk_push(p, &p->s->sites, sizeof *item)) == NULL) {
        return -1;
    }
    site.parent = (uint32_t)parent;
    site.line = (uint32_t)line;
    *item = site;
    return 0;
}

int
lk_parse_sample(lk_parser *p)
{
    uint64_t object, site, epoch, flags;
    lk_sample sample = {.offset = lk_record_offset(&p->c)};
    lk_sample *item;
    if (lk_read_bounded(&p->c, "the slot of a sample", LK_MAX_SLOT - 2, &sample.slot) < 0 ||
        lk_read_bounded(&p->c, "object of a sample", 3, &object) < 0 ||
        lk_read_bounded(&p->c, "site + 1", p->s->sites.count, &site) < 0 ||
        lk_read_varint(&p->c, &sample.size) < 0 ||
        lk_read_bounded(&p->c, "epoch", UINT32_MAX, &epoch) < 0 ||
        lk_read_bounded(&p->c, "sample flags", LK_SAMPLED_REUSED, &flags) < 0 ||
        (item = lk_push(p, &p->s->samples, sizeof *item)) == NULL) {
        return -1;
    }
    sample.object = (uint8_t)object;
    sample.site = (uint32_t)site;
    sample.epoch = (uint32_t)epoch;
    sample.flags = (uint8_t)flags;
    *item = sample;
    return 0;
}

/* String id of a symbol. */
static uint32_t
string_of(const lk_filler *f, uint32_t symbol)
{
    return (uint32_t)f->s->strings.count + ((const uint32_t *)f->s->symbols.items)[symbol];
}

int
lk_fill_sites(const lk_filler *f)
{
    const lk_site *sites = f->s->sites.items;
    const lk_sample *samples = f->s->samples.items;
    for (size_t i = 0; i < f->s->sites.count; i++) {
        f->to->site_parent[i] = (int32_t)sites[i].parent - 1;
        f->to->site_file[i] = string_of(f, sites[i].file);
        f->to->site_function[i] = string_of(f, sites[i].function);
        f->to->site_line[i] = sites[i].line;
    }
    for (size_t i = 0; i < f->s->samples.count; i++) {
        uint64_t slot = samples[i].slot + samples[i].object - 1;
        uint32_t node = samples[i].object == 0 ? LK_NONE : lk_slots_rank(&f->s->slots, slot);
        if (samples[i].object != 0 && node == LK_NONE) {
            return lk_damage(f->fault, samples[i].offset,
                             "a sample of slot %#llx, where no node is", (unsigned long long)slot);
        }
        f->to->sample_address[i] = samples[i].slot * LK_SLOT_BYTES;
        f->to->sample_node[i] = node;
        f->to->sample_site[i] = (int32_t)samples[i].site - 1;
        f->to->sample_size[i] = samples[i].size;
        f->to->sample_epoch[i] = samples[i].epoch;
        f->to->sample_flags[i] = samples[i].flags;
    }
    return 0;
}

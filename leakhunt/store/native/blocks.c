#include "parse.h"

static uint32_t
load_u32(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static uint64_t
load_u64(const unsigned char *at)
{
    return (uint64_t)load_u32(at) | (uint64_t)load_u32(at + 4) << 32;
}

uint64_t
lk_file_offset(const lk_payload *payload, size_t at)
{
    const lk_piece *pieces = payload->pieces.items;
    size_t low = 0, high = payload->pieces.count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (pieces[middle].at <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return high == 0 ? 0 : pieces[low].offset + (at - pieces[low].at);
}

int
lk_join_blocks(unsigned char *file, size_t size, size_t start, int in_place, lk_payload *payload,
               size_t *end, lk_fault *fault)
{
    size_t at = start;
    *payload = (lk_payload){.is_borrowed = in_place && start >= LK_PADDING};
    /* The pages behind the last byte are never touched, so the upper bound costs nothing. */
    payload->bytes = payload->is_borrowed ? file : malloc(size - start + LK_PADDING);
    if (payload->bytes == NULL) {
        return lk_no_memory(fault);
    }
    for (;;) {
        if (size - at < 4) {
            return lk_damage(fault, at, "the file ends where a block should begin");
        }
        uint32_t length = load_u32(file + at);
        if (length == 0) {
            break;
        }
        if (length > LK_BLOCK_BYTES) {
            return lk_damage(fault, at, "a block of %u bytes is longer than %u", length,
                             LK_BLOCK_BYTES);
        }
        if (size - at < 12 || size - at - 12 < length) {
            return lk_damage(fault, at, "the file ends inside a block of %u bytes", length);
        }
        const unsigned char *bytes = file + at + 12;
        if (lk_block_hash(bytes, length) != load_u64(file + at + 4)) {
            return lk_damage(fault, at, "the hash of a block of %u bytes is wrong", length);
        }
        lk_piece *piece = lk_vec_push(&payload->pieces, sizeof *piece);
        if (piece == NULL) {
            return lk_no_memory(fault);
        }
        *piece = (lk_piece){.at = payload->length, .offset = at + 12};
        memmove(payload->bytes + payload->length, bytes, length);
        payload->length += length;
        at += 12 + length;
    }
    memset(payload->bytes + payload->length, 0, LK_PADDING);
    *end = at + 4;
    return 0;
}

/* Give the joined payload back.  Needs no GIL. */
void
lk_payload_free(lk_payload *payload)
{
    if (!payload->is_borrowed) {
        free(payload->bytes);
    }
    payload->bytes = NULL;
    lk_vec_free(&payload->pieces);
}

/* SipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012; the reduced rounds
 * that CPython uses for str): a keyed function of bytes.  Pure C: no Python.h. */
#ifndef LEAKHUNT_SIPHASH_H
#define LEAKHUNT_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct {
    uint64_t k0, k1;
} lk_sip_key;

#define LK_SIP_ROTATE(x, b) (((x) << (b)) | ((x) >> (64 - (b))))

static inline void
lk_sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = LK_SIP_ROTATE(v[1], 13) ^ v[0];
    v[3] = LK_SIP_ROTATE(v[3], 16) ^ v[2];
    v[0] = LK_SIP_ROTATE(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = LK_SIP_ROTATE(v[1], 17) ^ v[2];
    v[3] = LK_SIP_ROTATE(v[3], 21) ^ v[0];
    v[2] = LK_SIP_ROTATE(v[2], 32);
}

/* Hash of one word and n bytes.  The word goes first: what the bytes are. */
static inline uint64_t
lk_siphash(lk_sip_key key, uint64_t word, const void *bytes, size_t n)
{
    uint64_t v[4] = {key.k0 ^ 0x736F6D6570736575ull, key.k1 ^ 0x646F72616E646F6Dull,
                     key.k0 ^ 0x6C7967656E657261ull, key.k1 ^ 0x7465646279746573ull};
    const unsigned char *p = bytes;
    size_t left = n;
    for (;;) {
        v[3] ^= word;
        lk_sip_round(v);
        v[0] ^= word;
        if (left < 8) {
            break;
        }
        memcpy(&word, p, 8);
        p += 8;
        left -= 8;
    }
    word = (uint64_t)(n + 8) << 56;
    for (size_t i = 0; i < left; i++) {
        word |= (uint64_t)p[i] << (8 * i);
    }
    v[3] ^= word;
    lk_sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xFF;
    lk_sip_round(v);
    lk_sip_round(v);
    lk_sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif

/* inflate.c - DEFLATE, RFC 1951: blocks of plain bytes, or of literals and copies in Huffman codes.
 *
 * Codes are read bit by bit against the first code of each length (canonical order); the state
 * between two output bytes is all in the struct, so unpacking stops and goes on anywhere.
 */
#include "config.h"

#include "format/inflate.h"

#include <string.h>

enum { LITERALS_MAX = 288, DISTANCES_MAX = 30, LENGTH_CODES = 19 };

void k_inflate_begin(struct k_inflate *z, const void *in, size_t n)
{
    memset(z, 0, sizeof *z);
    z->in = in;
    z->end = z->in + n;
    z->state = K_BLOCK_HEAD;
}

static bool need_bits(struct k_inflate *z, unsigned n)
{
    while (z->n_bits < n) {
        if (z->in == z->end)
            return false;
        z->bits |= (uint64_t)*z->in++ << z->n_bits;
        z->n_bits += 8;
    }
    return true;
}

static bool take_bits(struct k_inflate *z, unsigned n, uint32_t *out)
{
    if (!need_bits(z, n))
        return false;
    *out = (uint32_t)(z->bits & (((uint64_t)1 << n) - 1));
    z->bits >>= n;
    z->n_bits -= n;
    return true;
}

/* From the lengths of N codes (0: not used). False: more codes than there is room for, or fewer,
 * unless it is a single one. */
static bool make_codes(struct k_codes *c, const unsigned char *length, unsigned n)
{
    uint16_t offset[K_CODE_BITS_MAX + 2] = { 0 };
    int left = 1;

    memset(c, 0, sizeof *c);
    for (unsigned i = 0; i < n; i++)
        c->count[length[i]]++;
    c->count[0] = 0;
    for (int k = 1; k <= K_CODE_BITS_MAX; k++) {
        left = 2 * left - c->count[k];
        if (left < 0)
            return false;
        offset[k + 1] = (uint16_t)(offset[k] + c->count[k]);
    }
    for (unsigned i = 0; i < n; i++)
        if (length[i] != 0)
            c->symbol[offset[length[i]]++] = (uint16_t)i;
    return left == 0 || offset[K_CODE_BITS_MAX + 1] <= 1;
}

static bool take_symbol(struct k_inflate *z, const struct k_codes *c, uint32_t *out)
{
    int code = 0, first = 0, index = 0;
    uint32_t bit = 0;

    for (int k = 1; k <= K_CODE_BITS_MAX; k++) {
        if (!take_bits(z, 1, &bit))
            return false;
        code |= (int)bit;
        if (code - c->count[k] < first) {
            *out = c->symbol[index + code - first];
            return true;
        }
        index += c->count[k];
        first = (first + c->count[k]) << 1;
        code <<= 1;
    }
    return false;
}

static bool fixed_codes(struct k_inflate *z)
{
    unsigned char length[LITERALS_MAX];

    memset(length, 8, 144);
    memset(length + 144, 9, 112);
    memset(length + 256, 7, 24);
    memset(length + 280, 8, 8);
    if (!make_codes(&z->literals, length, LITERALS_MAX))
        return false;
    memset(length, 5, DISTANCES_MAX);
    make_codes(&z->distances, length, DISTANCES_MAX);       /* two of 32 codes are never used */
    return true;
}

/* Lengths of the codes, themselves in codes: 16 repeats the last, 17 and 18 are runs of 0. */
static bool own_codes(struct k_inflate *z)
{
    static const unsigned char order[LENGTH_CODES] = { 16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                       11, 4,  12, 3, 13, 2, 14, 1, 15 };
    unsigned char length[LITERALS_MAX + 32] = { 0 };
    uint32_t n_literals, n_distances, n_lengths, v = 0, repeat, times = 0;
    struct k_codes lengths;
    unsigned n = 0;

    if (!take_bits(z, 5, &n_literals) || !take_bits(z, 5, &n_distances) ||
        !take_bits(z, 4, &n_lengths))
        return false;
    n_literals += 257;
    n_distances += 1;
    if (n_literals > 286 || n_distances > DISTANCES_MAX)
        return false;
    for (unsigned i = 0; i < n_lengths + 4; i++) {
        if (!take_bits(z, 3, &v))
            return false;
        length[order[i]] = (unsigned char)v;
    }
    if (!make_codes(&lengths, length, LENGTH_CODES))
        return false;
    memset(length, 0, sizeof length);
    while (n < n_literals + n_distances) {
        if (!take_symbol(z, &lengths, &v))
            return false;
        if (v < 16) {
            length[n++] = (unsigned char)v;
            continue;
        }
        if (v == 16 && n == 0)
            return false;
        repeat = v == 16 ? length[n - 1] : 0;
        if (!take_bits(z, v == 16 ? 2 : v == 17 ? 3 : 7, &times))
            return false;
        times += v == 18 ? 11 : 3;
        if (times > n_literals + n_distances - n)
            return false;
        memset(length + n, (int)repeat, times);
        n += times;
    }
    return length[256] != 0 && make_codes(&z->literals, length, n_literals) &&
           make_codes(&z->distances, length + n_literals, n_distances);
}

static bool begin_block(struct k_inflate *z)
{
    uint32_t last, type, size, check;

    if (!take_bits(z, 1, &last) || !take_bits(z, 2, &type))
        return false;
    z->last = last != 0;
    z->left = 0;
    if (type == 0) {
        unsigned odd = z->n_bits % 8;

        z->bits >>= odd;
        z->n_bits -= odd;
        if (!take_bits(z, 16, &size) || !take_bits(z, 16, &check) || (size ^ check) != 0xffff)
            return false;
        z->left = size;
        z->state = K_BLOCK_STORED;
        return true;
    }
    z->state = K_BLOCK_CODED;
    return type == 1 ? fixed_codes(z) : type == 2 && own_codes(z);
}

static void put_byte(struct k_inflate *z, unsigned char c, unsigned char **dst)
{
    z->window[z->out++ % K_WINDOW_BYTES] = c;
    if (*dst != NULL)
        *(*dst)++ = c;
}

/* A literal, the beginning of a copy, or the block's end. */
static bool next_code(struct k_inflate *z, unsigned char **dst, size_t *made)
{
    static const uint16_t length_base[] = { 3,  4,  5,  6,  7,  8,  9,  10, 11,  13,
                                            15, 17, 19, 23, 27, 31, 35, 43, 51,  59,
                                            67, 83, 99, 115, 131, 163, 195, 227, 258 };
    static const unsigned char length_bits[] = { 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0 };
    uint32_t v, more;

    if (!take_symbol(z, &z->literals, &v))
        return false;
    if (v < 256) {
        put_byte(z, (unsigned char)v, dst);
        ++*made;
        return true;
    }
    if (v == 256) {
        z->state = z->last ? K_BLOCK_LAST : K_BLOCK_HEAD;
        return true;
    }
    v -= 257;
    if (v >= sizeof length_bits || !take_bits(z, length_bits[v], &more))
        return false;
    z->left = length_base[v] + more;
    if (!take_symbol(z, &z->distances, &v) || v >= DISTANCES_MAX)
        return false;
    /* 1 2 3 4, then two codes for each further bit. */
    if (v < 4) {
        z->distance = v + 1;
    } else {
        unsigned extra = v / 2 - 1;

        if (!take_bits(z, extra, &more))
            return false;
        z->distance = ((2 + (v & 1)) << extra) + 1 + more;
    }
    return z->distance <= z->out && z->distance <= K_WINDOW_BYTES;
}

static bool stored_byte(struct k_inflate *z, unsigned char **dst, size_t *made)
{
    uint32_t c = 0;

    if (z->left == 0) {
        z->state = z->last ? K_BLOCK_LAST : K_BLOCK_HEAD;
        return true;
    }
    if (!take_bits(z, 8, &c))
        return false;
    z->left--;
    put_byte(z, (unsigned char)c, dst);
    ++*made;
    return true;
}

bool k_inflate_next(struct k_inflate *z, unsigned char *dst, size_t n, size_t *got)
{
    size_t made = 0;
    bool good = z->state != K_BLOCK_BAD;

    while (good && made < n && z->state != K_BLOCK_LAST) {
        if (z->state == K_BLOCK_HEAD)
            good = begin_block(z);
        else if (z->state == K_BLOCK_STORED)
            good = stored_byte(z, &dst, &made);
        else if (z->left == 0)
            good = next_code(z, &dst, &made);
        for (; good && z->state == K_BLOCK_CODED && z->left > 0 && made < n; z->left--, made++)
            put_byte(z, z->window[(z->out - z->distance) % K_WINDOW_BYTES], &dst);
    }
    if (!good)
        z->state = K_BLOCK_BAD;
    *got = made;
    return good;
}

/* range.c - the coder, and the chances that it is driven by.
 *
 * The interval is 64 bits wide and gives off 32 at a time; a carry runs back through what was
 * written.  A chance moves by 1/n on its n-th decision until n is LEARN_MAX, by that share from
 * then on.
 */
#include "config.h"

#include "range.h"

#include <string.h>

#include "base/mem.h"

#define LEARN_MAX   400
#define P_MIN       24u   /* of 65536 */
#define LEVELS      7     /* of a density */
#define CLASSES     17    /* of an index: zero, and its upper four bits */
#define TREES       4     /* for R: of the densities together */
#define COLUMNS_MAX 65536 /* in a longer row columns are not followed */
#define PIECE       1024  /* elements unpacked at once: whole bytes at any width */
#define SHIFT       4     /* a density moves by 1/16 */

struct chance {
    uint16_t p; /* of a one, of 65536 */
    uint16_t n; /* decisions seen, LEARN_MAX at most */
};

/* ---- the coder: one binary decision after another ---- */

struct coder {
    uint64_t low, range; /* of a decoder: LOW is the code less the interval's start */
    unsigned char *out;  /* [room] */
    size_t at, room;
    bool full; /* of an encoder: it would be longer than ROOM */
    const unsigned char *in, *end;
    uint32_t share[LEARN_MAX + 1];
};

static void give(struct coder *c)
{
    if (c->room - c->at < 4) {
        c->full = true;
    } else {
        for (int shift = 56; shift >= 32; shift -= 8)
            c->out[c->at++] = (unsigned char)(c->low >> shift);
    }
    c->low <<= 32;
    c->range <<= 32;
}

static void carry(struct coder *c)
{
    size_t i = c->at;

    while (i > 0 && ++c->out[--i] == 0)
        ;
}

static void take(struct coder *c)
{
    for (int i = 0; i < 4; i++)
        c->low = c->low << 8 | (c->in < c->end ? *c->in++ : 0);
    c->range <<= 32;
}

/* One decision: BIT is coded, or found and returned. */
static inline unsigned decide(struct coder *c, struct chance *q, unsigned bit, const bool decode)
{
    uint64_t bound = (c->range >> 16) * q->p;
    uint32_t share = c->share[q->n];

    if (decode)
        bit = c->low < bound;
    if (bit) {
        c->range = bound;
        q->p += (uint16_t)((65536u - P_MIN - q->p) * share >> 16);
    } else {
        if (decode) {
            c->low -= bound;
        } else {
            c->low += bound;
            if (c->low < bound)
                carry(c);
        }
        c->range -= bound;
        q->p -= (uint16_t)((q->p - P_MIN) * share >> 16);
    }
    q->n += q->n < LEARN_MAX;
    while (c->range < (uint64_t)1 << 32) {
        if (decode)
            take(c);
        else
            give(c);
    }
    return bit;
}

/* The shortest bytes that lie in the interval, whatever follows them. */
static void finish(struct coder *c)
{
    uint64_t last = c->low + (c->range - 1), v = 0;

    for (int keep = 1; keep <= 8; keep++) {
        v = keep < 8 ? last & ~(UINT64_MAX >> 8 * keep) : last;
        if (last < c->low ? v <= last || v >= c->low : v >= c->low)
            break;
    }
    if (v < c->low)
        carry(c);
    for (int shift = 56; shift >= 0 && v != 0; shift -= 8, v <<= 8) {
        if (c->at == c->room) {
            c->full = true;
            return;
        }
        c->out[c->at++] = (unsigned char)(v >> 56);
    }
}

/* ---- the chances ---- */

struct model {
    const struct excp_grid *g;
    struct chance r_kept[LEVELS][LEVELS][2];       /* of the row, of the column, the last one */
    struct chance e1_kept[CLASSES][LEVELS][2];     /* R's class, of E1's own row, the last one */
    struct chance e2_kept[CLASSES][LEVELS];        /* E1's class, of E2's own row */
    struct chance *tree[EXCP_PARTS];               /* [TREES or CLASSES][2^bits] */
    uint32_t row, e1_row, e2_row, last, e1_last;   /* densities of 65536; was the last one kept? */
    uint16_t *column;                              /* [columns]; NULL: they are not followed */
    size_t x;                                      /* place in the row */
    unsigned char level[64];
    struct coder c;
};

static void begin_chances(struct chance *q, size_t n, uint16_t p)
{
    for (size_t i = 0; i < n; i++)
        q[i] = (struct chance){ p, 0 };
}

static void model_free(struct model *m)
{
    for (int k = 0; m != NULL && k < EXCP_PARTS; k++)
        spn_free(m->tree[k]);
    if (m != NULL)
        spn_free(m->column);
    spn_free(m);
}

static struct model *model_new(const struct excp_grid *g, size_t first)
{
    static const unsigned char top[LEVELS - 1] = { 1, 3, 6, 11, 20, 34 }; /* of 64 */
    struct model *m = spn_calloc(1, sizeof *m);
    bool good = m != NULL, columns = g->columns <= COLUMNS_MAX && g->columns < g->n;

    if (m == NULL)
        return NULL;
    m->g = g;
    for (int k = 0; k < EXCP_PARTS; k++) {
        size_t n = (size_t)(k == EXCP_R ? TREES : CLASSES) << g->bits[k];

        if (g->bits[k] == 0)
            continue;
        m->tree[k] = spn_calloc(n, sizeof *m->tree[k]);
        good = good && m->tree[k] != NULL;
        if (good)
            begin_chances(m->tree[k], n, 32768);
    }
    if (columns)
        m->column = spn_calloc(g->columns, sizeof *m->column);
    if (!good || (columns && m->column == NULL)) {
        model_free(m);
        return NULL;
    }
    for (size_t i = 0; columns && i < g->columns; i++)
        m->column[i] = 6000;
    begin_chances(&m->r_kept[0][0][0], sizeof m->r_kept / sizeof(struct chance), 6000);
    begin_chances(&m->e1_kept[0][0][0], sizeof m->e1_kept / sizeof(struct chance), 6000);
    begin_chances(&m->e2_kept[0][0], sizeof m->e2_kept / sizeof(struct chance), 60000);
    m->row = m->e1_row = m->e2_row = 6000;
    m->x = first % g->columns;
    for (int i = 0, l = 0; i < 64; i++) {
        while (l < LEVELS - 1 && i >= top[l])
            l++;
        m->level[i] = (unsigned char)l;
    }
    m->c.range = UINT64_MAX;
    for (uint32_t n = 0; n <= LEARN_MAX; n++)
        m->c.share[n] = 65536 * 2 / (2 * n + 3);
    return m;
}

static inline unsigned level(const struct model *m, uint32_t density)
{
    return m->level[density >> 10];
}

static inline void follow(uint32_t *density, unsigned kept)
{
    *density += kept ? (65535 - *density) >> SHIFT : 0u - (*density >> SHIFT);
}

static inline unsigned class_of(unsigned index, int bits)
{
    return index == 0 ? 0 : 1 + (bits > 4 ? (index - 1) >> (bits - 4) : index - 1);
}

/* An index that is not zero, less one, from its top bit. */
static inline unsigned tree(struct model *m, int k, unsigned which, unsigned index,
                            const bool decode)
{
    int bits = m->g->bits[k];
    struct chance *q = m->tree[k] + ((size_t)which << bits);
    unsigned node = 1;

    for (int b = bits - 1; b >= 0; b--)
        node = node << 1 | decide(&m->c, &q[node], (index - 1) >> b & 1, decode);
    return node - (1u << bits) + 1;
}

/* One element's indices at AT[part][E]. */
static inline void element(struct model *m, unsigned char *at[EXCP_PARTS], size_t e,
                           const bool decode)
{
    const struct excp_grid *g = m->g;
    unsigned r = 1, e1 = 1, kept;
    int bits = g->bits[EXCP_R];

    if (g->bits[EXCP_R] != 0) {
        uint32_t col = m->column != NULL ? m->column[m->x] : m->row;
        unsigned a = level(m, m->row), b = level(m, col);

        r = decode ? 0 : at[EXCP_R][e];
        kept = decide(&m->c, &m->r_kept[a][b][m->last], r != 0, decode);
        if (kept)
            r = tree(m, EXCP_R, (a + b) / 4, r, decode);
        follow(&m->row, kept);
        m->last = kept;
        if (m->column != NULL) {
            follow(&col, kept);
            m->column[m->x] = (uint16_t)col;
            m->x = m->x + 1 == g->columns ? 0 : m->x + 1;
        }
        at[EXCP_R][e] = (unsigned char)r;
    }
    if (g->bits[EXCP_E1] != 0) {
        unsigned c = bits != 0 ? class_of(r, bits) : 1;

        e1 = decode ? 0 : at[EXCP_E1][e];
        if (!g->joint || r != 0) {
            kept = decide(&m->c, &m->e1_kept[c][level(m, m->e1_row)][m->e1_last], e1 != 0, decode);
            if (kept)
                e1 = tree(m, EXCP_E1, c, e1, decode);
            follow(&m->e1_row, kept);
            m->e1_last = kept;
        }
        at[EXCP_E1][e] = (unsigned char)e1;
        bits = g->bits[EXCP_E1];
    } else if (g->joint) {
        e1 = r;
    } else {
        bits = 0;
    }
    if (g->bits[EXCP_E2] != 0) {
        unsigned c = bits != 0 ? class_of(e1, bits) : 1, e2;

        e2 = decode ? 0 : at[EXCP_E2][e];
        if (e1 != 0) {
            kept = decide(&m->c, &m->e2_kept[c][level(m, m->e2_row)], e2 != 0, decode);
            if (kept)
                e2 = tree(m, EXCP_E2, c, e2, decode);
            follow(&m->e2_row, kept);
        }
        at[EXCP_E2][e] = (unsigned char)e2;
    }
}

/* ---- blocks ---- */

size_t excp_blocks(const struct excp_grid *g)
{
    return g->n / EXCP_BLOCK + (g->n % EXCP_BLOCK != 0);
}

static size_t block_elems(const struct excp_grid *g, size_t i)
{
    size_t left = g->n - i * EXCP_BLOCK;

    return left < EXCP_BLOCK ? left : EXCP_BLOCK;
}

size_t excp_block_plain(const struct excp_grid *g, size_t i)
{
    size_t bytes = 0;

    for (int k = 0; k < EXCP_PARTS; k++)
        if (g->bits[k] != 0)
            bytes += excp_packed_bytes(block_elems(g, i), g->bits[k]);
    return bytes;
}

static void widen(const unsigned char *from, int bits, size_t n, unsigned char *to)
{
    size_t each = (size_t)(8 / bits);

    for (size_t i = 0; i < n; i++)
        to[i] = from[i / each] >> (8 - bits - (int)(i % each) * bits) & ((1u << bits) - 1);
}

static void narrow(const unsigned char *from, int bits, size_t n, unsigned char *to)
{
    size_t each = (size_t)(8 / bits);

    for (size_t i = 0; i < n; i += each) {
        unsigned byte = 0;

        for (size_t j = i; j < i + each; j++)
            byte = byte << bits | (j < n ? from[j] : 0);
        *to++ = (unsigned char)byte;
    }
}

/* Where the indices of element AT stand. */
static size_t place(const struct excp_grid *g, int k, size_t at)
{
    return at / (size_t)(8 / g->bits[k]);
}

static void encode_piece(struct model *m, size_t at, size_t n,
                         const unsigned char *const packed[EXCP_PARTS])
{
    unsigned char wide[EXCP_PARTS][PIECE], *p[EXCP_PARTS] = { wide[0], wide[1], wide[2] };

    for (int k = 0; k < EXCP_PARTS; k++)
        if (m->g->bits[k] != 0)
            widen(packed[k] + place(m->g, k, at), m->g->bits[k], n, wide[k]);
    for (size_t e = 0; e < n; e++)
        element(m, p, e, false);
}

static void decode_piece(struct model *m, size_t at, size_t n,
                         unsigned char *const packed[EXCP_PARTS])
{
    unsigned char wide[EXCP_PARTS][PIECE], *p[EXCP_PARTS] = { wide[0], wide[1], wide[2] };

    for (size_t e = 0; e < n; e++)
        element(m, p, e, true);
    for (int k = 0; k < EXCP_PARTS; k++)
        if (m->g->bits[k] != 0)
            narrow(wide[k], m->g->bits[k], n, packed[k] + place(m->g, k, at));
}

static spn_status no_memory(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "excp: no memory for a block of indices");
}

spn_status excp_block_encode(const struct excp_grid *g, size_t i,
                             const unsigned char *const packed[EXCP_PARTS], struct spn_buf *out,
                             struct spn_err *err)
{
    size_t first = i * EXCP_BLOCK, n = block_elems(g, i), plain = excp_block_plain(g, i);
    struct model *m = model_new(g, first);
    unsigned char *room = spn_calloc(plain, 1);
    spn_status st = m == NULL || room == NULL ? no_memory(err) : SPN_OK;

    if (st == SPN_OK) {
        m->c.out = room;
        m->c.room = plain - (plain > 0); /* a block as long as its plain bytes is plain */
        for (size_t at = 0; at < n && !m->c.full; at += PIECE)
            encode_piece(m, first + at, n - at < PIECE ? n - at : PIECE, packed);
        finish(&m->c);
    }
    if (st == SPN_OK && !m->c.full)
        st = spn_buf_add(out, room, m->c.at) == SPN_OK ? SPN_OK : no_memory(err);
    for (int k = 0; st == SPN_OK && m->c.full && k < EXCP_PARTS; k++)
        if (g->bits[k] != 0 && spn_buf_add(out, packed[k] + place(g, k, first),
                                           excp_packed_bytes(n, g->bits[k])) != SPN_OK)
            st = no_memory(err);
    spn_free(room);
    model_free(m);
    return st;
}

spn_status excp_block_decode(const struct excp_grid *g, size_t i, const unsigned char *bytes,
                             size_t n_bytes, unsigned char *const packed[EXCP_PARTS],
                             struct spn_err *err)
{
    size_t first = i * EXCP_BLOCK, n = block_elems(g, i), plain = excp_block_plain(g, i);
    struct model *m;

    if (n_bytes > plain)
        return spn_fail(err, SPN_EFORMAT, "excp: a block of %zu indices in %zu bytes", n, n_bytes);
    if (n_bytes == plain) {
        for (int k = 0; k < EXCP_PARTS; k++) {
            size_t part = g->bits[k] != 0 ? excp_packed_bytes(n, g->bits[k]) : 0;

            if (part > 0)
                memcpy(packed[k] + place(g, k, first), bytes, part);
            bytes += part;
        }
        return SPN_OK;
    }
    m = model_new(g, first);
    if (m == NULL)
        return no_memory(err);
    m->c.in = bytes;
    m->c.end = bytes + n_bytes;
    take(&m->c);
    take(&m->c);
    m->c.range = UINT64_MAX;
    for (size_t at = 0; at < n; at += PIECE)
        decode_piece(m, first + at, n - at < PIECE ? n - at : PIECE, packed);
    model_free(m);
    return SPN_OK;
}

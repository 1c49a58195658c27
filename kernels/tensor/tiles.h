/* tiles.h - the kernels behind product.h, one table an instruction set, and the packed layout they
 * share.  Private.
 *
 * A pack is a row of panels; a panel holds 32 rows of W (the last one padded with zeros) over all
 * of k, aligned to 64 bytes:
 *
 *   f32    [k][32]
 *   f16    [k][32]
 *   bf16   [ceil(k / 2)][32][2]: pairs along k, the last one padded with zero
 *   q8_0   a block of 32 k: f16 d[32], then 8 groups of 4 k: u8 [32][4] = q + 128
 *   q4_0   a block of 32 k: f16 d[32], then nibbles
 *   q4_K   a block of 256 k: f16 d[32], f16 dmin[32], then 8 times:
 *          u8 scale[32], u8 min[32], nibbles
 *   q6_K   a block of 256 k: f16 d[32], then 8 times: i8 scale[2][32], nibbles, high [2][32][4];
 *          bits 2j and 2j + 1 of a byte of high[v] belong to group 4v + j
 *
 *   iq4    a block of 32 k: f32 scale[32], then nibbles that choose from k_levels_iq4
 *   mx4    the same with k_levels_mx4
 *   w8     a block of 32 k: f32 scale[32], f32 min[32], then bytes as q8_0
 *   w8h    a block of 32 k: f32 scale[2][32], f32 min[2][32] for halves of k, then bytes as q8_0
 *
 * iq4_nl and iq4_xs are packed as iq4, mxfp4 as mx4; q5_0, tq1_0 and tq2_0 as q8_0, q3_K as q6_K,
 * q4_1, q5_1 and q5_K as w8, q2_K as w8h: all without rounding a weight.
 *
 * Nibbles are [4][32][4]: of byte i the low half belongs to group 2i, the high half to group
 * 2i + 1; natural (unsigned).
 *
 * The groups of 4 k are what one lane of a dot product instruction multiplies.  The layout is the
 * same for all instruction sets, so a pack outlives a change of the choice (tests do that), and a
 * file may keep it.
 */
#ifndef SPN_TILES_H
#define SPN_TILES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define K_PANEL 32

enum k_form {
    K_FORM_F32,
    K_FORM_F16,
    K_FORM_BF16,
    K_FORM_Q8_0,
    K_FORM_Q4_0,
    K_FORM_Q4_K,
    K_FORM_Q6_K,
    K_FORM_IQ4,
    K_FORM_MX4,
    K_FORM_W8,
    K_FORM_W8H,
    K_FORM_COUNT
};

/* Blocks of 32 k of one packed form lie in groups that share a head. */
struct k_layout {
    int blocks; /* bodies a head */
    int head_bytes, body_bytes;
};
static const struct k_layout k_layouts[K_FORM_COUNT] = {
    [K_FORM_Q8_0] = { 1, 64, 1024 },
    [K_FORM_Q4_0] = { 1, 64, 512 },
    [K_FORM_Q4_K] = { 8, 128, 64 + 512 },
    [K_FORM_Q6_K] = { 8, 64, 64 + 512 + 256 },
    [K_FORM_IQ4] = { 1, 128, 512 },
    [K_FORM_MX4] = { 1, 128, 512 },
    [K_FORM_W8] = { 1, 256, 1024 },
    [K_FORM_W8H] = { 1, 512, 1024 },
};

/* A scale for each half of 16 k; a minimum. */
static inline bool k_form_halves(enum k_form form)
{
    return form == K_FORM_Q6_K || form == K_FORM_W8H;
}
static inline bool k_form_min(enum k_form form)
{
    return form == K_FORM_Q4_K || form == K_FORM_W8 || form == K_FORM_W8H;
}

/* 32 activations of one row in the stated int8 arithmetic (product.h). */
struct k_act {
    int8_t q[32];
    float d;
    int32_t sum[2]; /* of q, first and second half */
    float neg_dsum; /* -(d * (sum[0] + sum[1])), what a min is multiplied by */
};

/* One product.  Only what the form and the activations need is set: x, or act (k / 32 a row), or
 * pairs (ld_pairs a row). */
struct k_product {
    const uint8_t *w;
    size_t panel_bytes;
    int64_t n, k, rows;
    const float *x;
    int64_t ldx;
    const struct k_act *act;
    const uint32_t *pairs;
    int64_t ld_pairs;
    const float *bias; /* NULL: none */
    float *y;
    int64_t ldy;
};
/* Panels [begin, end) of it. */
typedef void (*k_product_fn)(const struct k_product *q, int64_t begin, int64_t end);

/* C [m, n] = alpha * op(A) op(B) + beta * C: see spn_gemm_f32; m, n, k at least 1. */
struct k_gemm {
    bool trans_a, trans_b;
    int64_t m, n, k, lda, ldb, ldc;
    float alpha, beta;
    const float *a, *b;
    float *c;
};

struct k_tiles {
    int64_t share_min; /* multiply-adds below which waking a thread costs more than it saves */
    void (*gemm)(const struct k_gemm *g);
    void (*quantize)(const float *x, int64_t blocks, struct k_act *out);
    k_product_fn by_f32[K_FORM_COUNT];
    k_product_fn by_int8[K_FORM_COUNT]; /* NULL for the plain types */
    k_product_fn bf16_pairs;            /* NULL: the processor has no instruction for it */
};
/* avxvnni: AVX2 with the 256-bit form of the dot product instruction; equal to avx2 where the
 * compiler lacks it. */
extern const struct k_tiles k_tiles_ref, k_tiles_avx2, k_tiles_avxvnni, k_tiles_avx512;
/* The table of the instruction set in use. */
const struct k_tiles *k_tiles_get(void);

void k_gemm_f32_ref(const struct k_gemm *g);
void k_gemm_f32_avx2(const struct k_gemm *g);
void k_gemm_f32_avx512(const struct k_gemm *g);
void k_act_quantize_ref(const float *x, int64_t blocks, struct k_act *out);
void k_product_bf16_pairs_avx512(const struct k_product *q, int64_t begin, int64_t end);

#endif

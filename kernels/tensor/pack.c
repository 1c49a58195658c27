/* pack.c - from a tensor's rows to panels of 32 rows: only bytes move, no value is rounded. */
#include "config.h"

#include <string.h>
#include <sys/mman.h>

#include "base/arith.h"
#include "base/mem.h"
#include "tensor/blocks.h"
#include "tensor/half.h"
#include "tensor/pack.h"

/* A panel being filled: ROWS of W (at most 32), STRIDE bytes apart; the panel is zero before. */
struct fill {
    int dtype;
    const uint8_t *src;
    size_t stride;
    int rows;
    int64_t k;
    uint8_t *dst;
};

static uint32_t load_u32(const uint8_t *p)
{
    uint32_t v;

    memcpy(&v, p, sizeof v);
    return v;
}

/* Group G (4 k) of row R in a [groups][32][4] array. */
static void put_group(uint8_t *dst, int g, int r, uint32_t v)
{
    memcpy(dst + ((size_t)g * K_PANEL + (size_t)r) * 4, &v, sizeof v);
}

/* The 8 groups of a block of 32, a value of 0 to 15 a byte, as nibbles. */
static void put_nibbles(uint8_t *dst, int r, const uint32_t low[8])
{
    for (int i = 0; i < 4; i++)
        put_group(dst, i, r, low[2 * i] | low[2 * i + 1] << 4);
}

static void fill_f32(const struct fill *f)
{
    float *dst = (float *)(void *)f->dst;

    for (int r = 0; r < f->rows; r++) {
        const uint8_t *row = f->src + (size_t)r * f->stride;

        for (int64_t p = 0; p < f->k; p++)
            memcpy(dst + p * K_PANEL + r, row + 4 * p, 4);
    }
}

static void fill_f16(const struct fill *f)
{
    for (int r = 0; r < f->rows; r++) {
        const uint8_t *row = f->src + (size_t)r * f->stride;

        for (int64_t p = 0; p < f->k; p++)
            memcpy(f->dst + 2 * (p * K_PANEL + r), row + 2 * p, 2);
    }
}

static void fill_bf16(const struct fill *f)
{
    for (int r = 0; r < f->rows; r++) {
        const uint8_t *row = f->src + (size_t)r * f->stride;

        for (int64_t p = 0; p < f->k; p++)
            memcpy(f->dst + 2 * ((p / 2 * K_PANEL + r) * 2 + p % 2), row + 2 * p, 2);
    }
}

/* 34 bytes: f16 d, i8 q[32]. */
static void fill_q8_0(const struct fill *f)
{
    for (int r = 0; r < f->rows; r++) {
        const uint8_t *src = f->src + (size_t)r * f->stride;
        uint8_t *dst = f->dst;

        for (int64_t b = 0; b < f->k / 32; b++, src += 34, dst += 64 + 1024) {
            memcpy(dst + 2 * r, src, 2);
            for (int g = 0; g < 8; g++)
                put_group(dst + 64, g, r, load_u32(src + 2 + 4 * g) ^ 0x80808080u);
        }
    }
}

/* The 16 bytes QS; element j < 16 is the low half of qs[j], else the high half of qs[j - 16]. */
static void put_halves(uint8_t *dst, int r, const uint8_t *qs)
{
    uint32_t low[8];

    for (int g = 0; g < 8; g++)
        low[g] = load_u32(qs + 4 * (g & 3)) >> (g < 4 ? 0 : 4) & 0x0f0f0f0fu;
    put_nibbles(dst, r, low);
}

/* 18 bytes: f16 d, qs[16]. */
static void fill_q4_0(const struct fill *f)
{
    for (int r = 0; r < f->rows; r++) {
        const uint8_t *src = f->src + (size_t)r * f->stride;
        uint8_t *dst = f->dst;

        for (int64_t b = 0; b < f->k / 32; b++, src += 18, dst += 64 + 512) {
            memcpy(dst + 2 * r, src, 2);
            put_halves(dst + 64, r, src + 2);
        }
    }
}

/* 144 bytes: f16 d, f16 dmin, scales[12] (8 pairs of 6-bit numbers), qs[128]: groups of 32 in
 * pairs, low and high halves. */
static void fill_q4_k(const struct fill *f)
{
    for (int r = 0; r < f->rows; r++) {
        const uint8_t *src = f->src + (size_t)r * f->stride;
        uint8_t *dst = f->dst;

        for (int64_t b = 0; b < f->k / 256; b++, src += 144) {
            const uint8_t *s = src + 4;

            memcpy(dst + 2 * r, src, 2);
            memcpy(dst + 64 + 2 * r, src + 2, 2);
            dst += 128;
            for (int j = 0; j < 8; j++, dst += 64 + 512) {
                uint32_t low[8];

                dst[r] = j < 4 ? s[j] & 63 : (uint8_t)((s[j + 4] & 15) | (s[j - 4] >> 6) << 4);
                dst[32 + r] = j < 4 ? s[j + 4] & 63 : (uint8_t)(s[j + 4] >> 4 | (s[j] >> 6) << 4);
                for (int g = 0; g < 8; g++)
                    low[g] = load_u32(src + 16 + 32 * (j / 2) + 4 * g) >> 4 * (j & 1) & 0x0f0f0f0fu;
                put_nibbles(dst + 64, r, low);
            }
        }
    }
}

/* 210 bytes: ql[128], qh[64], i8 scales[16], f16 d; block j = 4h + q of 32: low bits in half q / 2
   of ql[64h + 32(q & 1) + l], high bits 2q and 2q + 1 of qh[32h + l]. */
static void fill_q6_k(const struct fill *f)
{
    for (int r = 0; r < f->rows; r++) {
        const uint8_t *src = f->src + (size_t)r * f->stride;
        uint8_t *dst = f->dst;

        for (int64_t b = 0; b < f->k / 256; b++, src += 210) {
            memcpy(dst + 2 * r, src + 208, 2);
            dst += 64;
            for (int j = 0; j < 8; j++, dst += 64 + 512 + 256) {
                const int h = j / 4, q = j % 4;
                uint32_t low[8], high[2] = { 0, 0 };

                dst[r] = src[192 + 2 * j];
                dst[32 + r] = src[192 + 2 * j + 1];
                for (int g = 0; g < 8; g++) {
                    low[g] =
                        load_u32(src + 64 * h + 32 * (q & 1) + 4 * g) >> 4 * (q >> 1) & 0x0f0f0f0fu;
                    high[g / 4] |= (load_u32(src + 128 + 32 * h + 4 * g) >> 2 * q & 0x03030303u)
                                   << 2 * (g % 4);
                }
                put_nibbles(dst + 64, r, low);
                put_group(dst + 64 + 512, 0, r, high[0]);
                put_group(dst + 64 + 512, 1, r, high[1]);
            }
        }
    }
}

/* 110 bytes (kernels/format/quant_signed.c): scale - 32 in a signed byte and q + 32 in six bits. */
static void fill_q3_k(const struct fill *f)
{
    for (int r = 0; r < f->rows; r++) {
        const uint8_t *row = f->src + (size_t)r * f->stride;
        uint8_t *dst = f->dst;

        for (int64_t b = 0; b < f->k / 32; b++, dst += 64 + 512 + 256) {
            const uint8_t *src = row + 110 * (b / 8), *s = src + 96;
            const int j = (int)(b % 8);
            uint32_t low[8] = { 0 }, high[2] = { 0, 0 };
            struct k_block k;

            if (j == 0) {
                memcpy(dst + 2 * r, src + 108, 2);
                dst += 64;
            }
            for (int h = 0; h < 2; h++) {
                int g = 2 * j + h, four = g < 8 ? s[g] & 15 : s[g - 8] >> 4;

                dst[32 * h + r] =
                    (uint8_t)((four | (s[8 + g % 4] >> 2 * (g / 4) & 3) << 4) - 32);
            }
            k_block_of(SPN_Q3_K)(row, b, &k);
            for (int i = 0; i < 32; i++) {
                const uint32_t q = (uint32_t)(k.q[i] + 32);

                low[i / 4] |= (q & 15) << 8 * (i % 4);
                high[i / 16] |= q >> 4 << (8 * (i % 4) + 2 * (i / 4 % 4));
            }
            put_nibbles(dst + 64, r, low);
            put_group(dst + 64 + 512, 0, r, high[0]);
            put_group(dst + 64 + 512, 1, r, high[1]);
        }
    }
}

/* 4 bits that choose from a table: f32 scale[32], then the nibbles as they are. */
static void fill_levels(const struct fill *f)
{
    k_block_fn read = k_block_of(f->dtype);

    for (int r = 0; r < f->rows; r++) {
        const uint8_t *row = f->src + (size_t)r * f->stride;
        uint8_t *dst = f->dst;

        for (int64_t b = 0; b < f->k / 32; b++, dst += 128 + 512) {
            struct k_block k;

            read(row, b, &k);
            memcpy(dst + 4 * r, &k.scale[0], 4);
            put_halves(dst + 128, r,
                       f->dtype == SPN_IQ4_NL  ? row + 18 * b + 2
                       : f->dtype == SPN_MXFP4 ? row + 17 * b + 1
                                               : row + 136 * (b / 8) + 8 + 16 * (b % 8));
        }
    }
}

static void put_bytes(uint8_t *dst, int r, const int q[32])
{
    for (int g = 0; g < 8; g++) {
        uint32_t four = 0;

        for (int i = 0; i < 4; i++)
            four |= (uint32_t)(uint8_t)(q[4 * g + i] + 128) << 8 * i;
        put_group(dst, g, r, four);
    }
}

/* Bytes with the half scale of q8_0, or with floats for scales and minima. */
static void fill_bytes(const struct fill *f, enum k_form form)
{
    const struct k_layout *l = &k_layouts[form];
    k_block_fn read = k_block_of(f->dtype);

    for (int r = 0; r < f->rows; r++) {
        const uint8_t *row = f->src + (size_t)r * f->stride;
        uint8_t *dst = f->dst;

        for (int64_t b = 0; b < f->k / 32; b++, dst += l->head_bytes + l->body_bytes) {
            struct k_block k;

            read(row, b, &k);
            if (form == K_FORM_Q8_0) {
                uint16_t d = spn_f16_of_f32(k.scale[0]);

                memcpy(dst + 2 * r, &d, 2);
            } else {
                const int halves = k_form_halves(form) ? 2 : 1;

                for (int h = 0; h < halves; h++) {
                    memcpy(dst + 128 * h + 4 * r, &k.scale[h], 4);
                    memcpy(dst + 128 * (halves + h) + 4 * r, &k.min[h], 4);
                }
            }
            put_bytes(dst + l->head_bytes, r, k.q);
        }
    }
}

static void fill_half_bytes(const struct fill *f)
{
    fill_bytes(f, K_FORM_Q8_0);
}

static void fill_w8(const struct fill *f)
{
    fill_bytes(f, K_FORM_W8);
}

static void fill_w8h(const struct fill *f)
{
    fill_bytes(f, K_FORM_W8H);
}

/* How a type is packed; one that is not listed is widened to f32 by spn_dequant. */
static const struct packing {
    enum k_form form;
    void (*fill)(const struct fill *f);
} packings[SPN_DTYPE_COUNT] = {
    [SPN_F32] = { K_FORM_F32, fill_f32 },         [SPN_F16] = { K_FORM_F16, fill_f16 },
    [SPN_BF16] = { K_FORM_BF16, fill_bf16 },      [SPN_Q8_0] = { K_FORM_Q8_0, fill_q8_0 },
    [SPN_Q5_0] = { K_FORM_Q8_0, fill_half_bytes }, [SPN_TQ1_0] = { K_FORM_Q8_0, fill_half_bytes },
    [SPN_TQ2_0] = { K_FORM_Q8_0, fill_half_bytes }, [SPN_Q4_0] = { K_FORM_Q4_0, fill_q4_0 },
    [SPN_Q4_K] = { K_FORM_Q4_K, fill_q4_k },      [SPN_Q6_K] = { K_FORM_Q6_K, fill_q6_k },
    [SPN_Q3_K] = { K_FORM_Q6_K, fill_q3_k },      [SPN_IQ4_NL] = { K_FORM_IQ4, fill_levels },
    [SPN_IQ4_XS] = { K_FORM_IQ4, fill_levels },   [SPN_MXFP4] = { K_FORM_MX4, fill_levels },
    [SPN_Q4_1] = { K_FORM_W8, fill_w8 },          [SPN_Q5_1] = { K_FORM_W8, fill_w8 },
    [SPN_Q5_K] = { K_FORM_W8, fill_w8 },          [SPN_Q2_K] = { K_FORM_W8H, fill_w8h },
};

static struct packing packing_of(int dtype)
{
    return packings[dtype].fill != NULL ? packings[dtype] : packings[SPN_F32];
}

static bool panel_size(enum k_form form, int64_t k, size_t *bytes)
{
    const struct k_layout *l = &k_layouts[form];
    uint64_t size, steps = (uint64_t)k;
    size_t step;

    if (form <= K_FORM_BF16) {
        step = form == K_FORM_F32 ? 4 * K_PANEL : 2 * K_PANEL;
        if (form == K_FORM_BF16)
            steps += steps & 1;
    } else {
        step = (size_t)(l->head_bytes + l->blocks * l->body_bytes);
        steps /= 32 * (uint64_t)l->blocks;
    }
    return spn_mul_u64(steps, step, &size) && spn_align_u64(size, 64, &size) &&
           spn_size_of_u64(size, bytes);
}

struct pack_job {
    const struct spn_tensor *w;
    const struct spn_pack *p;
    size_t row_bytes; /* from one row of W to the next */
    void (*fill)(const struct fill *f);
    bool widen;       /* through spn_dequant */
    float *rows;      /* widened rows, 32 k a worker */
};

static void pack_panels(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct pack_job *job = ctx;
    const struct spn_pack *p = job->p;

    for (int64_t i = begin; i < end; i++) {
        int64_t left = p->n - i * K_PANEL;
        struct fill f = {
            .dtype = job->w->dtype,
            .src = (const uint8_t *)job->w->data + (size_t)(i * K_PANEL) * job->row_bytes,
            .stride = job->row_bytes,
            .rows = left < K_PANEL ? (int)left : K_PANEL,
            .k = p->k,
            .dst = p->data + (size_t)i * p->panel_bytes,
        };

        memset(f.dst, 0, p->panel_bytes);
        if (job->widen) {
            float *rows = job->rows + (int64_t)worker * K_PANEL * p->k;

            for (int r = 0; r < f.rows; r++)
                (void)spn_dequant(job->w->dtype, f.src + (size_t)r * f.stride, rows + r * p->k,
                                  p->k, NULL);
            f.src = (const uint8_t *)rows;
            f.stride = (size_t)p->k * sizeof *rows;
        }
        job->fill(&f);
    }
}

/* A decode step streams the whole pack: with pages of 2 MiB it does not wait for address
 * translation.  Only advice. */
static void want_large_pages(uint8_t *data, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    const uintptr_t page = 1u << 21, begin = ((uintptr_t)data + page - 1) & ~(page - 1),
                    end = ((uintptr_t)data + bytes) & ~(page - 1);

    if (end > begin)
        (void)madvise((void *)begin, end - begin, MADV_HUGEPAGE);
#else
    (void)data;
    (void)bytes;
#endif
}

/* Bytes from row to row, after the checks that let the kernels trust shapes. */
static spn_status check_weight(const struct spn_tensor *w, size_t *row_bytes, struct spn_err *err)
{
    const struct spn_dtype_info *type = spn_dtype_info(w->dtype);
    uint64_t bytes;

    if (type == NULL || !type->decode)
        return spn_fail(err, SPN_EFORMAT, "product: weights of type %s cannot be multiplied",
                        spn_dtype_name(w->dtype));
    if (w->ndim != 2 || w->dim[0] < 1 || w->dim[1] < 1 || (w->dim[1] > 1 && w->stride[1] != 1) ||
        w->stride[0] < 0)
        return spn_fail(err, SPN_EINTERNAL,
                        "product: a weight is a matrix of at least 1 x 1 with contiguous rows, "
                        "this one has %d dimensions",
                        w->ndim);
    if (w->dim[1] % type->block_elems != 0 || w->stride[0] % type->block_elems != 0)
        return spn_fail(err, SPN_EFORMAT,
                        "product: rows of %lld elements are not whole blocks of %d (%s)",
                        (long long)w->dim[1], type->block_elems, type->name);
    if (!spn_dtype_row_bytes(w->dtype, w->stride[0], &bytes) || !spn_size_of_u64(bytes, row_bytes))
        return spn_fail(err, SPN_EFORMAT, "product: a row stride of %lld elements is too large",
                        (long long)w->stride[0]);
    return SPN_OK;
}

spn_status spn_pack_new(struct spn_pack **out, const struct spn_tensor *w, enum spn_act act,
                        struct spn_pool *pool, struct spn_err *err)
{
    struct pack_job job = { .w = w };
    struct spn_pack *p = NULL;
    size_t total = 0, scratch = 0;
    spn_status st = check_weight(w, &job.row_bytes, err);

    if (st != SPN_OK)
        return st;
    p = spn_calloc(1, sizeof *p);
    if (p == NULL)
        return spn_fail(err, SPN_ENOMEM, "product: no memory for a pack");
    p->act = act;
    p->form = packing_of(w->dtype).form;
    p->n = w->dim[0];
    p->k = w->dim[1];
    p->panels = p->n / K_PANEL + (p->n % K_PANEL != 0);
    job.p = p;
    job.fill = packing_of(w->dtype).fill;
    job.widen = p->form == K_FORM_F32 && w->dtype != SPN_F32;
    if (!panel_size(p->form, p->k, &p->panel_bytes) ||
        !spn_mul_size(p->panel_bytes, (size_t)p->panels, &total) ||
        (job.widen && (!spn_mul_size((size_t)p->k, K_PANEL * sizeof(float), &scratch) ||
                       !spn_mul_size(scratch, (size_t)spn_pool_threads(pool), &scratch)))) {
        st = spn_fail(err, SPN_EFORMAT, "product: a weight of %lld x %lld is too large",
                      (long long)p->n, (long long)p->k);
        goto done;
    }
    p->data = spn_aligned_alloc(64, total);
    if (job.widen)
        job.rows = spn_aligned_alloc(64, scratch);
    if (p->data == NULL || (job.widen && job.rows == NULL)) {
        st = spn_fail(err, SPN_ENOMEM,
                      "product: no memory to pack a weight of %lld x %lld (%zu bytes)",
                      (long long)p->n, (long long)p->k, total + scratch);
        goto done;
    }
    want_large_pages(p->data, total);
    spn_pool_run(pool, p->panels, 4, pack_panels, &job);
done:
    spn_free(job.rows);
    if (st == SPN_OK)
        *out = p;
    else
        spn_pack_free(p);
    return st;
}

void spn_pack_free(struct spn_pack *p)
{
    if (p == NULL)
        return;
    spn_free(p->data);
    spn_free(p);
}

uint64_t spn_pack_bytes(const struct spn_pack *p)
{
    return (uint64_t)p->panels * p->panel_bytes;
}

int64_t spn_pack_rows(const struct spn_pack *p)
{
    return p->n;
}

int64_t spn_pack_cols(const struct spn_pack *p)
{
    return p->k;
}

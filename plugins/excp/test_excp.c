/* test_excp.c - ExCP: the digest's synthetic table, round trips, damaged files. */
#include "config.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/option.h"
#include "base/rng.h"
#include "codec.h"
#include "method.h"
#include "tap.h"

enum { PARAMS = 6 };

static struct spn_err err = SPN_ERR_INIT;
static uint64_t fail_at; /* this allocation of pack fails; 0: none */

/* ---- a step in memory ---- */

struct memory {
    struct spn_codec_param p[PARAMS];
    size_t n;
};

static struct spn_tensor *part(struct spn_codec_param *p, int k)
{
    return k == 0 ? &p->weight : k == 1 ? &p->exp_avg : &p->exp_avg_sq;
}

static void add(struct memory *m, const char *name, int64_t rows, int64_t cols, int parts)
{
    struct spn_codec_param *p = &m->p[m->n++];
    const int64_t dim[2] = { rows, cols };

    *p = (struct spn_codec_param){ .name = name };
    for (int k = 0; k < 3; k++)
        if (parts >> k & 1)
            spn_tensor_init(part(p, k), SPN_F32, 2, dim,
                            spn_calloc((size_t)(rows * cols), sizeof(float)), NULL);
}

static void drop(struct memory *m)
{
    for (size_t i = 0; i < m->n; i++)
        for (int k = 0; k < 3; k++)
            spn_free(part(&m->p[i], k)->data);
    m->n = 0;
}

static spn_status get(void *ctx, size_t i, struct spn_codec_param *out, struct spn_err *e)
{
    *out = ((struct memory *)ctx)->p[i];
    return SPN_OK;
}

static void forget(void *ctx, size_t i)
{
}

static spn_status put(void *ctx, size_t i, const struct spn_codec_param *p, struct spn_err *e)
{
    struct memory *m = ctx;
    struct spn_codec_param from = *p;

    for (int k = 0; k < 3; k++)
        if (part(&m->p[i], k)->data != NULL)
            memcpy(part(&m->p[i], k)->data, part(&from, k)->data,
                   (size_t)spn_tensor_bytes(part(&m->p[i], k)));
    return SPN_OK;
}

static spn_status to_buf(void *ctx, const void *bytes, size_t n, struct spn_err *e)
{
    return spn_buf_add(ctx, bytes, n);
}

static bool same(struct memory *a, struct memory *b)
{
    for (size_t i = 0; i < a->n; i++)
        for (int k = 0; k < 3; k++)
            if (part(&a->p[i], k)->data != NULL &&
                memcmp(part(&a->p[i], k)->data, part(&b->p[i], k)->data,
                       (size_t)spn_tensor_bytes(part(&a->p[i], k))) != 0)
                return false;
    return true;
}

static float *numbers(struct memory *m, size_t i, int k)
{
    return part(&m->p[i], k)->data;
}

static spn_status pack(const char *options, struct memory *now, struct memory *before,
                       struct memory *rebuilt, struct spn_buf *to, struct spn_codec_figures *f)
{
    struct spn_values *v = spn_values_new(excp_options);
    struct spn_codec_job job = { .options = v, .step = 20, .before = before != NULL ? 10 : -1 };
    struct spn_codec_source a = { now->n, get, forget, now }, b = { now->n, get, forget, before };
    struct spn_codec_sink sink = { to_buf, to };
    struct spn_codec_taker taker = { now->n, get, put, rebuilt };
    spn_status st = spn_values_parse(v, options, &err);

    spn_fail_at(fail_at);
    if (st == SPN_OK)
        st = excp_pack(&job, &a, before != NULL ? &b : NULL, &sink, rebuilt != NULL ? &taker : NULL,
                       f, &err);
    spn_fail_at(0);
    spn_values_free(v);
    return st;
}

static spn_status unpack(const void *bytes, size_t n, struct memory *before, struct memory *to)
{
    struct spn_codec_job job = { .step = 20 };
    struct spn_codec_packed packed = { bytes, n, "packed.spx" };
    struct spn_codec_source b = { to->n, get, forget, before };
    struct spn_codec_taker taker = { to->n, get, put, to };

    return excp_unpack(&job, &packed, before != NULL ? &b : NULL, &taker, &err);
}

/* ---- the table: 2^20 values, gradients as large as a language model's ---- */

/* RATIO: after LZMA, as the digest has it; BOUND: its entropy bound with the mask said once and
   only where R is kept, which a coder passes that knows how the parts hang together. */
static void synthetic(double r, double moments, double ratio, double bound)
{
    struct memory now = { .n = 0 }, before = { .n = 0 };
    struct spn_buf to = SPN_BUF_INIT(64u << 20), plain = SPN_BUF_INIT(64u << 20);
    struct spn_codec_figures f, g;
    struct spn_rng rng;
    double raw, lzma = 0;

    add(&now, "w", 1024, 1024, 7);
    add(&before, "w", 1024, 1024, 7);
    spn_rng_init(&rng, spn_key_seed(7));
    for (int i = 0; i < 1 << 20; i++) {
        double d = spn_rng_normal(&rng), z = spn_rng_normal(&rng), y = spn_rng_normal(&rng);

        numbers(&before, 0, 0)[i] = 0;
        numbers(&now, 0, 0)[i] = (float)(1e-4 * d);
        numbers(&now, 0, 1)[i] = (float)(1e-5 * (r * d + sqrt(1 - r * r) * z));
        numbers(&now, 0, 2)[i] = (float)(1e-10 * (0.5 + 0.5 * y * y));
    }
    printf("# correlation %.1f\n", r);
    ok(pack("coder=none", &now, &before, NULL, &plain, &g) == SPN_OK, "packed without a coder");
    raw = (double)g.bytes_raw;
    ok_near(g.kept_weights, 0.092, 0.002, "weights kept");
    ok_near(g.kept_moments, moments, 0.001, "moments kept");
    ok_near(raw / (double)plain.length, 8, 0.01, "ratio packed");
    if (pack("coder=lzma", &now, &before, NULL, &to, &f) == SPN_OK) {
        lzma = raw / (double)to.length;
        ok_near(lzma / ratio, 1, 0.03, "ratio after LZMA");
        spn_buf_trim(&to, 0);
        if (pack("coder=lzma,shared-mask", &now, &before, NULL, &to, &g) == SPN_OK)
            ok(g.bytes_packed < f.bytes_packed, "the mask said once: %.1f",
               raw / (double)to.length);
        spn_buf_trim(&to, 0);
    } else {
        skip("this build has no LZMA");
    }
    ok(pack("coder=range", &now, &before, NULL, &to, &g) == SPN_OK, "packed by the range coder");
    ok(raw / (double)to.length >= 0.98 * bound, "ratio after the range coder: %.1f, bound %.0f",
       raw / (double)to.length, bound);
    ok(!(raw / (double)to.length < lzma / 0.85), "15 %% smaller than LZMA at least: %.1f, %.1f",
       raw / (double)to.length, lzma);
    spn_buf_free(&to);
    spn_buf_free(&plain);
    drop(&now);
    drop(&before);
}

/* ---- round trips ---- */

static void fill(struct memory *m, uint64_t seed, double step)
{
    struct spn_rng rng;

    spn_rng_init(&rng, spn_key_seed(seed));
    for (size_t i = 0; i < m->n; i++)
        for (int k = 0; k < 3; k++)
            for (int64_t j = 0; numbers(m, i, k) != NULL && j < spn_tensor_elems(part(&m->p[i], k));
                 j++) {
                double z = spn_rng_normal(&rng);

                numbers(m, i, k)[j] = (float)(k == 2 ? step * step * z * z : step * z);
            }
}

static void make(struct memory *m, uint64_t seed)
{
    m->n = 0;
    add(m, "matrix", 37, 53, 7);
    add(m, "few", 1, 9, 7);
    add(m, "frozen", 4, 4, 7);
    add(m, "no moments", 11, 13, 1);
    add(m, "one moment", 7, 30, 5);
    add(m, "nan", 5, 6, 7);
    fill(m, seed, 1e-5);
    for (int k = 0; k < 3; k++)
        memset(numbers(m, 2, k), 0, 16 * sizeof(float));
}

static void round_trip(const char *options)
{
    struct memory now, before, rebuilt, back;
    struct spn_buf to = SPN_BUF_INIT(1u << 20);
    struct spn_codec_packed packed;
    struct spn_codec_figures f;
    int64_t step, old;
    bool fits = true;

    make(&now, 1);
    make(&before, 2);
    make(&rebuilt, 3);
    make(&back, 4);
    numbers(&now, 5, 1)[3] = NAN;
    if (pack(options, &now, &before, &rebuilt, &to, &f) != SPN_OK) {
        ok(false, "%s: %s", options, err.text);
    } else {
        packed = (struct spn_codec_packed){ to.data, to.length, "packed.spx" };
        ok(excp_verify(&packed, &step, &old, &err) == SPN_OK && step == 20 && old == 10,
           "%s: whole", options);
        ok(unpack(to.data, to.length, &before, &back) == SPN_OK, "%s: unpacked", options);
        ok(same(&rebuilt, &back), "%s: what pack has rebuilt", options);
        ok(memcmp(numbers(&now, 5, 1), numbers(&back, 5, 1), 30 * sizeof(float)) == 0,
           "%s: the one with a NaN is as it was", options);
        for (int j = 0; j < 37 * 53; j++)
            fits = fits && !(numbers(&back, 0, 2)[j] < 0) &&
                   (numbers(&back, 0, 1)[j] == 0 || numbers(&back, 0, 2)[j] > 0 ||
                    strstr(options, "clamp=no") != NULL);
        ok(fits, "%s: no first moment without a second one", options);
        numbers(&before, 0, 0)[8] += 1;
        ok(unpack(to.data, to.length, &before, &back) == SPN_EFORMAT, "%s: another step before",
           options);
    }
    spn_buf_free(&to);
    drop(&now);
    drop(&before);
    drop(&rebuilt);
    drop(&back);
}

static void key_frame(void)
{
    struct memory now, rebuilt, back;
    struct spn_buf to = SPN_BUF_INIT(1u << 20);
    struct spn_codec_figures f;

    make(&now, 1);
    make(&rebuilt, 3);
    make(&back, 4);
    ok(pack("", &now, NULL, &rebuilt, &to, &f) == SPN_OK && isnan(f.kept_weights), "key frame");
    ok(unpack(to.data, to.length, NULL, &back) == SPN_OK, "key frame unpacked");
    ok(same(&now, &back) && same(&now, &rebuilt), "key frame without loss");
    ok(unpack(to.data, to.length, &now, &back) == SPN_EFORMAT, "a key frame over a step");
    spn_buf_free(&to);
    drop(&now);
    drop(&rebuilt);
    drop(&back);
}

/* Cut at each length, each byte changed: an error, or the same numbers. */
static void damage(const char *options)
{
    struct memory now, before, rebuilt, back;
    struct spn_buf to = SPN_BUF_INIT(1u << 20);
    struct spn_codec_figures f;
    size_t cut = 0, changed = 0, whole;
    char *copy;

    make(&now, 1);
    make(&before, 2);
    make(&rebuilt, 3);
    make(&back, 4);
    pack(options, &now, &before, &rebuilt, &to, &f);
    whole = to.length;
    copy = spn_calloc(whole, 1);
    for (size_t n = 0; n < to.length; n++) {
        memcpy(copy, to.data, n); /* its own block: reading past N is seen */
        cut += unpack(copy, n, &before, &back) == SPN_EFORMAT;
        memcpy(copy, to.data, to.length);
        copy[n] ^= 1 << n % 8;
        changed += unpack(copy, to.length, &before, &back) == SPN_EFORMAT || same(&rebuilt, &back);
    }
    ok(cut == to.length && cut > 0, "%s: cut, %zu of %zu lengths are refused", options, cut,
       to.length);
    ok(changed == to.length, "%s: changed, %zu of %zu are refused or harmless", options, changed,
       to.length);
    for (fail_at = 1; fail_at < 400; fail_at++) {
        spn_buf_trim(&to, 0);
        if (pack(options, &now, &before, &rebuilt, &to, &f) != SPN_ENOMEM)
            break;
    }
    ok(fail_at > 10 && fail_at < 400 && to.length == whole,
       "%s: without memory for any of %d allocations", options, (int)fail_at - 1);
    fail_at = 0;
    spn_free(copy);
    spn_buf_free(&to);
    drop(&now);
    drop(&before);
    drop(&rebuilt);
    drop(&back);
}

/* ---- the method by itself ---- */

static int by_size(const void *a, const void *b)
{
    float x = fabsf(*(const float *)a), y = fabsf(*(const float *)b);

    return (x > y) - (x < y);
}

static void medians(void)
{
    static float x[2001], y[2001];
    struct spn_rng rng;
    size_t right = 0;
    float got;

    spn_rng_init(&rng, spn_key_seed(5));
    for (size_t n = 1; n <= 2001; n += 40) {
        for (size_t i = 0; i < n; i++)
            x[i] = y[i] = (float)(spn_rng_normal(&rng) * pow(10, spn_rng_normal(&rng) * 6));
        qsort(y, n, sizeof *y, by_size);
        right += excp_median_abs(NULL, x, n, &got, &err) == SPN_OK && got == fabsf(y[(n - 1) / 2]);
    }
    ok_int((long long)right, 51, "medians are the lower middle values");
}

/* Of evenly spread values the centres are the middles of thirds. */
static void clusters(void)
{
    const struct excp_book hand = { 3, { -1, 0.25f, 2 } };
    const float some[] = { 0, -1, 0.25f, 2, -0.375f, 1.125f, 1.126f, -9 };
    float x[4000];
    unsigned char packed[2];
    struct excp_book b = { 0 };
    struct spn_rng rng;

    spn_rng_init(&rng, spn_key_seed(6));
    for (int i = 0; i < 4000; i++)
        x[i] = (i % 4 == 0) ? 0 : (float)(1 - spn_rng_unit(&rng));
    ok(excp_cluster(x, 4000, 3000, 2, &b, &err) == SPN_OK && b.k == 3, "three centres");
    for (int c = 0; c < b.k; c++)
        ok_near(b.c[c], (1 + 2 * c) / 6.0, 0.05, "centre");
    ok_int((long long)excp_index(&hand, 2, some, NULL, 8, packed), 8, "indices");
    /* The first on top; of two centres as near the lower one. */
    ok(packed[0] == 0x1b && packed[1] == 0x6d, "bytes %02x %02x, wanted 1b 6d", packed[0],
       packed[1]);
    ok_near(excp_alpha_auto(4.1e8), 5e-5, 1e-12, "alpha of the paper's model");
    ok_near(excp_alpha_auto(4.1e6), 5e-4, 1e-11, "alpha of one a hundredth as large");
}

int main(void)
{
    static const char *const options[] = { "",
                                           "shared-mask",
                                           "shared-mask,bits=8,bits-opt=2,coder=none",
                                           "shared-mask,coder=lzma",
                                           "mask=apart,clamp=no",
                                           "mask=apart,clamp=no,coder=lzma",
                                           "bits=8,bits-opt=8,alpha=0,beta=0",
                                           "centres=uniform",
                                           "codebook=f16",
                                           "alpha=auto,bits=1,bits-opt=8",
                                           "alpha=0,beta=0,coder=none" };
    struct memory m;
    struct spn_buf to = SPN_BUF_INIT(1u << 20);
    struct spn_codec_figures f;

    medians();
    clusters();
    synthetic(0, 0.010, 76, 106);
    synthetic(0.5, 0.025, 61, 91);
    synthetic(0.8, 0.050, 47, 76);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        round_trip(options[i]);
    key_frame();
    damage("coder=none");
    damage("");
    damage("shared-mask,coder=lzma");
    make(&m, 1);
    ok(pack("alpha=much", &m, &m, NULL, &to, &f) == SPN_EUSAGE, "%s", err.text);
    ok(pack("shared-mask,mask=apart", &m, &m, NULL, &to, &f) == SPN_EUSAGE, "%s", err.text);
    spn_buf_free(&to);
    drop(&m);
    return done();
}

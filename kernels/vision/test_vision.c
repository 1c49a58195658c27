/* test_vision.c - vision ops: float versions of each instruction set against double, gradients
 * against central differences, the digest's tables of pooling and interpolation. */
#include "config.h"

#include <inttypes.h>

#include "base/cpu.h"
#include "base/pool.h"
#include "base/rng.h"
#include "grad/tape.h"
#include "tap.h"
#include "tensor/ops.h"
#include "vision/ops.h"

#define LEAVES 8

struct bench {
    int dtype;
    bool large, grads;
    struct spn_rng rng;
    struct spn_plan *plan;
    struct spn_exec *exec;
    struct spn_run run;
    spn_val leaf[LEAVES], y;
    int n_leaf, n_index;
    int64_t index_size;
};

static int64_t draw(struct bench *b, int64_t low, int64_t high)
{
    return low + (int64_t)spn_rng_below(&b->rng, (uint64_t)(high - low + 1));
}

static bool coin(struct bench *b)
{
    return draw(b, 0, 1) == 1;
}

static spn_val leaf(struct bench *b, int ndim, int64_t d0, int64_t d1, int64_t d2, int64_t d3)
{
    char name[16];
    int64_t dim[4] = { d0, d1, d2, d3 };

    snprintf(name, sizeof name, "leaf%d", b->n_leaf);
    b->leaf[b->n_leaf] = spn_plan_input(b->plan, name, b->dtype, ndim, dim);
    return b->leaf[b->n_leaf++];
}

static spn_val map(struct bench *b, int64_t channels)
{
    int64_t top = b->large ? 21 : 4;

    return leaf(b, 4, draw(b, 1, 2), draw(b, 2, top), draw(b, 2, top), channels);
}

static int64_t channels(struct bench *b)
{
    return b->large ? draw(b, 1, 70) : draw(b, 1, 5);
}

static const int64_t *dims(struct bench *b, spn_val v)
{
    return spn_plan_shape(b->plan, v)->dim;
}

/* Without a gradient the activation and the sum go into the record. */
static spn_val finished(struct bench *b, bool dw, spn_val x, spn_val w, spn_val bias,
                        struct spn_conv c)
{
    spn_val (*op)(struct spn_plan *, spn_val, spn_val, spn_val, spn_val, const struct spn_conv *) =
        dw ? spn_op_depthwise : spn_op_conv;
    int64_t d[4];
    spn_val y;

    if (b->grads)
        return op(b->plan, x, w, bias, -1, &c);
    y = op(b->plan, x, w, bias, -1, &c);
    if (spn_plan_shape(b->plan, y) == NULL)
        return -1;
    memcpy(d, dims(b, y), sizeof d);
    c.act = (int)draw(b, 0, SPN_ACT_KINDS - 1);
    return op(b->plan, x, w, bias, coin(b) ? leaf(b, 4, d[0], d[1], d[2], d[3]) : -1, &c);
}

static spn_val build_conv(struct bench *b)
{
    int64_t k = draw(b, 1, 2) * 2 - 1, groups = b->large || coin(b) ? 1 : 2;
    int64_t in = channels(b) * groups, out = channels(b) * groups;
    spn_val x = map(b, in), w = leaf(b, 4, out, k, k, in / groups);
    struct spn_conv c = { .stride = (int)draw(b, 1, 2),
                          .pad_h = (int)k / 2,
                          .pad_w = (int)k / 2,
                          .groups = (int)groups };

    return finished(b, false, x, w, coin(b) ? leaf(b, 1, out, 0, 0, 0) : -1, c);
}

static spn_val build_depthwise(struct bench *b)
{
    int64_t n = channels(b), kh = draw(b, 0, 2) * 2 + 1, kw = draw(b, 0, 5) * 2 + 1;
    spn_val x = map(b, n), w = leaf(b, 3, kh, kw, n, 0);
    struct spn_conv c = { .stride = (int)draw(b, 1, 2),
                          .pad_h = (int)kh / 2,
                          .pad_w = (int)kw / 2 };

    return finished(b, true, x, w, coin(b) ? leaf(b, 1, n, 0, 0, 0) : -1, c);
}

static spn_val build_act(struct bench *b)
{
    return spn_op_act(b->plan, map(b, channels(b)), (int)draw(b, 1, SPN_ACT_KINDS - 1));
}

static spn_val build_pool(struct bench *b)
{
    spn_val x = map(b, channels(b));

    return spn_op_pool(b->plan, x, draw(b, 1, dims(b, x)[1]), draw(b, 1, dims(b, x)[2] + 1));
}

static spn_val build_resize(struct bench *b)
{
    spn_val x = map(b, channels(b));
    int64_t top = b->large ? 30 : 6;

    return spn_op_resize(b->plan, x, draw(b, 1, top), draw(b, 1, top), coin(b));
}

/* Channels, strips, and a map: each shape that the networks spread. */
static spn_val build_spread(struct bench *b)
{
    int64_t n = channels(b), d[4];
    spn_val x = map(b, n), other;

    memcpy(d, dims(b, x), sizeof d);
    switch (draw(b, 0, 3)) {
    case 0:
        other = leaf(b, 1, n, 0, 0, 0);
        break;
    case 1:
        other = leaf(b, 4, d[0], 1, 1, n);
        break;
    case 2:
        other = leaf(b, 4, d[0], d[1], d[2], 1);
        break;
    default:
        other = spn_op_spread_add(b->plan, spn_op_pool(b->plan, x, d[1], 1),
                                  spn_op_pool(b->plan, x, 1, d[2]));
        break;
    }
    return coin(b) ? spn_op_spread_mul(b->plan, other, x) : spn_op_spread_add(b->plan, x, other);
}

static spn_val build_channels(struct bench *b)
{
    spn_val x[3], y;
    int64_t d[4];

    x[0] = map(b, channels(b) + 1);
    memcpy(d, dims(b, x[0]), sizeof d);
    x[1] = leaf(b, 4, d[0], d[1], d[2], channels(b));
    x[2] = spn_op_slice(b->plan, x[0], 1, d[3] - 1);
    y = spn_op_concat(b->plan, x, 3);
    return spn_op_slice(b->plan, y, d[3] - 1, draw(b, 1, d[3]));
}

static spn_val build_soft_pool(struct bench *b)
{
    spn_val x = map(b, channels(b));
    int64_t d[4];

    memcpy(d, dims(b, x), sizeof d);
    return spn_op_soft_pool(b->plan, x, leaf(b, 4, d[0], d[1], d[2], channels(b)));
}

static spn_val build_batch_norm(struct bench *b)
{
    int64_t n = channels(b);
    spn_val x = map(b, n), w = leaf(b, 1, n, 0, 0, 0);

    return spn_op_batch_norm(b->plan, x, w, leaf(b, 1, n, 0, 0, 0), 1e-2f);
}

static spn_val index_input(struct bench *b, int64_t size, int64_t n, int64_t m)
{
    int64_t dim[2] = { n, m };

    b->index_size = size;
    b->n_index = (int)(n * m);
    return spn_plan_input(b->plan, "index", SPN_I32, 2, dim);
}

static spn_val build_gather(struct bench *b)
{
    int64_t size = draw(b, 1, 9);
    spn_val table = leaf(b, 2, channels(b), size, 0, 0);

    return spn_op_gather(b->plan, table, index_input(b, size, draw(b, 1, 5), draw(b, 1, 5)));
}

/* Talking heads, position biases, keys of another size, each now and then. */
static spn_val build_attend(struct bench *b)
{
    bool eight = b->large && coin(b);
    struct spn_attend a = { .heads = eight ? 8 : (int)draw(b, 1, 3),
                            .dim_k = (int)(b->large ? draw(b, 1, 20) : draw(b, 1, 3)),
                            .dim_v = (int)(b->large ? draw(b, 1, 20) : draw(b, 1, 3)),
                            .scale = 0.6f,
                            .keep = b->grads };
    int64_t batch = draw(b, 1, 2), top = b->large ? 10 : 3, h = draw(b, 1, top),
            w = draw(b, 1, top), h2 = draw(b, 1, top), w2 = draw(b, 1, top);
    spn_val q = leaf(b, 4, batch, h, w, a.heads * a.dim_k),
            k = leaf(b, 4, batch, h2, w2, a.heads * a.dim_k),
            v = leaf(b, 4, batch, h2, w2, a.heads * a.dim_v), bias = -1, mix1 = -1, mix2 = -1;

    if (coin(b))
        bias = leaf(b, 3, a.heads, h * w, h2 * w2, 0);
    if (coin(b))
        mix1 = leaf(b, 2, a.heads, a.heads + 1, 0, 0);
    if (coin(b))
        mix2 = leaf(b, 2, a.heads, a.heads + 1, 0, 0);
    return spn_op_attend(b->plan, q, k, v, bias, mix1, mix2, &a);
}

static const struct {
    const char *name;
    spn_val (*build)(struct bench *b);
} cases[] = {
    { "act", build_act },
    { "conv", build_conv },
    { "depthwise", build_depthwise },
    { "pool", build_pool },
    { "resize", build_resize },
    { "spread", build_spread },
    { "channels", build_channels },
    { "soft_pool", build_soft_pool },
    { "batch_norm", build_batch_norm },
    { "gather", build_gather },
    { "attend", build_attend },
};
#define CASES ((int)(sizeof cases / sizeof *cases))

static struct spn_tensor view(struct bench *b, const char *name, bool output)
{
    struct spn_tensor t = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    spn_status st = output ? spn_exec_output(b->exec, &b->run, name, &t, &err)
                           : spn_exec_input(b->exec, &b->run, name, &t, &err);

    if (st != SPN_OK)
        ok(false, "%s", err.text);
    return t;
}

static double number(const struct spn_tensor *t, int64_t i)
{
    return t->dtype == SPN_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

static void fill(struct bench *b, const char *name)
{
    struct spn_tensor t = view(b, name, false);

    for (int64_t i = 0; i < spn_tensor_elems(&t); i++) {
        float x = (float)spn_rng_normal(&b->rng);

        if (t.dtype == SPN_F64)
            ((double *)t.data)[i] = (double)x;
        else
            ((float *)t.data)[i] = x;
    }
}

static bool record(struct bench *b, spn_val (*build)(struct bench *b), struct spn_err *err)
{
    const struct spn_tensor *shape;
    spn_val probe, loss, grad[LEAVES];

    b->y = build(b);
    shape = spn_plan_shape(b->plan, b->y);
    if (shape == NULL)
        return spn_plan_finish(b->plan, err) == SPN_OK;
    probe = spn_plan_input(b->plan, "probe", b->dtype, shape->ndim, shape->dim);
    loss = spn_op_sum(b->plan, spn_op_mul(b->plan, b->y, probe));
    spn_plan_output(b->plan, "y", b->y);
    spn_plan_output(b->plan, "loss", loss);
    spn_plan_mark(b->plan, loss);
    if (b->grads) {
        if (spn_grad(b->plan, loss, b->leaf, b->n_leaf, grad, err) != SPN_OK)
            return false;
        for (int k = 0; k < b->n_leaf; k++) {
            char name[16];

            snprintf(name, sizeof name, "grad%d", k);
            spn_plan_output(b->plan, name, grad[k]);
        }
    }
    return spn_plan_finish(b->plan, err) == SPN_OK;
}

/* Case I of SEED, built, filled and run. Free with case_free, also on failure. */
static bool case_new(struct bench *b, int i, uint64_t seed, int dtype, bool large, bool grads,
                     struct spn_pool *pool, struct spn_err *err)
{
    char name[16];

    memset(b, 0, sizeof *b);
    b->dtype = dtype;
    b->large = large;
    b->grads = grads;
    spn_rng_init(&b->rng, spn_key_str(spn_key_seed(seed), cases[i].name));
    b->plan = spn_plan_new(dtype);
    b->run.pool = pool;
    if (!record(b, cases[i].build, err) ||
        spn_exec_new(&b->exec, b->plan, b->run.symbol, err) != SPN_OK)
        return false;
    for (int k = 0; k < b->n_leaf; k++) {
        snprintf(name, sizeof name, "leaf%d", k);
        fill(b, name);
    }
    fill(b, "probe");
    if (b->n_index > 0) {
        struct spn_tensor t = view(b, "index", false);

        for (int k = 0; k < b->n_index; k++)
            ((int32_t *)t.data)[k] = (int32_t)draw(b, 0, b->index_size - 1);
    }
    return spn_exec_run(b->exec, &b->run, -1, 1, err) == SPN_OK;
}

static void case_free(struct bench *b)
{
    spn_exec_free(b->exec);
    spn_plan_free(b->plan);
}

static double loss_now(struct bench *b)
{
    struct spn_err err = SPN_ERR_INIT;

    if (spn_exec_run(b->exec, &b->run, -1, 0, &err) != SPN_OK)
        ok(false, "%s", err.text);
    return number(&(struct spn_tensor){ .dtype = SPN_F64, .data = view(b, "loss", true).data }, 0);
}

static double compare_leaf(struct bench *b, int k)
{
    char name[16], grad_name[16];
    struct spn_tensor x, g;
    double worst = 0, largest = 1e-3, step = 1e-5;

    snprintf(name, sizeof name, "leaf%d", k);
    snprintf(grad_name, sizeof grad_name, "grad%d", k);
    x = view(b, name, false);
    g = view(b, grad_name, true);
    for (int64_t i = 0; i < spn_tensor_elems(&x); i++) {
        double *at = (double *)x.data + i, kept = *at, got = ((double *)g.data)[i], want;

        *at = kept + step;
        want = loss_now(b);
        *at = kept - step;
        want = (want - loss_now(b)) / (2 * step);
        *at = kept;
        if (!(fabs(got - want) <= worst))
            worst = fabs(got - want);
        if (!(fabs(want) <= largest))
            largest = fabs(want);
    }
    return worst / largest;
}

static void check_gradients(int i)
{
    double worst = 0;
    int leaves = 0;
    bool fine = true;
    struct spn_err err = SPN_ERR_INIT;

    for (uint64_t seed = 1; seed <= 8 && fine; seed++) {
        struct bench b;

        fine = case_new(&b, i, seed, SPN_F64, false, true, NULL, &err);
        for (int k = 0; k < b.n_leaf && fine; k++, leaves++) {
            double off = compare_leaf(&b, k);

            if (!(off <= worst))
                worst = off;
        }
        case_free(&b);
    }
    ok(fine && worst <= 1e-7, "%s: gradients of %d inputs differ from differences by %.1e%s%s",
       cases[i].name, leaves, worst, fine ? "" : ": ", fine ? "" : err.text);
}

/* |got - want| / |want| of NAME. */
static double distance(struct bench *got, struct bench *want, const char *name)
{
    struct spn_tensor a = view(got, name, true), b = view(want, name, true);
    double off = 0, size = 0;

    for (int64_t i = 0; i < spn_tensor_elems(&b); i++) {
        double d = number(&a, i) - number(&b, i);

        off += d * d;
        size += number(&b, i) * number(&b, i);
    }
    return off == 0 ? 0 : sqrt(off) / (sqrt(size) + 1e-12);
}

static void check_float(int i, bool large, bool grads, struct spn_pool *pool)
{
    double worst = 0;
    bool fine = true, alike = true;
    struct spn_err err = SPN_ERR_INIT;

    for (uint64_t seed = 1; seed <= 10 && fine; seed++) {
        struct bench one, many, judge;

        fine = case_new(&one, i, seed, SPN_F32, large, grads, NULL, &err);
        fine = case_new(&many, i, seed, SPN_F32, large, grads, pool, &err) && fine;
        fine = case_new(&judge, i, seed, SPN_F64, large, grads, NULL, &err) && fine;
        for (int k = 0; k <= (grads ? one.n_leaf : 0) && fine; k++) {
            char name[16];
            double off;
            struct spn_tensor x, y;

            snprintf(name, sizeof name, k == 0 ? "y" : "grad%d", k - 1);
            off = distance(&one, &judge, name);
            x = view(&one, name, true);
            y = view(&many, name, true);
            alike = alike && memcmp(x.data, y.data, (size_t)spn_tensor_bytes(&x)) == 0;
            if (!(off <= worst))
                worst = off;
        }
        case_free(&one);
        case_free(&many);
        case_free(&judge);
    }
    ok(fine && worst <= 1e-5 && alike,
       "%s, %s, %s shapes%s: relative error %.1e, %s bytes with 3 threads%s%s",
       spn_isa_name(spn_isa_get()), cases[i].name, large ? "large" : "small",
       grads ? ", gradients" : "", worst, alike ? "the same" : "other", fine ? "" : ": ",
       fine ? "" : err.text);
}

/* papers/cgrseg.md: a map of 4 x 4. */
static void check_tables(void)
{
    static const float in[16] = { 0, 1, 4, 9, 2, 3, 5, 7, 1, 0, 2, 8, 6, 4, 3, 5 };
    static const double up[6] = { 1, 1.5, 2.41667, 4.08333, 6.25, 8 };
    static const double pool[9] = { 1.5, 3.25, 6.25, 1.5, 2.5, 5.5, 2.75, 2.25, 4.5 };
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    struct spn_run run = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tensor x, a, b;
    int64_t dim[4] = { 1, 4, 4, 1 };
    spn_val v = spn_plan_input(p, "x", SPN_F32, 4, dim);
    double off = 0;

    spn_plan_output(p, "up", spn_op_resize(p, v, 6, 6, false));
    spn_plan_output(p, "pool", spn_op_pool(p, v, 3, 3));
    if (spn_plan_finish(p, &err) != SPN_OK || spn_exec_new(&e, p, run.symbol, &err) != SPN_OK ||
        spn_exec_input(e, &run, "x", &x, &err) != SPN_OK) {
        ok(false, "%s", err.text);
    } else {
        memcpy(x.data, in, sizeof in);
        if (spn_exec_run(e, &run, -1, 0, &err) != SPN_OK ||
            spn_exec_output(e, &run, "up", &a, &err) != SPN_OK ||
            spn_exec_output(e, &run, "pool", &b, &err) != SPN_OK)
            ok(false, "%s", err.text);
        for (int i = 0; i < 6; i++)
            off = fmax(off, fabs(number(&a, 6 + i) - up[i]));
        ok(off < 1e-5, "interpolation of 4 x 4 to 6 x 6 as in the table: %.1e", off);
        off = 0;
        for (int i = 0; i < 9; i++)
            off = fmax(off, fabs(number(&b, i) - pool[i]));
        ok(off < 1e-5, "pooling of 4 x 4 to 3 x 3 as in the table: %.1e", off);
    }
    spn_exec_free(e);
    spn_plan_free(p);
}

/* Shapes that do not fit are sentences. */
static void check_refusals(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_plan *p = spn_plan_new(SPN_F32);
    int64_t x4[4] = { 1, 4, 4, 6 }, w4[4] = { 2, 3, 3, 5 };
    struct spn_conv c = { .stride = 1 };

    spn_op_conv(p, spn_plan_input(p, "x", SPN_F32, 4, x4), spn_plan_input(p, "w", SPN_F32, 4, w4),
                -1, -1, &c);
    ok(spn_plan_finish(p, &err) == SPN_EFORMAT, "a filter of other channels: %s", err.text);
    spn_plan_free(p);
    p = spn_plan_new(SPN_F32);
    w4[3] = 6;
    w4[1] = 7;
    spn_op_conv(p, spn_plan_input(p, "x", SPN_F32, 4, x4), spn_plan_input(p, "w", SPN_F32, 4, w4),
                -1, -1, &c);
    ok(spn_plan_finish(p, &err) == SPN_EFORMAT, "a filter larger than the map: %s", err.text);
    spn_plan_free(p);
}

int main(void)
{
    struct spn_pool *pool = spn_pool_new(3);

    check_tables();
    check_refusals();
    for (int i = 0; i < CASES; i++)
        check_gradients(i);
    for (int isa = SPN_ISA_REF; isa <= SPN_ISA_AVX512; isa++) {
        if (!spn_isa_force((enum spn_isa)isa)) {
            skip("this processor lacks it");
            continue;
        }
        for (int i = 0; i < CASES; i++) {
            check_float(i, false, false, pool);
            check_float(i, true, false, pool);
            check_float(i, true, true, pool);
        }
    }
    spn_pool_free(pool);
    return done();
}

/* cases.h - one random case an op, for the tests that compare it: with central differences, between
 * float versions, with other programs.  A case is a plan whose leaves are inputs, whose result is
 * "y" and whose loss is sum(y * probe); the same seed gives the same shapes and numbers in either
 * float type.
 */
#ifndef GRAD_CASES_H
#define GRAD_CASES_H
#include <stdarg.h>

#include "base/mem.h"
#include "base/rng.h"
#include "grad/tape.h"
#include "tap.h"
#include "tensor/ops.h"
#include "tensor/rows.h"

#define LEAVES   8
#define ROWS_MAX 320

struct bench {
    int dtype;
    bool large; /* shapes that fill vectors, blocks and parts, instead of the smallest */
    struct spn_rng rng;
    struct spn_plan *plan;
    struct spn_exec *exec;
    struct spn_run run;
    struct spn_rows rows;
    int32_t token[ROWS_MAX], pos[ROWS_MAX], first[ROWS_MAX], parent[ROWS_MAX], out[ROWS_MAX];
    int32_t target[ROWS_MAX];
    double loss_weight[ROWS_MAX];
    bool has_targets;
    spn_val y, leaf[LEAVES];
    double scale[LEAVES]; /* a leaf is drawn from a normal of this deviation */
    int n_leaf;
    char params[256]; /* what the op was given, as members of a JSON object */
};

__attribute__((format(printf, 2, 3), unused)) static void note(struct bench *b, const char *fmt,
                                                               ...)
{
    size_t used = strlen(b->params);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(b->params + used, sizeof b->params - used, fmt, ap);
    va_end(ap);
}

static int64_t draw(struct bench *b, int64_t low, int64_t high)
{
    return low + (int64_t)spn_rng_below(&b->rng, (uint64_t)(high - low + 1));
}

static bool coin(struct bench *b)
{
    return draw(b, 0, 1) == 1;
}

static int64_t width(struct bench *b)
{
    return b->large ? draw(b, 1, 90) : draw(b, 1, 9);
}

static spn_val leaf(struct bench *b, double scale, int64_t d0, int64_t d1)
{
    char name[16];
    int64_t dim[2] = { d0, d1 };

    snprintf(name, sizeof name, "leaf%d", b->n_leaf);
    b->scale[b->n_leaf] = scale;
    b->leaf[b->n_leaf] = spn_plan_input(b->plan, name, b->dtype, d1 == 0 ? 1 : 2, dim);
    return b->leaf[b->n_leaf++];
}

static spn_val build_add(struct bench *b)
{
    int64_t d = width(b);
    spn_val x = leaf(b, 1, SPN_DIM_ROWS, d);

    return spn_op_add(b->plan, x, leaf(b, 1, SPN_DIM_ROWS, d));
}

static spn_val build_mul(struct bench *b)
{
    int64_t d = width(b);
    spn_val x = leaf(b, 1, SPN_DIM_ROWS, d);
    spn_val product = spn_op_mul(b->plan, x, leaf(b, 1, SPN_DIM_ROWS, d));

    return spn_op_mul(b->plan, product, x); /* x meets itself */
}

static spn_val build_scale(struct bench *b)
{
    return spn_op_scale(b->plan, leaf(b, 1, SPN_DIM_ROWS, width(b)), -0.75f);
}

static spn_val build_silu(struct bench *b)
{
    return spn_op_silu(b->plan, leaf(b, 3, SPN_DIM_ROWS, width(b)));
}

static spn_val build_silu_mul(struct bench *b)
{
    int64_t d = width(b);
    spn_val gate = leaf(b, 3, SPN_DIM_ROWS, d);

    return spn_op_silu_mul(b->plan, gate, leaf(b, 1, SPN_DIM_ROWS, d));
}

static spn_val build_gelu(struct bench *b)
{
    bool tanh_form = coin(b);

    note(b, ", \"tanh_form\": %s", tanh_form ? "true" : "false");
    return spn_op_gelu(b->plan, leaf(b, 2, SPN_DIM_ROWS, width(b)), tanh_form);
}

static spn_val build_softmax(struct bench *b)
{
    return spn_op_softmax(b->plan, leaf(b, 2, SPN_DIM_ROWS, width(b)));
}

static spn_val build_sum(struct bench *b)
{
    return spn_op_sum(b->plan, leaf(b, 1, SPN_DIM_ROWS, width(b)));
}

static spn_val build_embed(struct bench *b)
{
    int64_t vocab = draw(b, 2, 12);

    for (int i = 0; i < ROWS_MAX; i++)
        b->token[i] = (int32_t)draw(b, 0, vocab - 1);
    return spn_op_embed(b->plan, leaf(b, 1, vocab, width(b)));
}

static spn_val build_matmul(struct bench *b)
{
    int64_t n = width(b), k = width(b);
    spn_val x = leaf(b, 1, SPN_DIM_ROWS, k), w = leaf(b, 1, n, k);

    return spn_op_matmul(b->plan, x, w, coin(b) ? leaf(b, 1, n, 0) : -1);
}

static spn_val build_rms_norm(struct bench *b)
{
    int64_t d = width(b), groups = draw(b, 1, 3);
    spn_val x = leaf(b, 1, SPN_DIM_ROWS, d * groups);

    return spn_op_rms_norm(b->plan, x, leaf(b, 1, d, 0), 1e-3f);
}

static spn_val build_layer_norm(struct bench *b)
{
    int64_t d = width(b) + 1, groups = draw(b, 1, 3);
    spn_val x = leaf(b, 1, SPN_DIM_ROWS, d * groups), w = leaf(b, 1, d, 0);

    return spn_op_layer_norm(b->plan, x, w, coin(b) ? leaf(b, 1, d, 0) : -1, 1e-3f);
}

static spn_val build_rope(struct bench *b)
{
    int half = (int)(b->large ? draw(b, 1, 40) : draw(b, 1, 4));
    struct spn_rope r = { .head_dim = 2 * half + (int)draw(b, 0, 3),
                          .n_rot = 2 * half,
                          .base = 100,
                          .freq_scale = 0.5f,
                          .mscale = 1.25f };

    r.pairs = coin(b) ? SPN_ROPE_NORMAL : SPN_ROPE_NEOX;
    note(b, ", \"head_dim\": %d, \"n_rot\": %d, \"neox\": %s", r.head_dim, r.n_rot,
         r.pairs == SPN_ROPE_NEOX ? "true" : "false");
    return spn_op_rope(b->plan, leaf(b, 1, SPN_DIM_ROWS, r.head_dim * draw(b, 1, 3)), -1, &r);
}

static spn_val attention(struct bench *b, int window, float softcap)
{
    struct spn_attention a = { .window = window, .scale = 0.4f, .softcap = softcap };
    spn_val q, k, v;

    a.heads_kv = (int)draw(b, 1, 2);
    a.heads = a.heads_kv * (int)draw(b, 1, 3);
    a.dim_k = (int)(b->large ? 16 * draw(b, 1, 4) : draw(b, 1, 5));
    a.dim_v = (int)(b->large ? 8 * draw(b, 1, 8) : draw(b, 1, 5));
    if (b->large && a.dim_v % 16 != 0 && coin(b))
        a.dim_v += 8;
    note(b, ", \"heads\": %d, \"heads_kv\": %d, \"window\": %d, \"softcap\": %.9g", a.heads,
         a.heads_kv, window, (double)softcap);
    q = leaf(b, 1, SPN_DIM_ROWS, a.heads * a.dim_k);
    k = leaf(b, 1, SPN_DIM_ROWS, a.heads_kv * a.dim_k);
    v = leaf(b, 1, SPN_DIM_ROWS, a.heads_kv * a.dim_v);
    return spn_op_attention(b->plan, q, k, v, &a);
}

static spn_val build_attention(struct bench *b)
{
    return attention(b, 0, 0);
}

static spn_val build_attention_window(struct bench *b)
{
    return attention(b, b->large ? (int)draw(b, 1, 100) : 3, 0);
}

static spn_val build_attention_softcap(struct bench *b)
{
    return attention(b, 0, 1.5f);
}

/* Packed examples; each begins at a position of its own. */
static spn_val build_attention_examples(struct bench *b)
{
    int32_t first = 0, offset = 0;

    for (int32_t i = 0; i < ROWS_MAX; i++) {
        if (draw(b, 0, b->large ? 60 : 4) == 0) {
            first = i;
            offset = (int32_t)draw(b, 0, 40);
        }
        b->first[i] = first;
        b->pos[i] = i - first + offset;
    }
    b->rows.first = b->first;
    return attention(b, coin(b) ? 7 : 0, 0);
}

static spn_val build_attention_tree(struct bench *b)
{
    for (int i = 0; i < ROWS_MAX; i++) {
        b->parent[i] = (int32_t)draw(b, -1, i - 1);
        b->pos[i] = b->parent[i] < 0 ? 0 : b->pos[b->parent[i]] + 1;
    }
    b->rows.parent = b->parent;
    return attention(b, coin(b) ? 2 : 0, 0);
}

static spn_val build_take_rows(struct bench *b)
{
    int n = 0;

    for (int i = 0; i < b->run.symbol[0]; i++)
        if (coin(b))
            b->out[n++] = i;
    b->rows.out = b->out;
    b->rows.n_out = b->run.symbol[1] = n;
    return spn_op_take_rows(b->plan, leaf(b, 1, SPN_DIM_ROWS, width(b)));
}

/* The loss, and each row's own loss weighted by a leaf. */
static spn_val build_cross_entropy(struct bench *b)
{
    int64_t n = width(b), dim[1] = { SPN_DIM_ROWS };
    spn_val logits = leaf(b, 2, SPN_DIM_ROWS, n), target, weight, loss, rows;

    for (int i = 0; i < ROWS_MAX; i++) {
        b->target[i] = (int32_t)draw(b, 0, n - 1);
        b->loss_weight[i] = draw(b, 0, 3) == 0 ? 0 : (float)spn_rng_unit(&b->rng);
        if (b->loss_weight[i] == 0)
            b->target[i] = -100; /* a row of weight 0 may name no class at all */
    }
    b->has_targets = true;
    target = spn_plan_input(b->plan, "target", SPN_I32, 1, dim);
    weight = spn_plan_input(b->plan, "weight", b->dtype, 1, dim);
    loss = spn_op_cross_entropy(b->plan, logits, target, weight);
    rows = spn_op_mul(b->plan, spn_plan_op_out(b->plan, loss, 1), leaf(b, 1, SPN_DIM_ROWS, 0));
    return spn_op_add(b->plan, loss, spn_op_sum(b->plan, rows));
}

/* A small network in which values meet: one norm and one table used twice, a residual. */
static spn_val build_network(struct bench *b)
{
    int head = b->large ? 16 : 4, d = 2 * head;
    struct spn_rope r = { .head_dim = head,
                          .n_rot = head,
                          .pairs = SPN_ROPE_NORMAL,
                          .base = 100,
                          .freq_scale = 1,
                          .mscale = 1 };
    struct spn_attention a = {
        .heads = 2, .heads_kv = 1, .dim_k = head, .dim_v = head, .scale = 0.5f
    };
    struct spn_plan *p = b->plan;
    spn_val table, norm, wq, wkv, wo, x, h, q, k, v;

    for (int i = 0; i < ROWS_MAX; i++)
        b->token[i] = (int32_t)draw(b, 0, 10);
    table = leaf(b, 1, 11, d);
    norm = leaf(b, 1, d, 0);
    wq = leaf(b, 0.3, d, d);
    wkv = leaf(b, 0.3, head, d);
    wo = leaf(b, 0.3, d, d);
    x = spn_op_embed(p, table);
    h = spn_op_rms_norm(p, x, norm, 1e-5f);
    q = spn_op_rope(p, spn_op_matmul(p, h, wq, -1), -1, &r);
    k = spn_op_rope(p, spn_op_matmul(p, h, wkv, -1), -1, &r);
    v = spn_op_matmul(p, h, wkv, -1);
    x = spn_op_add(p, x, spn_op_matmul(p, spn_op_attention(p, q, k, v, &a), wo, -1));
    x = spn_op_rms_norm(p, x, norm, 1e-5f);
    return spn_op_matmul(p, x, table, -1);
}

static const struct {
    const char *name;
    spn_val (*build)(struct bench *b);
} cases[] = {
    { "add", build_add },
    { "mul", build_mul },
    { "scale", build_scale },
    { "silu", build_silu },
    { "silu_mul", build_silu_mul },
    { "gelu", build_gelu },
    { "softmax", build_softmax },
    { "sum", build_sum },
    { "embed", build_embed },
    { "matmul", build_matmul },
    { "rms_norm", build_rms_norm },
    { "layer_norm", build_layer_norm },
    { "rope", build_rope },
    { "attention", build_attention },
    { "attention_window", build_attention_window },
    { "attention_softcap", build_attention_softcap },
    { "attention_examples", build_attention_examples },
    { "attention_tree", build_attention_tree },
    { "take_rows", build_take_rows },
    { "cross_entropy", build_cross_entropy },
    { "network", build_network },
};
#define CASES ((int)(sizeof cases / sizeof *cases))

/* ---- numbers in and out ---- */

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

__attribute__((unused)) static double number(const struct spn_tensor *t, int64_t i)
{
    return t->dtype == SPN_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

/* Draws are rounded to float, so that both float types compute on the same numbers. */
static void fill(struct bench *b, const char *name, double scale)
{
    struct spn_tensor t = view(b, name, false);

    for (int64_t i = 0; i < spn_tensor_elems(&t); i++) {
        float x = (float)(scale * spn_rng_normal(&b->rng));

        if (t.dtype == SPN_F64)
            ((double *)t.data)[i] = (double)x;
        else
            ((float *)t.data)[i] = x;
    }
}

static void fill_targets(struct bench *b)
{
    struct spn_tensor target = view(b, "target", false), weight = view(b, "weight", false);

    memcpy(target.data, b->target, (size_t)b->rows.n * sizeof *b->target);
    for (int64_t i = 0; i < b->rows.n; i++) {
        if (weight.dtype == SPN_F64)
            ((double *)weight.data)[i] = b->loss_weight[i];
        else
            ((float *)weight.data)[i] = (float)b->loss_weight[i];
    }
}

/* Outputs "y", "loss" and "grad0" …; mark 0 is the loss. */
static bool case_record(struct bench *b, spn_val (*build)(struct bench *b), struct spn_err *err)
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
    if (spn_grad(b->plan, loss, b->leaf, b->n_leaf, grad, err) != SPN_OK)
        return false;
    for (int k = 0; k < b->n_leaf; k++) {
        char name[16];

        snprintf(name, sizeof name, "grad%d", k);
        spn_plan_output(b->plan, name, grad[k]);
    }
    return spn_plan_finish(b->plan, err) == SPN_OK;
}

/* Case I of this seed, built, filled and run once. Free it with case_free, also on failure. */
static bool case_new(struct bench *b, int i, uint64_t seed, int dtype, bool large,
                     struct spn_pool *pool, struct spn_err *err)
{
    char name[16];

    memset(b, 0, sizeof *b);
    b->dtype = dtype;
    b->large = large;
    spn_rng_init(&b->rng, spn_key_str(spn_key_seed(seed), cases[i].name));
    b->plan = spn_plan_new(dtype);
    b->run.symbol[0] = b->run.symbol[1] = large ? draw(b, 1, ROWS_MAX) : draw(b, 1, 12);
    b->run.pool = pool;
    for (int r = 0; r < ROWS_MAX; r++)
        b->pos[r] = r;
    b->rows = (struct spn_rows){
        .n = b->run.symbol[0], .n_out = b->run.symbol[1], .token = b->token, .pos = b->pos
    };
    b->run.batch = &b->rows;
    if (!case_record(b, cases[i].build, err) ||
        spn_exec_new(&b->exec, b->plan, b->run.symbol, err) != SPN_OK)
        return false;
    for (int k = 0; k < b->n_leaf; k++) {
        snprintf(name, sizeof name, "leaf%d", k);
        fill(b, name, b->scale[k]);
    }
    fill(b, "probe", 1);
    if (b->has_targets)
        fill_targets(b);
    return spn_exec_run(b->exec, &b->run, -1, 1, err) == SPN_OK;
}

static void case_free(struct bench *b)
{
    spn_exec_free(b->exec);
    spn_plan_free(b->plan);
}

#endif

/* test_grad.c - the gradient of every op against central differences in double: all inputs, random
 * shapes, several seeds. */
#include "config.h"

#include "grad/tape.h"

#include <stdarg.h>

#include "base/mem.h"
#include "base/rng.h"
#include "tap.h"
#include "tensor/ops.h"
#include "tensor/product.h"
#include "tensor/rows.h"

#define LEAVES   8
#define ROWS_MAX 40

/* A plan in double with leaves to differentiate by; the loss is a fixed random combination of the
 * op's output. */
struct bench {
    struct spn_rng rng;
    struct spn_plan *plan;
    struct spn_exec *exec;
    struct spn_run run;
    struct spn_rows rows;
    int32_t token[ROWS_MAX], pos[ROWS_MAX], first[ROWS_MAX], parent[ROWS_MAX], out[ROWS_MAX];
    spn_val leaf[LEAVES];
    struct spn_weight weight; /* one that is not differentiated */
    double scale[LEAVES];     /* leaves are drawn from a normal of this deviation */
    int n_leaf;
    bool fixed_target; /* leaf values stay where a test put them */
    int32_t target[ROWS_MAX];
    double loss_weight[ROWS_MAX];
};

static spn_val leaf(struct bench *b, double scale, int64_t d0, int64_t d1)
{
    char name[16];
    int64_t dim[2] = { d0, d1 };

    snprintf(name, sizeof name, "leaf%d", b->n_leaf);
    b->scale[b->n_leaf] = scale;
    b->leaf[b->n_leaf] = spn_plan_input(b->plan, name, SPN_F64, d1 == 0 ? 1 : 2, dim);
    return b->leaf[b->n_leaf++];
}

static int64_t draw(struct bench *b, int64_t low, int64_t high)
{
    return low + (int64_t)spn_rng_below(&b->rng, (uint64_t)(high - low + 1));
}

/* ---- one builder an op ---- */

static spn_val build_add(struct bench *b)
{
    int64_t d = draw(b, 1, 9);

    return spn_op_add(b->plan, leaf(b, 1, SPN_DIM_ROWS, d), leaf(b, 1, SPN_DIM_ROWS, d));
}

static spn_val build_mul(struct bench *b)
{
    int64_t d = draw(b, 1, 9);
    spn_val a = leaf(b, 1, SPN_DIM_ROWS, d);

    return spn_op_mul(b->plan, spn_op_mul(b->plan, a, leaf(b, 1, SPN_DIM_ROWS, d)),
                      a); /* a meets itself */
}

static spn_val build_scale(struct bench *b)
{
    return spn_op_scale(b->plan, leaf(b, 1, SPN_DIM_ROWS, draw(b, 1, 9)), -0.75f);
}

static spn_val build_silu(struct bench *b)
{
    return spn_op_silu(b->plan, leaf(b, 3, SPN_DIM_ROWS, draw(b, 1, 9)));
}

static spn_val build_silu_mul(struct bench *b)
{
    int64_t d = draw(b, 1, 9);

    return spn_op_silu_mul(b->plan, leaf(b, 2, SPN_DIM_ROWS, d), leaf(b, 1, SPN_DIM_ROWS, d));
}

static spn_val build_gelu(struct bench *b)
{
    return spn_op_gelu(b->plan, leaf(b, 2, SPN_DIM_ROWS, draw(b, 1, 9)), draw(b, 0, 1) == 1);
}

static spn_val build_softmax(struct bench *b)
{
    return spn_op_softmax(b->plan, leaf(b, 2, SPN_DIM_ROWS, draw(b, 1, 9)));
}

static spn_val build_sum(struct bench *b)
{
    return spn_op_sum(b->plan, leaf(b, 1, SPN_DIM_ROWS, draw(b, 1, 9)));
}

static spn_val build_embed(struct bench *b)
{
    int64_t vocab = draw(b, 2, 12);

    for (int i = 0; i < ROWS_MAX; i++)
        b->token[i] = (int32_t)draw(b, 0, vocab - 1);
    return spn_op_embed(b->plan, leaf(b, 1, vocab, draw(b, 1, 9)));
}

static spn_val build_matmul(struct bench *b)
{
    int64_t n = draw(b, 1, 9), k = draw(b, 1, 9);
    spn_val x = leaf(b, 1, SPN_DIM_ROWS, k), w = leaf(b, 1, n, k);

    return spn_op_matmul(b->plan, x, w, draw(b, 0, 1) == 1 ? leaf(b, 1, n, 0) : -1);
}

static spn_val build_rms_norm(struct bench *b)
{
    int64_t d = draw(b, 1, 9);

    return spn_op_rms_norm(b->plan, leaf(b, 1, SPN_DIM_ROWS, d * draw(b, 1, 3)), leaf(b, 1, d, 0),
                           1e-3f);
}

static spn_val build_layer_norm(struct bench *b)
{
    int64_t d = draw(b, 2, 9);
    spn_val x = leaf(b, 1, SPN_DIM_ROWS, d * draw(b, 1, 3)), w = leaf(b, 1, d, 0);

    return spn_op_layer_norm(b->plan, x, w, draw(b, 0, 1) == 1 ? leaf(b, 1, d, 0) : -1, 1e-3f);
}

static spn_val build_rope(struct bench *b)
{
    struct spn_rope r = { .head_dim = 8,
                          .n_rot = draw(b, 0, 1) == 1 ? 8 : 6,
                          .base = 100,
                          .freq_scale = 0.5f,
                          .mscale = 1.25f,
                          .pairs = draw(b, 0, 1) == 1 ? SPN_ROPE_NORMAL : SPN_ROPE_NEOX };

    return spn_op_rope(b->plan, leaf(b, 1, SPN_DIM_ROWS, 8 * draw(b, 1, 3)), -1, &r);
}

static spn_val attention(struct bench *b, int window, float softcap)
{
    struct spn_attention a = { .heads_kv = (int)draw(b, 1, 2),
                               .dim_k = (int)draw(b, 1, 5),
                               .dim_v = (int)draw(b, 1, 5),
                               .window = window,
                               .scale = 0.8f,
                               .softcap = softcap };
    spn_val q, k, v;

    a.heads = a.heads_kv * (int)draw(b, 1, 3);
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
    return attention(b, 3, 1.5f);
}

/* Packed examples: each row's first is the start of its own. */
static spn_val build_attention_examples(struct bench *b)
{
    for (int i = 0, first = 0; i < ROWS_MAX; i++) {
        if (draw(b, 0, 4) == 0)
            first = i;
        b->first[i] = first;
        b->pos[i] = i - first;
    }
    b->rows.first = b->first;
    return attention(b, 0, 0);
}

static spn_val build_attention_tree(struct bench *b)
{
    for (int i = 0; i < ROWS_MAX; i++) {
        b->parent[i] = (int32_t)draw(b, -1, i - 1);
        b->pos[i] = b->parent[i] < 0 ? 0 : b->pos[b->parent[i]] + 1;
    }
    b->rows.parent = b->parent;
    return attention(b, draw(b, 0, 1) == 1 ? 2 : 0, 0);
}

static spn_val build_take_rows(struct bench *b)
{
    int n = 0;

    for (int i = 0; i < b->run.symbol[0]; i++)
        if (draw(b, 0, 1) == 1)
            b->out[n++] = i;
    b->rows.out = b->out;
    b->rows.n_out = b->run.symbol[1] = n;
    return spn_op_take_rows(b->plan, leaf(b, 1, SPN_DIM_ROWS, draw(b, 1, 9)));
}

static spn_val build_cross_entropy(struct bench *b)
{
    int64_t n = draw(b, 1, 9), dim[1] = { SPN_DIM_ROWS };
    spn_val logits = leaf(b, 2, SPN_DIM_ROWS, n), target, weight, loss, rows;

    for (int i = 0; i < ROWS_MAX; i++) {
        b->target[i] = (int32_t)draw(b, 0, n - 1);
        b->loss_weight[i] = draw(b, 0, 3) == 0 ? 0 : spn_rng_unit(&b->rng);
    }
    target = spn_plan_input(b->plan, "target", SPN_I32, 1, dim);
    weight = spn_plan_input(b->plan, "weight", SPN_F64, 1, dim);
    loss = spn_op_cross_entropy(b->plan, logits, target, weight);
    rows = spn_plan_op_out(b->plan, loss, 1);
    return spn_op_add(b->plan, loss,
                      spn_op_sum(b->plan, spn_op_mul(b->plan, rows, leaf(b, 1, SPN_DIM_ROWS, 0))));
}

/* A small network in which values meet: two uses of one norm, a residual, tied weights. */
static spn_val build_network(struct bench *b)
{
    struct spn_rope r = { .head_dim = 4,
                          .n_rot = 4,
                          .base = 100,
                          .freq_scale = 1,
                          .mscale = 1,
                          .pairs = SPN_ROPE_NORMAL };
    struct spn_attention a = { .heads = 2, .heads_kv = 1, .dim_k = 4, .dim_v = 4, .scale = 0.5f };
    struct spn_plan *p = b->plan;
    spn_val table, norm, wq, wkv, wo, x, h, q, k, v;

    for (int i = 0; i < ROWS_MAX; i++)
        b->token[i] = (int32_t)draw(b, 0, 10);
    table = leaf(b, 1, 11, 8);
    norm = leaf(b, 1, 8, 0);
    wq = leaf(b, 0.5, 8, 8);
    wkv = leaf(b, 0.5, 4, 8);
    wo = leaf(b, 0.5, 8, 8);
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
    { "attention, window and softcap", build_attention_window },
    { "attention, packed examples", build_attention_examples },
    { "attention, tree", build_attention_tree },
    { "take_rows", build_take_rows },
    { "cross_entropy", build_cross_entropy },
    { "a small network", build_network },
};

/* ---- running ---- */

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

static void fill(struct bench *b, const char *name, double scale)
{
    struct spn_tensor t = view(b, name, false);

    for (int64_t i = 0; i < spn_tensor_elems(&t); i++)
        ((double *)t.data)[i] = scale * spn_rng_normal(&b->rng);
}

static double loss_now(struct bench *b)
{
    struct spn_err err = SPN_ERR_INIT;

    if (spn_exec_run(b->exec, &b->run, -1, 0, &err) != SPN_OK)
        ok(false, "%s", err.text);
    return *(double *)view(b, "loss", true).data;
}

/* Largest difference of a leaf's gradient from central differences, over the largest gradient. */
static double compare_leaf(struct bench *b, int k)
{
    char name[16], grad_name[16];
    struct spn_tensor x, g;
    double worst = 0, largest = 1e-3;

    snprintf(name, sizeof name, "leaf%d", k);
    snprintf(grad_name, sizeof grad_name, "grad%d", k);
    x = view(b, name, false);
    g = view(b, grad_name, true);
    for (int64_t i = 0; i < spn_tensor_elems(&x); i++) {
        double *at = (double *)x.data + i, kept = *at, step = 1e-5, got = ((double *)g.data)[i],
               want;

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

/* Loss = sum(output * probe), its gradients as outputs grad0, grad1 … */
static bool record(struct bench *b, spn_val (*build)(struct bench *b), struct spn_err *err)
{
    spn_val y = build(b), probe, loss, grad[LEAVES];
    const struct spn_tensor *shape = spn_plan_shape(b->plan, y);

    if (shape == NULL)
        return spn_plan_finish(b->plan, err) == SPN_OK;
    probe = spn_plan_input(b->plan, "probe", SPN_F64, shape->ndim, shape->dim);
    loss = spn_op_sum(b->plan, spn_op_mul(b->plan, y, probe));
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

static void check_case(const char *name, spn_val (*build)(struct bench *b), uint64_t seed)
{
    struct bench b = { .n_leaf = 0 };
    struct spn_err err = SPN_ERR_INIT;
    double worst = 0;
    bool fine;

    spn_rng_init(&b.rng, spn_key_str(spn_key_seed(seed), name));
    b.plan = spn_plan_new(SPN_F64);
    b.run.symbol[0] = b.run.symbol[1] = draw(&b, 1, 12);
    for (int i = 0; i < ROWS_MAX; i++)
        b.pos[i] = i;
    b.rows = (struct spn_rows){
        .n = b.run.symbol[0], .n_out = b.run.symbol[1], .token = b.token, .pos = b.pos
    };
    b.run.batch = &b.rows;
    fine = record(&b, build, &err) && spn_exec_new(&b.exec, b.plan, b.run.symbol, &err) == SPN_OK;
    if (fine) {
        char leaf_name[16];

        for (int k = 0; k < b.n_leaf; k++) {
            snprintf(leaf_name, sizeof leaf_name, "leaf%d", k);
            fill(&b, leaf_name, b.scale[k]);
        }
        fill(&b, "probe", 1);
        if (build == build_cross_entropy) {
            memcpy(view(&b, "target", false).data, b.target, (size_t)b.rows.n * sizeof *b.target);
            memcpy(view(&b, "weight", false).data, b.loss_weight,
                   (size_t)b.rows.n * sizeof *b.loss_weight);
        }
        fine = spn_exec_run(b.exec, &b.run, -1, 1, &err) == SPN_OK;
    }
    for (int k = 0; k < b.n_leaf && fine; k++) {
        double off = compare_leaf(&b, k);

        if (!(off <= worst))
            worst = off;
    }
    ok(fine && worst <= 1e-7, "%s, seed %d: %lld rows, gradients of %d inputs differ by %.1e%s%s",
       name, (int)seed, (long long)b.rows.n, b.n_leaf, worst, fine ? "" : ": ",
       fine ? "" : err.text);
    spn_exec_free(b.exec);
    spn_plan_free(b.plan);
}

int main(void)
{
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint64_t seed = 1; seed <= 6; seed++)
            check_case(cases[i].name, cases[i].build, seed);
    return done();
}

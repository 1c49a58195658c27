/* test_ops.c - what the op table refuses: shapes while a plan is built, run-time data before it is
 * read, registrations. */
#include "config.h"

#include "base/rng.h"
#include "tap.h"
#include "tensor/ops.h"
#include "tensor/plan.h"
#include "tensor/rows.h"

#define WIDE 8

/* The numbers of an input, drawn anew. */
static float *fill(struct spn_exec *e, struct spn_run *run, const char *name, struct spn_rng *rng)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tensor t;

    if (spn_exec_input(e, run, name, &t, &err) != SPN_OK) {
        ok(false, "%s", err.text);
        return NULL;
    }
    for (int64_t i = 0; i < spn_tensor_elems(&t); i++)
        ((float *)t.data)[i] = (float)spn_rng_normal(rng);
    return t.data;
}

static void weight(struct spn_weight *w, const char *name, int ndim, float *data,
                   struct spn_rng *rng)
{
    int64_t dim[2] = { WIDE, WIDE };

    for (int i = 0; i < WIDE * WIDE; i++)
        data[i] = (float)spn_rng_normal(rng) * 0.4f;
    w->name = name;
    spn_tensor_init(&w->t, SPN_F32, ndim, dim, data, NULL);
}

/* ---- refusals while building ---- */

static void refuse_shapes(void)
{
    int64_t six[2] = { SPN_DIM_ROWS, 6 }, four[2] = { SPN_DIM_ROWS, 4 }, fixed[2] = { 5, 4 },
            flat[1] = { 4 };

    for (int i = 0; i < 14; i++) {
        struct spn_plan *p = spn_plan_new(SPN_F32);
        struct spn_err err = SPN_ERR_INIT;
        struct spn_attention a = { .heads = 3, .heads_kv = 2, .dim_k = 2, .dim_v = 2 };
        struct spn_rope rope = { .head_dim = 4, .n_rot = 6, .pairs = SPN_ROPE_NEOX };
        spn_val x6 = spn_plan_input(p, "six", SPN_F32, 2, six),
                x4 = spn_plan_input(p, "four", SPN_F32, 2, four);
        spn_val f = spn_plan_input(p, "fixed", SPN_F32, 2, fixed),
                v = spn_plan_input(p, "flat", SPN_F32, 1, flat);
        spn_val ints = spn_plan_input(p, "ints", SPN_I32, 2, four), got = -1;

        switch (i) {
        case 0:
            got = spn_op_add(p, x6, x4);
            break;
        case 1:
            got = spn_op_matmul(p, x6, f, -1);
            break;
        case 2:
            got = spn_op_matmul(p, x4, f, v);
            break;
        case 3:
            got = spn_op_rms_norm(p, x6, v, 1e-5f);
            break;
        case 4:
            got = spn_op_attention(p, x6, x4, x4, &a);
            break;
        case 5:
            a.heads = 2;
            got = spn_op_attention(p, x6, x4, x4, &a);
            break;
        case 6:
            got = spn_op_rope(p, x4, -1, &rope);
            break;
        case 7:
            rope.n_rot = 4;
            got = spn_op_rope(p, x6, -1, &rope);
            break;
        case 8:
            got = spn_op_add(p, ints, ints);
            break;
        case 9:
            got = spn_op_embed(p, v);
            break;
        case 10:
            got = spn_op_take_rows(p, f);
            break;
        case 11:
            got = spn_op_cross_entropy(p, x4, v, v);
            break;
        case 12:
            got = spn_op_softmax(p, 99);
            break;
        case 13:
            spn_plan_input(p, "six", SPN_F32, 2, six);
            break;
        }
        ok(got == -1 && spn_op_silu(p, x4) == -1 && spn_plan_finish(p, &err) != SPN_OK,
           "refused: %s", err.text);
        spn_plan_free(p);
    }
}

static void refuse_weights(void)
{
    static float numbers[WIDE * WIDE];
    struct spn_weight w = { .name = "w" }, gone = { .name = "gone" };
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_rng rng = { { 1, 2, 3, 4 } };

    weight(&w, "w", 2, numbers, &rng);
    ok(spn_plan_weight(p, &w) == spn_plan_weight(p, &w), "a weight is one value");
    w.t.stride[0] = WIDE + 1;
    spn_plan_free(p);
    p = spn_plan_new(SPN_F32);
    ok(spn_plan_weight(p, &w) == -1 && spn_plan_finish(p, &err) != SPN_OK, "refused: %s", err.text);
    spn_plan_free(p);
    p = spn_plan_new(SPN_F32);
    gone.t = w.t;
    gone.t.data = NULL;
    ok(spn_plan_weight(p, &gone) == -1 && spn_plan_finish(p, &err) != SPN_OK, "refused: %s",
       err.text);
    spn_plan_free(p);
    ok(spn_plan_new(SPN_F16) == NULL, "a plan in f16");
}

/* ---- hostile rows ---- */

static void test_rows(void)
{
    static float numbers[WIDE * WIDE];
    struct spn_weight table = { 0 };
    struct spn_attention a = {
        .heads = 1, .heads_kv = 1, .dim_k = WIDE, .dim_v = WIDE, .scale = 1
    };
    struct spn_rope rope = { .head_dim = WIDE,
                             .n_rot = WIDE,
                             .pairs = SPN_ROPE_NEOX,
                             .base = 10,
                             .freq_scale = 1,
                             .mscale = 1 };
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_rng rng = { { 1, 2, 3, 4 } };
    int64_t dim[1] = { SPN_DIM_ROWS }, most[SPN_DIM_SYMBOLS] = { 3, 3, 0 };
    struct spn_tensor target, loss_weight;
    spn_val x, logits;

    weight(&table, "table", 2, numbers, &rng);
    x = spn_op_rope(p, spn_op_embed(p, spn_plan_weight(p, &table)), -1, &rope);
    x = spn_op_attention(p, x, x, x, &a);
    spn_plan_output(p, "y", spn_op_take_rows(p, x));
    logits = spn_op_matmul(p, x, spn_plan_weight(p, &table), -1);
    spn_plan_output(p, "loss",
                    spn_op_cross_entropy(p, logits, spn_plan_input(p, "target", SPN_I32, 1, dim),
                                         spn_plan_input(p, "weight", SPN_F32, 1, dim)));
    if (spn_plan_finish(p, &err) != SPN_OK || spn_exec_new(&e, p, most, &err) != SPN_OK)
        ok(false, "%s", err.text);
    for (int i = 0; i < 16 && e != NULL; i++) {
        int32_t token[3] = { 0, 7, 3 }, pos[3] = { 0, 1, 2 }, first[3] = { 0, 0, 0 },
                out[3] = { 0, 1, 2 }, parent[3] = { -1, 0, 1 };
        struct spn_rows rows = {
            .n = 3, .token = token, .pos = pos, .first = first, .out = out, .n_out = 3
        };
        struct spn_run run = { .symbol = { 3, 3, 0 }, .batch = &rows };

        spn_exec_input(e, &run, "target", &target, &err);
        spn_exec_input(e, &run, "weight", &loss_weight, &err);
        for (int r = 0; r < 3; r++) {
            ((int32_t *)target.data)[r] = r;
            ((float *)loss_weight.data)[r] = 1;
        }
        switch (i) {
        case 0:
            break;
        case 1:
            token[1] = 8;
            break;
        case 2:
            token[2] = -1;
            break;
        case 3:
            rows.token = NULL;
            break;
        case 4:
            rows.pos = NULL;
            break;
        case 5:
            first[1] = 2;
            break;
        case 6:
            first[2] = -1;
            break;
        case 7:
            parent[1] = 1;
            rows.parent = parent;
            break;
        case 8:
            parent[0] = -2;
            rows.parent = parent;
            break;
        case 9:
            out[1] = 3;
            break;
        case 10:
            out[1] = 0;
            break;
        case 11:
            rows.n_out = 2;
            break;
        case 12:
            rows.n = 2;
            break;
        case 13:
            run.batch = NULL;
            break;
        case 14:
            ((int32_t *)target.data)[1] = 8;
            break;
        case 15:
            ((int32_t *)target.data)[1] = -1;
            break;
        }
        err.text[0] = '\0';
        ok((spn_exec_run(e, &run, -1, 0, &err) == SPN_OK) == (i == 0), "rows %d: %s", i,
           i == 0 ? "accepted" : err.text);
    }
    spn_exec_free(e);
    spn_plan_free(p);
}

/* ---- the list of ops ---- */

static spn_status no_shape(struct spn_op_shapes *s, const void *params, struct spn_err *err)
{
    s->out[0] = s->in[0];
    return SPN_OK;
}

static void twice(const struct spn_op_call *c)
{
    for (int64_t i = 0; i < spn_tensor_elems(c->out[0]); i++)
        ((float *)c->out[0]->data)[i] = 2 * ((const float *)c->in[0]->data)[i];
}

static void test_list(void)
{
    static const struct spn_op bad_name = {
        .name = "l-mul", .n_out = 1, .shape = no_shape, .ref_f32 = twice, .ref_f64 = twice
    };
    static const struct spn_op taken = {
        .name = "add", .n_out = 1, .shape = no_shape, .ref_f32 = twice, .ref_f64 = twice
    };
    static const struct spn_op no_double = {
        .name = "half_done", .n_out = 1, .shape = no_shape, .ref_f32 = twice
    };
    static const struct spn_op good = {
        .name = "twice", .n_out = 1, .shape = no_shape, .ref_f32 = twice, .ref_f64 = twice
    };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    int64_t dim[1] = { 3 }, most[SPN_DIM_SYMBOLS] = { 0 };
    struct spn_run run = { .symbol = { 0 } };
    struct spn_rng rng = { { 1, 2, 3, 4 } };
    struct spn_tensor y;
    spn_val x = spn_plan_input(p, "x", SPN_F32, 1, dim);
    int n = 0, whole = 0;
    float *in;

    for (const struct spn_op *op; (op = spn_op_at(n)) != NULL; n++)
        whole += op->shape != NULL && op->ref_f32 != NULL && op->ref_f64 != NULL &&
                 spn_op_find(op->name) == op;
    ok(n >= 30 && whole == n,
       "%d ops, each with a shape rule and both references, found by its name", n);
    ok(spn_op_register(&bad_name, &err) == SPN_EUSAGE, "refused: %s", err.text);
    ok(spn_op_register(&taken, &err) == SPN_EUSAGE, "refused: %s", err.text);
    ok(spn_op_register(&no_double, &err) == SPN_EUSAGE, "refused: %s", err.text);
    ok(spn_op_register(&good, &err) == SPN_OK && spn_op_find("twice") == &good &&
           spn_op_at(n) == &good,
       "another op");
    spn_plan_output(p, "y", spn_plan_op(p, &good, &x, 1, NULL, 0));
    ok(spn_plan_finish(p, &err) == SPN_OK && spn_exec_new(&e, p, most, &err) == SPN_OK,
       "it is planned");
    in = fill(e, &run, "x", &rng);
    ok(spn_exec_run(e, &run, -1, 0, &err) == SPN_OK &&
           spn_exec_output(e, &run, "y", &y, &err) == SPN_OK && ((float *)y.data)[2] == 2 * in[2],
       "it runs");
    ok(spn_plan_input(p, "late", SPN_F32, 1, dim) == -1, "a finished plan takes no more");
    spn_exec_free(e);
    spn_plan_free(p);
}

int main(void)
{
    refuse_shapes();
    refuse_weights();
    test_rows();
    test_list();
    return done();
}

/* test_columns.c - columns of rows picked, joined and weighed, heads with matrices of their own,
 * and the sinks and the two-sided view of attention, each against plain loops. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "tap.h"
#include "tensor/ops.h"
#include "tensor/plan.h"
#include "tensor/rows.h"

enum { ROWS = 5, PARTS = 3, A = 4, B = 2, WIDE = PARTS * A };

static float a[ROWS * WIDE], b[ROWS * PARTS * B], one[ROWS * B], vec[WIDE];

/* A plan with inputs a, b and one. */
struct bench {
    struct spn_plan *p;
    spn_val a, b, one;
};

static struct bench begin(void)
{
    const int64_t wide_a[2] = { SPN_DIM_ROWS, WIDE }, wide_b[2] = { SPN_DIM_ROWS, PARTS * B },
                  wide_one[2] = { SPN_DIM_ROWS, B };
    struct bench s = { .p = spn_plan_new(SPN_F32) };

    s.a = spn_plan_input(s.p, "a", SPN_F32, 2, wide_a);
    s.b = spn_plan_input(s.p, "b", SPN_F32, 2, wide_b);
    s.one = spn_plan_input(s.p, "one", SPN_F32, 2, wide_one);
    return s;
}

static bool give(struct spn_exec *e, const struct spn_run *run, const char *name, const float *from)
{
    struct spn_tensor t;

    if (spn_exec_input(e, run, name, &t, NULL) != SPN_OK)
        return false;
    memcpy(t.data, from, (size_t)spn_tensor_bytes(&t));
    return true;
}

/* Y [ROWS, COLS] of the plan's value OUT. */
static bool run_plan(struct bench *s, spn_val out, const struct spn_rows *rows, float *y, int cols)
{
    const int64_t most[SPN_DIM_SYMBOLS] = { ROWS, 0, 0 };
    struct spn_run run = { .symbol = { ROWS }, .batch = rows };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_exec *e = NULL;
    struct spn_tensor t;
    bool fine;

    spn_plan_output(s->p, "y", out);
    fine = spn_plan_finish(s->p, &err) == SPN_OK && spn_exec_new(&e, s->p, most, &err) == SPN_OK &&
           give(e, &run, "a", a) && give(e, &run, "b", b) && give(e, &run, "one", one) &&
           spn_exec_run(e, &run, -1, 0, &err) == SPN_OK &&
           spn_exec_output(e, &run, "y", &t, &err) == SPN_OK && t.dim[1] == cols;
    if (fine)
        memcpy(y, t.data, (size_t)(ROWS * cols) * sizeof *y);
    else
        printf("# %s\n", err.text);
    spn_exec_free(e);
    spn_plan_free(s->p);
    return fine;
}

static void test_columns(void)
{
    struct bench s = begin();
    float y[ROWS * PARTS * (A + B)];
    bool same;

    same = run_plan(&s, spn_op_columns(s.p, s.a, PARTS, 1, 2), NULL, y, PARTS * 2);
    for (int i = 0; i < ROWS * PARTS * 2; i++)
        same = same && y[i] == a[i / 2 * A + 1 + i % 2];
    ok(same, "columns of each part");
    s = begin();
    same = run_plan(&s, spn_op_join(s.p, s.a, s.b, PARTS, PARTS), NULL, y, PARTS * (A + B));
    for (int i = 0; i < ROWS * PARTS; i++)
        same = same && memcmp(y + i * (A + B), a + i * A, A * sizeof *y) == 0 &&
               memcmp(y + i * (A + B) + A, b + i * B, B * sizeof *y) == 0;
    ok(same, "parts side by side");
    s = begin();
    same = run_plan(&s, spn_op_join(s.p, s.a, s.one, PARTS, 1), NULL, y, PARTS * (A + B));
    for (int i = 0; i < ROWS * PARTS; i++)
        same = same && memcmp(y + i * (A + B) + A, one + i / PARTS * B, B * sizeof *y) == 0;
    ok(same, "one part beside every part");
}

static void test_vectors(void)
{
    struct bench s = begin();
    struct spn_weight w = { .name = "v" };
    float y[ROWS * WIDE];
    int64_t n = WIDE;
    bool same;

    spn_tensor_init(&w.t, SPN_F32, 1, &n, vec, NULL);
    same = run_plan(
        &s,
        spn_op_relu2(s.p, spn_op_add_vec(s.p, spn_op_mul_vec(s.p, s.a, spn_plan_weight(s.p, &w)),
                                         spn_plan_weight(s.p, &w))),
        NULL, y, WIDE);
    for (int i = 0; i < ROWS * WIDE; i++) {
        float x = a[i] * vec[i % WIDE], z = x + vec[i % WIDE];

        same = same && y[i] == (z > 0 ? z * z : 0);
    }
    ok(same, "times a vector, plus a vector, relu squared");
}

static void test_heads(void)
{
    static float m[PARTS][3 * A];
    struct spn_weight w[PARTS];
    const struct spn_heads h = { .n = PARTS, .rows = 3, .cols = A, .w = w };
    const int64_t dim[2] = { 3, A };
    struct bench s = begin();
    float y[ROWS * PARTS * 3];
    double worst = 0;
    bool fine;

    for (int i = 0; i < PARTS; i++) {
        for (int k = 0; k < 3 * A; k++)
            m[i][k] = (float)(i * 5 + k % 7) - 4;
        w[i] = (struct spn_weight){ .name = "m" };
        spn_tensor_init(&w[i].t, SPN_F32, 2, dim, m[i], NULL);
    }
    fine = run_plan(&s, spn_op_heads(s.p, s.a, &h), NULL, y, PARTS * 3);
    for (int i = 0; i < ROWS * PARTS * 3 && fine; i++) {
        double want = 0;

        for (int k = 0; k < A; k++)
            want += (double)m[i / 3 % PARTS][i % 3 * A + k] * (double)a[i / 3 * A + k];
        worst = fmax(worst, fabs(want - (double)y[i]));
    }
    ok(fine && worst < 1e-4, "a matrix a head: %.1e", worst);
}

/* q = k = v = a: PARTS heads of A numbers. */
static void test_attention(bool whole, const float *sinks)
{
    const struct spn_attention at = {
        .heads = PARTS, .heads_kv = PARTS, .dim_k = A, .dim_v = A, .scale = 0.5f, .whole = whole
    };
    int32_t first[ROWS] = { 0, 0, 0, 3, 3 };
    const struct spn_rows rows = { .n = ROWS, .first = first };
    struct bench s = begin();
    struct spn_weight w = { .name = "sinks" };
    int64_t n = PARTS;
    float y[ROWS * WIDE];
    double worst = 0;
    bool fine;

    spn_tensor_init(&w.t, SPN_F32, 1, &n, (void *)sinks, NULL);
    fine = run_plan(&s,
                    spn_op_attention_sinks(s.p, s.a, s.a, s.a,
                                           sinks != NULL ? spn_plan_weight(s.p, &w) : -1, &at),
                    &rows, y, WIDE);
    for (int i = 0; i < ROWS * PARTS && fine; i++) {
        int row = i / PARTS, head = i % PARTS, end = whole ? (row < 3 ? 3 : ROWS) : row + 1;
        double sum = sinks != NULL ? exp((double)sinks[head]) : 0, want[A] = { 0 };

        for (int j = first[row]; j < end; j++) {
            double score = 0;

            for (int d = 0; d < A; d++)
                score += 0.5 * (double)a[i * A + d] * (double)a[(j * PARTS + head) * A + d];
            sum += exp(score);
            for (int d = 0; d < A; d++)
                want[d] += exp(score) * (double)a[(j * PARTS + head) * A + d];
        }
        for (int d = 0; d < A; d++)
            worst = fmax(worst, fabs(want[d] / sum - (double)y[i * A + d]));
    }
    ok(fine && worst < 1e-5, "attention%s%s: %.1e", whole ? " to both sides" : "",
       sinks != NULL ? " with sinks" : "", worst);
}

static void test_refusals(void)
{
    const struct spn_ssm small = {
        .heads = 2, .dim = 2, .state = 2, .groups = 1, .conv = 2, .channels = WIDE
    };

    for (int i = 0; i < 5; i++) {
        struct spn_attention at = {
            .heads = PARTS, .heads_kv = PARTS, .dim_k = A, .dim_v = A, .latent = true
        };
        struct spn_err err = SPN_ERR_INIT;
        struct bench s = begin();
        spn_val got = -1;

        switch (i) {
        case 0:
            got = spn_op_columns(s.p, s.a, PARTS, 3, 2);
            break;
        case 1:
            got = spn_op_join(s.p, s.a, s.b, PARTS, 2);
            break;
        case 2:
            got = spn_op_add_vec(s.p, s.a, s.b);
            break;
        case 3:
            got = spn_op_attention(s.p, s.a, s.a, s.a, &at);
            break;
        case 4:
            got = spn_op_ssm_conv(s.p, s.a, s.b, -1, &small);
            break;
        }
        ok(got == -1 && spn_plan_finish(s.p, &err) != SPN_OK, "refused: %s", err.text);
        spn_plan_free(s.p);
    }
}

int main(void)
{
    static const float sinks[PARTS] = { -1, 0.5f, 3 };
    struct spn_rng rng;

    spn_rng_init(&rng, spn_key_seed(9));
    for (int i = 0; i < ROWS * WIDE; i++)
        a[i] = (float)spn_rng_normal(&rng);
    for (int i = 0; i < ROWS * PARTS * B; i++)
        b[i] = (float)spn_rng_normal(&rng);
    for (int i = 0; i < ROWS * B; i++)
        one[i] = (float)spn_rng_normal(&rng);
    for (int i = 0; i < WIDE; i++)
        vec[i] = (float)spn_rng_normal(&rng);
    test_columns();
    test_vectors();
    test_heads();
    test_attention(false, NULL);
    test_attention(true, NULL);
    test_attention(false, sinks);
    test_attention(true, sinks);
    test_refusals();
    return done();
}

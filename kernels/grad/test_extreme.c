/* test_extreme.c - the fast versions on numbers that break arithmetic: huge, tiny, infinite, not a
 * number, one outlier in a row.  They agree with the plain float version, NaN for NaN. */
#include "config.h"

#include "base/cpu.h"
#include "grad/tape.h"
#include "tap.h"
#include "tensor/ops.h"

static const float hard[] = { 0.0f,   -0.0f, 1e-38f, -1e-30f, 1.0f,  -1.0f, 0.3f,   86.5f,
                              -86.5f, 90.0f, -90.0f, 104.5f,  -1e3f, 1e3f,  3e4f,   -3e4f,
                              1e15f,  1e20f, -1e20f, 3e38f,   2.5f,  -7.0f, 1e-20f, 12.0f };
enum { N = (int)(sizeof hard / sizeof *hard), ROWS = 3 * N + 4 };

/* Rows of ordinary numbers with one hard one each, rows of two, rows of hard ones alone,
 * infinities. */
static void fill(float *x, int shift)
{
    for (int r = 0; r < ROWS; r++) {
        for (int j = 0; j < N; j++) {
            float plain = (float)((j * 7 + r * 3 + shift) % 11) * 0.2f - 1;

            x[r * N + j] = r < N            ? (j == (r + shift) % N ? hard[r] : plain)
                           : r < 2 * N      ? (j % 5 == shift ? hard[r - N] : plain)
                           : r < 3 * N      ? hard[(j + r * (shift + 1)) % N]
                           : r == 3 * N     ? (j == 4 ? INFINITY : plain)
                           : r == 3 * N + 1 ? (j == 4 ? -INFINITY : plain)
                           : r == 3 * N + 2 ? (j == 4 ? NAN : plain)
                                            : -INFINITY;
        }
    }
}

static spn_val silu_mul(struct spn_plan *p, spn_val a, spn_val b)
{
    return spn_op_silu_mul(p, a, b);
}

static spn_val softmax(struct spn_plan *p, spn_val a, spn_val b)
{
    return spn_op_softmax(p, a);
}

static spn_val rms_norm(struct spn_plan *p, spn_val a, spn_val b)
{
    static float ones[N];
    static struct spn_weight w = { .name = "ones" };
    int64_t dim[1] = { N };

    for (int j = 0; j < N; j++)
        ones[j] = 1;
    spn_tensor_init(&w.t, SPN_F32, 1, dim, ones, NULL);
    return spn_op_rms_norm(p, a, spn_plan_weight(p, &w), 1e-5f);
}

static spn_val add(struct spn_plan *p, spn_val a, spn_val b)
{
    return spn_op_add(p, a, b);
}

static spn_val mul(struct spn_plan *p, spn_val a, spn_val b)
{
    return spn_op_mul(p, a, b);
}

static spn_val cross_entropy(struct spn_plan *p, spn_val a, spn_val b)
{
    int64_t dim[1] = { SPN_DIM_ROWS };
    spn_val loss = spn_op_cross_entropy(p, a, spn_plan_input(p, "target", SPN_I32, 1, dim),
                                        spn_plan_input(p, "weight", SPN_F32, 1, dim));

    return spn_plan_op_out(p, loss, 1);
}

static const struct {
    const char *name;
    spn_val (*build)(struct spn_plan *p, spn_val a, spn_val b);
} ops[] = { { "silu_mul", silu_mul }, { "softmax", softmax }, { "rms_norm", rms_norm },
            { "add", add },           { "mul", mul },         { "cross_entropy", cross_entropy } };

/* y and the gradients of a sum over y into OUT, on the instruction set in use; how many numbers, -1
 * on failure. */
static int64_t compute(int op, float *out, struct spn_err *err)
{
    static const char *const names[] = { "y", "da", "db" };
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    struct spn_run run = { .symbol = { ROWS, 0, 0 } };
    int64_t dim[2] = { SPN_DIM_ROWS, N }, n = 0;
    spn_val in[2], y, probe, loss, grad[2] = { -1, -1 };
    struct spn_tensor t;
    bool fine;

    in[0] = spn_plan_input(p, "a", SPN_F32, 2, dim);
    in[1] = spn_plan_input(p, "b", SPN_F32, 2, dim);
    y = ops[op].build(p, in[0], in[1]);
    spn_plan_output(p, "y", y);
    probe = spn_plan_input(p, "probe", SPN_F32, spn_plan_shape(p, y)->ndim, dim);
    loss = spn_op_sum(p, spn_op_mul(p, y, probe));
    fine = spn_grad(p, loss, in, 2, grad, err) == SPN_OK;
    for (int k = 0; k < 2 && fine; k++)
        if (grad[k] != -1)
            spn_plan_output(p, names[k + 1], grad[k]);
    fine =
        fine && spn_plan_finish(p, err) == SPN_OK && spn_exec_new(&e, p, run.symbol, err) == SPN_OK;
    for (int k = 0; k < 2 && fine; k++) {
        fine = spn_exec_input(e, &run, k == 0 ? "a" : "b", &t, err) == SPN_OK;
        if (fine)
            fill(t.data, k);
    }
    fine = fine && spn_exec_input(e, &run, "probe", &t, err) == SPN_OK;
    for (int64_t i = 0; fine && i < spn_tensor_elems(&t); i++)
        ((float *)t.data)[i] = (float)(i % 7) * 0.3f - 1;
    if (fine && spn_exec_input(e, &run, "target", &t, err) == SPN_OK) {
        for (int r = 0; r < ROWS; r++)
            ((int32_t *)t.data)[r] = r % N;
        spn_exec_input(e, &run, "weight", &t, err);
        for (int r = 0; r < ROWS; r++)
            ((float *)t.data)[r] = 1;
    }
    fine = fine && spn_exec_run(e, &run, -1, 0, err) == SPN_OK;
    for (int k = 0; k < 3 && fine; k++) {
        if (spn_exec_output(e, &run, names[k], &t, err) != SPN_OK)
            continue;
        memcpy(out + n, t.data, (size_t)spn_tensor_bytes(&t));
        n += spn_tensor_elems(&t);
    }
    spn_exec_free(e);
    spn_plan_free(p);
    return fine ? n : -1;
}

/* Equal, both NaN, or within 1e-5 of LARGE; numbers below 1e-30 count as zero. */
static bool agree(float a, float b, float large)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return a == b;
    return fabsf(a - b) <= 1e-5f * large + 1e-30f;
}

/* A result is judged by itself, a gradient, in which large terms cancel, by the largest of its row.
 */
static float judge_by(const float *want, int64_t i, int64_t n_y, bool by_one)
{
    int64_t row = i - (i - n_y) % N;
    float large = fabsf(want[i]);

    for (int64_t j = row; i >= n_y && j < row + N; j++)
        if (isfinite(want[j]) && fabsf(want[j]) > large)
            large = fabsf(want[j]);
    return by_one && i >= n_y && large < 1 ? 1 : large;
}

int main(void)
{
    static float want[3 * ROWS * N], got[3 * ROWS * N];

    for (int op = 0; op < (int)(sizeof ops / sizeof *ops); op++) {
        struct spn_err err = SPN_ERR_INIT;
        int64_t n, n_y = ops[op].build == cross_entropy ? ROWS : ROWS * N;

        spn_isa_force(SPN_ISA_REF);
        n = compute(op, want, &err);
        ok(n > 0, "%s: plain %s", ops[op].name, n > 0 ? "" : err.text);
        for (int isa = SPN_ISA_AVX2; isa <= SPN_ISA_AVX512; isa++) {
            int64_t bad = -1, nans = 0;

            if (!spn_isa_force((enum spn_isa)isa)) {
                skip("this processor lacks the instruction set");
                continue;
            }
            if (compute(op, got, &err) != n) {
                ok(false, "%s: %s", ops[op].name, err.text);
                continue;
            }
            for (int64_t i = n - 1; i >= 0; i--) {
                nans += isnan(want[i]);
                if (!agree(got[i], want[i], judge_by(want, i, n_y, ops[op].build == softmax)))
                    bad = i;
            }
            if (bad < 0)
                ok(true, "%s, %s: %d numbers agree, %d of them NaN", ops[op].name,
                   spn_isa_name(spn_isa_get()), (int)n, (int)nans);
            else
                ok(false, "%s, %s: number %d (row %d) is %.9g, plain %.9g", ops[op].name,
                   spn_isa_name(spn_isa_get()), (int)bad, (int)(bad / N), (double)got[bad],
                   (double)want[bad]);
        }
    }
    return done();
}

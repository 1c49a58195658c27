/* test_matmul.c - products with weights of every type that is decoded: plain, through packed tiles,
 * and the gradient of the input, against double arithmetic on the decoded numbers. */
#include "config.h"

#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "grad/tape.h"
#include "tap.h"
#include "tensor/ops.h"
#include "tensor/product.h"

enum { N = 150, K = 512, ROWS = 9 };

struct product {
    struct spn_weight w, bias;
    float x[ROWS * K], dy[ROWS * N], plain[N * K], bias_of[N];
    double y[ROWS * N], dx[ROWS * K]; /* in double */
};

/* A weight [N, K] of this type, and what the product and its gradient are. */
static bool prepare(struct product *p, int dtype, struct spn_err *err)
{
    int64_t dim[2] = { N, K };
    uint64_t row_bytes = 0;
    struct spn_rng rng;
    float row[K];
    unsigned char *data;

    spn_rng_init(&rng, spn_key_int(7, (uint64_t)dtype));
    for (int i = 0; i < ROWS * K; i++)
        p->x[i] = (float)spn_rng_normal(&rng);
    for (int i = 0; i < ROWS * N; i++)
        p->dy[i] = (float)spn_rng_normal(&rng);
    for (int i = 0; i < N; i++)
        p->bias_of[i] = (float)spn_rng_normal(&rng);
    if (!spn_dtype_row_bytes(dtype, K, &row_bytes))
        return false;
    data = spn_calloc(N, (size_t)row_bytes);
    for (int i = 0; i < N; i++) {
        for (int j = 0; j < K; j++)
            row[j] = (float)spn_rng_normal(&rng);
        if (spn_quant(dtype, row, data + (size_t)i * row_bytes, K, err) != SPN_OK ||
            spn_dequant(dtype, data + (size_t)i * row_bytes, p->plain + i * K, K, err) != SPN_OK)
            return false;
    }
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i < N; i++) {
            double sum = (double)p->bias_of[i];

            for (int j = 0; j < K; j++)
                sum += (double)p->x[r * K + j] * (double)p->plain[i * K + j];
            p->y[r * N + i] = sum;
        }
        for (int j = 0; j < K; j++) {
            double sum = 0;

            for (int i = 0; i < N; i++)
                sum += (double)p->dy[r * N + i] * (double)p->plain[i * K + j];
            p->dx[r * K + j] = sum;
        }
    }
    p->w = (struct spn_weight){ .name = "w" };
    p->bias = (struct spn_weight){ .name = "bias" };
    return spn_tensor_init(&p->w.t, dtype, 2, dim, data, err) == SPN_OK &&
           spn_tensor_init(&p->bias.t, SPN_F32, 1, dim, p->bias_of, err) == SPN_OK;
}

static double number(const struct spn_tensor *t, int64_t i)
{
    return t->dtype == SPN_F64 ? ((const double *)t->data)[i] : (double)((const float *)t->data)[i];
}

/* The worst row's |got - want| / |want|. */
static double distance(const struct spn_tensor *got, const double *want, int64_t cols)
{
    double worst = 0;

    for (int64_t r = 0; r < ROWS; r++) {
        double off = 0, size = 0;

        for (int64_t j = r * cols; j < (r + 1) * cols; j++) {
            off += (number(got, j) - want[j]) * (number(got, j) - want[j]);
            size += want[j] * want[j];
        }
        if (!(sqrt(off / size) <= worst))
            worst = sqrt(off / size);
    }
    return worst;
}

static void put(const struct spn_tensor *t, const float *from)
{
    for (int64_t i = 0; i < spn_tensor_elems(t); i++) {
        if (t->dtype == SPN_F64)
            ((double *)t->data)[i] = (double)from[i];
        else
            ((float *)t->data)[i] = from[i];
    }
}

/* Product and gradient in a plan of this float type; *Y and *DX are their distances. */
static bool run(struct product *p, int float_dtype, double *y_off, double *dx_off,
                struct spn_err *err)
{
    struct spn_plan *plan = spn_plan_new(float_dtype);
    struct spn_exec *e = NULL;
    int64_t x_dim[2] = { SPN_DIM_ROWS, K }, y_dim[2] = { SPN_DIM_ROWS, N };
    struct spn_run at = { .symbol = { ROWS, 0, 0 } };
    struct spn_tensor x, dy, y, dx;
    spn_val in = spn_plan_input(plan, "x", float_dtype, 2, x_dim);
    spn_val probe = spn_plan_input(plan, "dy", float_dtype, 2, y_dim), grad;
    spn_val out =
        spn_op_matmul(plan, in, spn_plan_weight(plan, &p->w), spn_plan_weight(plan, &p->bias));
    spn_val loss = spn_op_sum(plan, spn_op_mul(plan, out, probe));
    bool fine;

    spn_plan_output(plan, "y", out);
    fine = spn_grad(plan, loss, &in, 1, &grad, err) == SPN_OK;
    if (fine)
        spn_plan_output(plan, "dx", grad);
    fine = fine && spn_plan_finish(plan, err) == SPN_OK &&
           spn_exec_new(&e, plan, at.symbol, err) == SPN_OK &&
           spn_exec_input(e, &at, "x", &x, err) == SPN_OK &&
           spn_exec_input(e, &at, "dy", &dy, err) == SPN_OK;
    if (fine) {
        put(&x, p->x);
        put(&dy, p->dy);
    }
    fine = fine && spn_exec_run(e, &at, -1, 0, err) == SPN_OK &&
           spn_exec_output(e, &at, "y", &y, err) == SPN_OK &&
           spn_exec_output(e, &at, "dx", &dx, err) == SPN_OK;
    if (fine) {
        *y_off = distance(&y, p->y, N);
        *dx_off = distance(&dx, p->dx, K);
    }
    spn_exec_free(e);
    spn_plan_free(plan);
    return fine;
}

static void check_type(struct product *p, int dtype)
{
    struct spn_err err = SPN_ERR_INIT;
    const char *name = spn_dtype_name(dtype);
    double y = NAN, dx = NAN;

    if (!ok(prepare(p, dtype, &err), "%s: a weight %s", name, err.text))
        return;
    ok(run(p, SPN_F64, &y, &dx, &err) && y <= 1e-13 && dx <= 1e-13,
       "%s in double: %.1e, gradient of the input %.1e %s", name, y, dx, err.text);
    for (int isa = SPN_ISA_REF; isa <= SPN_ISA_AVX512; isa++) {
        if (!spn_isa_force((enum spn_isa)isa))
            continue;
        ok(run(p, SPN_F32, &y, &dx, &err) && y <= 2e-6 && dx <= 2e-6,
           "%s, %s: %.1e, gradient of the input %.1e %s", name, spn_isa_name(spn_isa_get()), y, dx,
           err.text);
        if (!ok(spn_pack_new(&p->w.pack, &p->w.t, SPN_ACT_F32, NULL, &err) == SPN_OK, "packed %s",
                err.text))
            continue;
        ok(run(p, SPN_F32, &y, &dx, &err) && y <= 2e-6 && dx <= 2e-6,
           "%s, %s, packed: %.1e, gradient of the input %.1e %s", name, spn_isa_name(spn_isa_get()),
           y, dx, err.text);
        spn_pack_free(p->w.pack);
        p->w.pack = NULL;
    }
    spn_free(p->w.t.data);
}

/* Products FIRST to END of x with the weights of P, in one plan, into Y. */
static bool run_some(struct product *p, int first, int end, float (*y)[ROWS * N])
{
    struct spn_plan *plan = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    int64_t x_dim[2] = { SPN_DIM_ROWS, K };
    struct spn_run at = { .symbol = { ROWS, 0, 0 } };
    struct spn_tensor view;
    char name[4] = "y0";
    spn_val in = spn_plan_input(plan, "x", SPN_F32, 2, x_dim);
    bool fine;

    for (int i = first; i < end; i++) {
        name[1] = (char)('0' + i);
        spn_plan_output(plan, name, spn_op_matmul(plan, in, spn_plan_weight(plan, &p[i].w), -1));
    }
    fine = spn_plan_finish(plan, NULL) == SPN_OK &&
           spn_exec_new(&e, plan, at.symbol, NULL) == SPN_OK &&
           spn_exec_input(e, &at, "x", &view, NULL) == SPN_OK;
    if (fine)
        put(&view, p->x);
    fine = fine && spn_exec_run(e, &at, -1, 0, NULL) == SPN_OK;
    for (int i = first; i < end && fine; i++) {
        name[1] = (char)('0' + i);
        fine = spn_exec_output(e, &at, name, &view, NULL) == SPN_OK;
        if (fine)
            memcpy(y[i], view.data, sizeof *y);
    }
    spn_exec_free(e);
    spn_plan_free(plan);
    return fine;
}

/* Neighbours that multiply one input share its int8 form; others beside them do not. */
static void test_shared(void)
{
    static const int type[] = { SPN_Q8_0, SPN_Q4_0, SPN_F32, SPN_BF16, SPN_Q6_K, SPN_Q8_0 };
    enum { MANY = sizeof type / sizeof *type };
    static struct product p[MANY];
    static float alone[MANY][ROWS * N], together[MANY][ROWS * N];
    struct spn_err err = SPN_ERR_INIT;
    bool fine = true;

    for (int i = 0; i < MANY; i++)
        fine = fine && prepare(&p[i], type[i], &err);
    for (int isa = SPN_ISA_REF; isa <= SPN_ISA_AVX512 && fine; isa++) {
        if (!spn_isa_force((enum spn_isa)isa))
            continue;
        for (int i = 0; i < MANY; i++)
            fine =
                fine && spn_pack_new(&p[i].w.pack, &p[i].w.t, SPN_ACT_INT8, NULL, &err) == SPN_OK;
        memset(together, 0, sizeof together);
        for (int i = 0; i < MANY; i++)
            fine = fine && run_some(p, i, i + 1, alone);
        fine = fine && run_some(p, 0, MANY, together);
        ok(fine && memcmp(alone, together, sizeof alone) == 0,
           "%s: products of one input beside each other equal each alone %s",
           spn_isa_name(spn_isa_get()), err.text);
        for (int i = 0; i < MANY; i++) {
            spn_pack_free(p[i].w.pack);
            p[i].w.pack = NULL;
        }
    }
    for (int i = 0; i < MANY; i++)
        spn_free(p[i].w.t.data);
}

int main(void)
{
    static struct product p;

    for (int dtype = 0; dtype < SPN_DTYPE_COUNT; dtype++) {
        const struct spn_dtype_info *info = spn_dtype_info(dtype);

        if (info != NULL && info->decode && info->encode)
            check_type(&p, dtype);
    }
    test_shared();
    return done();
}

/* test_grad.c - the gradient of every op against central differences in double: all inputs, random
 * shapes, several seeds. */
#include "config.h"

#include "grad/cases.h"

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

static void check_case(int i, uint64_t seed)
{
    struct bench b;
    struct spn_err err = SPN_ERR_INIT;
    double worst = 0;
    bool fine = case_new(&b, i, seed, SPN_F64, false, NULL, &err);

    for (int k = 0; k < b.n_leaf && fine; k++) {
        double off = compare_leaf(&b, k);

        if (!(off <= worst))
            worst = off;
    }
    ok(fine && worst <= 1e-7, "%s, seed %d: %lld rows, gradients of %d inputs differ by %.1e%s%s",
       cases[i].name, (int)seed, (long long)b.rows.n, b.n_leaf, worst, fine ? "" : ": ",
       fine ? "" : err.text);
    case_free(&b);
}

/* What cannot be differentiated is refused by name. */
static void check_refusals(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_plan *p = spn_plan_new(SPN_F64);
    int64_t dim[2] = { SPN_DIM_ROWS, 4 };
    spn_val x = spn_plan_input(p, "x", SPN_F64, 2, dim),
            other = spn_plan_input(p, "z", SPN_F64, 2, dim);
    spn_val loss = spn_op_sum(p, spn_op_softmax(p, x)), grad[2];
    spn_val wrt[2] = { x, other };

    ok(spn_grad(p, x, &x, 1, grad, &err) == SPN_EUSAGE, "a loss of many numbers: %s", err.text);
    ok(spn_grad(p, loss, wrt, 2, grad, &err) == SPN_OK && grad[0] >= 0 && grad[1] == -1,
       "an input that the loss does not read has no gradient");
    loss = spn_op_sum(p, grad[0]);
    ok(spn_grad(p, loss, &x, 1, grad, &err) == SPN_EUSAGE, "a gradient of a gradient: %s",
       err.text);
    ok(spn_grad(p, 999, &x, 1, grad, &err) == SPN_EUSAGE, "no such loss: %s", err.text);
    spn_plan_free(p);
}

int main(void)
{
    for (int i = 0; i < CASES; i++)
        for (uint64_t seed = 1; seed <= 6; seed++)
            check_case(i, seed);
    check_refusals();
    return done();
}

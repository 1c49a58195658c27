/* test_adamw.c - the optimiser against steps worked out in double, on each instruction set; the
 * learning rates at the points where they are known. */
#include "config.h"

#include "base/cpu.h"
#include "base/rng.h"
#include "grad/tape.h"
#include "tap.h"

#define N 37

/* Two steps by hand: one number with gradient 0.5, then -1. beta 0.9 and 0.97, rate 0.1, decay
   0.05. Step 1: m = 0.05, v = 0.0075; the corrected ones are 0.5 and 0.25, so the step is 0.1 *
   0.5/0.5 = 0.1. Step 2: m = 0.9*0.05 - 0.1 = -0.055, v = 0.97*0.0075 + 0.03 = 0.037275. */
static void test_by_hand(void)
{
    struct spn_adamw o = { 0.9, 0.97, 1e-8, 0.05 };
    float x = 2, m = 0, v = 0, g = 0.5f;
    double want;

    spn_adamw_step(&o, 0.1f, 1, 1, &x, &g, &m, &v);
    ok_near((double)m, 0.05, 1e-8, "first moment");
    ok_near((double)v, 0.0075, 1e-9, "second moment");
    want = 2 * (1 - 0.1 * 0.05) - 0.1;
    ok_near((double)x, want, 1e-6, "decay on the number itself, and a step of one rate");
    g = -1;
    spn_adamw_step(&o, 0.1f, 2, 1, &x, &g, &m, &v);
    ok_near((double)m, -0.055, 1e-8, "first moment");
    ok_near((double)v, 0.037275, 1e-8, "second moment");
    want = want * (1 - 0.1 * 0.05) + 0.1 * (0.055 / 0.19) / sqrt(0.037275 / (1 - 0.97 * 0.97));
    ok_near((double)x, want, 1e-6, "second step");
}

/* Many numbers and steps, every lane, in double beside it. */
static void test_many(void)
{
    struct spn_adamw o = { 0.9, 0.999, 1e-6, 0.1 };
    float x[N], m[N] = { 0 }, v[N] = { 0 }, g[N];
    double xd[N], md[N] = { 0 }, vd[N] = { 0 }, worst = 0;
    struct spn_rng rng;

    spn_rng_init(&rng, 4);
    for (int i = 0; i < N; i++)
        xd[i] = (double)(x[i] = (float)spn_rng_normal(&rng));
    for (int step = 1; step <= 50; step++) {
        double lr = 0.01 / step;

        for (int i = 0; i < N; i++)
            g[i] = i == 3 ? 0 : (float)spn_rng_normal(&rng);
        spn_adamw_step(&o, (float)lr, step, N, x, g, m, v);
        for (int i = 0; i < N; i++) {
            double gd = (double)g[i];

            md[i] = 0.9 * md[i] + 0.1 * gd;
            vd[i] = 0.999 * vd[i] + 0.001 * gd * gd;
            xd[i] -= lr * 0.1 * xd[i];
            xd[i] -=
                lr * (md[i] / (1 - pow(0.9, step))) / (sqrt(vd[i] / (1 - pow(0.999, step))) + 1e-6);
        }
    }
    for (int i = 0; i < N; i++)
        if (!(fabs((double)x[i] - xd[i]) <= worst))
            worst = fabs((double)x[i] - xd[i]);
    ok(worst <= 2e-6, "%s: 50 steps of %d numbers differ by %.1e", spn_isa_name(spn_isa_get()), N,
       worst);
}

static void test_rates(void)
{
    struct spn_rate r = {
        .kind = SPN_SCHED_COSINE, .peak = 2, .min_ratio = 0.1, .warmup = 9, .total = 109
    };
    bool falls = true;

    ok_near(spn_rate_at(&r, 0), 0.2, 1e-12, "warm-up starts a tenth up");
    ok_near(spn_rate_at(&r, 4), 1, 1e-12, "half way");
    ok_near(spn_rate_at(&r, 9), 2, 1e-12, "the peak");
    ok_near(spn_rate_at(&r, 59), 1.1, 1e-12, "cosine: the middle");
    ok_near(spn_rate_at(&r, 34), 0.2 + 1.8 * (1 + sqrt(0.5)) / 2, 1e-12, "cosine: a quarter");
    ok_near(spn_rate_at(&r, 109), 0.2, 1e-12, "cosine: the end");
    ok_near(spn_rate_at(&r, 5000), 0.2, 1e-12, "cosine: behind the end");
    for (int i = 9; i < 108; i++)
        falls = falls && spn_rate_at(&r, i + 1) < spn_rate_at(&r, i);
    ok(falls, "cosine falls all the way");
    r = (struct spn_rate){
        .kind = SPN_SCHED_WSD, .peak = 2, .min_ratio = 0, .decay = 0.35, .warmup = 10, .total = 200
    };
    ok_near(spn_rate_at(&r, 10), 2, 1e-12, "wsd: constant from the warm-up");
    ok_near(spn_rate_at(&r, 130), 2, 1e-12, "wsd: to where the decay begins");
    ok_near(spn_rate_at(&r, 165), 1, 1e-12, "wsd: half of the decay");
    ok_near(spn_rate_at(&r, 200), 0, 1e-12, "wsd: the end");
    r.decay = 1;
    ok_near(spn_rate_at(&r, 105), 1, 1e-12, "wsd: decay of all steps begins after the warm-up");
    r.kind = SPN_SCHED_CONSTANT;
    ok_near(spn_rate_at(&r, 100000), 2, 1e-12, "constant");
    r = (struct spn_rate){ .kind = SPN_SCHED_COSINE, .peak = 1, .warmup = 0, .total = 0 };
    ok_near(spn_rate_at(&r, 0), 0, 1e-12, "no steps at all");
}

int main(void)
{
    for (int isa = SPN_ISA_REF; isa <= SPN_ISA_AVX512; isa++) {
        if (!spn_isa_force((enum spn_isa)isa)) {
            skip("this processor lacks the instruction set");
            continue;
        }
        test_by_hand();
        test_many();
    }
    test_rates();
    return done();
}

/* adamw.c - the optimiser and its learning rates. */
#include "config.h"

#include <math.h>

#include "base/cpu.h"
#include "grad/tape.h"
#include "x86/rowops.h"

static void step_plain(const struct k_adamw_factors *f, int64_t n, float *param, const float *grad,
                       float *exp_avg, float *exp_avg_sq)
{
    for (int64_t i = 0; i < n; i++) {
        float m = f->beta1 * exp_avg[i] + f->take1 * grad[i];
        float v = f->beta2 * exp_avg_sq[i] + f->take2 * grad[i] * grad[i];

        exp_avg[i] = m;
        exp_avg_sq[i] = v;
        param[i] = param[i] * f->keep - f->rate * m / (sqrtf(v) * f->root + f->eps);
    }
}

void spn_adamw_step(const struct spn_adamw *o, float lr, int64_t step, int64_t n, float *param,
                    const float *grad, float *exp_avg, float *exp_avg_sq)
{
    /* m and v lean towards their start at 0; both corrections are taken in double and folded into
     * two factors. */
    struct k_adamw_factors f = {
        .beta1 = (float)o->beta1,
        .beta2 = (float)o->beta2,
        .take1 = (float)(1 - o->beta1),
        .take2 = (float)(1 - o->beta2),
        .keep = (float)(1 - (double)lr * o->weight_decay),
        .rate = (float)((double)lr / (1 - pow(o->beta1, (double)step))),
        .root = (float)(1 / sqrt(1 - pow(o->beta2, (double)step))),
        .eps = (float)o->eps,
    };

#ifdef HAVE_X86
    if (spn_isa_get() == SPN_ISA_AVX512) {
        k_adamw_avx512(&f, n, param, grad, exp_avg, exp_avg_sq);
        return;
    }
    if (spn_isa_get() == SPN_ISA_AVX2) {
        k_adamw_avx2(&f, n, param, grad, exp_avg, exp_avg_sq);
        return;
    }
#endif
    step_plain(&f, n, param, grad, exp_avg, exp_avg_sq);
}

double spn_rate_at(const struct spn_rate *r, int64_t step)
{
    double low = r->peak * r->min_ratio;
    int64_t decay_from;

    if (step < r->warmup)
        return r->peak * (double)(step + 1) / (double)(r->warmup + 1);
    if (step >= r->total && r->kind != SPN_SCHED_CONSTANT)
        return low;
    switch (r->kind) {
    case SPN_SCHED_COSINE:
        return low +
               (r->peak - low) *
                   (1 + cos(M_PI * (double)(step - r->warmup) / (double)(r->total - r->warmup))) /
                   2;
    case SPN_SCHED_WSD:
        decay_from = r->total - llround(r->decay * (double)r->total);
        if (decay_from < r->warmup)
            decay_from = r->warmup;
        if (step < decay_from)
            return r->peak;
        return r->peak +
               (low - r->peak) * (double)(step - decay_from) / (double)(r->total - decay_from);
    case SPN_SCHED_CONSTANT:
        break;
    }
    return r->peak;
}

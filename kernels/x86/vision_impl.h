/* vision_impl.h - ops over maps, a vector of channels at a time; compiled for AVX2 and AVX-512. */
#include <stdatomic.h>
#include <string.h>

#include "base/pool.h"
#include "tensor/product.h"
#include "vision/conv.h"
#include "x86/rowvec.h"
#include "x86/vision.h"

#define PART_FLOATS 32768 /* less is not handed to another thread */

/* j over [0, n) in vectors; LEFT numbers from j on. */
#define EACH(j, left, n) for (int64_t j = 0, left = (n); left > 0; j += VW, left -= VW)

static int64_t grain_of(int64_t floats_a_item)
{
    return 1 + PART_FLOATS / (floats_a_item > 0 ? floats_a_item : 1);
}

/* ---- activations ---- */

/* x Phi(x) = x erfc(-x / sqrt 2) / 2. With z = |x| / sqrt 2 and t = 1 / (1 + 0.4 z), erfc(z) is
   exp(-z^2) times a polynomial in t, fitted to least maximum relative error over z in [0, 9.5]:
   4e-7. */
VEC_INLINE vf v_gelu(vf x)
{
    vf zero = v_zero(), one = v_set(1.0f);
    vf z = v_mul(r_max(x, v_sub(zero, x)), v_set(0.70710678f));
    vf t = r_div(one, v_fma(z, v_set(0.4f), one)), p, half;

    p = v_fma(t, v_set(0.05287858843803406f), v_set(-0.29914000630378723f));
    p = v_fma(p, t, v_set(0.5069957f));
    p = v_fma(p, t, v_set(-0.1959345042705536f));
    p = v_fma(p, t, v_set(0.3048346042633057f));
    p = v_fma(p, t, v_set(0.17491741478443146f));
    p = v_fma(p, t, v_set(0.23001085221767426f));
    p = v_fma(p, t, v_set(0.22543670678663254f));
    p = v_mul(p, t);
    half = v_mul(v_mul(p, r_exp(v_sub(zero, v_mul(z, z)))), v_set(0.5f)); /* Phi(-|x|) */
    /* x (1 - Phi(-|x|)) above 0, x Phi(-|x|) below: max(x, 0) - |x| Phi(-|x|). */
    return v_sub(r_max(zero, x), v_mul(r_max(x, v_sub(zero, x)), half));
}

VEC_INLINE vf v_act(vf x, const int act)
{
    vf zero = v_zero();

    switch (act) {
    case SPN_ACT_RELU:
        return r_max(zero, x); /* the second where one is NaN */
    case SPN_ACT_GELU:
        return v_gelu(x);
    case SPN_ACT_SIGMOID:
        return r_sigmoid(x);
    case SPN_ACT_HARD_SIGMOID:
        return v_mul(r_min(v_set(6.0f), r_max(zero, v_add(x, v_set(3.0f)))), v_set(1.0f / 6));
    default:
        return x;
    }
}

VEC_INLINE void finish_as(float *y, const float *bias, const float *more, int64_t rows, int64_t n,
                          const int act)
{
    for (int64_t r = 0; r < rows; r++, y += n) {
        EACH(j, left, n)
        {
            vf x = r_get(y + j, left);

            if (bias != NULL)
                x = v_add(x, r_get(bias + j, left));
            x = v_act(x, act);
            if (more != NULL)
                x = v_add(x, r_get(more + r * n + j, left));
            r_put(y + j, x, left);
        }
    }
}

static void finish(float *y, const float *bias, const float *more, int64_t rows, int64_t n, int act)
{
    if (bias == NULL && more == NULL) { /* one long row */
        n *= rows;
        rows = 1;
    }
    switch (act) {
    case SPN_ACT_RELU:
        finish_as(y, bias, more, rows, n, SPN_ACT_RELU);
        break;
    case SPN_ACT_GELU:
        finish_as(y, bias, more, rows, n, SPN_ACT_GELU);
        break;
    case SPN_ACT_SIGMOID:
        finish_as(y, bias, more, rows, n, SPN_ACT_SIGMOID);
        break;
    case SPN_ACT_HARD_SIGMOID:
        finish_as(y, bias, more, rows, n, SPN_ACT_HARD_SIGMOID);
        break;
    default:
        finish_as(y, bias, more, rows, n, SPN_ACT_NONE);
        break;
    }
}

static void act_part(void *ctx, int64_t begin, int64_t end, int worker)
{
    const struct spn_op_call *c = ctx;
    const float *x = (const float *)c->in[0]->data + begin;
    float *y = (float *)c->out[0]->data + begin;

    (void)worker;
    memcpy(y, x, (size_t)(end - begin) * sizeof *y);
    finish(y, NULL, NULL, 1, end - begin, ((const struct k_act_params *)c->params)->kind);
}

void ROWOP(act)(const struct spn_op_call *c)
{
    spn_pool_run(c->run->pool, spn_tensor_elems(c->out[0]), 8192, act_part, (void *)c);
}

void ROWOP(conv)(const struct spn_op_call *c)
{
    const struct spn_conv *p = &((const struct k_conv_params *)c->params)->conv;

    if (p->groups > 1)
        k_conv_ref_f32(c);
    else
        k_conv_tiles(c, finish);
}

#include "x86/vision_depthwise_impl.h"
#include "x86/vision_maps_impl.h"
#include "x86/vision_attend_impl.h"

/* quant_fit.h - choosing the numbers of a group of weights.  Private to kernels/format.
 *
 * Each tries a few inverse steps around the one that spans the group, rounds the values with it,
 * fits the step anew to the rounded values by least squares, and keeps what errs least. */
#ifndef SPN_QUANT_FIT_H
#define SPN_QUANT_FIT_H
#include <stdint.h>

#include "tensor/half.h"

static inline float k_half_at(const unsigned char *p)
{
    return spn_f32_of_f16(spn_load_u16(p));
}

/* V rounded to an integer, ties to even, within LO..HI. */
int k_nearest(float v, int lo, int hi);
/* The value of largest magnitude, with its sign; the first of several. */
float k_extreme(const float *x, int n);

struct k_line {
    float scale, low; /* x is about scale * q - low; both >= 0 */
};
/* The line through N values (at most 32) for q in 0..TOP; weights mean magnitude + |x|. */
struct k_line k_fit_line(const float *x, int n, int top);
/* The scale of N values (at most 32) for q in -HALF..HALF - 1; weights x^2. */
float k_fit_scale(const float *x, int n, int half);
/* The scale of N values for levels that need not be even: LEVELS[16] ascend. */
float k_fit_levels(const float *x, int n, const int8_t levels[16]);
/* The nearest of 16 ascending levels to V. */
int k_nearest_level(float v, const int8_t levels[16]);

#endif

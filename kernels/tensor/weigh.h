/* weigh.h - numbers of a long row that a sampler draws from (inside the library). */
#ifndef K_WEIGH_H
#define K_WEIGH_H
#include <stdbool.h>
#include <stdint.h>

#define K_WEIGH_PART 64

/* The largest of X[N]; *WRONG: a NaN or +infinity is among them (the result then means nothing). */
float spn_row_highest(const float *x, int64_t n, bool *wrong);
/* W[i] = exp((X[i] - MAX) / TEMPERATURE) for X[i] <= MAX, -infinity among them, with a relative
   error of 1e-6; PART[j] is the sum of W from K_WEIGH_PART j on.  N is at least 1. */
void spn_row_weigh(const float *x, int64_t n, float max, float temperature, float *w, float *part);

/* By instruction set. */
float k_highest_ref(const float *x, int64_t n, bool *wrong);
float k_highest_avx2(const float *x, int64_t n, bool *wrong);
float k_highest_avx512(const float *x, int64_t n, bool *wrong);
void k_weigh_ref(const float *x, int64_t n, float max, float temperature, float *w, float *part);
void k_weigh_avx2(const float *x, int64_t n, float max, float temperature, float *w, float *part);
void k_weigh_avx512(const float *x, int64_t n, float max, float temperature, float *w, float *part);

#endif

/* scratch.c - scratch of the vision ops whose versions share a rule. */
#include "config.h"

#include "vision/conv.h"

#define QUERIES_MAX  64
#define QUERIES_STEP 8
#define SCORE_FLOATS (INT64_C(128) << 10) /* of one block of queries */

int64_t k_attend_block(const struct spn_attend *a, int64_t nk)
{
    int64_t n = SCORE_FLOATS / (a->heads * nk) / QUERIES_STEP * QUERIES_STEP;

    return n < QUERIES_STEP ? QUERIES_STEP : n > QUERIES_MAX ? QUERIES_MAX : n;
}

/* A block of scores a worker; the reference keeps three rows of them. */
size_t k_scratch_attend(const struct spn_op_call *c)
{
    const struct spn_attend *a = c->params;
    int64_t nk = k_places(c->in[1]);
    size_t block = (size_t)(a->heads * nk * k_attend_block(a, nk)) * sizeof(float);
    size_t rows = (size_t)(3 * a->heads * nk) * sizeof(double);

    return block * K_VISION_PARTS > rows ? block * K_VISION_PARTS : rows;
}

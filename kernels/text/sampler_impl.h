/* sampler_impl.h - what the two halves of the sampler share. */
#ifndef SPN_SAMPLER_IMPL_H
#define SPN_SAMPLER_IMPL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "text/sampler.h"

struct candidate {
    float logit;
    int32_t id;
};
struct spn_sampler {
    int n_vocab;
    float *logit;   /* after penalties */
    float *bent;    /* after bias, masks and dry; made when first needed */
    int32_t *count; /* of recent tokens; all zero between calls */
    struct candidate *kept;
    float *weight, *part; /* of what is drawn from, and their sums (spn_row_weigh) */
};

/* The K best of LOGIT[N] into OUT[K], in no order. */
void k_select_best(struct candidate *out, size_t k, const float *logit, size_t n);
/* Cut C[N] and give what is left; MAX: the highest logit of all. */
size_t k_keep_nucleus(struct candidate *c, size_t n, float p, float max);
size_t k_keep_min_p(struct candidate *c, size_t n, float p, float max);
int32_t k_draw_kept(struct spn_sampler *s, size_t n, float temperature, float max,
                    struct spn_rng *rng);

/* sampler_more.c */
spn_status k_sampling_check_more(const struct spn_sampling *o, struct spn_err *err);
/* S->bent becomes LOGITS with their bias, -inf where not ALLOWED (NULL: all are). */
spn_status k_bend(struct spn_sampler *s, const struct spn_sampling *o, const uint64_t *allowed,
                  const float *logits, struct spn_err *err);
/* S->bent becomes LOGIT less what would go on with a repeat. */
spn_status k_dry(struct spn_sampler *s, const struct spn_sampling *o, const bool *breaker,
                 const float *logit, const int32_t *recent, int64_t n_recent, struct spn_err *err);
bool k_needs_more(const struct spn_sampling *o);
int32_t k_pick_more(struct spn_sampler *s, const struct spn_sampling *o, const float *logit,
                    float max, float *mu, struct spn_rng *rng);

#endif

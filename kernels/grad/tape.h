/* tape.h - reverse-mode derivatives as records appended to a plan, and the optimiser. */
#ifndef SPN_TAPE_H
#define SPN_TAPE_H
#include <stdint.h>
#include "tensor/plan.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Append to P the records that compute d LOSS / d v for each of the N values WRT; grad[i] receives
   the value, shaped as v, or -1 when LOSS does not depend on it.  LOSS has one element.  Gradients
   that meet are added in the order in which they are recorded, so a run's bytes are fixed.  Call
   before spn_plan_finish.  SPN_EUSAGE names the op that has no gradient; on failure P is of no more
   use. */
spn_status spn_grad(struct spn_plan *p, spn_val loss, const spn_val *wrt, int n, spn_val *grad,
                    struct spn_err *err);

/* For an op's grad rule, while spn_grad runs: inputs and outputs of a record (-1: absent) and the
   gradients that reach its outputs; a rule appends records and adds what they give to the gradients
   of the inputs.  spn_tape_add ignores an input that needs none. */
spn_val spn_tape_in(struct spn_plan *p, int record, int k);
spn_val spn_tape_out(struct spn_plan *p, int record, int k);
spn_val spn_tape_grad_out(struct spn_plan *p, int record, int k); /* -1: nothing flows back there */
int spn_tape_wants(struct spn_plan *p, int record, int k); /* does input K need a gradient? */
void spn_tape_add(struct spn_plan *p, int record, int k, spn_val grad);
const void *spn_tape_params(struct spn_plan *p, int record);

/* AdamW (Loshchilov and Hutter 2019): decoupled decay, bias correction, on N numbers in place; one
   call a parameter and step.  exp_avg and exp_avg_sq start at 0.  Each number is computed from its
   own four alone, so N may be cut anywhere; the instruction set decides the last bit. */
struct spn_adamw {
    double beta1, beta2, eps, weight_decay;
};
void spn_adamw_step(const struct spn_adamw *o, float lr, int64_t step /* from 1 */, int64_t n,
                    float *param, const float *grad, float *exp_avg, float *exp_avg_sq);

/* Learning rate of a step (from 0) of TOTAL. Warm-up is linear: peak (step + 1) / (warmup + 1);
   cosine to MIN_RATIO; wsd: constant, then linear decay over the last DECAY share of the steps
   (warm-up-stable-decay).  Behind TOTAL it stays at the lowest rate, peak * min_ratio. */
enum spn_schedule { SPN_SCHED_CONSTANT, SPN_SCHED_COSINE, SPN_SCHED_WSD };
struct spn_rate {
    enum spn_schedule kind;
    double peak, min_ratio, decay;
    int64_t warmup, total;
};
double spn_rate_at(const struct spn_rate *r, int64_t step);

#ifdef __cplusplus
}
#endif
#endif

/* lora.h - low-rank adapters beside a model's matrices (inside the library). */
#ifndef LM_LORA_H
#define LM_LORA_H
#include "base/err.h"
#include "lm/model.h"

/* What is added to the product of one matrix: scale * B (A x) (Hu and others 2021). */
struct lm_lora {
    const struct spn_weight *of;
    struct spn_weight a, b; /* [rank, in], [out, rank] */
    float scale;
};

/* Open the N adapters at ADAPTER and put them beside M's weights, packed where M's are. */
spn_status lm_lora_bind(struct spn_lm *m, const struct spn_lm_adapter *adapter, int n,
                        const struct spn_lm_options *o, struct spn_err *err);
void lm_lora_free(struct spn_lm *m);

#endif

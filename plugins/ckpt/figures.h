/* figures.h - what is measured of one tensor: statistics, and where asked percentiles, bins. */
#ifndef CKPT_FIGURES_H
#define CKPT_FIGURES_H
#include "checkpoint.h"
#include "measure/measure.h"

struct figures {
    struct spn_stats s;
    struct spn_spread spread; /* n_percent and bins: what is asked; its arrays are those below */
    double percent[SPN_PERCENTILES_MAX], value[SPN_PERCENTILES_MAX];
    int64_t count[SPN_BINS_MAX];
    bool known; /* false: numbers of this type are not decoded */
};
/* The figures of E, an entry of C, that F asks for: percentiles and bins cost a second reading. */
spn_status figures_of(struct figures *f, const struct ckpt *c, const struct spn_entry *e,
                      const struct spn_measure *how, struct spn_err *err);
/* The same of tensor T, with so many BINS. */
spn_status figures_of_tensor(struct figures *f, int bins, const struct spn_tensor *t,
                             const struct spn_measure *how, struct spn_err *err);

#endif

/* figures.c - one tensor, measured. */
#include "config.h"

#include "figures.h"

#include <math.h>

#include "base/mem.h"

static spn_status measure(struct figures *f, const struct spn_tensor *t,
                          const struct spn_measure *how, struct spn_err *err)
{
    f->known = spn_measurable(t->dtype);
    if (!f->known)
        return SPN_OK;
    f->spread.percent = f->percent;
    f->spread.value = f->value;
    f->spread.count = f->count;
    f->spread.lo = f->spread.hi = NAN;
    if (f->spread.n_percent == 0 && f->spread.bins == 0)
        return spn_stats_run(&f->s, t, how, err);
    return spn_spread_run(&f->s, &f->spread, t, how, err);
}

spn_status figures_of(struct figures *f, const struct ckpt *c, const struct spn_entry *e,
                      const struct spn_measure *how, struct spn_err *err)
{
    struct spn_tensor t;
    void *copy = NULL;
    spn_status st = ckpt_view(&t, &copy, c, e, err);

    f->known = false;
    if (st == SPN_OK)
        st = measure(f, &t, how, err);
    spn_free(copy);
    return st;
}

spn_status figures_of_tensor(struct figures *f, int bins, const struct spn_tensor *t,
                             const struct spn_measure *how, struct spn_err *err)
{
    f->spread.bins = bins;
    return measure(f, t, how, err);
}

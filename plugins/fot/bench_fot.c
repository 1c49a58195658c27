/* bench_fot.c - `spinney bench fot`: the paper's comparison on the Game of 24, and what is claimed
   of it.  Success of CoT-SC is the vote's, "any" of it any sample; ToT counts as solved when any of
   its b answers is right, as its paper counts. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "bench.h"
#include "measure.h"
#include "report.h"

#define BATCH_HANDS 20 /* of the comparison of one batch with one tree after another */

static const struct spn_option options[] = {
    { "hands", SPN_OPT_STRING, .arg = "FILE", .help = "hands: a CSV with a column Puzzles" },
    { "seeds", SPN_OPT_INT, .lo = 1, .hi = 100, .dflt.i = 5, .help = "runs with different seeds" },
    { "limit", SPN_OPT_INT, .lo = 0, .hi = 1e9, .help = "first hands only, 0 all" },
    { 0 }
};

enum row_id {
    GREEDY,
    COT,
    COT_SC,
    TOT1,
    TOT5,
    FOT1,
    FOT2,
    FOT4,
    FOT8,
    FOT16,
    RANDOM_VALUES,
    BEAM2,
    BEAM2_RANDOM,
    RANDOM_PROPOSER,
    FULL,
    NOT_SPARSE,
    NOT_CORRECT,
    ROWS
};

static const struct {
    const char *label, *name, *options;
} rows[ROWS] = {
    [GREEDY] = { "greedy", "cot", "temperature=0" },
    [COT] = { "CoT", "cot", "" },
    [COT_SC] = { "CoT-SC(16)", "cot", "samples=16" },
    [TOT1] = { "ToT b=1", "tot", "beam=1" },
    [TOT5] = { "ToT b=5", "tot", "beam=5" },
    [FOT1] = { "FoT 1", "fot", "trees=1" },
    [FOT2] = { "FoT 2", "fot", "trees=2" },
    [FOT4] = { "FoT 4", "fot", "trees=4" },
    [FOT8] = { "FoT 8", "fot", "trees=8" },
    [FOT16] = { "FoT 16", "fot", "trees=16" },
    [RANDOM_VALUES] = { "FoT 4 random values", "fot", "trees=4,values=random" },
    [BEAM2] = { "FoT 4 beam 2", "fot", "trees=4,beam=2" },
    [BEAM2_RANDOM] = { "  the same, random vals", "fot", "trees=4,beam=2,values=random" },
    [RANDOM_PROPOSER] = { "FoT 4 random proposer", "fot", "trees=4,proposer=random" },
    [FULL] = { "FoT 4 no stop", "fot", "trees=4,stop=none" },
    [NOT_SPARSE] = { "  the same, sparse off", "fot", "trees=4,stop=none,sparse=0" },
    [NOT_CORRECT] = { "FoT 4 correct off", "fot", "trees=4,correct=0" },
};

/* What ToT's paper counts: any of its b answers. */
static const bool *success_of(const struct method *list, enum row_id id)
{
    return id == TOT1 || id == TOT5 ? list[id].any : list[id].right;
}

static double percent(const struct measure *m, const struct method *list, enum row_id id)
{
    return measure_success(m, success_of(list, id)).mean;
}

static double tokens(const struct measure *m, const struct method *what)
{
    return (double)what->tokens_out / ((double)m->questions.n * m->seeds);
}

/* ---- together or one after another ---- */

/* Eight trees without early stop, together and one by one. */
static spn_status compare_batch(struct measure *m, struct method *together, struct method *single,
                                struct spn_err *err)
{
    int seeds = m->seeds;
    size_t n = m->questions.n;
    spn_status st = method_make(together, "8 trees in one batch", "fot", "trees=8,stop=none", err);

    if (st == SPN_OK)
        st =
            method_make(single, "  one after another", "fot", "trees=8,stop=none,in_flight=1", err);
    m->seeds = 1;
    m->questions.n = n < BATCH_HANDS ? n : BATCH_HANDS;
    if (st == SPN_OK)
        st = measure_run(m, together, err);
    if (st == SPN_OK)
        st = report_method(m, together, NULL, err);
    if (st == SPN_OK)
        st = measure_run(m, single, err);
    if (st == SPN_OK)
        st = report_method(m, single, NULL, err);
    m->seeds = seeds;
    if (st == SPN_OK)
        st = report_line(m, err, "(the last two rows: %zu hands, one seed)\n", m->questions.n);
    m->questions.n = n;
    return st;
}

/* ---- claims ---- */

static spn_status claim(struct measure *m, bool holds, int *failed, const char *text,
                        struct spn_err *err)
{
    *failed += !holds;
    return report_claim(m, holds, err, "%s", text);
}

/* A claim: evaluates its figures once, formats them, counts it when it does not hold. */
#define CLAIM(holds, ...)                                                    \
    do {                                                                     \
        spn_buf_trim(&b, 0);                                                 \
        spn_buf_printf(&b, __VA_ARGS__);                                     \
        if (st == SPN_OK)                                                    \
            st = claim(m, holds, failed, b.data != NULL ? b.data : "", err); \
    } while (0)

static spn_status claims(struct measure *m, const struct method *list,
                         const struct method *together, const struct method *single, int *failed,
                         struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(4096);
    double fot[5], tot5 = percent(m, list, TOT5), beam2 = percent(m, list, BEAM2);
    double chance = percent(m, list, BEAM2_RANDOM), full = percent(m, list, FOT4);
    struct mcnemar t =
        measure_mcnemar(list[FOT8].right, list[TOT1].any, m->questions.n * (size_t)m->seeds);
    double worst = 0, ratio = together->seconds / single->seconds;
    double asked = (double)m->questions.n * m->seeds;
    double batch = (double)(m->questions.n < BATCH_HANDS ? m->questions.n : BATCH_HANDS);
    spn_status st = report_line(m, err, "\n");

    for (int i = 0; i < 5; i++)
        fot[i] = percent(m, list, (enum row_id)(FOT1 + i));
    for (int s = 0; s < m->seeds; s++) {
        size_t at = (size_t)s * m->questions.n;
        double p = measure_mcnemar(list[FOT8].right + at, list[TOT1].any + at, m->questions.n).p;

        worst = p > worst ? p : worst;
    }
    CLAIM(fot[3] >= 95, "FoT 8 solves at least 95 %%: %.1f", fot[3]);
    CLAIM(fot[0] < fot[1] && fot[1] < fot[2] && fot[2] < fot[3] && fot[4] >= fot[3],
          "more trees solve more: %.1f < %.1f < %.1f < %.1f <= %.1f", fot[0], fot[1], fot[2],
          fot[3], fot[4]);
    CLAIM(full >= tot5 + 10 && list[FOT4].tokens_out <= list[TOT5].tokens_out,
          "FoT 4 in one batch, 10 points over ToT b=5 (any) at no more tokens: %.1f at %.0f, "
          "%.1f at %.0f",
          full, tokens(m, &list[FOT4]), tot5, tokens(m, &list[TOT5]));
    CLAIM(beam2 >= chance + 15,
          "beam 2: values of the model 15 points over random ones: %.1f, %.1f", beam2, chance);
    CLAIM(worst < 0.05, "FoT 8 against ToT b=1, McNemar p < 0.05: %.2g together, worst seed %.2g",
          t.p, worst);
    CLAIM(list[NOT_SPARSE].calls > list[FULL].calls,
          "sparse activation spares calls: %.1f, off %.1f; solved %.1f, off %.1f",
          (double)list[FULL].calls / asked, (double)list[NOT_SPARSE].calls / asked,
          percent(m, list, FULL), percent(m, list, NOT_SPARSE));
    CLAIM(percent(m, list, NOT_CORRECT) < full, "self-correction mends: solved %.1f, off %.1f",
          full, percent(m, list, NOT_CORRECT));
    CLAIM(ratio <= 0.5, "8 trees in one batch take at most half the time: %.2f of %.2f s a hand",
          together->seconds / batch, single->seconds / batch);
    if (together->pages > 0)
        CLAIM(together->shared > 0,
              "pages of shared prefixes count once: %lld in use at most, %lld of them shared",
              (long long)together->pages, (long long)together->shared);
    spn_buf_free(&b);
    return st;
}

static spn_status run_rows(struct measure *m, struct method *list, struct spn_err *err)
{
    size_t batch = m->questions.n < BATCH_HANDS ? m->questions.n : BATCH_HANDS;
    spn_status st = report_head(m, "ToT b=1 (any)", err);

    m->total = ROWS * m->seeds * (double)m->questions.n + 2 * (double)batch;
    /* ToT b=1 runs first, since every other row is compared with it. */
    if (st == SPN_OK)
        st = method_make(&list[TOT1], rows[TOT1].label, rows[TOT1].name, rows[TOT1].options, err);
    if (st == SPN_OK)
        st = measure_run(m, &list[TOT1], err);
    for (int i = 0; i < ROWS && st == SPN_OK; i++) {
        struct method base = list[TOT1], row;

        if (i != TOT1) {
            st = method_make(&list[i], rows[i].label, rows[i].name, rows[i].options, err);
            if (st == SPN_OK)
                st = measure_run(m, &list[i], err);
        }
        base.right = base.any;
        row = list[i];
        if (i == TOT1 || i == TOT5)
            row.right = row.any;
        if (st == SPN_OK)
            st = report_method(m, &row, i == TOT1 ? NULL : &base, err);
    }
    return st;
}

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct measure m = { .seeds = (int)spn_value_int(v, "seeds"),
                         .seed = (uint64_t)spn_value_int(v, "seed") };
    struct method *list = spn_calloc(ROWS, sizeof *list);
    struct method *batch = spn_calloc(2, sizeof *batch);
    int failed = 0;
    spn_status st;

    if (list == NULL || batch == NULL)
        st = spn_fail(err, SPN_ENOMEM, "bench: no memory for %d rows", (int)ROWS);
    else
        st = measure_open(&m, h, job, spn_value_str(v, "model"), "game24", NULL, err);
    if (st == SPN_OK)
        st = measure_questions(&m, spn_value_str(v, "hands"), (size_t)spn_value_int(v, "limit"),
                               err);
    if (st == SPN_OK)
        st = run_rows(&m, list, err);
    if (st == SPN_OK)
        st = compare_batch(&m, &batch[0], &batch[1], err);
    if (st == SPN_OK)
        st = claims(&m, list, &batch[0], &batch[1], &failed, err);
    if (st == SPN_OK && failed > 0)
        st = spn_fail(err, SPN_ENO, "bench fot: %d of the claims do not hold for this model",
                      failed);
    if (list != NULL)
        methods_free(list, ROWS);
    if (batch != NULL)
        methods_free(batch, 2);
    measure_close(&m);
    return st;
}

const struct spn_bench bench_fot = {
    .summary = "Forest-of-Thought against CoT and ToT on the Game of 24, with its ablations",
    .usage = "bench fot --hands FILE [--seeds N] [-m MODEL]",
    .options = options,
    .run = run,
};

/* bench_words.c - `spinney bench words`: word problems that no training met, ordinary ones and ones
   with larger numbers, answered by every way of reasoning; and what is claimed of them.

   All trees run to their end (stop=none), so that decisions are compared over the same answers. The
   truth is seen by this file alone. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "bench.h"
#include "measure.h"
#include "report.h"

#define SC_MAX 256 /* samples of CoT-SC, at most */

static const struct spn_option options[] = {
    { "sets", SPN_OPT_INT, .lo = 1, .hi = 100, .dflt.i = 3, .help = "held-out sets of each kind" },
    { "each", SPN_OPT_INT, .lo = 1, .hi = 1e6, .dflt.i = 200, .help = "problems of a set" },
    { "first", SPN_OPT_INT, .lo = 0, .hi = 1e9, .dflt.i = 101,
      .help = "seed of the first set, the next ones follow" },
    { "temperature", SPN_OPT_FLOAT, .lo = 0, .hi = 5, .dflt.f = 0.7, .help = "of sampling" },
    { "tie", SPN_OPT_CHOICE, .choices = "choose score", .dflt.s = "choose",
      .help = "what the expert of cged is asked" },
    { "prompts", SPN_OPT_STRING, .arg = "DIR|NAME",
      .help = "set of prompts; default: the model's own, else general" },
    { "seeds", SPN_OPT_INT, .lo = 1, .hi = 100, .dflt.i = 1, .help = "runs with different seeds" },
    { 0 }
};

enum row_id {
    GREEDY,
    REPAIR,
    TOT,
    FOT1,
    FOT2_RANDOM,
    FOT2_SCORE,
    FOT2_VOTE,
    FOT2,
    FOT4_RANDOM,
    FOT4_SCORE,
    FOT4_VOTE,
    FOT4,
    FOT8_RANDOM,
    FOT8_SCORE,
    FOT8_VOTE,
    FOT8,
    PLAIN, /* 4 trees as the model writes them: neither rule nor activation */
    ACTIVE,
    RATED,
    MCTS,
    INDEPENDENT, /* as many answers as one tree of rollouts pays for */
    FOUR,        /* 4 answers, no more */
    SC,          /* CoT-SC at the tokens of FOT4 */
    ROWS
};

#define FOREST "base=cot,stop=none,"
#define BARE   FOREST "correct=0,"

static const struct {
    const char *label, *name, *options;
    bool drawn; /* takes the bench's temperature */
} rows[ROWS] = {
    [GREEDY] = { "greedy", "cot", "temperature=0", false },
    [REPAIR] = { "greedy, rule repair", "cot", "temperature=0,repair=1", false },
    [TOT] = { "ToT", "tot", "beam=3,branch=3,eval=1", true },
    [FOT1] = { "FoT 1", "fot", FOREST "trees=1", true },
    [FOT2_RANDOM] = { "FoT 2 random", "fot", FOREST "trees=2,decide=random", true },
    [FOT2_SCORE] = { "FoT 2 score", "fot", FOREST "trees=2,decide=score", true },
    [FOT2_VOTE] = { "FoT 2 majority", "fot", FOREST "trees=2,decide=vote", true },
    [FOT2] = { "FoT 2 CGED", "fot", FOREST "trees=2,decide=cged", true },
    [FOT4_RANDOM] = { "FoT 4 random", "fot", FOREST "trees=4,decide=random", true },
    [FOT4_SCORE] = { "FoT 4 score", "fot", FOREST "trees=4,decide=score", true },
    [FOT4_VOTE] = { "FoT 4 majority", "fot", FOREST "trees=4,decide=vote", true },
    [FOT4] = { "FoT 4 CGED", "fot", FOREST "trees=4,decide=cged", true },
    [FOT8_RANDOM] = { "FoT 8 random", "fot", FOREST "trees=8,decide=random", true },
    [FOT8_SCORE] = { "FoT 8 score", "fot", FOREST "trees=8,decide=score", true },
    [FOT8_VOTE] = { "FoT 8 majority", "fot", FOREST "trees=8,decide=vote", true },
    [FOT8] = { "FoT 8 CGED", "fot", FOREST "trees=8,decide=cged", true },
    [PLAIN] = { "  4, all trees, no rules", "fot", BARE "trees=4,decide=cged,sparse=0", true },
    [ACTIVE] = { "  4, active, no rules", "fot", BARE "trees=4,decide=cged", true },
    [RATED] = { "  4, rated, no rules", "fot", BARE "trees=4,decide=score,sparse=0", true },
    [MCTS] = { "MCTSr, 4 iterations", "fot", "base=mcts,trees=1,iters=4,stop=none", true },
    [INDEPENDENT] = { "  as many answers", "fot", FOREST "decide=vote", true },
    [FOUR] = { "  4 answers", "fot", FOREST "trees=4,decide=vote", true },
    [SC] = { "CoT-SC, equal tokens", "cot", "", true },
};

enum group { ORDINARY, FAR, GROUPS };
static const char *const group_names[GROUPS] = { "ordinary", "far" };

struct run {
    struct measure m;
    const struct spn_values *v;
    struct method row[GROUPS][ROWS];
};

/* ---- the problems ---- */

/* What is asked and answered in example PARTS: what carries no full weight, and what does. */
static spn_status add_example(struct questions *q, const struct spn_example_part *part, size_t n,
                              struct spn_err *err)
{
    struct spn_buf text[2] = { SPN_BUF_INIT(1 << 20), SPN_BUF_INIT(1 << 20) };
    spn_status st;

    for (size_t i = 0; i < n; i++)
        if (!part[i].special)
            spn_buf_add(&text[part[i].weight >= 1], part[i].text, part[i].length);
    st = text[0].failed || text[1].failed || text[0].length == 0 || text[1].length == 0
             ? spn_fail(err, SPN_EFORMAT, "bench words: a problem without question or answer")
             : questions_add(q, text[0].data, text[1].data, err);
    spn_buf_free(&text[0]);
    spn_buf_free(&text[1]);
    return st;
}

static spn_status read_group(struct run *r, enum group g, struct spn_err *err)
{
    const struct spn_data *data = r->m.registry->find(SPN_POINT_DATA, "words");
    int64_t sets = spn_value_int(r->v, "sets"), each = spn_value_int(r->v, "each");
    struct spn_buf choice = SPN_BUF_INIT(64);
    struct spn_values *values = NULL;
    spn_status st;

    if (data == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "bench words: the plugin words is not there");
    questions_free(&r->m.questions);
    spn_buf_printf(&choice, "set=%s", group_names[g]);
    st = choice.failed ? spn_fail(err, SPN_ENOMEM, "bench words: no memory")
                       : r->m.values->parse(&values, data->options, choice.data, "words", err);
    for (int64_t s = 0; s < sets && st == SPN_OK; s++) {
        struct spn_data_source *source = NULL;

        st = data->open(&source, values, (uint64_t)(spn_value_int(r->v, "first") + s), err);
        for (int64_t i = 0; i < each && st == SPN_OK; i++) {
            const struct spn_example_part *parts = NULL;
            size_t n = 0;

            st = data->example(source, (uint64_t)i, &parts, &n, err);
            if (st == SPN_OK)
                st = add_example(&r->m.questions, parts, n, err);
        }
        if (source != NULL)
            data->close(source);
    }
    if (values != NULL)
        r->m.values->free_(values);
    spn_buf_free(&choice);
    return st;
}

/* ---- rows ---- */

/* How many samples cost what ROW cost, at the price of one of FOT1 or of the bare answers. */
static int64_t samples_for(const struct run *r, enum group g, enum row_id row)
{
    double one = (double)r->row[g][FOUR].tokens_out / 4, all = (double)r->row[g][row].tokens_out;
    double n = one > 0 ? round(all / one) : 1;

    return n < 1 ? 1 : n > SC_MAX ? SC_MAX : (int64_t)n;
}

static spn_status run_row(struct run *r, enum group g, enum row_id id, struct spn_err *err)
{
    struct spn_buf settings = SPN_BUF_INIT(512), label = SPN_BUF_INIT(128);
    struct method *what = &r->row[g][id];
    spn_status st;

    spn_buf_puts(&settings, rows[id].options);
    spn_buf_puts(&label, rows[id].label);
    if (rows[id].drawn)
        spn_buf_printf(&settings, "%stemperature=%.9g", settings.length > 0 ? "," : "",
                       spn_value_float(r->v, "temperature"));
    if (strstr(rows[id].options, "cged") != NULL)
        spn_buf_printf(&settings, ",tie=%s", spn_value_str(r->v, "tie"));
    if (id == SC)
        spn_buf_printf(&settings, ",samples=%lld", (long long)samples_for(r, g, FOT4));
    if (id == INDEPENDENT)
        spn_buf_printf(&settings, ",trees=%lld", (long long)samples_for(r, g, MCTS));
    if (id == SC || id == INDEPENDENT)
        spn_buf_printf(&label, " (%lld)", (long long)samples_for(r, g, id == SC ? FOT4 : MCTS));
    st = settings.failed || label.failed
             ? spn_fail(err, SPN_ENOMEM, "bench words: no memory for a row")
             : method_make(what, label.data, rows[id].name, settings.data, err);
    what->rates = id == RATED;
    if (st == SPN_OK)
        st = measure_run(&r->m, what, err);
    if (st == SPN_OK)
        st = report_method(&r->m, what, id == GREEDY ? NULL : &r->row[g][GREEDY], err);
    spn_buf_free(&settings);
    spn_buf_free(&label);
    return st;
}

static spn_status run_group(struct run *r, enum group g, struct spn_err *err)
{
    /* What others are priced by comes before them, CoT-SC last. */
    static const enum row_id order[ROWS - 1] = {
        GREEDY, REPAIR,      TOT,        FOUR,      FOT1, FOT2_RANDOM, FOT2_SCORE, FOT2_VOTE,
        FOT2,   FOT4_RANDOM, FOT4_SCORE, FOT4_VOTE, FOT4, FOT8_RANDOM, FOT8_SCORE, FOT8_VOTE,
        FOT8,   PLAIN,       ACTIVE,     RATED,     MCTS, INDEPENDENT,
    };
    spn_status st = read_group(r, g, err);

    if (st == SPN_OK)
        st = report_line(&r->m, err, "%s%s problems\n", g > 0 ? "\n" : "", group_names[g]);
    if (st == SPN_OK)
        st = report_head(&r->m, r->row[g][GREEDY].label, err);
    for (int i = 0; i < ROWS - 1 && st == SPN_OK; i++)
        st = run_row(r, g, order[i], err);
    return st == SPN_OK ? run_row(r, g, SC, err) : st;
}

/* ---- claims ---- */

static double percent(const struct run *r, enum group g, enum row_id id)
{
    return measure_success(&r->m, r->row[g][id].right).mean;
}

static struct paired against(const struct run *r, enum group g, enum row_id a, enum row_id b)
{
    return measure_paired(&r->m, r->row[g][a].right, r->row[g][b].right);
}

/* Both groups have as many problems: their mean is that of all. */
static double pooled(const struct run *r, enum row_id id)
{
    return (percent(r, ORDINARY, id) + percent(r, FAR, id)) / 2;
}

/* The ratings of both groups in one list. */
static spn_status pooled_auc(struct run *r, double *auc, struct spn_err *err)
{
    const struct method *a = &r->row[ORDINARY][RATED], *b = &r->row[FAR][RATED];
    struct method all = { .n_rated = a->n_rated + b->n_rated };
    spn_status st = SPN_OK;

    all.rating = spn_calloc(all.n_rated + 1, sizeof *all.rating);
    all.rated_right = spn_calloc(all.n_rated + 1, sizeof *all.rated_right);
    if (all.rating == NULL || all.rated_right == NULL) {
        st = spn_fail(err, SPN_ENOMEM, "bench words: no memory for %zu ratings", all.n_rated);
    } else {
        for (size_t i = 0; i < all.n_rated; i++) {
            const struct method *from = i < a->n_rated ? a : b;
            size_t at = i < a->n_rated ? i : i - a->n_rated;

            all.rating[i] = from->rating[at];
            all.rated_right[i] = from->rated_right[at];
        }
        *auc = measure_auc(&all);
    }
    method_clear(&all);
    return st;
}

static spn_status claims(struct run *r, int *failed, struct spn_err *err)
{
    struct paired far = against(r, FAR, FOT4, GREEDY), sparse = against(r, FAR, ACTIVE, PLAIN);
    struct paired mcts = against(r, FAR, MCTS, INDEPENDENT);
    double greedy = 100 - percent(r, ORDINARY, GREEDY), forest = 100 - percent(r, ORDINARY, FOT4);
    double cged = pooled(r, FOT4), vote = pooled(r, FOT4_VOTE), auc = NAN;
    bool good[5];
    spn_status st = pooled_auc(r, &auc, err);

    good[0] = far.difference >= 10 && far.difference - far.half > 0;
    good[1] = forest <= 0.6 * greedy;
    good[2] = sparse.difference >= 2;
    good[3] = cged >= vote - 0.5;
    good[4] = auc >= 0.6;
    for (int i = 0; i < 5; i++)
        *failed += !good[i];
    if (st == SPN_OK)
        st = report_line(&r->m, err, "\n");
    if (st == SPN_OK)
        st = report_claim(&r->m, good[0], err,
                          "far: FoT 4 CGED is 10 points over greedy: %+.1f +- %.1f", far.difference,
                          far.half);
    if (st == SPN_OK)
        st = report_claim(&r->m, good[1], err,
                          "ordinary: FoT 4 CGED makes at most 60 %% of greedy's errors: %.1f of "
                          "%.1f %%",
                          forest, greedy);
    if (st == SPN_OK)
        st = report_claim(&r->m, good[2], err,
                          "far: sparse activation alone is worth 2 points: %+.1f +- %.1f",
                          sparse.difference, sparse.half);
    if (st == SPN_OK)
        st = report_claim(&r->m, good[3], err,
                          "CGED is at most 0.5 point below the majority, pooled: %.2f, %.2f", cged,
                          vote);
    if (st == SPN_OK)
        st = report_claim(&r->m, good[4], err,
                          "the rating of own answers has an AUC of 0.60, pooled: %.3f over %zu "
                          "(ordinary %.3f, far %.3f)",
                          auc, r->row[ORDINARY][RATED].n_rated + r->row[FAR][RATED].n_rated,
                          measure_auc(&r->row[ORDINARY][RATED]), measure_auc(&r->row[FAR][RATED]));
    /* Printed whoever wins: no claim. */
    if (st == SPN_OK)
        st = report_line(&r->m, err,
                         "     far: a tree of 4 iterations against independent answers at equal "
                         "tokens: %.1f, %.1f (%+.1f +- %.1f); %s\n",
                         percent(r, FAR, MCTS), percent(r, FAR, INDEPENDENT), mcts.difference,
                         mcts.half,
                         mcts.difference > 0   ? "the tree wins"
                         : mcts.difference < 0 ? "independent answers win"
                                               : "neither wins");
    return st;
}

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct run *r = spn_calloc(1, sizeof *r);
    int failed = 0;
    spn_status st;

    if (r == NULL)
        return spn_fail(err, SPN_ENOMEM, "bench words: no memory for %d rows", (int)ROWS);
    r->v = v;
    r->m.seeds = (int)spn_value_int(v, "seeds");
    r->m.seed = (uint64_t)spn_value_int(v, "seed");
    r->m.total = (double)GROUPS * ROWS * r->m.seeds * (double)spn_value_int(v, "sets") *
                 (double)spn_value_int(v, "each");
    st = measure_open(&r->m, h, job, spn_value_str(v, "model"), "math", spn_value_str(v, "prompts"),
                      err);
    for (int g = 0; g < GROUPS && st == SPN_OK; g++)
        st = run_group(r, (enum group)g, err);
    if (st == SPN_OK)
        st = claims(r, &failed, err);
    if (st == SPN_OK && failed > 0)
        st = spn_fail(err, SPN_ENO, "bench words: %d of 5 claims do not hold", failed);
    for (int g = 0; g < GROUPS; g++)
        for (int i = 0; i < ROWS; i++)
            method_clear(&r->row[g][i]);
    measure_close(&r->m);
    spn_free(r);
    return st;
}

const struct spn_bench bench_words = {
    .summary = "word problems, ordinary and with larger numbers, answered every way: what holds",
    .usage = "bench words [--sets N] [--each N] [--seeds N] [--tie choose|score]",
    .options = options,
    .run = run,
};

/* fot.c - reasoner `fot`: Forest-of-Thought; benches `fot` and `reason`. */
#include "config.h"

#include <string.h>

#include "../common/script.h"
#include "base/mem.h"
#include "bench.h"
#include "forest.h"

static const struct spn_option options[] = {
    { "trees", SPN_OPT_INT, .lo = 1, .hi = 1024, .dflt.i = 8, .help = "trees of the forest" },
    { "beam", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 5, .help = "states expanded a level" },
    { "base", SPN_OPT_CHOICE, .choices = "auto cot tot mcts", .dflt.s = "auto",
      .help = "what a tree is: a worked answer, a beam search, rollouts that criticise and refine; "
              "auto: tot where a task has steps, else mcts" },
    { "iters", SPN_OPT_INT, .lo = 0, .hi = 64, .dflt.i = 4,
      .help = "rollouts of a tree of base mcts" },
    { "threshold", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.5,
      .help = "mean token probability below which a worked solution is asked for once more" },
    { "stop", SPN_OPT_CHOICE, .choices = "auto first majority none", .dflt.s = "auto",
      .help = "early stop: at the first solution, when more than half of the trees agree, never; "
              "auto: first where a task has steps, else majority" },
    { "decide", SPN_OPT_CHOICE, .choices = "auto vote score random cged", .dflt.s = "auto",
      .help = "between answers: most trees, most score, chance, or the vote with an expert for "
              "ties; auto: vote where a task has steps, else cged" },
    { "expert", SPN_OPT_STRING, .arg = "NAME|URL",
      .help = "model or engine that breaks ties of cged, default the one that answers" },
    { "tie", SPN_OPT_CHOICE, .choices = "choose score", .dflt.s = "choose",
      .help = "what the expert is asked: which of the tied answers is right, or a score of each" },
    { "augment", SPN_OPT_INT, .lo = 0, .hi = 1, .dflt.i = 1,
      .help = "later trees see a worked example first, where the set of prompts has some" },
    { "official-backup", SPN_OPT_INT, .lo = 0, .hi = 1, .dflt.i = 0,
      .help = "base mcts: 1 backs up one step, as the released code; 0 to the root" },
    { "dummy", SPN_OPT_INT, .lo = 0, .hi = 1, .dflt.i = 1,
      .help = "base mcts: a refusal stands beside the first answer as a second root" },
    { "sparse", SPN_OPT_INT, .lo = 0, .hi = 1, .dflt.i = 1,
      .help = "sparse activation: 0 expands every valid state instead of the beam and lets refuted "
              "answers vote" },
    { "correct", SPN_OPT_INT, .lo = 0, .hi = 1, .dflt.i = 1,
      .help = "self-correction: 0 keeps what the model wrote as it is" },
    { "in-flight", SPN_OPT_INT, .lo = 0, .hi = 1024, .dflt.i = 0,
      .help = "trees that run together, 0 all; the answer does not depend on it" },
    { "eval", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 1, .help = "value calls a state" },
    { "select", SPN_OPT_CHOICE, .choices = "greedy sample", .dflt.s = "greedy",
      .help = "how states are kept: the best, or drawn by value" },
    { "temperature", SPN_OPT_FLOAT, .lo = 0, .hi = 5, .dflt.f = 0.9, .help = "of sampling" },
    { "values", SPN_OPT_CHOICE, .choices = "model random", .dflt.s = "model",
      .help = "who judges states; random is an ablation" },
    { "proposer", SPN_OPT_CHOICE, .choices = "model random", .dflt.s = "model",
      .help = "who proposes steps; random is an ablation" },
    { 0 }
};

static struct reason_tables tables;

/* Place of VALUE among the CHOICES of option NAME, so that the table and the enums are read from
 * one list. */
static int choice(const struct spn_values *v, const char *name)
{
    const struct spn_option *o = spn_option_find(options, name, strlen(name));
    const char *value = spn_value_str(v, name), *at = o->choices;
    size_t n = strlen(value);

    for (int i = 0;; i++) {
        size_t word = strcspn(at, " ");

        if (word == n && strncmp(at, value, n) == 0)
            return i;
        if (at[word] == '\0')
            return 0;
        at += word + 1;
    }
}

static struct fot_options read_options(const struct spn_values *v)
{
    return (struct fot_options){
        .trees = (int)spn_value_int(v, "trees"),
        .beam = (int)spn_value_int(v, "beam"),
        .eval = (int)spn_value_int(v, "eval"),
        .rollouts = (int)spn_value_int(v, "iters"),
        .one_step = spn_value_int(v, "official-backup") != 0,
        .dummy = spn_value_int(v, "dummy") != 0,
        .augment = spn_value_int(v, "augment") != 0,
        .tie_score = choice(v, "tie") == 1,
        .expert = spn_value_str(v, "expert"),
        .in_flight = (int)spn_value_int(v, "in-flight"),
        .base = (enum fot_base)choice(v, "base"),
        .stop = (enum fot_stop)choice(v, "stop"),
        .decide = (enum fot_decide)choice(v, "decide"),
        .threshold = spn_value_float(v, "threshold"),
        .temperature = spn_value_float(v, "temperature"),
        .sparse = spn_value_int(v, "sparse") != 0,
        .correct = spn_value_int(v, "correct") != 0,
        .sample_select = choice(v, "select") == 1,
        .random_values = choice(v, "values") == 1,
        .random_proposer = choice(v, "proposer") == 1,
    };
}

static spn_status run(const struct spn_reason_request *r, struct spn_reason_result *out,
                      struct spn_err *err)
{
    struct fot_options o = read_options(r->options);

    return fot_run(&tables, &o, r, out, err);
}

static void estimate(const struct spn_reason_request *r, int64_t *calls, int64_t *tokens)
{
    struct fot_options o = read_options(r->options);

    fot_estimate(&o, r->task, calls, tokens);
}

static const struct spn_reasoner reasoner = {
    .summary =
        "forest of thoughts: many trees, sparse activation, rules that mend, early stop, a vote",
    .options = options,
    .run = run,
    .estimate = estimate,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
    spn_status st = reason_declare(&tables, host, "fot", &reasoner, err);

    if (st == SPN_OK)
        st = registry->add(host, SPN_POINT_BENCH, "reason", &bench_reason, err);
    if (st == SPN_OK)
        st = registry->add(host, SPN_POINT_BENCH, "words", &bench_words, err);
    return st == SPN_OK ? registry->add(host, SPN_POINT_BENCH, "fot", &bench_fot, err) : st;
}

/* ---- selftest ---- */

static char *silent(void *ctx, const char *prompt, uint64_t key)
{
    return spn_strdup("");
}

/* A forest of random proposals needs no model: with rules it finds 24, the same way however many
 * trees run together. */
static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    static const int in_flight[] = { 1, 3, 0 };
    const struct spn_registry_api *registry = host->query("registry", 1);
    const struct spn_task *task =
        registry != NULL ? registry->find(SPN_POINT_TASK, "game24") : NULL;
    struct reason_script s = { .reply = silent };
    struct reason_tables with_script = { reason_script_api(), tables.thoughts };
    struct fot_options o = { .trees = 64,
                             .beam = 5,
                             .eval = 1,
                             .base = FOT_TOT,
                             .stop = FOT_FIRST,
                             .decide = FOT_VOTE,
                             .sparse = true,
                             .correct = true,
                             .random_values = true,
                             .random_proposer = true };
    struct spn_reason_request r = {
        .question = "4 5 6 10", .task = task, .task_name = "game24", .seed = 1
    };
    struct spn_reason_result out;
    spn_status st = SPN_OK;
    int winner = -1;

    if (task == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "fot: the selftest needs the task game24");
    r.engine = reason_script_open(&s);
    if (r.engine == NULL)
        return spn_fail(err, SPN_ENOMEM, "fot: no memory for the selftest");
    for (size_t i = 0; i < sizeof in_flight / sizeof *in_flight && st == SPN_OK; i++) {
        o.in_flight = in_flight[i];
        st = fot_run(&with_script, &o, &r, &out, err);
        if (st != SPN_OK)
            break;
        if (out.checked != 1)
            st = spn_fail(err, SPN_ENO, "fot: 64 random trees on 4 5 6 10 answer '%s'",
                          out.answer != NULL ? out.answer : "nothing");
        else if (i > 0 && out.winner_tree != winner)
            st = spn_fail(err, SPN_ENO, "fot: tree %d wins with %d in flight, tree %d with one",
                          out.winner_tree + 1, in_flight[i], winner + 1);
        winner = out.winner_tree;
        spn_free(out.answer);
        spn_free(out.text);
    }
    with_script.engine->close(r.engine);
    return st;
}

SPN_PLUGIN(fot) = {
    SPN_PLUGIN_HEAD,
    .name = "fot",
    .summary = "Forest-of-Thought: the flagship reasoner, and the benches that compare reasoners",
    .papers = "fot",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_REASONER) | SPN_HAS(SPN_POINT_BENCH),
    .options = options,
    .declare = declare,
    .selftest = selftest,
};

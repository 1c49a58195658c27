/* tot.c - reasoner `tot`: Tree of Thoughts, breadth first. */
#include "config.h"

#include <string.h>

#include "../common/script.h"
#include "base/mem.h"
#include "search.h"

static const struct spn_option options[] = {
    { "beam", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 5, .help = "states kept a level" },
    { "eval", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 3, .help = "value calls a state" },
    { "select", SPN_OPT_CHOICE, .choices = "greedy sample", .dflt.s = "greedy",
      .help = "how states are kept: the best, or drawn by value" },
    { "temperature", SPN_OPT_FLOAT, .lo = 0, .hi = 5, .dflt.f = 0.7, .help = "of sampling" },
    { "algorithm", SPN_OPT_CHOICE, .choices = "bfs dfs", .dflt.s = "bfs",
      .help = "tasks without steps: lines of an answer breadth first, or depth first" },
    { "branch", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 3,
      .help = "tasks without steps: next lines drawn of a state" },
    { "depth", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 12,
      .help = "tasks without steps: most lines of an answer" },
    { "threshold", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.1,
      .help = "dfs: states of no more value are left" },
    { "gate", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.9,
      .help = "dfs: a finished answer of this value ends the search" },
    { 0 }
};

static struct reason_tables tables;

static struct tot_options read_options(const struct spn_values *v)
{
    return (struct tot_options){
        .beam = (int)spn_value_int(v, "beam"),
        .eval = (int)spn_value_int(v, "eval"),
        .sample_select = strcmp(spn_value_str(v, "select"), "sample") == 0,
        .temperature = spn_value_float(v, "temperature"),
        .depth_first = strcmp(spn_value_str(v, "algorithm"), "dfs") == 0,
        .branch = (int)spn_value_int(v, "branch"),
        .depth = (int)spn_value_int(v, "depth"),
        .threshold = spn_value_float(v, "threshold"),
        .gate = spn_value_float(v, "gate"),
    };
}

static spn_status run(const struct spn_reason_request *r, struct spn_reason_result *out,
                      struct spn_err *err)
{
    struct tot_options o = read_options(r->options);

    return tot_run(&tables, &o, r, out, err);
}

static void estimate(const struct spn_reason_request *r, int64_t *calls, int64_t *tokens)
{
    struct tot_options o = read_options(r->options);
    int64_t levels = r->task != NULL && r->task->levels > 0 ? r->task->levels : 1;

    /* About eight new states come of a level's first reply, five of each later one. */
    *calls = 1 + 8 * (int64_t)o.eval + (levels - 1) * (int64_t)o.beam * (1 + 5 * (int64_t)o.eval);
    *tokens =
        120 + 240 * (int64_t)o.eval + (levels - 1) * (int64_t)o.beam * (70 + 100 * (int64_t)o.eval);
}

static const struct spn_reasoner reasoner = {
    .summary = "tree of thoughts: propose, judge and keep the best, level by level",
    .options = options,
    .run = run,
    .estimate = estimate,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    return reason_declare(&tables, host, "tot", &reasoner, err);
}

/* ---- selftest: a script that knows one hand ---- */

static char *script(void *ctx, const char *prompt, uint64_t key)
{
    const struct spn_task *task = ctx;
    static const struct {
        const char *state;
        int level;
        const char *reply;
    } known[] = {
        { "4 5 6 10", 1, "4 + 5 = 9 (left: 6 9 10)\n10 - 4 = 6 (left: 5 6 6)\n" },
        { "5 6 6", 2, "5 * 6 = 30 (left: 6 30)\n" },
        { "5 6 6", 0, "5 * 6 = 30, 30 - 6 = 24\nsure" },
        { "6 30", 0, "30 - 6 = 24\nsure" },
    };

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char *asked = known[i].level > 0 ? task->propose_prompt(known[i].state, known[i].level)
                                         : task->value_prompt(known[i].state);
        bool same = asked != NULL && strcmp(asked, prompt) == 0;

        spn_free(asked);
        if (same)
            return spn_strdup(known[i].reply);
    }
    return spn_strdup("impossible");
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
    const struct spn_task *task =
        registry != NULL ? registry->find(SPN_POINT_TASK, "game24") : NULL;
    struct reason_script s = { .reply = script, .ctx = (void *)task };
    struct reason_tables with_script = { reason_script_api(), tables.thoughts };
    struct tot_options o = { .beam = 1, .eval = 3, .temperature = 0.7 };
    struct spn_reason_request r = { .question = "4 5 6 10", .task = task, .task_name = "game24" };
    struct spn_reason_result out;
    spn_status st;

    if (task == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "tot: the selftest needs the task game24");
    r.engine = reason_script_open(&s);
    if (r.engine == NULL)
        return spn_fail(err, SPN_ENOMEM, "tot: no memory for the selftest");
    st = tot_run(&with_script, &o, &r, &out, err);
    if (st == SPN_OK && out.checked != 1)
        st = spn_fail(err, SPN_ENO, "tot: a tree that was told the way to 24 answers '%s'",
                      out.answer != NULL ? out.answer : "nothing");
    spn_free(out.answer);
    spn_free(out.text);
    with_script.engine->close(r.engine);
    return st;
}

SPN_PLUGIN(tot) = {
    SPN_PLUGIN_HEAD,
    .name = "tot",
    .summary = "Tree of Thoughts, the baseline of the forest",
    .papers = "tot",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_REASONER),
    .options = options,
    .declare = declare,
    .selftest = selftest,
};

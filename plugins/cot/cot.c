/* cot.c - reasoner `cot`: a worked solution, or a vote over several. */
#include "config.h"

#include "../common/script.h"
#include "base/mem.h"
#include "samples.h"

static const struct spn_option options[] = {
    { "samples", SPN_OPT_INT, .lo = 1, .hi = 1024, .dflt.i = 1,
      .help = "worked solutions; the most frequent answer wins" },
    { "temperature", SPN_OPT_FLOAT, .lo = 0, .hi = 5, .dflt.f = 0.7,
      .help = "of sampling; 0 is greedy" },
    { "repair", SPN_OPT_INT, .lo = 0, .hi = 1, .dflt.i = 0,
      .help = "1: false results of worked lines are put right by rule, the rest decoded anew" },
    { 0 }
};

static struct reason_tables tables;

static struct cot_options read_options(const struct spn_values *v)
{
    return (struct cot_options){ (int)spn_value_int(v, "samples"),
                                 spn_value_float(v, "temperature"),
                                 spn_value_int(v, "repair") != 0 };
}

static spn_status run(const struct spn_reason_request *r, struct spn_reason_result *out,
                      struct spn_err *err)
{
    struct cot_options o = read_options(r->options);

    return cot_run(&tables, &o, r, out, err);
}

static void estimate(const struct spn_reason_request *r, int64_t *calls, int64_t *tokens)
{
    struct cot_options o = read_options(r->options);

    *calls = o.samples;
    *tokens = 200 * (int64_t)o.samples;
}

static const struct spn_reasoner reasoner = {
    .summary = "chain of thought: think in steps, then answer; several samples vote",
    .options = options,
    .run = run,
    .estimate = estimate,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    return reason_declare(&tables, host, "cot", &reasoner, err);
}

/* ---- selftest: two of three samples agree ---- */

static char *script(void *ctx, const char *prompt, uint64_t key)
{
    return spn_strdup(++*(int *)ctx == 1 ? "Answer: 4 + 5 + 6 + 10 = 24"
                                         : "10 - 4 = 6\nAnswer: (10 - 4) * 5 - 6 = 24");
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
    const struct spn_task *task =
        registry != NULL ? registry->find(SPN_POINT_TASK, "game24") : NULL;
    int asked = 0;
    struct reason_script s = { .reply = script, .ctx = &asked };
    struct reason_tables with_script = { reason_script_api(), tables.thoughts };
    struct cot_options o = { .samples = 3, .temperature = 0.7 };
    struct spn_reason_request r = { .question = "4 5 6 10", .task = task, .task_name = "game24" };
    struct spn_reason_result out;
    spn_status st;

    if (task == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "cot: the selftest needs the task game24");
    r.engine = reason_script_open(&s);
    if (r.engine == NULL)
        return spn_fail(err, SPN_ENOMEM, "cot: no memory for the selftest");
    st = cot_run(&with_script, &o, &r, &out, err);
    if (st == SPN_OK && out.checked != 1)
        st = spn_fail(err, SPN_ENO, "cot: three samples, two of them right, answer '%s'",
                      out.answer != NULL ? out.answer : "nothing");
    spn_free(out.answer);
    spn_free(out.text);
    with_script.engine->close(r.engine);
    return st;
}

SPN_PLUGIN(cot) = {
    SPN_PLUGIN_HEAD,
    .name = "cot",
    .summary = "chain of thought with self-consistency, the simplest reasoner",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_REASONER),
    .options = options,
    .declare = declare,
    .selftest = selftest,
};

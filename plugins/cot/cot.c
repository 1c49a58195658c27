/* cot.c - reasoner `cot`: a worked solution, or a vote over several. */
#include "config.h"

#include "samples.h"

static const struct spn_option options[] = {
    { "samples", SPN_OPT_INT, .lo = 1, .hi = 1024, .dflt.i = 1,
      .help = "worked solutions; the most frequent answer wins" },
    { "temperature", SPN_OPT_FLOAT, .lo = 0, .hi = 5, .dflt.f = 0.7,
      .help = "of sampling; 0 is greedy" },
    { 0 }
};

static struct reason_tables tables;

static struct cot_options read_options(const struct spn_values *v)
{
    return (struct cot_options){ (int)spn_value_int(v, "samples"),
                                 spn_value_float(v, "temperature") };
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

SPN_PLUGIN(cot) = {
    SPN_PLUGIN_HEAD,
    .name = "cot",
    .summary = "chain of thought with self-consistency, the simplest reasoner",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_REASONER),
    .options = options,
    .declare = declare,
};

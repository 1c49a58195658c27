/* rewoo.c - reasoners `rewoo` and `react`. */
#include "config.h"

#include "plan.h"
#include "rewoo.h"

static const char tools_help[] =
    "tools with their options, + between: calculator+search:root=docs+llm; default all";
static const char prompts_help[] = "set of prompts, default general";
static const char evidence_help[] = "bytes of a tool's result that the model is shown";
static const char heat_help[] = "of sampling; 0 is greedy";

static const struct spn_option rewoo_table[] = {
    { "tools", SPN_OPT_STRING, .arg = "LIST", .help = tools_help },
    { "prompts", SPN_OPT_STRING, .arg = "DIR|NAME", .help = prompts_help },
    { "evidence", SPN_OPT_INT, .lo = 100, .hi = 1e7, .dflt.i = 4000, .help = evidence_help },
    { "temperature", SPN_OPT_FLOAT, .lo = 0, .hi = 5, .dflt.f = 0.5, .help = heat_help },
    { 0 }
};
static const struct spn_option react_table[] = {
    { "tools", SPN_OPT_STRING, .arg = "LIST", .help = tools_help },
    { "prompts", SPN_OPT_STRING, .arg = "DIR|NAME", .help = prompts_help },
    { "evidence", SPN_OPT_INT, .lo = 100, .hi = 1e7, .dflt.i = 4000, .help = evidence_help },
    { "temperature", SPN_OPT_FLOAT, .lo = 0, .hi = 5, .dflt.f = 0.5, .help = heat_help },
    { "steps", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 8, .help = "turns at most" },
    { 0 }
};

static struct reason_tables tables;
static const struct spn_registry_api *registry;
static const struct spn_values_api *values;
static const struct spn_prompts_api *prompts;

typedef spn_status (*run_fn)(const struct reason_tables *, const struct rewoo_options *,
                             const struct spn_reason_request *, struct spn_reason_result *,
                             struct rewoo_cost *, struct spn_err *);

static spn_status run_either(run_fn run, const struct spn_reason_request *r, int steps,
                             struct spn_reason_result *out, struct spn_err *err)
{
    struct rewoo_tools tools = { .n = 0 };
    struct spn_prompts *words = NULL;
    struct rewoo_options o = { .tools = &tools,
                               .evidence_max = (int)spn_value_int(r->options, "evidence"),
                               .steps_max = steps,
                               .temperature = spn_value_float(r->options, "temperature") };
    spn_status st = prompts->open(&words, spn_value_str(r->options, "prompts"), "rewoo", err);

    if (st == SPN_OK && words == NULL)
        st = spn_fail(err, SPN_ENOTFOUND, "rewoo: no set has a file rewoo.prompts");
    if (st == SPN_OK)
        st = rewoo_tools_open(&tools, registry, values, spn_value_str(r->options, "tools"), err);
    o.prompts = words;
    if (st == SPN_OK)
        st = run(&tables, &o, r, out, NULL, err);
    rewoo_tools_close(&tools);
    spn_prompts_free(words);
    return st;
}

static spn_status run_rewoo(const struct spn_reason_request *r, struct spn_reason_result *out,
                            struct spn_err *err)
{
    return run_either(rewoo_run, r, 0, out, err);
}

static spn_status run_react(const struct spn_reason_request *r, struct spn_reason_result *out,
                            struct spn_err *err)
{
    return run_either(react_run, r, (int)spn_value_int(r->options, "steps"), out, err);
}

static void estimate_rewoo(const struct spn_reason_request *r, int64_t *calls, int64_t *tokens)
{
    (void)r;
    *calls = 4;
    *tokens = 600;
}

static void estimate_react(const struct spn_reason_request *r, int64_t *calls, int64_t *tokens)
{
    *calls = spn_value_int(r->options, "steps");
    *tokens = 100 * *calls;
}

static const struct spn_reasoner rewoo = {
    .summary = "plan all calls of tools in advance, carry them out, answer from what they gave",
    .options = rewoo_table,
    .run = run_rewoo,
    .estimate = estimate_rewoo,
};
static const struct spn_reasoner react = {
    .summary = "think, call a tool, look, and again: the baseline of rewoo",
    .options = react_table,
    .run = run_react,
    .estimate = estimate_react,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    spn_status st = reason_declare(&tables, host, "rewoo", &rewoo, err);

    registry = host->query("registry", 1);
    values = host->query("values", 1);
    prompts = host->query("prompts", 1);
    if (st == SPN_OK && (values == NULL || prompts == NULL))
        return spn_fail(err, SPN_ENOTFOUND, "rewoo: this host lacks a table it needs");
    return st == SPN_OK ? registry->add(host, SPN_POINT_REASONER, "react", &react, err) : st;
}

/* The paper's example of what both cost. */
static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    static const int forty[] = { 40, 40, 40, 40 }, seen[] = { 300, 300, 300, 300 },
                     plan[] = { 30, 30, 30, 30 };
    const struct plan_lengths l = { .question = 20, .context = 200, .shots = 600, .solver = 80 };
    long long a = plan_cost_react(&l, 4, forty, seen), b = plan_cost_rewoo(&l, 4, plan, seen);

    (void)host;
    return a == 5320 && b == 2240
               ? SPN_OK
               : spn_fail(err, SPN_ENO, "rewoo: %lld and %lld input tokens, not 5320 and 2240", a,
                          b);
}

SPN_PLUGIN(rewoo) = {
    SPN_PLUGIN_HEAD,
    .name = "rewoo",
    .summary = "ReWOO: a plan with tools, decoupled from what they observe; and ReAct beside it",
    .papers = "rewoo",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_REASONER),
    .options = rewoo_table,
    .declare = declare,
    .selftest = selftest,
};

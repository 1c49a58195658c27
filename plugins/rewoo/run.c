/* run.c - plan, work, solve. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "../common/tree.h"
#include "base/mem.h"
#include "plan.h"
#include "rewoo.h"

#define TEXT_MAX ((size_t)16 << 20)

struct job {
    struct reason_ground ground;
    struct reason_tree_options unused;
    const struct rewoo_options *o;
    const struct spn_reason_request *r;
    struct plan plan;
    struct rewoo_cost cost;
    int64_t root;
};

/* SECTION of the prompts filled in; SPN_EUSAGE: there is none. */
static spn_status words(const struct job *j, const char *section, const struct spn_place *places,
                        size_t n, char **out, struct spn_err *err)
{
    const char *body = spn_prompts_get(j->o->prompts, section);
    struct spn_buf b = SPN_BUF_INIT(TEXT_MAX);

    if (body == NULL)
        return spn_fail(err, SPN_EUSAGE, "rewoo: the set of prompts has no section [%s]", section);
    if (spn_prompts_fill(&b, body, places, n) != SPN_OK) {
        spn_buf_free(&b);
        return spn_fail(err, SPN_ENOMEM, "rewoo: no memory for the words of [%s]", section);
    }
    *out = spn_buf_steal(&b);
    return SPN_OK;
}

static int64_t note(struct job *j, const char *kind, const char *text, int64_t parent,
                    const struct reason_reply *reply, const char *why)
{
    struct spn_node n = { .parent = parent,
                          .level = parent == j->root ? 1 : 2,
                          .kind = kind,
                          .text = text,
                          .score = NAN,
                          .state = why != NULL ? SPN_NODE_CUT : SPN_NODE_ENDED,
                          .why = why };

    if (reply != NULL) {
        n.tokens_in = reply->tokens_in;
        n.tokens_out = reply->tokens_out;
        n.seconds = reply->seconds;
    }
    return reason_node_add(&j->ground, &n);
}

/* ---- the planner ---- */

static spn_status make_plan(struct job *j, bool *over, struct spn_err *err)
{
    const char *shots = spn_prompts_get(j->o->prompts, "shots");
    char *tools = rewoo_describe(j->o->tools), *prompt = NULL, *text = NULL;
    const struct spn_place places[] = { { "question", j->r->question },
                                        { "tools", tools },
                                        { "shots", shots != NULL ? shots : "" } };
    struct reason_reply reply;
    spn_status st = tools != NULL ? words(j, "planner", places, 3, &prompt, err)
                                  : spn_fail(err, SPN_ENOMEM, "rewoo: no memory for the tools");

    if (st == SPN_OK)
        st = rewoo_ask(&j->ground.calls, prompt,
                       "\nEvidence:", reason_key(spn_key_seed(j->r->seed), "plan", 0), &reply,
                       &text, err);
    *over = text == NULL;
    if (st == SPN_OK && text != NULL) {
        j->cost.calls_model++;
        j->cost.planner = reply.tokens_in;
        note(j, "plan", text, j->root, &reply, NULL);
        st = plan_parse(&j->plan, text, err);
    }
    spn_free(tools);
    spn_free(prompt);
    spn_free(text);
    return st;
}

/* ---- the workers ---- */

static spn_status set_evidence(struct job *j, size_t i, char *evidence_take, const char *input,
                               const struct reason_reply *reply, const char *why,
                               struct spn_err *err)
{
    struct plan_call *c = &j->plan.call[i];
    struct spn_buf b = SPN_BUF_INIT(TEXT_MAX);

    c->evidence = evidence_take;
    if (evidence_take == NULL)
        return spn_fail(err, SPN_ENOMEM, "rewoo: no memory for evidence");
    spn_buf_printf(&b, "#E%d = %s%s%s%s", c->number, c->tool != NULL ? c->tool : "",
                   c->tool != NULL ? "[" : "", input, c->tool != NULL ? "]" : "");
    if (!b.failed)
        note(j, "evidence", evidence_take, note(j, "call", b.data, j->root, NULL, NULL), reply,
             why);
    spn_buf_free(&b);
    j->cost.failed += why != NULL;
    return SPN_OK;
}

/* A call of a tool that answers at once, or a literal. */
static spn_status work(struct job *j, size_t i, const char *input, struct spn_err *err)
{
    struct plan_call *c = &j->plan.call[i];
    char *why = NULL, *evidence;
    spn_status st;

    if (c->tool == NULL)
        return set_evidence(j, i, spn_strdup(c->input), c->input, NULL, NULL, err);
    j->cost.calls_tool++;
    evidence = rewoo_call(j->o, c->tool, input, &why);
    st = set_evidence(j, i, evidence, input, NULL, why, err);
    spn_free(why);
    return st;
}

static bool is_llm(const struct job *j, const struct plan_call *c)
{
    const struct rewoo_tool *x = c->tool != NULL ? rewoo_find(j->o->tools, c->tool) : NULL;

    return x != NULL && x->tool == NULL;
}

static spn_status ask_llm(struct job *j, size_t i, const char *input, struct spn_err *err)
{
    const struct spn_place place = { "input", input };
    struct reason_ask a = { .owner = j,
                            .kind = REASON_TOOL,
                            .index = (int64_t)i,
                            .max_tokens = 256,
                            .key = reason_key(spn_key_seed(j->r->seed), "llm",
                                              j->plan.call[i].number) };
    char *prompt = NULL;
    spn_status st = words(j, "llm", &place, 1, &prompt, err);

    a.prompt = prompt;
    if (st == SPN_OK)
        st = reason_ask(&j->ground.calls, &a, err);
    spn_free(prompt);
    j->cost.calls_model += st == SPN_OK;
    return st;
}

/* All calls of LEVEL: those of the model go out together. */
static spn_status work_level(struct job *j, int level, struct spn_err *err)
{
    struct reason_reply reply;
    spn_status st = SPN_OK;

    for (size_t i = 0; i < j->plan.n_calls && st == SPN_OK; i++) {
        char *input;

        if (j->plan.call[i].level != level)
            continue;
        input = plan_input(&j->plan, i);
        if (input == NULL)
            st = spn_fail(err, SPN_ENOMEM, "rewoo: no memory for an input");
        else
            st = is_llm(j, &j->plan.call[i]) ? ask_llm(j, i, input, err) : work(j, i, input, err);
        spn_free(input);
    }
    while (st == SPN_OK && (st = reason_next(&j->ground.calls, &reply, err)) == SPN_OK) {
        size_t i = (size_t)reply.call.index;

        j->cost.workers += reply.tokens_in;
        st = set_evidence(j, i, spn_strdup(reply.text), j->plan.call[i].input, &reply, NULL, err);
    }
    return st == SPN_ENOTFOUND ? SPN_OK : st;
}

static spn_status work_all(struct job *j, struct spn_err *err)
{
    int deepest = 0;
    spn_status st = SPN_OK;

    for (size_t i = 0; i < j->plan.n_calls; i++)
        deepest = j->plan.call[i].level > deepest ? j->plan.call[i].level : deepest;
    for (int level = 0; level <= deepest && st == SPN_OK && reason_open(&j->ground.calls); level++)
        st = work_level(j, level, err);
    return st;
}

/* ---- the solver ---- */

/* Each plan and what was found for it. */
static char *log_text(const struct plan *p)
{
    struct spn_buf b = SPN_BUF_INIT(TEXT_MAX);

    for (size_t i = 0; i < p->n_steps; i++) {
        const char *evidence = plan_evidence(p, i);

        spn_buf_printf(&b, "%s%s\nEvidence:\n%s", i > 0 ? "\n" : "", p->step[i],
                       evidence != NULL ? evidence : REWOO_NOTHING);
    }
    spn_buf_puts(&b, "");
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

static spn_status solve(struct job *j, struct spn_reason_result *out, struct spn_err *err)
{
    char *log = log_text(&j->plan), *prompt = NULL, *text = NULL;
    const struct spn_place places[] = { { "question", j->r->question }, { "log", log } };
    struct reason_reply reply;
    spn_status st = log != NULL ? words(j, "solver", places, 2, &prompt, err)
                                : spn_fail(err, SPN_ENOMEM, "rewoo: no memory for the evidence");

    if (st == SPN_OK)
        st = rewoo_ask(&j->ground.calls, prompt, NULL,
                       reason_key(spn_key_seed(j->r->seed), "solve", 0), &reply, &text, err);
    if (st == SPN_OK && text != NULL) {
        j->cost.calls_model++;
        j->cost.solver = reply.tokens_in;
        st = rewoo_answer(j->r, text, out, err);
        out->winner = note(j, out->answer != NULL ? "answer" : "reply",
                           out->answer != NULL ? out->answer : text, j->root, &reply, NULL);
    }
    spn_free(log);
    spn_free(prompt);
    spn_free(text);
    return st;
}

/* What the same steps would have cost ReAct, by the paper's formula, from the lengths met here: a
   plan's line stands for its thought and action. */
static void estimate_react(struct job *j)
{
    const struct spn_engine_api *api = j->ground.tables->engine;
    int thought[64], seen[64], k = 0;
    struct plan_lengths l = { 0 };

    for (size_t i = 0; i < j->plan.n_steps && k < 64; i++, k++) {
        const char *evidence = plan_evidence(&j->plan, i);

        thought[k] = (int)api->count_tokens(j->r->engine, j->plan.step[i]);
        seen[k] = (int)api->count_tokens(j->r->engine, evidence != NULL ? evidence : REWOO_NOTHING);
    }
    /* The planner's prompt is question, context and shots, and each step of ReAct sends all of it.
     */
    l.context = (int)j->cost.planner;
    j->cost.react_estimate = plan_cost_react(&l, k > 0 ? k : 1, thought, seen);
}

static void report(const struct job *j)
{
    struct spn_buf b = SPN_BUF_INIT(512);

    if (j->r->thoughts == NULL)
        return;
    spn_buf_printf(&b,
                   "input tokens: planner %lld, workers %lld, solver %lld; ReAct would take about "
                   "%lld; %lld calls of tools, %lld failed",
                   (long long)j->cost.planner, (long long)j->cost.workers,
                   (long long)j->cost.solver, (long long)j->cost.react_estimate,
                   (long long)j->cost.calls_tool, (long long)j->cost.failed);
    if (!b.failed)
        j->ground.tables->thoughts->event(j->r->thoughts, "tokens", b.data);
    spn_buf_free(&b);
}

spn_status rewoo_run(const struct reason_tables *tables, const struct rewoo_options *o,
                     const struct spn_reason_request *r, struct spn_reason_result *out,
                     struct rewoo_cost *cost, struct spn_err *err)
{
    struct job j = { .o = o, .r = r };
    bool over = false;
    spn_status st;

    *out = (struct spn_reason_result){
        .checked = -1, .winner = -1, .winner_tree = 0, .ended = "exhausted", .trees_run = 1
    };
    reason_ground_init(&j.ground, tables, r, &j.unused, 1, o->temperature);
    j.root = reason_node_input(&j.ground, 0, r->question);
    st = make_plan(&j, &over, err);
    if (st == SPN_OK && !over)
        st = work_all(&j, err);
    if (st == SPN_OK && !over)
        st = solve(&j, out, err);
    if (st == SPN_OK) {
        estimate_react(&j);
        report(&j);
        out->ended = j.ground.calls.ended != NULL ? j.ground.calls.ended
                     : out->answer != NULL        ? "answer"
                                                  : "exhausted";
    }
    reason_node_state(&j.ground, j.root, SPN_NODE_ENDED, out->ended);
    reason_calls_end(&j.ground.calls);
    reason_calls_totals(&j.ground.calls, out);
    plan_free(&j.plan);
    reason_ground_free(&j.ground);
    if (cost != NULL)
        *cost = j.cost;
    if (st != SPN_OK) {
        spn_free(out->answer);
        spn_free(out->text);
        out->answer = out->text = NULL;
    }
    return st;
}

/* test_rewoo.c - plans against a reference table, the paper's account of tokens, tools that fail.
 */
#include "config.h"

#include "../common/fakehost.h"
#include "base/mem.h"
#include "plan.h"
#include "rewoo.h"
#include "tests/tap.h"

/* ---- plans ---- */

static void test_plans(void)
{
    static const struct {
        const char *text, *what; /* "steps calls: number tool|input level, …" */
    } cases[] = {
        { "Plan: a\n#E1 = find[x y]\nPlan: b\n#E2 = calc[#E1 + 1]\n",
          "2: 1 find|x y 0, 2 calc|#E1 + 1 1" },
        { "Plan: a\n#E1 = calc[#E2]\n#E2 = calc[1]\n", "1: 1 calc|#E2 0, 2 calc|1 0" },
        { "#E10 = f[1]\n#E1 = g[#E10]\n", "0: 10 f|1 0, 1 g|#E10 1" },
        { "#E1 = f[g[1]]", "0: 1 f|g[1] 0" },
        { "#E1 = f[a = b]", "0: 1 f|a = b 0" },
        { "Plan: nothing to call\n", "1:" },
        { "#E1 = 42\n", "0: 1 |42 0" },
        { "#E1 f[1]\n#Ex = f[1]\n#E = f[2]\n# E1 = f[3]", "0:" },
        { "#E1 = f[1]\n#E1 = h[2]\n", "0: 1 h|2 0" },
        { "Plan: a\n#E1 = f[1]\nQuestion: another\n#E2 = f[2]\n", "1: 1 f|1 0" },
        { "#E1 = f[unclosed", "0: 1 f|unclosed 0" },
        { "#E1 = f[]", "0: 1 f| 0" },
        { "", "0:" },
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spn_buf b = SPN_BUF_INIT(4096);
        struct plan p;

        plan_parse(&p, cases[i].text, NULL);
        spn_buf_printf(&b, "%zu:", p.n_steps);
        for (size_t k = 0; k < p.n_calls; k++)
            spn_buf_printf(&b, "%s %d %s|%s %d", k > 0 ? "," : "", p.call[k].number,
                           p.call[k].tool != NULL ? p.call[k].tool : "", p.call[k].input,
                           p.call[k].level);
        ok_str(b.data, cases[i].what, cases[i].what);
        spn_buf_free(&b);
        plan_free(&p);
    }
}

static void test_inputs(void)
{
    struct plan p;
    char *input;

    plan_parse(&p, "#E1 = f[1]\n#E2 = f[2]\n#E12 = g[#E1 #E12 #E2 #E1#E3]\n", NULL);
    p.call[0].evidence = spn_strdup("one #E2");
    p.call[1].evidence = spn_strdup("two");
    input = plan_input(&p, 2);
    ok_str(input, "[one #E2] #E12 [two] [one #E2]#E3",
           "whole variables of earlier calls, filled in once");
    ok_str(plan_evidence(&p, 1), "two", "evidence by number");
    ok(plan_evidence(&p, 2) == NULL, "a step without its call has none");
    spn_free(input);
    plan_free(&p);
}

/* ---- runs ---- */

static spn_status count_words(const struct spn_values *options, const char *input,
                              struct spn_buf *out, struct spn_err *err)
{
    int n = 300;

    /* "Observation:" and "Evidence:" are words of what is observed. */
    for (int i = 1; i < n; i++)
        spn_buf_printf(out, "%so", i > 1 ? " " : "");
    return SPN_OK;
}
static spn_status always_fails(const struct spn_values *options, const char *input,
                               struct spn_buf *out, struct spn_err *err)
{
    return spn_fail(err, SPN_EIO, "the tool is broken");
}
static const struct spn_tool find = { .describes = "a word", .call = count_words },
                             broken = { .describes = "a word", .call = always_fails };

static void put_words(struct spn_buf *b, int n)
{
    for (int i = 0; i < n; i++)
        spn_buf_puts(b, i > 0 ? " w" : "w");
}

/* Prompts of exact lengths: 200 words of context (the tool's description of 3 in it), 600 of shots,
   80 for the solver; the question has 20. */
static struct spn_prompts *make_prompts(void)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    struct spn_prompts *p = NULL;

    spn_buf_puts(&b, "[planner]\nplanner {tools} {shots} {question} ");
    put_words(&b, 196);
    spn_buf_puts(&b, "\n[shots]\n");
    put_words(&b, 600);
    spn_buf_puts(&b, "\n[solver]\nsolver {log} {question} ");
    put_words(&b, 79);
    spn_buf_puts(&b, "\n[llm]\nllm {input}\n[react]\nreact {tools} {shots} {question} ");
    put_words(&b, 196);
    spn_buf_puts(&b, "\n{log}\n");
    spn_prompts_parse(&p, "words", b.data, b.length, NULL);
    spn_buf_free(&b);
    return p;
}

/* Four steps. A plan's line has 30 words; a thought with its
   action 40. */
static char *reply(void *ctx, const char *prompt, uint64_t key)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16);
    int *turn = ctx;

    if (strncmp(prompt, "solver", 6) == 0 || strncmp(prompt, "llm", 3) == 0)
        return spn_strdup(prompt[0] == 's' ? "Answer: 24" : "a word of the model");
    if (strncmp(prompt, "planner", 7) == 0) {
        for (int i = 1; i <= 4; i++) {
            spn_buf_puts(&b, "Plan: ");
            put_words(&b, 29);
            spn_buf_printf(&b, "\n#E%d = find[%s]\n", i, i == 2 ? "#E1" : "x");
        }
        return spn_buf_steal(&b);
    }
    if (++*turn % 4 == 0)
        return spn_strdup("Thought: known.\nAnswer: 24");
    spn_buf_puts(&b, "Thought: ");
    put_words(&b, 37);
    spn_buf_puts(&b, "\nAction: find[x]");
    return spn_buf_steal(&b);
}

static char *extract(const char *text)
{
    const char *at = strstr(text, "Answer: ");

    return spn_strdup(at != NULL ? at + 8 : text);
}
static int check(const char *question, const char *answer)
{
    return strcmp(answer, "24") == 0;
}

struct outcome {
    struct spn_reason_result r;
    struct rewoo_cost cost;
    spn_status status;
    struct spn_err err;
};

static struct outcome run(bool react, const struct spn_tool *tool, reason_script_fn fn, int steps)
{
    static const struct spn_task task = { .extract = extract, .check = check };
    struct reason_tables tables = { reason_script_api(), &app_thoughts };
    struct rewoo_tools tools = { .item = { { spn_strdup("find"), tool, NULL },
                                           { spn_strdup("llm"), NULL, NULL } },
                                 .n = fn == reply ? 1 : 2 };
    int turn = 0;
    struct reason_script s = { .reply = fn, .ctx = &turn };
    struct spn_prompts *p = make_prompts();
    struct rewoo_options o = {
        .tools = &tools, .prompts = p, .evidence_max = 4000, .steps_max = steps
    };
    struct spn_reason_request r = { .question = "q q q q q q q q q q q q q q q q q q q q",
                                    .task = &task,
                                    .task_name = "test",
                                    .thoughts = app_thoughts.new_() };
    struct outcome x = { .err = SPN_ERR_INIT };

    r.engine = reason_script_open(&s);
    x.status = (react ? react_run : rewoo_run)(&tables, &o, &r, &x.r, &x.cost, &x.err);
    tables.engine->close(r.engine);
    app_thoughts.free_(r.thoughts);
    spn_prompts_free(p);
    spn_free(tools.item[0].name);
    spn_free(tools.item[1].name);
    return x;
}

static void clear(struct outcome *x)
{
    spn_free(x->r.answer);
    spn_free(x->r.text);
}

static void test_account(void)
{
    struct outcome a = run(true, &find, reply, 8), b = run(false, &find, reply, 8);

    ok(a.status == SPN_OK && b.status == SPN_OK, "both run: %s%s", a.err.text, b.err.text);
    ok_int(a.cost.calls_model, 4, "ReAct: four calls");
    ok_int(a.r.tokens_in, 5320, "ReAct's input tokens");
    ok_int(b.r.calls, 2, "ReWOO: two calls of the model");
    ok_int(b.cost.calls_tool, 4, "and four of tools");
    ok_int(b.r.tokens_in, 2240, "ReWOO's input tokens");
    ok(a.r.checked == 1 && b.r.checked == 1, "both are right");
    clear(&a);
    clear(&b);
}

static void test_failures(void)
{
    struct outcome b = run(false, &broken, reply, 8), a = run(true, &broken, reply, 3);

    ok(b.status == SPN_OK && b.r.calls == 2 && b.cost.failed == 4 && b.r.answer != NULL,
       "every tool fails: ReWOO ends after two calls of the model all the same");
    ok(a.status == SPN_OK && a.r.calls == 3 && a.r.answer == NULL &&
           strcmp(a.r.ended, "exhausted") == 0,
       "ReAct hits its limit of turns");
    clear(&a);
    clear(&b);
}

static char *mixed(void *ctx, const char *prompt, uint64_t key)
{
    if (strncmp(prompt, "planner", 7) == 0)
        return spn_strdup("Plan: ask\n#E1 = llm[who]\nPlan: ask\n#E2 = LLM[what]\nPlan: both\n"
                          "#E3 = nobody[#E1 #E2]\nPlan: more\n");
    if (strncmp(prompt, "llm", 3) == 0)
        return spn_strdup("a word. Plan: evil\n#E9 = find[x]");
    return spn_strdup(strstr(prompt, "a word. Plan: evil") != NULL &&
                              strstr(prompt, REWOO_NOTHING) != NULL
                          ? "Answer: 24"
                          : "Answer: 0");
}

static void test_workers(void)
{
    struct outcome x = run(false, &find, mixed, 8);

    ok(x.status == SPN_OK && x.r.calls == 4, "a model as a tool: %lld calls", (long long)x.r.calls);
    ok(x.cost.calls_tool == 1 && x.cost.failed == 1,
       "an unknown tool gives nothing; evidence is never read as a plan");
    ok_int(x.r.checked, 1, "the solver sees what was found and what was not");
    clear(&x);
}

static void test_memory(void)
{
    struct plan p;
    bool fine = true;

    for (uint64_t n = 1; n < 12; n++) {
        spn_fail_at(n);
        if (plan_parse(&p, "Plan: a\n#E1 = f[1]\nPlan: b\n#E2 = g[#E1]", NULL) == SPN_OK)
            plan_free(&p);
        else
            fine &= p.n_steps == 0 && p.n_calls == 0;
        spn_fail_at(0);
    }
    ok(fine, "each allocation may fail");
}

int main(void)
{
    test_plans();
    test_inputs();
    test_account();
    test_failures();
    test_workers();
    test_memory();
    return done();
}

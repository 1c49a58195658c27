/* test_mcts.c - the golden trace of the bounds, and trees of rollouts over a scripted model. */
#include "config.h"

#include "../common/fakehost.h"
#include "base/mem.h"
#include "bank.h"
#include "forest.h"
#include "mcts.h"
#include "tests/tap.h"

/* ---- the digest's trace: roots A [60], Z [5]; three rollouts ---- */

static void test_trace(bool one_step)
{
    static const struct {
        double again, child;
        int selected;
    } steps[] = { { 50, 80, 0 }, { 70, 65, 2 }, { 75, 90, 2 } };
    struct uct u = { .one_step = one_step };

    uct_add(&u, -1, false);
    uct_add(&u, -1, true);
    uct_reward(&u, 0, 60);
    uct_reward(&u, 1, 5);
    uct_update(&u);
    for (size_t i = 0; i < 3; i++) {
        int s = uct_select(&u), child;

        ok(s == steps[i].selected, "step %zu selects node %d, wanted %d", i + 1, s,
           steps[i].selected);
        uct_reward(&u, s, steps[i].again);
        child = uct_add(&u, s, false);
        uct_reward(&u, child, steps[i].child);
        uct_update(&u);
        if (i > 0)
            continue;
        ok_near(uct_value(&u, 0), 52.5, 1e-9, "Q of A");
        ok_near(u.node[0].bound, 66.25, 1e-9, "U of A");
        ok_near(u.node[2].bound, 81.467399, 1e-6, "U of B");
    }
    if (one_step) {
        ok_near(u.node[0].bound, 66.25, 1e-9, "one step: A keeps its stale bound");
        ok_near(u.node[2].bound, 82.097206, 1e-6, "U of B");
        ok_near(u.node[3].bound, 66.648366, 1e-6, "U of C");
        ok_near(u.node[4].bound, 91.648366, 1e-6, "U of D");
        ok_near(uct_score(&u, 0), 38.85, 1e-9, "score of A");
        ok_near(uct_score(&u, 2), 52.319, 1e-3, "score of B");
        ok_near(uct_score(&u, 3), 46.130, 1e-3, "score of C");
        ok_near(uct_score(&u, 4), 63.630, 1e-3, "score of D");
    } else {
        ok_near(u.node[0].bound, 62.5, 1e-9, "the walk to the root renews A");
    }
    ok_int(uct_best(&u), 4, "D wins");
    u.node[4].mute = true;
    ok_int(uct_best(&u), 2, "unless it is mute");
    uct_free(&u);
}

static void test_mature(void)
{
    struct uct u = { 0 };

    uct_add(&u, -1, false);
    uct_reward(&u, 0, 50);
    for (int i = 0; i < 3; i++)
        uct_reward(&u, uct_add(&u, 0, false), 10 * i);
    uct_update(&u);
    ok_int(uct_select(&u), 0, "three children, none better: still refined");
    uct_reward(&u, 3, 200);
    uct_update(&u);
    ok(uct_select(&u) != 0, "a better child: no more");
    uct_free(&u);
}

/* ---- a scripted model ---- */

static const char words[] = "[answer]\nSolve: {question}\n[score]\nScore: {question} | {answer}\n"
                            "[critique]\nCriticise: {answer}\n[refine]\nRefine: {answer} | "
                            "{critique}\n[choose]\nChoose: {answers}\n";

struct script_facts {
    int solve, score, critique, refine, choose;
};

static spn_status start(const char *question, char **state, struct spn_err *err)
{
    *state = spn_strdup(question);
    return *state != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "test: no memory");
}
static char *solve_prompt(const char *question)
{
    return spn_strdup(question);
}
/* What follows the last '=': "" is no answer. */
static char *extract(const char *reply)
{
    const char *at = strrchr(reply, '=');

    return at != NULL ? spn_strdup(at + 1) : NULL;
}
static int check(const char *question, const char *answer)
{
    return -1;
}
/* "lie" in a reply is a step that the task knows to be wrong. */
static spn_status worked(const char *question, const char *reply, struct spn_worked *out,
                         struct spn_err *err)
{
    const char *at = strstr(reply, "2+2=5\n");

    out->why = strstr(reply, "lie") != NULL ? "a lie" : NULL;
    if (at != NULL) {
        out->why = "false";
        out->mended = spn_strndup(reply, (size_t)(at - reply) + 6);
        if (out->mended == NULL)
            return spn_fail(err, SPN_ENOMEM, "test: no memory");
        out->mended[at - reply + 4] = '4';
    }
    return SPN_OK;
}
static const struct spn_task task = { .start = start,
                                      .solve_prompt = solve_prompt,
                                      .extract = extract,
                                      .check = check,
                                      .worked = worked,
                                      .prompts = "test" };

static char *all_of_it(const char *reply)
{
    return spn_strdup(reply);
}
static const struct spn_task prose = { .start = start,
                                       .solve_prompt = solve_prompt,
                                       .extract = all_of_it,
                                       .check = check,
                                       .prompts = "test",
                                       .alike = 0.9 };
static const struct spn_task *asked = &task; /* of the next forest */

/* First answers are 1 or a lie, refinements 7; a score is 90 for 7, 40 for others, 99 for
 * refusals. */
static char *reply(void *ctx, const char *prompt, uint64_t key)
{
    struct script_facts *f = ctx;

    if (strncmp(prompt, "Solve", 5) == 0) {
        f->solve++;
        return spn_strdup(key % 3 == 0 ? "a lie\nx=1" : "x=1");
    }
    if (strncmp(prompt, "Score", 5) == 0) {
        f->score++;
        return spn_strdup(strstr(prompt, "=7") != NULL   ? "Score: 90"
                          : strstr(prompt, "=1") != NULL ? "it may be.\nScore: 40 out of 100"
                                                         : "Score: 99");
    }
    if (strncmp(prompt, "Criticise", 9) == 0) {
        f->critique++;
        return spn_strdup("x is wrong");
    }
    if (strncmp(prompt, "Choose", 6) == 0) {
        f->choose++;
        return spn_strdup("2");
    }
    f->refine++;
    return spn_strdup(strstr(prompt, "x is wrong") != NULL ? "x=7" : "no critique");
}

struct outcome {
    struct spn_reason_result r;
    struct script_facts f;
    spn_status status;
    struct spn_err err;
    char *json;
    int64_t waiting;
};

static struct outcome grow(const struct fot_options *o, struct reason_script *s,
                           const struct spn_budget *budget)
{
    struct reason_tables tables = { reason_script_api(), &app_thoughts };
    struct outcome x = { .err = SPN_ERR_INIT };
    struct spn_prompts *p = NULL;
    struct spn_reason_request r = { .question = "what is x",
                                    .task = asked,
                                    .task_name = "test",
                                    .seed = 3,
                                    .thoughts = app_thoughts.new_() };
    json_t *graph;

    s->ctx = &x.f;
    if (budget != NULL)
        r.budget = *budget;
    spn_prompts_parse(&p, "words", words, sizeof words - 1, NULL);
    r.prompts = p;
    r.engine = reason_script_open(s);
    x.status = fot_run(&tables, o, &r, &x.r, &x.err);
    x.waiting = s->submitted - s->answered;
    graph = app_thoughts.json(r.thoughts, true);
    x.json = json_dumps(graph, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(graph);
    tables.engine->close(r.engine);
    app_thoughts.free_(r.thoughts);
    spn_prompts_free(p);
    return x;
}

static void clear(struct outcome *x)
{
    spn_free(x->r.answer);
    spn_free(x->r.text);
    free(x->json);
}

static struct fot_options usual(int trees)
{
    return (struct fot_options){ .trees = trees,
                                 .base = FOT_MCTS,
                                 .stop = FOT_NONE,
                                 .decide = FOT_CGED,
                                 .rollouts = 3,
                                 .temperature = 0.7,
                                 .sparse = true,
                                 .dummy = true };
}

static void test_tree(void)
{
    struct fot_options o = usual(1);
    struct reason_script s = { .reply = reply };
    struct outcome x = grow(&o, &s, NULL);

    ok(x.status == SPN_OK, "a tree of three rollouts: %s", x.err.text);
    ok_str(x.r.answer, "7", "the refined answer wins");
    ok_str(x.r.text, "x=7", "with its reply");
    ok(x.f.solve == 1 && x.f.critique == 3 && x.f.refine == 3 && x.f.score == 2 + 2 * 3,
       "calls: %d answer, %d critiques, %d refinements, %d scores", x.f.solve, x.f.critique,
       x.f.refine, x.f.score);
    ok_int(x.r.calls, 3 + 4 * 3, "calls counted");
    clear(&x);
    o.rollouts = 0;
    o.dummy = false;
    x = grow(&o, &s, NULL);
    ok(x.r.calls == 2 && x.r.answer != NULL, "no rollout: an answer and its score");
    clear(&x);
    o = usual(1);
    o.rollouts = 0;
    /* The refusal is scored 99: it must not win. */
    x = grow(&o, &s, NULL);
    ok(x.r.answer != NULL && strcmp(x.r.answer, "1") == 0, "refusals never win");
    clear(&x);
}

static void test_together(void)
{
    struct fot_options o = usual(6), alone = usual(6);
    struct reason_script first = { .reply = reply },
                         last = { .reply = reply, .order = REASON_SCRIPT_LAST };
    struct reason_script mixed = { .reply = reply, .order = REASON_SCRIPT_SHUFFLED }, one = first;
    struct outcome a = grow(&o, &first, NULL), b = grow(&o, &last, NULL),
                   c = grow(&o, &mixed, NULL), d;

    alone.in_flight = 1;
    d = grow(&alone, &one, NULL);
    ok(a.status == SPN_OK && b.status == SPN_OK && c.status == SPN_OK && d.status == SPN_OK,
       "six trees");
    ok_int(a.r.calls, 6 * 15, "their calls");
    ok(first.most_waiting == 12, "the calls of one level of all trees wait together: %lld",
       (long long)first.most_waiting);
    ok(one.most_waiting == 2, "alone: %lld", (long long)one.most_waiting);
    ok_str(b.r.answer, a.r.answer, "the order of replies changes nothing");
    ok(a.r.winner_tree == b.r.winner_tree && a.r.winner_tree == c.r.winner_tree &&
           a.r.winner_tree == d.r.winner_tree && a.r.tokens_out == c.r.tokens_out &&
           a.r.tokens_out == d.r.tokens_out,
       "nor the winner, nor the tokens, nor how many run together");
    clear(&a);
    clear(&b);
    clear(&c);
    clear(&d);
}

static void test_budget(void)
{
    struct fot_options o = usual(4);
    struct spn_budget calls = { .calls = 20 };
    bool fine = true;

    for (calls.calls = 1; calls.calls < 60; calls.calls++) {
        struct reason_script s = { .reply = reply };
        struct outcome x = grow(&o, &s, &calls);

        fine &= x.status == SPN_OK && x.r.calls <= calls.calls;
        if (calls.calls >= 20)
            fine &= x.r.answer != NULL && strcmp(x.r.ended, "budget") == 0;
        clear(&x);
    }
    ok(fine, "every budget of calls ends it with what it has");
}

static char *mending(void *ctx, const char *prompt, uint64_t key)
{
    return spn_strdup(++((struct script_facts *)ctx)->solve == 1 ? "1+1=2\n2+2=5\nx=5" : "x=4");
}

static char *lying(void *ctx, const char *prompt, uint64_t key)
{
    return spn_strdup(((struct script_facts *)ctx)->solve++ % 2 == 0 ? "lie x=1" : "x=9");
}

static char *declining(void *ctx, const char *prompt, uint64_t key)
{
    return spn_strdup(key % 2 == 0 ? "I'm sorry, x=3" : "=");
}

static void test_worked(void)
{
    struct fot_options o = usual(1);
    struct reason_script s = { .reply = mending }, liar = { .reply = lying },
                         silent = { .reply = declining };
    struct outcome x;

    o.base = FOT_COT;
    o.correct = true;
    o.dummy = false;
    x = grow(&o, &s, NULL);
    ok_str(x.r.text, "1+1=2\n2+2=4\nx=4", "a false result is put right, the rest decoded anew");
    ok_int(x.r.calls, 2, "by one call more");
    ok(strstr(x.json, "2+2=5") != NULL, "the graph keeps what was written");
    clear(&x);
    x = grow(&o, &liar, NULL);
    ok(x.r.answer != NULL && strcmp(x.r.answer, "9") == 0 && x.r.calls == 2,
       "what is wrong on the way is asked for once more");
    clear(&x);
    o.trees = 4;
    o.correct = false;
    o.decide = FOT_VOTE;
    liar.ctx = NULL;
    x = grow(&o, &liar, NULL);
    ok(x.r.answer != NULL && strcmp(x.r.answer, "9") == 0,
       "sparse activation: trees that lie do not vote");
    clear(&x);
    o.sparse = false;
    x = grow(&o, &liar, NULL);
    ok(x.r.answer != NULL && strcmp(x.r.answer, "1") == 0, "without it the first of equals wins");
    clear(&x);
    x = grow(&o, &silent, NULL);
    ok(x.status == SPN_OK && x.r.answer == NULL && strcmp(x.r.ended, "exhausted") == 0,
       "refusals and empty answers never win a vote");
    clear(&x);
}

static char *split(void *ctx, const char *prompt, uint64_t key)
{
    struct script_facts *f = ctx;

    if (strncmp(prompt, "Choose", 6) == 0) {
        f->choose++;
        return spn_strdup(strstr(prompt, "1:\nx=0") != NULL ? "2" : "nothing");
    }
    if (strncmp(prompt, "Score", 5) == 0) {
        f->score++;
        return spn_strdup(strstr(prompt, "x=1") != NULL ? "Score: 80" : "Score: 30");
    }
    return spn_strdup(f->solve++ % 2 == 0 ? "x=0" : "x=1");
}

static void test_decisions(void)
{
    struct fot_options o = usual(4);
    struct reason_script s = { .reply = split };
    struct outcome x;

    o.base = FOT_COT;
    x = grow(&o, &s, NULL);
    ok(x.f.choose == 1 && strcmp(x.r.answer, "1") == 0, "cged: the expert names one of two");
    clear(&x);
    o.tie_score = true;
    x = grow(&o, &s, NULL);
    ok(x.f.score == 4 && x.f.choose == 0 && strcmp(x.r.answer, "1") == 0,
       "cged: the tied are rated");
    clear(&x);
    o.decide = FOT_SCORE;
    x = grow(&o, &s, NULL);
    ok(x.f.score == 4 && strcmp(x.r.answer, "1") == 0, "score: every tree is rated");
    clear(&x);
    o.decide = FOT_VOTE;
    x = grow(&o, &s, NULL);
    ok(x.r.calls == 4 && strcmp(x.r.answer, "0") == 0, "vote: the first of equals");
    clear(&x);
    o.trees = 3;
    o.stop = FOT_MAJORITY;
    o.decide = FOT_CGED;
    x = grow(&o, &s, NULL);
    ok(x.f.choose == 0 && strcmp(x.r.answer, "0") == 0, "a clear vote asks no expert");
    clear(&x);
}

static char *talking(void *ctx, const char *prompt, uint64_t key)
{
    static const char *const says[] = { "It is Rome, as far as I know, since long ago.",
                                        "The capital of France is Paris.",
                                        "the capital of france is: PARIS!" };

    return spn_strdup(says[((struct script_facts *)ctx)->solve++ % 3]);
}

static void test_prose(void)
{
    struct fot_options o = usual(3);
    struct reason_script s = { .reply = talking };
    struct outcome x;

    asked = &prose;
    o.base = FOT_COT;
    x = grow(&o, &s, NULL);
    ok_str(x.r.answer, "The capital of France is Paris.", "what says the same votes together");
    ok(strstr(x.json, "by their letters") != NULL, "and how that was seen is noted");
    clear(&x);
    asked = &task;
}

static void test_bank(void)
{
    struct bank_example item[] = {
        { spn_strdup("Two trains leave a station"), spn_strdup("1"), 0 },
        { spn_strdup("Apples and pears in a basket"), spn_strdup("2"), 0 },
        { spn_strdup("How many apples are in the basket"), spn_strdup("3"), 0 },
    };
    struct bank b = { spn_calloc(3, sizeof *b.item), 3 };

    memcpy(b.item, item, sizeof item);
    bank_sort(&b, "A basket holds apples: how many apples?", NULL);
    ok_str(b.item[0].answer, "3", "the example most alike comes first");
    ok_str(b.item[1].answer, "2", "then the next");
    ok_near(b.item[2].likeness, 0, 0.3, "the last has little in common");
    bank_sort(&b, "Apples and pears in a basket", NULL);
    ok_near(b.item[0].likeness, 1, 1e-9, "the same text is alike by 1");
    bank_free(&b);
}

int main(void)
{
    test_trace(true);
    test_trace(false);
    test_mature();
    test_tree();
    test_together();
    test_budget();
    test_worked();
    test_decisions();
    test_prose();
    test_bank();
    return done();
}

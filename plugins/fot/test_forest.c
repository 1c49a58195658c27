/* test_forest.c - what holds of a forest whatever its model: the answer does not depend on how many
   trees run together or which reply comes first, early stop off is the trees one by one, budgets
   and stops end with what there is. */
#include "config.h"

#include "tap.h"

#include "../common/fakehost.h"
#include "base/mem.h"
#include "forest.h"
#include "scripted.h"

extern const struct spn_plugin game24_LTX_spn_plugin;

static const char *const some_hands[] = { "4 5 6 10",   "1 2 4 7",  "2 5 8 11",  "6 7 8 9",
                                          "1 11 11 13", "3 3 7 12", "5 5 8 10",  "1 5 10 11",
                                          "2 2 2 2",    "1 1 1 1",  "4 9 10 13", "5 6 6 8" };
#define N_HANDS (int)(sizeof some_hands / sizeof *some_hands)

static const struct reason_tables *tables(void)
{
    static struct reason_tables t;

    t = (struct reason_tables){ reason_script_api(), &app_thoughts };
    return &t;
}

static struct fot_options usual(int trees)
{
    return (struct fot_options){ .trees = trees,
                                 .beam = 5,
                                 .eval = 1,
                                 .base = FOT_TOT,
                                 .sparse = true,
                                 .correct = true,
                                 .temperature = 0.9,
                                 .threshold = 0.5 };
}

struct outcome {
    struct spn_reason_result r;
    struct spn_thoughts *thoughts;
    spn_status status;
    struct spn_err err;
    int64_t waiting; /* calls the forest left behind in its engine */
};

static const struct spn_steer *steer; /* of the next forests; NULL: nobody watches */

static struct outcome grow(const struct fot_options *o, const char *hand,
                           struct reason_script *script, const struct spn_budget *budget)
{
    struct outcome out = { .err = SPN_ERR_INIT };
    const struct spn_task *task = scripted_task(fake_find(SPN_POINT_TASK, "game24"));
    struct spn_reason_request r = {
        .question = hand, .task = task, .task_name = "game24", .seed = 7
    };
    const struct spn_answer *late;

    r.engine = reason_script_open(script);
    r.steer = steer;
    out.thoughts = r.thoughts = app_thoughts.new_();
    if (budget != NULL)
        r.budget = *budget;
    out.status = fot_run(tables(), o, &r, &out.r, &out.err);
    while (reason_script_api()->next(r.engine, &late, NULL) == SPN_OK)
        out.waiting++;
    reason_script_api()->close(r.engine);
    return out;
}

static void clear(struct outcome *o)
{
    spn_free(o->r.answer);
    spn_free(o->r.text);
    app_thoughts.free_(o->thoughts);
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* in_flight 1, 2, 4, 8 and all, replies in three orders: one answer. */
static void test_order(const char *what, struct fot_options o)
{
    static const int together[] = { 1, 2, 4, 8, 0 };
    bool same = true, left = false;
    int solved = 0;

    for (int h = 0; h < N_HANDS; h++) {
        struct outcome first = { .status = 1 };

        for (int i = 0; i < 15; i++) {
            struct reason_script script = { .reply = scripted_reply,
                                            .order = (enum reason_script_order)(i % 3) };
            struct outcome x;

            o.in_flight = together[i / 3];
            x = grow(&o, some_hands[h], &script, NULL);
            left |= x.waiting > 0;
            if (i == 0) {
                first = x;
                solved += x.r.checked == 1;
                continue;
            }
            same &= x.status == first.status && same_text(x.r.answer, first.r.answer) &&
                    same_text(x.r.text, first.r.text) && x.r.winner_tree == first.r.winner_tree &&
                    x.r.trees_run == first.r.trees_run && x.r.checked == first.r.checked;
            clear(&x);
        }
        clear(&first);
    }
    ok(same, "%s: one answer whatever runs together and comes first (%d of %d hands)", what, solved,
       N_HANDS);
    ok(!left, "%s: no call is left behind", what);
}

/* Thoughts of tree TREE in order, as one string. */
static char *tree_text(const struct spn_thoughts *t, int tree)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 20);

    for (size_t i = 0; i < app_thoughts.count(t); i++) {
        const struct spn_node *n = app_thoughts.at(t, (int64_t)i);

        if (n->tree == tree)
            spn_buf_printf(&b, "%d %s %g %d\n", n->level, n->text, n->score, (int)n->state);
    }
    return spn_buf_steal(&b);
}

static void test_one_by_one(void)
{
    struct fot_options o = usual(8);
    bool same = true;

    o.stop = FOT_NONE;
    for (int h = 0; h < N_HANDS; h++) {
        struct reason_script script = { .reply = scripted_reply }, single = script;
        struct outcome all, one;

        o.in_flight = 0;
        all = grow(&o, some_hands[h], &script, NULL);
        o.in_flight = 1;
        one = grow(&o, some_hands[h], &single, NULL);
        for (int tree = 0; tree < 8; tree++) {
            char *a = tree_text(all.thoughts, tree), *b = tree_text(one.thoughts, tree);

            same &= same_text(a, b) && a[0] != '\0';
            spn_free(a);
            spn_free(b);
        }
        same &= same_text(all.r.answer, one.r.answer);
        if (h == 0)
            ok(script.most_waiting > 3 * single.most_waiting,
               "eight trees wait together: %lld calls against %lld", (long long)script.most_waiting,
               (long long)single.most_waiting);
        clear(&all);
        clear(&one);
    }
    ok(same, "early stop off: every tree thinks the same as alone");
}

/* A larger forest begins with the trees of a smaller one, so it never loses a hand. */
static void test_nested(void)
{
    bool grows = true;

    for (int h = 0; h < N_HANDS; h++) {
        int last = -1;

        for (int trees = 1; trees <= 8; trees *= 2) {
            struct reason_script script = { .reply = scripted_reply };
            struct fot_options o = usual(trees);
            struct outcome x = grow(&o, some_hands[h], &script, NULL);

            grows &= last < 0 || x.r.winner_tree == last;
            last = x.r.winner_tree;
            clear(&x);
        }
    }
    ok(grows, "who wins among one tree wins among more");
}

static void test_ends(void)
{
    struct reason_script script = { .reply = scripted_reply };
    struct spn_budget calls = { .calls = 5 }, tokens = { .tokens = 60 }, time = { .seconds = 1e-9 };
    struct fot_options o = usual(8);
    struct outcome x = grow(&o, "2 2 2 2", &script, &calls);

    ok(x.status == SPN_OK && strcmp(x.r.ended, "budget") == 0 && x.r.calls == 5,
       "a budget of 5 calls: %lld, ended by %s", (long long)x.r.calls, x.r.ended);
    ok(x.waiting == 0, "and nothing is left behind");
    clear(&x);
    x = grow(&o, "2 2 2 2", &script, &tokens);
    ok(x.status == SPN_OK && strcmp(x.r.ended, "budget") == 0 && x.r.tokens_out >= 60,
       "a budget of 60 tokens: %lld", (long long)x.r.tokens_out);
    clear(&x);
    x = grow(&o, "2 2 2 2", &script, &time);
    ok(x.status == SPN_OK && strcmp(x.r.ended, "budget") == 0, "a budget of no time");
    clear(&x);

    struct reason_script stopped = { .reply = scripted_reply, .stop_after = 12 };

    x = grow(&o, "2 2 2 2", &stopped, NULL);
    ok(x.status == SPN_OK && strcmp(x.r.ended, "user") == 0 && x.r.answer == NULL && x.waiting == 0,
       "a stop ends it with what it has");
    ok(app_thoughts.count(x.thoughts) > 8, "its graph is there");
    clear(&x);

    struct reason_script broken = { .reply = scripted_reply, .fail_at = 3 };

    x = grow(&o, "4 5 6 10", &broken, NULL);
    ok(x.status == SPN_EIO && strstr(x.err.text, "script: failed") != NULL,
       "an engine that fails is named: %s", x.err.text);
    ok(x.r.answer == NULL && x.waiting == 0, "and leaves nothing");
    clear(&x);
    x = grow(&o, "1 1 1 1", &script, NULL);
    ok(x.status == SPN_OK && strcmp(x.r.ended, "exhausted") == 0 && x.r.checked == -1 &&
           x.r.winner == -1,
       "no solution: exhausted");
    clear(&x);
    x = grow(&o, "what is this", &script, NULL);
    ok(x.status == SPN_EFORMAT, "no hand: %s", x.err.text);
    clear(&x);
    o.base = FOT_MCTS;
    x = grow(&o, "4 5 6 10", &script, NULL);
    ok(x.status == SPN_EUSAGE && strstr(x.err.text, "no prompts") != NULL, "refused: %s",
       x.err.text);
    clear(&x);
}

static void test_switches(void)
{
    struct fot_options o = usual(8), wide = usual(8), off = usual(8), chance = usual(16);
    int64_t calls = 0, calls_wide = 0;
    int right = 0, right_off = 0, right_chance = 0;

    o.stop = wide.stop = FOT_NONE;
    wide.sparse = false;
    off.correct = false;
    chance.random_values = chance.random_proposer = true;
    for (int h = 0; h < N_HANDS; h++) {
        struct reason_script script = { .reply = scripted_reply }, unused = script;
        struct outcome x = grow(&o, some_hands[h], &script, NULL),
                       y = grow(&wide, some_hands[h], &script, NULL);
        struct outcome z = grow(&off, some_hands[h], &script, NULL),
                       c = grow(&chance, some_hands[h], &unused, NULL);

        calls += x.r.calls;
        calls_wide += y.r.calls;
        right += x.r.checked == 1;
        right_off += z.r.checked == 1;
        right_chance += c.r.checked == 1;
        if (h == 0)
            ok(c.r.calls == 0 && unused.submitted == 0, "random proposals and values ask no model");
        clear(&x);
        clear(&y);
        clear(&z);
        clear(&c);
    }
    ok(calls_wide > calls * 5 / 4, "sparse activation spares calls: %lld against %lld",
       (long long)calls, (long long)calls_wide);
    ok(right > right_off, "repair solves more: %d against %d hands", right, right_off);
    ok(right_chance > 0 && right_chance <= right, "chance alone: %d", right_chance);
}

static char *choosing(void *ctx, const char *prompt, uint64_t key)
{
    if (strncmp(prompt, "Question: ", 10) == 0) {
        ++*(int *)ctx;
        return spn_strdup("The second one is right.\n2");
    }
    return spn_strdup(key % 2 == 0 ? "Answer: (10 - 4) * 5 - 6 = 24"
                                   : "Answer: 5 * (10 - 4) - 6 = 24");
}

static void test_decide(void)
{
    struct fot_options o = usual(5);
    struct reason_script script = { .reply = scripted_reply };
    int asked = 0;
    struct reason_script expert = { .reply = choosing, .ctx = &asked };
    struct outcome x;

    o.base = FOT_COT;
    o.stop = FOT_NONE;
    x = grow(&o, "4 5 6 10", &script, NULL);
    ok(x.r.checked == 1 && x.r.trees_run == 5,
       "worked solutions as trees: refuted ones do not vote");
    clear(&x);
    o.stop = FOT_MAJORITY;
    x = grow(&o, "4 5 6 10", &script, NULL);
    ok(x.r.checked == 1 && x.r.trees_run <= 5, "majority: decided after %d trees", x.r.trees_run);
    clear(&x);
    o.stop = FOT_NONE;
    o.decide = FOT_CGED;
    for (o.trees = 2; o.trees < 40 && asked == 0; o.trees += 2) {
        x = grow(&o, "4 5 6 10", &expert, NULL);
        if (asked == 0)
            clear(&x);
    }
    ok(asked == 1 && x.r.answer != NULL, "a tie goes to the expert once (%d trees)", o.trees - 2);
    clear(&x);
    o.trees = 5;
    o.sparse = false;
    o.correct = false;
    o.decide = FOT_RANDOM;
    x = grow(&o, "4 5 6 10", &script, NULL);
    ok(x.r.answer != NULL, "chance decides");
    clear(&x);
}

/* Every allocation fails in turn: an error or a result, never a crash or a call left behind. */
static void test_memory(void)
{
    struct fot_options o = usual(2);
    bool fine = true;
    uint64_t failed = 0;

    for (uint64_t nth = 5; nth < 4000; nth += 1 + nth / 40) {
        struct reason_script script = { .reply = scripted_reply };
        const struct spn_task *task = scripted_task(fake_find(SPN_POINT_TASK, "game24"));
        struct spn_reason_request r = {
            .question = "4 5 6 10", .task = task, .task_name = "game24", .seed = 7
        };
        struct spn_reason_result out;
        struct spn_err err = SPN_ERR_INIT;
        spn_status st;

        r.engine = reason_script_open(&script);
        spn_fail_at(nth);
        st = fot_run(tables(), &o, &r, &out, &err);
        spn_fail_at(0);
        fine &= st == SPN_OK || (out.answer == NULL && err.text[0] != '\0');
        failed += st != SPN_OK;
        if (st == SPN_OK) {
            spn_free(out.answer);
            spn_free(out.text);
        }
        reason_script_api()->close(r.engine);
    }
    ok(fine && failed > 10, "short memory is an error with a sentence (%llu times)",
       (unsigned long long)failed);
}

/* ---- by hand ---- */

struct wishes {
    const struct spn_steer_wish *list;
    int n, after; /* given after so many questions for one */
};

static bool next_wish(void *ctx, struct spn_steer_wish *out)
{
    struct wishes *w = ctx;

    if (w->after-- > 0 || w->n == 0)
        return false;
    *out = *w->list++;
    w->n--;
    return true;
}

static void test_by_hand(void)
{
    static const struct spn_steer_wish wishes[] = { { SPN_STEER_END_TREE, 0 },
                                                    { SPN_STEER_ADD_TREE, 0 },
                                                    { SPN_STEER_END_TREE, 77 },
                                                    { SPN_STEER_END_TREE, -1 } };
    struct wishes w = { wishes, 4, 2 };
    struct spn_steer s = { next_wish, &w };
    struct reason_script script = { .reply = scripted_reply };
    struct fot_options o = usual(3);
    struct outcome x;
    const struct spn_node *root = NULL;
    int trees = 0;

    steer = &s;
    x = grow(&o, "1 1 1 1", &script, NULL); /* no solution: every tree runs to its end */
    steer = NULL;
    for (size_t i = 0; i < app_thoughts.count(x.thoughts); i++) {
        const struct spn_node *n = app_thoughts.at(x.thoughts, (int64_t)i);

        trees += n->parent < 0;
        if (n->parent < 0 && n->tree == 0)
            root = n;
    }
    ok(x.status == SPN_OK && w.n == 0, "wishes are taken: %s", x.err.text);
    ok(root != NULL && root->state == SPN_NODE_BY_HAND, "a tree is ended by hand");
    ok(trees == 4 && x.r.trees_run == 4, "and one more is grown: %d", trees);
    ok(x.waiting == 0, "no call is left behind");
    clear(&x);
    for (int i = 0; i < 3; i++) { /* all of them ended: that is the end, not a wait */
        static const struct spn_steer_wish all[] = { { SPN_STEER_END_TREE, 2 },
                                                     { SPN_STEER_END_TREE, 1 },
                                                     { SPN_STEER_END_TREE, 0 } };

        w = (struct wishes){ all, 3, i };
        steer = &s;
        x = grow(&o, "4 5 6 10", &script, NULL);
        steer = NULL;
        ok(x.status == SPN_OK && x.waiting == 0, "all trees ended after %d replies: %s", i,
           x.r.ended);
        clear(&x);
    }
}

int main(void)
{
    struct fot_options cot = usual(9), majority = usual(9), none = usual(6), drawn = usual(8),
                       unrepaired = usual(8);

    ok(game24_LTX_spn_plugin.declare(&fake_host, NULL) == SPN_OK, "the task game24 is there");
    test_order("first solution", usual(8));
    cot.base = FOT_COT;
    cot.stop = FOT_MAJORITY;
    test_order("majority of worked solutions", cot);
    majority.stop = FOT_MAJORITY;
    test_order("majority of trees", majority);
    none.stop = FOT_NONE;
    none.decide = FOT_SCORE;
    test_order("no stop, by score", none);
    drawn.sample_select = true;
    drawn.eval = 3;
    test_order("drawn beams, three judgements", drawn);
    unrepaired.correct = false;
    test_order("no repair", unrepaired);
    test_one_by_one();
    test_nested();
    test_ends();
    test_switches();
    test_decide();
    test_memory();
    test_by_hand();
    return done();
}

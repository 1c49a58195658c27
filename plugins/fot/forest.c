/* forest.c - the forest: which trees run, which of them count, and when it ends.

   Trees are settled in order.  A tree that solves makes every higher one needless (they are
   cancelled), while lower ones run on to their end and may still win; a vote counts only the trees
   that would have run one after another.  So any number of trees may run together, and the answer
   is that of the trees run one by one. */
#include "config.h"

#include "forest.h"

#include <math.h>

#include "../common/sample.h"
#include "../common/tree.h"
#include "base/mem.h"
#include "decide.h"

struct plant { /* one tree of either base */
    struct reason_tree tree;
    struct reason_sample sample;
    bool started, done;
};

struct forest {
    const struct fot_options *o;
    const struct spn_reason_request *r;
    struct reason_ground ground;
    struct reason_tree_options tree_options;
    struct reason_sample_options sample_options;
    char *start;
    struct plant *plant;  /* [trees] */
    int started, settled; /* trees below are started, are done and looked at */
    int limit;            /* trees from here on are not needed */
};

static bool is_done(const struct forest *f, const struct plant *p)
{
    if (!p->started)
        return false;
    return f->o->base == FOT_TOT ? p->tree.phase == REASON_DONE : p->sample.done;
}

static bool was_stopped(const struct forest *f, const struct plant *p)
{
    return f->o->base == FOT_TOT ? p->tree.stopped : p->sample.stopped;
}

/* Has the tree an answer that may end or decide the forest?  Sparse activation: one that the task's
   own check refutes is inactive.  A tree of ToT that fails a level has no answer at all. */
static bool is_active(const struct forest *f, const struct plant *p)
{
    if (!is_done(f, p) || was_stopped(f, p))
        return false;
    if (f->o->base == FOT_TOT)
        return p->tree.solved;
    return p->sample.answer != NULL && (!f->o->sparse || p->sample.checked != 0);
}

static const char *answer_of(const struct forest *f, const struct plant *p)
{
    return f->o->base == FOT_TOT ? p->tree.answer : p->sample.answer;
}

static void stop_plant(struct forest *f, struct plant *p, const char *why)
{
    if (!p->started || is_done(f, p))
        return;
    if (f->o->base == FOT_TOT)
        reason_tree_stop(&p->tree, SPN_NODE_STOPPED, why);
    else
        reason_sample_stop(&p->sample, SPN_NODE_STOPPED, why);
}

/* Trees from LIMIT on are needless. */
static void lower_limit(struct forest *f, int limit)
{
    struct spn_buf why = SPN_BUF_INIT(64);

    if (limit >= f->limit)
        return;
    f->limit = limit;
    spn_buf_printf(&why, f->o->stop == FOT_FIRST ? "tree %d solved it" : "enough agree at tree %d",
                   limit);
    for (int i = limit; i < f->started; i++)
        stop_plant(f, &f->plant[i], why.data != NULL ? why.data : "not needed");
    spn_buf_free(&why);
}

/* Ballots of the trees below END, in order. */
static size_t ballots(const struct forest *f, int end, struct reason_ballot *b)
{
    size_t n = 0;

    for (int i = 0; i < end; i++) {
        const struct plant *p = &f->plant[i];
        double score = f->o->base == FOT_TOT ? p->tree.score : p->sample.score;

        if (is_active(f, p))
            b[n++] = (struct reason_ballot){
                i, answer_of(f, p), f->o->decide == FOT_SCORE ? (isfinite(score) ? score : 0) : 1
            };
    }
    return n;
}

/* Is one answer held by more than half of all trees, counting those below END? */
static bool majority(const struct forest *f, int end, struct reason_ballot *scratch)
{
    size_t n = ballots(f, end, scratch);

    return decide_most(scratch, n) > f->o->trees / 2;
}

/* Look at what is done: in order for votes; a solution anywhere already makes higher trees
 * needless. */
static void settle(struct forest *f, struct reason_ballot *scratch)
{
    if (f->o->stop == FOT_FIRST)
        for (int i = 0; i < f->started && i < f->limit; i++)
            if (is_active(f, &f->plant[i]))
                lower_limit(f, i + 1);
    while (f->settled < f->limit && f->settled < f->started && is_done(f, &f->plant[f->settled])) {
        f->settled++;
        if (f->o->stop == FOT_MAJORITY && majority(f, f->settled, scratch))
            lower_limit(f, f->settled);
    }
}

/* Input of tree I: the listed order for the first, another one for each later tree. Free with
 * spn_free. */
static char *input_of(const struct forest *f, int i)
{
    const struct spn_task *task = f->r->task;
    struct spn_rng rng;

    if (i == 0 || task->augment == NULL)
        return spn_strdup(f->start);
    spn_rng_init(&rng, reason_key(reason_tree_key(f->r->seed, i), "augment", 0));
    return task->augment(f->start, &rng);
}

static int running(const struct forest *f)
{
    int n = 0;

    for (int i = 0; i < f->started; i++)
        n += !is_done(f, &f->plant[i]);
    return n;
}

/* Start trees up to the number that may run together. */
static spn_status plant_trees(struct forest *f, struct reason_ballot *scratch, struct spn_err *err)
{
    int together = f->o->in_flight > 0 ? f->o->in_flight : f->o->trees;
    spn_status st = SPN_OK;

    while (st == SPN_OK && f->started < f->limit && running(f) < together &&
           reason_open(&f->ground.calls)) {
        struct plant *p = &f->plant[f->started];
        char *input = input_of(f, f->started);

        if (input == NULL)
            return spn_fail(err, SPN_ENOMEM, "fot: no memory for tree %d", f->started + 1);
        p->started = true;
        st = f->o->base == FOT_TOT ? reason_tree_start(&p->tree, &f->ground, f->started, input, err)
                                   : reason_sample_start(&p->sample, &f->ground, &f->sample_options,
                                                         f->started, input, err);
        spn_free(input);
        f->started++;
        settle(f, scratch);
    }
    return st;
}

/* A reply to whoever asked; then every tree may move. */
static spn_status take_reply(struct forest *f, const struct reason_reply *reply,
                             struct spn_err *err)
{
    spn_status st = SPN_OK;

    switch (reply->call.kind) {
    case REASON_PROPOSE:
        st = reason_tree_reply(reply->call.owner, reply, err);
        break;
    case REASON_SOLVE:
        st = reason_sample_reply(reply->call.owner, reply, err);
        break;
    case REASON_VALUE:
        st = reason_verdict_reply(&f->ground.verdicts, reply->call.owner, reply, err);
        break;
    case REASON_CHOOSE:
        break;
    }
    for (int i = 0; i < f->started && st == SPN_OK && f->o->base == FOT_TOT; i++)
        st = reason_tree_step(&f->plant[i].tree, err);
    return st;
}

static spn_status grow(struct forest *f, struct reason_ballot *scratch, struct spn_err *err)
{
    spn_status st = plant_trees(f, scratch, err);

    while (st == SPN_OK && f->settled < f->limit && f->ground.calls.ended == NULL) {
        struct reason_reply reply;

        st = reason_next(&f->ground.calls, &reply, err);
        if (st == SPN_ENOTFOUND && f->ground.calls.ended != NULL)
            return SPN_OK;
        if (st == SPN_ENOTFOUND)
            return spn_fail(err, SPN_EINTERNAL, "fot: %d trees wait and no call is under way",
                            f->limit - f->settled);
        if (st == SPN_OK)
            st = take_reply(f, &reply, err);
        if (st == SPN_OK) {
            settle(f, scratch);
            st = plant_trees(f, scratch, err);
        }
    }
    return st;
}

/* The answer of tree I becomes the result. */
static spn_status give_answer(const struct forest *f, int i, struct spn_reason_result *out,
                              struct spn_err *err)
{
    const struct plant *p = &f->plant[i];

    out->answer = spn_strdup(answer_of(f, p));
    out->text = spn_strdup(f->o->base == FOT_TOT ? p->tree.text : p->sample.text);
    if (out->answer == NULL || out->text == NULL)
        return spn_fail(err, SPN_ENOMEM, "fot: no memory for the answer");
    out->checked = f->r->task->check(f->r->question, out->answer);
    out->winner = f->o->base == FOT_TOT ? p->tree.winner : p->sample.winner;
    out->winner_tree = i;
    return SPN_OK;
}

/* The first answer, or what the trees that count decide. */
static spn_status conclude(struct forest *f, struct reason_ballot *b, struct spn_reason_result *out,
                           struct spn_err *err)
{
    bool forced = f->ground.calls.ended != NULL && f->settled < f->limit;
    int end = forced ? f->started : f->limit, tree = -1;
    size_t n;
    spn_status st = SPN_OK;

    for (int i = 0; i < f->started && forced; i++)
        stop_plant(f, &f->plant[i], f->ground.calls.ended[0] == 'u' ? "stopped" : "budget spent");
    n = ballots(f, end, b);
    for (size_t i = 0; i < n && f->r->thoughts != NULL; i++)
        f->ground.tables->thoughts->vote(f->r->thoughts, b[i].tree, b[i].answer, b[i].weight,
                                         f->o->decide == FOT_SCORE ? "score" : "vote");
    if (n > 0 && f->o->stop == FOT_FIRST)
        tree = b[0].tree;
    else if (n > 0)
        st = decide(&f->ground, f->o->decide, b, n, &tree, err);
    out->trees_run = end;
    out->ended = forced ? f->ground.calls.ended : tree >= 0 ? "answer" : "exhausted";
    return st == SPN_OK && tree >= 0 ? give_answer(f, tree, out, err) : st;
}

static void forest_free(struct forest *f)
{
    for (int i = 0; i < f->started; i++) {
        reason_tree_free(&f->plant[i].tree);
        reason_sample_free(&f->plant[i].sample);
    }
    spn_free(f->plant);
    spn_free(f->start);
    reason_ground_free(&f->ground);
}

static spn_status check_request(const struct fot_options *o, const struct spn_reason_request *r,
                                struct spn_err *err)
{
    if (o->base == FOT_MCTS)
        return spn_fail(err, SPN_EUSAGE,
                        "fot: base=mcts is not there yet: base=tot grows beam trees, base=cot "
                        "worked solutions");
    if (r->task == NULL)
        return spn_fail(err, SPN_EUSAGE, "fot: no task takes this question");
    if (o->base == FOT_TOT && r->task->levels == 0)
        return spn_fail(err, SPN_EUSAGE, "fot: task %s has no steps to propose: choose base=cot",
                        r->task_name);
    if (o->random_proposer && r->task->random_reply == NULL)
        return spn_fail(err, SPN_EUSAGE, "fot: task %s has no random proposer", r->task_name);
    return SPN_OK;
}

/* States of the last level that a tree expands at once: many trees fill a batch by their best
   states alone, one tree needs all of its own.  With early stop off everything runs anyway. */
static int width(const struct fot_options *o)
{
    int together = o->in_flight > 0 && o->in_flight < o->trees ? o->in_flight : o->trees;

    return o->stop == FOT_NONE ? 0 : o->beam > together ? o->beam / together : 1;
}

spn_status fot_run(const struct reason_tables *tables, const struct fot_options *o,
                   const struct spn_reason_request *r, struct spn_reason_result *out,
                   struct spn_err *err)
{
    struct forest f = { .o = o, .r = r, .limit = o->trees };
    struct reason_ballot *scratch = NULL;
    const struct spn_caps *caps;
    spn_status st;

    *out = (struct spn_reason_result){
        .checked = -1, .winner = -1, .winner_tree = -1, .ended = "exhausted"
    };
    st = check_request(o, r, err);
    if (st != SPN_OK)
        return st;
    caps = tables->engine->caps(r->engine);
    f.tree_options = (struct reason_tree_options){ .beam = o->beam,
                                                   .correct = o->correct,
                                                   .sparse = o->sparse,
                                                   .sample_select = o->sample_select,
                                                   .random_values = o->random_values,
                                                   .random_proposer = o->random_proposer,
                                                   .width = width(o) };
    f.sample_options = (struct reason_sample_options){ .correct = o->correct,
                                                       .threshold = o->threshold,
                                                       .logprobs = caps != NULL && caps->logprobs };
    reason_ground_init(&f.ground, tables, r, &f.tree_options, o->eval, o->temperature);
    st = r->task->start(r->question, &f.start, err);
    if (st == SPN_OK) {
        f.plant = spn_calloc((size_t)o->trees, sizeof *f.plant);
        scratch = spn_calloc((size_t)o->trees, sizeof *scratch);
        if (f.plant == NULL || scratch == NULL)
            st = spn_fail(err, SPN_ENOMEM, "fot: no memory for %d trees", o->trees);
    }
    if (st == SPN_OK)
        st = grow(&f, scratch, err);
    if (st == SPN_OK)
        st = conclude(&f, scratch, out, err);
    reason_calls_end(&f.ground.calls);
    reason_calls_totals(&f.ground.calls, out);
    forest_free(&f);
    spn_free(scratch);
    if (st != SPN_OK) {
        spn_free(out->answer);
        spn_free(out->text);
        out->answer = out->text = NULL;
    }
    return st;
}

void fot_estimate(const struct fot_options *o, const struct spn_task *task, int64_t *calls,
                  int64_t *tokens)
{
    /* A reply of proposals is about 120 tokens, eight new states come of it, a judgement about 30;
       as measured on the Game of 24, where few trees need all of it. */
    int64_t levels = task != NULL && task->levels > 0 ? task->levels : 1;

    if (o->base == FOT_COT) {
        *calls = o->trees;
        *tokens = (int64_t)o->trees * 200;
        return;
    }
    *calls = o->trees * (1 + (levels - 1) * (8 * (int64_t)o->eval + o->beam));
    *tokens = o->trees * (120 + (levels - 1) * (8 * 30 * (int64_t)o->eval + 70 * (int64_t)o->beam));
}

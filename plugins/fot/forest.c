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
#include "bank.h"
#include "base/mem.h"
#include "decide.h"
#include "mcts.h"

#define ADDED_MAX 32 /* trees that a person adds by hand */

struct plant { /* one tree of any base */
    struct reason_tree tree;
    struct reason_sample sample;
    struct mcts mcts;
    bool started;
};

struct forest {
    const struct fot_options *o;
    struct fot_options set; /* *o with what fits the task */
    const struct spn_reason_request *r;
    struct reason_ground ground;
    struct reason_tree_options tree_options;
    struct reason_work_options work_options;
    struct mcts_options mcts_options;
    struct bank bank;
    char *start;
    struct plant *plant;       /* [room]: calls point into it, so it never moves */
    int room;
    int started, settled;      /* trees below are started, are done and looked at */
    int limit;                 /* trees from here on are not needed */
    struct spn_engine *expert; /* opened here; NULL: none */
    struct reason_calls expert_calls;
};

/* ---- a tree of any base ---- */

static bool is_done(const struct forest *f, const struct plant *p)
{
    if (!p->started)
        return false;
    switch (f->o->base) {
    case FOT_TOT:
        return p->tree.phase == REASON_DONE;
    case FOT_MCTS:
        return p->mcts.phase == MCTS_DONE;
    default:
        return p->sample.done;
    }
}

static bool was_stopped(const struct forest *f, const struct plant *p)
{
    return f->o->base == FOT_TOT ? p->tree.stopped : f->o->base == FOT_COT && p->sample.stopped;
}

/* Has the tree an answer that may end or decide the forest?  Sparse activation: one that the task's
   own check refutes, or that is wrong on its way, is inactive.  A tree of ToT that fails a level
   has no answer at all; one of rollouts that was stopped has the best of those it made. */
static bool is_active(const struct forest *f, const struct plant *p)
{
    if (!is_done(f, p) || was_stopped(f, p))
        return false;
    switch (f->o->base) {
    case FOT_TOT:
        return p->tree.solved;
    case FOT_MCTS:
        return mcts_best(&p->mcts) != NULL;
    default:
        return reason_work_active(&p->sample.work, f->o->sparse);
    }
}

/* What tree I answers. */
static struct decide_candidate candidate(const struct forest *f, int i)
{
    const struct plant *p = &f->plant[i];
    const struct reason_work *w = &p->sample.work;
    const struct mcts_answer *best;

    switch (f->o->base) {
    case FOT_TOT:
        return (struct decide_candidate){ .tree = i,
                                          .answer = p->tree.answer,
                                          .text = p->tree.text,
                                          .same = p->tree.answer,
                                          .node = p->tree.winner,
                                          .score = p->tree.score };
    case FOT_MCTS:
        best = mcts_best(&p->mcts);
        return (struct decide_candidate){ .tree = i,
                                          .answer = best->answer,
                                          .text = best->text,
                                          .same = best->canonical,
                                          .node = best->answer_node,
                                          .score = mcts_value(&p->mcts) };
    default:
        /* Where the model can be asked for a rating, the probability of the tokens is none. */
        return (struct decide_candidate){ .tree = i,
                                          .answer = w->answer,
                                          .text = w->text,
                                          .same = w->canonical,
                                          .node = p->sample.winner,
                                          .score = f->r->prompts != NULL ? NAN : w->score };
    }
}

static void stop_plant(struct forest *f, struct plant *p, enum spn_node_state state,
                       const char *why)
{
    if (!p->started || is_done(f, p))
        return;
    switch (f->o->base) {
    case FOT_TOT:
        reason_tree_stop(&p->tree, state, why);
        break;
    case FOT_MCTS:
        mcts_stop(&p->mcts, state, why);
        break;
    default:
        reason_sample_stop(&p->sample, state, why);
    }
}

static spn_status start_plant(struct forest *f, int i, const char *input,
                              const struct reason_example *example, struct spn_err *err)
{
    struct plant *p = &f->plant[i];

    p->started = true;
    switch (f->o->base) {
    case FOT_TOT:
        return reason_tree_start(&p->tree, &f->ground, i, input, err);
    case FOT_MCTS:
        return mcts_start(&p->mcts, &f->ground, &f->mcts_options, i, input, example, err);
    default:
        return reason_sample_start(&p->sample, &f->ground, &f->work_options, i, input, example,
                                   err);
    }
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
        stop_plant(f, &f->plant[i], SPN_NODE_STOPPED,
                   why.data != NULL ? why.data : "not needed");
    spn_buf_free(&why);
}

/* Candidates of the trees below END, in order. */
static spn_status candidates(struct forest *f, int end, struct decide_candidate *c, size_t *n,
                             struct spn_err *err)
{
    *n = 0;
    for (int i = 0; i < end; i++)
        if (is_active(f, &f->plant[i]))
            c[(*n)++] = candidate(f, i);
    return *n > 1 && f->r->task->alike > 0 ? decide_alike(&f->ground, c, *n, f->r->task->alike, err)
                                           : SPN_OK;
}

/* Look at what is done: in order for votes; a solution anywhere already makes higher trees
 * needless. */
static spn_status settle(struct forest *f, struct decide_candidate *scratch, struct spn_err *err)
{
    size_t n;
    spn_status st = SPN_OK;

    if (f->o->stop == FOT_FIRST)
        for (int i = 0; i < f->started && i < f->limit; i++)
            if (is_active(f, &f->plant[i]))
                lower_limit(f, i + 1);
    while (st == SPN_OK && f->settled < f->limit && f->settled < f->started &&
           is_done(f, &f->plant[f->settled])) {
        f->settled++;
        if (f->o->stop != FOT_MAJORITY)
            continue;
        /* Is one answer held by more than half of all trees, counting those so far? */
        st = candidates(f, f->settled, scratch, &n, err);
        if (st == SPN_OK && decide_most(scratch, n) > f->o->trees / 2)
            lower_limit(f, f->settled);
    }
    return st;
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

/* The example that tree I sees first: the first tree sees none, each later one the next of those
   most alike to the question.  It stands before the question itself, never before an earlier one.
 */
static struct reason_example example_of(const struct forest *f, int i)
{
    const struct bank_example *e;

    if (i == 0 || f->bank.n == 0)
        return (struct reason_example){ NULL, NULL };
    e = &f->bank.item[(size_t)(i - 1) % f->bank.n];
    return (struct reason_example){ e->question, e->answer };
}

static int running(const struct forest *f)
{
    int n = 0;

    for (int i = 0; i < f->started; i++)
        n += !is_done(f, &f->plant[i]);
    return n;
}

/* Start trees up to the number that may run together. */
static spn_status plant_trees(struct forest *f, struct decide_candidate *scratch,
                              struct spn_err *err)
{
    int together = f->o->in_flight > 0 ? f->o->in_flight : f->o->trees;
    spn_status st = SPN_OK;

    while (st == SPN_OK && f->started < f->limit && running(f) < together &&
           reason_open(&f->ground.calls)) {
        char *input = input_of(f, f->started);
        struct reason_example example = example_of(f, f->started);

        if (input == NULL)
            return spn_fail(err, SPN_ENOMEM, "fot: no memory for tree %d", f->started + 1);
        st = start_plant(f, f->started, input, &example, err);
        spn_free(input);
        f->started++;
        if (st == SPN_OK)
            st = settle(f, scratch, err);
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
        st = f->o->base == FOT_MCTS
                 ? mcts_reply(((struct reason_work *)reply->call.owner)->owner, reply, err)
                 : reason_sample_reply(reason_sample_of(reply), reply, err);
        break;
    case REASON_SCORE:
    case REASON_CRITIQUE:
        st = mcts_reply(reply->call.owner, reply, err);
        break;
    case REASON_VALUE:
        st = reason_verdict_reply(&f->ground.verdicts, reply->call.owner, reply, err);
        break;
    default:
        break;
    }
    for (int i = 0; i < f->started && st == SPN_OK && f->o->base == FOT_TOT; i++)
        st = reason_tree_step(&f->plant[i].tree, err);
    return st;
}

/* ---- by hand ---- */

/* One more tree, as long as none that runs has made further ones needless. */
static void add_by_hand(struct forest *f)
{
    struct spn_buf b = SPN_BUF_INIT(64);

    if (f->limit != f->set.trees || f->set.trees == f->room)
        return;
    f->set.trees++;
    f->limit++;
    spn_buf_printf(&b, "tree %d was added", f->set.trees);
    if (f->r->thoughts != NULL && b.data != NULL)
        f->ground.tables->thoughts->event(f->r->thoughts, "hand", b.data);
    spn_buf_free(&b);
}

/* false: nothing was wished. */
static bool obey(struct forest *f)
{
    const struct spn_steer *s = f->r->steer;
    struct spn_steer_wish w;
    bool any = false;

    while (s != NULL && s->take(s->ctx, &w)) {
        any = true;
        if (w.kind == SPN_STEER_ADD_TREE)
            add_by_hand(f);
        else if (w.tree >= 0 && w.tree < f->started)
            stop_plant(f, &f->plant[w.tree], SPN_NODE_BY_HAND, "ended by hand");
    }
    return any;
}

static spn_status grow(struct forest *f, struct decide_candidate *scratch, struct spn_err *err)
{
    spn_status st = plant_trees(f, scratch, err);

    while (st == SPN_OK && f->settled < f->limit && f->ground.calls.ended == NULL) {
        struct reason_reply reply;

        if (obey(f)) {
            st = settle(f, scratch, err);
            if (st == SPN_OK)
                st = plant_trees(f, scratch, err);
            if (st != SPN_OK)
                return st;
            continue;
        }
        st = reason_next(&f->ground.calls, &reply, err);
        if (st == SPN_ENOTFOUND && f->ground.calls.ended != NULL)
            return SPN_OK;
        if (st == SPN_ENOTFOUND)
            return spn_fail(err, SPN_EINTERNAL, "fot: %d trees wait and no call is under way",
                            f->limit - f->settled);
        if (st == SPN_OK)
            st = take_reply(f, &reply, err);
        if (st == SPN_OK)
            st = settle(f, scratch, err);
        if (st == SPN_OK)
            st = plant_trees(f, scratch, err);
    }
    return st;
}

/* The answer of tree I becomes the result. */
static spn_status give_answer(const struct forest *f, int i, struct spn_reason_result *out,
                              struct spn_err *err)
{
    struct decide_candidate c = candidate(f, i);

    out->answer = spn_strdup(c.answer);
    out->text = spn_strdup(c.text);
    if (out->answer == NULL || out->text == NULL)
        return spn_fail(err, SPN_ENOMEM, "fot: no memory for the answer");
    out->checked = f->r->task->check(f->r->question, out->answer);
    out->winner = c.node;
    out->winner_tree = i;
    return SPN_OK;
}

/* The calls of the expert: its own engine's, or the forest's. */
static spn_status open_expert(struct forest *f, struct reason_calls **out, struct spn_err *err)
{
    const struct spn_engine_api *api = f->ground.tables->engine;
    spn_status st = SPN_OK;

    *out = &f->ground.calls;
    if (f->o->expert == NULL || f->o->decide != FOT_CGED)
        return SPN_OK;
    st = api->open(&f->expert, f->o->expert, err);
    if (st != SPN_OK)
        return st;
    reason_calls_init(&f->expert_calls, api, f->r, f->o->temperature);
    f->expert_calls.engine = f->expert;
    *out = &f->expert_calls;
    return SPN_OK;
}

static void close_expert(struct forest *f, struct spn_reason_result *out)
{
    if (f->expert == NULL)
        return;
    reason_calls_end(&f->expert_calls);
    out->calls += f->expert_calls.calls;
    out->tokens_in += f->expert_calls.tokens_in;
    out->tokens_cached += f->expert_calls.tokens_cached;
    out->tokens_out += f->expert_calls.tokens_out;
    reason_calls_free(&f->expert_calls);
    f->ground.tables->engine->close(f->expert);
    f->expert = NULL;
}

/* The first answer, or what the trees that count decide. */
static spn_status conclude(struct forest *f, struct decide_candidate *c,
                           struct spn_reason_result *out, struct spn_err *err)
{
    bool forced = f->ground.calls.ended != NULL && f->settled < f->limit;
    int end = forced ? f->started : f->limit, tree = -1;
    struct reason_calls *expert;
    size_t n;
    spn_status st;

    for (int i = 0; i < f->started && forced; i++)
        stop_plant(f, &f->plant[i], SPN_NODE_STOPPED,
                   f->ground.calls.ended[0] == 'u' ? "stopped" : "budget spent");
    st = candidates(f, end, c, &n, err);
    if (n > 1 && f->r->task->alike > 0 && f->r->thoughts != NULL)
        f->ground.tables->thoughts->event(f->r->thoughts, "likeness",
                                          decide_embeds(&f->ground)
                                              ? "answers vote together by their embeddings"
                                              : "this engine has no embeddings: answers vote "
                                                "together by their letters");
    if (st == SPN_OK && n > 0)
        st = open_expert(f, &expert, err);
    if (st == SPN_OK && n > 0)
        st = decide(&f->ground, f->o, expert, c, n, &tree, err);
    if (st == SPN_OK && n > 0 && f->o->stop == FOT_FIRST)
        tree = c[0].tree;
    out->trees_run = end;
    out->ended = forced ? f->ground.calls.ended : tree >= 0 ? "answer" : "exhausted";
    return st == SPN_OK && tree >= 0 ? give_answer(f, tree, out, err) : st;
}

static void forest_free(struct forest *f)
{
    for (int i = 0; i < f->started; i++) {
        reason_tree_free(&f->plant[i].tree);
        reason_sample_free(&f->plant[i].sample);
        mcts_free(&f->plant[i].mcts);
    }
    spn_free(f->plant);
    spn_free(f->start);
    bank_free(&f->bank);
    reason_ground_free(&f->ground);
}

static spn_status check_request(const struct fot_options *o, const struct spn_reason_request *r,
                                struct spn_err *err)
{
    if (o->base == FOT_MCTS && r->prompts == NULL)
        return spn_fail(err, SPN_EUSAGE,
                        "fot: task %s has no prompts to criticise and refine with: choose base=tot "
                        "or base=cot",
                        r->task_name);
    if (o->base == FOT_TOT && r->task->levels == 0)
        return spn_fail(err, SPN_EUSAGE,
                        "fot: task %s has no steps to propose: choose base=mcts or base=cot",
                        r->task_name);
    if (o->random_proposer && r->task->random_reply == NULL)
        return spn_fail(err, SPN_EUSAGE, "fot: task %s has no random proposer", r->task_name);
    return SPN_OK;
}

static void fit(struct fot_options *o, const struct spn_task *task, bool prompts)
{
    bool steps = task->levels > 0;

    if (o->base == FOT_BASE_AUTO)
        o->base = steps ? FOT_TOT : prompts ? FOT_MCTS : FOT_COT;
    if (o->stop == FOT_STOP_AUTO)
        o->stop = steps ? FOT_FIRST : FOT_MAJORITY;
    if (o->decide == FOT_DECIDE_AUTO)
        o->decide = steps ? FOT_VOTE : FOT_CGED;
}

/* States of the last level that a tree expands at once: many trees fill a batch by their best
   states alone, one tree needs all of its own.  With early stop off everything runs anyway. */
static int width(const struct fot_options *o)
{
    int together = o->in_flight > 0 && o->in_flight < o->trees ? o->in_flight : o->trees;

    return o->stop == FOT_NONE ? 0 : o->beam > together ? o->beam / together : 1;
}

spn_status fot_run(const struct reason_tables *tables, const struct fot_options *given,
                   const struct spn_reason_request *r, struct spn_reason_result *out,
                   struct spn_err *err)
{
    struct forest f = { .set = *given, .r = r, .limit = given->trees };
    const struct fot_options *o = f.o = &f.set;
    struct decide_candidate *scratch = NULL;
    const struct spn_caps *caps;
    spn_status st;

    *out = (struct spn_reason_result){
        .checked = -1, .winner = -1, .winner_tree = -1, .ended = "exhausted"
    };
    if (r->task == NULL)
        return spn_fail(err, SPN_EUSAGE, "fot: no task takes this question");
    fit(&f.set, r->task, r->prompts != NULL);
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
    f.work_options = (struct reason_work_options){ .mend = o->correct,
                                                   .correct = o->correct,
                                                   .threshold = o->threshold,
                                                   .logprobs = caps != NULL && caps->logprobs };
    f.mcts_options = (struct mcts_options){ .rollouts = o->rollouts,
                                            .one_step = o->one_step,
                                            .dummy = o->dummy,
                                            .sparse = o->sparse,
                                            .work = f.work_options };
    reason_ground_init(&f.ground, tables, r, &f.tree_options, o->eval, o->temperature);
    st = r->task->start(r->question, &f.start, err);
    if (st == SPN_OK && o->augment && r->examples != NULL && o->trees > 1) {
        st = bank_load(&f.bank, r->examples, err);
        if (st == SPN_OK)
            st = bank_sort(&f.bank, f.start, err);
    }
    if (st == SPN_OK) {
        f.room = o->trees + (r->steer != NULL ? ADDED_MAX : 0);
        f.plant = spn_calloc((size_t)f.room, sizeof *f.plant);
        scratch = spn_calloc((size_t)f.room, sizeof *scratch);
        if (f.plant == NULL || scratch == NULL)
            st = spn_fail(err, SPN_ENOMEM, "fot: no memory for %d trees", o->trees);
    }
    if (st == SPN_OK)
        st = grow(&f, scratch, err);
    if (st == SPN_OK)
        st = conclude(&f, scratch, out, err);
    reason_calls_end(&f.ground.calls);
    reason_calls_totals(&f.ground.calls, out);
    close_expert(&f, out);
    forest_free(&f);
    spn_free(scratch);
    if (st != SPN_OK) {
        spn_free(out->answer);
        spn_free(out->text);
        out->answer = out->text = NULL;
    }
    return st;
}

void fot_estimate(const struct fot_options *given, const struct spn_task *task, int64_t *calls,
                  int64_t *tokens)
{
    /* A reply of proposals is about 120 tokens, eight new states come of it, a judgement about 30;
       as measured on the Game of 24, where few trees need all of it. */
    int64_t levels = task != NULL && task->levels > 0 ? task->levels : 1;
    struct fot_options o = *given;

    if (task != NULL)
        fit(&o, task, task->prompts != NULL);
    if (o.base == FOT_COT) {
        *calls = o.trees;
        *tokens = (int64_t)o.trees * 200;
    } else if (o.base == FOT_MCTS) {
        /* An answer and its rating; a rollout rates, criticises, refines and rates again. */
        *calls = o.trees * (2 + o.dummy + 4 * (int64_t)o.rollouts);
        *tokens = o.trees * (250 + 50 * (int64_t)o.dummy + 350 * (int64_t)o.rollouts);
    } else {
        *calls = o.trees * (1 + (levels - 1) * (8 * (int64_t)o.eval + o.beam));
        *tokens =
            o.trees * (120 + (levels - 1) * (8 * 30 * (int64_t)o.eval + 70 * (int64_t)o.beam));
    }
}

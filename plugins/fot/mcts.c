/* mcts.c - rollouts of whole answers.

   A rollout is three levels of calls: a new reward of the chosen node and a critique of it, its
   refinement, the refinement's reward.  Trees of a forest that are at the same level ask together,
   because each asks as soon as its own replies are there. */
#include "config.h"

#include "mcts.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define SCORE_TOKENS    512
#define CRITIQUE_TOKENS 512

static spn_status no_memory(const struct mcts *t, struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "tree %d: no memory at rollout %d", t->index + 1, t->rollout);
}

const char *mcts_refusal(uint64_t seed, int index)
{
    static const char *const all[] = {
        "I don't know.",
        "I cannot answer this.",
        "I'm not sure how to solve it.",
        "I am unable to help with this question.",
        "I don't know how to begin.",
        "I can't say.",
    };
    struct spn_rng rng;

    spn_rng_init(&rng, reason_key(reason_tree_key(seed, index), "refusal", 0));
    return all[spn_rng_below(&rng, sizeof all / sizeof *all)];
}

/* ---- nodes ---- */

/* One more node below FATHER, its texts taken over (TEXT NULL: no memory); its index, -1: no
 * memory. */
static int add(struct mcts *t, int father, char *text_take, char *answer_take, char *canonical_take,
               bool active)
{
    int i = text_take != NULL ? uct_add(&t->uct, father, !active || answer_take == NULL) : -1;

    if (i >= 0 && t->uct.n > t->room) {
        size_t room = t->room == 0 ? 8 : 2 * (size_t)t->room;
        struct mcts_answer *item = spn_realloc(t->item, room, sizeof *item);
        double *score;

        if (item != NULL)
            t->item = item;
        score = spn_realloc(t->score, room, sizeof *score);
        if (score != NULL)
            t->score = score;
        if (item != NULL && score != NULL)
            t->room = (int)room;
        else
            t->uct.n = i; /* the node has no reward yet: nothing to free */
    }
    if (i < 0 || t->uct.n == i) {
        spn_free(text_take);
        spn_free(answer_take);
        spn_free(canonical_take);
        return -1;
    }
    t->score[i] = NAN;
    t->item[i] = (struct mcts_answer){ .text = text_take,
                                       .answer = answer_take,
                                       .canonical = canonical_take,
                                       .node = -1,
                                       .answer_node = -1,
                                       .active = active };
    t->item[i].path =
        father < 0 ? reason_key(reason_tree_key(t->g->r->seed, t->index), "root", i)
                   : reason_key(t->item[father].path, "child", t->item[father].path_children++);
    return i;
}

/* What the work brought becomes a node; its index, -1: no memory. */
static int add_work(struct mcts *t, int father)
{
    struct reason_work *w = &t->work;
    int level = 1, i;
    int64_t answer_node;
    int64_t node;

    for (int p = father; p >= 0; p = t->uct.node[p].father)
        level += 2;
    node = reason_work_nodes(w, t->index, level, father >= 0 ? t->item[father].node : t->root,
                             &answer_node);
    i = add(t, father, w->text, w->answer, w->canonical, reason_work_active(w, t->o->sparse));
    w->text = w->answer = w->canonical = NULL;
    if (i >= 0) {
        t->item[i].node = node;
        t->item[i].answer_node = answer_node;
    }
    return i;
}

static spn_status add_refusal(struct mcts *t, struct spn_err *err)
{
    const char *text = mcts_refusal(t->g->r->seed, t->index);
    int i = add(t, -1, spn_strdup(text), NULL, NULL, false);
    struct spn_node n = { .parent = t->root,
                          .tree = t->index,
                          .level = 1,
                          .kind = "work",
                          .text = text,
                          .score = NAN,
                          .state = SPN_NODE_ENDED,
                          .why = "a refusal to start from: it never wins" };

    if (i < 0)
        return no_memory(t, err);
    t->item[i].node = reason_node_add(t->g, &n);
    return SPN_OK;
}

/* What was found wrong with answer I, below it. */
static void add_critique(struct mcts *t, int i)
{
    int level = 2;
    struct spn_node n = { .parent = t->item[i].node,
                          .tree = t->index,
                          .kind = "critique",
                          .text = t->critique,
                          .score = NAN,
                          .state = SPN_NODE_ENDED };

    for (int p = t->uct.node[i].father; p >= 0; p = t->uct.node[p].father)
        level += 2;
    n.level = level;
    if (t->item[i].node >= 0)
        reason_node_add(t->g, &n);
}

/* ---- calls ---- */

/* Ask with the words of SECTION about node I. */
static spn_status ask_about(struct mcts *t, int i, const char *section, enum reason_kind kind,
                            int64_t max_tokens, struct spn_err *err)
{
    const struct spn_place places[] = { { "question", t->g->r->question },
                                        { "answer", t->item[i].text } };
    struct reason_ask a = { .owner = t,
                            .kind = kind,
                            .index = i,
                            .max_tokens = max_tokens,
                            .key =
                                reason_key(t->item[i].path, section, (int64_t)t->uct.node[i].n) };
    char *prompt = NULL;
    spn_status st = reason_words(t->g->r, section, places, 2, &prompt, err);

    if (st == SPN_OK && prompt == NULL)
        st = spn_fail(err, SPN_EUSAGE, "fot: base=mcts needs the section [%s] of the prompts",
                      section);
    a.prompt = prompt;
    if (st == SPN_OK)
        st = reason_ask(&t->g->calls, &a, err);
    spn_free(prompt);
    t->waiting += st == SPN_OK;
    return st;
}

static spn_status judge(struct mcts *t, int i, struct spn_err *err)
{
    return ask_about(t, i, "score", REASON_SCORE, SCORE_TOKENS, err);
}

static spn_status refine(struct mcts *t, struct spn_err *err)
{
    const struct mcts_answer *x = &t->item[t->at];
    const struct spn_place places[] = { { "question", t->g->r->question },
                                        { "answer", x->text },
                                        { "critique", t->critique != NULL ? t->critique : "" } };
    char *prompt = NULL;
    spn_status st = reason_words(t->g->r, "refine", places, 3, &prompt, err);

    if (st == SPN_OK && prompt == NULL)
        st = spn_fail(err, SPN_EUSAGE, "fot: base=mcts needs the section [refine] of the prompts");
    if (st != SPN_OK)
        return st;
    reason_work_free(&t->work);
    t->phase = MCTS_REFINING;
    return reason_work_start(&t->work, t->g, &t->o->work, t, prompt, NULL,
                             reason_key(x->path, "refine", x->path_children), err);
}

spn_status mcts_start(struct mcts *t, struct reason_ground *g, const struct mcts_options *o,
                      int index, const char *input, const struct reason_example *example,
                      struct spn_err *err)
{
    char *prompt = NULL;
    spn_status st;

    *t = (struct mcts){ .g = g, .o = o, .index = index, .at = -1, .best = -1 };
    t->uct.one_step = o->one_step;
    t->root = reason_node_input(g, index, input);
    st = reason_answer_words(g->r, input, &prompt, err);
    return st == SPN_OK ? reason_work_start(&t->work, g, &o->work, t, prompt, example,
                                            reason_tree_key(g->r->seed, index), err)
                        : st;
}

/* ---- the machine ---- */

/* Values and visits as they stand, for who watches and for the replay. */
static void show(const struct mcts *t)
{
    const struct spn_thoughts_api *thoughts = t->g->tables->thoughts;

    for (int i = 0; i < t->uct.n && t->g->r->thoughts != NULL; i++) {
        if (t->item[i].node < 0)
            continue;
        thoughts->score(t->g->r->thoughts, t->item[i].node, uct_value(&t->uct, i));
        thoughts->visits(t->g->r->thoughts, t->item[i].node, (int64_t)t->uct.node[i].n);
    }
}

static void finish(struct mcts *t)
{
    t->best = uct_best(&t->uct);
    t->phase = MCTS_DONE;
    show(t);
    reason_node_state(t->g, t->root, SPN_NODE_ENDED, t->best >= 0 ? "answers" : "no answer");
}

/* Choose the node of the next rollout, or end. */
static spn_status roll(struct mcts *t, struct spn_err *err)
{
    spn_status st;

    if (t->rollout == t->o->rollouts) {
        finish(t);
        return SPN_OK;
    }
    t->rollout++;
    t->at = uct_select(&t->uct);
    t->phase = MCTS_LOOKING;
    spn_free(t->critique);
    t->critique = NULL;
    st = judge(t, t->at, err);
    return st == SPN_OK ? ask_about(t, t->at, "critique", REASON_CRITIQUE, CRITIQUE_TOKENS, err)
                        : st;
}

/* An answer is there: rate it. */
static spn_status take_work(struct mcts *t, struct spn_err *err)
{
    int i = add_work(t, t->phase == MCTS_REFINING ? t->at : -1);
    bool first = t->phase == MCTS_ANSWERING;
    spn_status st;

    if (i < 0)
        return no_memory(t, err);
    t->phase = MCTS_JUDGING;
    st = judge(t, i, err);
    if (st == SPN_OK && first && t->o->dummy) {
        st = add_refusal(t, err);
        if (st == SPN_OK)
            st = judge(t, t->uct.n - 1, err);
    }
    return st;
}

/* All replies of a level are there. */
static spn_status level_done(struct mcts *t, struct spn_err *err)
{
    for (int i = 0; i < t->uct.n; i++) {
        if (isnan(t->score[i]))
            continue;
        if (!uct_reward(&t->uct, i, t->score[i]))
            return no_memory(t, err);
        t->score[i] = NAN;
    }
    if (t->phase == MCTS_LOOKING)
        return refine(t, err);
    uct_update(&t->uct);
    show(t);
    return roll(t, err);
}

spn_status mcts_reply(struct mcts *t, const struct reason_reply *reply, struct spn_err *err)
{
    spn_status st;

    if (t->phase == MCTS_DONE)
        return SPN_OK;
    if (reply->call.kind == REASON_SOLVE) {
        st = reason_work_reply(&t->work, reply, err);
        return st == SPN_OK && t->work.done ? take_work(t, err) : st;
    }
    if (t->g->r->thoughts != NULL)
        t->g->tables->thoughts->spent(t->g->r->thoughts, t->item[reply->call.index].node,
                                      reply->tokens_in, reply->tokens_out, reply->seconds);
    if (reply->call.kind == REASON_SCORE) {
        t->score[reply->call.index] = reason_score(reply->text);
    } else {
        t->critique = spn_strdup(reply->text);
        if (t->critique == NULL)
            return no_memory(t, err);
        add_critique(t, (int)reply->call.index);
    }
    return --t->waiting == 0 ? level_done(t, err) : SPN_OK;
}

void mcts_stop(struct mcts *t, enum spn_node_state state, const char *why)
{
    if (t->phase == MCTS_DONE)
        return;
    /* What it has so far decides. */
    t->best = uct_best(&t->uct);
    t->phase = MCTS_DONE;
    reason_drop(&t->g->calls, t, 0);
    reason_drop(&t->g->calls, &t->work, 0);
    reason_node_state(t->g, t->root, state, why);
}

void mcts_free(struct mcts *t)
{
    if (t->g == NULL)
        return;
    reason_drop(&t->g->calls, t, 0);
    reason_work_free(&t->work);
    for (int i = 0; i < t->uct.n; i++) {
        spn_free(t->item[i].text);
        spn_free(t->item[i].answer);
        spn_free(t->item[i].canonical);
    }
    spn_free(t->item);
    spn_free(t->score);
    spn_free(t->critique);
    uct_free(&t->uct);
    *t = (struct mcts){ .g = NULL };
}

const struct mcts_answer *mcts_best(const struct mcts *t)
{
    return t->best >= 0 ? &t->item[t->best] : NULL;
}

double mcts_value(const struct mcts *t)
{
    return t->best >= 0 ? uct_value(&t->uct, t->best) : NAN;
}

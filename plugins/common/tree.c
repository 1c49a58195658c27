/* tree.c - the beam tree of ToT and FoT as a state machine.

   A level: one propose call on each state of the front; every line through the task's rules; each
   state that is new judged; the best kept as the next front.  The last level of FoT needs no
   judging: the task's rule says which line solves, and the tree's solution is the first one by
   (state, line), whatever arrived first. */
#include "config.h"

#include "tree_inner.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define PROPOSE_TOKENS 512 /* most tokens of one reply to a propose prompt */

void reason_ground_init(struct reason_ground *g, const struct reason_tables *tables,
                        const struct spn_reason_request *r, const struct reason_tree_options *o,
                        int values, double temperature)
{
    *g = (struct reason_ground){ .tables = tables, .r = r, .o = o };
    reason_calls_init(&g->calls, tables->engine, r, temperature);
    g->verdicts.calls = &g->calls;
    g->verdicts.tables = tables;
    g->verdicts.r = r;
    g->verdicts.samples = values;
}

void reason_ground_free(struct reason_ground *g)
{
    reason_calls_end(&g->calls);
    reason_verdicts_free(&g->verdicts);
    reason_calls_free(&g->calls);
}

/* ---- the graph ---- */

int64_t reason_node_add(const struct reason_ground *g, const struct spn_node *n)
{
    int64_t id = g->r->thoughts != NULL ? g->tables->thoughts->add(g->r->thoughts, n) : -1;

    if (g->r->on_change != NULL)
        g->r->on_change(g->r->on_change_ctx);
    return id;
}

void reason_node_state(const struct reason_ground *g, int64_t node, enum spn_node_state state,
                       const char *why)
{
    if (g->r->thoughts != NULL && node >= 0)
        g->tables->thoughts->state(g->r->thoughts, node, state, why);
    if (g->r->on_change != NULL)
        g->r->on_change(g->r->on_change_ctx);
}

int64_t reason_node_input(const struct reason_ground *g, int tree, const char *input)
{
    struct spn_node n = {
        .parent = -1, .tree = tree, .kind = "input", .text = input, .score = NAN
    };

    return reason_node_add(g, &n);
}

static void set_score(struct reason_tree *t, const struct reason_thought *x)
{
    if (t->g->r->thoughts != NULL && x->node >= 0)
        t->g->tables->thoughts->score(t->g->r->thoughts, x->node, x->value);
}

/* ---- thoughts ---- */

spn_status tree_no_memory(const struct reason_tree *t, struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "tree %d: no memory at level %d", t->index + 1, t->level);
}

/* One more pointer in *LIST. */
static bool append(struct reason_thought ***list, size_t *n, size_t *room, struct reason_thought *x)
{
    if (*n == *room) {
        size_t wanted = *room == 0 ? 32 : 2 * *room;
        struct reason_thought **bigger = spn_realloc(*list, wanted, sizeof *bigger);

        if (bigger == NULL)
            return false;
        *list = bigger;
        *room = wanted;
    }
    (*list)[(*n)++] = x;
    return true;
}

static void free_thought(struct reason_thought *x)
{
    if (x == NULL)
        return;
    spn_free(x->text);
    spn_free(x->state);
    spn_free(x);
}

/* A new thought owning TEXT and STATE, freed when it cannot be made. */
static struct reason_thought *new_thought(struct reason_tree *t, struct reason_thought *parent,
                                          uint64_t path, char *text_take, char *state_take)
{
    struct reason_thought *x = spn_calloc(1, sizeof *x);

    if (x != NULL) {
        *x = (struct reason_thought){ parent,    parent != NULL ? parent->level + 1 : 0,
                                      text_take, state_take,
                                      path,      -1,
                                      NAN,       NULL };
        if (text_take != NULL && state_take != NULL && append(&t->all, &t->n_all, &t->room_all, x))
            return x;
        free_thought(x);
        return NULL;
    }
    spn_free(text_take);
    spn_free(state_take);
    return NULL;
}

static void free_expansions(struct reason_tree *t)
{
    for (size_t i = 0; t->expansion != NULL && i < t->n_front; i++) {
        spn_free(t->expansion[i].reply);
        spn_free(t->expansion[i].last);
        spn_free(t->expansion[i].answer);
    }
    spn_free(t->expansion);
    t->expansion = NULL;
}

static void drop_verdicts(struct reason_tree *t)
{
    for (size_t i = 0; i < t->n_all; i++) {
        if (t->all[i]->verdict != NULL)
            reason_verdict_drop(&t->g->verdicts, t->all[i]->verdict);
        t->all[i]->verdict = NULL;
    }
}

void tree_finish(struct reason_tree *t, enum spn_node_state state, const char *why)
{
    t->phase = REASON_DONE;
    reason_drop(&t->g->calls, t, 0);
    drop_verdicts(t);
    reason_node_state(t->g, t->root != NULL ? t->root->node : -1, state, why);
}

/* ---- proposing ---- */

static bool closes_by_rule(const struct reason_tree *t)
{
    return !t->g->o->closing && t->level == t->g->r->task->levels;
}

static spn_status parse_last(struct reason_tree *t, size_t i, struct spn_err *err);

/* Ask for proposals on state I of the front; a random proposer answers at once. */
static spn_status ask_one(struct reason_tree *t, size_t i, struct spn_err *err)
{
    const struct spn_task *task = t->g->r->task;
    struct reason_thought *x = t->front[i];
    uint64_t key = reason_key(x->path, "propose", 0);
    spn_status st;

    if (t->g->o->random_proposer) {
        struct spn_rng rng;

        spn_rng_init(&rng, key);
        t->expansion[i].reply = task->random_reply(x->state, t->level, &rng);
        t->expansion[i].arrived = true;
        if (t->expansion[i].reply == NULL)
            return tree_no_memory(t, err);
        return closes_by_rule(t) ? parse_last(t, i, err) : SPN_OK;
    }
    char *prompt = task->propose_prompt(x->state, t->level);

    if (prompt == NULL)
        return tree_no_memory(t, err);
    struct reason_ask a = { .owner = t,
                            .kind = REASON_PROPOSE,
                            .index = (int64_t)i,
                            .prompt = prompt,
                            .max_tokens = PROPOSE_TOKENS,
                            .key = key };

    st = reason_ask(&t->g->calls, &a, err);
    spn_free(prompt);
    return st;
}

/* The first state of the last level with a solution: those behind it no longer matter. n_front:
 * none has one. */
static size_t first_hit(const struct reason_tree *t)
{
    size_t i = 0;

    while (i < t->n_front && t->expansion[i].hit == NULL)
        i++;
    return i;
}

static size_t under_way(const struct reason_tree *t)
{
    size_t n = 0;

    for (size_t i = 0; i < t->asked; i++)
        n += !t->expansion[i].arrived;
    return n;
}

/* Queue what may be queued: all of a level, but of the last one `width` at a time and none behind a
 * solution. */
static spn_status ask_more(struct reason_tree *t, struct spn_err *err)
{
    size_t width = closes_by_rule(t) && t->g->o->width > 0 ? (size_t)t->g->o->width : t->n_front;
    spn_status st = SPN_OK;

    while (st == SPN_OK && t->asked < first_hit(t) && under_way(t) < width &&
           reason_open(&t->g->calls))
        st = ask_one(t, t->asked++, err);
    return st;
}

/* The next front; takes the array over. */
static spn_status set_front(struct reason_tree *t, struct reason_thought **front_take, size_t n,
                            struct spn_err *err)
{
    free_expansions(t);
    spn_free(t->front);
    t->front = front_take;
    t->n_front = n;
    t->asked = 0;
    t->expansion = spn_calloc(n, sizeof *t->expansion);
    return t->expansion != NULL ? SPN_OK : tree_no_memory(t, err);
}

spn_status reason_tree_start(struct reason_tree *t, struct reason_ground *g, int index,
                             const char *input, struct spn_err *err)
{
    struct reason_thought **front = spn_calloc(1, sizeof *front);
    spn_status st;

    *t = (struct reason_tree){
        .g = g, .index = index, .level = 1, .phase = REASON_PROPOSING, .winner = -1, .score = NAN
    };
    t->root = new_thought(t, NULL, reason_tree_key(g->r->seed, index), spn_strdup(input),
                          spn_strdup(input));
    if (front == NULL || t->root == NULL) {
        spn_free(front);
        return tree_no_memory(t, err);
    }
    t->root->node = reason_node_input(g, index, input);
    front[0] = t->root;
    st = set_front(t, front, 1, err);
    return st == SPN_OK ? reason_tree_step(t, err) : st;
}

/* ---- lines through the rules ---- */

/* Line NUMBER of a reply on PARENT: *OUT is the new thought, or NULL when the rules dropped the
 * line. */
static spn_status accept(struct reason_tree *t, struct reason_thought *parent, const char *line,
                         int64_t number, struct reason_thought **out, struct spn_err *err)
{
    struct spn_step step = { NULL, NULL, NULL };
    struct spn_node n = {
        .parent = parent->node, .tree = t->index, .level = t->level, .kind = "propose", .score = NAN
    };
    const char *why = NULL;

    *out = NULL;
    if (!t->g->r->task->rule(parent->state, line, t->level, t->g->o->correct, &step, &why)) {
        n.text = line;
        n.state = SPN_NODE_CUT;
        n.why = why != NULL ? why : "dropped";
        reason_node_add(t->g, &n);
        return SPN_OK;
    }
    n.text = step.text;
    n.repaired = step.repaired_from;
    *out = new_thought(t, parent, reason_key(parent->path, "line", number), step.text, step.state);
    if (*out != NULL)
        (*out)->node = reason_node_add(t->g, &n);
    spn_free(step.repaired_from);
    return *out != NULL ? SPN_OK : tree_no_memory(t, err);
}

/* Does X hold the state of an earlier candidate? Order does not matter. */
static spn_status is_repeated(struct reason_tree *t, const struct reason_thought *x, bool *repeated,
                              struct spn_err *err)
{
    char *key = t->g->r->task->value_key(x->state);

    *repeated = false;
    if (key == NULL)
        return tree_no_memory(t, err);
    for (size_t i = 0; i < t->n_cand && !*repeated; i++) {
        char *other = t->g->r->task->value_key(t->cand[i]->state);

        if (other == NULL) {
            spn_free(key);
            return tree_no_memory(t, err);
        }
        *repeated = strcmp(key, other) == 0;
        spn_free(other);
    }
    spn_free(key);
    return SPN_OK;
}

/* All replies of a level into candidates, by state and line. */
static spn_status collect(struct reason_tree *t, struct spn_err *err)
{
    spn_status st = SPN_OK;

    t->n_cand = 0;
    for (size_t i = 0; i < t->n_front && st == SPN_OK; i++) {
        const char *at = t->expansion[i].reply;
        char *line;

        for (int64_t number = 0; st == SPN_OK && reason_line(&at, &line); number++) {
            struct reason_thought *x = NULL;
            bool repeated = false;

            if (line == NULL)
                return tree_no_memory(t, err);
            st = accept(t, t->front[i], line, number, &x, err);
            if (st == SPN_OK && x != NULL)
                st = is_repeated(t, x, &repeated, err);
            if (repeated)
                reason_node_state(t->g, x->node, SPN_NODE_CUT, "a state that is there already");
            else if (st == SPN_OK && x != NULL && !append(&t->cand, &t->n_cand, &t->room_cand, x))
                st = tree_no_memory(t, err);
            spn_free(line);
        }
    }
    return st;
}

/* The reply on state I of the last level: the first line that solves, if any. */
static spn_status parse_last(struct reason_tree *t, size_t i, struct spn_err *err)
{
    const struct spn_task *task = t->g->r->task;
    struct reason_expansion *e = &t->expansion[i];
    const char *at = e->reply;
    char *line;
    spn_status st = SPN_OK;

    for (int64_t number = 0; st == SPN_OK && e->hit == NULL && reason_line(&at, &line); number++) {
        struct reason_thought *x = NULL;
        char *last = NULL, *answer;

        if (line == NULL)
            return tree_no_memory(t, err);
        st = accept(t, t->front[i], line, number, &x, err);
        spn_free(line);
        if (st != SPN_OK || x == NULL)
            continue;
        if (!task->finish(x->state, &last)) {
            reason_node_state(t->g, x->node, SPN_NODE_ENDED, NULL);
            continue;
        }
        answer = tree_compose(t, x, last);
        if (t->g->o->correct && (answer == NULL || task->check(t->g->r->question, answer) == 0)) {
            reason_node_state(t->g, x->node, SPN_NODE_CUT, "its claim is false");
            spn_free(answer);
            spn_free(last);
            continue;
        }
        e->hit = x;
        e->last = last;
        e->answer = answer;
    }
    return st;
}

spn_status reason_tree_reply(struct reason_tree *t, const struct reason_reply *reply,
                             struct spn_err *err)
{
    size_t i = (size_t)reply->call.index;

    if (t->phase != REASON_PROPOSING || i >= t->n_front || t->expansion[i].arrived)
        return SPN_OK;
    t->expansion[i].reply = spn_strdup(reply->text);
    if (t->expansion[i].reply == NULL)
        return tree_no_memory(t, err);
    t->expansion[i].arrived = true;
    if (t->g->r->thoughts != NULL)
        t->g->tables->thoughts->spent(t->g->r->thoughts, t->front[i]->node, reply->tokens_in,
                                      reply->tokens_out, reply->seconds);
    if (!closes_by_rule(t))
        return SPN_OK;
    spn_status st = parse_last(t, i, err);

    /* States behind this one can no longer matter. */
    if (st == SPN_OK && t->expansion[i].hit != NULL)
        reason_drop(&t->g->calls, t, (int64_t)i + 1);
    return st;
}

/* ---- judging ---- */

static spn_status judge(struct reason_tree *t, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; i < t->n_cand && st == SPN_OK; i++) {
        struct reason_thought *x = t->cand[i];

        if (t->g->o->random_values) {
            struct spn_rng rng;

            /* Not one of the words: equal values would fall back on the order of the lines, in
               which a model that proposes well puts good ones first. */
            spn_rng_init(&rng, reason_key(x->path, "random value", 0));
            x->value = 20 * spn_rng_unit(&rng);
        } else {
            st = reason_verdict_want(&t->g->verdicts, x->state, x->node, &x->verdict, err);
        }
    }
    return st;
}

static bool judged(struct reason_tree *t)
{
    for (size_t i = 0; i < t->n_cand; i++)
        if (t->cand[i]->verdict != NULL && !t->cand[i]->verdict->done)
            return false;
    return true;
}

/* Candidates by value, best first, equal ones as they came. */
static void sort_candidates(struct reason_tree *t)
{
    for (size_t i = 1; i < t->n_cand; i++) {
        struct reason_thought *x = t->cand[i];
        size_t k = i;

        for (; k > 0 && t->cand[k - 1]->value < x->value; k--)
            t->cand[k] = t->cand[k - 1];
        t->cand[k] = x;
    }
}

/* Move KEEP candidates to the front of the list, drawn one after another with p = value / sum of
 * those left. */
static void draw_candidates(struct reason_tree *t, size_t keep)
{
    struct spn_rng rng;

    spn_rng_init(&rng, reason_key(t->root->path, "select", t->level));
    for (size_t i = 0; i < keep; i++) {
        double sum = 0, at;
        size_t pick = i;
        struct reason_thought *x;

        for (size_t k = i; k < t->n_cand; k++)
            sum += t->cand[k]->value;
        at = spn_rng_unit(&rng) * sum;
        while (pick + 1 < t->n_cand && at >= t->cand[pick]->value)
            at -= t->cand[pick++]->value;
        x = t->cand[pick];
        memmove(&t->cand[i + 1], &t->cand[i], (pick - i) * sizeof *t->cand);
        t->cand[i] = x;
    }
}

/* The best candidates become the front of the next level. */
static spn_status keep_best(struct reason_tree *t, struct spn_err *err)
{
    const struct reason_tree_options *o = t->g->o;
    size_t keep = o->sparse && t->n_cand > (size_t)o->beam ? (size_t)o->beam : t->n_cand;
    struct reason_thought **front;

    for (size_t i = 0; i < t->n_cand; i++) {
        if (t->cand[i]->verdict != NULL)
            t->cand[i]->value = t->cand[i]->verdict->value;
        set_score(t, t->cand[i]);
    }
    sort_candidates(t);
    if (o->sample_select)
        draw_candidates(t, keep);
    for (size_t i = keep; i < t->n_cand; i++)
        reason_node_state(t->g, t->cand[i]->node, SPN_NODE_CUT, "not among the best");
    front = spn_calloc(keep, sizeof *front);
    if (front == NULL)
        return tree_no_memory(t, err);
    memcpy(front, t->cand, keep * sizeof *front);
    return set_front(t, front, keep, err);
}

/* ---- the machine ---- */

/* Proposing: *MOVED when the level came to its end. */
static spn_status step_proposing(struct reason_tree *t, bool *moved, struct spn_err *err)
{
    spn_status st = ask_more(t, err);

    if (st != SPN_OK)
        return st;
    for (size_t i = 0; i < t->n_front; i++) {
        struct reason_expansion *e = &t->expansion[i];

        if (!e->arrived)
            return SPN_OK;
        if (e->hit != NULL) {
            char *answer = e->answer;

            *moved = true;
            e->answer = NULL;
            return tree_solve(t, e->hit, e->last, answer, err);
        }
    }
    *moved = true;
    if (closes_by_rule(t)) {
        tree_finish(t, SPN_NODE_ENDED, "no line solves");
        return SPN_OK;
    }
    st = collect(t, err);
    if (st == SPN_OK && t->n_cand == 0) {
        /* Sparse activation: a level without a valid line deactivates the tree. */
        tree_finish(t, SPN_NODE_ENDED, "no valid line left");
        return SPN_OK;
    }
    if (st == SPN_OK)
        st = judge(t, err);
    t->phase = REASON_JUDGING;
    return st;
}

static spn_status step_judging(struct reason_tree *t, bool *moved, struct spn_err *err)
{
    spn_status st;

    if (!judged(t))
        return SPN_OK;
    *moved = true;
    st = keep_best(t, err);
    if (st != SPN_OK)
        return st;
    if (t->level == t->g->r->task->levels)
        return tree_close_all(t, err);
    t->level++;
    t->phase = REASON_PROPOSING;
    return SPN_OK;
}

spn_status reason_tree_step(struct reason_tree *t, struct spn_err *err)
{
    bool moved = true;
    spn_status st = SPN_OK;

    while (moved && st == SPN_OK && t->phase != REASON_DONE) {
        moved = false;
        st = t->phase == REASON_PROPOSING ? step_proposing(t, &moved, err)
                                          : step_judging(t, &moved, err);
    }
    return st;
}

void reason_tree_stop(struct reason_tree *t, enum spn_node_state state, const char *why)
{
    if (t->phase == REASON_DONE)
        return;
    t->stopped = true;
    tree_finish(t, state, why);
}

void reason_tree_free(struct reason_tree *t)
{
    if (t->g == NULL)
        return;
    reason_drop(&t->g->calls, t, 0);
    drop_verdicts(t);
    free_expansions(t);
    for (size_t i = 0; i < t->n_all; i++)
        free_thought(t->all[i]);
    spn_free(t->all);
    spn_free(t->front);
    spn_free(t->cand);
    spn_free(t->answer);
    spn_free(t->text);
    *t = (struct reason_tree){ .g = NULL };
}

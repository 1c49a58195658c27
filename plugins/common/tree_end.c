/* tree_end.c - how a tree ends: by the rule of its last level (FoT), or by the operations its
 * judgements name (ToT). */
#include "config.h"

#include "tree_inner.h"

#include <math.h>

#include "base/mem.h"

#define DEPTH_MAX 16 /* steps of a path, the closing one counted */

/* Answer of a path that ends at LEAF with the step LAST; NULL: none can be composed, or no memory.
 */
char *tree_compose(const struct reason_tree *t, const struct reason_thought *leaf, const char *last)
{
    const char *steps[DEPTH_MAX];
    size_t n = (size_t)leaf->level;

    if (n >= DEPTH_MAX)
        return NULL;
    if (last != NULL)
        steps[n++] = last;
    for (const struct reason_thought *x = leaf; x->parent != NULL; x = x->parent)
        steps[x->level - 1] = x->text;
    return t->g->r->task->compose(t->root->state, steps, n);
}

/* Add closing step and answer below LEAF; the node of the answer. */
static int64_t add_answer(struct reason_tree *t, const struct reason_thought *leaf,
                          const char *last, const char *answer, int checked)
{
    struct spn_node n = { .parent = leaf->node,
                          .tree = t->index,
                          .level = leaf->level + 1,
                          .kind = "close",
                          .text = last,
                          .score = NAN };

    if (last != NULL) {
        n.parent = reason_node_add(t->g, &n);
        n.level++;
    }
    n.kind = "answer";
    n.text = answer;
    n.state = checked == 1 ? SPN_NODE_TRUE : SPN_NODE_ENDED;
    return reason_node_add(t->g, &n);
}

/* Steps and answer, a line each; NULL: no memory. */
static char *path_text(const struct reason_thought *leaf, const char *last, const char *answer)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)1 << 20);
    const struct reason_thought *path[DEPTH_MAX];
    size_t n = 0;
    char *out;

    for (const struct reason_thought *x = leaf; x->parent != NULL && n < DEPTH_MAX; x = x->parent)
        path[n++] = x;
    while (n > 0)
        spn_buf_printf(&b, "%s\n", path[--n]->text);
    if (last != NULL)
        spn_buf_printf(&b, "%s\n", last);
    spn_buf_printf(&b, "Answer: %s", answer);
    out = b.failed ? NULL : spn_buf_steal(&b);
    spn_buf_free(&b);
    return out;
}

/* The tree's solution: LEAF closed by LAST; takes ANSWER over. Without one, the closing step is the
 * claim. */
spn_status tree_solve(struct reason_tree *t, const struct reason_thought *leaf, const char *last,
                      char *answer_take, struct spn_err *err)
{
    int checked;

    t->answer = answer_take != NULL ? answer_take : spn_strdup(last != NULL ? last : leaf->text);
    if (t->answer == NULL)
        return tree_no_memory(t, err);
    t->text = path_text(leaf, last, t->answer);
    if (t->text == NULL)
        return tree_no_memory(t, err);
    checked = t->g->r->task->check(t->g->r->question, t->answer);
    t->winner = add_answer(t, leaf, last, t->answer, checked);
    t->score = leaf->parent != NULL ? leaf->parent->value : NAN;
    t->solved = true;
    tree_finish(t, checked == 1 ? SPN_NODE_TRUE : SPN_NODE_ENDED,
                checked == 0 ? "claims a solution" : "solved");
    return SPN_OK;
}

/* The closing line in the judgements of kept state X: its text, or NULL. */
static char *closing_line(struct reason_tree *t, const struct reason_thought *x)
{
    const struct spn_task *task = t->g->r->task;

    for (int i = 0; x->verdict != NULL && i < t->g->verdicts.samples; i++) {
        const char *at = x->verdict->reply[i];
        char *line;

        while (at != NULL && reason_line(&at, &line)) {
            struct spn_step step = { NULL, NULL, NULL };
            const char *why = NULL;
            bool good =
                line != NULL && task->rule(x->state, line, task->levels + 1, false, &step, &why);
            char *last = NULL;

            good = good && task->finish(step.state, &last);
            spn_free(step.state);
            spn_free(step.repaired_from);
            spn_free(last);
            spn_free(line);
            if (good)
                return step.text;
            spn_free(step.text);
        }
    }
    return NULL;
}

/* ToT: every kept state ends in the operation its judgement names; each answer is a node, the first
 * is the tree's. */
spn_status tree_close_all(struct reason_tree *t, struct spn_err *err)
{
    spn_status st = SPN_OK;
    bool any = false;

    for (size_t i = 0; i < t->n_front && st == SPN_OK; i++) {
        char *last = closing_line(t, t->front[i]);
        char *answer = last != NULL ? tree_compose(t, t->front[i], last) : NULL;

        if (answer == NULL) {
            reason_node_state(t->g, t->front[i]->node, SPN_NODE_ENDED, NULL);
        } else if (t->answer == NULL) {
            t->answer = answer;
            t->text = path_text(t->front[i], last, answer);
            t->winner = add_answer(t, t->front[i], last, answer,
                                   t->g->r->task->check(t->g->r->question, answer));
            t->score = t->front[i]->value;
            t->solved = true;
            if (t->text == NULL)
                st = tree_no_memory(t, err);
        } else {
            add_answer(t, t->front[i], last, answer,
                       t->g->r->task->check(t->g->r->question, answer));
            spn_free(answer);
        }
        any |= t->answer != NULL;
        spn_free(last);
    }
    if (st == SPN_OK)
        tree_finish(t, SPN_NODE_ENDED, any ? "answers" : "no state closed");
    return st;
}

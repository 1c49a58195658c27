/* sample.c - one worked solution: ask, read the answer, ask once more when it is weak. */
#include "config.h"

#include "sample.h"

#include <math.h>

#include "base/mem.h"

#define SOLVE_TOKENS 1024 /* most tokens of a worked solution */

static spn_status ask(struct reason_sample *s, struct spn_err *err)
{
    char *prompt = s->g->r->task->solve_prompt(s->input);
    uint64_t path = reason_tree_key(s->g->r->seed, s->index);
    spn_status st;

    if (prompt == NULL)
        return spn_fail(err, SPN_ENOMEM, "sample %d: no memory for its prompt", s->index + 1);
    struct reason_ask a = { s,
                            REASON_SOLVE,
                            s->attempt,
                            prompt,
                            SOLVE_TOKENS,
                            reason_key(path, "solve", s->attempt),
                            s->o->logprobs };

    st = reason_ask(&s->g->calls, &a, err);
    spn_free(prompt);
    return st;
}

spn_status reason_sample_start(struct reason_sample *s, struct reason_ground *g,
                               const struct reason_sample_options *o, int index, const char *input,
                               struct spn_err *err)
{
    *s = (struct reason_sample){
        .g = g, .o = o, .index = index, .checked = -1, .score = NAN, .winner = -1
    };
    s->input = spn_strdup(input);
    if (s->input == NULL)
        return spn_fail(err, SPN_ENOMEM, "sample %d: no memory", index + 1);
    s->root = reason_node_input(g, index, input);
    return ask(s, err);
}

/* Better: has an answer, one that the check does not refute, a higher score. */
static bool better(const char *answer, int checked, double score, const struct reason_sample *s)
{
    int mine = answer == NULL ? 0 : checked == 0 ? 1 : 2;
    int theirs = s->answer == NULL ? 0 : s->checked == 0 ? 1 : 2;

    return mine != theirs ? mine > theirs : score > s->score;
}

static bool weak(const struct reason_sample *s)
{
    return s->answer == NULL || s->checked == 0 || s->score < s->o->threshold;
}

spn_status reason_sample_reply(struct reason_sample *s, const struct reason_reply *reply,
                               struct spn_err *err)
{
    const struct spn_task *task = s->g->r->task;
    char *answer = task->extract(reply->text);
    int checked = answer != NULL ? task->check(s->g->r->question, answer) : -1;
    double score = exp(reply->mean_logprob);
    struct spn_node n = { .parent = s->root,
                          .tree = s->index,
                          .level = 1,
                          .kind = answer != NULL ? "answer" : "reply",
                          .text = answer != NULL ? answer : reply->text,
                          .score = score,
                          .tokens_in = reply->tokens_in,
                          .tokens_out = reply->tokens_out,
                          .seconds = reply->seconds,
                          .state = checked == 1 ? SPN_NODE_TRUE : SPN_NODE_ENDED };
    int64_t node = reason_node_add(s->g, &n);

    if (s->text == NULL || better(answer, checked, score, s)) {
        spn_free(s->text);
        spn_free(s->answer);
        s->text = spn_strdup(reply->text);
        s->answer = answer;
        s->checked = checked;
        s->score = score;
        s->winner = node;
    } else {
        spn_free(answer);
    }
    if (s->text == NULL)
        return spn_fail(err, SPN_ENOMEM, "sample %d: no memory for its reply", s->index + 1);
    if (s->o->correct && s->attempt == 0 && weak(s)) {
        s->attempt = 1;
        return ask(s, err);
    }
    s->done = true;
    reason_node_state(s->g, s->root, s->checked == 1 ? SPN_NODE_TRUE : SPN_NODE_ENDED,
                      s->answer != NULL ? "answers" : "no answer");
    return SPN_OK;
}

void reason_sample_stop(struct reason_sample *s, enum spn_node_state state, const char *why)
{
    if (s->done)
        return;
    s->done = s->stopped = true;
    reason_drop(&s->g->calls, s, 0);
    reason_node_state(s->g, s->root, state, why);
}

void reason_sample_free(struct reason_sample *s)
{
    if (s->g == NULL)
        return;
    reason_drop(&s->g->calls, s, 0);
    spn_free(s->input);
    spn_free(s->text);
    spn_free(s->answer);
    *s = (struct reason_sample){ .g = NULL };
}

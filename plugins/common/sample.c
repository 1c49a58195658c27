/* sample.c - a tree of one worked answer: its nodes, its beginning and end. */
#include "config.h"

#include "sample.h"

#include "base/mem.h"

spn_status reason_sample_start(struct reason_sample *s, struct reason_ground *g,
                               const struct reason_work_options *o, int index, const char *input,
                               const struct reason_example *example, struct spn_err *err)
{
    char *prompt = NULL;
    spn_status st;

    *s = (struct reason_sample){ .work = { .g = g }, .index = index, .winner = -1 };
    s->root = reason_node_input(g, index, input);
    st = reason_answer_words(g->r, input, &prompt, err);
    return st == SPN_OK ? reason_work_start(&s->work, g, o, s, prompt, example,
                                            reason_tree_key(g->r->seed, index), err)
                        : st;
}

struct reason_sample *reason_sample_of(const struct reason_reply *reply)
{
    const struct reason_work *w = reply->call.owner;

    return w->owner;
}

spn_status reason_sample_reply(struct reason_sample *s, const struct reason_reply *reply,
                               struct spn_err *err)
{
    struct reason_work *w = &s->work;
    spn_status st = reason_work_reply(w, reply, err);

    if (st != SPN_OK || !w->done)
        return st;
    s->done = true;
    reason_work_nodes(w, s->index, 1, s->root, &s->winner);
    reason_node_state(w->g, s->root, w->checked == 1 ? SPN_NODE_TRUE : SPN_NODE_ENDED,
                      w->answer != NULL ? "answers" : "no answer");
    return SPN_OK;
}

void reason_sample_stop(struct reason_sample *s, enum spn_node_state state, const char *why)
{
    if (s->done)
        return;
    s->done = s->stopped = true;
    reason_drop(&s->work.g->calls, &s->work, 0);
    reason_node_state(s->work.g, s->root, state, why);
}

void reason_sample_free(struct reason_sample *s)
{
    reason_work_free(&s->work);
    *s = (struct reason_sample){ .winner = -1 };
}

/* search.c - one tree of thoughts, level by level. */
#include "config.h"

#include "search.h"

#include "../common/tree.h"
#include "base/mem.h"
#include "lines.h"

static spn_status grow(struct reason_ground *g, struct reason_tree *t, struct spn_err *err)
{
    spn_status st = SPN_OK;

    while (st == SPN_OK && t->phase != REASON_DONE && g->calls.ended == NULL) {
        struct reason_reply reply;

        st = reason_next(&g->calls, &reply, err);
        if (st != SPN_OK)
            break;
        st = reply.call.kind == REASON_VALUE
                 ? reason_verdict_reply(&g->verdicts, reply.call.owner, &reply, err)
                 : reason_tree_reply(t, &reply, err);
        if (st == SPN_OK)
            st = reason_tree_step(t, err);
    }
    return st == SPN_ENOTFOUND ? SPN_OK : st;
}

spn_status tot_run(const struct reason_tables *tables, const struct tot_options *o,
                   const struct spn_reason_request *r, struct spn_reason_result *out,
                   struct spn_err *err)
{
    struct reason_tree_options how = {
        .beam = o->beam, .sparse = true, .sample_select = o->sample_select, .closing = true
    };
    struct reason_tree tree = { .g = NULL };
    struct reason_ground ground;
    char *start = NULL;
    spn_status st;

    *out = (struct spn_reason_result){
        .checked = -1, .winner = -1, .winner_tree = -1, .ended = "exhausted"
    };
    if (r->task == NULL)
        return spn_fail(err, SPN_EUSAGE, "tot: no task takes this question");
    if (r->task->levels == 0 && r->prompts == NULL)
        return spn_fail(err, SPN_EUSAGE, "tot: task %s has no steps to propose, and no prompts",
                        r->task_name);
    if (r->task->levels == 0)
        return lines_run(tables, o, r, out, err);
    reason_ground_init(&ground, tables, r, &how, o->eval, o->temperature);
    st = r->task->start(r->question, &start, err);
    if (st == SPN_OK)
        st = reason_tree_start(&tree, &ground, 0, start, err);
    if (st == SPN_OK)
        st = grow(&ground, &tree, err);
    if (st == SPN_OK && tree.phase != REASON_DONE) {
        out->ended = ground.calls.ended != NULL ? ground.calls.ended : "exhausted";
        reason_tree_stop(&tree, SPN_NODE_STOPPED, out->ended);
    }
    out->trees_run = 1;
    if (st == SPN_OK && tree.answer != NULL) {
        out->answer = tree.answer;
        out->text = tree.text;
        tree.answer = tree.text = NULL;
        out->checked = r->task->check(r->question, out->answer);
        out->winner = tree.winner;
        out->winner_tree = 0;
        out->ended = "answer";
    }
    reason_calls_end(&ground.calls);
    reason_calls_totals(&ground.calls, out);
    reason_tree_free(&tree);
    spn_free(start);
    reason_ground_free(&ground);
    return st;
}

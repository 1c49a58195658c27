/* samples.c - worked solutions, all asked for together, and a vote over their answers. */
#include "config.h"

#include "samples.h"

#include "../common/sample.h"
#include "base/mem.h"

struct run {
    struct reason_ground ground;
    struct reason_tree_options unused;
    struct reason_work_options options;
    struct reason_sample *sample;
    int n, started;
};

static spn_status collect(struct run *s, struct spn_err *err)
{
    int waiting = s->started;
    spn_status st = SPN_OK;

    while (st == SPN_OK && waiting > 0 && s->ground.calls.ended == NULL) {
        struct reason_reply reply;
        struct reason_sample *who;

        st = reason_next(&s->ground.calls, &reply, err);
        if (st != SPN_OK)
            break;
        who = reason_sample_of(&reply);
        st = reason_sample_reply(who, &reply, err);
        waiting -= who->done;
    }
    return st == SPN_ENOTFOUND ? SPN_OK : st;
}

static spn_status conclude(struct run *s, struct spn_reason_result *out, struct spn_err *err)
{
    struct reason_ballot *b = spn_calloc((size_t)s->n, sizeof *b);
    const struct spn_reason_request *r = s->ground.r;
    bool tied, all = true;
    size_t n = 0;
    int best;

    if (b == NULL)
        return spn_fail(err, SPN_ENOMEM, "cot: no memory for %d votes", s->n);
    for (int i = 0; i < s->n; i++) {
        struct reason_sample *x = &s->sample[i];

        all &= i < s->started && x->done;
        if (i < s->started && !x->done)
            reason_sample_stop(x, SPN_NODE_STOPPED, "stopped");
        if (i >= s->started || x->work.answer == NULL)
            continue;
        b[n++] = (struct reason_ballot){ i, x->work.canonical, 1 };
        if (s->n > 1 && r->thoughts != NULL)
            s->ground.tables->thoughts->vote(r->thoughts, i, x->work.canonical, 1, "vote");
    }
    best = reason_vote(b, n, &tied);
    out->trees_run = s->started;
    out->ended = !all && s->ground.calls.ended != NULL ? s->ground.calls.ended
                 : best >= 0                           ? "answer"
                                                       : "exhausted";
    if (best >= 0) {
        const struct reason_sample *x = &s->sample[b[best].tree];

        out->answer = spn_strdup(x->work.answer);
        out->checked = x->work.checked;
        out->winner = x->winner;
        out->winner_tree = x->index;
        out->text = spn_strdup(x->work.text);
    } else if (s->started > 0 && s->sample[0].work.text != NULL) {
        out->text = spn_strdup(s->sample[0].work.text); /* no answer in it, but what was said */
    }
    spn_free(b);
    if (best >= 0 && (out->answer == NULL || out->text == NULL))
        return spn_fail(err, SPN_ENOMEM, "cot: no memory for the answer");
    return SPN_OK;
}

spn_status cot_run(const struct reason_tables *tables, const struct cot_options *o,
                   const struct spn_reason_request *r, struct spn_reason_result *out,
                   struct spn_err *err)
{
    struct run s = { .n = o->samples };
    char *start = NULL;
    spn_status st;

    *out = (struct spn_reason_result){
        .checked = -1, .winner = -1, .winner_tree = -1, .ended = "exhausted"
    };
    if (r->task == NULL)
        return spn_fail(err, SPN_EUSAGE, "cot: no task takes this question");
    s.options.mend = o->repair;
    reason_ground_init(&s.ground, tables, r, &s.unused, 1, o->temperature);
    s.sample = spn_calloc((size_t)o->samples, sizeof *s.sample);
    st = s.sample != NULL ? r->task->start(r->question, &start, err)
                          : spn_fail(err, SPN_ENOMEM, "cot: no memory for %d samples", o->samples);
    for (int i = 0; i < o->samples && st == SPN_OK && reason_open(&s.ground.calls); i++) {
        s.started++;
        st = reason_sample_start(&s.sample[i], &s.ground, &s.options, i, start, NULL, err);
    }
    if (st == SPN_OK)
        st = collect(&s, err);
    if (st == SPN_OK)
        st = conclude(&s, out, err);
    reason_calls_end(&s.ground.calls);
    reason_calls_totals(&s.ground.calls, out);
    for (int i = 0; i < s.started; i++)
        reason_sample_free(&s.sample[i]);
    spn_free(s.sample);
    spn_free(start);
    reason_ground_free(&s.ground);
    if (st != SPN_OK) {
        spn_free(out->answer);
        spn_free(out->text);
        out->answer = out->text = NULL;
    }
    return st;
}

/* work.c - a worked answer. */
#include "config.h"

#include "work.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"

#define SOLVE_TOKENS  1024 /* most tokens of a worked answer */
#define MENDS_MAX     16   /* results put right in one answer */
#define REPLY_CEILING ((size_t)16 << 20)

static spn_status no_memory(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "reasoner: no memory for a worked answer");
}

/* The prefix and TEXT behind it; free with spn_free; NULL: no memory. */
static char *whole(const struct reason_work *w, const char *text)
{
    struct spn_buf b = SPN_BUF_INIT(REPLY_CEILING);

    if (w->prefix != NULL)
        spn_buf_puts(&b, w->prefix);
    spn_buf_puts(&b, text);
    if (b.failed) {
        spn_buf_free(&b);
        return NULL;
    }
    return spn_buf_steal(&b);
}

/* What the task finds in TEXT.  A mended beginning that is no longer than what is there already
   would go round in circles: it counts as none. */
static spn_status look(const struct reason_work *w, const char *text, struct spn_worked *out,
                       struct spn_err *err)
{
    const struct spn_task *task = w->g->r->task;
    spn_status st = SPN_OK;

    *out = (struct spn_worked){ NULL, NULL };
    if (task->worked != NULL)
        st = task->worked(w->g->r->question, text, out, err);
    if (out->mended != NULL && (!w->o->mend || w->mends == MENDS_MAX ||
                                (w->prefix != NULL && strlen(out->mended) <= strlen(w->prefix)))) {
        spn_free(out->mended);
        out->mended = NULL;
    }
    return st;
}

/* A line is complete: is there a result to put right? */
static bool enough(void *ctx, const char *text)
{
    const struct reason_work *w = ctx;
    struct spn_worked found = { NULL, NULL };
    char *all = whole(w, text);
    bool yes = all != NULL && look(w, all, &found, NULL) == SPN_OK && found.mended != NULL;

    spn_free(found.mended);
    spn_free(all);
    return yes;
}

static spn_status ask(struct reason_work *w, struct spn_err *err)
{
    uint64_t key = reason_key(w->key, "solve", w->attempt);
    struct reason_ask a = { .owner = w,
                            .kind = REASON_SOLVE,
                            .index = w->attempt,
                            .prompt = w->prompt,
                            .max_tokens = SOLVE_TOKENS,
                            .key = w->mends > 0 ? reason_key(key, "mend", w->mends) : key,
                            .logprobs = w->o->logprobs,
                            .prefill = w->prefix,
                            .example_question = w->example.question,
                            .example_answer = w->example.answer };

    if (w->o->mend && w->g->r->task->worked != NULL) {
        a.enough = enough;
        a.enough_ctx = w;
    }
    return reason_ask(&w->g->calls, &a, err);
}

spn_status reason_work_start(struct reason_work *w, struct reason_ground *g,
                             const struct reason_work_options *o, void *owner, char *prompt_take,
                             const struct reason_example *example, uint64_t key,
                             struct spn_err *err)
{
    *w = (struct reason_work){ .g = g,
                               .o = o,
                               .owner = owner,
                               .prompt = prompt_take,
                               .key = key,
                               .checked = -1,
                               .score = NAN };
    if (example != NULL)
        w->example = *example;
    return prompt_take != NULL ? ask(w, err) : no_memory(err);
}

/* Better: has an answer, one that the check does not refute, nothing wrong on the way, a higher
 * score. */
static int rank(const char *answer, int checked, const char *why)
{
    return answer == NULL ? 0 : checked == 0 ? 1 : why != NULL ? 2 : 3;
}

static bool weak(const struct reason_work *w)
{
    return rank(w->answer, w->checked, w->why) < 3 || w->score < w->o->threshold;
}

/* One attempt came to its end with TEXT. */
static spn_status take(struct reason_work *w, char *text_take, const char *why, struct spn_err *err)
{
    const struct spn_task *task = w->g->r->task;
    char *answer = reason_refuses(text_take) ? NULL : task->extract(text_take), *canonical;
    int checked = answer != NULL ? task->check(w->g->r->question, answer) : -1;
    double score = exp(w->logprob_sum / (double)w->logprob_n);
    int mine = rank(answer, checked, why), theirs = rank(w->answer, w->checked, w->why);

    if (w->text != NULL && !(mine != theirs ? mine > theirs : score > w->score)) {
        spn_free(text_take);
        spn_free(answer);
        spn_free(w->as_written);
        w->as_written = NULL;
        return SPN_OK;
    }
    canonical = answer == NULL            ? NULL
                : task->canonical != NULL ? task->canonical(answer)
                                          : spn_strdup(answer);
    if (canonical != NULL && canonical[0] == '\0') {
        /* Nothing is left of it: an empty answer never votes. */
        spn_free(canonical);
        spn_free(answer);
        answer = canonical = NULL;
    }
    spn_free(w->text);
    spn_free(w->answer);
    spn_free(w->canonical);
    spn_free(w->repaired_from);
    w->text = text_take;
    w->answer = answer;
    w->canonical = canonical;
    w->repaired_from = w->as_written;
    w->as_written = NULL;
    w->why = why;
    w->checked = checked;
    w->score = score;
    return answer == NULL || canonical != NULL ? SPN_OK : no_memory(err);
}

spn_status reason_work_reply(struct reason_work *w, const struct reason_reply *reply,
                             struct spn_err *err)
{
    struct spn_worked found;
    char *text = whole(w, reply->text);
    spn_status st = text != NULL ? look(w, text, &found, err) : no_memory(err);

    w->tokens_in += reply->tokens_in;
    w->tokens_out += reply->tokens_out;
    w->seconds += reply->seconds;
    if (isfinite(reply->mean_logprob)) {
        w->logprob_sum += reply->mean_logprob * (double)reply->tokens_out;
        w->logprob_n += reply->tokens_out;
    }
    if (st != SPN_OK) {
        spn_free(text);
        return st;
    }
    if (found.mended != NULL) {
        if (w->as_written == NULL)
            w->as_written = text;
        else
            spn_free(text);
        spn_free(w->prefix);
        w->prefix = found.mended;
        w->mends++;
        return ask(w, err);
    }
    st = take(w, text, found.why, err);
    /* The same words drawn greedily would come again. */
    if (st == SPN_OK && w->o->correct && w->attempt == 0 && weak(w) &&
        w->g->calls.sampling.temperature > 0) {
        w->attempt = 1;
        w->mends = 0;
        spn_free(w->prefix);
        w->prefix = NULL;
        w->logprob_sum = 0;
        w->logprob_n = 0;
        return ask(w, err);
    }
    w->done = true;
    return st;
}

bool reason_work_active(const struct reason_work *w, bool sparse)
{
    return w->done && w->answer != NULL && (!sparse || (w->checked != 0 && w->why == NULL));
}

int64_t reason_work_nodes(const struct reason_work *w, int tree, int level, int64_t parent,
                          int64_t *answer_node)
{
    struct spn_node n = { .parent = parent,
                          .tree = tree,
                          .level = level,
                          .kind = "work",
                          .text = w->text,
                          .score = w->score,
                          .tokens_in = w->tokens_in,
                          .tokens_out = w->tokens_out,
                          .seconds = w->seconds,
                          .state = w->why != NULL ? SPN_NODE_CUT : SPN_NODE_ENDED,
                          .repaired = w->repaired_from,
                          .why = w->why };
    int64_t node = parent, answer = -1;
    bool looked_into = w->g->r->task->worked != NULL;

    if (looked_into) {
        node = reason_node_add(w->g, &n);
        n = (struct spn_node){ .parent = node, .tree = tree, .level = level + 1, .score = NAN };
    }
    if (w->answer != NULL || !looked_into) {
        n.kind = w->answer != NULL ? "answer" : "reply";
        n.text = w->answer != NULL ? w->answer : w->text;
        n.state = w->checked == 1 ? SPN_NODE_TRUE : SPN_NODE_ENDED;
        answer = reason_node_add(w->g, &n);
    }
    if (answer_node != NULL)
        *answer_node = answer;
    return looked_into ? node : answer;
}

void reason_work_free(struct reason_work *w)
{
    if (w->g == NULL)
        return;
    reason_drop(&w->g->calls, w, 0);
    spn_free(w->prompt);
    spn_free(w->prefix);
    spn_free(w->as_written);
    spn_free(w->text);
    spn_free(w->answer);
    spn_free(w->canonical);
    spn_free(w->repaired_from);
    *w = (struct reason_work){ .g = NULL };
}

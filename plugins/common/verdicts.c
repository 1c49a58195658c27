/* verdicts.c - values of states, kept within one run.  A value call's prompt and random stream come
   from the key alone, so a verdict found here is the one that a new call would bring, whoever asked
   first. */
#include "config.h"

#include "reason.h"

#include <string.h>

#include "base/mem.h"

#define VALUE_TOKENS 256 /* most tokens of a judgement */

static struct reason_verdict *find(const struct reason_verdicts *v, const char *key)
{
    for (size_t i = 0; i < v->n; i++)
        if (strcmp(v->item[i]->key, key) == 0)
            return v->item[i];
    return NULL;
}

static void forget(struct reason_verdict *d, int samples)
{
    for (int i = 0; d->reply != NULL && i < samples; i++) {
        spn_free(d->reply[i]);
        d->reply[i] = NULL;
    }
    d->have = 0;
    d->value = 0;
}

static void free_verdict(struct reason_verdict *d, int samples)
{
    if (d == NULL)
        return;
    forget(d, samples);
    spn_free(d->reply);
    spn_free(d->each);
    spn_free(d->key);
    spn_free(d);
}

static struct reason_verdict *add(struct reason_verdicts *v, char *key_take)
{
    struct reason_verdict *d = spn_calloc(1, sizeof *d);

    if (d == NULL) {
        spn_free(key_take);
        return NULL;
    }
    d->key = key_take;
    d->reply = spn_calloc((size_t)v->samples, sizeof *d->reply);
    d->each = spn_calloc((size_t)v->samples, sizeof *d->each);
    if (v->n == v->room) {
        size_t room = v->room == 0 ? 64 : 2 * v->room;
        struct reason_verdict **bigger = spn_realloc(v->item, room, sizeof *bigger);

        if (bigger != NULL) {
            v->item = bigger;
            v->room = room;
        }
    }
    if (d->reply == NULL || d->each == NULL || v->n == v->room) {
        free_verdict(d, v->samples);
        return NULL;
    }
    v->item[v->n++] = d;
    return d;
}

static spn_status ask(struct reason_verdicts *v, struct reason_verdict *d, struct spn_err *err)
{
    char *prompt = v->r->task->value_prompt(d->key);
    uint64_t path = spn_key_str(spn_key_seed(v->r->seed), d->key);
    spn_status st = prompt != NULL
                        ? SPN_OK
                        : spn_fail(err, SPN_ENOMEM, "reasoner: no memory for a value prompt");

    for (int i = 0; i < v->samples && st == SPN_OK; i++) {
        struct reason_ask a = { .owner = d,
                                .kind = REASON_VALUE,
                                .index = i,
                                .prompt = prompt,
                                .max_tokens = VALUE_TOKENS,
                                .key = reason_key(path, "value", i) };

        st = reason_ask(v->calls, &a, err);
    }
    spn_free(prompt);
    d->asked = st == SPN_OK;
    return st;
}

spn_status reason_verdict_want(struct reason_verdicts *v, const char *state, int64_t node,
                               struct reason_verdict **out, struct spn_err *err)
{
    char *key = v->r->task->value_key(state);
    struct reason_verdict *d = key != NULL ? find(v, key) : NULL;

    if (d == NULL)
        d = key != NULL ? add(v, key) : NULL;
    else
        spn_free(key);
    if (d == NULL)
        return spn_fail(err, SPN_ENOMEM, "reasoner: no memory for a verdict");
    d->refs++;
    *out = d;
    if (d->done || d->asked) {
        v->spared += v->samples;
        return SPN_OK;
    }
    d->node = node;
    return ask(v, d, err);
}

spn_status reason_verdict_reply(struct reason_verdicts *v, struct reason_verdict *d,
                                const struct reason_reply *reply, struct spn_err *err)
{
    int64_t i = reply->call.index;

    d->each[i] = v->r->task->value(reply->text);
    d->reply[i] = spn_strdup(reply->text);
    if (d->reply[i] == NULL)
        return spn_fail(err, SPN_ENOMEM, "reasoner: no memory for a judgement");
    if (v->r->thoughts != NULL)
        v->tables->thoughts->spent(v->r->thoughts, d->node, reply->tokens_in, reply->tokens_out,
                                   reply->seconds);
    if (++d->have < v->samples)
        return SPN_OK;
    /* Summed in the order of the samples: in that of arrival, rounding would depend on what else
     * runs. */
    for (int k = 0; k < v->samples; k++)
        d->value += d->each[k];
    d->done = true;
    return SPN_OK;
}

void reason_verdict_drop(struct reason_verdicts *v, struct reason_verdict *d)
{
    if (--d->refs > 0 || d->done)
        return;
    /* Half a verdict is none: whoever wants it later asks all of it again, with the same streams.
     */
    reason_drop(v->calls, d, 0);
    d->asked = false;
    forget(d, v->samples);
}

void reason_verdicts_free(struct reason_verdicts *v)
{
    for (size_t i = 0; i < v->n; i++)
        free_verdict(v->item[i], v->samples);
    spn_free(v->item);
    v->item = NULL;
    v->n = v->room = 0;
}

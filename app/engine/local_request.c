/* local_request.c - a request's tokens, and its text with stop strings cut across token borders. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "engine/local_request.h"

double request_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

spn_status request_new(struct request **out, const struct spn_lm *m,
                       const struct spn_chat *chat, const struct spn_prompt_request *r,
                       struct spn_err *err)
{
    const struct spn_chat_options how = { .generate = true,
                                          .tools = r->tools,
                                          .thinking = r->thinking };
    struct request *q = spn_calloc(1, sizeof *q);
    spn_status st;

    if (q == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for a request");
    q->start = request_clock();
    st = reply_init(&q->reply, r, err);
    if (st == SPN_OK && r->messages != NULL)
        st = spn_chat_ids(chat, m->tokenizer, r->messages, r->n_messages, &how, &q->prompt, err);
    else if (st == SPN_OK)
        st = spn_tokenize(m->tokenizer, r->text, strlen(r->text),
                          SPN_TOK_BOS | (r->special ? SPN_TOK_SPECIAL : 0), &q->prompt, err);
    if (st == SPN_OK && r->prefill != NULL && r->prefill[0] != '\0')
        st = spn_tokenize(m->tokenizer, r->prefill, strlen(r->prefill), 0, &q->prompt, err);
    if (st != SPN_OK) {
        request_free(q);
        return st;
    }
    spn_detok_init(&q->detok, m->tokenizer, false);
    /* A reply's own first space is dropped; text that goes on from a prompt keeps it. */
    q->detok.first = r->messages != NULL && (r->prefill == NULL || r->prefill[0] == '\0');
    *out = q;
    return SPN_OK;
}

void request_free(struct request *q)
{
    if (q == NULL)
        return;
    reply_free(&q->reply);
    spn_ids_free(&q->prompt);
    constraint_drop(q->hold);
    spn_free(q->logprob);
    spn_free(q);
}

bool request_keep_logprob(struct request *q, float logprob)
{
    if (q->n_logprob == q->room_logprob) {
        size_t room = q->room_logprob < 64 ? 64 : 2 * q->room_logprob;
        float *p = spn_realloc(q->logprob, room, sizeof *p);

        if (p == NULL)
            return false;
        q->logprob = p;
        q->room_logprob = room;
    }
    q->logprob[q->n_logprob++] = logprob;
    return true;
}

spn_status request_token(struct request *q, int32_t token, float logprob, bool ends, bool *stopped)
{
    size_t before = q->reply.text.length;

    *stopped = false;
    q->tokens_out++;
    if (q->logprob != NULL && !request_keep_logprob(q, logprob))
        return spn_fail(&q->err, SPN_ENOMEM, "no memory for %zu log probabilities",
                        q->n_logprob + 1);
    if (ends)
        return SPN_OK;
    if (spn_detok_add(&q->detok, token, &q->reply.text) != SPN_OK)
        return spn_fail(&q->err, SPN_EFORMAT, "token %d cannot be written as text", (int)token);
    *stopped = reply_grown(&q->reply, before);
    return SPN_OK;
}

void request_end(struct request *q, enum spn_finish finish)
{
    q->finish = finish;
    q->seconds = request_clock() - q->start;
    if (finish != SPN_FINISH_ERROR)
        reply_flush(&q->reply);
}

/* local_request.c - a request's tokens, and its text with stop strings cut across token borders. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "engine/local_request.h"

static const size_t text_max = (size_t)64 << 20;

double request_clock(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static spn_status copy_stops(struct request *q, const struct spn_prompt_request *r,
                             struct spn_err *err)
{
    q->stop = spn_calloc(r->n_stop + 1, sizeof *q->stop);
    if (q->stop == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %zu stop strings", r->n_stop);
    for (size_t i = 0; i < r->n_stop; i++) {
        size_t n = strlen(r->stop[i]);

        if (n == 0)
            continue;
        if ((q->stop[q->n_stop] = spn_strdup(r->stop[i])) == NULL)
            return spn_fail(err, SPN_ENOMEM, "no memory for a stop string");
        q->n_stop++;
        q->longest_stop = n > q->longest_stop ? n : q->longest_stop;
    }
    return SPN_OK;
}

spn_status request_new(struct request **out, const struct spn_lm *m,
                       const struct spn_template *tmpl, const struct spn_prompt_request *r,
                       struct spn_err *err)
{
    struct request *q = spn_calloc(1, sizeof *q);
    spn_status st;

    if (q == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for a request");
    q->text = (struct spn_buf)SPN_BUF_INIT(text_max);
    q->start = request_clock();
    st = copy_stops(q, r, err);
    if (st == SPN_OK && r->messages != NULL)
        st = spn_template_ids(tmpl, m->tokenizer, r->messages, r->n_messages, true, &q->prompt,
                              err);
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
    q->on_text = r->on_text;
    q->on_text_ctx = r->on_text_ctx;
    *out = q;
    return SPN_OK;
}

void request_free(struct request *q)
{
    if (q == NULL)
        return;
    for (size_t i = 0; q->stop != NULL && i < q->n_stop; i++)
        spn_free(q->stop[i]);
    spn_free(q->stop);
    spn_ids_free(&q->prompt);
    spn_buf_free(&q->text);
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

static void send(struct request *q, size_t end)
{
    if (q->on_text != NULL && end > q->sent)
        q->on_text(q->on_text_ctx, q->text.data + q->sent, end - q->sent);
    if (end > q->sent)
        q->sent = end;
}

/* Where the first stop string begins in the text from FROM on; the text's length when there is
 * none. */
static size_t find_stop(const struct request *q, size_t from)
{
    size_t first = q->text.length;

    for (size_t i = 0; i < q->n_stop; i++) {
        const char *at = memmem(q->text.data + from, q->text.length - from, q->stop[i],
                                strlen(q->stop[i]));

        if (at != NULL && (size_t)(at - q->text.data) < first)
            first = (size_t)(at - q->text.data);
    }
    return first;
}

/* Bytes at the end of the text that may be the beginning of a stop string. */
static size_t held_back(const struct request *q)
{
    size_t most = q->longest_stop > 0 ? q->longest_stop - 1 : 0;

    if (most > q->text.length)
        most = q->text.length;
    for (size_t n = most; n > 0; n--)
        for (size_t i = 0; i < q->n_stop; i++)
            if (n < strlen(q->stop[i]) &&
                memcmp(q->stop[i], q->text.data + q->text.length - n, n) == 0)
                return n;
    return 0;
}

spn_status request_token(struct request *q, int32_t token, float logprob, bool ends, bool *stopped)
{
    size_t before = q->text.length, from, at;

    *stopped = false;
    q->tokens_out++;
    if (q->logprob != NULL && !request_keep_logprob(q, logprob))
        return spn_fail(&q->err, SPN_ENOMEM, "no memory for %zu log probabilities",
                        q->n_logprob + 1);
    if (ends)
        return SPN_OK;
    if (spn_detok_add(&q->detok, token, &q->text) != SPN_OK)
        return spn_fail(&q->err, SPN_EFORMAT, "token %d cannot be written as text", (int)token);
    if (q->text.length == before)
        return SPN_OK;
    from = before >= q->longest_stop ? before - q->longest_stop : 0;
    at = find_stop(q, from);
    if (at < q->text.length) {
        spn_buf_trim(&q->text, at);
        *stopped = true;
    } else {
        send(q, q->text.length - held_back(q));
    }
    return SPN_OK;
}

void request_end(struct request *q, enum spn_finish finish)
{
    q->finish = finish;
    q->seconds = request_clock() - q->start;
    if (finish != SPN_FINISH_ERROR)
        send(q, q->text.length);
}

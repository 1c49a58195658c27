/* remote_member.c - one answer as its pieces come. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "engine/remote_call.h"

void member_free(struct member *m)
{
    if (m == NULL)
        return;
    reply_free(&m->reply);
    spn_buf_free(&m->lead);
    spn_free(m->logprob);
    spn_free(m);
}

int64_t remote_estimate(const struct spn_engine *e, size_t bytes)
{
    double each = e->tokens_seen > 0 ? e->bytes_seen / e->tokens_seen : 4;

    return bytes == 0 ? 0 : (int64_t)ceil((double)bytes / (each > 0.5 ? each : 0.5));
}

void member_done(struct call *c, int i, enum spn_finish how)
{
    struct member *m = c->member[i];
    struct spn_engine *e = c->engine;

    c->member[i] = NULL;
    m->finish = how;
    m->seconds = remote_now() - m->start;
    if (c->first_try == 0 || (how == SPN_FINISH_ERROR && m->pieces == 0)) {
        m->tokens_in = m->tokens_out = 0;
    }
    if (m->tokens_in < 0) {
        m->estimated = true;
        m->tokens_in = remote_estimate(e, remote_ask_bytes(&c->ask));
    }
    if (m->tokens_out < 0) {
        m->estimated = true;
        m->tokens_out = m->n_logprob > 0 ? (int64_t)m->n_logprob
                        : m->pieces > 1  ? m->pieces
                                         : remote_estimate(e, m->reply.text.length);
    }
    e->stats.prompt_tokens += m->tokens_in;
    e->stats.cached_tokens += m->tokens_cached;
    e->stats.generated_tokens += m->tokens_out;
    m->next = NULL;
    *e->done_end = m;
    e->done_end = &m->next;
    if (how != SPN_FINISH_ERROR)
        reply_flush(&m->reply);
}

/* The beginning of a reply that was asked to repeat the prefill loses it. */
static void add_text(struct member *m, const char *prefill, const char *text, size_t n)
{
    size_t want = prefill != NULL ? strlen(prefill) : 0;

    if (want == 0 || m->led) {
        spn_buf_add(&m->reply.text, text, n);
        return;
    }
    spn_buf_add(&m->lead, text, n);
    if (m->lead.length < want && memcmp(m->lead.data, prefill, m->lead.length) == 0)
        return;
    m->led = true;
    if (m->lead.length >= want && memcmp(m->lead.data, prefill, want) == 0)
        spn_buf_add(&m->reply.text, m->lead.data + want, m->lead.length - want);
    else
        spn_buf_add(&m->reply.text, m->lead.data, m->lead.length);
}

void member_piece(void *ctx, const struct remote_piece *p)
{
    struct call *c = ctx;
    struct member *m = p->index >= 0 && p->index < c->n ? c->member[p->index] : NULL;
    const char *prefill =
        remote_repeats_prefill(&c->ask, &c->engine->style) ? c->ask.prefill : NULL;
    size_t before;

    if (m == NULL || m->ended)
        return;
    before = m->reply.text.length;
    if (p->length > 0) {
        m->pieces++;
        add_text(m, prefill, p->text, p->length);
    }
    if (p->finish != NULL && !m->led && m->lead.length > 0) {
        m->led = true;
        spn_buf_add(&m->reply.text, m->lead.data, m->lead.length);
    }
    for (size_t i = 0; i < p->n_logprob; i++) {
        if (m->n_logprob == m->room_logprob) {
            size_t room = m->room_logprob < 64 ? 64 : 2 * m->room_logprob;
            float *more = spn_realloc(m->logprob, room, sizeof *more);

            if (more == NULL)
                break;
            m->logprob = more;
            m->room_logprob = room;
        }
        m->logprob[m->n_logprob++] = p->logprob[i];
    }
    if (m->reply.text.failed) {
        m->status = spn_fail(&m->err, SPN_EIO, "%s: an answer is longer than %zu bytes",
                             c->engine->base, m->reply.text.length);
        member_done(c, (int)p->index, SPN_FINISH_ERROR);
        return;
    }
    if (p->finish != NULL) {
        m->ended = true;
        m->finish = strcmp(p->finish, "length") == 0 ? SPN_FINISH_LENGTH : SPN_FINISH_STOP;
    }
    if (reply_grown(&m->reply, before) && c->member[p->index] == m) {
        if (m->ended) /* usage still comes */
            m->finish = SPN_FINISH_STOP;
        else
            member_done(c, (int)p->index, SPN_FINISH_STOP);
    }
}

/* probe.c - an answer coloured by the probability of its tokens: what each could have been, and
 * going on from another choice as a branch. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "talk.h"

#define BLOCK 3 /* of the transcript: the answer coloured; below it the rivals of one token */

struct probing {
    struct talk *talk;
    size_t turn;
    struct sayings *said;
    struct spn_message *message;
    size_t n;
    struct spn_probe *probe;
    struct spn_buf state;
};

/* ---- the job ---- */

static spn_status run(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct probing *p = ctx;
    struct talk *t = p->talk;
    spn_status st = call_engine(t, &p->state, err);
    struct turn turn;

    if (st == SPN_OK)
        st = t->c.engine_api->hold(t->c.engine, t->api->work_cancel(w), err);
    if (st != SPN_OK)
        return st;
    st = turn_of_messages(&turn, &t->c, p->message, p->n, err);
    if (st == SPN_OK) {
        struct spn_prompt_request r = { .messages = turn.message,
                                        .n_messages = turn.n_messages,
                                        .tools = t->c.tools,
                                        .thinking = t->c.thinking };

        st = t->c.engine_api->probe(t->c.engine, &r, t->said.item[p->turn].text, &p->probe, err);
    }
    turn_free(&turn, &t->c);
    t->c.engine_api->release(t->c.engine);
    return st;
}

/* ---- what is shown ---- */

static enum spn_style style_of(float logprob)
{
    double p = exp(logprob);

    return p > 0.9   ? SPN_STYLE_TEXT
           : p > 0.5 ? SPN_STYLE_GOOD
           : p > 0.1 ? SPN_STYLE_WARN
                     : SPN_STYLE_BAD;
}

static void put_token(struct spn_buf *b, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (text[i] == '\n')
            spn_buf_puts(b, "\\n");
        else
            spn_buf_add(b, text + i, 1);
}

static void show_rivals(struct talk *t, const struct spn_probe_token *x)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16), title = SPN_BUF_INIT(400);
    double sum = 0;

    for (int k = 0; k < x->n_others; k++) {
        double p = exp(x->other[k].logprob);

        sum += p;
        spn_buf_printf(&b, "%s %5.1f %%  %-*.*s  ", k == t->probe.other ? ">" : " ", 100 * p, 10,
                       (int)(10 * p + 0.5), "##########");
        put_token(&b, x->other[k].text, x->other[k].length);
        spn_buf_puts(&b, "\n");
    }
    spn_buf_printf(&b, "  %5.1f %%  all others", 100 * (1 - sum > 0 ? 1 - sum : 0));
    spn_buf_puts(&title, "\"");
    put_token(&title, x->text, x->length < 40 ? x->length : 40);
    spn_buf_printf(
        &title, "\"  p %.3f  entropy %.2f   Left Right token  [ ] another  Enter goes on from it",
        exp(x->logprob), (double)x->entropy);
    t->api->block(t->transcript, BLOCK + 1, SPN_TEXT_PLAIN, title.data, SPN_STYLE_ACCENT, b.data,
                  b.length);
    spn_buf_free(&b);
    spn_buf_free(&title);
}

static void show(struct talk *t)
{
    const struct spn_probe *p = t->probe.probe;
    struct spn_buf text = SPN_BUF_INIT((size_t)64 << 20);
    struct spn_span *span = spn_calloc(p->n, sizeof *span);
    double sum = 0;
    struct spn_buf head = SPN_BUF_INIT(400);

    for (size_t i = 0; i < p->n && span != NULL; i++) {
        spn_buf_add(&text, p->token[i].text, p->token[i].length);
        span[i] = (struct spn_span){ p->token[i].length, style_of(p->token[i].logprob),
                                     i == t->probe.cursor };
        sum += p->token[i].logprob;
    }
    spn_buf_printf(&head,
                   "probabilities: %zu tokens, perplexity %.2f; plain over 90 %%, then 50 "
                   "%%, 10 %%, below\tp closes",
                   p->n, exp(-sum / (double)p->n));
    if (span != NULL && text.data != NULL) {
        t->api->spans(t->transcript, BLOCK, head.data, SPN_STYLE_MODEL, text.data, span, p->n);
        show_rivals(t, &p->token[t->probe.cursor]);
        t->api->choose(t->transcript, BLOCK + 1);
    }
    spn_free(span);
    spn_buf_free(&text);
    spn_buf_free(&head);
}

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct probing *p = ctx;
    struct talk *t = p->talk;

    t->probing = false;
    if (p->state.data != NULL)
        t->api->state(t->screen, p->state.data);
    if (st == SPN_OK && t->call == NULL) {
        probe_end(t);
        t->probe =
            (struct probe_shown){ .on = true, .turn = p->turn, .probe = p->probe, .other = -1 };
        show(t);
    } else {
        if (p->probe != NULL)
            t->c.engine_api->probe_free(p->probe);
        if (st != SPN_OK && st != SPN_ECANCEL)
            t->api->fail(t->screen, err);
    }
    spn_buf_free(&p->state);
    spn_free(p->message);
    spn_free(p);
}

void probe_end(struct talk *t)
{
    if (!t->probe.on)
        return;
    t->c.engine_api->probe_free(t->probe.probe);
    t->probe = (struct probe_shown){ .on = false };
    t->api->remove(t->transcript, BLOCK);
    t->api->remove(t->transcript, BLOCK + 1);
}

void probe_start(struct talk *t, size_t turn)
{
    struct probing *p;
    struct spn_work_spec spec = { "probabilities", NULL, run, NULL, done };
    struct spn_err err = SPN_ERR_INIT;
    size_t *path, n;

    if (t->probe.on) {
        probe_end(t);
        return;
    }
    if (turn == SAID_NONE || t->said.item[turn].user || t->said.item[turn].text[0] == '\0') {
        talk_say(t, "probabilities are of an answer: choose one with j k");
        return;
    }
    if (t->call != NULL || t->probing) {
        talk_say(t, "an answer is under way");
        return;
    }
    p = spn_calloc(1, sizeof *p);
    path = spn_calloc(t->said.n + 1, sizeof *path);
    if (p != NULL)
        p->message = spn_calloc(t->said.n + 1, sizeof *p->message);
    if (p == NULL || path == NULL || p->message == NULL) {
        talk_say(t, "no memory for probabilities");
    } else {
        p->talk = t;
        p->turn = turn;
        p->state = (struct spn_buf)SPN_BUF_INIT(1000);
        n = sayings_path(&t->said, t->said.item[turn].parent, path);
        for (size_t i = 0; i < n; i++)
            p->message[p->n++] =
                (struct spn_message){ t->said.item[path[i]].user ? "user" : "assistant",
                                      t->said.item[path[i]].text, NULL };
        spec.ctx = p;
        if (t->api->work(t->screen, &spec, &err) == SPN_OK) {
            t->probing = true;
            spn_free(path);
            return;
        }
        t->api->fail(t->screen, &err);
    }
    if (p != NULL)
        spn_free(p->message);
    spn_free(p);
    spn_free(path);
}

/* The answer up to the cursor and another token there begin the next answer. */
static void go_on(struct talk *t)
{
    const struct spn_probe *p = t->probe.probe;
    const struct spn_probe_token *x = &p->token[t->probe.cursor];
    struct spn_buf b = SPN_BUF_INIT((size_t)64 << 20);
    size_t turn = t->probe.turn;

    if (t->probe.other < 0) {
        talk_say(t, "[ and ] choose what should have stood here");
        return;
    }
    for (size_t i = 0; i < t->probe.cursor; i++)
        spn_buf_add(&b, p->token[i].text, p->token[i].length);
    spn_buf_add(&b, x->other[t->probe.other].text, x->other[t->probe.other].length);
    spn_free(t->prefill);
    t->prefill = b.failed ? NULL : spn_buf_steal(&b);
    spn_buf_free(&b);
    probe_end(t);
    if (t->prefill != NULL)
        talk_ask(t, t->said.item[turn].parent);
}

bool probe_act(struct talk *t, enum spn_want act)
{
    const struct spn_probe_token *x;

    if (!t->probe.on)
        return false;
    x = &t->probe.probe->token[t->probe.cursor];
    switch (act) {
    case SPN_WANT_LEFT:
    case SPN_WANT_RIGHT:
        if (act == SPN_WANT_LEFT ? t->probe.cursor > 0 : t->probe.cursor + 1 < t->probe.probe->n)
            t->probe.cursor += act == SPN_WANT_LEFT ? (size_t)-1 : 1;
        t->probe.other = -1;
        break;
    case SPN_WANT_LESS:
    case SPN_WANT_MORE:
        t->probe.other += act == SPN_WANT_LESS ? -1 : 1;
        if (t->probe.other < 0)
            t->probe.other = x->n_others - 1;
        if (t->probe.other >= x->n_others)
            t->probe.other = 0;
        break;
    case SPN_WANT_OPEN:
        go_on(t);
        return true;
    default:
        return false;
    }
    show(t);
    return true;
}

/* call.c - one question on its way: the job that answers it, what it posts, how it ends. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "talk.h"

#define PICTURE_S 0.1 /* a growing forest is pictured so often at most */
#define KEEP_S    0.5 /* and what there is of an answer is kept so often */
#define FOREST_S  5.0

enum post_kind { POST_TEXT, POST_GROVE, POST_MODEL };
struct post {
    enum post_kind kind;
    char *text;
    size_t n;
    struct grove grove;
};

struct call {
    struct talk *talk;
    struct spn_work *work;
    struct turn turn;
    struct spn_message *message; /* texts lent from what was said: it only grows meanwhile */
    size_t n_messages;
    size_t question; /* turn */
    uint64_t seed;
    char *prefill; /* NULL: none */
    bool asked;    /* TURN holds something */
    double pictured, kept_at;
    /* what is written while it comes */
    bool keeps;
    int64_t chat, parent;
    struct spn_kept_turn kept;
    struct spn_buf text;
    /* wishes of the person, from the main thread */
    pthread_mutex_t lock;
    struct spn_steer_wish wish[WISHES_MAX];
    int n_wishes;
    struct spn_steer steer;
};

double talk_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- wishes ---- */

static bool take_wish(void *ctx, struct spn_steer_wish *out)
{
    struct call *c = ctx;
    bool any;

    pthread_mutex_lock(&c->lock);
    any = c->n_wishes > 0;
    if (any) {
        *out = c->wish[0];
        memmove(c->wish, c->wish + 1, (size_t)--c->n_wishes * sizeof *c->wish);
    }
    pthread_mutex_unlock(&c->lock);
    return any;
}

void call_wish(struct talk *t, enum spn_steer_kind kind, int tree)
{
    struct call *c = t->call;

    pthread_mutex_lock(&c->lock);
    if (c->n_wishes < WISHES_MAX)
        c->wish[c->n_wishes++] = (struct spn_steer_wish){ kind, tree };
    pthread_mutex_unlock(&c->lock);
}

/* ---- on the thread of the call ---- */

static void post(struct call *c, struct post *p)
{
    c->talk->api->work_post(c->work, p);
}

static void post_text(struct call *c, enum post_kind kind, const char *text, size_t n)
{
    struct post *p = spn_calloc(1, sizeof *p);

    if (p == NULL)
        return;
    *p = (struct post){ .kind = kind, .text = spn_strndup(text, n), .n = n };
    if (p->text != NULL)
        post(c, p);
    else
        spn_free(p);
}

/* Write what has come so far. A failure is told once the answer is done, when all of it is written
   again. */
static void keep_part(struct call *c, double every)
{
    double now = talk_now();
    struct spn_thoughts *graph = c->talk->c.growing;
    json_t *forest = NULL;
    char *dumped = NULL;

    if (!c->keeps || now - c->kept_at < every)
        return;
    if (graph != NULL) {
        forest = c->talk->c.thoughts_api->json(graph, true);
        dumped = forest != NULL ? json_dumps(forest, JSON_COMPACT) : NULL;
        json_decref(forest);
    }
    c->kept.parent = c->parent;
    c->kept.role = "assistant";
    c->kept.text = c->text.data != NULL ? c->text.data : "";
    c->kept.forest = dumped;
    c->kept.state = SPN_KEPT_GROWING;
    c->keeps = c->talk->keep.api->turn_put(c->chat, &c->kept, NULL) == SPN_OK;
    c->kept.forest = NULL;
    free(dumped);
    c->kept_at = talk_now();
}

static void on_text(void *ctx, const char *bytes, size_t n)
{
    struct call *c = ctx;

    spn_buf_add(&c->text, bytes, n);
    post_text(c, POST_TEXT, bytes, n);
    keep_part(c, KEEP_S);
}

static void on_change(void *ctx)
{
    struct call *c = ctx;
    double now = talk_now();
    struct post *p;

    if (now - c->pictured < PICTURE_S || c->talk->c.growing == NULL)
        return;
    c->pictured = now;
    p = spn_calloc(1, sizeof *p);
    if (p == NULL)
        return;
    p->kind = POST_GROVE;
    if (grove_picture(&p->grove, c->talk->c.thoughts_api, c->talk->c.growing))
        post(c, p);
    else
        spn_free(p);
    keep_part(c, FOREST_S);
}

spn_status call_engine(struct talk *t, struct spn_buf *state, struct spn_err *err)
{
    const struct spn_caps *caps;
    spn_status st;

    if (t->open)
        return SPN_OK;
    memset(&t->c, 0, sizeof t->c);
    st = chat_read(&t->c, t->host, NULL, t->values, err);
    if (st == SPN_OK)
        st = t->c.engine_api->open(&t->c.engine, spn_value_str(t->values, "model"), err);
    if (st != SPN_OK) {
        chat_close(&t->c);
        return st;
    }
    t->open = true;
    caps = t->c.engine_api->caps(t->c.engine);
    if (caps != NULL)
        spn_buf_printf(state, "%s %s  %s  ctx %lld", caps->model, caps->type, caps->device,
                       (long long)caps->context);
    return SPN_OK;
}

static spn_status answer(struct call *c, struct spn_err *err)
{
    struct talk *t = c->talk;
    const struct spn_answer *a = NULL;
    spn_status st = turn_of_messages(&c->turn, &t->c, c->message, c->n_messages, err);

    c->asked = true;
    if (st == SPN_OK && t->c.reasoner != NULL)
        return turn_reason(&c->turn, &t->c, err);
    if (st == SPN_OK && c->prefill != NULL)
        on_text(c, c->prefill, strlen(c->prefill));
    if (st == SPN_OK)
        st = turn_submit(&c->turn, &t->c, true, err);
    if (st == SPN_OK)
        st = t->c.engine_api->next(t->c.engine, &a, err);
    return st == SPN_OK ? turn_take(&c->turn, &t->c, a, err) : st;
}

static spn_status run(void *ctx, struct spn_work *w, struct spn_err *err)
{
    struct call *c = ctx;
    struct talk *t = c->talk;
    struct spn_buf state = SPN_BUF_INIT(1000);
    spn_status st;

    c->work = w;
    st = call_engine(t, &state, err);
    if (state.data != NULL)
        post_text(c, POST_MODEL, state.data, state.length);
    spn_buf_free(&state);
    if (st == SPN_OK) /* another chat may be asking it */
        st = t->c.engine_api->hold(t->c.engine, t->api->work_cancel(w), err);
    if (st != SPN_OK)
        return st;
    t->c.cancel = t->api->work_cancel(w);
    t->c.on_text = on_text;
    t->c.on_change = on_change;
    t->c.ctx = c;
    t->c.seed = c->seed;
    t->c.steer = &c->steer;
    t->c.prefill = c->prefill;
    st = answer(c, err);
    t->c.engine_api->release(t->c.engine);
    t->c.steer = NULL;
    t->c.prefill = NULL;
    return st;
}

/* ---- on the main thread ---- */

size_t call_question(const struct call *c)
{
    return c->question;
}

static void message(void *ctx, void *message_take)
{
    struct call *c = ctx;
    struct talk *t = c->talk;
    struct post *p = message_take;

    switch (p->kind) {
    case POST_TEXT:
        t->api->append(t->transcript, call_block(t), p->text, p->n);
        break;
    case POST_GROVE:
        if (t->grove_turn == SAID_NONE) {
            grove_free(&t->grove);
            t->grove = p->grove;
            p->grove = (struct grove){ 0 };
            show_growing(t);
            panel_fill(t, false);
        }
        grove_free(&p->grove);
        break;
    case POST_MODEL:
        t->api->state(t->screen, p->text);
        break;
    }
    spn_free(p->text);
    spn_free(p);
}

static void figures(struct spn_buf *b, const struct turn *t)
{
    spn_buf_printf(b, "%lld tokens  %.1f s", (long long)t->tokens_out, t->seconds);
    if (t->calls > 1)
        spn_buf_printf(b, "  %lld calls", (long long)t->calls);
    if (t->checked >= 0)
        spn_buf_puts(b, t->checked == 1 ? "  checked: true" : "  checked: false");
    if (strcmp(t->ended, "answer") != 0)
        spn_buf_printf(b, "  ended by: %s", strcmp(t->ended, "user") == 0 ? "you" : t->ended);
}

/* What came becomes a turn: whole, or as far as it got. Its index, SAID_NONE: nothing came. */
static size_t make_turn(struct call *c, spn_status st, const struct spn_err *err)
{
    struct talk *t = c->talk;
    const struct turn *x = &c->turn;
    const struct spn_caps *caps = t->open ? t->c.engine_api->caps(t->c.engine) : NULL;
    struct spn_buf text = SPN_BUF_INIT((size_t)64 << 20), foot = SPN_BUF_INIT(1000);
    bool grown = c->asked && x->thoughts != NULL && t->c.thoughts_api->count(x->thoughts) > 0;
    struct said *s;
    size_t i = SAID_NONE;

    if (x->done) {
        if (c->prefill != NULL)
            spn_buf_puts(&text, c->prefill);
        spn_buf_puts(&text, x->text != NULL ? x->text : "");
        figures(&foot, x);
    } else {
        spn_buf_add(&text, c->text.data != NULL ? c->text.data : "", c->text.length);
        spn_buf_printf(&foot, "cut off: %.200s",
                       st == SPN_ECANCEL || err->text[0] == '\0' ? "stopped" : err->text);
    }
    if (x->done || c->text.length > 0 || grown || c->kept.id != 0)
        i = sayings_add(&t->said, c->question, false, text.data != NULL ? text.data : "");
    if (i != SAID_NONE) {
        s = &t->said.item[i];
        s->id = c->kept.id;
        s->state = x->done && strcmp(x->ended, "user") != 0 ? SPN_KEPT_DONE : SPN_KEPT_STOPPED;
        said_set(&s->figures, foot.data);
        said_set(&s->model, caps != NULL ? caps->model : NULL);
        said_set(&t->model, caps != NULL ? caps->model : NULL);
        if (grown)
            s->forest = t->c.thoughts_api->json(x->thoughts, true);
        t->said.leaf = i;
    } else if (x->done) {
        talk_say(t, "no memory to keep this answer");
    }
    spn_buf_free(&text);
    spn_buf_free(&foot);
    return i;
}

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct call *c = ctx;
    struct talk *t = c->talk;
    struct spn_err why = SPN_ERR_INIT;
    struct spn_buf settings = SPN_BUF_INIT(1 << 16);
    size_t i = make_turn(c, st, err);

    t->call = NULL;
    if (st != SPN_OK && st != SPN_ECANCEL)
        t->api->fail(t->screen, err);
    if (i != SAID_NONE && keep_turn(&t->keep, &t->said, i, &why) != SPN_OK)
        t->api->fail(t->screen, &why);
    if (i != SAID_NONE) {
        talk_settings(t, &settings);
        keep_place(&t->keep, &t->said, t->model, settings.data);
    }
    spn_buf_free(&settings);
    panel_clear(t); /* its strings go with the graph */
    if (c->asked)
        turn_free(&c->turn, &t->c);
    pthread_mutex_destroy(&c->lock);
    spn_buf_free(&c->text);
    spn_free(c->prefill);
    spn_free(c->message);
    spn_free(c);
    show_transcript(t);
    panel_turn(t, i);
    show_heading(t);
    if (t->waiting != NULL) {
        char *text = t->waiting;

        t->waiting = NULL;
        if (st == SPN_ECANCEL) /* what is stopped does not go on by itself */
            t->api->line(t->screen, text);
        else
            talk_send(t, text);
        spn_free(text);
    }
    show_rule(t);
}

/* The shown branch as messages, thinking left out. */
static bool make_messages(struct call *c)
{
    const struct sayings *s = &c->talk->said;
    size_t *path = spn_calloc(s->n + 1, sizeof *path), n;

    c->message = path != NULL ? spn_calloc(s->n + 1, sizeof *c->message) : NULL;
    if (c->message != NULL) {
        n = sayings_path(s, c->question, path);
        for (size_t i = 0; i < n; i++) {
            const struct said *t = &s->item[path[i]];
            bool open;

            c->message[c->n_messages++] =
                (struct spn_message){ t->user ? "user" : "assistant",
                                      t->user ? t->text : t->text + said_thinking(t->text, &open),
                                      NULL };
        }
    }
    spn_free(path);
    return c->message != NULL;
}

/* Answers to a question that was asked before are drawn with seeds of their own. */
static uint64_t seed_of(const struct talk *t, size_t question)
{
    uint64_t seed = (uint64_t)spn_value_int(t->values, "seed");

    for (size_t i = question + 1; i < t->said.n; i++)
        seed += t->said.item[i].parent == question && !t->said.item[i].user;
    return seed;
}

void call_start(struct talk *t, size_t question)
{
    struct call *c = spn_calloc(1, sizeof *c);
    struct spn_work_spec spec = { "answering", c, run, message, done };
    struct spn_err err = SPN_ERR_INIT;

    if (c == NULL) {
        talk_say(t, "no memory for a question");
        return;
    }
    *c = (struct call){ .talk = t, .question = question, .seed = seed_of(t, question) };
    c->text = (struct spn_buf)SPN_BUF_INIT((size_t)64 << 20);
    pthread_mutex_init(&c->lock, NULL);
    c->steer = (struct spn_steer){ take_wish, c };
    c->prefill = t->prefill;
    t->prefill = NULL;
    c->chat = t->keep.chat;
    c->parent = t->said.item[question].id;
    c->keeps =
        t->keep.api != NULL && !t->keep.private && !t->keep.off && c->chat != 0 && c->parent != 0;
    c->kept.at = (int64_t)time(NULL);
    c->kept_at = talk_now();
    t->call = c;
    if (!make_messages(c) || t->api->work(t->screen, &spec, &err) != SPN_OK) {
        if (err.text[0] == '\0')
            spn_fail(&err, SPN_ENOMEM, "no memory for a question");
        t->call = NULL;
        t->api->fail(t->screen, &err);
        pthread_mutex_destroy(&c->lock);
        spn_free(c->message);
        spn_free(c->prefill);
        spn_free(c);
        return;
    }
    panel_clear(t);
    show_reply(t);
    show_rule(t);
}

/* remote_call.c - one request from its first try to its end.
 *
 * A try that fails without an answer (no connection, a stream that is cut or stalls, garbage, 500)
 * is made again after 1, 2, 4 … seconds, halved to one and a half times by chance so that many
 * clients do not come back together; a server that is busy (429, 503) says itself when, and such
 * waits do not count as tries.  Fewer requests go out together after each of these, one more after
 * each success. */
#include "config.h"

#include "engine/remote_call.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/option.h"

static const double wait_longest_s = 30;
static const size_t answer_max = (size_t)64 << 20;
enum { REDIRECTS_MAX = 3 };

double remote_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- calls ---- */

static bool wanted(const struct call *c)
{
    for (int i = 0; i < c->n; i++)
        if (c->member[i] != NULL)
            return true;
    return c->whole && !c->over;
}

struct call *call_new(struct spn_engine *e, const struct spn_prompt_request *r, struct spn_err *err)
{
    struct call *c = spn_calloc(1, sizeof *c);

    if (c == NULL) {
        spn_fail(err, SPN_ENOMEM, "no memory for a request");
        return NULL;
    }
    c->engine = e;
    c->pending = (struct spn_buf)SPN_BUF_INIT(answer_max);
    c->answer = (struct spn_buf)SPN_BUF_INIT(answer_max);
    remote_reader_init(&c->reader, member_piece, c);
    if (r != NULL && remote_ask_copy(&c->ask, r, err) != SPN_OK) {
        spn_free(c);
        return NULL;
    }
    *e->calls_end = c;
    e->calls_end = &c->next;
    return c;
}

void call_free(struct call *c)
{
    if (c == NULL)
        return;
    if (c->transfer != NULL)
        c->engine->net->cancel(c->engine->transfers, c->transfer);
    for (int i = 0; i < c->n; i++)
        member_free(c->member[i]);
    remote_ask_free(&c->ask);
    remote_reader_free(&c->reader);
    spn_buf_free(&c->pending);
    spn_buf_free(&c->answer);
    spn_free(c->body);
    spn_free(c->url);
    spn_free(c);
}

void calls_sweep(struct spn_engine *e)
{
    if (e->working)
        return;
    for (struct call **at = &e->calls; *at != NULL;) {
        struct call *c = *at;

        if (wanted(c) || c->whole) { /* a whole one is freed by who waits for it */
            at = &c->next;
            continue;
        }
        *at = c->next;
        if (c->transfer != NULL)
            e->flying--;
        call_free(c);
    }
    e->calls_end = &e->calls;
    while (*e->calls_end != NULL)
        e->calls_end = &(*e->calls_end)->next;
}

static void give_up(struct call *c, const char *why, const char *cure)
{
    c->over = true;
    for (int i = 0; i < c->n; i++)
        if (c->member[i] != NULL) {
            struct member *m = c->member[i];

            m->status = spn_fail(&m->err, SPN_EIO, "%s: %s", c->engine->base, why);
            if (cure != NULL)
                spn_cure(&m->err, "%s", cure);
            member_done(c, i, SPN_FINISH_ERROR);
        }
    if (c->whole) {
        spn_buf_trim(&c->answer, 0);
        spn_buf_puts(&c->answer, why);
        c->failed = true;
    }
}

void calls_lost(struct spn_engine *e, const char *why, const char *cure)
{
    e->caps.lost = true;
    for (struct call *c = e->calls; c != NULL; c = c->next)
        give_up(c, why, cure);
}

/* Everything that came of this try is dropped. */
static void begin_again(struct call *c)
{
    for (int i = 0; i < c->n; i++) {
        struct member *m = c->member[i];

        if (m == NULL)
            continue;
        reply_again(&m->reply);
        spn_buf_trim(&m->lead, 0);
        m->led = m->ended = false;
        m->n_logprob = 0;
        m->pieces = 0;
    }
    spn_buf_trim(&c->answer, 0);
}

/* Once for a burst of failures: all that was under way fails together. */
static void narrow(struct spn_engine *e)
{
    double now = remote_now();

    if (now - e->narrowed < 1)
        return;
    e->narrowed = now;
    e->window = e->window / 2 > 1 ? e->window / 2 : 1;
}

/* The try failed: another one later, or the end. LOST: when it is the end, it is so for all. */
static void try_again(struct call *c, const char *why, bool lost, const char *cure)
{
    struct spn_engine *e = c->engine;
    int most = (int)spn_value_int(e->values, "tries");
    double base = spn_value_float(e->values, "backoff"), wait;
    char text[900];

    c->tries++;
    if (c->tries >= most) {
        double took = remote_now() - c->first_try;

        snprintf(text, sizeof text, "%.700s, tried %d time%s in %.*f s", why, c->tries,
                 c->tries == 1 ? "" : "s", took < 1 ? 1 : 0, took);
        if (lost)
            calls_lost(e, text, cure);
        else
            give_up(c, text, cure);
        return;
    }
    wait = base * ldexp(1, c->tries - 1);
    wait = (wait < wait_longest_s ? wait : wait_longest_s) * (0.5 + spn_rng_unit(&e->jitter));
    if (!e->troubled)
        spn_log(SPN_LOG_WARN, "%s: %s; trying again", e->base, why);
    e->troubled = true;
    begin_again(c);
    narrow(e);
    c->ready = remote_now() + wait;
}

/* The server is there and asks to wait. */
static void wait_turn(struct call *c, const struct spn_net_result *r, const char *why)
{
    struct spn_engine *e = c->engine;
    double now = remote_now(), most = spn_value_float(e->values, "wait"), wait = r->retry_after_s;
    char text[900];

    if (c->busy_since == 0)
        c->busy_since = now;
    if (wait < 0)
        wait = spn_value_float(e->values, "backoff");
    wait *= 1 + 0.5 * spn_rng_unit(&e->jitter);
    if (now + wait - c->busy_since > most) {
        snprintf(text, sizeof text, "%.700s, and no answer in %.0f s of waiting", why,
                 now - c->busy_since);
        give_up(c, text, "remote:parallel=N with a smaller N, or wait=SECONDS with more");
        return;
    }
    begin_again(c);
    narrow(e);
    c->ready = now + wait;
}

/* ---- sending ---- */

size_t remote_headers(const struct spn_engine *e, const char *headers[2], struct spn_buf *key)
{
    size_t n = 0;

    headers[n++] = "Content-Type: application/json";
    if (e->key != NULL && spn_buf_printf(key, "Authorization: Bearer %s", e->key) == SPN_OK)
        headers[n++] = key->data;
    return n;
}

static int64_t ms(const struct spn_engine *e, const char *option)
{
    return (int64_t)(1000 * spn_value_float(e->values, option));
}

void remote_limits(const struct spn_engine *e, struct spn_net_request *q)
{
    q->proxy = spn_value_str(e->values, "proxy");
    q->ca_file = spn_value_str(e->values, "ca-file");
    q->verify = spn_value_flag(e->values, "verify");
    q->connect_ms = ms(e, "connect");
    q->first_ms = ms(e, "first");
    q->idle_ms = ms(e, "idle");
}

static bool on_data(void *ctx, const char *bytes, size_t n)
{
    struct call *c = ctx;

    return spn_buf_add(&c->pending, bytes, n) == SPN_OK;
}

static void send(struct call *c)
{
    struct spn_engine *e = c->engine;
    struct spn_buf url = SPN_BUF_INIT(1 << 16), key = SPN_BUF_INIT(1 << 16),
                   body = SPN_BUF_INIT((size_t)256 << 20);
    struct spn_net_request q = { .on_data = on_data, .ctx = c };
    struct spn_err why = SPN_ERR_INIT;
    const char *headers[2];
    bool chat = false;
    spn_status st = SPN_OK;

    if (c->whole)
        spn_buf_puts(&body, c->body != NULL ? c->body : "");
    else
        st = remote_body(&body, &c->ask, &e->style, c->n, &chat, &why);
    if (c->url != NULL)
        spn_buf_puts(&url, c->url);
    else
        spn_buf_printf(&url, "%s/%s", e->base,
                       c->whole ? c->path
                       : chat   ? "chat/completions"
                                : "completions");
    c->sent = e->style.features;
    remote_limits(e, &q);
    q.n_header = remote_headers(e, headers, &key);
    q.header = headers;
    if (st == SPN_OK && !url.failed && !key.failed && !body.failed) {
        q.url = url.data;
        q.body = c->whole && c->body == NULL ? NULL : body.data; /* NULL: GET */
        q.n_body = body.length;
        c->transfer = e->net->add(e->transfers, &q);
    }
    if (c->transfer == NULL) {
        give_up(c, why.text[0] != '\0' ? why.text : "the request could not be made", NULL);
    } else {
        e->flying++;
        e->stats.steps++;
        if (c->first_try == 0)
            c->first_try = remote_now();
        remote_reader_free(&c->reader);
        remote_reader_init(&c->reader, member_piece, c);
        spn_buf_trim(&c->pending, 0);
    }
    spn_buf_free(&url);
    spn_buf_free(&key);
    spn_buf_free(&body);
}

/* ---- ends ---- */

/* The server refused: what of the request can be left out? */
static bool leave_out(struct call *c, const char *error)
{
    struct spn_engine *e = c->engine;
    unsigned sent = c->sent & ~(unsigned)REMOTE_MAX_NEW, refused, bit;

    if (c->whole)
        return false;
    if (!(c->sent & REMOTE_MAX_NEW) && strstr(error, "max_completion_tokens") != NULL) {
        e->style.features |= REMOTE_MAX_NEW;
        return true;
    }
    if (c->n <= 1)
        sent &= ~(unsigned)REMOTE_N;
    if (!c->ask.logprobs)
        sent &= ~(unsigned)REMOTE_LOGPROBS;
    refused = remote_refused(error, sent);
    if (refused == 0 || (refused & REMOTE_N))
        return false;
    for (bit = 1; bit <= refused; bit <<= 1)
        if ((refused & bit) && (e->style.features & bit)) {
            spn_log(SPN_LOG_WARN, "%s: takes no %s, they are left out", e->base,
                    remote_feature_name(bit));
            e->style.features &= ~bit;
            if (strlen(e->lacks) + 32 < sizeof e->lacks)
                snprintf(e->lacks + strlen(e->lacks), sizeof e->lacks - strlen(e->lacks), " %s",
                         bit == REMOTE_EXTRA      ? "truncation"
                         : bit == REMOTE_LOGPROBS ? "logprobs"
                         : bit == REMOTE_USAGE    ? "usage"
                         : bit == REMOTE_STREAM   ? "streams"
                                                  : "seed");
        }
    if (refused & REMOTE_LOGPROBS)
        e->caps.logprobs = false;
    return true;
}

/* Members from FROM on that the server did not answer ask again alone: it takes no n. */
static void split(struct call *c, int from)
{
    struct spn_engine *e = c->engine;

    e->group = 1;
    for (int i = from; i < c->n; i++) {
        struct call *alone;
        struct spn_prompt_request r = { .messages = c->ask.messages,
                                        .n_messages = c->ask.n_messages,
                                        .text = c->ask.text,
                                        .prefill = c->ask.prefill,
                                        .grammar = c->ask.grammar,
                                        .json_schema = c->ask.json_schema,
                                        .stop = (const char *const *)c->ask.stop,
                                        .n_stop = c->ask.n_stop,
                                        .max_tokens = c->ask.max_tokens,
                                        .sampling = c->ask.sampling,
                                        .rng_key = spn_key_int(c->ask.rng_key, (uint64_t)i),
                                        .logprobs = c->ask.logprobs };

        if (c->member[i] == NULL)
            continue;
        alone = call_new(e, &r, &c->member[i]->err);
        if (alone == NULL) {
            c->member[i]->status = c->member[i]->err.code;
            member_done(c, i, SPN_FINISH_ERROR);
            continue;
        }
        alone->member[0] = c->member[i];
        c->member[i] = NULL;
        alone->n = 1;
    }
}

static void take_usage(struct call *c)
{
    const struct remote_reader *r = &c->reader;
    struct spn_engine *e = c->engine;
    int live = 0;

    if (!r->usage)
        return;
    e->bytes_seen += (double)remote_ask_bytes(&c->ask);
    e->tokens_seen += (double)r->tokens_in;
    for (int i = 0; i < c->n; i++)
        live += c->member[i] != NULL;
    for (int i = 0; i < c->n; i++)
        if (c->member[i] != NULL) {
            struct member *m = c->member[i];

            /* One prompt was read for all; what was drawn is told in sum. */
            m->tokens_in = i == 0 || c->n == 1 ? r->tokens_in : 0;
            m->tokens_cached = i == 0 ? r->tokens_cached : 0;
            if (live == 1 && c->n == 1)
                m->tokens_out = r->tokens_out;
        }
}

/* An answer with status 2xx came whole: does it hold all that was asked? */
static void take_answer(struct call *c)
{
    struct remote_reader *r = &c->reader;
    bool some = false, all = true;
    char why[600];

    if (r->error[0] != '\0') {
        snprintf(why, sizeof why, "the server says: %s", r->error);
        if (leave_out(c, r->error)) {
            begin_again(c);
            return;
        }
        try_again(c, why, false, NULL);
        return;
    }
    for (int i = 0; i < c->n; i++) {
        some |= c->member[i] == NULL || c->member[i]->ended;
        all &= c->member[i] == NULL || c->member[i]->ended;
    }
    /* A piece that cannot be read may have been text: the rest is no answer. */
    if (!some || r->wrong[0] != '\0') {
        if (r->wrong[0] != '\0')
            snprintf(why, sizeof why, "garbage came: %s", r->wrong);
        else if (r->odd && r->pieces == 0)
            snprintf(why, sizeof why, "garbage came: objects without \"choices\"");
        else
            snprintf(why, sizeof why, "the answer ends before its end, after %" PRId64 " pieces",
                     r->pieces);
        try_again(c, why, false, NULL);
        return;
    }
    c->engine->troubled = false;
    c->engine->window += c->engine->window < c->engine->parallel;
    take_usage(c);
    for (int i = 0; i < c->n; i++)
        if (c->member[i] != NULL && c->member[i]->ended) {
            if (c->member[i]->n_logprob == 0 && c->ask.logprobs)
                c->engine->caps.logprobs = false;
            member_done(c, i, c->member[i]->finish);
        }
    if (!all)
        split(c, 0);
    c->over = true;
}

static void follow(struct call *c, const struct spn_net_result *r)
{
    const struct spn_engine *e = c->engine;
    char why[1400], cure[1100];
    size_t n = strcspn(r->redirect, "?#"), end;

    if (r->redirect[0] != '\0' && ++c->redirects <= REDIRECTS_MAX &&
        net_may_follow(c->url != NULL ? c->url : e->base, r->redirect)) {
        spn_free(c->url);
        c->url = spn_strdup(r->redirect);
        begin_again(c);
        return;
    }
    for (end = n; end > 0 && strncmp(r->redirect + end, "/chat/", 6) != 0; end--)
        ;
    snprintf(cure, sizeof cure, "--engine %.*s", (int)(end > 0 ? end : n), r->redirect);
    snprintf(why, sizeof why, "status %d sends to %.300s, which is not followed with the request",
             r->status, r->redirect[0] != '\0' ? r->redirect : "nowhere");
    calls_lost(c->engine, why, r->redirect[0] != '\0' ? cure : NULL);
}

static void take_status(struct call *c, const struct spn_net_result *r)
{
    const char *said = c->reader.error[0] != '\0' ? c->reader.error : "no reason given";
    char why[800];

    snprintf(why, sizeof why, "status %d: %.512s", r->status, said);
    if (r->status >= 300 && r->status < 400) {
        follow(c, r);
    } else if (leave_out(c, said)) {
        begin_again(c);
    } else if (r->status == 400 && c->n > 1) {
        split(c, 1);
        c->n = 1;
        begin_again(c);
    } else if (r->status == 429 || r->status == 503 || r->status == 529) {
        wait_turn(c, r, why);
    } else if (r->status == 408 || r->status == 409 || r->status == 425 ||
               (r->status >= 500 && r->status != 501)) {
        try_again(c, why, false, NULL);
    } else if (r->status == 401 || r->status == 403) {
        calls_lost(c->engine, why, "SPINNEY_API_KEY=… or --engine remote:url=…,key-file=FILE");
    } else if (r->status == 404 && !c->whole) {
        calls_lost(c->engine, why, "spinney models --server URL");
    } else {
        give_up(c, why, NULL);
    }
}

static void take_end(struct call *c, const struct spn_net_result *r)
{
    bool failed = r->status < 200 || r->status >= 300;
    const char *secure = "--engine remote:url=…,ca-file=FILE";

    c->transfer = NULL;
    c->engine->flying--;
    if (!wanted(c))
        return;
    switch (r->end) {
    case SPN_NET_HTTP:
        if (c->whole && !failed) {
            c->over = true;
            return;
        }
        remote_reader_end(&c->reader, failed);
        if (failed)
            take_status(c, r);
        else
            take_answer(c);
        break;
    case SPN_NET_UNTRUSTED:
        calls_lost(c->engine, r->why, secure);
        break;
    case SPN_NET_FAILED:
        calls_lost(c->engine, r->why, NULL);
        break;
    case SPN_NET_STOPPED:
        give_up(c, "the answer is too long to keep", NULL);
        break;
    case SPN_NET_CUT:
        try_again(c, r->why, false, NULL);
        break;
    case SPN_NET_GARBAGE:
        try_again(c, r->why, false, NULL);
        break;
    case SPN_NET_NO_HOST:
    case SPN_NET_REFUSED:
        try_again(c, r->why, true, NULL);
        break;
    case SPN_NET_SLOW:
        try_again(c, r->why, r->bytes == 0, NULL);
        break;
    }
}

/* ---- all of them ---- */

static void read_pending(struct call *c)
{
    struct spn_buf got = c->pending;

    if (got.length == 0)
        return;
    c->pending = (struct spn_buf)SPN_BUF_INIT(got.ceiling);
    if (c->whole)
        spn_buf_add(&c->answer, got.data, got.length);
    /* The bytes of an error's page are read at its end; until then it is not known to be one, and
     * a page holds no choices. */
    if (!remote_reader_feed(&c->reader, got.data, got.length))
        give_up(c, "the answer is too long to keep", NULL);
    spn_buf_free(&got);
}

static int start_ready(struct spn_engine *e, int wait_ms)
{
    double now = remote_now(), next = 1e9;

    for (struct call *c = e->calls; c != NULL; c = c->next) {
        if (c->transfer != NULL || c->over || !wanted(c))
            continue;
        if (c->ready > now)
            next = c->ready - now < next ? c->ready - now : next;
        else if (e->flying < e->window)
            send(c);
    }
    return next * 1000 < wait_ms ? (int)(next * 1000) + 1 : wait_ms;
}

void calls_work(struct spn_engine *e, int wait_ms)
{
    struct spn_net_result r;

    e->working = true;
    wait_ms = start_ready(e, wait_ms);
    e->net->work(e->transfers, wait_ms);
    for (struct call *c = e->calls; c != NULL; c = c->next)
        if (c->transfer != NULL && wanted(c))
            read_pending(c);
    while (e->net->ended(e->transfers, &r))
        take_end(r.ctx, &r);
    e->working = false;
    calls_sweep(e);
}

#include "config.h"

#include "engine/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include <jansson.h>

#include "base/mem.h"
#include "engine/remote_call.h"

static const struct spn_option options[] = {
    { "url", SPN_OPT_STRING, .arg = "URL", .help = "address of the server: http://HOST:PORT/v1" },
    { "parallel", SPN_OPT_INT, .lo = 1, .hi = 1024, .dflt.i = 32, .arg = "N",
      .help = "most requests under way at once" },
    { "group", SPN_OPT_INT, .lo = 1, .hi = MEMBERS_MAX, .dflt.i = 1, .arg = "N",
      .help = "equal prompts sent as one request for N answers, which share its seed" },
    { "tries", SPN_OPT_INT, .lo = 1, .hi = 100, .dflt.i = 3, .arg = "N",
      .help = "how often a request is made before it fails" },
    { "backoff", SPN_OPT_FLOAT, .lo = 0, .hi = 3600, .dflt.f = 1, .arg = "SECONDS",
      .help = "wait before the second try, doubled for each one after" },
    { "wait", SPN_OPT_FLOAT, .lo = 0, .hi = 86400, .dflt.f = 600, .arg = "SECONDS",
      .help = "longest wait for a server that says it is busy" },
    { "connect", SPN_OPT_FLOAT, .lo = 0, .hi = 3600, .dflt.f = 10, .arg = "SECONDS",
      .help = "longest wait for a connection, 0 no limit" },
    { "first", SPN_OPT_FLOAT, .lo = 0, .hi = 86400, .dflt.f = 600, .arg = "SECONDS",
      .help = "longest wait for the first byte of an answer, 0 no limit" },
    { "idle", SPN_OPT_FLOAT, .lo = 0, .hi = 86400, .dflt.f = 120, .arg = "SECONDS",
      .help = "longest pause inside an answer, 0 no limit" },
    { "api", SPN_OPT_CHOICE, .choices = "chat completions", .dflt.s = "chat",
      .help = "completions: for servers without chat, messages become one text" },
    { "stream", SPN_OPT_FLAG, .dflt.b = true, .help = "answers come piece by piece" },
    { "prefill", SPN_OPT_CHOICE, .choices = "ask append vllm", .dflt.s = "ask",
      .help = "given beginnings: asked for in words, or a last turn as llama.cpp or vLLM take it" },
    { "score", SPN_OPT_FLAG, .help = "the server echoes prompts with log-probabilities" },
    { "key-env", SPN_OPT_STRING, .dflt.s = "SPINNEY_API_KEY", .arg = "NAME",
      .help = "environment variable that holds the key" },
    { "key-file", SPN_OPT_STRING, .arg = "FILE",
      .help = "file of mode 600 that holds the key, or lines of an address and its key" },
    { "ca-file", SPN_OPT_STRING, .arg = "FILE", .help = "certificates to believe" },
    { "verify", SPN_OPT_FLAG, .dflt.b = true, .help = "check the server's certificate" },
    { "proxy", SPN_OPT_STRING, .arg = "URL", .help = "proxy, instead of the environment's" },
    { 0 }
};

const struct spn_engine_kind engine_remote_kind = {
    .summary = "a server that speaks the OpenAI-compatible HTTP API",
    .options = options,
};

static const struct spn_values *configured;
static struct spn_values *defaults;
static struct spn_cancel *stop_flag;
static struct spn_engine *engines;

void engine_remote_configure(const struct spn_values *values, struct spn_cancel *cancel)
{
    configured = values;
    stop_flag = cancel;
}

static const struct spn_values *values_now(struct spn_err *err)
{
    if (configured != NULL)
        return configured;
    if (defaults == NULL && (defaults = spn_values_new(options)) == NULL)
        spn_fail(err, SPN_ENOMEM, "no memory for the options of remote engines");
    return defaults;
}

/* ---- opening ---- */

static void engine_free(struct spn_engine *e)
{
    while (e->calls != NULL) {
        struct call *c = e->calls;

        e->calls = c->next;
        call_free(c);
    }
    while (e->done != NULL) {
        struct member *m = e->done;

        e->done = m->next;
        member_free(m);
    }
    member_free(e->lent);
    if (e->net != NULL)
        e->net->close(e->transfers);
    spn_free(e->scores);
    spn_free(e->base);
    spn_free(e->key);
    spn_free(e->model);
    spn_free(e->spec);
    spn_free(e);
}

/* The server's models: which one answers, and how long its context is. */
static spn_status choose_model(struct spn_engine *e, struct spn_err *err)
{
    struct remote_model *m = NULL;
    struct call *c = NULL;
    struct spn_buf names = SPN_BUF_INIT(600);
    size_t n = 0, i;
    spn_status st = remote_whole(e, "models", NULL, &c, err);

    if (st == SPN_OK)
        st = remote_models_read(&m, &n, c->answer.data != NULL ? c->answer.data : "",
                                c->answer.length, err);
    call_free(c);
    if (st == SPN_EIO && !e->caps.lost) {
        /* A server that tells no list still answers, under the name that was given. */
        n = 0;
        st = SPN_OK;
    }
    for (i = 0; st == SPN_OK && i < n; i++)
        if (e->model == NULL ? n == 1 : strcmp(m[i].name, e->model) == 0) {
            e->style.context = m[i].context;
            if (e->model == NULL && (e->model = spn_strdup(m[i].name)) == NULL)
                st = spn_fail(err, SPN_ENOMEM, "%s: no memory", e->base);
        }
    if (st == SPN_OK && e->model == NULL && n > 1) {
        for (i = 0; i < n; i++)
            spn_buf_printf(&names, "%s%s", i > 0 ? ", " : "", m[i].name);
        st = spn_fail(err, SPN_EUSAGE, "%s: serves %zu models, which one? %s", e->base, n,
                      names.data != NULL ? names.data : "");
        spn_cure(err, "-m %s", m[0].name);
    }
    remote_models_free(m, n);
    spn_buf_free(&names);
    return st;
}

static spn_status start(struct spn_engine *e, struct spn_err *err)
{
    const char *prefill = spn_value_str(e->values, "prefill");
    spn_status st = net_module(&e->net, err);

    if (st != SPN_OK)
        return st;
    e->transfers = e->net->open();
    if (e->transfers == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for connections", e->base);
    e->window = e->parallel = (int)spn_value_int(e->values, "parallel");
    e->group = (int)spn_value_int(e->values, "group");
    e->calls_end = &e->calls;
    e->done_end = &e->done;
    /* Clients that start together do not come back together. */
    spn_rng_init(&e->jitter,
                 spn_key_int(spn_key_seed((uint64_t)getpid()), (uint64_t)(remote_now() * 1e9)));
    e->style.chat = strcmp(spn_value_str(e->values, "api"), "chat") == 0;
    e->style.prefill = strcmp(prefill, "append") == 0 ? REMOTE_APPEND
                       : strcmp(prefill, "vllm") == 0 ? REMOTE_VLLM
                                                      : REMOTE_ASK;
    e->style.features = REMOTE_ALL & ~(unsigned)REMOTE_MAX_NEW;
    if (!spn_value_flag(e->values, "stream"))
        e->style.features &= ~(unsigned)(REMOTE_STREAM | REMOTE_USAGE);
    st = choose_model(e, err);
    e->style.model = e->model;
    snprintf(e->device, sizeof e->device, "%s", strstr(e->base, "://") + 3);
    e->device[strcspn(e->device, "/")] = '\0';
    snprintf(e->lacks, sizeof e->lacks, "seeds%s%s",
             spn_value_flag(e->values, "score") ? "" : " score",
             e->style.prefill == REMOTE_ASK ? " prefill" : "");
    e->caps = (struct spn_caps){
        .model = e->model != NULL ? e->model : "(unnamed)",
        .type = "remote",
        .device = e->device,
        .context = e->style.context,
        .logprobs = true,
        .score = spn_value_flag(e->values, "score"),
        .batch = true,
        .templates = e->style.chat,
        .template_name = e->style.chat ? "the server's" : "none",
        .embed = true,
        .grammar = true,
        .prefill = e->style.prefill != REMOTE_ASK,
        .parallel = e->parallel,
        .lacks = e->lacks,
    };
    return st;
}

static spn_status remote_open(struct spn_engine **out, const char *spec, struct spn_err *err)
{
    const struct spn_values *v = values_now(err);
    const char *mine = v != NULL ? spn_value_str(v, "url") : NULL,
               *url = spec != NULL && net_is_url(spec) ? spec : mine;
    char *base = NULL, *model = NULL, *own = NULL;
    struct spn_engine *e = NULL;
    bool same;
    spn_status st = v != NULL ? SPN_OK : SPN_ENOMEM;

    if (st == SPN_OK && url == NULL)
        st = spn_fail(err, SPN_EUSAGE, "--engine remote: url=http://HOST:PORT/v1 is missing");
    if (st == SPN_OK)
        st = net_base(&base, &model, url, err);
    if (st == SPN_OK && mine != NULL)
        st = net_base(&own, NULL, mine, err);
    if (st == SPN_OK && spec != NULL && !net_is_url(spec)) {
        spn_free(model);
        model = spn_strdup(spec);
    }
    for (e = engines; st == SPN_OK && e != NULL; e = e->next) {
        same = e->spec == NULL ? model == NULL : model != NULL && strcmp(e->spec, model) == 0;
        if (same && e->values == v && strcmp(e->base, base) == 0 && !e->caps.lost)
            break;
    }
    if (st == SPN_OK && e != NULL) {
        e->count++;
        *out = e;
    } else if (st == SPN_OK) {
        e = spn_calloc(1, sizeof *e);
        if (e == NULL) {
            st = spn_fail(err, SPN_ENOMEM, "%s: no memory for an engine", base);
        } else {
            e->count = 1;
            e->values = v;
            e->cancel = stop_flag;
            e->base = base;
            e->model = model;
            e->spec = model != NULL ? spn_strdup(model) : NULL;
            /* Without an --engine of its own the variable's key is nobody's. */
            same = own != NULL && net_origin(own) == net_origin(base) &&
                   strncmp(own, base, net_origin(base)) == 0;
            base = model = NULL;
            st = net_key(&e->key, e->base, same, spn_value_str(v, "key-env"),
                         spn_value_str(v, "key-file"), err);
            if (st == SPN_OK)
                st = start(e, err);
            if (st != SPN_OK) {
                engine_free(e);
            } else {
                e->next = engines;
                engines = e;
                *out = e;
            }
        }
    }
    spn_free(base);
    spn_free(model);
    spn_free(own);
    return st;
}

static void remote_close(struct spn_engine *e)
{
    struct spn_engine **at = &engines;

    if (e == NULL || --e->count > 0)
        return;
    while (*at != NULL && *at != e)
        at = &(*at)->next;
    if (*at == e)
        *at = e->next;
    engine_free(e);
}

void engine_remote_end(void)
{
    while (engines != NULL) {
        struct spn_engine *e = engines;

        engines = e->next;
        engine_free(e);
    }
    configured = NULL;
    spn_values_free(defaults);
    defaults = NULL;
}

static const struct spn_caps *remote_caps(struct spn_engine *e)
{
    return &e->caps;
}

/* ---- requests ---- */

static struct call *companion(struct spn_engine *e, const struct remote_ask *a)
{
    for (struct call *c = e->calls; e->group > 1 && c != NULL; c = c->next)
        if (!c->whole && c->transfer == NULL && c->first_try == 0 && c->n < e->group &&
            remote_ask_same(&c->ask, a))
            return c;
    return NULL;
}

static bool is_json(const char *text)
{
    json_t *o = json_loads(text, 0, NULL);
    bool good = o != NULL;

    json_decref(o);
    return good;
}

static spn_status remote_submit(struct spn_engine *e, const struct spn_prompt_request *r,
                                int64_t *ticket, struct spn_err *err)
{
    struct member *m = spn_calloc(1, sizeof *m);
    struct remote_ask probe = { 0 };
    struct call *c;
    spn_status st;

    if (m == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for a request", e->base);
    if (r->grammar != NULL || r->json_schema != NULL) {
        spn_free(m);
        return spn_fail(err, SPN_EUSAGE, "%s: grammars are followed by local models alone",
                        e->base);
    }
    m->engine = e;
    m->lead = (struct spn_buf)SPN_BUF_INIT(1 << 20);
    m->tokens_in = m->tokens_out = -1;
    m->start = remote_now();
    if (r->messages == NULL && r->text == NULL)
        st = spn_fail(err, SPN_EUSAGE, "a request needs messages or text");
    else if (r->json_schema != NULL && !is_json(r->json_schema))
        st = spn_fail(err, SPN_EFORMAT, "the schema of the answer is not JSON");
    else
        st = reply_init(&m->reply, r, err);
    if (st == SPN_OK && e->group > 1)
        st = remote_ask_copy(&probe, r, err);
    c = st == SPN_OK && e->group > 1 ? companion(e, &probe) : NULL;
    remote_ask_free(&probe);
    if (st == SPN_OK && c == NULL && (c = call_new(e, r, err)) == NULL)
        st = SPN_ENOMEM;
    if (st != SPN_OK) {
        member_free(m);
        return st;
    }
    c->member[c->n++] = m;
    m->ticket = *ticket = ++e->next_ticket;
    return SPN_OK;
}

static spn_status remote_next(struct spn_engine *e, const struct spn_answer **out,
                              struct spn_err *err)
{
    struct member *m;

    member_free(e->lent);
    e->lent = NULL;
    while (e->done == NULL) {
        if (e->calls == NULL)
            return spn_fail(err, SPN_ENOTFOUND, "%s: no request is queued", e->base);
        if (spn_cancelled(e->cancel))
            return spn_fail(err, SPN_ECANCEL, "%s: stopped", e->base);
        calls_work(e, REMOTE_POLL_MS);
    }
    m = e->lent = e->done;
    e->done = m->next;
    if (e->done == NULL)
        e->done_end = &e->done;
    e->answer = (struct spn_answer){
        .ticket = m->ticket,
        .text = m->reply.text.data != NULL ? m->reply.text.data : "",
        .length = m->reply.text.length,
        .finish = m->finish,
        .tokens_in = m->tokens_in,
        .tokens_cached = m->tokens_cached,
        .tokens_out = m->tokens_out,
        .seconds = m->seconds,
        .logprob = m->n_logprob > 0 ? m->logprob : NULL,
        .n_logprob = m->n_logprob,
        .status = m->status,
        .error = m->status != SPN_OK ? m->err.text : NULL,
        .cure = m->status != SPN_OK && m->err.cure[0] != '\0' ? m->err.cure : NULL,
        .estimated = m->estimated,
    };
    *out = &e->answer;
    return SPN_OK;
}

static void remote_cancel(struct spn_engine *e, int64_t ticket)
{
    struct call *next;

    if (!e->working) {
        member_free(e->lent);
        e->lent = NULL;
    }
    for (struct call *c = e->calls; c != NULL; c = next) {
        next = c->next;
        for (int i = 0, n = c->n; i < n; i++)
            if (c->member[i] != NULL && (ticket == 0 || c->member[i]->ticket == ticket))
                member_done(c, i, SPN_FINISH_CANCEL);
    }
    calls_sweep(e);
}

/* ---- counts ---- */

static int64_t remote_count_tokens(struct spn_engine *e, const char *text)
{
    return remote_estimate(e, strlen(text));
}

static void remote_stats(struct spn_engine *e, struct spn_engine_stats *out)
{
    *out = e->stats;
}

const struct spn_engine_api *engine_remote(void)
{
    static const struct spn_engine_api api = {
        .size = sizeof api,
        .open = remote_open,
        .close = remote_close,
        .caps = remote_caps,
        .submit = remote_submit,
        .next = remote_next,
        .cancel = remote_cancel,
        .score = remote_score,
        .count_tokens = remote_count_tokens,
        .stats = remote_stats,
        .embed = remote_embed,
    };

    return &api;
}

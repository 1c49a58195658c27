#include "config.h"

#include "host/engines.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/mem.h"
#include "engine/adapters.h"
#include "engine/engine.h"
#include "engine/net.h"
#include "engine/remote.h"
#include "host/job.h"
#include "host/message.h"
#include "host/model_memory.h"
#include "host/models.h"
#include "host/parts.h"
#include "host/settings.h"
#include "tensor/dtype.h"

/* An engine that is open, and whose functions answer for it. */
struct opened {
    struct opened *next;
    struct spn_engine *engine;
    const struct spn_engine_api *api;
    int count;
    bool held; /* by a job that asks */
};

static char *model; /* what -m said; NULL: not given */
static bool quiet, said, remote;
static int64_t local_ctx;
static char *local_lora;
static int local_kv_bytes = 4;
static struct spn_values *remote_values;
/* Jobs of several screens open, hold and close engines: the list is theirs in turn. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static struct opened *all_open;

static struct opened *find(const struct spn_engine *e)
{
    struct opened *o = all_open;

    while (o != NULL && o->engine != e)
        o = o->next;
    return o;
}

/* Every engine that is asked was opened here. */
static const struct spn_engine_api *api_of(const struct spn_engine *e)
{
    const struct spn_engine_api *api;

    pthread_mutex_lock(&lock);
    api = find(e)->api;
    pthread_mutex_unlock(&lock);
    return api;
}

/* ---- opening ---- */

static spn_status open_local(struct spn_engine **out, const char *spec, struct spn_err *err)
{
    bool shipped = false;
    char *path = NULL;
    spn_status st = models_resolve(&path, &shipped, spec, err);

    if (st == SPN_OK && shipped && !quiet && !said) {
        const char *name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;

        message_warn("no model was named: %.*s answers, it learnt puzzles only; %s another",
                     (int)strcspn(name, "."), name, message_holds() ? "m chooses" : "-m names");
        said = true;
    }
    if (st == SPN_OK)
        st = model_memory_check(path, local_ctx, local_kv_bytes, quiet, err);
    if (st == SPN_OK)
        st = engine_local()->open(out, path, err);
    spn_free(path);
    return st;
}

/* An address is a server's whatever --engine says; a path is a file's. */
static bool is_remote(const char *spec)
{
    if (spec != NULL && net_is_url(spec))
        return true;
    return remote && (spec == NULL || strchr(spec, '/') == NULL || !spn_path_exists(spec));
}

static spn_status open_locked(struct spn_engine **out, const char *spec, struct spn_err *err)
{
    const struct spn_engine_api *api;
    struct spn_engine *e = NULL;
    struct opened *o;
    spn_status st;

    if (spec == NULL)
        spec = model;
    api = is_remote(spec) ? engine_remote() : engine_local();
    st = api == engine_remote() ? api->open(&e, spec, err) : open_local(&e, spec, err);
    if (st != SPN_OK)
        return st;
    o = find(e);
    if (o == NULL) {
        o = spn_calloc(1, sizeof *o);
        if (o == NULL) {
            api->close(e);
            return spn_fail(err, SPN_ENOMEM, "no memory for an engine");
        }
        *o = (struct opened){ all_open, e, api, 0, false };
        all_open = o;
    }
    o->count++;
    *out = e;
    return SPN_OK;
}

static spn_status open_named(struct spn_engine **out, const char *spec, struct spn_err *err)
{
    spn_status st;

    pthread_mutex_lock(&lock);
    st = open_locked(out, spec, err);
    pthread_mutex_unlock(&lock);
    return st;
}

static void close_any(struct spn_engine *e)
{
    struct opened **at = &all_open, *o;

    if (e == NULL)
        return;
    pthread_mutex_lock(&lock);
    while (*at != NULL && (*at)->engine != e)
        at = &(*at)->next;
    if ((o = *at) != NULL) {
        o->api->close(e);
        if (--o->count == 0) {
            *at = o->next;
            spn_free(o);
        }
    }
    pthread_mutex_unlock(&lock);
}

/* ---- one at a time ---- */

static spn_status hold(struct spn_engine *e, struct spn_cancel *cancel, struct spn_err *err)
{
    struct opened *o;
    struct timespec until;
    bool stopped = false;

    pthread_mutex_lock(&lock);
    o = find(e);
    while (o->held && !(stopped = spn_cancelled(cancel))) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 50000000; /* a flag wakes nobody */
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&turned, &lock, &until);
    }
    if (!stopped)
        o->held = true;
    pthread_mutex_unlock(&lock);
    return stopped ? spn_fail(err, SPN_ECANCEL, "stopped while another answer was under way")
                   : SPN_OK;
}

static void release(struct spn_engine *e)
{
    const struct spn_engine_api *api = api_of(e);
    const struct spn_answer *a;

    /* What was not waited for is of no use to who comes next, and its callbacks end here. */
    api->cancel(e, 0);
    while (api->next(e, &a, NULL) == SPN_OK)
        continue;
    pthread_mutex_lock(&lock);
    find(e)->held = false;
    pthread_cond_broadcast(&turned);
    pthread_mutex_unlock(&lock);
}

/* ---- the table: each function is that of the engine's kind ---- */

static const struct spn_caps *caps(struct spn_engine *e)
{
    return api_of(e)->caps(e);
}

static spn_status submit(struct spn_engine *e, const struct spn_prompt_request *r, int64_t *ticket,
                         struct spn_err *err)
{
    return api_of(e)->submit(e, r, ticket, err);
}

static spn_status next(struct spn_engine *e, const struct spn_answer **out, struct spn_err *err)
{
    return api_of(e)->next(e, out, err);
}

static void cancel(struct spn_engine *e, int64_t ticket)
{
    api_of(e)->cancel(e, ticket);
}

static spn_status score(struct spn_engine *e, const char *prompt, const char *continuation,
                        const float **logprob, size_t *n, struct spn_err *err)
{
    return api_of(e)->score(e, prompt, continuation, logprob, n, err);
}

static int64_t count_tokens(struct spn_engine *e, const char *text)
{
    return api_of(e)->count_tokens(e, text);
}

static void stats(struct spn_engine *e, struct spn_engine_stats *out)
{
    api_of(e)->stats(e, out);
}

static spn_status embed(struct spn_engine *e, const char *text, const float **vector, size_t *n,
                        struct spn_err *err)
{
    const struct spn_engine_api *api = api_of(e);

    if (api->embed == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "%s: this engine has no vectors of texts",
                        api->caps(e)->model);
    return api->embed(e, text, vector, n, err);
}

static spn_status probe(struct spn_engine *e, const struct spn_prompt_request *r,
                        const char *answer, struct spn_probe **out, struct spn_err *err)
{
    const struct spn_engine_api *api = api_of(e);

    if (api->probe == NULL)
        return spn_fail(err, SPN_ENOTFOUND,
                        "%s: a server does not tell the probabilities of a text that is there",
                        api->caps(e)->model);
    return api->probe(e, r, answer, out, err);
}

const struct spn_engine_api *engines_table(void)
{
    static struct spn_engine_api table = {
        .size = sizeof table,
        .open = open_named,
        .close = close_any,
        .caps = caps,
        .submit = submit,
        .next = next,
        .cancel = cancel,
        .score = score,
        .count_tokens = count_tokens,
        .stats = stats,
        .embed = embed,
        .hold = hold,
        .release = release,
        .probe = probe,
    };

    table.probe_free = engine_local()->probe_free;
    return &table;
}

/* ---- the command line ---- */

/* "cpu", "cuda", "cuda:N". */
static spn_status check_device(const char *device, struct spn_err *err)
{
    if (strcmp(device, "cpu") == 0)
        return SPN_OK;
    if (strncmp(device, "cuda", 4) == 0 && (device[4] == '\0' || device[4] == ':')) {
        spn_fail(err, SPN_ENOMEM, "--device %s: models run on the CPU only in this version",
                 device);
        return spn_cure(err, "--device cpu");
    }
    return spn_fail(err, SPN_EUSAGE, "--device: \"%.40s\" is neither cpu nor cuda[:N]", device);
}

/* "local", or "remote:url=…,key=value": what the command line made of an address. */
static spn_status configure_remote(const char *engine, struct spn_err *err)
{
    char *path = NULL;
    spn_status st;

    remote = strncmp(engine, "remote", 6) == 0 && (engine[6] == '\0' || engine[6] == ':');
    parts_found(parts_find("spn_net"), &path);
    net_configure(path != NULL ? path : "");
    spn_free(path);
    spn_values_free(remote_values);
    remote_values = spn_values_new(engine_remote_kind.options);
    if (remote_values == NULL)
        return spn_fail(err, SPN_ENOMEM, "--engine: no memory");
    st = settings_apply(remote_values, "remote", err);
    if (st == SPN_OK && remote)
        st = spn_values_parse(remote_values, engine[6] == ':' ? engine + 7 : NULL, err);
    engine_remote_configure(remote_values, job_cancel());
    return st;
}

spn_status engines_configure(const struct spn_values *v, bool is_quiet, struct spn_err *err)
{
    struct engine_settings s = { .ctx = spn_value_int(v, "ctx"),
                                 .threads = (int)spn_value_int(v, "threads"),
                                 .cancel = job_cancel() };
    const char *name = spn_value_str(v, "model");
    char *lora = NULL;
    spn_status st = check_device(spn_value_str(v, "device"), err);

    if (st == SPN_OK)
        st = configure_remote(spn_value_str(v, "engine"), err);
    if (st != SPN_OK)
        return st;
    s.act_f32 = strcmp(spn_value_str(v, "act"), "f32") == 0;
    s.kv_dtype = strcmp(spn_value_str(v, "kv-type"), "f16") == 0 ? SPN_F16 : SPN_F32;
    st = adapters_text(&lora, v, err);
    if (st != SPN_OK)
        return st;
    if (lora != NULL && remote) {
        spn_free(lora);
        return spn_fail(err, SPN_EUSAGE, "--lora: a server applies its own adapters; it is for "
                                         "models that run here");
    }
    s.lora = lora;
    local_ctx = s.ctx;
    local_kv_bytes = s.kv_dtype == SPN_F16 ? 2 : 4;
    quiet = is_quiet;
    spn_free(model);
    model = name != NULL ? spn_strdup(name) : NULL;
    if (name != NULL && model == NULL)
        st = spn_fail(err, SPN_ENOMEM, "-m: no memory");
    if (st == SPN_OK)
        st = engine_local_configure(&s, err);
    spn_free(local_lora);
    local_lora = lora;
    return st;
}

spn_status engines_identity(char **out, struct spn_err *err)
{
    struct spn_engine *e = NULL;
    char *path = NULL;
    spn_status st;

    *out = NULL;
    if (is_remote(model)) {
        struct spn_buf b = SPN_BUF_INIT(1 << 12);

        /* A model goes on elsewhere: its name, not its server's. */
        st = open_named(&e, NULL, err);
        if (st == SPN_OK) {
            spn_buf_printf(&b, "remote/%s", caps(e)->model);
            *out = spn_buf_steal(&b);
        }
        close_any(e);
    } else {
        st = models_resolve(&path, NULL, model, err);
        *out = st == SPN_OK ? models_identity(path) : NULL;
        spn_free(path);
        if (*out != NULL && local_lora != NULL) { /* with an adapter it is another model */
            struct spn_buf b = SPN_BUF_INIT(1 << 17);

            spn_buf_printf(&b, "%s+%s", *out, local_lora);
            spn_free(*out);
            *out = spn_buf_steal(&b);
        }
    }
    if (st == SPN_OK && *out == NULL)
        st = spn_fail(err, SPN_ENOMEM, "-m: no memory");
    return st;
}

void engines_end(void)
{
    while (all_open != NULL) {
        struct opened *o = all_open;

        all_open = o->next;
        spn_free(o);
    }
    engine_local_end();
    engine_remote_end();
    spn_values_free(remote_values);
    remote_values = NULL;
    spn_free(model);
    model = NULL;
    spn_free(local_lora);
    local_lora = NULL;
}

#include "config.h"

#include "command/commands.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "command/listing.h"
#include "engine/net.h"
#include "engine/remote.h"
#include "host/job.h"
#include "host/message.h"
#include "host/model_facts.h"
#include "host/models.h"
#include "host/parts.h"
#include "host/settings.h"

enum { PROBE_MS = 300, PORTS = 4, SERVERS_MAX = 32 };
/* Where Ollama, llama.cpp, vLLM and LM Studio listen. */
static const int ports[PORTS] = { 11434, 8080, 8000, 1234 };

static const struct spn_option options[] = {
    { "fits", SPN_OPT_FLAG, .help = "only models that run in the memory that is free now" },
    { "probe", SPN_OPT_FLAG, .dflt.b = true,
      .help = "look for servers on ports 11434, 8080, 8000 and 1234 of this machine" },
    { "server", SPN_OPT_STRING, .arg = "URL", .many = true,
      .help = "list the models of this server too" },
    { 0 }
};

static spn_status row(struct listing *l, const struct model_place *m, bool fits,
                      struct spn_err *err)
{
    struct model_facts f;
    char params[32], bytes[32], ctx[32], fit[32];
    const char *cells[] = { m->name, f.arch, params,    f.type, bytes,  ctx,
                            fit,     f.chat, m->source, "yes",  m->path };

    model_facts_read(&f, m->path);
    if (fits && !f.runs)
        return SPN_OK;
    if (!f.runs)
        cells[9] = f.why_not;
    snprintf(params, sizeof params, "%llu", (unsigned long long)f.params);
    snprintf(bytes, sizeof bytes, "%llu", (unsigned long long)f.bytes);
    snprintf(ctx, sizeof ctx, "%lld", (long long)f.ctx);
    snprintf(fit, sizeof fit, "%lld", (long long)f.ctx_fits);
    return listing_row(
        l,
        json_pack("{s:s, s:s, s:s, s:s, s:I, s:s, s:I, s:I, s:I, s:I, s:s, s:s?, s:b, s:s?}",
                  "name", m->name, "path", m->path, "source", m->source, "arch", f.arch, "params",
                  (json_int_t)f.params, "type", f.type, "bytes", (json_int_t)f.bytes, "ctx",
                  (json_int_t)f.ctx, "needs", (json_int_t)f.needs, "ctx_fits",
                  (json_int_t)f.ctx_fits, "template", f.chat, "mmproj", m->mmproj, "runs", f.runs,
                  "why_not", f.runs ? NULL : f.why_not),
        cells, err);
}

/* ---- servers ---- */

/* Who listens on PORT of this machine, from the kernel's table of sockets; "" when it does not
 * say. */
static void owner_of(int port, char *out, size_t room)
{
    static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
    char line[512];

    out[0] = '\0';
    for (size_t i = 0; i < 2 && out[0] == '\0'; i++) {
        FILE *f = fopen(tables[i], "r");

        while (f != NULL && out[0] == '\0' && fgets(line, sizeof line, f) != NULL) {
            unsigned at = 0, state = 0, uid = 0;
            const struct passwd *who;

            if (sscanf(line, " %*u: %*[0-9A-Fa-f]:%x %*s %x %*s %*s %*s %u", &at, &state, &uid) !=
                    3 ||
                at != (unsigned)port || state != 10) /* TCP_LISTEN */
                continue;
            who = getpwuid((uid_t)uid);
            if (who != NULL)
                snprintf(out, room, "%s", who->pw_name);
            else
                snprintf(out, room, "user %u", uid);
        }
        if (f != NULL)
            fclose(f);
    }
}

static spn_status server_row(struct listing *l, const struct remote_server *s,
                             const struct remote_model *m, const char *owner, struct spn_err *err)
{
    struct spn_buf path = SPN_BUF_INIT(1 << 12), source = SPN_BUF_INIT(256);
    char ctx[32], params[32], bytes[32];
    const char *cells[] = { m->name, "?", params, "?", bytes, ctx, "", "?", NULL, "yes", NULL };
    spn_status st;

    spn_buf_printf(&path, "%s#%s", s->url, m->name);
    spn_buf_printf(&source, "server%s%s", owner[0] != '\0' ? " of " : "", owner);
    cells[8] = source.data;
    cells[10] = path.data;
    snprintf(ctx, sizeof ctx, "%lld", (long long)m->context);
    snprintf(params, sizeof params, "%lld", (long long)m->params);
    snprintf(bytes, sizeof bytes, "%lld", (long long)m->bytes);
    st = path.failed || source.failed
             ? spn_fail(err, SPN_ENOMEM, "%s: no memory", s->url)
             : listing_row(
                   l,
                   json_pack("{s:s, s:s, s:s, s:s?, s:n, s:I, s:n, s:I, s:I, s:n, s:n, s:b, s:n}",
                             "name", m->name, "path", path.data, "source", "server", "owner",
                             owner[0] != '\0' ? owner : NULL, "arch", "params",
                             (json_int_t)m->params, "type", "bytes", (json_int_t)m->bytes, "ctx",
                             (json_int_t)m->context, "template", "mmproj", "runs", 1, "why_not"),
                   cells, err);
    spn_buf_free(&path);
    spn_buf_free(&source);
    return st;
}

/* Servers that were named come first and say why they do not answer; ports that are silent say
 * nothing. */
static spn_status server_rows(struct listing *l, const struct spn_values *v, struct spn_err *err)
{
    struct remote_server s[SERVERS_MAX + PORTS + 1] = { { .url = NULL } };
    char urls[PORTS][40], owner[64], *path = NULL;
    const char *set = settings_get("engine");
    size_t n = 0, named, i, k;
    bool there;
    spn_status st = SPN_OK;

    for (i = 0; i < spn_value_count(v, "server") && n < SERVERS_MAX; i++)
        s[n++].url = spn_value_nth(v, "server", i);
    if (set != NULL && net_is_url(set))
        s[n++].url = set;
    named = n;
    for (i = 0; spn_value_flag(v, "probe") && i < PORTS; i++) {
        snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%d/v1", ports[i]);
        s[n++].url = urls[i];
    }
    there = parts_found(parts_find("spn_net"), &path);
    net_configure(path != NULL ? path : "");
    spn_free(path);
    if (n == 0 || (!there && named == 0))
        return SPN_OK;
    st = remote_ask_servers(s, n, PROBE_MS, err);
    for (i = 0; st == SPN_OK && i < n; i++) {
        owner[0] = '\0';
        if (i >= named)
            owner_of(ports[i - named], owner, sizeof owner);
        if (!s[i].answers && i < named)
            message_warn("%s: %s", s[i].url, s[i].why_not);
        for (k = 0; st == SPN_OK && k < s[i].n_models; k++)
            st = server_row(l, &s[i], &s[i].model[k], owner, err);
    }
    for (i = 0; i < n; i++)
        remote_models_free(s[i].model, s[i].n_models);
    return st;
}

/* ---- the command ---- */

static void say_unreadable(const struct spn_values *v)
{
    const char *path, *cure;

    for (size_t i = 0; !spn_value_flag(v, "quiet") && (path = models_unreadable(i, &cure)) != NULL;
         i++) {
        struct spn_err why = SPN_ERR_INIT;

        spn_fail(&why, SPN_EIO, "%s: no permission", path);
        spn_cure(&why, "%s", cure);
        message_error(&why);
    }
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    static const char *const heads[] = { "NAME",   "ARCH",    "PARAMETERS", "TYPE",
                                         "BYTES",  "CONTEXT", "FITS",       "TEMPLATE",
                                         "SOURCE", "RUNS",    "PATH" };
    struct model_place *list = NULL;
    struct listing l;
    size_t n = 0, i;
    bool fits = spn_value_flag(v, "fits");
    spn_status st = SPN_OK, end;
    int k;

    listing_begin(&l, job, heads, sizeof heads / sizeof *heads);
    if (argc == 0)
        st = models_list(&list, &n, err);
    for (i = 0; st == SPN_OK && i < n; i++)
        st = row(&l, &list[i], fits, err);
    if (st == SPN_OK && argc == 0)
        st = server_rows(&l, v, err);
    for (k = 0; st == SPN_OK && k < argc; k++) {
        struct model_place m = { .name = argv[k], .source = "named" };

        st = models_resolve(&m.path, NULL, argv[k], err);
        if (st == SPN_OK)
            st = row(&l, &m, fits, err);
        spn_free(m.path);
    }
    end = listing_end(&l, st == SPN_OK ? err : NULL);
    if (st == SPN_OK && argc == 0)
        say_unreadable(v);
    models_free(list, n);
    return st != SPN_OK ? st : end;
}

const struct spn_command command_models = {
    .summary = "models that a name can mean, and whether they run",
    .usage = "models [MODEL…] [--fits] [--server URL] [--json]",
    .details =
        "One row a model of $XDG_DATA_HOME/spinney/models, of those that come with spinney, of "
        "the\n"
        "Hugging Face cache, of Ollama, LM Studio and llama.cpp on this disk, and of servers on\n"
        "this machine that answer within 300 ms; with arguments, of these files and folders. FITS\n"
        "is the context that fits into the memory that is free; RUNS is yes, or why not. A "
        "server's\n"
        "row names who listens there, who may be another user; the key models.probe = off leaves\n"
        "them out.\n"
        "\n"
        "A name is looked up in all of these: qwen2.5:0.5b, Qwen3-0.6B, or ORG/NAME. ollama:NAME\n"
        "and hf:ORG/NAME force a store. A path wins over a name; a name of several models is\n"
        "refused with the list of them.",
    .examples = "spinney models\nspinney models --fits --no-probe --json\n",
    .options = options,
    .arguments_max = -1,
    .run = run,
};

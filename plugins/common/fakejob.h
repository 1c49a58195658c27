/* fakejob.h - a command under way, for tests: records from a list, results kept as JSON. Header
 * only. */
#ifndef PLUGINS_COMMON_FAKEJOB_H
#define PLUGINS_COMMON_FAKEJOB_H
#include "base/mem.h"
#include "fakehost.h"

struct spn_job {
    const char *const *lines; /* JSON objects; "" is a malformed one */
    size_t n_lines, at;
    json_t *results; /* array */
    struct spn_buf text;
    bool json;
    int failed, code; /* records that failed; the last one's */
    struct spn_cancel cancel;
    struct spn_record record;
};

static struct spn_cancel *job_cancel(struct spn_job *j)
{
    return &j->cancel;
}

static void job_progress(struct spn_job *j, double done, double total, const char *what)
{
}

static bool job_json(struct spn_job *j)
{
    return j->json;
}

static spn_status job_emit(struct spn_job *j, json_t *o_take, const char *text, struct spn_err *err)
{
    if (j->json && o_take != NULL)
        json_array_append(j->results, o_take);
    json_decref(o_take);
    if (!j->json && text != NULL)
        spn_buf_puts(&j->text, text);
    return SPN_OK;
}

static void job_write(struct spn_job *j, const char *bytes, size_t n)
{
    if (!j->json)
        spn_buf_add(&j->text, bytes, n);
}

static void job_say(struct spn_job *j, const char *text)
{
}

static spn_status job_next(struct spn_job *j, struct spn_record **out, struct spn_err *err)
{
    json_decref(j->record.object);
    j->record = (struct spn_record){ (int64_t)j->at, NULL, NULL };
    *out = NULL;
    if (j->at == j->n_lines)
        return SPN_OK;
    j->record.object = json_loads(j->lines[j->at++], 0, NULL);
    *out = &j->record;
    if (j->record.object != NULL)
        return SPN_OK;
    j->record.object = json_object();
    return spn_fail(err, SPN_EFORMAT, "test: malformed");
}

static void job_failed(struct spn_job *j, const struct spn_record *r, const struct spn_err *why)
{
    j->failed++;
    j->code = why->code;
    json_array_append_new(j->results, json_pack("{s:I,s:s}", "index", (json_int_t)r->index, "error",
                                                why->text));
}

static bool job_terminal(struct spn_job *j)
{
    return false;
}

static const struct spn_job_api fake_job = {
    .size = sizeof fake_job,
    .cancel = job_cancel,
    .progress = job_progress,
    .json = job_json,
    .emit = job_emit,
    .write = job_write,
    .say = job_say,
    .next_record = job_next,
    .record_failed = job_failed,
    .terminal = job_terminal,
};

/* The script that the engine of any name opens over. */
static struct reason_script *job_script;

static spn_status job_open_engine(struct spn_engine **out, const char *spec, struct spn_err *err)
{
    *out = reason_script_open(job_script);
    return *out != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "test: no memory");
}

static const void *job_query(const char *name, int version)
{
    static struct spn_engine_api api;

    if (strcmp(name, "job") == 0)
        return &fake_job;
    if (strcmp(name, "engine") != 0)
        return fake_query(name, version);
    api = *reason_script_api();
    api.open = job_open_engine;
    return &api;
}

static const struct spn_host job_host = { .size = sizeof job_host, .query = job_query };

/* The options of a command with those that the host adds. Static storage. */
static const struct spn_option *job_table(const struct spn_option *own)
{
    static struct spn_option table[64];
    size_t n = 0;

    while (own[n].name != NULL && n < 60) {
        table[n] = own[n];
        n++;
    }
    table[n++] = (struct spn_option){ .name = "model", .kind = SPN_OPT_STRING };
    table[n++] = (struct spn_option){ .name = "seed", .kind = SPN_OPT_INT };
    table[n] = (struct spn_option){ .name = NULL };
    return table;
}

static void job_reset(struct spn_job *j, const char *const *lines, size_t n, bool json)
{
    json_decref(j->results);
    json_decref(j->record.object);
    spn_buf_free(&j->text);
    *j = (struct spn_job){ .lines = lines,
                           .n_lines = n,
                           .results = json_array(),
                           .text = SPN_BUF_INIT(1 << 20),
                           .json = json };
}

#endif

#include "config.h"

#include "host/job.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "host/input.h"
#include "host/message.h"
#include "host/output.h"

#define LIVE_MS  200   /* progress on a terminal */
#define QUIET_MS 30000 /* progress to a file: a line in 30 s */

struct spn_job {
    struct job_setup setup;
    struct output out;
    struct input *in;
    int64_t shard_k, shard_n;
    int64_t failed, emitted;
    int64_t began_ms, shown_ms;
    bool live;        /* a progress line stands on the terminal */
    spn_status wrong; /* an output failed where the call could not say so */
    struct spn_err why;
};

static struct spn_cancel stop;
static volatile sig_atomic_t caught;

/* ---- signals ---- */

static void on_signal(int number)
{
    if (caught != 0)
        _exit(128 + number);
    caught = number;
    spn_cancel_set(&stop);
}

void job_signals(void)
{
    struct sigaction a = { .sa_handler = on_signal };

    sigemptyset(&a.sa_mask);
    sigaction(SIGINT, &a, NULL); /* no SA_RESTART: a read that waits is woken */
    sigaction(SIGTERM, &a, NULL);
    signal(SIGPIPE, SIG_IGN); /* the write says so, and the program ends in order */
}

int job_signal(void)
{
    return caught;
}

struct spn_cancel *job_cancel(void)
{
    return &stop;
}

/* ---- life ---- */

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct spn_cancel *cancel(struct spn_job *j)
{
    return j->setup.sink != NULL ? j->setup.sink->cancel : &stop;
}

/* "k/n": 0 <= k < n. */
static spn_status parse_shard(struct spn_job *j, const char *text, struct spn_err *err)
{
    long long k = -1, n = -1;
    char *end = NULL, *last = NULL;

    errno = 0;
    k = strtoll(text, &end, 10);
    if (end != text && *end == '/')
        n = strtoll(end + 1, &last, 10);
    if (last == NULL || *last != '\0' || last == end + 1 || errno != 0 || n < 1 || k < 0 || k >= n)
        return spn_fail(err, SPN_EUSAGE, "shard: \"%s\" is not k/n with k from 0 to n-1", text);
    j->shard_k = k;
    j->shard_n = n;
    return SPN_OK;
}

spn_status job_open(struct spn_job **out, const struct job_setup *s, struct spn_err *err)
{
    struct spn_job *j = spn_calloc(1, sizeof *j);
    spn_status st = SPN_OK;

    if (j == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory", s->command);
    j->setup = *s;
    j->shard_n = 1;
    j->began_ms = now_ms();
    j->out.fd = -1;
    j->out.json = s->json;
    if (s->resume && s->output == NULL)
        st = spn_fail(err, SPN_EUSAGE, "--resume: goes on with a file, -o names none");
    if (st == SPN_OK && s->shard != NULL)
        st = parse_shard(j, s->shard, err);
    if (st == SPN_OK && s->sink == NULL)
        st = output_open(&j->out, s->output, s->resume, s->run, s->json, err);
    if (st == SPN_OK && s->records)
        st = input_open(&j->in, s->files, s->n_files, s->prompt, s->prompt_key, cancel(j), err);
    if (st != SPN_OK) {
        output_close(&j->out, NULL);
        spn_free(j);
        return st;
    }
    j->failed = j->out.failed;
    if (j->out.kept > 0)
        message_warn("%s: %lld results are there, going on", s->output, (long long)j->out.kept);
    *out = j;
    return SPN_OK;
}

static void clear_live(struct spn_job *j)
{
    if (j->live)
        fputs("\r\033[K", stderr);
    j->live = false;
}

spn_status job_close(struct spn_job *j, bool order, struct spn_err *err)
{
    spn_status st = SPN_OK, end, wrong;

    if (j == NULL)
        return SPN_OK;
    clear_live(j);
    wrong = j->wrong;
    if (wrong != SPN_OK && err != NULL)
        *err = j->why;
    if (order && wrong == SPN_OK && j->setup.resume)
        st = output_order(&j->out, err);
    end = output_close(&j->out, wrong == SPN_OK && st == SPN_OK ? err : NULL);
    st = st != SPN_OK ? st : end;
    input_close(j->in);
    spn_free(j);
    return wrong != SPN_OK ? wrong : st;
}

int64_t job_failed(const struct spn_job *j)
{
    return j->failed;
}

bool job_pipe_closed(const struct spn_job *j)
{
    return j->out.closed;
}

void job_say_lost(struct spn_job *j, struct spn_err *err)
{
    int64_t done = j->out.kept + j->emitted, total = done;
    struct spn_err none = SPN_ERR_INIT;
    char text[sizeof err->text];
    struct spn_record *r;
    spn_status st = SPN_OK;

    if (j->in == NULL)
        return;
    /* What is left of files is counted; a pipe may never end. */
    while (input_is_file(j->in) && (st == SPN_OK || st == SPN_EFORMAT)) {
        st = input_next(j->in, &r, &none);
        if (r == NULL)
            break;
    }
    if (input_is_file(j->in))
        total = input_count(j->in, j->shard_k, j->shard_n);
    if (total <= 1)
        return;
    snprintf(text, sizeof text, "%s", err->text);
    if (total > done)
        spn_fail(err, err->code, "%.800s; %lld of %lld done", text, (long long)done,
                 (long long)total);
    else
        spn_fail(err, err->code, "%.800s; %lld done", text, (long long)done);
    if (j->setup.output != NULL) {
        snprintf(text, sizeof text, "%s", err->text);
        spn_fail(err, err->code, "%.900s, kept in %.100s", text, j->setup.output);
        spn_cure(err, "the same command with --resume");
    } else {
        spn_cure(err, "-o FILE, with which --resume goes on");
    }
}

/* ---- "job/1" ---- */

static void progress(struct spn_job *j, double done, double total, const char *what)
{
    bool terminal = isatty(2) != 0;
    int64_t now = now_ms(), since = now - (j->shown_ms != 0 ? j->shown_ms : j->began_ms);
    double seconds = (double)(now - j->began_ms) / 1000;
    char text[256], rest[64] = "";

    if (j->setup.sink != NULL) {
        j->setup.sink->progress(j->setup.sink->ctx, done, total);
        return;
    }
    if (j->setup.quiet || since < (terminal ? LIVE_MS : QUIET_MS))
        return;
    j->shown_ms = now;
    if (total > 0 && done > 0 && done < total)
        snprintf(rest, sizeof rest, ", about %.0f s left", seconds * (total - done) / done);
    if (total > 0)
        snprintf(text, sizeof text, "%s %.0f of %.0f, %.0f s%s", what, done, total, seconds, rest);
    else
        snprintf(text, sizeof text, "%s %.0f, %.0f s", what, done, seconds);
    if (terminal) {
        fputc('\r', stderr);
        message_write(stderr, text, strlen(text));
        fputs("\033[K", stderr);
        j->live = true;
    } else {
        fprintf(stderr, "spinney: %s\n", text);
    }
    fflush(stderr);
}

static bool json(struct spn_job *j)
{
    return j->setup.sink != NULL || j->out.json || j->out.fd >= 0;
}

static spn_status emit(struct spn_job *j, json_t *object_take, const char *text,
                       struct spn_err *err)
{
    spn_status st;

    if (j->setup.sink != NULL) {
        if (object_take != NULL)
            j->setup.sink->record(j->setup.sink->ctx, object_take);
        return SPN_OK;
    }
    clear_live(j);
    st = output_emit(&j->out, object_take, text, err);
    j->emitted += st == SPN_OK;
    return st;
}

static void write_text(struct spn_job *j, const char *bytes, size_t n)
{
    struct spn_err why = SPN_ERR_INIT;

    if (json(j) || j->wrong != SPN_OK)
        return;
    clear_live(j);
    j->wrong = output_bytes(&j->out, bytes, n, &why);
    if (j->wrong != SPN_OK) {
        j->why = why;
        spn_cancel_set(&stop); /* nobody reads what is made from here on */
    }
}

spn_status job_raw(struct spn_job *j, const char *bytes, size_t n, struct spn_err *err)
{
    clear_live(j);
    return output_raw(&j->out, bytes, n, err);
}

static void say(struct spn_job *j, const char *text)
{
    if (j->setup.sink != NULL) {
        j->setup.sink->say(j->setup.sink->ctx, text);
        return;
    }
    if (j->setup.quiet)
        return;
    clear_live(j);
    message_warn("%s", text);
}

static spn_status next_record(struct spn_job *j, struct spn_record **out, struct spn_err *err)
{
    spn_status st;

    *out = NULL;
    if (j->in == NULL)
        return spn_fail(err, SPN_EINTERNAL, "%s: reads no records", j->setup.command);
    do
        st = input_next(j->in, out, err);
    while (*out != NULL && (st == SPN_OK || st == SPN_EFORMAT) &&
           ((*out)->index % j->shard_n != j->shard_k ||
            output_had(&j->out, (*out)->index, (*out)->id)));
    if (st != SPN_OK && st != SPN_EFORMAT)
        *out = NULL;
    return st;
}

static void record_failed(struct spn_job *j, const struct spn_record *r, const struct spn_err *why)
{
    json_t *id = r != NULL ? json_object_get(r->object, "id") : NULL, *o;
    struct spn_buf text = SPN_BUF_INIT(8 * sizeof why->text);
    struct spn_err err = SPN_ERR_INIT;

    j->failed++;
    if (!json(j)) {
        clear_live(j);
        message_error(why);
        return;
    }
    message_visible(&text, why->text, strlen(why->text)); /* JSON takes UTF-8 only */
    o = json_pack("{s:O?, s:s, s:i}", "id", id, "error", text.data != NULL ? text.data : "", "code",
                  spn_exit_code(why->code));
    spn_buf_free(&text);
    if (o != NULL && r != NULL)
        json_object_set_new(o, "index", json_integer(r->index));
    if (emit(j, o, NULL, &err) != SPN_OK && j->wrong == SPN_OK) {
        j->wrong = err.code;
        j->why = err;
        spn_cancel_set(&stop);
    }
}

static bool terminal(struct spn_job *j)
{
    return j->setup.sink == NULL && isatty(1) != 0;
}

const struct spn_job_api table_job = {
    .size = sizeof table_job,
    .cancel = cancel,
    .progress = progress,
    .json = json,
    .emit = emit,
    .write = write_text,
    .say = say,
    .next_record = next_record,
    .record_failed = record_failed,
    .terminal = terminal,
};

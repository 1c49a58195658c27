/* chat.c - command `chat`: one question, a file of them, or a talk line by line. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "turn.h"
#include "view.h"

#define TOGETHER 32 /* plain replies under way at once, where the engine does not say */

/* ---- a talk ---- */

/* Lines from a terminal until its end; each is answered with the talk so far in view. */
static spn_status talk(struct chat *c, struct spn_err *err)
{
    struct turn history = { .n_messages = 0 };
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    spn_status st = SPN_OK;

    while (st == SPN_OK) {
        const struct spn_answer *a = NULL;
        struct spn_message *m;
        struct turn t;

        c->job_api->write(c->job, "> ", 2);
        n = getline(&line, &room, stdin);
        if (n < 0)
            break;
        while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == '\r'))
            line[--n] = '\0';
        if (n == 0)
            continue;
        m = spn_calloc(history.n_messages + 1, sizeof *m);
        if (m == NULL) {
            st = spn_fail(err, SPN_ENOMEM, "chat: no memory for a conversation");
            break;
        }
        if (history.n_messages > 0)
            memcpy(m, history.message, history.n_messages * sizeof *m);
        m[history.n_messages] = (struct spn_message){ "user", line, NULL };
        st = turn_of_messages(&t, c, m, history.n_messages + 1, err);
        spn_free(m);
        if (st == SPN_OK && c->reasoner != NULL) {
            st = turn_reason(&t, c, err);
        } else if (st == SPN_OK) {
            st = turn_submit(&t, c, true, err);
            if (st == SPN_OK)
                st = c->engine_api->next(c->engine, &a, err);
            if (st == SPN_OK)
                st = turn_take(&t, c, a, err);
        }
        if (st == SPN_OK)
            st = turn_emit(&t, c, c->reasoner == NULL, err);
        if (st == SPN_EUSAGE || st == SPN_EFORMAT) {
            /* Not the end of a talk: what was wrong with this line, and the next one. */
            c->job_api->say(c->job, err != NULL ? err->text : "that cannot be answered");
            st = SPN_OK;
        } else if (st == SPN_OK) {
            struct turn next;
            struct spn_message reply = { "assistant", t.text != NULL ? t.text : "", NULL };
            size_t skip = c->system != NULL ? 1 : 0; /* turn_of_messages adds it again */

            m = spn_calloc(t.n_messages + 1, sizeof *m);
            if (m == NULL) {
                st = spn_fail(err, SPN_ENOMEM, "chat: no memory for a conversation");
            } else {
                struct chat plain = *c;

                plain.system = NULL;
                memcpy(m, t.message + skip, (t.n_messages - skip) * sizeof *m);
                m[t.n_messages - skip] = reply;
                st = turn_of_messages(&next, &plain, m, t.n_messages - skip + 1, err);
                spn_free(m);
                turn_free(&history, c);
                history = next;
            }
        }
        turn_free(&t, c);
    }
    turn_free(&history, c);
    free(line);
    c->job_api->write(c->job, "\n", 1);
    return st;
}

/* ---- records ---- */

struct queue {
    struct turn *item; /* oldest first */
    size_t n;
    bool single; /* one question from the command line: its failure is the command's */
    bool stream;
};

static spn_status failed(struct chat *c, const struct turn *t, const struct spn_err *why)
{
    struct spn_record r = { t->index, NULL, json_object() };

    if (r.object == NULL)
        return SPN_ENOMEM;
    json_object_set(r.object, "id", t->id != NULL ? t->id : json_null());
    c->job_api->record_failed(c->job, &r, why);
    json_decref(r.object);
    return SPN_OK;
}

/* Write what is finished, in the input's order unless that does not matter. */
static spn_status flush(struct chat *c, struct queue *q, struct spn_err *err)
{
    spn_status st = SPN_OK;

    for (size_t i = 0; i < q->n && st == SPN_OK;) {
        struct turn *t = &q->item[i];

        if (!t->done && t->status == SPN_OK) {
            if (!c->unordered)
                return SPN_OK;
            i++;
            continue;
        }
        if (t->done)
            st = turn_emit(t, c, q->stream, err);
        else
            st = failed(c, t, &t->err);
        turn_free(t, c);
        memmove(t, t + 1, (q->n - i - 1) * sizeof *t);
        q->n--;
    }
    return st;
}

/* The engine is gone: what was answered behind a hole is written all the same, it was paid for. */
static void save_done(struct chat *c, struct queue *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (q->item[i].done)
            turn_emit(&q->item[i], c, false, NULL);
}

static bool lost(struct chat *c, spn_status st)
{
    const struct spn_caps *caps = c->engine_api->caps(c->engine);

    return st == SPN_EIO && caps != NULL && caps->lost;
}

/* Wait for one reply and give it to its turn. */
static spn_status wait_one(struct chat *c, struct queue *q, struct spn_err *err)
{
    const struct spn_answer *a = NULL;
    spn_status st = c->engine_api->next(c->engine, &a, err);

    for (size_t i = 0; i < q->n && st == SPN_OK; i++) {
        struct turn *t = &q->item[i];

        if (t->ticket != a->ticket)
            continue;
        t->status = turn_take(t, c, a, &t->err);
        if (t->status != SPN_OK && (q->single || lost(c, t->status))) {
            if (err != NULL)
                *err = t->err;
            return t->status;
        }
        break;
    }
    return st == SPN_OK ? flush(c, q, err) : st;
}

/* Start or answer the turn of one record. */
static spn_status begin(struct chat *c, struct queue *q, const struct spn_record *record,
                        struct spn_err *err)
{
    struct turn *t = &q->item[q->n];

    q->n++;
    t->status = turn_of_record(t, c, record, &t->err);
    if (t->status == SPN_OK)
        t->status = c->reasoner != NULL ? turn_reason(t, c, &t->err)
                                        : turn_submit(t, c, q->stream, &t->err);
    if (t->status == SPN_ECANCEL || (t->status != SPN_OK && (q->single || lost(c, t->status)))) {
        if (err != NULL)
            *err = t->err;
        return t->status;
    }
    return flush(c, q, err);
}

static bool under_way(const struct queue *q)
{
    for (size_t i = 0; i < q->n; i++)
        if (!q->item[i].done && q->item[i].status == SPN_OK)
            return true;
    return false;
}

static spn_status records(struct chat *c, bool single, struct spn_err *err)
{
    struct queue q = { .single = single };
    const struct spn_caps *caps = c->engine_api->caps(c->engine);
    size_t together = caps != NULL && caps->parallel > 0 ? (size_t)caps->parallel : TOGETHER;
    bool user = false;
    spn_status st = SPN_OK;

    q.stream = !c->job_api->json(c->job) && c->reasoner == NULL;
    /* A streamed reply, and one against the clock, has the engine to itself. */
    if (q.stream || c->budget.seconds > 0)
        together = 1;
    q.item = spn_calloc(together, sizeof *q.item);
    if (q.item == NULL)
        return spn_fail(err, SPN_ENOMEM, "chat: no memory for %zu replies", together);
    while (st == SPN_OK && !user) {
        struct spn_record *record = NULL;
        struct spn_err why = SPN_ERR_INIT;

        st = c->job_api->next_record(c->job, &record, &why);
        if (st == SPN_EFORMAT && record != NULL && !single) {
            c->job_api->record_failed(c->job, record, &why);
            st = SPN_OK;
            continue;
        }
        if (st != SPN_OK && err != NULL)
            *err = why;
        if (st != SPN_OK || record == NULL)
            break;
        st = begin(c, &q, record, err);
        while (st == SPN_OK && q.n >= together && under_way(&q))
            st = wait_one(c, &q, err);
        user = spn_cancelled(c->job_api->cancel(c->job));
    }
    while (st == SPN_OK && under_way(&q))
        st = wait_one(c, &q, err);
    if (st == SPN_OK && user)
        st = spn_fail(err, SPN_ECANCEL, "chat: stopped by the user");
    c->engine_api->cancel(c->engine, 0);
    if (lost(c, st))
        save_done(c, &q);
    for (size_t i = 0; i < q.n; i++)
        turn_free(&q.item[i], c);
    spn_free(q.item);
    return st;
}

/* ---- the command ---- */

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct chat c = { .job = NULL };
    bool single = spn_value_str(v, "prompt") != NULL;
    spn_status st = chat_read(&c, h, job, v, err);

    if (st == SPN_OK)
        st = c.engine_api->open(&c.engine, spn_value_str(v, "model"), err);
    if (st == SPN_OK)
        st = !single && argc == 0 && isatty(0) ? talk(&c, err) : records(&c, single, err);
    if (st == SPN_OK && c.strict && c.unsolved > 0)
        st = spn_fail(err, SPN_ENO, "chat: %lld answers are not checked right",
                      (long long)c.unsolved);
    chat_close(&c);
    return st;
}

static const struct spn_command command = {
    .summary = "converse with a model, or answer prompts, with or without a reasoner",
    .usage = "chat [-m MODEL] [-p TEXT] [--reason NAME[:OPTIONS]] [FILE...]",
    .details =
        "With -p one question is answered, and what stdin holds is attached below it. Without,\n"
        "questions come from FILE or stdin: JSON Lines when the first line is an object with\n"
        "\"prompt\" or \"messages\" (and an \"id\", if you like), else all of it is one question.\n"
        "On a terminal without -p it is a talk, line by line.\n"
        "\n"
        "A reasoner turns a question into many calls: cot thinks aloud, tot searches a tree of\n"
        "steps, fot grows a forest of such trees. It needs a task that knows how to propose and\n"
        "check: four numbers are a Game of 24. The answer is checked by the task alone; an\n"
        "unsolved question is a result, exit 0, unless --strict is given.",
    .examples = "spinney chat -p \"4 5 6 10\" --reason fot\n"
                "spinney chat -p \"4 5 6 10\" --reason fot:trees=4,beam=2 --json\n"
                "echo '{\"prompt\": \"3 3 8 8\"}' | spinney chat --reason cot:samples=16 --json\n"
                "spinney chat -p \"What can you do?\" --temp 0\n",
    .options = chat_options,
    .records = true,
    .model = true,
    .arguments_min = 0,
    .arguments_max = -1,
    .run = run,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "chat: this host has no table \"registry\" 1");
    if (registry->add(host, SPN_POINT_VIEW, "chat", &chat_view, err) != SPN_OK ||
        registry->add(host, SPN_POINT_VIEW, "chats", &chats_view, err) != SPN_OK ||
        registry->add(host, SPN_POINT_VIEW, "find", &find_view, err) != SPN_OK)
        return err != NULL ? err->code : SPN_EINTERNAL;
    return registry->add(host, SPN_POINT_COMMAND, "chat", &command, err);
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    struct spn_budget b = { .seconds = 0 };

    if (chat_budget(&b, "time=1.5m,tokens=7", err) != SPN_OK)
        return err != NULL ? err->code : SPN_ENO;
    if (b.seconds != 90 || b.tokens != 7 || chat_budget(&b, "time=7parsecs", NULL) == SPN_OK)
        return spn_fail(err, SPN_ENO, "chat: budgets are misread: %g s, %lld tokens", b.seconds,
                        (long long)b.tokens);
    return SPN_OK;
}

SPN_PLUGIN(chat) = {
    SPN_PLUGIN_HEAD,
    .name = "chat",
    .summary = "converse with a model; one-shot, pipe, JSON Lines",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_COMMAND) | SPN_HAS(SPN_POINT_VIEW),
    .declare = declare,
    .selftest = selftest,
};

/* turn.c - a question to the engine or to a reasoner. */
#include "config.h"

#include "turn.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"

#define MESSAGES_MAX 10000

static spn_status no_memory(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "chat: no memory for a conversation");
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- questions ---- */

/* MORE: other members as JSON, taken over; NULL: none. */
static spn_status add(struct turn *t, const char *role, const char *content, char *more_take,
                      struct spn_err *err)
{
    struct spn_message m = { spn_strdup(role), spn_strdup(content), more_take };
    struct spn_message *bigger = spn_realloc(t->message, t->n_messages + 1, sizeof *bigger);

    if (bigger != NULL)
        t->message = bigger;
    if (bigger == NULL || m.role == NULL || m.content == NULL) {
        spn_free((char *)m.role);
        spn_free((char *)m.content);
        spn_free(more_take);
        return no_memory(err);
    }
    t->message[t->n_messages++] = m;
    return SPN_OK;
}

/* What the last message asks, and the task that takes it. */
static spn_status look(struct turn *t, const struct chat *c, struct spn_err *err)
{
    t->question = spn_strdup(t->message[t->n_messages - 1].content);
    if (t->question == NULL)
        return no_memory(err);
    t->task = chat_task(c, t->question, &t->task_name);
    return SPN_OK;
}

static void clear(struct turn *t)
{
    *t = (struct turn){ .checked = -1, .winner = -1, .finish = "stop", .ended = "answer" };
}

spn_status turn_of_messages(struct turn *t, const struct chat *c, const struct spn_message *m,
                            size_t n, struct spn_err *err)
{
    spn_status st = SPN_OK;

    clear(t);
    if (c->system != NULL)
        st = add(t, "system", c->system, NULL, err);
    for (size_t i = 0; i < n && st == SPN_OK; i++)
        st = add(t, m[i].role, m[i].content, m[i].more != NULL ? spn_strdup(m[i].more) : NULL, err);
    return st == SPN_OK ? look(t, c, err) : st;
}

/* What a message has beside its role and its content, for the template; *OUT NULL: nothing. */
static spn_status others(const json_t *message, char **out, struct spn_err *err)
{
    json_t *rest = json_copy((json_t *)message);
    char *text;

    json_object_del(rest, "role");
    json_object_del(rest, "content");
    if (json_object_size(rest) > 0) {
        text = json_dumps(rest, JSON_COMPACT);
        *out = text != NULL ? spn_strdup(text) : NULL;
        free(text);
        if (*out == NULL) {
            json_decref(rest);
            return no_memory(err);
        }
    }
    json_decref(rest);
    return SPN_OK;
}

static spn_status add_messages(struct turn *t, const struct chat *c, const json_t *list,
                               struct spn_err *err)
{
    static const char *const roles[] = { "system", "user", "assistant", "tool" };
    size_t n = json_array_size(list);
    spn_status st = SPN_OK;

    if (n == 0 || n > MESSAGES_MAX)
        return spn_fail(err, SPN_EFORMAT, "messages: %zu of them; from 1 to %d are taken", n,
                        MESSAGES_MAX);
    for (size_t i = 0; i < n && st == SPN_OK; i++) {
        const json_t *m = json_array_get(list, i);
        const char *role = json_string_value(json_object_get(m, "role"));
        const char *content = json_string_value(json_object_get(m, "content"));
        bool known = false, calls = json_array_size(json_object_get(m, "tool_calls")) > 0;
        char *more = NULL;

        for (size_t k = 0; role != NULL && k < sizeof roles / sizeof *roles; k++)
            known |= strcmp(role, roles[k]) == 0;
        if (content == NULL && calls) /* a message may only call */
            content = "";
        if (!known || content == NULL)
            return spn_fail(err, SPN_EFORMAT,
                            "messages[%zu]: %s; a message is {\"role\",\"content\"}, both text, "
                            "the role system, user, assistant or tool",
                            i, !known ? "no such role" : "no content");
        if (i == 0 && c->system != NULL && strcmp(role, "system") != 0)
            st = add(t, "system", c->system, NULL, err);
        if (st == SPN_OK)
            st = others(m, &more, err);
        if (st == SPN_OK)
            st = add(t, role, content, more, err);
    }
    if (st == SPN_OK && strcmp(t->message[t->n_messages - 1].role, "assistant") == 0)
        st = spn_fail(err, SPN_EFORMAT,
                      "messages: the last one is the assistant's: nothing to answer");
    return st;
}

/* The true answer of a record: text or a number. */
static spn_status keep_gold(struct turn *t, const json_t *gold, const char *key,
                            struct spn_err *err)
{
    char *number = json_is_number(gold) ? json_dumps(gold, JSON_ENCODE_ANY) : NULL;

    if (!json_is_string(gold) && number == NULL)
        return spn_fail(err, SPN_EFORMAT, "--gold-key: the record has no text or number \"%.40s\"",
                        key);
    t->gold = spn_strdup(number != NULL ? number : json_string_value(gold));
    free(number);
    return t->gold != NULL ? SPN_OK : no_memory(err);
}

/* A result is done: with a true answer given, whether it is that one. */
static void grade(struct turn *t)
{
    if (t->gold != NULL && t->answer != NULL && t->task != NULL && t->task->grade != NULL)
        t->checked = t->task->grade(t->answer, t->gold);
    else if (t->gold != NULL && t->answer == NULL)
        t->checked = 0;
}

spn_status turn_of_record(struct turn *t, const struct chat *c, const struct spn_record *record,
                          struct spn_err *err)
{
    const json_t *messages = json_object_get(record->object, "messages");
    const char *prompt = json_string_value(json_object_get(record->object, "prompt"));
    spn_status st;

    clear(t);
    t->index = record->index;
    t->id = json_incref(json_object_get(record->object, "id"));
    if (messages != NULL && prompt == NULL) {
        st = add_messages(t, c, messages, err);
    } else if (prompt != NULL) {
        st = c->system != NULL ? add(t, "system", c->system, NULL, err) : SPN_OK;
        if (st == SPN_OK)
            st = add(t, "user", prompt, NULL, err);
    } else {
        st = spn_fail(err, SPN_EFORMAT, "the prompt is not text");
    }
    if (st == SPN_OK && c->gold_key != NULL)
        st = keep_gold(t, json_object_get(record->object, c->gold_key), c->gold_key, err);
    return st == SPN_OK ? look(t, c, err) : st;
}

void turn_free(struct turn *t, const struct chat *c)
{
    for (size_t i = 0; i < t->n_messages; i++) {
        spn_free((char *)t->message[i].role);
        spn_free((char *)t->message[i].content);
        spn_free((char *)t->message[i].more);
    }
    spn_free(t->message);
    spn_free(t->question);
    spn_free(t->gold);
    spn_free(t->answer);
    spn_free(t->text);
    json_decref(t->id);
    if (t->thoughts != NULL)
        c->thoughts_api->free_(t->thoughts);
    clear(t);
}

/* ---- plain replies ---- */

static void on_text(void *ctx, const char *bytes, size_t n)
{
    struct turn *t = ctx;
    struct chat *c = t->flow.chat;

    if (t->flow.stream && c->on_text != NULL) {
        c->on_text(c->ctx, bytes, n);
        if (spn_cancelled(c->cancel))
            c->engine_api->cancel(c->engine, t->ticket);
    } else if (t->flow.stream) {
        c->job_api->write(c->job, bytes, n);
    }
    if (t->flow.over || t->flow.deadline == 0 || now() < t->flow.deadline)
        return;
    t->flow.over = true;
    c->engine_api->cancel(c->engine, t->ticket);
}

spn_status turn_submit(struct turn *t, struct chat *c, bool stream, struct spn_err *err)
{
    struct spn_prompt_request q = { .messages = t->message,
                                    .n_messages = t->n_messages,
                                    .tools = c->tools,
                                    .thinking = c->thinking,
                                    .grammar = c->grammar,
                                    .json_schema = c->json_schema,
                                    .stop = c->stop,
                                    .n_stop = c->n_stop,
                                    .max_tokens = c->max_tokens,
                                    .sampling = c->sampling };
    uint64_t key = spn_key_str(spn_key_seed(c->seed), "chat");

    /* The same question draws the same reply wherever it stands in a file. */
    for (size_t i = 0; i < t->n_messages; i++)
        key = spn_key_str(key, t->message[i].content);
    if (c->prefill != NULL)
        key = spn_key_str(key, c->prefill);
    q.prefill = c->prefill;
    q.rng_key = key;
    if (c->budget.tokens > 0 && (q.max_tokens < 0 || q.max_tokens > c->budget.tokens))
        q.max_tokens = c->budget.tokens;
    if (stream || c->budget.seconds > 0) {
        q.on_text = on_text;
        q.on_text_ctx = t;
        t->flow.chat = c;
        t->flow.stream = stream;
        t->flow.over = false;
        t->flow.deadline = c->budget.seconds > 0 ? now() + c->budget.seconds : 0;
    }
    return c->engine_api->submit(c->engine, &q, &t->ticket, err);
}

static const char *finish_name(enum spn_finish f)
{
    switch (f) {
    case SPN_FINISH_STOP:
        return "stop";
    case SPN_FINISH_LENGTH:
        return "length";
    case SPN_FINISH_CANCEL:
        return "cancel";
    case SPN_FINISH_ERROR:
        return "error";
    }
    return "";
}

spn_status turn_take(struct turn *t, struct chat *c, const struct spn_answer *a,
                     struct spn_err *err)
{
    if (a->finish == SPN_FINISH_ERROR) {
        spn_fail(err, a->status != SPN_OK ? a->status : SPN_EIO, "%s",
                 a->error != NULL ? a->error : "the engine failed");
        if (a->cure != NULL)
            spn_cure(err, "%s", a->cure);
        return a->status != SPN_OK ? a->status : SPN_EIO;
    }
    t->done = true;
    t->calls = 1;
    t->finish = finish_name(a->finish);
    t->tokens_in = a->tokens_in;
    t->tokens_cached = a->tokens_cached;
    t->tokens_out = a->tokens_out;
    t->estimated = a->estimated;
    t->seconds = a->seconds;
    if ((a->finish == SPN_FINISH_CANCEL && t->flow.over) ||
        (a->finish == SPN_FINISH_LENGTH && c->budget.tokens > 0 &&
         a->tokens_out >= c->budget.tokens))
        t->ended = "budget";
    else if (a->finish == SPN_FINISH_CANCEL)
        t->ended = "user";
    t->text = spn_strndup(a->text, a->length);
    if (t->text == NULL)
        return no_memory(err);
    /* What the task reads out of the reply; without a task the reply is the answer. */
    t->answer = t->task != NULL && t->task->extract != NULL ? t->task->extract(t->text)
                                                            : spn_strdup(t->text);
    if (t->task != NULL && t->task->check != NULL && t->answer != NULL)
        t->checked = t->task->check(t->question, t->answer);
    grade(t);
    return SPN_OK;
}

/* ---- a reasoner's ---- */

static void say_estimate(const struct turn *t, const struct chat *c,
                         const struct spn_reason_request *r)
{
    struct spn_buf b = SPN_BUF_INIT(256);
    int64_t calls = 0, tokens = 0;

    if (c->reasoner->estimate == NULL || t->task == NULL)
        return;
    c->reasoner->estimate(r, &calls, &tokens);
    spn_buf_printf(&b, "%s: at most about %lld calls, %lld tokens", c->reason, (long long)calls,
                   (long long)tokens);
    if (b.data != NULL && !b.failed)
        c->job_api->say(c->job, b.data);
    spn_buf_free(&b);
}

spn_status turn_reason(struct turn *t, struct chat *c, struct spn_err *err)
{
    struct spn_reason_request r = { .question = t->question,
                                    .task = t->task,
                                    .task_name = t->task_name,
                                    .engine = c->engine,
                                    .options = c->reasoner_values,
                                    .seed = c->seed,
                                    .budget = c->budget,
                                    .sampling = c->sampling,
                                    .cancel = c->cancel,
                                    .on_change = c->on_change,
                                    .on_change_ctx = c->ctx,
                                    .steer = c->steer };
    struct spn_reason_result out = { .answer = NULL };
    spn_status st;

    if (t->task != NULL) {
        st = chat_prompts(c, t->task, err);
        if (st != SPN_OK)
            return st;
        r.prompts = c->prompts;
        r.examples = c->examples;
    }
    if (t->task == NULL) {
        spn_fail(err, SPN_EUSAGE, "--reason %s: no task takes \"%.60s\"", c->reason, t->question);
        spn_cure(err, "spinney plugins lists the tasks; --reason none answers without one");
        return SPN_EUSAGE;
    }
    t->thoughts = r.thoughts = c->thoughts_api->new_();
    if (t->thoughts == NULL)
        return no_memory(err);
    if (c->job != NULL && !c->job_api->json(c->job))
        say_estimate(t, c, &r);
    c->growing = t->thoughts;
    st = c->reasoner->run(&r, &out, err);
    c->growing = NULL;
    if (st != SPN_OK)
        return st;
    t->done = true;
    t->answer = out.answer;
    t->text = out.text;
    t->checked = out.checked;
    t->calls = out.calls;
    t->tokens_in = out.tokens_in;
    t->tokens_cached = out.tokens_cached;
    t->tokens_out = out.tokens_out;
    t->seconds = out.seconds;
    t->ended = out.ended;
    t->finish = strcmp(out.ended, "user") == 0     ? "cancel"
                : strcmp(out.ended, "budget") == 0 ? "length"
                                                   : "stop";
    t->winner = out.winner;
    grade(t);
    return SPN_OK;
}

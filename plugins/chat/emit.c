/* emit.c - results of `chat`: the contract's keys, or lines for a person. */
#include "config.h"

#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "turn.h"

#define TEXT_CEILING ((size_t)256 << 20)

/* Text for JSON; bytes of a model that are no UTF-8 are escaped as they would be shown. */
static json_t *text_json(const char *s)
{
    struct spn_buf b = SPN_BUF_INIT(TEXT_CEILING);
    json_t *j;

    if (s == NULL)
        return json_null();
    j = json_string(s);
    if (j != NULL)
        return j;
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x80)
            spn_buf_add(&b, s, 1);
        else
            spn_buf_printf(&b, "\\x%02x", (unsigned char)*s);
    j = b.failed ? NULL : json_string(b.data);
    spn_buf_free(&b);
    return j != NULL ? j : json_null();
}

static json_t *result_json(const struct turn *t, const struct chat *c)
{
    const struct spn_caps *caps = c->engine_api->caps(c->engine);
    json_t *o = json_object();

    json_object_set_new(o, "id", t->id != NULL ? json_incref(t->id) : json_null());
    json_object_set_new(o, "index", json_integer(t->index));
    json_object_set_new(o, "prompt", text_json(t->question));
    json_object_set_new(o, "answer", text_json(t->answer));
    json_object_set_new(o, "checked", t->checked < 0 ? json_null() : json_boolean(t->checked));
    json_object_set_new(o, "text", text_json(t->text));
    json_object_set_new(o, "finish", json_string(t->finish));
    json_object_set_new(o, "tokens_in", json_integer(t->tokens_in));
    json_object_set_new(o, "tokens_cached", json_integer(t->tokens_cached));
    json_object_set_new(o, "tokens_out", json_integer(t->tokens_out));
    if (t->estimated)
        json_object_set_new(o, "tokens_estimated", json_true());
    if (caps != NULL && caps->lacks != NULL && caps->lacks[0] != '\0')
        json_object_set_new(o, "degraded", text_json(caps->lacks));
    json_object_set_new(o, "seconds", json_real(t->seconds));
    json_object_set_new(o, "model", text_json(caps != NULL ? caps->model : NULL));
    json_object_set_new(o, "seed", json_integer((json_int_t)c->seed));
    json_object_set_new(o, "reason", text_json(c->reason != NULL ? c->reason : "none"));
    json_object_set_new(o, "task", text_json(t->task_name != NULL ? t->task_name : "free"));
    json_object_set_new(o, "calls", json_integer(t->calls));
    json_object_set_new(o, "ended", json_string(t->ended));
    json_object_set_new(o, "thoughts",
                        t->thoughts == NULL || c->thoughts == CHAT_NONE
                            ? json_null()
                            : c->thoughts_api->json(t->thoughts, c->thoughts == CHAT_FULL));
    return o;
}

/* Calls, tokens and speed in one line. */
static void put_figures(struct spn_buf *b, const struct turn *t)
{
    spn_buf_printf(b, "%lld call%s, %lld tokens in %.2f s", (long long)t->calls,
                   t->calls == 1 ? "" : "s", (long long)t->tokens_out, t->seconds);
    if (t->seconds > 0)
        spn_buf_printf(b, ": %.0f tokens/s", (double)t->tokens_out / t->seconds);
    spn_buf_printf(b, "; read %lld tokens, %lld of them from the cache\n", (long long)t->tokens_in,
                   (long long)t->tokens_cached);
}

/* Of a reasoner: question, forest, answer, what it took. */
static void put_reasoned(struct spn_buf *b, const struct turn *t, const struct chat *c)
{
    const struct spn_caps *caps = c->engine_api->caps(c->engine);
    char *outline =
        c->thoughts == CHAT_NONE ? NULL : c->thoughts_api->outline(t->thoughts, t->winner);

    spn_buf_printf(b, "%s\n", t->question);
    if (caps != NULL)
        spn_buf_printf(b, "%s by %s; %s %s on %s\n", t->task_name, c->reason, caps->model,
                       caps->type, caps->device);
    spn_buf_puts(b, "\n");
    if (outline != NULL)
        spn_buf_printf(b, "%s\n", outline);
    spn_free(outline);
    if (t->answer != NULL)
        spn_buf_printf(b, "answer: %s%s\n", t->answer,
                       t->checked == 1   ? "   (checked: true)"
                       : t->checked == 0 ? "   (checked: false)"
                                         : "");
    else
        spn_buf_printf(b, "no answer: %s\n",
                       strcmp(t->ended, "budget") == 0 ? "the budget is spent"
                       : strcmp(t->ended, "user") == 0 ? "stopped"
                                                       : "no tree found one");
    put_figures(b, t);
}

spn_status turn_emit(struct turn *t, struct chat *c, bool streamed, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(TEXT_CEILING);
    json_t *o = NULL;
    spn_status st;

    if (t->checked != 1)
        c->unsolved++;
    if (c->job_api->json(c->job)) {
        o = result_json(t, c);
    } else if (t->thoughts != NULL) {
        put_reasoned(&b, t, c);
    } else {
        if (!streamed)
            spn_buf_puts(&b, t->text);
        spn_buf_puts(&b, "\n");
    }
    if (b.failed) {
        json_decref(o);
        spn_buf_free(&b);
        return spn_fail(err, SPN_ENOMEM, "chat: no memory for a result");
    }
    st = c->job_api->emit(c->job, o, b.data, err);
    spn_buf_trim(&b, 0);
    if (st == SPN_OK && t->thoughts == NULL && streamed && c->job_api->terminal(c->job)) {
        put_figures(&b, t);
        if (!b.failed && b.length > 0) {
            spn_buf_trim(&b, b.length - 1);
            c->job_api->say(c->job, b.data);
        }
    }
    spn_buf_free(&b);
    return st;
}

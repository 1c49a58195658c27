/* models.c - the picker: models of this machine, chosen without leaving the conversation. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "talk.h"

struct picking {
    struct talk *talk;
    struct spn_buf lines;
};

static void on_record(void *ctx, json_t *object_take)
{
    struct picking *p = ctx;
    const char *name = json_string_value(json_object_get(object_take, "name"));
    const char *type = json_string_value(json_object_get(object_take, "type"));
    const char *why = json_string_value(json_object_get(object_take, "why_not"));
    const char *source = json_string_value(json_object_get(object_take, "source"));
    double bytes = json_number_value(json_object_get(object_take, "bytes"));
    bool runs = json_is_true(json_object_get(object_take, "runs"));

    if (name != NULL && strpbrk(name, "\t\n") == NULL)
        spn_buf_printf(&p->lines, "%s\t%s  %.4g MB  %s%s%.60s\n", name, type != NULL ? type : "",
                       bytes / 1e6, source != NULL ? source : "",
                       runs ? "" : "  cannot: ", runs || why == NULL ? "" : why);
    json_decref(object_take);
}

static void picked(void *ctx, const char *word)
{
    struct talk *t = ctx;
    struct spn_err err = SPN_ERR_INIT;

    if (talk_set(t, "model", word, &err) != SPN_OK)
        t->api->fail(t->screen, &err);
    else
        talk_say(t, "%.80s answers from now on; the conversation is read again", word);
}

static void done(void *ctx, spn_status st, const struct spn_err *err)
{
    struct picking *p = ctx;
    struct talk *t = p->talk;

    if (st != SPN_OK && st != SPN_ECANCEL)
        t->api->fail(t->screen, err);
    else if (p->lines.length == 0)
        talk_say(t, "no model was found; /model PATH or URL names one");
    else
        t->api->pick(t->screen, "the model that answers", p->lines.data, picked, t);
    spn_buf_free(&p->lines);
    spn_free(p);
}

void talk_models(struct talk *t)
{
    static const char *const argv[] = { "models" };
    struct picking *p;
    struct spn_err err = SPN_ERR_INIT;

    if (t->call != NULL) {
        talk_say(t, "an answer is under way; C-c stops it");
        return;
    }
    p = spn_calloc(1, sizeof *p);
    if (p == NULL)
        return;
    p->talk = t;
    p->lines = (struct spn_buf)SPN_BUF_INIT(1 << 20);
    if (t->api->command(t->screen, 1, argv, on_record, done, p, &err) != SPN_OK) {
        t->api->fail(t->screen, &err);
        spn_buf_free(&p->lines);
        spn_free(p);
    }
}

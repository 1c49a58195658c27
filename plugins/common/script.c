/* script.c - the scripted engine: a list of waiting calls, answered in a chosen order. A "token" is
 * a word. */
#include "config.h"

#include "script.h"

#include <ctype.h>
#include <string.h>

#include "base/mem.h"

struct waiting {
    int64_t ticket, max_tokens;
    char *prompt;
    uint64_t key;
    bool cancelled;
};

struct spn_engine {
    struct reason_script *script;
    struct waiting *item;
    size_t n, room;
    int64_t tickets;
    struct spn_answer answer;
    char *text;
    struct spn_rng rng;
};

static int64_t words(const char *s)
{
    int64_t n = 0;

    for (bool inside = false; *s != '\0'; s++) {
        bool blank = isspace((unsigned char)*s);

        n += !blank && !inside;
        inside = !blank;
    }
    return n;
}

struct spn_engine *reason_script_open(struct reason_script *s)
{
    struct spn_engine *e = spn_calloc(1, sizeof *e);

    if (e != NULL) {
        e->script = s;
        spn_rng_init(&e->rng, spn_key_seed(1));
    }
    return e;
}

static spn_status script_open(struct spn_engine **out, const char *spec, struct spn_err *err)
{
    *out = NULL;
    return spn_fail(err, SPN_ENOTFOUND, "engine: a script is not opened by the name %s",
                    spec != NULL ? spec : "(none)");
}

static void script_close(struct spn_engine *e)
{
    if (e == NULL)
        return;
    for (size_t i = 0; i < e->n; i++)
        spn_free(e->item[i].prompt);
    spn_free(e->item);
    spn_free(e->text);
    spn_free(e);
}

static const struct spn_caps *script_caps(struct spn_engine *e)
{
    static const struct spn_caps caps = { .model = "script",
                                          .type = "none",
                                          .device = "none",
                                          .context = 4096,
                                          .batch = true,
                                          .templates = true,
                                          .seeds = true,
                                          .template_name = "none" };

    (void)e;
    return &caps;
}

static spn_status script_submit(struct spn_engine *e, const struct spn_prompt_request *r,
                                int64_t *ticket, struct spn_err *err)
{
    const char *prompt = r->n_messages > 0 ? r->messages[r->n_messages - 1].content : r->text;
    struct waiting w = { 0, r->max_tokens, NULL, r->rng_key, false };

    if (e->n == e->room) {
        size_t room = e->room == 0 ? 32 : 2 * e->room;
        struct waiting *bigger = spn_realloc(e->item, room, sizeof *bigger);

        if (bigger == NULL)
            return spn_fail(err, SPN_ENOMEM, "script: no memory for %zu calls", room);
        e->item = bigger;
        e->room = room;
    }
    w.prompt = spn_strdup(prompt != NULL ? prompt : "");
    if (w.prompt == NULL)
        return spn_fail(err, SPN_ENOMEM, "script: no memory for a prompt");
    w.ticket = *ticket = ++e->tickets;
    e->item[e->n++] = w;
    e->script->submitted++;
    if ((int64_t)e->n > e->script->most_waiting)
        e->script->most_waiting = (int64_t)e->n;
    return SPN_OK;
}

/* Cut TEXT behind its MAX-th word; false: it was shorter. */
static bool cut_words(char *text, int64_t max)
{
    int64_t n = 0;
    bool inside = false;

    for (char *s = text; max >= 0 && *s != '\0'; s++) {
        bool blank = isspace((unsigned char)*s);

        if (!blank && !inside && n++ == max) {
            *s = '\0';
            return true;
        }
        inside = !blank;
    }
    return false;
}

static spn_status script_next(struct spn_engine *e, const struct spn_answer **out,
                              struct spn_err *err)
{
    struct reason_script *s = e->script;
    size_t pick;
    struct waiting w;

    *out = NULL;
    if (e->n == 0)
        return spn_fail(err, SPN_ENOTFOUND, "script: no call waits");
    if (s->stop_after > 0 && s->answered >= s->stop_after) {
        s->stop_after = 0;
        return spn_fail(err, SPN_ECANCEL, "script: stopped");
    }
    pick = s->order == REASON_SCRIPT_FIRST  ? 0
           : s->order == REASON_SCRIPT_LAST ? e->n - 1
                                            : (size_t)spn_rng_below(&e->rng, e->n);
    w = e->item[pick];
    memmove(&e->item[pick], &e->item[pick + 1], (e->n - pick - 1) * sizeof *e->item);
    e->n--;
    spn_free(e->text);
    e->text = w.cancelled ? spn_strdup("") : s->reply(s->ctx, w.prompt, w.key);
    e->answer = (struct spn_answer){ .ticket = w.ticket,
                                     .finish = w.cancelled ? SPN_FINISH_CANCEL : SPN_FINISH_STOP,
                                     .tokens_in = words(w.prompt) };
    spn_free(w.prompt);
    if (e->text == NULL)
        return spn_fail(err, SPN_ENOMEM, "script: no reply");
    if (!w.cancelled && ++s->answered == s->fail_at)
        e->answer = (struct spn_answer){ .ticket = w.ticket,
                                         .finish = SPN_FINISH_ERROR,
                                         .status = SPN_EIO,
                                         .error = "script: failed" };
    if (e->answer.finish == SPN_FINISH_STOP && cut_words(e->text, w.max_tokens))
        e->answer.finish = SPN_FINISH_LENGTH;
    e->answer.text = e->text;
    e->answer.length = strlen(e->text);
    e->answer.tokens_out = words(e->text);
    *out = &e->answer;
    return SPN_OK;
}

static void script_cancel(struct spn_engine *e, int64_t ticket)
{
    for (size_t i = 0; i < e->n; i++) {
        if ((ticket != 0 && e->item[i].ticket != ticket) || e->item[i].cancelled)
            continue;
        e->item[i].cancelled = true;
        e->script->cancelled++;
    }
}

static spn_status script_score(struct spn_engine *e, const char *prompt, const char *continuation,
                               const float **logprob, size_t *n, struct spn_err *err)
{
    *logprob = NULL;
    *n = 0;
    return spn_fail(err, SPN_EUSAGE, "script: gives no probabilities");
}

static int64_t script_count_tokens(struct spn_engine *e, const char *text)
{
    return words(text);
}

const struct spn_engine_api *reason_script_api(void)
{
    static const struct spn_engine_api api = {
        .size = sizeof api,
        .open = script_open,
        .close = script_close,
        .caps = script_caps,
        .submit = script_submit,
        .next = script_next,
        .cancel = script_cancel,
        .score = script_score,
        .count_tokens = script_count_tokens,
    };

    return &api;
}

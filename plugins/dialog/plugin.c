/* plugin.c - short conversations as training data. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "spinney/plugin.h"

#include "dialog.h"

static const struct spn_option options[] = {
    { "file", SPN_OPT_STRING, .help = "the conversations: questions in several wordings, answers",
      .arg = "FILE" },
    { "prompt-weight", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.02,
      .help = "weight of the question's tokens in the loss" },
    { 0 }
};

struct spn_data_source {
    struct dialog *dialog;
    uint64_t key;
    float prompt_weight;
    struct spn_buf question, answer;
    struct spn_example_part parts[SPN_CHAT_PARTS];
};

static void source_close(struct spn_data_source *s)
{
    if (s == NULL)
        return;
    dialog_free(s->dialog);
    spn_buf_free(&s->question);
    spn_buf_free(&s->answer);
    spn_free(s);
}

static spn_status source_open(struct spn_data_source **out, const struct spn_values *v,
                              uint64_t seed, struct spn_err *err)
{
    const char *file = spn_value_str(v, "file");
    struct spn_data_source *s;
    spn_status st;

    if (file == NULL)
        return spn_fail(err, SPN_EUSAGE, "data.dialog: file is missing: the conversations");
    s = spn_calloc(1, sizeof *s);
    if (s == NULL)
        return spn_fail(err, SPN_ENOMEM, "data.dialog: no memory");
    s->key = spn_key_str(spn_key_seed(seed), "dialog");
    s->prompt_weight = (float)spn_value_float(v, "prompt-weight");
    s->question = s->answer = (struct spn_buf)SPN_BUF_INIT(1 << 16);
    st = dialog_load(&s->dialog, file, err);
    if (st != SPN_OK) {
        source_close(s);
        return st;
    }
    *out = s;
    return SPN_OK;
}

static spn_status example(struct spn_data_source *s, uint64_t index,
                          const struct spn_example_part **parts, size_t *n, struct spn_err *err)
{
    struct spn_rng r;

    spn_rng_init(&r, spn_key_int(s->key, index));
    if (dialog_draw(s->dialog, &r, &s->question, &s->answer) != SPN_OK)
        return spn_fail(err, SPN_ENOMEM, "data.dialog: no memory for an example");
    *parts = s->parts;
    *n = spn_chat_parts(s->parts, &s->question, s->prompt_weight, &s->answer);
    return SPN_OK;
}

static const struct spn_data data = {
    .summary = "short conversations from a text file",
    .options = options,
    .open = source_open,
    .close = source_close,
    .example = example,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_EUSAGE, "dialog: this host has no registry");
    return registry->add(host, SPN_POINT_DATA, "dialog", &data, err);
}

SPN_PLUGIN(dialog) = {
    SPN_PLUGIN_HEAD,    .name = "dialog", .summary = "short conversations as training data",
    .papers = "",       .needs = "",      .points = SPN_HAS(SPN_POINT_DATA),
    .declare = declare,
};

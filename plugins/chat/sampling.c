/* sampling.c - the options of `chat` that say how replies are drawn and what they follow. */
#include "config.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"

#include "options.h"

enum { FILE_BYTES_MAX = 16 << 20 };

static spn_status no_memory(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "chat: no memory");
}

/* "ID=X", llama.cpp's "ID+X" and "ID-X" too. */
static spn_status read_bias(struct spn_logit_bias *b, const char *text, struct spn_err *err)
{
    char *end, *last;
    long id = strtol(text, &end, 10);
    double x = end > text && *end != '\0' ? strtod(end + (*end == '='), &last) : NAN;

    if (end == text || *end == '\0' || *last != '\0' || isnan(x) || id < 0 || id > INT32_MAX) {
        spn_fail(err, SPN_EUSAGE, "--logit-bias: \"%.60s\" is no bias of a token", text);
        return spn_cure(err, "--logit-bias 15043=-1.5");
    }
    *b = (struct spn_logit_bias){ (int32_t)id, (float)x };
    return SPN_OK;
}

static spn_status read_lists(struct chat *c, const struct spn_values *v, struct spn_err *err)
{
    size_t n_bias = spn_value_count(v, "logit-bias");
    spn_status st = SPN_OK;

    c->n_stop = spn_value_count(v, "stop");
    c->stop = spn_calloc(c->n_stop + 1, sizeof *c->stop);
    c->bias = spn_calloc(n_bias + 1, sizeof *c->bias);
    if (c->stop == NULL || c->bias == NULL)
        return no_memory(err);
    for (size_t i = 0; i < c->n_stop; i++)
        c->stop[i] = spn_value_nth(v, "stop", i);
    for (size_t i = 0; i < n_bias && st == SPN_OK; i++)
        st = read_bias(&c->bias[i], spn_value_nth(v, "logit-bias", i), err);
    c->sampling.bias = c->bias;
    c->sampling.n_bias = (int)n_bias;
    return st;
}

static spn_status read_text(char **out, const struct spn_values *v, const char *name,
                            struct spn_err *err)
{
    const char *path = spn_value_str(v, name);

    return path == NULL ? SPN_OK : spn_file_read(out, NULL, path, FILE_BYTES_MAX, err);
}

static spn_status read_files(struct chat *c, const struct spn_values *v, struct spn_err *err)
{
    spn_status st;

    if (spn_value_str(v, "grammar") != NULL && spn_value_str(v, "json-schema") != NULL)
        return spn_fail(err, SPN_EUSAGE, "--grammar and --json-schema exclude each other");
    st = read_text(&c->grammar, v, "grammar", err);
    if (st == SPN_OK)
        st = read_text(&c->json_schema, v, "json-schema", err);
    return st == SPN_OK ? read_text(&c->tools, v, "tools", err) : st;
}

static void read_numbers(struct spn_sampling *s, const struct spn_values *v)
{
    s->temperature = (float)spn_value_float(v, "temp");
    s->top_k = (int)spn_value_int(v, "top-k");
    s->top_p = (float)spn_value_float(v, "top-p");
    s->min_p = (float)spn_value_float(v, "min-p");
    s->repeat_penalty = (float)spn_value_float(v, "repeat-penalty");
    s->presence_penalty = (float)spn_value_float(v, "presence-penalty");
    s->frequency_penalty = (float)spn_value_float(v, "frequency-penalty");
    s->typical_p = (float)spn_value_float(v, "typical-p");
    s->top_n_sigma = (float)spn_value_float(v, "top-n-sigma");
    s->xtc_probability = (float)spn_value_float(v, "xtc-probability");
    s->xtc_threshold = (float)spn_value_float(v, "xtc-threshold");
    s->dry_multiplier = (float)spn_value_float(v, "dry-multiplier");
    s->dry_base = (float)spn_value_float(v, "dry-base");
    s->dry_allowed_length = (int)spn_value_int(v, "dry-allowed-length");
    s->dry_last_n = (int)spn_value_int(v, "dry-last-n");
    s->mirostat = (int)spn_value_int(v, "mirostat");
    s->mirostat_tau = (float)spn_value_float(v, "mirostat-tau");
    s->mirostat_eta = (float)spn_value_float(v, "mirostat-eta");
}

spn_status chat_read_sampling(struct chat *c, const struct spn_values *v, struct spn_err *err)
{
    struct spn_sampling *s = &c->sampling;
    const char *think = spn_value_str(v, "think");
    spn_status st;

    spn_sampling_default(s);
    read_numbers(s, v);
    c->thinking = strcmp(think, "on") == 0 ? 1 : strcmp(think, "off") == 0 ? -1 : 0;
    if (c->reasoner != NULL) {
        /* A forest lives on what its trees differ in: truncation is on only where it was asked for.
         */
        if (!spn_value_given(v, "top-k"))
            s->top_k = 0;
        if (!spn_value_given(v, "top-p"))
            s->top_p = 1;
        if (!spn_value_given(v, "min-p"))
            s->min_p = 0;
    }
    st = read_lists(c, v, err);
    if (st == SPN_OK)
        st = read_files(c, v, err);
    return st == SPN_OK ? spn_sampling_check(s, err) : st;
}

void chat_free_sampling(struct chat *c)
{
    spn_free(c->bias);
    spn_free(c->stop);
    spn_free(c->grammar);
    spn_free(c->json_schema);
    spn_free(c->tools);
    c->bias = NULL;
    c->stop = NULL;
    c->grammar = c->json_schema = c->tools = NULL;
}

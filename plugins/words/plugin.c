/* plugin.c - word problems as training data, and the held-out ones to be asked. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "spinney/plugin.h"

#include "data.h"

#define SHARE(call, dflt_, what)                                                       \
    {                                                                                  \
        call, SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = dflt_, .help = "share of " what \
    }

static const struct spn_option options[] = {
    { "set", SPN_OPT_CHOICE, .choices = "train ordinary far", .dflt.s = "train",
      .help = "whose numbers: of training, held out, held out and larger" },
    { "prompts", SPN_OPT_STRING, .arg = "FILE",
      .help = "what the calls say, as share/prompts has it; none: problems and arithmetic alone" },
    { "own", SPN_OPT_STRING, .arg = "FILE",
      .help = "answers of a model to the questions that spinney data words printed" },
    { "own-seed", SPN_OPT_INT, .lo = 0, .hi = 9e15, .dflt.i = 7,
      .help = "the seed that printed those questions" },
    { "own-share", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.6,
      .help = "of the judged answers that come from there" },
    SHARE("answer", 1, "worked solutions"),
    SHARE("drill", 0, "bare arithmetic"),
    SHARE("check", 0, "right or wrong arithmetic"),
    SHARE("score", 0, "answers that get a score"),
    SHARE("critique", 0, "answers whose wrong step is named"),
    SHARE("refine", 0, "answers that are corrected"),
    SHARE("choose", 0, "choices between answers"),
    { "prompt-weight", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.02,
      .help = "weight of the question's tokens in the loss" },
    { 0 }
};

struct spn_data_source {
    struct data_source data;
    struct spn_prompts *prompts;
    struct own own;
    float prompt_weight;
    struct spn_buf question, answer;
    struct spn_example_part parts[SPN_CHAT_PARTS];
};

static void source_close(struct spn_data_source *s)
{
    if (s == NULL)
        return;
    spn_prompts_free(s->prompts);
    own_free(&s->own);
    spn_buf_free(&s->question);
    spn_buf_free(&s->answer);
    spn_free(s);
}

static uint64_t stream(uint64_t seed)
{
    return spn_key_str(spn_key_seed(seed), "words");
}

static enum problem_set find_set(const char *name)
{
    return strcmp(name, "far") == 0        ? PROBLEM_FAR
           : strcmp(name, "ordinary") == 0 ? PROBLEM_ORDINARY
                                           : PROBLEM_TRAIN;
}

/* The shares, and whether each call that is asked for has words to say. */
static spn_status set_shares(struct spn_data_source *s, const struct spn_values *v,
                             struct spn_err *err)
{
    double sum = 0;

    for (int i = 0; i < DATA_CALLS; i++) {
        const char *name = data_call_names[i];

        sum += s->data.share[i] = spn_value_float(v, name);
        if (!(s->data.share[i] > 0) || i == DATA_DRILL || i == DATA_CHECK)
            continue;
        if (s->prompts == NULL && i != DATA_ANSWER)
            return spn_fail(err, SPN_EUSAGE, "data.words: prompts is missing: what %s says", name);
        if (s->prompts != NULL && spn_prompts_get(s->prompts, name) == NULL)
            return spn_fail(err, SPN_EFORMAT, "data.words: the prompts have no section [%s]", name);
    }
    if (!(sum > 0))
        return spn_fail(err, SPN_EUSAGE, "data.words: all shares are 0");
    return SPN_OK;
}

static spn_status source_open(struct spn_data_source **out, const struct spn_values *v,
                              uint64_t seed, struct spn_err *err)
{
    struct spn_data_source *s = spn_calloc(1, sizeof *s);
    const char *prompts = spn_value_str(v, "prompts"), *own = spn_value_str(v, "own");
    spn_status st = SPN_OK;

    if (s == NULL)
        return spn_fail(err, SPN_ENOMEM, "data.words: no memory");
    s->question = s->answer = (struct spn_buf)SPN_BUF_INIT(1 << 16);
    s->prompt_weight = (float)spn_value_float(v, "prompt-weight");
    if (prompts != NULL)
        st = spn_prompts_load(&s->prompts, prompts, err);
    if (st == SPN_OK && own != NULL)
        st = own_load(&s->own, own, stream((uint64_t)spn_value_int(v, "own-seed")), err);
    if (st == SPN_OK)
        st = set_shares(s, v, err);
    if (st != SPN_OK) {
        source_close(s);
        return st;
    }
    s->data.key = stream(seed);
    s->data.set = find_set(spn_value_str(v, "set"));
    s->data.prompts = s->prompts;
    s->data.own = own != NULL ? &s->own : NULL;
    s->data.own_share = spn_value_float(v, "own-share");
    *out = s;
    return SPN_OK;
}

static spn_status example(struct spn_data_source *s, uint64_t index,
                          const struct spn_example_part **parts, size_t *n, struct spn_err *err)
{
    if (data_example(&s->data, index, &s->question, &s->answer) != SPN_OK)
        return spn_fail(err, SPN_ENOMEM, "data.words: no memory for an example");
    *parts = s->parts;
    *n = spn_chat_parts(s->parts, &s->question, s->prompt_weight, &s->answer);
    return SPN_OK;
}

static const struct spn_data data = {
    .summary = "word problems of two to four steps, and judgements of answers to them",
    .options = options,
    .open = source_open,
    .close = source_close,
    .example = example,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);

    if (registry == NULL)
        return spn_fail(err, SPN_EUSAGE, "words: this host has no registry");
    return registry->add(host, SPN_POINT_DATA, "words", &data, err);
}

SPN_PLUGIN(words) = {
    SPN_PLUGIN_HEAD,    .name = "words", .summary = "word problems as training data",
    .papers = "",       .needs = "",     .points = SPN_HAS(SPN_POINT_DATA),
    .declare = declare,
};

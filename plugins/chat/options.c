/* options.c - the command line of `chat`. */
#include "config.h"

#include "options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

const struct spn_option chat_options[] = {
    { "prompt", SPN_OPT_STRING, .letter = 'p', .arg = "TEXT",
      .help = "one question; what stdin holds is attached below it" },
    { "reason", SPN_OPT_STRING, .dflt.s = "none", .arg = "NAME[:OPTIONS]",
      .help = "answer by a reasoner, as in fot:trees=8" },
    { "task", SPN_OPT_STRING, .dflt.s = "auto", .arg = "NAME",
      .help = "how answers are proposed and checked; auto looks at the question" },
    { "prompts", SPN_OPT_STRING, .arg = "DIR|NAME",
      .help = "set of prompts a reasoner speaks with; default: the model's own, else general" },
    { "gold-key", SPN_OPT_STRING, .arg = "NAME",
      .help = "key of a record's true answer: results say whether theirs is the same; no "
              "reasoner sees it" },
    { "budget", SPN_OPT_STRING, .arg = "LIMITS",
      .help = "most to spend on an answer: time=60s, tokens=N, calls=N, with commas" },
    { "thoughts", SPN_OPT_CHOICE, .choices = "full summary none", .dflt.s = "summary",
      .help = "how much of a reasoner's graph is in the result" },
    { "strict", SPN_OPT_FLAG, .help = "exit 1 when an answer is not checked right" },
    { "system", SPN_OPT_STRING, .arg = "TEXT", .help = "system message of every conversation" },
    { "max-tokens", SPN_OPT_INT, .lo = -1, .hi = 1 << 24, .dflt.i = -1, .arg = "N",
      .help = "most tokens of a reply, -1 until the context is full" },
    { "temp", SPN_OPT_FLOAT, .lo = 0, .hi = 100, .dflt.f = 0.8, .arg = "T",
      .help = "temperature of sampling, 0 is greedy" },
    { "top-k", SPN_OPT_INT, .lo = 0, .hi = 1 << 24, .dflt.i = 40, .arg = "K",
      .help = "draw from the K likeliest tokens, 0 off" },
    { "top-p", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.95, .arg = "P",
      .help = "draw from the likeliest tokens that make up P, 1 off" },
    { "min-p", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.05, .arg = "P",
      .help = "draw from tokens at least P times as likely as the best, 0 off" },
    { "repeat-penalty", SPN_OPT_FLOAT, .lo = 0, .hi = 100, .dflt.f = 1, .arg = "X",
      .help = "divide the logits of recent tokens by X, 1 off" },
    { "presence-penalty", SPN_OPT_FLOAT, .lo = -100, .hi = 100, .dflt.f = 0, .arg = "X",
      .help = "subtract X from the logits of recent tokens" },
    { "frequency-penalty", SPN_OPT_FLOAT, .lo = -100, .hi = 100, .dflt.f = 0, .arg = "X",
      .help = "subtract X for each time a recent token came" },
    { "typical-p", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 1, .arg = "P",
      .help = "draw from tokens about as surprising as is usual, up to the mass P, 1 off" },
    { "top-n-sigma", SPN_OPT_FLOAT, .lo = -1, .hi = 1000, .dflt.f = -1, .arg = "N",
      .help = "draw from logits within N deviations of the best, -1 off" },
    { "xtc-probability", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0, .arg = "P",
      .help = "chance that of the likely tokens only the least likely stays" },
    { "xtc-threshold", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .dflt.f = 0.1, .arg = "P",
      .help = "tokens this likely count for --xtc-probability, above 0.5 off" },
    { "dry-multiplier", SPN_OPT_FLOAT, .lo = 0, .hi = 100, .dflt.f = 0, .arg = "X",
      .help = "strength of the penalty on going on with a repeat, 0 off" },
    { "dry-base", SPN_OPT_FLOAT, .lo = 1, .hi = 100, .dflt.f = 1.75, .arg = "X",
      .help = "what each further token of a repeat multiplies its penalty by" },
    { "dry-allowed-length", SPN_OPT_INT, .lo = 0, .hi = 4096, .dflt.i = 2, .arg = "N",
      .help = "repeats shorter than N tokens are free" },
    { "dry-last-n", SPN_OPT_INT, .lo = -1, .hi = 1 << 24, .dflt.i = -1, .arg = "N",
      .help = "tokens looked back for repeats, -1 all" },
    { "mirostat", SPN_OPT_INT, .lo = 0, .hi = 2, .dflt.i = 0, .arg = "V",
      .help = "2: hold the surprise of the text steady instead of truncating, 0 off" },
    { "mirostat-tau", SPN_OPT_FLOAT, .lo = 0, .hi = 100, .dflt.f = 5, .arg = "BITS",
      .help = "surprise a token that --mirostat aims at" },
    { "mirostat-eta", SPN_OPT_FLOAT, .lo = 0, .hi = 10, .dflt.f = 0.1, .arg = "X",
      .help = "how fast --mirostat follows" },
    { "logit-bias", SPN_OPT_STRING, .many = true, .arg = "ID=X",
      .help = "add X to the logit of a token, -inf forbids it; may be given again" },
    { "stop", SPN_OPT_STRING, .many = true, .arg = "TEXT",
      .help = "text that ends a reply and is cut from it; may be given again" },
    { "grammar", SPN_OPT_STRING, .arg = "FILE", .help = "replies follow the GBNF grammar of FILE" },
    { "json-schema", SPN_OPT_STRING, .arg = "FILE",
      .help = "replies are JSON that the schema of FILE allows" },
    { "tools", SPN_OPT_STRING, .arg = "FILE",
      .help = "functions for the model's template, a JSON array" },
    { "think", SPN_OPT_CHOICE, .choices = "auto on off", .dflt.s = "auto",
      .help = "whether a model that can thinks before it answers" },
    { "unordered", SPN_OPT_FLAG, .help = "write results as they come, not in the input's order" },
    { 0 }
};

/* One limit "NAME=VALUE" of N bytes. */
static spn_status limit(struct spn_budget *b, const char *part, size_t n, struct spn_err *err)
{
    static const struct {
        const char *unit;
        double seconds;
    } units[] = { { "", 1 }, { "s", 1 }, { "ms", 1e-3 }, { "m", 60 }, { "h", 3600 } };
    const char *equal = memchr(part, '=', n);
    size_t name = equal != NULL ? (size_t)(equal - part) : n;
    char *end = NULL;
    double value = equal != NULL ? strtod(equal + 1, &end) : NAN;
    size_t rest = end != NULL && end > equal + 1 && end <= part + n ? (size_t)(part + n - end) : n;

    if (value > 0 && value < 1e15 && rest < n) {
        if (name == 4 && memcmp(part, "time", 4) == 0)
            for (size_t i = 0; i < sizeof units / sizeof *units; i++)
                if (strlen(units[i].unit) == rest && memcmp(end, units[i].unit, rest) == 0) {
                    b->seconds = value * units[i].seconds;
                    return SPN_OK;
                }
        if (rest == 0 && value >= 1 && name == 6 && memcmp(part, "tokens", 6) == 0) {
            b->tokens = (int64_t)value;
            return SPN_OK;
        }
        if (rest == 0 && value >= 1 && name == 5 && memcmp(part, "calls", 5) == 0) {
            b->calls = (int64_t)value;
            return SPN_OK;
        }
    }
    spn_fail(err, SPN_EUSAGE, "--budget: \"%.*s\" is no limit: time=60s, tokens=N or calls=N",
             (int)(n < 60 ? n : 60), part);
    spn_cure(err, "--budget time=60s,tokens=5000");
    return SPN_EUSAGE;
}

spn_status chat_budget(struct spn_budget *b, const char *text, struct spn_err *err)
{
    spn_status st = SPN_OK;

    while (st == SPN_OK && *text != '\0') {
        size_t n = strcspn(text, ",");

        st = limit(b, text, n, err);
        text += n + (text[n] == ',');
    }
    return st;
}

/* "fot:trees=8" -> the reasoner and its values; --temp goes to a reasoner that draws its own. */
static spn_status read_reasoner(struct chat *c, const struct spn_values *v, struct spn_err *err)
{
    const char *given = spn_value_str(v, "reason"), *rest;
    size_t n = strcspn(given, ":");
    char *name;
    spn_status st;

    if (strcmp(given, "none") == 0)
        return SPN_OK;
    name = spn_strndup(given, n);
    if (name == NULL)
        return spn_fail(err, SPN_ENOMEM, "chat: no memory");
    rest = given[n] == ':' ? given + n + 1 : "";
    c->reason = given;
    c->reasoner = c->registry->find(SPN_POINT_REASONER, name);
    st = c->reasoner != NULL
             ? c->values->parse(&c->reasoner_values, c->reasoner->options, rest, name, err)
             : spn_fail(err, SPN_EUSAGE, "--reason: there is no reasoner \"%.60s\"", name);
    spn_free(name);
    if (st == SPN_OK && spn_value_given(v, "temp") && c->reasoner->options != NULL &&
        spn_option_find(c->reasoner->options, "temperature", 11) != NULL &&
        !spn_value_given(c->reasoner_values, "temperature")) {
        struct spn_buf b = SPN_BUF_INIT(64);

        spn_buf_printf(&b, "%.9g", spn_value_float(v, "temp"));
        st = b.failed ? spn_fail(err, SPN_ENOMEM, "chat: no memory")
                      : c->values->set(c->reasoner_values, "temperature", b.data, err);
        spn_buf_free(&b);
    }
    return st;
}

spn_status chat_read(struct chat *c, const struct spn_host *h, struct spn_job *job,
                     const struct spn_values *v, struct spn_err *err)
{
    const char *task = spn_value_str(v, "task"), *how = spn_value_str(v, "thoughts");
    spn_status st;

    c->registry = h->query("registry", 1);
    c->values = h->query("values", 1);
    c->engine_api = h->query("engine", 1);
    c->thoughts_api = h->query("thoughts", 1);
    c->job_api = h->query("job", 1);
    c->prompts_api = h->query("prompts", 1);
    c->set = spn_value_str(v, "prompts");
    c->gold_key = spn_value_str(v, "gold-key");
    c->job = job;
    if (job != NULL && c->job_api != NULL)
        c->cancel = c->job_api->cancel(job);
    if (c->registry == NULL || c->values == NULL || c->engine_api == NULL ||
        c->thoughts_api == NULL || c->job_api == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "chat: this host lacks a table it needs");
    c->system = spn_value_str(v, "system");
    c->max_tokens = spn_value_int(v, "max-tokens");
    c->seed = (uint64_t)spn_value_int(v, "seed");
    c->strict = spn_value_flag(v, "strict");
    c->unordered = spn_value_flag(v, "unordered");
    c->thoughts = strcmp(how, "full") == 0   ? CHAT_FULL
                  : strcmp(how, "none") == 0 ? CHAT_NONE
                                             : CHAT_SUMMARY;
    if (strcmp(task, "auto") != 0) {
        c->task_name = task;
        c->task = c->registry->find(SPN_POINT_TASK, task);
        if (c->task == NULL)
            return spn_fail(err, SPN_EUSAGE, "--task: there is no task \"%.60s\"", task);
    }
    st = read_reasoner(c, v, err);
    if (st == SPN_OK)
        st = chat_read_sampling(c, v, err);
    if (st == SPN_OK && spn_value_str(v, "budget") != NULL)
        st = chat_budget(&c->budget, spn_value_str(v, "budget"), err);
    return st;
}

void chat_close(struct chat *c)
{
    if (c->reasoner_values != NULL)
        c->values->free_(c->reasoner_values);
    if (c->engine != NULL)
        c->engine_api->close(c->engine);
    chat_free_sampling(c);
    c->reasoner_values = NULL;
    c->engine = NULL;
    spn_prompts_free(c->prompts);
    spn_free(c->examples);
    c->prompts = NULL;
    c->examples = NULL;
}

spn_status chat_prompts(struct chat *c, const struct spn_task *task, struct spn_err *err)
{
    const struct spn_caps *caps = c->engine_api->caps(c->engine);
    const char *set = c->set != NULL ? c->set : caps != NULL ? caps->prompts : NULL;
    spn_status st;

    if (c->prompts_task == task)
        return SPN_OK;
    spn_prompts_free(c->prompts);
    spn_free(c->examples);
    c->prompts = NULL;
    c->examples = NULL;
    c->prompts_task = task;
    if (task->prompts == NULL || c->prompts_api == NULL)
        return SPN_OK;
    st = c->prompts_api->open(&c->prompts, set, task->prompts, err);
    if (st == SPN_ENOTFOUND && c->set == NULL && set != NULL) {
        /* A model's file may name a set that is not here. */
        set = NULL;
        st = c->prompts_api->open(&c->prompts, NULL, task->prompts, err);
    }
    if (st == SPN_OK)
        c->examples = c->prompts_api->examples(set, task->prompts);
    return st;
}

const struct spn_task *chat_task(const struct chat *c, const char *question, const char **name)
{
    const struct spn_task *task;

    *name = c->task_name;
    if (c->task != NULL)
        return c->task;
    for (size_t i = 0; (task = c->registry->at(SPN_POINT_TASK, i, name, NULL)) != NULL; i++)
        if (task->accepts != NULL && task->accepts(question))
            return task;
    /* What no task knows is free talk. */
    *name = "free";
    return c->registry->find(SPN_POINT_TASK, "free");
}

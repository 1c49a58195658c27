/* options.h - what the command line of `chat` asks for. */
#ifndef CHAT_OPTIONS_H
#define CHAT_OPTIONS_H
#include "spinney/plugin.h"

enum chat_thoughts { CHAT_FULL, CHAT_SUMMARY, CHAT_NONE };

struct chat {
    /* tables of the host, lent */
    const struct spn_registry_api *registry;
    const struct spn_values_api *values;
    const struct spn_engine_api *engine_api;
    const struct spn_thoughts_api *thoughts_api;
    const struct spn_job_api *job_api;
    const struct spn_prompts_api *prompts_api; /* NULL: this host has none */
    struct spn_job *job; /* NULL: a screen asks, and the members below are set */
    struct spn_cancel *cancel;
    /* Text of a streamed reply, and a word that the thoughts have grown: from the thread that asks.
       NULL: text goes to the job. */
    void (*on_text)(void *ctx, const char *bytes, size_t n);
    void (*on_change)(void *ctx);
    void *ctx;

    struct spn_engine *engine;
    const char *system; /* NULL: none */
    const char *reason; /* as given; NULL: none */
    const struct spn_reasoner *reasoner;
    struct spn_values *reasoner_values;
    const char *task_name; /* NULL: auto */
    const struct spn_task *task;
    const char *set;             /* of prompts; NULL: the model's, else general */
    struct spn_prompts *prompts; /* of prompts_task, owned; NULL: that task has none */
    char *examples;
    const struct spn_task *prompts_task;
    const char *gold_key; /* NULL: no truth is given */
    struct spn_budget budget;
    struct spn_sampling sampling;
    struct spn_logit_bias *bias; /* of sampling */
    const char **stop;
    size_t n_stop;
    char *grammar, *json_schema, *tools; /* texts of files; NULL: none */
    int thinking;
    int64_t max_tokens;
    uint64_t seed;
    const struct spn_steer *steer; /* wishes of a person for its reasoner; NULL: nobody watches */
    const char *prefill;           /* what a plain reply begins with; NULL: nothing */
    struct spn_thoughts *growing; /* of the turn under way by a reasoner; NULL: none */
    enum chat_thoughts thoughts;
    bool strict, unordered;
    int64_t unsolved; /* answers that are not checked right */
};

extern const struct spn_option chat_options[];

/* Everything but the engine. Free with chat_close, also after an error. */
spn_status chat_read(struct chat *c, const struct spn_host *h, struct spn_job *job,
                     const struct spn_values *v, struct spn_err *err);
void chat_close(struct chat *c);

/* How replies are drawn and what they follow. */
spn_status chat_read_sampling(struct chat *c, const struct spn_values *v, struct spn_err *err);
void chat_free_sampling(struct chat *c);

/* "time=60s,calls=100": SPN_EUSAGE names what is wrong. Units ms, s, m, h; none is seconds. */
spn_status chat_budget(struct spn_budget *b, const char *text, struct spn_err *err);
/* Load the prompts of TASK into C, once for all its questions. */
spn_status chat_prompts(struct chat *c, const struct spn_task *task, struct spn_err *err);
/* The task that takes QUESTION, as chosen or by itself; NULL: none. *NAME lent. */
const struct spn_task *chat_task(const struct chat *c, const char *question, const char **name);

#endif

/* measure.h - runs reasoners over questions and compares them: success, cost, paired McNemar. */
#ifndef FOT_MEASURE_H
#define FOT_MEASURE_H
#include "questions.h"
#include "spinney/plugin.h"

/* What a bench works with; all lent. */
struct measure {
    const struct spn_registry_api *registry;
    const struct spn_values_api *values;
    const struct spn_engine_api *engine_api;
    const struct spn_thoughts_api *thoughts;
    const struct spn_job_api *job_api;
    const struct spn_prompts_api *prompts_api;
    struct spn_prompts *prompts; /* of the task; NULL: its own words */
    char *examples;
    struct spn_job *job;
    struct spn_engine *engine;
    const struct spn_task *task;
    const char *task_name;
    struct questions questions;
    int seeds;
    uint64_t seed;      /* the first one */
    double done, total; /* questions asked, for the progress line */
};
/* Tables of the host, the engine of MODEL, the task. Close with measure_close, also after an error.
 */
spn_status measure_open(struct measure *m, const struct spn_host *host, struct spn_job *job,
                        const char *model, const char *task, const char *data, size_t limit,
                        const char *prompts, struct spn_err *err);
void measure_close(struct measure *m);

struct method {
    char *label, *name, *options; /* "FoT 8", "fot", "trees=8" */
    bool *right;                  /* [seeds * questions]: the answer, as the task's check sees it */
    bool *any;                    /* the same: any answer in the graph */
    int64_t calls, tokens_in, tokens_cached, tokens_out; /* over all seeds and questions */
    double seconds;
    int64_t pages, shared; /* most pages in use at once, and those shared then */
};
/* METHODS: "cot,sc:16,tot:beam=5,fot:trees=8,base=tot": a part with "=" and no name goes on with
   the one before. sc:N is cot:samples=N, greedy is cot:temperature=0. *OUT: an array of *N. */
spn_status methods_parse(struct method **out, size_t *n, const char *methods, struct spn_err *err);
void methods_free(struct method *list, size_t n);

/* Every question with every seed. SPN_ECANCEL when the user stops. */
spn_status measure_run(struct measure *m, struct method *what, struct spn_err *err);

/* Percent of success over the questions: mean of the seeds, and deviation between them. */
struct spread {
    double mean, sd;
};
struct spread measure_success(const struct measure *m, const bool *success);

/* Exact McNemar test on paired successes: A alone right, B alone right, two-sided p. */
struct mcnemar {
    int64_t only_a, only_b;
    double p;
};
struct mcnemar measure_mcnemar(const bool *a, const bool *b, size_t n);

#endif

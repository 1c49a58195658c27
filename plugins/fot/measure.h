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
/* Tables of the host, the engine of MODEL, the task with PROMPTS (NULL: the model's own set, else
 * general). Close with measure_close, also after an error. */
spn_status measure_open(struct measure *m, const struct spn_host *host, struct spn_job *job,
                        const char *model, const char *task, const char *prompts,
                        struct spn_err *err);
/* The questions of a file, in place of those there were. */
spn_status measure_questions(struct measure *m, const char *path, size_t limit,
                             struct spn_err *err);
void measure_close(struct measure *m);

struct method {
    char *label, *name, *options; /* "FoT 8", "fot", "trees=8" */
    bool *right;                  /* [seeds * questions]: the answer, as the task's check sees it */
    bool *any;                    /* the same: any answer in the graph */
    int64_t calls, tokens_in, tokens_cached, tokens_out; /* over all seeds and questions */
    double seconds;
    /* With `rates`: every answer in the graphs that was rated, and whether it was right. */
    bool rates;
    double *rating;
    bool *rated_right;
    size_t n_rated, room_rated;
    int64_t pages, shared; /* most pages in use at once, and those shared then */
};
/* METHODS: "cot,sc:16,tot:beam=5,fot:trees=8,base=tot": a part with "=" and no name goes on with
   the one before. sc:N is cot:samples=N, greedy is cot:temperature=0. *OUT: an array of *N. */
/* One method by hand; free it as one of a list, also after an error. */
spn_status method_make(struct method *m, const char *label, const char *name, const char *options,
                       struct spn_err *err);
void method_clear(struct method *m);
spn_status methods_parse(struct method **out, size_t *n, const char *methods, struct spn_err *err);
void methods_free(struct method *list, size_t n);

/* Every question with every seed. SPN_ECANCEL when the user stops. */
spn_status measure_run(struct measure *m, struct method *what, struct spn_err *err);

/* Percent of success over the questions: mean of the seeds, and deviation between them. */
struct spread {
    double mean, sd;
};
struct spread measure_success(const struct measure *m, const bool *success);

/* Difference in percent of two methods' successes, A - B, over the same questions (mean over the
   seeds of each), and half the width of its 95 % interval. */
struct paired {
    double difference, half;
};
struct paired measure_paired(const struct measure *m, const bool *a, const bool *b);
/* Chance that a right answer is rated above a wrong one, ties counting half; NaN without both. */
double measure_auc(const struct method *what);

/* Exact McNemar test on paired successes: A alone right, B alone right, two-sided p. */
struct mcnemar {
    int64_t only_a, only_b;
    double p;
};
struct mcnemar measure_mcnemar(const bool *a, const bool *b, size_t n);

#endif

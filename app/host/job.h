/* job.h - one command under way: cancel, progress, records in, results out. */
#ifndef APP_HOST_JOB_H
#define APP_HOST_JOB_H
#include <stdbool.h>
#include "spinney/plugin.h"

struct input;
struct output;

/* How a command was called, beyond its own options. */
struct job_setup {
    const char *command;
    const struct spn_values *values;
    bool json, quiet, records;
    const char *output, *shard; /* -o and --shard of a command with records; NULL: not given */
    bool resume;
    const char *run; /* all that decides the results, as text: kept in each line of -o */
    const char *const *files;
    size_t n_files;         /* inputs in order; none: stdin */
    const char *prompt;     /* -p: one record; stdin is attached text */
    const char *prompt_key; /* NULL: "prompt" */
    /* A caller inside the program, a screen: results go to it as objects (the reference is taken
       over), nothing is printed, and its own flag stops the job. NULL: the terminal or the pipe. */
    const struct job_sink *sink;
};
struct job_sink {
    void (*record)(void *ctx, json_t *object_take);
    void (*progress)(void *ctx, double done, double total);
    void (*say)(void *ctx, const char *text);
    struct spn_cancel *cancel;
    void *ctx;
};
spn_status job_open(struct spn_job **out, const struct job_setup *s, struct spn_err *err);
/* Ends progress, syncs -o; ORDER: puts it in the input's order first. What went wrong last with an
 * output is returned here. */
spn_status job_close(struct spn_job *j, bool order, struct spn_err *err);
/* A run that lost its engine: ERR also says how many of the records are done, and that --resume
 * goes on. */
void job_say_lost(struct spn_job *j, struct spn_err *err);
int64_t job_failed(
    const struct spn_job *j); /* records that failed, those found by --resume among them */
bool job_pipe_closed(const struct spn_job *j); /* whoever read stdout is gone */

extern const struct spn_job_api table_job;
/* Bytes of ours to stdout as they are: pictures. */
spn_status job_raw(struct spn_job *j, const char *bytes, size_t n, struct spn_err *err);

/* Install the handlers of SIGINT and SIGTERM: they set the flag of every job; a second one ends the
 * program at once. */
void job_signals(void);
int job_signal(void); /* the signal that came, 0: none */
struct spn_cancel *job_cancel(void);

#endif

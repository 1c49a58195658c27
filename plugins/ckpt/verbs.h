/* verbs.h - what every verb of `spinney ckpt` is given, and how rows are written. */
#ifndef CKPT_VERBS_H
#define CKPT_VERBS_H
#include <jansson.h>
#include <stddef.h>

#include "checkpoint.h"
#include "measure/measure.h"
#include "spinney/plugin.h"

struct run {
    const struct spn_host *host;
    struct spn_job *job;
    const struct spn_job_api *api;
    const struct spn_values *v;
    struct spn_pool *pool;
    struct spn_measure how; /* POOL, the job's cancel flag, its progress */
    const char *verb;
    int argc; /* what follows the verb */
    char **argv;
};

/* Each writes its results; SPN_ENO: the answer is no. */
typedef spn_status verb_fn(struct run *r, struct spn_err *err);
verb_fn verb_ls, verb_show, verb_stats, verb_hist, verb_meta, verb_health, verb_verify, verb_diff,
    verb_heat, verb_series, verb_convert, verb_export, verb_compress, verb_restore;

/* When argument 0 is a store: verify it, true. */
bool verify_store(struct run *r, spn_status *st, struct spn_err *err);
/* When argument 0 is a store: a step of it in the form of the method's own program, true. */
bool export_store(struct run *r, spn_status *st, struct spn_err *err);
/* The reverse: argument 0 is such a file, --before the step that it hangs on. */
spn_status import_file(struct run *r, struct spn_err *err);

/* ---- rows: JSON Lines, tab-separated text for a pipe, columns with a head for a terminal ---- */
#define TABLE_COLUMNS_MAX 32
struct table {
    struct run *run;
    const char *const *heads;
    size_t columns;
    char **cell;
    size_t n, room;
};
void table_begin(struct table *t, struct run *r, const char *const *heads, size_t columns);
/* CELLS [columns], NULL is empty, are copied; the reference to OBJECT is taken over. */
spn_status table_row(struct table *t, json_t *object_take, const char *const *cells,
                     struct spn_err *err);
/* Call it after a failure too: it frees. ST is returned when it is one. */
spn_status table_end(struct table *t, spn_status st, struct spn_err *err);

/* A number for JSON: null where it is none. */
json_t *number_json(double d);
/* A string for JSON: what is not UTF-8, or a control character, as it would be shown. */
json_t *string_json(const char *s);
/* "%.9g", "-" where it is none. */
#define NUMBER_BYTES 32
const char *number_text(char out[NUMBER_BYTES], double d);
json_t *shape_json(const struct spn_tensor *t);
/* "4096x1024" into OUT. */
const char *shape_text(char *out, size_t room, const struct spn_tensor *t);
/* A value as text: a string as it is, the first elements of an array. */
void meta_text(struct spn_buf *b, const struct spn_meta *v);
/* The file of E without the folder of C. */
const char *file_text(const struct ckpt *c, const struct spn_entry *e);

/* Open argument 0, keep what the others name, sort as the options say. */
spn_status open_rows(struct ckpt *c, struct run *r, struct spn_err *err);
/* The same of what may still be being written: what is not there is said on stderr. */
spn_status open_rows_partial(struct ckpt *c, struct run *r, struct spn_err *err);
/* After the work: did a file change under it? */
spn_status check_rows(const struct ckpt *c, spn_status st, struct spn_err *err);
/* The percentiles of --percentiles: "1,5,50"; "none" is none. */
spn_status read_percents(double out[SPN_PERCENTILES_MAX], int *n, struct run *r,
                         struct spn_err *err);

#endif

/* output.h - results: JSON Lines or text on stdout, or a file that a second run goes on with. */
#ifndef APP_HOST_OUTPUT_H
#define APP_HOST_OUTPUT_H
#include <jansson.h>
#include <stdbool.h>
#include "base/err.h"

struct output {
    bool json;   /* JSON Lines on stdout */
    bool closed; /* the reader of stdout is gone */
    int fd;      /* of -o, -1: stdout */
    const char *path, *run;
    json_t *done;         /* what -o had: key of a record -> how many times */
    int64_t kept, failed; /* results, and failures among them, found there */
};

/* PATH NULL: stdout. The file is locked; one that is there is refused without RESUME, and one of
 * another RUN always. */
spn_status output_open(struct output *o, const char *path, bool resume, const char *run, bool json,
                       struct spn_err *err);
spn_status output_close(struct output *o, struct spn_err *err);
/* Put the lines of the file of -o in the order of their records, where they are not; before it is
 * closed. */
spn_status output_order(const struct output *o, struct spn_err *err);
/* Was this record written by the run that is gone on with? Each result is counted off once. */
bool output_had(struct output *o, int64_t index, const char *id);
spn_status output_emit(struct output *o, json_t *object_take, const char *text,
                       struct spn_err *err);
spn_status output_bytes(struct output *o, const char *bytes, size_t n,
                        struct spn_err *err); /* stdout, made visible on a terminal */

/* The same, as they are: what the program itself made for the terminal. */
spn_status output_raw(struct output *o, const char *bytes, size_t n, struct spn_err *err);

/* One line without its newline: keys in order, floats with 9 digits; free with free(). */
char *output_line(const json_t *object);

#endif

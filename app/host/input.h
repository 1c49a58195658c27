/* input.h - records of a command: JSON Lines or one prompt, from files or stdin. */
#ifndef APP_HOST_INPUT_H
#define APP_HOST_INPUT_H
#include "spinney/plugin.h"

struct input;
/* FILES in order, "-" is stdin; none: stdin. PROMPT (may be NULL) is one record, stdin its attached
 * text. */
spn_status input_open(struct input **out, const char *const *files, size_t n_files,
                      const char *prompt, const char *prompt_key, struct spn_cancel *cancel,
                      struct spn_err *err);
void input_close(struct input *in);
/* The next record, lent until the next call, *OUT NULL at the end. SPN_EFORMAT: this record is
   malformed (its index is in *OUT, its object is empty); the call after it goes on. */
spn_status input_next(struct input *in, struct spn_record **out, struct spn_err *err);

/* Do all records come from files, which end, and how many of those read so far belong to shard K of
 * N? */
bool input_is_file(const struct input *in);
int64_t input_count(const struct input *in, int64_t k, int64_t n);

/* A list of names, one a line or, with NUL, each ended by a NUL byte; "-" is stdin. Free each and
 * the array with spn_free. */
spn_status input_names(char ***out, size_t *n, const char *file, bool nul, struct spn_err *err);

#endif

/* option.h - tables of named options and the values parsed against them; one table gives the
 * parser, --help, completion, the config key and the manual's list. */
#ifndef SPN_OPTION_H
#define SPN_OPTION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spn_option_kind {
    SPN_OPT_END,
    SPN_OPT_FLAG,
    SPN_OPT_INT,
    SPN_OPT_FLOAT,
    SPN_OPT_STRING,
    SPN_OPT_CHOICE
};
union spn_option_value {
    int64_t i;
    double f;
    const char *s;
    bool b;
};

struct spn_option {
    const char *name; /* long name, a-z 0-9 and dash (underscore in key=value form is the same) */
    enum spn_option_kind kind;
    double lo, hi; /* INT, FLOAT: inclusive range; both 0: any */
    union spn_option_value dflt;
    const char *help;    /* one line, lower case, no full stop */
    const char *choices; /* CHOICE: "vote score random cged" */
    char letter;         /* short form, 0: none */
    const char *arg;     /* name of the value in help: "FILE" */
    bool many;           /* STRING: may be given several times */
};

/* Parsed values of a table; every option has one (its default, the config file's or the given). */
struct spn_values;
int64_t spn_value_int(const struct spn_values *v,
                      const char *name); /* asserts that the option exists and is of that kind */
double spn_value_float(const struct spn_values *v, const char *name);
const char *spn_value_str(const struct spn_values *v,
                          const char *name); /* STRING and CHOICE; NULL: not given, no default */
bool spn_value_flag(const struct spn_values *v, const char *name);
bool spn_value_given(const struct spn_values *v,
                     const char *name); /* by the user or the config, not by default */
size_t spn_value_count(const struct spn_values *v, const char *name); /* of a `many` option */
const char *spn_value_nth(const struct spn_values *v, const char *name, size_t i);

/* ---- making values: the host for a command line, train/ for a recipe's section ---- */

/* Defaults of TABLE (ends with { 0 }; NULL: no options), which outlives the values. NULL: no
 * memory. */
struct spn_values *spn_values_new(const struct spn_option *table);
void spn_values_free(struct spn_values *v); /* NULL is fine */
const struct spn_option *spn_values_table(const struct spn_values *v);
/* Set NAME (dash and underscore are the same) from TEXT; NULL sets a flag, "no", "off", "false",
   "0" clear it. SPN_EUSAGE names the option, what was given and what is allowed; an unknown name
   gets the nearest known one. */
spn_status spn_values_set(struct spn_values *v, const char *name, const char *text,
                          struct spn_err *err);
/* "trees=8,base=tot": a key without "=" sets a flag; "\," is a comma inside a value. NULL or "":
 * nothing. */
spn_status spn_values_parse(struct spn_values *v, const char *key_values, struct spn_err *err);
/* The option called NAME[0..n), or NULL. */
const struct spn_option *spn_option_find(const struct spn_option *table, const char *name,
                                         size_t n);
/* Is TABLE well formed: names unique and of the right letters, kinds known, defaults inside the
   range, choices given? WHO begins the sentence. At most 256 options. */
spn_status spn_options_check(const struct spn_option *table, const char *who, struct spn_err *err);
/* The default as text ("1020", "vote", "off"), for help and manual; "" when there is none. */
void spn_option_default_text(const struct spn_option *o, char *out, size_t room);

/* Edits (insert, delete, change, swap of neighbours) between two names, counted up to LIMIT + 1;
 * for "did you mean". */
int spn_edit_distance(const char *a, const char *b, int limit);

#ifdef __cplusplus
}
#endif
#endif

/* option.h - one table gives the parser, --help, completion, the config key and the manual's list. */
#ifndef SPINNEY_OPTION_H
#define SPINNEY_OPTION_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spn_option_kind { SPN_OPT_END, SPN_OPT_FLAG, SPN_OPT_INT, SPN_OPT_FLOAT, SPN_OPT_STRING, SPN_OPT_CHOICE };
union spn_option_value { int64_t i; double f; const char *s; bool b; };

struct spn_option {
    const char *name;                        /* long name, a-z 0-9 and dash (underscore in key=value form is the same) */
    enum spn_option_kind kind;
    double lo, hi;                           /* INT, FLOAT: inclusive range; both 0: any */
    union spn_option_value dflt;
    const char *help;                        /* one line, lower case, no full stop */
    const char *choices;                     /* CHOICE: "vote score random cged" */
    char        letter;                      /* short form, 0: none */
    const char *arg;                         /* name of the value in help: "FILE" */
    bool        many;                        /* STRING: may be given several times */
};

/* Parsed values of a table; every option has one (its default, the config file's or the given). */
struct spn_values;
int64_t     spn_value_int(const struct spn_values *v, const char *name);        /* asserts that the option exists and is of that kind */
double      spn_value_float(const struct spn_values *v, const char *name);
const char *spn_value_str(const struct spn_values *v, const char *name);        /* STRING and CHOICE; NULL: not given, no default */
bool        spn_value_flag(const struct spn_values *v, const char *name);
bool        spn_value_given(const struct spn_values *v, const char *name);      /* by the user or the config, not by default */
size_t      spn_value_count(const struct spn_values *v, const char *name);      /* of a `many` option */
const char *spn_value_nth(const struct spn_values *v, const char *name, size_t i);

#ifdef __cplusplus
}
#endif
#endif

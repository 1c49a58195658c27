/* cmdline.h - one command line: the command's own options, those that all share, and those of what
 * it chooses. */
#ifndef APP_HOST_CMDLINE_H
#define APP_HOST_CMDLINE_H
#include <stdbool.h>
#include "base/buf.h"
#include "spinney/plugin.h"

/* A command as the program sees it: of the registry, or a bench under its own name. */
struct cmdline_command {
    const char *name; /* "chat"; of a bench "bench fot" */
    const char *key;  /* prefix of its config keys: "chat", "bench_fot" */
    const struct spn_command *command;
};

struct cmdline {
    struct spn_option
        *table; /* own, then common; a common name that the command has too is left out */
    size_t n_own;
    struct spn_values *values;
    const char **args;
    int n_args; /* positional, lent from argv */
    bool help;  /* -h or --help was there: nothing else was checked */
};
/* Defaults, then spinneyrc, then ARGV (without program and command names). SPN_EUSAGE names the
 * option. */
spn_status cmdline_parse(struct cmdline *c, const struct cmdline_command *what, int argc,
                         char **argv, struct spn_err *err);
void cmdline_free(struct cmdline *c);
/* The merged table of a command, for help, completion and the manual; free with spn_free. */
struct spn_option *cmdline_table(const struct spn_command *command, size_t *n_own,
                                 struct spn_err *err);
/* What decides the results, as text: command, model and every given option that matters. Appended
 * to B. */
spn_status cmdline_run_text(struct spn_buf *b, const struct cmdline *c, const char *command,
                            const char *model);

/* Options whose value is the name of a registered implementation, with options of its own behind a
 * colon. */
struct cmdline_choice {
    const char *option;
    enum spn_point point;
};
extern const struct cmdline_choice cmdline_choices[]; /* ends with { NULL } */

/* Tables of common.c. */
extern const struct spn_option common_all[], common_model[], common_records[];

#endif

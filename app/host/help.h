/* help.h - what the option tables say to a person: --help, the manual page, the words of
 * completion. */
#ifndef APP_HOST_HELP_H
#define APP_HOST_HELP_H
#include "base/buf.h"
#include "host/cmdline.h"

/* "spinney chat - …", usage, options with ranges and defaults, examples. */
spn_status help_text(struct spn_buf *b, const struct cmdline_command *what, struct spn_err *err);
/* The page spinney-NAME(1) as roff (man macros). */
spn_status help_page(struct spn_buf *b, const struct cmdline_command *what, struct spn_err *err);
/* Lines "WORD<tab>what it is": NULL: the commands; else the options of WHAT. OPTION given: its
 * values. */
spn_status help_words(struct spn_buf *b, const struct cmdline_command *what, const char *option,
                      struct spn_err *err);
/* `spinney --help`: usage and every command with its summary. */
void help_overview(struct spn_buf *b);

/* Look a command up by name: one that is registered, or "bench" with BENCH, a registered bench (may
 * be NULL). */
struct help_command {
    struct cmdline_command what;
    struct spn_command of_bench;
    char name[160], key[160], usage[256];
};
bool help_command_find(struct help_command *out, const char *name, const char *bench);
/* The nearest command to NAME, or NULL. */
const char *help_near(const char *name);

#endif

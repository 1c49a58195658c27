#include "config.h"

#include "command/commands.h"

#include "host/help.h"
#include "host/job.h"

static const struct spn_option options[] = {
    { "man", SPN_OPT_FLAG, .help = "the manual page as roff, for man -l" },
    { "words", SPN_OPT_FLAG, .help = "the words that completion offers, a tab and what each is" },
    { "value-of", SPN_OPT_STRING, .arg = "OPTION",
      .help = "with --words: the values of one option" },
    { 0 }
};

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(4 << 20);
    struct help_command c;
    bool named = argc > 0;
    spn_status st = SPN_OK;

    if (named && !help_command_find(&c, argv[0], argc > 1 ? argv[1] : NULL)) {
        const char *near = help_near(argv[0]);

        spn_fail(err, SPN_EUSAGE, "%s: there is no such command", argv[0]);
        return spn_cure(err, "spinney help%s%s", near != NULL ? " " : "", near != NULL ? near : "");
    }
    if (spn_value_flag(v, "words"))
        st = help_words(&b, named ? &c.what : NULL, spn_value_str(v, "value-of"), err);
    else if (spn_value_flag(v, "man") && named)
        st = help_page(&b, &c.what, err);
    else if (named)
        st = help_text(&b, &c.what, err);
    else
        help_overview(&b);
    if (st == SPN_OK)
        st = table_job.emit(job, json_pack("{s:s?}", "text", b.data), b.data, err);
    spn_buf_free(&b);
    return st;
}

const struct spn_command command_help = {
    .summary = "commands, and the options of one",
    .usage = "help [COMMAND [BENCH]] [--man] [--words]",
    .details =
        "Without a name, every command with what it does; with one, what --help of it prints.",
    .examples = "spinney help\nspinney help papers\n",
    .options = options,
    .arguments_max = 2,
    .run = run,
};

/* fuzz_batch.c - what batch mode reads from outside: a command line, records of JSON Lines, and the
 * results that --resume finds. The first byte says which. */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/mem.h"
#include "fuzz/fuzz.h"
#include "host/cmdline.h"
#include "host/input.h"
#include "host/output.h"
#include "host/registry.h"

enum { WORDS_MAX = 64, RECORDS_MAX = 4096 };

static const struct spn_option options[] = {
    { "reason", SPN_OPT_STRING, .help = "a choice" },
    { "count", SPN_OPT_INT, .letter = 'c', .lo = -5, .hi = 5, .help = "a whole number" },
    { "part", SPN_OPT_FLOAT, .lo = 0, .hi = 1, .help = "a number" },
    { "kind", SPN_OPT_CHOICE, .choices = "red green", .help = "one of two" },
    { "on", SPN_OPT_FLAG, .dflt.b = true, .help = "a flag" },
    { 0 }
};
static const struct spn_command command = {
    .usage = "fuzz", .options = options, .records = true, .model = true, .arguments_max = 3
};
static const struct spn_option forest[] = {
    { "trees", SPN_OPT_INT, .lo = 1, .hi = 64, .dflt.i = 8, .help = "trees" },
    { "stop", SPN_OPT_FLAG, .help = "stop early" },
    { "note", SPN_OPT_STRING, .many = true, .help = "a text" },
    { 0 }
};
static const struct spn_reasoner grove = { .options = forest };

/* Words of ARGV are lines. */
static void command_line(char *text)
{
    static const struct cmdline_command what = { "fuzz", "fuzz", &command };
    struct spn_buf run = SPN_BUF_INIT(1 << 20);
    struct spn_err err = SPN_ERR_INIT;
    char *argv[WORDS_MAX + 1], *next = NULL, *word;
    struct cmdline c;
    int argc = 0;

    registry_add("fuzz", ~0u, SPN_POINT_REASONER, "grove", &grove, NULL);
    for (word = strtok_r(text, "\n", &next); word != NULL && argc < WORDS_MAX;
         word = strtok_r(NULL, "\n", &next))
        argv[argc++] = word;
    if (cmdline_parse(&c, &what, argc, argv, &err) == SPN_OK && !c.help)
        cmdline_run_text(&run, &c, "fuzz", NULL);
    cmdline_free(&c);
    spn_buf_free(&run);
}

static void records(const char *path, const char *prompt_key)
{
    const char *const files[] = { path };
    struct input *in = NULL;
    struct spn_record *r;
    struct spn_err err = SPN_ERR_INIT;
    int i;

    if (input_open(&in, files, 1, NULL, prompt_key, NULL, &err) != SPN_OK)
        return;
    for (i = 0; i < RECORDS_MAX; i++) {
        spn_status st = input_next(in, &r, &err);

        if (st != SPN_OK && st != SPN_EFORMAT)
            break;
        if (r == NULL)
            break;
    }
    input_close(in);
}

static void names(const char *path, bool nul)
{
    struct spn_err err = SPN_ERR_INIT;
    char **list = NULL;
    size_t n = 0, i;

    input_names(&list, &n, path, nul, &err);
    for (i = 0; i < n; i++)
        spn_free(list[i]);
    spn_free(list);
}

static void results(const char *path)
{
    struct spn_err err = SPN_ERR_INIT;
    struct output o;

    if (output_open(&o, path, true, "r", true, &err) != SPN_OK)
        return;
    output_had(&o, 0, NULL);
    output_had(&o, 1, "a");
    output_had(&o, 1, "a");
    output_close(&o, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], *text;
    int fd;

    if (size == 0)
        return 0;
    if (data[0] % 8 == 0) {
        text = spn_strndup((const char *)data + 1, size - 1);
        if (text != NULL)
            command_line(text);
        spn_free(text);
        return 0;
    }
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0)
        return 0;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (write(fd, data + 1, size - 1) == (ssize_t)(size - 1)) {
        if (data[0] % 8 == 1)
            results(path);
        else if (data[0] % 8 < 4)
            names(path, data[0] % 8 == 2);
        else
            records(path, data[0] % 8 == 4 ? "ask" : NULL);
    }
    close(fd);
    return 0;
}

/* data.c - `spinney data SOURCE`: what a data source would train on, or ask, as JSON Lines. */
#include "config.h"

#include "command/commands.h"

#include <string.h>

#include "base/mem.h"
#include "host/job.h"
#include "host/registry.h"

static const struct spn_option options[] = {
    { "count", SPN_OPT_INT, .lo = 1, .hi = 1e9, .dflt.i = 10, .letter = 'n', .arg = "N",
      .help = "examples to print" },
    { "skip", SPN_OPT_INT, .lo = 0, .hi = 9e15, .dflt.i = 0, .arg = "N",
      .help = "examples before the first one printed" },
    { "seed", SPN_OPT_INT, .lo = 0, .hi = 9e15, .dflt.i = 1, .arg = "N",
      .help = "seed of the source" },
    { 0 }
};

/* A name that is no source: say which there are. */
static spn_status no_source(const char *name, size_t length, struct spn_err *err)
{
    struct spn_buf have = SPN_BUF_INIT(400);
    const char *other;

    for (size_t i = 0; registry_at(SPN_POINT_DATA, i, &other, NULL) != NULL; i++)
        spn_buf_printf(&have, "%s%s", i > 0 ? ", " : "", other);
    spn_fail(err, SPN_EUSAGE, "data %.*s: there is no such source; there are: %s", (int)length,
             name, have.data != NULL ? have.data : "none");
    spn_buf_free(&have);
    return SPN_EUSAGE;
}

/* The texts of the parts that are asked (below full weight) and of those that are answered. */
static spn_status emit(struct spn_job *job, int64_t from, int64_t index,
                       const struct spn_example_part *part, size_t n, struct spn_err *err)
{
    struct spn_buf text[2] = { SPN_BUF_INIT(1 << 24), SPN_BUF_INIT(1 << 24) };
    struct spn_buf plain = SPN_BUF_INIT(1 << 26);
    json_t *o;
    spn_status st = SPN_OK;

    for (size_t i = 0; i < n; i++)
        if (!part[i].special)
            spn_buf_add(&text[part[i].weight >= 1], part[i].text, part[i].length);
    o = json_pack("{s:I, s:o, s:o}", "id", (json_int_t)index, "question",
                  json_stringn(text[0].length > 0 ? text[0].data : "", text[0].length), "answer",
                  json_stringn(text[1].length > 0 ? text[1].data : "", text[1].length));
    spn_buf_printf(&plain, "%s%s\n%s\n", index > from ? "\n" : "",
                   text[0].length > 0 ? text[0].data : "", text[1].length > 0 ? text[1].data : "");
    if (text[0].failed || text[1].failed || plain.failed || o == NULL) {
        json_decref(o);
        st = spn_fail(err, SPN_ENOMEM, "data: example %lld is no text of 16 MiB at most",
                      (long long)index);
    } else {
        st = table_job.emit(job, o, plain.data, err);
    }
    spn_buf_free(&text[0]);
    spn_buf_free(&text[1]);
    spn_buf_free(&plain);
    return st;
}

static spn_status print(struct spn_job *job, const struct spn_data *data,
                        const struct spn_values *choice, const struct spn_values *v,
                        struct spn_err *err)
{
    int64_t from = spn_value_int(v, "skip"), count = spn_value_int(v, "count");
    struct spn_data_source *s = NULL;
    spn_status st = data->open(&s, choice, (uint64_t)spn_value_int(v, "seed"), err);

    for (int64_t i = from; st == SPN_OK && i < from + count; i++) {
        const struct spn_example_part *parts = NULL;
        size_t n = 0;

        if (spn_cancelled(table_job.cancel(job)))
            st = SPN_ECANCEL;
        else
            st = data->example(s, (uint64_t)i, &parts, &n, err);
        if (st == SPN_OK)
            st = emit(job, from, i, parts, n, err);
    }
    if (s != NULL)
        data->close(s);
    return st;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    size_t length = strcspn(argv[0], ":");
    char *name = spn_strndup(argv[0], length);
    const struct spn_data *data = name != NULL ? registry_find(SPN_POINT_DATA, name) : NULL;
    struct spn_values *choice = NULL;
    spn_status st;

    spn_free(name);
    if (data == NULL)
        return no_source(argv[0], length, err);
    choice = spn_values_new(data->options);
    if (choice == NULL)
        return spn_fail(err, SPN_ENOMEM, "data: no memory left for options");
    st = spn_values_parse(choice, argv[0][length] == ':' ? argv[0] + length + 1 : NULL, err);
    if (st == SPN_OK)
        st = print(job, data, choice, v, err);
    spn_values_free(choice);
    return st;
}

const struct spn_command command_data = {
    .summary = "print the examples of a data source",
    .usage = "data SOURCE[:OPTION=VALUE,…] [-n N] [--skip N] [--seed N]",
    .details = "Prints what a recipe's section [data.SOURCE] with the same options trains on: "
               "question and answer; with --json an object a\n"
               "line, with id, question and answer.\n"
               "The same seed and number always give the same example. words:set=ordinary and "
               "words:set=far are problems that no\n"
               "training meets, with their worked solutions.",
    .examples = "spinney data words:set=far -n 2 --seed 1 --json\n",
    .options = options,
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};

/* plugin.c - the tools calculator, search and clock. */
#include "config.h"

#include <string.h>
#include <time.h>

#include "spinney/plugin.h"
#include "spinney/tool.h"
#include "tools.h"

static spn_status calculate(const struct spn_values *options, const char *input,
                            struct spn_buf *out, struct spn_err *err)
{
    (void)options;
    return tools_calculate(input, out, err);
}

static const struct spn_tool calculator = {
    .summary = "exact arithmetic: fractions and decimals, without rounding",
    .describes =
        "an arithmetic expression with numbers alone, as in (3 + 4) * 2.5; gives its value",
    .call = calculate,
};

static const struct spn_option search_options[] = {
    { "root", SPN_OPT_STRING, .arg = "DIR", .help = "folder whose text files are searched" },
    { "most", SPN_OPT_INT, .lo = 1, .hi = 100, .dflt.i = 3, .help = "paragraphs given back" },
    { 0 }
};

static spn_status search_files(const struct spn_values *options, const char *input,
                               struct spn_buf *out, struct spn_err *err)
{
    const char *root = options != NULL ? spn_value_str(options, "root") : NULL;

    if (root == NULL)
        return spn_fail(err, SPN_EUSAGE, "search: in which folder? as in search:root=docs");
    return tools_search(root, input, (size_t)spn_value_int(options, "most"), out, err);
}

static const struct spn_tool search = {
    .summary = "the paragraphs of a folder's text files that match some words best",
    .describes = "a few key words; gives the paragraphs of the user's files that match them best",
    .options = search_options,
    .call = search_files,
};

static const struct spn_option clock_options[] = { { "zone", SPN_OPT_CHOICE, .choices = "utc local",
                                                     .dflt.s = "utc",
                                                     .help = "time of which zone" },
                                                   { 0 } };

static spn_status tell_time(const struct spn_values *options, const char *input,
                            struct spn_buf *out, struct spn_err *err)
{
    (void)input;
    return tools_time((long long)time(NULL),
                      options != NULL ? spn_value_str(options, "zone") : "utc", out, err);
}

static const struct spn_tool clock_tool = {
    .summary = "the day and the time",
    .describes = "nothing; gives the day and the time of now",
    .options = clock_options,
    .call = tell_time,
};

static spn_status declare(const struct spn_host *host, struct spn_err *err)
{
    const struct spn_registry_api *registry = host->query("registry", 1);
    spn_status st;

    if (registry == NULL)
        return spn_fail(err, SPN_ENOTFOUND, "tools: this host has no table \"registry\" 1");
    st = registry->add(host, SPN_POINT_TOOL, "calculator", &calculator, err);
    if (st == SPN_OK)
        st = registry->add(host, SPN_POINT_TOOL, "search", &search, err);
    return st == SPN_OK ? registry->add(host, SPN_POINT_TOOL, "clock", &clock_tool, err) : st;
}

static spn_status selftest(const struct spn_host *host, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(256);
    spn_status st = tools_calculate("8 / (3 - 8 / 3)", &b, err);

    (void)host;
    if (st == SPN_OK && strcmp(b.data, "24") != 0)
        st = spn_fail(err, SPN_ENO, "tools: 8 / (3 - 8 / 3) is calculated as %s", b.data);
    spn_buf_free(&b);
    return st;
}

SPN_PLUGIN(tools) = {
    SPN_PLUGIN_HEAD,
    .name = "tools",
    .summary = "what reasoners may call: a calculator, a search in files, a clock",
    .papers = "",
    .needs = "",
    .points = SPN_HAS(SPN_POINT_TOOL),
    .declare = declare,
    .selftest = selftest,
};

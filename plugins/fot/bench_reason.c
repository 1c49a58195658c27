/* bench_reason.c - `spinney bench reason`: methods side by side on a file of questions. */
#include "config.h"

#include <string.h>

#include "base/mem.h"
#include "bench.h"
#include "measure.h"
#include "report.h"

static const struct spn_option options[] = {
    { "task", SPN_OPT_STRING, .dflt.s = "game24", .arg = "NAME",
      .help = "how questions are proposed on and checked" },
    { "data", SPN_OPT_STRING, .arg = "FILE",
      .help = "questions: a CSV with a column Puzzles or question, JSON Lines, or one a line" },
    { "methods", SPN_OPT_STRING, .dflt.s = "cot,sc:16,tot:beam=5,fot:trees=8", .arg = "LIST",
      .help = "reasoners with their options; sc:N votes over N samples, greedy is cot at "
              "temperature 0" },
    { "baseline", SPN_OPT_STRING, .arg = "METHOD",
      .help = "the method that others are compared with, default the first" },
    { "seeds", SPN_OPT_INT, .lo = 1, .hi = 100, .dflt.i = 1, .help = "runs with different seeds" },
    { "prompts", SPN_OPT_STRING, .arg = "DIR|NAME",
      .help = "set of prompts; default: the model's own, else general" },
    { "limit", SPN_OPT_INT, .lo = 0, .hi = 1e9, .help = "first questions only, 0 all" },
    { 0 }
};

/* Place of the baseline in the list; N when it is not there. */
static size_t find_baseline(const struct method *list, size_t n, const char *name)
{
    size_t i = 0;

    if (name == NULL)
        return 0;
    while (i < n && strcmp(list[i].label, name) != 0)
        i++;
    return i;
}

static spn_status run_all(struct measure *m, struct method *list, size_t n, size_t base,
                          struct spn_err *err)
{
    spn_status st = SPN_OK;

    m->total = (double)n * m->seeds * (double)m->questions.n;
    /* The baseline first, so that each later row can be compared with it. */
    for (size_t k = 0; k < n && st == SPN_OK; k++) {
        size_t i = k == 0 ? base : k <= base ? k - 1 : k;

        st = measure_run(m, &list[i], err);
        if (st == SPN_OK && k == 0)
            st = report_head(m, list[base].label, err);
        if (st == SPN_OK)
            st = report_method(m, &list[i], i == base ? NULL : &list[base], err);
    }
    return st;
}

static spn_status run(const struct spn_host *h, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct measure m = { .seeds = (int)spn_value_int(v, "seeds"),
                         .seed = (uint64_t)spn_value_int(v, "seed") };
    struct method *list = NULL;
    size_t n = 0, base = 0;
    spn_status st = measure_open(&m, h, job, spn_value_str(v, "model"), spn_value_str(v, "task"),
                                 spn_value_str(v, "prompts"), err);

    if (st == SPN_OK)
        st =
            measure_questions(&m, spn_value_str(v, "data"), (size_t)spn_value_int(v, "limit"), err);
    if (st == SPN_OK)
        st = methods_parse(&list, &n, spn_value_str(v, "methods"), err);
    if (st == SPN_OK) {
        base = find_baseline(list, n, spn_value_str(v, "baseline"));
        if (base == n)
            st = spn_fail(err, SPN_EUSAGE, "baseline: %s is not among the methods",
                          spn_value_str(v, "baseline"));
    }
    if (st == SPN_OK)
        st = run_all(&m, list, n, base, err);
    methods_free(list, n);
    measure_close(&m);
    return st;
}

const struct spn_bench bench_reason = {
    .summary = "compare reasoners on a file of questions: success, calls, tokens, seconds, McNemar",
    .usage = "bench reason [--task NAME] --data FILE [--methods LIST] [--seeds N]",
    .options = options,
    .run = run,
};

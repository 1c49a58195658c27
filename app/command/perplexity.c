/* perplexity.c - how surprised a model is by a text, measured as llama.cpp does: pieces of equal
 * length, each on its own, of which the second half counts. */
#include "config.h"

#include "command/commands.h"

#include <math.h>

#include "base/file.h"
#include "base/mem.h"
#include "command/model_open.h"
#include "command/stdin.h"
#include "host/job.h"
#include "lm/logits.h"

static const struct spn_option options[] = {
    { "window", SPN_OPT_INT, .lo = 4, .hi = 1 << 20, .dflt.i = 512, .arg = "N",
      .help = "tokens of a piece, each evaluated on its own" },
    { "pieces", SPN_OPT_INT, .lo = 0, .hi = INT32_MAX, .dflt.i = 0, .arg = "N",
      .help = "most pieces, 0 all" },
    { 0 }
};

struct sums {
    double nll, squares; /* of what a token costs, in nats */
    int64_t tokens, pieces;
};

/* Perplexity and its standard error so far. */
static double perplexity(const struct sums *s, double *error)
{
    double n = (double)s->tokens, mean = s->nll / n, variance = s->squares / n - mean * mean;

    *error = n > 1 && variance > 0 ? sqrt(variance / (n - 1)) * exp(mean) : 0;
    return exp(mean);
}

/* One piece: its first token is the one that texts begin with, where the model has that. */
static spn_status measure(struct sums *s, const struct model_open *m, int32_t *ids, int64_t window,
                          double *nll, struct spn_err *err)
{
    int64_t from = window / 2, count = window - 1 - from;
    int32_t kept = ids[0];
    spn_status st;

    if (spn_tokenizer_adds_bos(m->lm->tokenizer))
        ids[0] = spn_token_bos(m->lm->tokenizer);
    st = spn_lm_nll(m->lm, ids, window, from, nll, m->pool, err);
    ids[0] = kept;
    if (st == SPN_OK && m->lm->reader != NULL)
        st = spn_reader_check(m->lm->reader, err);
    for (int64_t i = 0; i < count && st == SPN_OK; i++) {
        s->nll += nll[i];
        s->squares += nll[i] * nll[i];
    }
    s->tokens += count;
    s->pieces++;
    return st;
}

static spn_status report(struct spn_job *job, const struct sums *s, int64_t window,
                         struct spn_err *err)
{
    struct spn_buf line = SPN_BUF_INIT(4096);
    double error, ppl = perplexity(s, &error);
    spn_status st;

    spn_buf_printf(&line, "perplexity %.4f +- %.4f over %lld tokens, %lld pieces of %lld\n", ppl,
                   error, (long long)s->tokens, (long long)s->pieces, (long long)window);
    st = table_job.emit(job,
                        json_pack("{s:f, s:f, s:f, s:I, s:I, s:I}", "perplexity", ppl, "error",
                                  error, "nll", s->nll / (double)s->tokens, "tokens",
                                  (json_int_t)s->tokens, "pieces", (json_int_t)s->pieces, "window",
                                  (json_int_t)window),
                        line.data, err);
    spn_buf_free(&line);
    return st;
}

static spn_status measure_all(struct spn_job *job, const struct model_open *m, struct spn_ids *ids,
                              int64_t window, int64_t most, struct spn_err *err)
{
    struct sums s = { 0 };
    int64_t pieces = (int64_t)ids->n / window;
    double *nll = spn_calloc((size_t)window, sizeof *nll);
    spn_status st = SPN_OK;

    if (most > 0 && pieces > most)
        pieces = most;
    if (nll == NULL)
        st = spn_fail(err, SPN_ENOMEM, "perplexity: no memory for %lld costs", (long long)window);
    for (int64_t i = 0; i < pieces && st == SPN_OK; i++) {
        char what[64];
        double error;

        if (spn_cancelled(table_job.cancel(job)))
            st = SPN_ECANCEL;
        if (st == SPN_OK)
            st = measure(&s, m, ids->id + i * window, window, nll, err);
        if (st == SPN_OK) {
            snprintf(what, sizeof what, "perplexity %.3f", perplexity(&s, &error));
            table_job.progress(job, (double)(i + 1), (double)pieces, what);
        }
    }
    spn_free(nll);
    return st == SPN_OK ? report(job, &s, window, err) : st;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct spn_buf text = SPN_BUF_INIT(STDIN_MAX);
    struct spn_ids ids = { NULL, 0, 0 };
    struct model_open m = { 0 };
    int64_t window = spn_value_int(v, "window");
    char *file = NULL;
    size_t length = 0;
    spn_status st;

    (void)host;
    st = model_open(&m, v, true, err);
    if (st == SPN_OK && window > m.lm->shape.context)
        st = spn_fail(err, SPN_EUSAGE, "--window: %lld tokens, the model takes %lld",
                      (long long)window, (long long)m.lm->shape.context);
    if (st == SPN_OK && argc == 1)
        st = spn_file_read(&file, &length, argv[0], STDIN_MAX, err);
    else if (st == SPN_OK)
        st = stdin_read(&text, job, err);
    if (st == SPN_OK && argc == 0)
        length = text.length;
    if (st == SPN_OK)
        st = spn_tokenize(m.lm->tokenizer,
                          file != NULL        ? file
                          : text.data != NULL ? text.data
                                              : "",
                          length, SPN_TOK_BOS, &ids, err);
    if (st == SPN_OK && (int64_t)ids.n < window)
        st = spn_fail(err, SPN_EFORMAT, "%s: %zu tokens are less than a piece of %lld",
                      argc == 1 ? argv[0] : "stdin", ids.n, (long long)window),
        spn_cure(err, "--window N takes shorter pieces");
    if (st == SPN_OK)
        st = measure_all(job, &m, &ids, window, spn_value_int(v, "pieces"), err);
    model_close(&m);
    spn_ids_free(&ids);
    spn_buf_free(&text);
    spn_free(file);
    return st;
}

const struct spn_command command_perplexity = {
    .summary = "how well a model predicts a text",
    .usage = "perplexity -m MODEL [FILE]",
    .details =
        "The text of FILE (else stdin) is cut into pieces of --window tokens. Each is evaluated on "
        "its own, its first token\n"
        "replaced by the one that texts begin with, and the tokens of its second half count: as "
        "llama.cpp measures, so that\n"
        "figures can be compared. Perplexity is e to the mean of what a token costs; behind +- is "
        "one standard error.",
    .examples = "spinney perplexity --window 64 README.md\n",
    .options = options,
    .model = true,
    .arguments_max = 1,
    .run = run,
};

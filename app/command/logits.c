#include "config.h"

#include "command/commands.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "base/mem.h"
#include "command/model_open.h"
#include "command/npy_file.h"
#include "host/job.h"
#include "host/message.h"
#include "lm/logits.h"

#define TOP 10

static const struct spn_option options[] = {
    { "tokens", SPN_OPT_STRING, .arg = "IDS", .help = "token ids, commas between" },
    { "output", SPN_OPT_STRING, .letter = 'o', .arg = "FILE",
      .help = "write float32 [tokens, vocabulary] as NPY to FILE" },
    { 0 }
};

static spn_status parse_tokens(struct spn_ids *ids, const char *text, struct spn_err *err)
{
    const char *p = text;

    while (*p != '\0') {
        char *end;
        long id;

        errno = 0;
        id = strtol(p, &end, 10);
        if (end == p || errno != 0 || id < 0 || id > INT32_MAX || (*end != ',' && *end != '\0') ||
            (*end == ',' && end[1] == '\0'))
            return spn_fail(err, SPN_EUSAGE, "--tokens: \"%.20s\" is no token id", p);
        if (spn_ids_add(ids, (int32_t)id) != SPN_OK)
            return spn_fail(err, SPN_ENOMEM, "--tokens: no memory");
        p = *end == ',' ? end + 1 : end;
    }
    return ids->n > 0 ? SPN_OK : spn_fail(err, SPN_EUSAGE, "--tokens: no token");
}

static void add_token_text(json_t *entry, const struct spn_tokenizer *t, int32_t id,
                           struct spn_buf *line)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 16), shown = SPN_BUF_INIT(1 << 18);

    if (t != NULL && spn_detokenize(t, &id, 1, true, &b, NULL) == SPN_OK && b.data != NULL) {
        message_visible(&shown, b.data, b.length);
        json_object_set_new(entry, "text", json_string(shown.data));
        spn_buf_printf(line, "%s", shown.data);
    }
    spn_buf_free(&b);
    spn_buf_free(&shown);
}

/* The TOP largest logits of one position, ties by the lower id. */
static spn_status emit_top(struct spn_job *job, const struct spn_tokenizer *t, int64_t position,
                           int32_t token, const float *x, int64_t n, struct spn_err *err)
{
    struct spn_buf line = SPN_BUF_INIT(1 << 20);
    json_t *list = json_array();
    double largest = -INFINITY, sum = 0;
    int64_t best[TOP], i;
    int k, count = 0;
    spn_status st;

    for (i = 0; i < n; i++) {
        for (k = count; k > 0 && x[i] > x[best[k - 1]]; k--)
            if (k < TOP)
                best[k] = best[k - 1];
        if (k < TOP)
            best[k] = i;
        count = count < TOP && k <= count ? count + 1 : count;
        largest = fmax(largest, x[i]);
    }
    for (i = 0; i < n; i++)
        sum += exp(x[i] - largest);
    for (k = 0; k < count; k++) {
        double logp = x[best[k]] - largest - log(sum);
        json_t *entry = json_pack("{s:I, s:f, s:f}", "id", (json_int_t)best[k], "logit",
                                  (double)x[best[k]], "logprob", logp);

        spn_buf_printf(&line, "%lld\t%d\t%lld\t%.9g\t%.9g\t", (long long)position, token,
                       (long long)best[k], x[best[k]], logp);
        add_token_text(entry, t, (int32_t)best[k], &line);
        spn_buf_puts(&line, "\n");
        json_array_append_new(list, entry);
    }
    st = table_job.emit(job,
                        json_pack("{s:I, s:i, s:o}", "position", (json_int_t)position, "token",
                                  token, "top", list),
                        line.data, err);
    spn_buf_free(&line);
    return st;
}

static spn_status show(struct spn_job *job, struct spn_lm *lm, const char *output,
                       const struct spn_ids *ids, const float *x, struct spn_err *err)
{
    int64_t n = lm->shape.n_vocab;
    spn_status st = SPN_OK;
    size_t i;

    if (output != NULL) {
        st = npy_file_write(output, x, (int64_t)ids->n, n, err);
        return st != SPN_OK ? st
                            : table_job.emit(job,
                                             json_pack("{s:s, s:[I,I]}", "path", output, "shape",
                                                       (json_int_t)ids->n, (json_int_t)n),
                                             NULL, err);
    }
    for (i = 0; st == SPN_OK && i < ids->n; i++)
        st = emit_top(job, lm->tokenizer, (int64_t)i, ids->id[i], x + i * (size_t)n, n, err);
    return st;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    const char *tokens = spn_value_str(v, "tokens");
    struct spn_ids ids = { NULL, 0, 0 };
    struct model_open m = { 0 };
    float *x = NULL;
    size_t elements = 0;
    spn_status st;

    if (tokens == NULL)
        return spn_fail(err, SPN_EUSAGE, "logits: --tokens is needed"),
               spn_cure(err, "spinney logits --tokens 1,2,3");
    st = parse_tokens(&ids, tokens, err);
    if (st == SPN_OK)
        st = model_open(&m, v, false, err);
    if (st == SPN_OK) {
        if (spn_mul_size(ids.n, (size_t)m.lm->shape.n_vocab, &elements))
            x = spn_calloc(elements, sizeof *x);
        if (x == NULL)
            st = spn_fail(err, SPN_ENOMEM, "logits: no memory for %zu x %lld floats", ids.n,
                          (long long)m.lm->shape.n_vocab);
    }
    if (st == SPN_OK)
        st = spn_lm_logits(m.lm, ids.id, (int64_t)ids.n, x, m.pool, err);
    if (st == SPN_OK && m.lm->reader != NULL)
        st = spn_reader_check(m.lm->reader, err);
    if (st == SPN_OK)
        st = show(job, m.lm, spn_value_str(v, "output"), &ids, x, err);
    spn_free(x);
    model_close(&m);
    spn_ids_free(&ids);
    return st;
}

const struct spn_command command_logits = {
    .summary = "what a model predicts after given tokens",
    .usage = "logits -m MODEL --tokens 1,2,3 [-o FILE.npy]",
    .details =
        "Runs the tokens as one sequence. With -o the logits after each of them are written as "
        "float32 [tokens, vocabulary] in C order;\n"
        "without, the ten largest a position: position, token, id, logit, log-probability, text.",
    .examples = "spinney logits --tokens 1,2,3\n",
    .options = options,
    .model = true,
    .run = run,
};

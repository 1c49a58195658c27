#include "config.h"

#include "command/commands.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "command/model_open.h"
#include "command/npy_file.h"
#include "host/job.h"
#include "host/message.h"
#include "lm/embed.h"

enum { TEXTS = 32, TOKENS = 2048, LONGEST = 8192 /* tokens, where --ctx does not say more */ };

static const struct spn_option options[] = {
    { "text", SPN_OPT_STRING, .letter = 'p', .arg = "TEXT", .many = true,
      .help = "a text; without any, each line of stdin is one" },
    { "pool", SPN_OPT_CHOICE, .choices = "auto mean cls last", .dflt.s = "auto",
      .help = "what makes a vector of a text's tokens: as the model's file says, else the mean" },
    { "normalise", SPN_OPT_FLAG, .dflt.b = true, .help = "leave vectors as long as they are" },
    { "output", SPN_OPT_STRING, .letter = 'o', .arg = "FILE",
      .help = "write float32 [texts, numbers] as NPY to FILE" },
    { 0 }
};

/* Texts that wait to be run together. */
struct batch {
    struct spn_job *job;
    struct spn_lm *lm;
    struct spn_embedder *e;
    enum spn_pooling pooling;
    bool unit, keep; /* keep: for the file of -o */
    struct spn_ids ids;
    int64_t limit;           /* tokens of a text */
    int64_t n[TEXTS], first; /* first: number of the text that comes first */
    int count;
    float *out; /* [TEXTS, n_embd] */
    float *all; /* [rows, n_embd] */
    size_t rows, room;
    int64_t failed;
};

static spn_status no_memory(struct spn_err *err)
{
    return spn_fail(err, SPN_ENOMEM, "embed: no memory");
}

static spn_status emit(struct batch *b, int64_t index, int64_t tokens, const float *v,
                       struct spn_err *err)
{
    struct spn_buf line = SPN_BUF_INIT(1 << 24);
    json_t *list = json_array();
    spn_status st;

    spn_buf_printf(&line, "%lld\t%lld", (long long)index, (long long)tokens);
    for (int64_t k = 0; k < b->lm->shape.n_embd; k++) {
        spn_buf_printf(&line, "\t%.9g", (double)v[k]);
        json_array_append_new(list, json_real((double)v[k]));
    }
    spn_buf_puts(&line, "\n");
    st = table_job.emit(b->job,
                        json_pack("{s:I, s:I, s:o}", "index", (json_int_t)index, "tokens",
                                  (json_int_t)tokens, "embedding", list),
                        line.data, err);
    spn_buf_free(&line);
    return st;
}

static bool keep(struct batch *b, const float *v)
{
    size_t width = (size_t)b->lm->shape.n_embd;

    if (b->rows == b->room) {
        size_t room = b->room < 64 ? 64 : 2 * b->room;
        float *more = spn_realloc(b->all, room, width * sizeof *more);

        if (more == NULL)
            return false;
        b->all = more;
        b->room = room;
    }
    if (v != NULL)
        memcpy(b->all + b->rows++ * width, v, width * sizeof *v);
    else
        memset(b->all + b->rows++ * width, 0, width * sizeof *v);
    return true;
}

static spn_status flush(struct batch *b, struct spn_err *err)
{
    struct spn_embed_text text[TEXTS];
    const int32_t *at = b->ids.id;
    spn_status st = SPN_OK;

    for (int i = 0; i < b->count; at += b->n[i++])
        text[i] = (struct spn_embed_text){ at, b->n[i] };
    if (b->count > 0)
        st = spn_embedder_run(b->e, text, b->count, b->pooling, b->unit, b->out, err);
    for (int i = 0; i < b->count && st == SPN_OK; i++) {
        const float *v = b->out + (int64_t)i * b->lm->shape.n_embd;

        if (!isfinite((double)v[0]))
            st = spn_fail(err, SPN_EFORMAT, "the model's vector for text %lld is no number",
                          (long long)(b->first + i));
        else if (!b->keep)
            st = emit(b, b->first + i, b->n[i], v, err);
        else if (!keep(b, v))
            st = no_memory(err);
    }
    b->first += b->count;
    b->count = 0;
    b->ids.n = 0;
    return st;
}

/* A text that has no vector: the others have theirs. */
static spn_status fail_text(struct batch *b, const struct spn_err *why, struct spn_err *err)
{
    json_t *o;
    spn_status st = flush(b, err);

    if (st != SPN_OK)
        return st;
    b->failed++;
    message_warn("text %lld: %s", (long long)b->first, why->text);
    if (b->keep) {
        b->first++;
        return keep(b, NULL) ? SPN_OK : no_memory(err);
    }
    o = json_pack("{s:I, s:s, s:i}", "index", (json_int_t)b->first++, "error", why->text, "code",
                  spn_exit_code(why->code));
    return table_job.emit(b->job, o, NULL, err);
}

/* A text longer than the context keeps its beginning, and of an encoder the end mark. */
static void shorten(struct batch *b, size_t before)
{
    size_t n = b->ids.n - before, most = (size_t)b->limit;

    if (n <= most)
        return;
    if (b->lm->arch->encoder)
        b->ids.id[before + most - 1] = b->ids.id[b->ids.n - 1];
    b->ids.n = before + most;
    message_warn("text %lld: %zu of its %zu tokens are used", (long long)(b->first + b->count),
                 most, n);
}

static spn_status add(struct batch *b, const char *text, size_t length, struct spn_err *err)
{
    struct spn_err why = SPN_ERR_INIT;
    size_t before = b->ids.n;
    spn_status st = spn_tokenize(b->lm->tokenizer, text, length, SPN_TOK_BOS, &b->ids, &why);

    if (st == SPN_OK && b->ids.n == before)
        st = spn_fail(&why, SPN_EFORMAT, "it has no tokens");
    if (st != SPN_OK)
        return st == SPN_ENOMEM ? no_memory(err) : fail_text(b, &why, err);
    shorten(b, before);
    b->n[b->count++] = (int64_t)(b->ids.n - before);
    /* The next text may be as long as the context. */
    return b->count == TEXTS || b->ids.n > TOKENS ? flush(b, err) : SPN_OK;
}

static spn_status from_stdin(struct batch *b, struct spn_err *err)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    spn_status st = SPN_OK;

    while (st == SPN_OK && (n = getline(&line, &room, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            n--;
        if (n > 0 && line[n - 1] == '\r')
            n--;
        if (spn_cancelled(table_job.cancel(b->job)))
            st = SPN_ECANCEL;
        else
            st = add(b, line, (size_t)n, err);
    }
    if (st == SPN_OK && ferror(stdin))
        st = spn_fail(err, SPN_EIO, "stdin: %s", strerror(errno));
    free(line);
    return st;
}

static enum spn_pooling pooling_of(const char *name)
{
    return strcmp(name, "mean") == 0   ? SPN_POOL_MEAN
           : strcmp(name, "cls") == 0  ? SPN_POOL_CLS
           : strcmp(name, "last") == 0 ? SPN_POOL_LAST
                                       : SPN_POOL_NONE;
}

static spn_status texts(struct batch *b, const struct spn_values *v, struct spn_err *err)
{
    const char *output = spn_value_str(v, "output");
    size_t n = spn_value_count(v, "text");
    spn_status st = SPN_OK;

    for (size_t i = 0; i < n && st == SPN_OK; i++)
        st = add(b, spn_value_nth(v, "text", i), strlen(spn_value_nth(v, "text", i)), err);
    if (n == 0)
        st = from_stdin(b, err);
    if (st == SPN_OK)
        st = flush(b, err);
    if (st != SPN_OK || output == NULL)
        return st;
    st = npy_file_write(output, b->all, (int64_t)b->rows, b->lm->shape.n_embd, err);
    return st != SPN_OK
               ? st
               : table_job.emit(b->job,
                                json_pack("{s:s, s:[I,I]}", "path", output, "shape",
                                          (json_int_t)b->rows, (json_int_t)b->lm->shape.n_embd),
                                NULL, err);
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct batch b = { .job = job,
                       .pooling = pooling_of(spn_value_str(v, "pool")),
                       .unit = spn_value_flag(v, "normalise"),
                       .keep = spn_value_str(v, "output") != NULL };
    struct model_open m = { 0 };
    int64_t ctx = spn_value_int(v, "ctx");
    spn_status st = model_open(&m, v, true, err);

    (void)host;
    (void)argc;
    (void)argv;
    if (st == SPN_OK) {
        b.lm = m.lm;
        b.limit = ctx > 0 ? ctx : LONGEST;
        if (b.limit > m.lm->shape.context)
            b.limit = m.lm->shape.context;
        /* A batch ends behind the text that fills it. */
        st = spn_embedder_new(&b.e, m.lm, TOKENS + b.limit, TEXTS, m.pool, err);
    }
    if (st == SPN_OK &&
        (b.out = spn_calloc(TEXTS, (size_t)m.lm->shape.n_embd * sizeof *b.out)) == NULL)
        st = no_memory(err);
    if (st == SPN_OK)
        st = texts(&b, v, err);
    if (st == SPN_OK && m.lm->reader != NULL)
        st = spn_reader_check(m.lm->reader, err);
    if (st == SPN_OK && b.failed > 0)
        st = spn_fail(err, SPN_ENO, "embed: %lld texts have no vector", (long long)b.failed);
    spn_ids_free(&b.ids);
    spn_free(b.out);
    spn_free(b.all);
    spn_embedder_free(b.e);
    model_close(&m);
    return st;
}

const struct spn_command command_embed = {
    .summary = "vectors for texts",
    .usage = "embed -m MODEL [-p TEXT | < LINES] [-o FILE.npy]",
    .details =
        "Each text, given by -p or a line of stdin, gets one vector: the model's last rows, "
        "pooled, "
        "of length 1 unless --no-normalise is given. Encoders (BERT, RoBERTa, Nomic) are made for "
        "it; of a model that writes text the rows under its last norm are taken.\n"
        "A line a text: its number, how many tokens it has, the vector; with --json an object with "
        "index, tokens and embedding. With -o all vectors are written as float32 [texts, numbers]. "
        "A text without tokens has no vector (in FILE zeros): the others have theirs and the "
        "command ends with 1.",
    .examples = "printf 'a cat\\na dog\\n' | spinney embed -o /tmp/v.npy\n",
    .options = options,
    .model = true,
    .run = run,
};

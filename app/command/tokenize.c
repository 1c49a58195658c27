#include "config.h"

#include "command/commands.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "command/stdin.h"
#include "host/job.h"
#include "host/models.h"
#include "text/tokenizer.h"

static const struct spn_option options[] = {
    { "ids", SPN_OPT_FLAG, .help = "print ids, as without --text" },
    { "text", SPN_OPT_FLAG, .help = "the inverse: ids on stdin, their text on stdout" },
    { "bos", SPN_OPT_FLAG, .dflt.b = true,
      .help = "do not begin with the token that the model's texts begin with" },
    { "special", SPN_OPT_FLAG, .dflt.b = true,
      .help = "treat control tokens that the text spells as plain text; with --text, do not spell "
              "them" },
    { 0 }
};

static spn_status emit_ids(struct spn_job *job, const struct spn_ids *ids, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)16 << 30);
    json_t *list = table_job.json(job) ? json_array() : NULL;
    spn_status st = SPN_OK;
    size_t i;

    for (i = 0; st == SPN_OK && i < ids->n; i++)
        if (list != NULL)
            json_array_append_new(list, json_integer(ids->id[i]));
        else
            st = spn_buf_printf(&b, i > 0 ? " %d" : "%d", ids->id[i]);
    if (st == SPN_OK && list == NULL)
        st = spn_buf_puts(&b, "\n");
    if (st != SPN_OK)
        spn_fail(err, st, "tokenize: no memory for %zu ids", ids->n);
    else
        st = table_job.emit(job,
                            list != NULL
                                ? json_pack("{s:I, s:O}", "tokens", (json_int_t)ids->n, "ids", list)
                                : NULL,
                            b.data, err);
    json_decref(list);
    spn_buf_free(&b);
    return st;
}

/* Whole numbers divided by blanks, newlines or commas. */
static spn_status parse_ids(struct spn_ids *ids, const char *text, struct spn_err *err)
{
    const char *p = text;

    for (;;) {
        char *end;
        long id;

        p += strspn(p, " \t\r\n,");
        if (*p == '\0')
            return SPN_OK;
        errno = 0;
        id = strtol(p, &end, 10);
        if (end == p || errno != 0 || id < 0 || id > INT32_MAX ||
            (*end != '\0' && strchr(" \t\r\n,", *end) == NULL))
            return spn_fail(err, SPN_EFORMAT, "stdin: \"%.20s\" at byte %zu is no token id", p,
                            (size_t)(p - text));
        if (spn_ids_add(ids, (int32_t)id) != SPN_OK)
            return spn_fail(err, SPN_ENOMEM, "stdin: no memory for %zu ids", ids->n + 1);
        p = end;
    }
}

static spn_status to_text(struct spn_job *job, const struct spn_tokenizer *t,
                          const struct spn_values *v, const struct spn_buf *in, struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT((size_t)4 << 30);
    struct spn_ids ids = { NULL, 0, 0 };
    json_t *o = NULL;
    spn_status st = SPN_OK;
    size_t skip;

    if (in->length != strlen(in->data != NULL ? in->data : ""))
        return spn_fail(err, SPN_EFORMAT, "stdin: a NUL byte at byte %zu", strlen(in->data));
    st = parse_ids(&ids, in->data != NULL ? in->data : "", err);
    /* What tokenize put in front goes again. */
    skip = st == SPN_OK && ids.n > 0 && spn_value_flag(v, "bos") && spn_tokenizer_adds_bos(t) &&
           ids.id[0] == spn_token_bos(t);
    if (st == SPN_OK)
        st = spn_detokenize(t, ids.id + skip, ids.n - skip, spn_value_flag(v, "special"), &b, err);
    if (st == SPN_OK && table_job.json(job)) {
        json_t *text = json_stringn(b.data != NULL ? b.data : "", b.length);

        if (text == NULL)
            st = spn_fail(err, SPN_EFORMAT,
                          "the text of these ids is not UTF-8: JSON cannot hold it, without --json "
                          "its bytes are written");
        else
            o = json_pack("{s:o}", "text", text);
    }
    if (st == SPN_OK && o != NULL)
        st = table_job.emit(job, o, NULL, err);
    else if (st == SPN_OK)
        table_job.write(job, b.data != NULL ? b.data : "", b.length);
    spn_buf_free(&b);
    spn_ids_free(&ids);
    return st;
}

static spn_status to_ids(struct spn_job *job, const struct spn_tokenizer *t,
                         const struct spn_values *v, const struct spn_buf *in, struct spn_err *err)
{
    int flags = (spn_value_flag(v, "bos") ? SPN_TOK_BOS : 0) |
                (spn_value_flag(v, "special") ? SPN_TOK_SPECIAL : 0);
    struct spn_ids ids = { NULL, 0, 0 };
    spn_status st = spn_tokenize(t, in->data != NULL ? in->data : "", in->length, flags, &ids, err);

    if (st == SPN_OK)
        st = emit_ids(job, &ids, err);
    spn_ids_free(&ids);
    return st;
}

static spn_status run(const struct spn_host *host, struct spn_job *job, const struct spn_values *v,
                      int argc, char **argv, struct spn_err *err)
{
    struct spn_buf in = SPN_BUF_INIT(STDIN_MAX);
    struct spn_tokenizer *t = NULL;
    struct spn_reader *r = NULL;
    char *path = NULL;
    spn_status st = models_resolve(&path, NULL, spn_value_str(v, "model"), err);

    if (st == SPN_OK)
        st = spn_reader_open(&r, path, err);
    if (st == SPN_OK)
        st = spn_tokenizer_open(&t, r, err);
    if (st == SPN_OK)
        st = stdin_read(&in, job, err);
    if (st == SPN_OK)
        st = spn_value_flag(v, "text") ? to_text(job, t, v, &in, err) : to_ids(job, t, v, &in, err);
    spn_tokenizer_free(t);
    spn_reader_close(r);
    spn_buf_free(&in);
    spn_free(path);
    return st;
}

const struct spn_command command_tokenize = {
    .summary = "text to token ids and back",
    .usage = "tokenize -m MODEL [--text] [--no-bos] [--no-special] < TEXT",
    .details = "Standard input is taken whole, no newline is stripped. The ids are one line with "
               "blanks between; --text is the inverse and\n"
               "writes the bytes as they are. Only the tokenizer of the model is read.",
    .examples = "printf 'hello' | spinney tokenize\nprintf 'hello' | spinney tokenize | spinney "
                "tokenize --text\n",
    .options = options,
    .model = true,
    .run = run,
};

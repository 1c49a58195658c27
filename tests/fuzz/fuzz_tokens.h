/* fuzz_tokens.h - what holds for any tokenizer and any text; what does not is a finding. */
#ifndef FUZZ_TOKENS_H
#define FUZZ_TOKENS_H
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "fuzz/fuzz.h"
#include "text/template.h"
#include "text/tokenizer.h"

enum { TEXT_BYTES_MAX = 4 << 20 };

static void finding_unless(bool fine)
{
    if (!fine)
        abort();
}

static void check_ids(const struct spn_tokenizer *t, const struct spn_ids *ids, bool special)
{
    struct spn_buf whole = SPN_BUF_INIT(TEXT_BYTES_MAX), sum = SPN_BUF_INIT(TEXT_BYTES_MAX);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_detok d;

    spn_detok_init(&d, t, special);
    finding_unless(spn_detokenize(t, ids->id, ids->n, special, &whole, &err) == SPN_OK);
    for (size_t i = 0; i < ids->n; i++)
        finding_unless(spn_detok_add(&d, ids->id[i], &sum) == SPN_OK && d.n_held <= 3);
    finding_unless(spn_detok_end(&d, &sum) == SPN_OK && sum.length == whole.length);
    finding_unless(sum.length == 0 || memcmp(sum.data, whole.data, sum.length) == 0);
    spn_buf_free(&whole);
    spn_buf_free(&sum);
}

static void check_chat(const struct spn_tokenizer *t, const char *text, size_t n,
                       struct spn_ids *ids)
{
    struct spn_err err = SPN_ERR_INIT;
    char *content = calloc(n + 1, 1);
    const struct spn_message m[3] = { { "system", content, NULL },
                                      { "user", content, NULL },
                                      { "assistant", content, NULL } };

    if (content == NULL)
        return;
    memcpy(content, text, n);
    ids->n = 0;
    finding_unless(spn_template_ids(spn_template_detect(content), t, m, 3, true, ids, &err) ==
                   SPN_OK);
    check_ids(t, ids, false);
    free(content);
}

/* The text's first byte says how it is encoded, so that one run is short. Takes T over. */
static void check_tokenizer_take(struct spn_tokenizer *t, const char *text, size_t n)
{
    struct spn_ids ids = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    unsigned how = n > 0 ? (unsigned char)text[0] : 0;

    for (int32_t i = -1; i <= spn_token_count(t); i++) {
        size_t length = 0;
        const char *s = spn_token_text(t, i, &length);

        finding_unless((s != NULL) == (i >= 0 && i < spn_token_count(t)));
        finding_unless(s == NULL || s[length] == '\0');
        spn_token_ends(t, i);
        spn_token_is_control(t, i);
    }
    finding_unless(spn_tokenize(t, text, n, (int)(how & 3), &ids, &err) == SPN_OK);
    check_ids(t, &ids, (how & 4) != 0);
    if ((how & 24) == 24)
        check_chat(t, text, n, &ids);
    spn_ids_free(&ids);
    spn_tokenizer_free(t);
}

/* A refusal is a sentence, and leaves nothing behind. */
static void check_refusal(const struct spn_tokenizer *t, const struct spn_err *err)
{
    finding_unless(t == NULL && err->code != SPN_OK && err->code != SPN_EINTERNAL &&
                   err->text[0] != '\0');
}

#endif

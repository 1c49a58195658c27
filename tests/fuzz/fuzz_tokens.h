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

static void check_ids(const struct spn_tokenizer *t, const struct spn_ids *ids)
{
    struct spn_buf whole = SPN_BUF_INIT(TEXT_BYTES_MAX), sum = SPN_BUF_INIT(TEXT_BYTES_MAX);
    struct spn_err err = SPN_ERR_INIT;

    for (int special = 0; special < 2; special++) {
        struct spn_detok d;

        spn_buf_trim(&whole, 0);
        spn_buf_trim(&sum, 0);
        spn_detok_init(&d, t, special == 1);
        finding_unless(spn_detokenize(t, ids->id, ids->n, special == 1, &whole, &err) == SPN_OK);
        for (size_t i = 0; i < ids->n; i++)
            finding_unless(spn_detok_add(&d, ids->id[i], &sum) == SPN_OK && d.n_held <= 3);
        finding_unless(spn_detok_end(&d, &sum) == SPN_OK && sum.length == whole.length);
        finding_unless(sum.length == 0 || memcmp(sum.data, whole.data, sum.length) == 0);
    }
    spn_buf_free(&whole);
    spn_buf_free(&sum);
}

/* Takes T over. */
static void check_tokenizer_take(struct spn_tokenizer *t, const char *text, size_t n)
{
    struct spn_ids ids = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    char *content = calloc(n + 1, 1);
    struct spn_message m[3];

    for (int32_t i = -1; i <= spn_token_count(t); i++) {
        size_t length = 0;
        const char *s = spn_token_text(t, i, &length);

        finding_unless((s != NULL) == (i >= 0 && i < spn_token_count(t)));
        finding_unless(s == NULL || s[length] == '\0');
        spn_token_ends(t, i);
        spn_token_is_control(t, i);
    }
    for (int flags = 0; flags < 4; flags++) {
        ids.n = 0;
        finding_unless(spn_tokenize(t, text, n, flags, &ids, &err) == SPN_OK);
        check_ids(t, &ids);
    }
    if (content != NULL) {
        if (n > 0)
            memcpy(content, text, n);
        m[0] = (struct spn_message){ "system", content };
        m[1] = (struct spn_message){ "user", content };
        m[2] = (struct spn_message){ "assistant", content };
        ids.n = 0;
        finding_unless(spn_template_ids(spn_template_detect(content), t, m, 3, true, &ids, &err) ==
                       SPN_OK);
        check_ids(t, &ids);
    }
    free(content);
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

/* test_wordpiece.c - WordPiece from a tokenizer.json made for the test. */
#include "config.h"

#include "base/buf.h"
#include "text/text_cases.h"
#include "text/tokenizer.h"

static bool encodes(const struct spn_tokenizer *t, const char *text, const int32_t *want, size_t n,
                    int flags)
{
    struct spn_ids ids = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    bool same = t != NULL && spn_tokenize(t, text, strlen(text), flags, &ids, &err) == SPN_OK &&
                ids.n == n && (n == 0 || memcmp(ids.id, want, n * sizeof *want) == 0);

    if (!same) {
        printf("# \"%s\" gives", text);
        for (size_t i = 0; i < ids.n; i++)
            printf(" %d", (int)ids.id[i]);
        printf(" %s\n", err.text);
    }
    spn_ids_free(&ids);
    return same;
}

static void test_wordpiece(void)
{
    static const char json[] =
        "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","
        "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":"
        "{\"[UNK]\":0,\"[CLS]\":1,\"[SEP]\":2,\"a\":3,\"##b\":4,\"##bc\":5,\"\u4e2d\":6,"
        "\"!\":7,\"i\":8}},"
        "\"added_tokens\":[{\"id\":2,\"content\":\"[SEP]\",\"special\":true}],"
        "\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},"
        "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
        "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
        "{\"SpecialToken\":{\"id\":\"[CLS]\",\"type_id\":0}},"
        "{\"Sequence\":{\"id\":\"A\",\"type_id\":0}},"
        "{\"SpecialToken\":{\"id\":\"[SEP]\",\"type_id\":0}}]}}";
    static const int32_t longest[] = { 1, 3, 5, 2 }, parted[] = { 3, 7, 3, 6, 3 },
                         unknown[] = { 3, 0, 3 }, plain[] = { 3, 4 }, dotted[] = { 8 };
    static const int32_t spelled[] = { 3, 2 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_buf out = SPN_BUF_INIT(1 << 10);
    struct spn_tokenizer *t = NULL;

    spn_tokenizer_open_json(&t, json, strlen(json), NULL, 0, &err);
    ok(t != NULL && strcmp(spn_tokenizer_kind(t), "bert") == 0, "WordPiece opens: %s", err.text);
    ok(encodes(t, "ABC", longest, 4, SPN_TOK_BOS), "the longest piece, between its ends");
    ok(encodes(t,
               "a! a\xe4\xb8\xad"
               "a",
               parted, 5, 0),
       "punctuation and ideographs part words");
    ok(encodes(t, "a abx\ta", unknown, 3, 0), "a word with an unknown part is unknown whole");
    ok(encodes(t,
               "\xc3\x81\xcc\x81\x01"
               "b",
               plain, 2, 0),
       "accents and controls go");
    ok(encodes(t, "\xc4\xb0", dotted, 1, 0), "the dotted capital");
    ok(encodes(t, "a[SEP]", spelled, 2, SPN_TOK_SPECIAL), "special tokens, where asked for");
    ok(t != NULL && spn_detokenize(t, parted, 5, false, &out, &err) == SPN_OK && out.length == 11 &&
           memcmp(out.data, "a ! a \xe4\xb8\xad a", 11) == 0,
       "words come back with spaces between them");
    spn_buf_free(&out);
    spn_tokenizer_free(t);
}

/* The ends that BertProcessing and RobertaProcessing name by text and id. */
static void test_ends(void)
{
    static const char json[] =
        "{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"[UNK]\","
        "\"continuing_subword_prefix\":\"##\",\"max_input_chars_per_word\":100,\"vocab\":"
        "{\"[UNK]\":0,\"[CLS]\":1,\"[SEP]\":2,\"a\":3}},"
        "\"normalizer\":{\"type\":\"BertNormalizer\",\"lowercase\":true},"
        "\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
        "\"post_processor\":{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",2],"
        "\"cls\":[\"[CLS]\",1]}}";
    static const int32_t ends[] = { 1, 3, 2 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = NULL;

    spn_tokenizer_open_json(&t, json, strlen(json), NULL, 0, &err);
    ok(t != NULL && encodes(t, "a", ends, 3, SPN_TOK_BOS), "BertProcessing names the ends: %s",
       err.text);
    spn_tokenizer_free(t);
}

int main(void)
{
    test_wordpiece();
    test_ends();
    return done();
}

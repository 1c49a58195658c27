/* test_tokenizer.c - published vocabularies with their known answers, round trips, streams. */
#include "config.h"

#include "base/mem.h"
#include "text/text_cases.h"
#include "text/tokenizer.h"

#define MEGABYTE ((size_t)1 << 20)
#define MARK "\n__ggml_vocab_test__\n"

static const char *const names[] = { "gpt-2", "llama-bpe", "qwen2", "llama-spm" };

static char *read_all(const char *path, size_t *n)
{
    FILE *f = path == NULL ? NULL : fopen(path, "rb");
    char *text = malloc(MEGABYTE);

    *n = 0;
    if (f != NULL && text != NULL) {
        *n = fread(text, 1, MEGABYTE - 1, f);
        fclose(f);
    }
    if (text != NULL)
        text[*n] = '\0';
    return text;
}

static const char *vocab_path(const char *name, const char *suffix)
{
    char path[256];

    snprintf(path, sizeof path, "vocab/ggml-vocab-%s.gguf%s", name, suffix);
    return shared_path(path);
}

/* The ids of N bytes are those written on the line at WANT. */
static bool ids_are(const struct spn_tokenizer *t, const char *text, size_t n, int flags,
                    const char *want)
{
    struct spn_ids ids = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    bool same = spn_tokenize(t, text, n, flags, &ids, &err) == SPN_OK;
    size_t k = 0;

    while (*want == ' ')
        want++;
    while (*want >= '0' && *want <= '9') {
        char *end;
        long id = strtol(want, &end, 10);

        same &= k < ids.n && ids.id[k] == id;
        k++;
        for (want = end; *want == ' ';)
            want++;
    }
    same &= k == ids.n;
    spn_ids_free(&ids);
    return same;
}

static bool round_trips(const struct spn_tokenizer *t, const char *text, size_t n)
{
    struct spn_ids ids = { 0 };
    struct spn_buf out = SPN_BUF_INIT(MEGABYTE * 4);
    struct spn_err err = SPN_ERR_INIT;
    bool same = spn_tokenize(t, text, n, 0, &ids, &err) == SPN_OK &&
                spn_detokenize(t, ids.id, ids.n, false, &out, &err) == SPN_OK && out.length == n &&
                (n == 0 || memcmp(out.data, text, n) == 0);

    spn_ids_free(&ids);
    spn_buf_free(&out);
    return same;
}

static void test_lines(const struct spn_tokenizer *t, const char *name)
{
    size_t n_in, n_out;
    char *in = read_all(vocab_path(name, ".inp"), &n_in),
         *out = read_all(vocab_path(name, ".out"), &n_out);
    char *text = in, *want = out;
    int good = 0, back = 0, all = 0;

    for (char *end; (end = strstr(text, MARK)) != NULL && want != NULL; text = end + strlen(MARK)) {
        all++;
        good += ids_are(t, text, (size_t)(end - text), 0, want);
        back += round_trips(t, text, (size_t)(end - text));
        want = strchr(want, '\n');
        want = want == NULL ? NULL : want + 1;
    }
    ok(good == 46 && all == 46, "%s: %d of %d lines, 46 wanted", name, good, all);
    ok(back == all, "%s: %d of %d lines come back as they were", name, back, all);
    free(in);
    free(out);
}

static bool begins_character(unsigned char c)
{
    return (c & 0xc0) != 0x80;
}

/* Pieces end between characters (of well-formed text), their sum is what spn_detokenize gives. */
static void test_stream(const struct spn_tokenizer *t, const char *name, const char *text, size_t n,
                        bool malformed)
{
    struct spn_ids ids = { 0 };
    struct spn_buf whole = SPN_BUF_INIT(MEGABYTE * 4), sum = SPN_BUF_INIT(MEGABYTE * 4);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_detok d;
    bool fine = spn_tokenize(t, text, n, 0, &ids, &err) == SPN_OK, cut = false;

    fine = fine && spn_detokenize(t, ids.id, ids.n, false, &whole, &err) == SPN_OK;
    spn_detok_init(&d, t, false);
    for (size_t i = 0; i < ids.n && fine; i++) {
        size_t before = sum.length;

        fine = spn_detok_add(&d, ids.id[i], &sum) == SPN_OK;
        cut |= sum.length > before && !begins_character((unsigned char)sum.data[before]);
    }
    fine = fine && spn_detok_end(&d, &sum) == SPN_OK;
    ok(fine && sum.length == whole.length && memcmp(sum.data, whole.data, sum.length) == 0,
       "%s: %zu tokens streamed give the same bytes", name, ids.n);
    if (!malformed)
        ok(!cut, "%s: no piece begins inside a character", name);
    spn_ids_free(&ids);
    spn_buf_free(&whole);
    spn_buf_free(&sum);
}

static bool same_ids(const struct spn_tokenizer *a, const struct spn_tokenizer *b, const char *text,
                     size_t n)
{
    struct spn_ids x = { 0 }, y = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    bool same = spn_tokenize(a, text, n, SPN_TOK_BOS | SPN_TOK_SPECIAL, &x, &err) == SPN_OK &&
                spn_tokenize(b, text, n, SPN_TOK_BOS | SPN_TOK_SPECIAL, &y, &err) == SPN_OK &&
                x.n == y.n && memcmp(x.id, y.id, x.n * sizeof *x.id) == 0;

    spn_ids_free(&x);
    spn_ids_free(&y);
    return same;
}

static void test_reopen(const struct spn_tokenizer *t, const char *name, const char *text, size_t n)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *again = case_reopen(t, &err);
    bool same = again != NULL && spn_token_count(again) == spn_token_count(t) &&
                spn_token_bos(again) == spn_token_bos(t) &&
                spn_token_eos(again) == spn_token_eos(t) &&
                strcmp(spn_tokenizer_kind(again), spn_tokenizer_kind(t)) == 0;

    for (int32_t i = 0; same && i < spn_token_count(t); i++)
        same = spn_token_ends(again, i) == spn_token_ends(t, i) &&
               spn_token_is_control(again, i) == spn_token_is_control(t, i);
    ok(same && same_ids(t, again, text, n), "%s: written and read back gives the same ids %s", name,
       err.text);
    spn_tokenizer_free(again);
}

static void test_special(const struct spn_tokenizer *t, const char *name)
{
    static const struct {
        const char *name, *text;
        int flags;
        const char *want;
    } rows[] = {
        { "llama-spm", "Hello world", 3, "1 15043 3186" },
        { "llama-spm", " Hello world", 3, "1 29871 15043 3186" },
        { "llama-spm", "Hello</s>world", 3, "1 15043 2 3186" },
        { "llama-spm", "Hello</s>world", 1, "1 15043 829 29879 29958 11526" },
        { "llama-spm", "<s>Hi", 3, "1 1 6324" },
        { "llama-spm", "", 3, "1" },
        { "llama-spm", "", 0, "" },
        { "qwen2", "<|im_start|>user\nhi<|im_end|>", 3, "151644 872 198 6023 151645" },
        { "qwen2", "<|im_start|>user\nhi<|im_end|>", 1,
          "27 91 318 4906 91 29 872 198 6023 27 91 318 6213 91 29" },
        { "llama-bpe", "Hello world", 3, "128000 9906 1917" },
        { "llama-bpe", "x<|eot_id|>", 3, "128000 87 128009" },
        { "llama-bpe", "x<|eot_id|>", 1, "128000 87 27 91 68 354 851 91 29" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            ok(ids_are(t, rows[i].text, strlen(rows[i].text), rows[i].flags, rows[i].want),
               "%s: \"%s\" with flags %d", name,
               strncmp(rows[i].text, "<|im", 4) == 0 ? "a chat turn" : rows[i].text, rows[i].flags);
}

static void test_ends(const struct spn_tokenizer *t, const char *name)
{
    static const struct {
        const char *name, *token;
        bool ends, control;
    } rows[] = {
        { "llama-spm", "</s>", true, true },       { "llama-spm", "<s>", false, true },
        { "llama-bpe", "<|eot_id|>", true, true }, { "llama-bpe", "<|end_of_text|>", true, true },
        { "qwen2", "<|endoftext|>", true, true },  { "qwen2", "<|im_start|>", false, true },
        { "gpt-2", "<|endoftext|>", true, true },  { "gpt-2", "a", false, false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int32_t id = spn_token_find(t, rows[i].token);

        if (strcmp(rows[i].name, name) == 0)
            ok(id >= 0 && spn_token_ends(t, id) == rows[i].ends &&
                   spn_token_is_control(t, id) == rows[i].control,
               "%s: %s %s", name, rows[i].token,
               rows[i].ends ? "ends an answer" : "does not end one");
    }
}

static void test_ids_out_of_range(const struct spn_tokenizer *t)
{
    const int32_t bad[3] = { 5, -1, INT32_MAX };
    struct spn_buf out = SPN_BUF_INIT(1000);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_detok d;

    ok(spn_detokenize(t, bad, 3, false, &out, &err) == SPN_EFORMAT &&
           strstr(err.text, "id -1 at place 1") != NULL,
       "an id out of range is refused: %s", err.text);
    spn_detok_init(&d, t, false);
    ok(spn_detok_add(&d, bad[2], &out) == SPN_EFORMAT, "in a stream too");
    ok(spn_token_text(t, -1, NULL) == NULL && spn_token_text(t, INT32_MAX, NULL) == NULL &&
           !spn_token_ends(t, -1) && !spn_token_is_control(t, INT32_MAX) &&
           spn_token_find(t, "") == -1,
       "questions about ids out of range have answers");
    spn_buf_free(&out);
}

static void test_vocabulary(const char *name)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = case_open(vocab_path(name, ""), &err);
    bool bytes = strcmp(name, "llama-spm") != 0;
    char *text = case_mixed(MEGABYTE, bytes, 3), *plain = case_mixed(20000, false, 4);

    if (!ok(t != NULL, "%s opens as %s %s", name, t == NULL ? "nothing" : spn_tokenizer_kind(t),
            err.text)) {
        free(text);
        free(plain);
        return;
    }
    test_lines(t, name);
    test_special(t, name);
    test_ends(t, name);
    ok(round_trips(t, text, MEGABYTE), "%s: a megabyte of mixed text comes back", name);
    test_stream(t, name, text, 200000, bytes);
    test_stream(t, name, plain, 20000, false);
    test_reopen(t, name, text, 100000);
    test_ids_out_of_range(t);
    spn_tokenizer_free(t);
    free(text);
    free(plain);
}

int main(void)
{
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (vocab_path(names[i], "") == NULL)
            skip("the vocabularies are not beside the project");
        else
            test_vocabulary(names[i]);
    }
    return done();
}

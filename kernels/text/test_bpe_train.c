/* test_bpe_train.c - the BPE trainer: small cases by hand, a slow trainer beside it, what it
 * refuses. */
#include "config.h"

#include "base/mem.h"
#include "text/text_cases.h"
#include "text/tokenizer.h"

static const char *const specials[] = { "<|im_start|>", "<|im_end|>" };

static struct spn_tokenizer *train(const char *text, size_t n, int vocab, const char *pre)
{
    struct spn_bpe_options o = {
        .vocab = vocab, .pre = pre, .specials = specials, .n_specials = 2, .eos = "<|im_end|>"
    };
    struct spn_tokenizer *t = NULL;
    struct spn_err err = SPN_ERR_INIT;

    if (spn_bpe_train(&t, text, n, &o, &err) != SPN_OK) {
        printf("# %s\n", err.text);
        return NULL;
    }
    return t;
}

/* ---- a slow trainer: counts everything anew before each merge ---- */

struct slow {
    int32_t *sym;
    size_t n;
}; /* -1 parts the words */

static size_t slow_merges(const int32_t *start, size_t n, size_t most, int32_t (*pair)[2])
{
    struct slow s = { malloc(n * sizeof *s.sym), n };
    size_t k = 0;

    memcpy(s.sym, start, n * sizeof *s.sym);
    for (; k < most; k++) {
        long best = 1;
        size_t w = 0;

        for (size_t i = 0; i + 1 < s.n; i++) {
            int32_t a = s.sym[i], b = s.sym[i + 1];
            long count = 0;

            if (a < 0 || b < 0)
                continue;
            for (size_t j = 0; j + 1 < s.n; j++)
                count += s.sym[j] == a && s.sym[j + 1] == b;
            if (count > best || (count == best && best > 1 &&
                                 (a < pair[k][0] || (a == pair[k][0] && b < pair[k][1])))) {
                best = count;
                pair[k][0] = a;
                pair[k][1] = b;
            }
        }
        if (best < 2)
            break;
        for (size_t i = 0; i < s.n; w++) {
            bool here = i + 1 < s.n && s.sym[i] == pair[k][0] && s.sym[i + 1] == pair[k][1];

            s.sym[w] = here ? 256 + (int32_t)k : s.sym[i];
            i += here ? 2 : 1;
        }
        s.n = w;
    }
    free(s.sym);
    return k;
}

/* Words of two letters of an alphabet of four: many ties, overlapping pairs. Parted by line ends,
   which the splitter of gpt-2 leaves alone when they are single. */
static void test_against_slow(void)
{
    int bad = 0;

    for (uint64_t seed = 0; seed < 30; seed++) {
        char text[600];
        int32_t sym[1300], pair[40][2];
        size_t n = 0, m = 0, k;
        struct spn_rng rng;
        struct spn_tokenizer *t;

        spn_rng_init(&rng, spn_key_seed(seed));
        while (n < sizeof text) {
            bool gap = n > 0 && text[n - 1] != '\n' && spn_rng_below(&rng, 6) == 0;

            text[n++] = gap ? '\n' : (char)('a' + spn_rng_below(&rng, 2 + seed % 3));
        }
        for (size_t i = 0; i < n; i++) {
            if (text[i] == '\n') {
                sym[m++] = -1; /* a piece of one byte: it has no pairs */
                continue;
            }
            sym[m++] = text[i] - 0x21; /* ids of printable bytes */
        }
        memset(pair, 0x7f, sizeof pair);
        k = slow_merges(sym, m, 40, pair);
        t = train(text, n, 256 + 40 + 2, "gpt-2");
        if (t == NULL) {
            bad++;
            continue;
        }
        if ((size_t)spn_token_count(t) != 258 + k)
            bad++;
        for (size_t i = 0; i < k; i++) {
            char want[600] = "";
            size_t a, b, c;
            const char *left = spn_token_text(t, pair[i][0], &a),
                       *right = spn_token_text(t, pair[i][1], &b);
            const char *got = spn_token_text(t, 256 + (int32_t)i, &c);

            if (left == NULL || right == NULL || got == NULL || a + b >= sizeof want) {
                bad++;
                break;
            }
            memcpy(want, left, a);
            memcpy(want + a, right, b);
            if (c != a + b || memcmp(want, got, c) != 0) {
                bad++;
                break;
            }
        }
        spn_tokenizer_free(t);
    }
    ok(bad == 0, "30 small texts give the merges of a slow trainer (%d differ)", bad);
}

static void test_small(void)
{
    struct spn_tokenizer *t = train("low low low lower lowest", 24, 258 + 3, "gpt-2");

    if (!ok(t != NULL, "a small text is learnt"))
        return;
    ok_int(spn_token_count(t), 261, "tokens");
    ok_str(spn_token_text(t, 0, NULL), "!", "the first byte");
    ok_str(spn_token_text(t, 256, NULL), "lo", "the first merge");
    ok_str(spn_token_text(t, 257, NULL), "low", "the second");
    ok_str(spn_token_text(t, 258, NULL), "\xc4\xa0low", "the third, with its space");
    ok_str(spn_token_text(t, 259, NULL), "<|im_start|>", "special tokens come last");
    ok(spn_token_is_control(t, 259) && spn_token_ends(t, 260) && spn_token_eos(t) == 260 &&
           spn_token_bos(t) == -1,
       "they are control tokens, the eos ends an answer");
    spn_tokenizer_free(t);
}

static void test_large(void)
{
    size_t n = 300000;
    char *text = case_mixed(n, true, 9);
    struct spn_tokenizer *a = train(text, n, 2000, "qwen2"), *b = train(text, n, 2000, "qwen2"), *c;
    struct spn_ids ids = { 0 };
    struct spn_buf out = SPN_BUF_INIT(1 << 22);
    struct spn_err err = SPN_ERR_INIT;
    bool same = a != NULL && b != NULL && spn_token_count(a) == 2000 && spn_token_count(b) == 2000;
    bool digits = true;

    for (int32_t i = 0; same && i < 2000; i++) {
        const char *x = spn_token_text(a, i, NULL);

        same = strcmp(x, spn_token_text(b, i, NULL)) == 0;
        for (const char *p = x; *p != '\0'; p++)
            digits &= !(*p >= '0' && *p <= '9' && strlen(x) > 1);
    }
    ok(same, "the same text gives the same tokens");
    ok(digits, "with qwen2 no token joins digits");
    if (a != NULL) {
        same = spn_tokenize(a, text, n, 0, &ids, &err) == SPN_OK &&
               spn_detokenize(a, ids.id, ids.n, false, &out, &err) == SPN_OK && out.length == n &&
               memcmp(out.data, text, n) == 0;
        ok(same && ids.n < n, "%zu bytes become %zu tokens and come back", n, ids.n);
        c = case_reopen(a, &err);
        ok(c != NULL && strcmp(spn_tokenizer_kind(c), "gpt2/qwen2") == 0,
           "written and read back as %s %s", c == NULL ? "nothing" : spn_tokenizer_kind(c),
           err.text);
        if (c != NULL) {
            struct spn_ids again = { 0 };

            ok(spn_tokenize(c, text, n, SPN_TOK_SPECIAL, &again, &err) == SPN_OK &&
                   again.n == ids.n && memcmp(again.id, ids.id, ids.n * sizeof *ids.id) == 0,
               "with the same ids");
            spn_ids_free(&again);
        }
        spn_tokenizer_free(c);
    }
    spn_tokenizer_free(a);
    spn_tokenizer_free(b);
    spn_ids_free(&ids);
    spn_buf_free(&out);
    free(text);
}

/* A special token in the text is never learnt, nor joined with its neighbours. */
static void test_specials_in_text(void)
{
    const char *text = "<|im_start|>aa<|im_end|><|im_start|>aa<|im_end|><|im_start|>aa<|im_end|>";
    struct spn_tokenizer *t = train(text, strlen(text), 300, "gpt-2");
    struct spn_ids ids = { 0 };
    struct spn_err err = SPN_ERR_INIT;

    if (!ok(t != NULL, "text with special tokens is learnt"))
        return;
    ok_int(spn_token_count(t), 259, "one merge, two specials");
    ok(spn_tokenize(t, text, strlen(text), SPN_TOK_SPECIAL, &ids, &err) == SPN_OK && ids.n == 9 &&
           ids.id[0] == 257 && ids.id[1] == 256 && ids.id[2] == 258,
       "and comes out as nine tokens");
    spn_ids_free(&ids);
    spn_tokenizer_free(t);
}

static void test_refusals(void)
{
    static const char *const twice[] = { "<a>", "<a>" }, *const shorty[] = { "x" },
                             *const one[] = { "<a>" };
    static const char *const piece[] = { "aa" };
    const struct {
        const char *what;
        struct spn_bpe_options o;
    } rows[] = {
        { "too small a vocabulary", { .vocab = 255 } },
        { "no room for the specials", { .vocab = 257, .specials = specials, .n_specials = 2 } },
        { "a special token twice", { .vocab = 300, .specials = twice, .n_specials = 2 } },
        { "a special token of one byte", { .vocab = 300, .specials = shorty, .n_specials = 1 } },
        { "an eos that is no special token",
          { .vocab = 300, .specials = one, .n_specials = 1, .eos = "<b>" } },
        { "a pre-tokenizer that is not known", { .vocab = 300, .pre = "nonsense" } },
        { "negative vocabulary", { .vocab = -1 } },
    };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = NULL;
    struct spn_bpe_options o = { .vocab = 300, .specials = piece, .n_specials = 1 };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ok(spn_bpe_train(&t, "aaaa bbbb", 9, &rows[i].o, &err) != SPN_OK && t == NULL, "%s: %s",
           rows[i].what, err.text);
    /* "aa" never becomes a token, as the text is cut at it. */
    ok(spn_bpe_train(&t, "aaaa aaa aaaa", 13, &o, &err) == SPN_OK,
       "a special token that could be a word");
    spn_tokenizer_free(t);
    t = NULL;
    o = (struct spn_bpe_options){ .vocab = 300 };
    ok(spn_bpe_train(&t, "", 0, &o, &err) == SPN_OK && spn_token_count(t) == 256,
       "no text gives the bytes alone");
    spn_tokenizer_free(t);
}

static void test_memory(void)
{
    const char *text = "the cat and the hat <|im_end|> the rat and the bat";
    struct spn_bpe_options o = {
        .vocab = 290, .specials = specials, .n_specials = 2, .chat_template = "x"
    };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = NULL;
    uint64_t before = spn_alloc_count(), total;
    bool fine = true;

    spn_bpe_train(&t, text, strlen(text), &o, &err);
    total = spn_alloc_count() - before;
    spn_tokenizer_free(t);
    for (uint64_t i = 1; i <= total; i++) {
        spn_status st;

        t = NULL;
        spn_fail_at(i);
        st = spn_bpe_train(&t, text, strlen(text), &o, &err);
        spn_fail_at(0);
        fine &= st == SPN_ENOMEM && t == NULL;
    }
    ok(fine && total > 20, "each of %d allocations may fail", (int)total);
}

int main(void)
{
    spn_log_sink(case_note, NULL);
    test_small();
    test_against_slow();
    test_large();
    test_specials_in_text();
    test_refusals();
    test_memory();
    return done();
}

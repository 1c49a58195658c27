/* test_grammar.c - which texts a grammar or a schema takes, and which tokens it lets through. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tap.h"
#include "text/grammar.h"

enum answer { NO, PART, YES }; /* PART: more has to come */

static enum answer asks(struct spn_grammar *g, const char *text, size_t n)
{
    struct spn_err err = SPN_ERR_INIT;
    int32_t state = SPN_GRAMMAR_START;
    bool fine = false;

    if (spn_grammar_bytes(g, &state, text, n, &fine, &err) != SPN_OK || !fine)
        return NO;
    return spn_grammar_may_end(g, state) ? YES : PART;
}

static struct spn_grammar *gbnf(const char *text)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_grammar *g = NULL;

    if (spn_grammar_new(&g, text, strlen(text), NULL, &err) != SPN_OK)
        ok(false, "%s: %s", text, err.text);
    return g;
}

/* WORDS: texts, each after a character: + taken, ~ a beginning, - refused. */
static void takes(const char *grammar, const char *const *words)
{
    struct spn_grammar *g = gbnf(grammar);
    int bad = 0;

    for (; g != NULL && *words != NULL; words++) {
        enum answer got = asks(g, *words + 1, strlen(*words + 1)),
                    want = **words == '+' ? YES : **words == '~' ? PART : NO;

        if (got != want) {
            printf("# \"%s\" gives %d\n", *words, (int)got);
            bad++;
        }
    }
    ok(g != NULL && bad == 0, "%s", grammar);
    spn_grammar_free(g);
}

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }

static void test_gbnf(void)
{
    takes("root ::= \"ab\" | \"ac\"+ # end\n", WORDS("+ab", "+ac", "+acac", "~a", "-b", "-aba"));
    takes("root ::= [a-c]{2,3} [^a-c] x?\nx ::= \"!\"\n\n",
          WORDS("+abz", "+abcz!", "~abc", "-az", "-abca", "+abé", "+ab🙂"));
    takes("root ::= (\"a\"\n | \"b\" root)\n", WORDS("+a", "+bba", "~bb", "-ab"));
    takes("root ::= \"a\"\n  | \"b\"\nother ::= \"c\"", WORDS("+a", "+b", "-c"));
    takes("root ::= (\"x\"*)* \"y\"", WORDS("+y", "+xxy", "~x", "-z"));
    takes("root ::= [à-ÿ]+", WORDS("+é", "+éü", "-a", "~\xc3", "-\xc4"));
    takes("root ::= . [\\x41\\u0042\\]\\-^]", WORDS("+zA", "+éB", "+.]", "+x-", "+x^", "-xC"));
    takes("root ::= \"\\x41\\n\\\"\\\\\" \"\"", WORDS("+A\n\"\\"));
    takes("root ::= \"a\"{3} \"b\"{0} \"c\"{2,} \"d\"{,2}",
          WORDS("+aaacc", "+aaacccdd", "~aaac", "-aaaccddd"));
    takes("root ::= \"(\" root \")\" | \"\"", WORDS("+", "+(())", "~(()", "-)"));
    takes("root ::= [^\\x00-\\uFFFF]", WORDS("+🙂", "-é", "~\xf0\x9f"));
}

static void refused(const char *text, const char *words)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_grammar *g = NULL;
    spn_status st = spn_grammar_new(&g, text, strlen(text), NULL, &err);

    ok(st == SPN_EFORMAT && g == NULL && strstr(err.text, words) != NULL, "%.30s: %s", text,
       err.text);
    spn_grammar_free(g);
}

static void test_refused(void)
{
    refused("", "no rule \"root\"");
    refused("root ::= x", "no rule \"x\"");
    refused("root ::= \"a\nroot ::= b", "line 1");
    refused("root ::= \"a\"\nroot ::= \"b\"", "line 2: a rule stands here twice");
    refused("root ::= [a", "a class has no end");
    refused("root ::= [b-a]", "backwards");
    refused("root ::= (\"a\"", "\")\" is expected");
    refused("root ::= *", "nothing to repeat");
    refused("root ::= \"a\"{99999}", "too long");
    refused("root ::= \"a\"{3,2}", "repetition");
    refused("root ::= root \"a\" | \"a\"", "begins with itself");
    refused("root ::= \"\\q\"", "escape");
    refused("root = \"a\"", "\"::=\"");
}

/* ---- schemas ---- */

static void schema(const char *text, const char *const *words)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 22);
    struct spn_err err = SPN_ERR_INIT;

    if (spn_grammar_from_schema(&b, text, strlen(text), &err) != SPN_OK)
        ok(false, "%s: %s", text, err.text);
    else {
        struct spn_grammar *g = gbnf(b.data);
        int bad = 0;

        for (; g != NULL && *words != NULL; words++)
            if (asks(g, *words + 1, strlen(*words + 1)) != (**words == '+' ? YES : NO)) {
                printf("# %s\n", *words);
                bad++;
            }
        ok(g != NULL && bad == 0, "%s", text);
        spn_grammar_free(g);
    }
    spn_buf_free(&b);
}

static void schema_refused(const char *text, const char *words)
{
    struct spn_buf b = SPN_BUF_INIT(1 << 22);
    struct spn_err err = SPN_ERR_INIT;

    ok(spn_grammar_from_schema(&b, text, strlen(text), &err) == SPN_EFORMAT && b.length == 0 &&
           strstr(err.text, words) != NULL,
       "%s: %s", text, err.text);
    spn_buf_free(&b);
}

static void test_schemas(void)
{
    schema("{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"integer\"},\"b\":{\"const\":1},"
           "\"c\":{\"type\":\"null\"}},\"required\":[\"b\"]}",
           WORDS("+{\"b\":1}", "+{\"a\":-5, \"b\": 1,\"c\":null}", "+{\"b\":1,\"c\":null}",
                 "-{\"a\":1}", "-{\"c\":null,\"b\":1}", "-{\"b\":1,}"));
    schema("{\"type\":\"integer\",\"minimum\":-12,\"maximum\":105}",
           WORDS("+-12", "+-1", "+0", "+99", "+105", "-106", "--13", "-007", "--0", "+10", "+100"));
    schema("{\"type\":\"number\",\"minimum\":2,\"maximum\":10}",
           WORDS("+2", "+2.5", "+9.999", "+10", "-10.1", "-1.9"));
    schema("{\"type\":\"string\",\"minLength\":1,\"maxLength\":2}",
           WORDS("+\"a\"", "+\"\\n\xc3\xa9\"", "-\"\"", "-\"abc\"", "-\"\x01\"", "-\"\\ud800\""));
    schema("{\"type\":\"string\",\"pattern\":\"^(a|[b-d]{2})\\\\.\\\\d+$\"}",
           WORDS("+\"a.1\"", "+\"bd.22\"", "-\"b.1\"", "-\"a.\"", "-\"ax1\""));
    schema("{\"type\":\"array\",\"items\":{\"enum\":[1,\"x\\\"\"]},\"minItems\":1,\"maxItems\":2}",
           WORDS("+[1]", "+[\"x\\\"\", 1]", "-[]", "-[1,1,1]"));
    schema("{\"$defs\":{\"n\":{\"type\":\"object\",\"properties\":{\"n\":{\"anyOf\":[{\"$ref\":"
           "\"#/$defs/n\"},{\"type\":\"null\"}]}},\"required\":[\"n\"]}},\"$ref\":\"#/$defs/n\"}",
           WORDS("+{\"n\":null}", "+{\"n\":{\"n\":null}}", "-{}"));
    schema("true", WORDS("+{\"a\":[1,2.5e3,\"x\",null,{}]}", "+[]", "-[1,]", "-tru "));
    schema("{\"type\":\"object\",\"additionalProperties\":{\"type\":\"boolean\"},"
           "\"propertyNames\":{\"maxLength\":2},\"minProperties\":1}",
           WORDS("+{\"ab\":true}", "+{\"a\":true,\"b\":false}", "-{}", "-{\"abc\":true}"));
    schema_refused("{\"not\":{}}", "\"not\" cannot be kept");
    schema_refused("{\"type\":\"array\",\"uniqueItems\":true}", "uniqueItems");
    schema_refused("{\"type\":\"string\",\"pattern\":\"a+\"}", "begin with ^");
    schema_refused("{\"type\":\"string\",\"pattern\":\"^(?=a)$\"}", "looks around");
    schema_refused("{\"$ref\":\"http://x\"}", "leads outside");
    schema_refused("{\"$ref\":\"#/nothing\"}", "leads nowhere");
    schema_refused("{\"type\":\"integer\",\"minimum\":5,\"maximum\":4}", "range");
    schema_refused("{\"type\":\"object\",\"required\":[\"x\"]}", "\"x\" is required");
    schema_refused("[1", "line 1");
}

/* ---- tokens ---- */

/* Every mask is what asking about each token alone gives. */
static void test_masks(void)
{
    static const char *const specials[] = { "<s>", "</s>" };
    static const char corpus[] = "{\"a\": 12, \"b\": [true, false, null]} hello hello 12 12 é é";
    static const char rules[] =
        "root ::= \"{\" (\"\\\"\" [a-zé]* \"\\\": \" [0-9]+ \", \"?)* \"}\"";
    struct spn_bpe_options o = {
        .vocab = 300, .specials = specials, .n_specials = 2, .eos = "</s>"
    };
    struct spn_grammar_words *w = NULL;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tokenizer *t = NULL;
    struct spn_grammar *g = NULL;
    uint64_t mask[16];
    int32_t n, state = SPN_GRAMMAR_START;
    struct spn_rng rng;
    int wrong = 0, steps = 0, ends = 0;

    spn_rng_init(&rng, 7);
    if (!ok(spn_bpe_train(&t, corpus, sizeof corpus - 1, &o, &err) == SPN_OK &&
                spn_grammar_words_new(&w, t, spn_token_count(t), &err) == SPN_OK &&
                spn_grammar_new(&g, rules, sizeof rules - 1, w, &err) == SPN_OK,
            "a grammar over tokens %s", err.text))
        return;
    n = spn_token_count(t);
    for (; steps < 400 && wrong == 0; steps++) {
        int32_t choice[1024], n_choice = 0;

        if (spn_grammar_mask(g, state, mask, &err) != SPN_OK) {
            wrong++;
            break;
        }
        for (int32_t id = 0; id < n; id++) {
            struct spn_buf text = SPN_BUF_INIT(1 << 12);
            bool let = mask[id / 64] >> (id % 64) & 1, fine = false;
            int32_t at = state;

            spn_detokenize(t, &id, 1, false, &text, &err);
            if (spn_token_ends(t, id))
                fine = spn_grammar_may_end(g, state);
            else if (text.length > 0)
                spn_grammar_bytes(g, &at, text.data, text.length, &fine, &err);
            wrong += let != fine;
            if (let && n_choice < 1024)
                choice[n_choice++] = id;
            spn_buf_free(&text);
        }
        if (n_choice == 0)
            break;
        n_choice = choice[spn_rng_below(&rng, (uint64_t)n_choice)];
        if (spn_token_ends(t, n_choice)) {
            ends++;
            state = SPN_GRAMMAR_START;
        } else if (spn_grammar_accept(g, &state, n_choice, &err) != SPN_OK) {
            wrong++;
        }
    }
    ok(wrong == 0 && steps == 400 && ends > 0, "masks of %d places, %d texts, %d wrong %s", steps,
       ends, wrong, err.text);
    state = SPN_GRAMMAR_START;
    ok(spn_grammar_accept(g, &state, spn_token_find(t, "a"), &err) == SPN_EFORMAT, "%s", err.text);
    spn_grammar_free(g);
    spn_grammar_words_free(w);
    spn_tokenizer_free(t);
}

static void test_memory(void)
{
    bool fine = true, over = false;

    for (uint64_t i = 1; i < 500 && !over; i++) {
        static const char text[] = "{\"type\":\"array\",\"items\":{\"type\":\"integer\"}}";
        struct spn_buf b = SPN_BUF_INIT(1 << 20);
        struct spn_err err = SPN_ERR_INIT;
        struct spn_grammar *g = NULL;
        uint64_t before = spn_alloc_count();

        spn_fail_at(i);
        if (spn_grammar_from_schema(&b, text, sizeof text - 1, &err) == SPN_OK)
            spn_grammar_new(&g, b.data, b.length, NULL, &err);
        over = spn_alloc_count() - before < i;
        spn_fail_at(0);
        fine &= err.code != SPN_EINTERNAL && (g != NULL || err.code != SPN_OK);
        spn_grammar_free(g);
        spn_buf_free(&b);
    }
    ok(fine && over, "each allocation may fail");
}

int main(void)
{
    test_gbnf();
    test_refused();
    test_schemas();
    test_masks();
    test_memory();
    return done();
}

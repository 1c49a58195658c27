/* test_pretokenize.c - the splitters written by hand against PCRE2 on random text, and the table of
 * names. */
#include "config.h"

#include <stdint.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/rng.h"
#include "tap.h"
#include "text/pretokenize.h"
#include "text/unicode.h"

/* Characters on which the expressions decide: letters, numbers, spaces, line ends, contractions,
 * U+017F. */
static const uint32_t sharp[] = {
    'a',    'Z',     's',   'S',    't',  'l',      'L',    'v',   'e',    'E',  'r',  'R',
    'm',    'd',     '\'',  '\'',   ' ',  ' ',      ' ',    '\n',  '\r',   '\t', '1',  '9',
    '.',    '!',     '(',   0x17f,  0xe9, 0x4e2d,   0x3042, 0x661, 0xbd,   0xa0, 0x85, 0x2028,
    0x3000, 0x1f600, 0x301, 0x200d, 0xad, 0x10ffff, 0,      0x7f,  0x2160,
};

static size_t random_text(unsigned char *s, size_t room, struct spn_rng *rng, bool anything)
{
    size_t n = 0, want = spn_rng_below(rng, 24);

    for (size_t i = 0; i < want && n + 4 <= room; i++) {
        uint32_t c = sharp[spn_rng_below(rng, sizeof sharp / sizeof sharp[0])];

        if (anything && spn_rng_below(rng, 3) == 0)
            c = (uint32_t)spn_rng_below(rng, 0x110000);
        /* PCRE2 counts U+180E, which lost its White_Space, as a space. */
        if ((c >= 0xd800 && c < 0xe000) || c == 0x180e)
            c = 'x';
        n += uni_encode(c, s + n);
    }
    return n;
}

/* The same cuts from a plain loop over PCRE2 matches. */
static size_t slow_cuts(pcre2_code *code, const unsigned char *s, size_t n, uint32_t *end)
{
    pcre2_match_data *m = pcre2_match_data_create_from_pattern(code, NULL);
    size_t at = 0, k = 0;

    while (at < n && pcre2_match(code, s, n, at, PCRE2_NOTEMPTY, m, NULL) > 0) {
        PCRE2_SIZE *v = pcre2_get_ovector_pointer(m);

        if (v[0] > at)
            end[k++] = (uint32_t)v[0];
        end[k++] = (uint32_t)v[1];
        at = v[1];
    }
    if (at < n)
        end[k++] = (uint32_t)n;
    pcre2_match_data_free(m);
    return k;
}

static void compare(const char *name, bool anything)
{
    struct spn_err err = SPN_ERR_INIT;
    struct pre p;
    struct pre_cuts cuts = { NULL, 0, 0 };
    struct spn_rng rng;
    int code_err, bad = 0;
    PCRE2_SIZE place;
    pcre2_code *code;

    if (!ok(pre_open(&p, name, &err) == SPN_OK && p.row->stage[0]->next != NULL,
            "%s is split by hand", name))
        return;
    code = pcre2_compile((PCRE2_SPTR)p.row->stage[0]->regex, PCRE2_ZERO_TERMINATED,
                         PCRE2_UTF | PCRE2_UCP, &code_err, &place, NULL);
    spn_rng_init(&rng, spn_key_seed(5));
    for (int i = 0; i < 40000; i++) {
        unsigned char s[128];
        uint32_t want[128];
        size_t n = random_text(s, sizeof s, &rng, anything), k = slow_cuts(code, s, n, want);

        if (pre_split(&p, (const char *)s, n, &cuts, &err) != SPN_OK || cuts.n != k ||
            memcmp(cuts.end, want, k * sizeof *want) != 0) {
            if (bad++ == 0) {
                printf("# text:");
                for (size_t b = 0; b < n; b++)
                    printf(" %02x", s[b]);
                printf("\n# got:");
                for (size_t b = 0; b < cuts.n; b++)
                    printf(" %u", cuts.end[b]);
                printf("\n# want:");
                for (size_t b = 0; b < k; b++)
                    printf(" %u", want[b]);
                printf("\n");
            }
        }
    }
    ok(bad == 0, "%s: 40000 texts%s cut as PCRE2 cuts them (%d differ)", name,
       anything ? " of any characters" : "", bad);
    pre_cuts_free(&cuts);
    pcre2_code_free(code);
    pre_close(&p);
}

static void test_names(void)
{
    static const char *const known[] = {
        "gpt-2",   "llama-bpe", "llama3",         "qwen2",       "qwen35",    "tekken",
        "gpt-4o",  "llama4",    "seed-coder",     "bailingmoe",  "starcoder", "falcon",
        "default", "",          "deepseek-coder", "deepseek-v3", "bloom",     "viking",
        "dbrx",    "smollm",    "roberta-bpe",
    };
    static const char *const unknown[] = {
        "gpt",
        "llama",
        "2",
        "superbpe",
        "deepseek-llm",
        "gpt-2 ",
        "gpt-2 phi-2",
        "qwen",
        "x",
        "a-name-that-is-far-too-long-to-be-one-of-ours",
    };
    struct spn_err err = SPN_ERR_INIT;
    struct pre p;
    struct pre_cuts cuts = { NULL, 0, 0 };
    const char *text = "It's 1234 o'clock,\r\n  \xe4\xb8\xad\xe6\x96\x87 \xff\xfe caf\xc3\xa9!  \n";
    bool all = true, none = true, whole = true;

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        bool opened = pre_open(&p, known[i], &err) == SPN_OK;

        all &= opened;
        if (!opened)
            continue;
        whole &= pre_split(&p, text, strlen(text), &cuts, &err) == SPN_OK && cuts.n > 0 &&
                 cuts.end[cuts.n - 1] == strlen(text);
        for (size_t k = 1; k < cuts.n; k++)
            whole &= cuts.end[k] > cuts.end[k - 1];
        pre_close(&p);
    }
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
        none &= pre_open(&p, unknown[i], &err) == SPN_EFORMAT &&
                strstr(err.text, "is not known") != NULL;
    ok(all, "every name of the table opens");
    ok(whole, "each of them keeps every byte, malformed ones too");
    ok(none, "other names are refused by name");
    pre_cuts_free(&cuts);
}

static void cut_like(const char *name, const char *text, const char *want)
{
    struct spn_err err = SPN_ERR_INIT;
    struct pre p;
    struct pre_cuts cuts = { NULL, 0, 0 };
    char got[512] = "";
    size_t begin = 0, w = 0;

    if (pre_open(&p, name, &err) == SPN_OK &&
        pre_split(&p, text, strlen(text), &cuts, &err) == SPN_OK)
        for (size_t i = 0; i < cuts.n; i++) {
            w += (size_t)snprintf(got + w, sizeof got - w, "%s%.*s", i ? "|" : "",
                                  (int)(cuts.end[i] - begin), text + begin);
            begin = cuts.end[i];
        }
    ok_str(got, want, name);
    pre_cuts_free(&cuts);
    pre_close(&p);
}

/* A whole megabyte of one kind of character: every splitter has to stay linear. */
static void test_long_runs(void)
{
    static const char *const names[] = { "gpt-2",  "llama-bpe",   "qwen2",
                                         "tekken", "deepseek-v3", "default" };
    static const char fill[] = { ' ', 'a', 'A', '1', '\n', '!', '\xff' };
    size_t n = 1 << 20;
    char *text = malloc(n);
    struct pre_cuts cuts = { NULL, 0, 0 };
    bool fine = true;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct spn_err err = SPN_ERR_INIT;
        struct pre p;

        if (pre_open(&p, names[i], &err) != SPN_OK) {
            fine = false;
            continue;
        }
        for (size_t k = 0; k < sizeof fill; k++) {
            memset(text, fill[k], n);
            fine &= pre_split(&p, text, n, &cuts, &err) == SPN_OK && cuts.n > 0 &&
                    cuts.end[cuts.n - 1] == n;
        }
        pre_close(&p);
    }
    ok(fine, "a megabyte of one character is cut");
    pre_cuts_free(&cuts);
    free(text);
}

/* Well-formed UTF-8 and nothing else: each row is bytes, the character they are (-1: malformed),
 * its length. */
static void test_decoding(void)
{
    static const struct {
        const char *s;
        int32_t c;
        unsigned length;
        bool prefix; /* the bytes without the last one may still become a character */
    } row[] = {
        { "a", 'a', 1, false },
        { "\xc2\x80", 0x80, 2, true },
        { "\xdf\xbf", 0x7ff, 2, true },
        { "\xe0\xa0\x80", 0x800, 3, true },
        { "\xed\x9f\xbf", 0xd7ff, 3, true },
        { "\xee\x80\x80", 0xe000, 3, true },
        { "\xf0\x90\x80\x80", 0x10000, 4, true },
        { "\xf4\x8f\xbf\xbf", 0x10ffff, 4, true },
        { "\xc1\xbf", -1, 1, false },         /* overlong */
        { "\xe0\x9f\xbf", -1, 1, false },     /* overlong */
        { "\xf0\x8f\xbf\xbf", -1, 1, false }, /* overlong */
        { "\xed\xa0\x80", -1, 1, false },     /* surrogate */
        { "\xf4\x90\x80\x80", -1, 1, false }, /* past the end */
        { "\xf5\x80\x80\x80", -1, 1, false },
        { "\xe4\xb8\x41", -1, 1, true },
        { "\x80", -1, 1, false },
    };
    int bad = 0;

    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const unsigned char *s = (const unsigned char *)row[i].s;
        unsigned char back[4];
        unsigned length = 0;
        size_t n = strlen(row[i].s);
        bool fine = uni_decode(s, n, &length) == row[i].c && length == row[i].length &&
                    uni_is_prefix(s, n - 1) == row[i].prefix && !uni_is_prefix(s, n);

        if (fine && row[i].c >= 0)
            fine = uni_encode((uint32_t)row[i].c, back) == n && memcmp(back, s, n) == 0 &&
                   (n == 1 || uni_decode(s, n - 1, &length) == -1);
        if (!fine) {
            printf("# row %zu gives %d, %u\n", i, (int)uni_decode(s, n, &length), length);
            bad++;
        }
    }
    ok(bad == 0, "characters are decoded when they are well-formed alone");
}

int main(void)
{
    test_decoding();
    compare("gpt-2", false);
    compare("gpt-2", true);
    compare("llama-bpe", false);
    compare("llama-bpe", true);
    compare("qwen2", false);
    compare("qwen2", true);
    test_names();
    cut_like("gpt-2", "It's 123 a.  b", "It|'s| 123| a|.| | b");
    cut_like("qwen2", "IT'S 123 a.\n\n  b", "IT|'S| |1|2|3| a|.\n\n| | b");
    cut_like("llama-bpe", "x1234 (y)", "x|123|4| (|y|)");
    cut_like("smollm", "a12 b", "a|1|2| b");
    cut_like("bloom", "a, b.c", "a|,| b|.|c");
    cut_like("falcon", "a=1234!", "a|=|123|4|!");
    cut_like("gpt-4o", "HelloWorld's 12", "Hello|World's| |12");
    test_long_runs();
    return done();
}

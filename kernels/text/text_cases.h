/* text_cases.h - what the tests of this room share: opening a vocabulary, mixed text, a GGUF made
   for a test. */
#ifndef SPN_TEXT_CASES_H
#define SPN_TEXT_CASES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/rng.h"
#include "format/reader.h"
#include "tap.h"
#include "text/tokenizer.h"

static char case_log[4096]; /* warnings since it was last cleared */

__attribute__((unused)) static void case_note(void *ctx, enum spn_log_level level, const char *text)
{
    size_t n = strlen(case_log);

    if (level == SPN_LOG_WARN)
        snprintf(case_log + n, sizeof case_log - n, "%s\n", text);
}

__attribute__((unused)) static char *case_path(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "test-text-%ld-%s", (long)getpid(), name);
    return path;
}

/* The tokenizer of a file, NULL with ERR filled. */
__attribute__((unused)) static struct spn_tokenizer *case_open(const char *path,
                                                               struct spn_err *err)
{
    struct spn_reader *r = NULL;
    struct spn_tokenizer *t = NULL;

    if (spn_reader_open(&r, path, err) == SPN_OK && spn_tokenizer_open(&t, r, err) != SPN_OK)
        t = NULL;
    spn_reader_close(r);
    return t;
}

/* T written to a GGUF and read back. */
__attribute__((unused)) static struct spn_tokenizer *case_reopen(const struct spn_tokenizer *t,
                                                                 struct spn_err *err)
{
    const char *path = case_path("reopen.gguf");
    struct spn_writer *w = NULL;
    struct spn_tokenizer *again = NULL;
    spn_status st = spn_gguf_create(&w, path, err);

    if (st == SPN_OK)
        st = spn_writer_str(w, "general.architecture", "llama", 5);
    if (st == SPN_OK)
        st = spn_tokenizer_write(t, w);
    if (st == SPN_OK)
        st = spn_writer_commit(w, err);
    spn_writer_free(w);
    if (st == SPN_OK)
        again = case_open(path, err);
    unlink(path);
    return again;
}

static unsigned case_utf8(uint32_t c, char *s)
{
    if (c < 0x80) {
        s[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        s[0] = (char)(0xc0 | c >> 6);
        s[1] = (char)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        s[0] = (char)(0xe0 | c >> 12);
        s[1] = (char)(0x80 | (c >> 6 & 63));
        s[2] = (char)(0x80 | (c & 63));
        return 3;
    }
    s[0] = (char)(0xf0 | c >> 18);
    s[1] = (char)(0x80 | (c >> 12 & 63));
    s[2] = (char)(0x80 | (c >> 6 & 63));
    s[3] = (char)(0x80 | (c & 63));
    return 4;
}

/* N bytes of words in many scripts, digits, emoji, control bytes; MALFORMED: stray and cut bytes
 * too. */
__attribute__((unused)) static char *case_mixed(size_t n, bool malformed, uint64_t seed)
{
    static const uint32_t range[][2] = {
        { 'a', 'z' },       { 'a', 'z' },         { ' ', '~' },       { 0xa1, 0x24f },
        { 0x370, 0x3ff },   { 0x400, 0x4ff },     { 0x5d0, 0x5ea },   { 0x620, 0x64a },
        { 0x905, 0x939 },   { 0xe01, 0xe3a },     { 0x3041, 0x30fe }, { 0x4e00, 0x9fa5 },
        { 0xac00, 0xd7a3 }, { 0x1f300, 0x1f64f }, { 1, 31 },          { '0', '9' },
        { 0x2000, 0x206f },
    };
    static const char *const ends[] = { " ", " ", "  ", "\n", "\r\n", "\t", "", ". ", "'s ", "!?" };
    struct spn_rng rng;
    char *text = malloc(n + 1);
    size_t w = 0;

    spn_rng_init(&rng, spn_key_seed(seed));
    while (text != NULL && w < n) {
        const uint32_t *r = range[spn_rng_below(&rng, sizeof range / sizeof range[0])];
        const char *end = ends[spn_rng_below(&rng, sizeof ends / sizeof ends[0])];
        uint64_t letters = 1 + spn_rng_below(&rng, 10);

        for (uint64_t i = 0; i < letters && w + 4 <= n; i++)
            w += case_utf8(r[0] + (uint32_t)spn_rng_below(&rng, r[1] - r[0] + 1), text + w);
        if (malformed && spn_rng_below(&rng, 8) == 0 && w < n)
            text[w++] = (char)(0x80 + spn_rng_below(&rng, 128));
        for (; *end != '\0' && w < n; end++)
            text[w++] = *end;
        if (n - w < 4)
            while (w < n)
                text[w++] = ' ';
    }
    if (text != NULL)
        text[n] = '\0';
    return text;
}

#endif

/* fuzz_tokenizer.c - any vocabulary in a GGUF, and any text for it.
 *
 * A GGUF's own lengths are another target's matter, so the file is built here from a shorter
 * spelling: 8 bytes of head, the tokens, scores, types and merges (a byte of length before each
 * text), the text.
 */
#include "config.h"

#include <math.h>

#include "fuzz/fuzz_tokens.h"

#include "format/reader.h"

struct cursor {
    const uint8_t *p;
    size_t left;
};
struct gguf {
    struct spn_buf body;
    uint64_t keys;
};

static uint8_t byte(struct cursor *c)
{
    if (c->left == 0)
        return 0;
    c->left--;
    return *c->p++;
}

static void put(struct gguf *g, const void *bytes, size_t n)
{
    finding_unless(spn_buf_add(&g->body, bytes, n) == SPN_OK);
}

static void put_u32(struct gguf *g, uint32_t v)
{
    put(g, &v, 4);
}

static void put_text(struct gguf *g, const void *s, uint64_t n)
{
    put(g, &n, 8);
    put(g, s, n);
}

static void key(struct gguf *g, const char *name, uint32_t type)
{
    g->keys++;
    put_text(g, name, strlen(name));
    put_u32(g, type);
}

static void key_text(struct gguf *g, const char *name, const char *value)
{
    key(g, name, 8);
    put_text(g, value, strlen(value));
}

static void array(struct gguf *g, const char *name, uint32_t type, uint64_t n)
{
    key(g, name, 9);
    put_u32(g, type);
    put(g, &n, 8);
}

/* A length past 250 stands for a text that is longer than any token may be. */
static void texts(struct gguf *g, const char *name, size_t n, struct cursor *c)
{
    static char absurd[5000];

    array(g, name, 8, n);
    for (size_t i = 0; i < n; i++) {
        size_t length = byte(c);

        if (length > 250) {
            memset(absurd, 'a', sizeof absurd);
            put_text(g, absurd, sizeof absurd);
            continue;
        }
        if (length > c->left)
            length = c->left;
        put_text(g, c->p, length);
        c->p += length;
        c->left -= length;
    }
}

/* As many entries as there are tokens, or more or fewer by WRONG. */
static size_t count(size_t n, unsigned wrong)
{
    return wrong == 1 ? n + 1 : wrong == 2 && n > 0 ? n - 1 : n;
}

static void build(struct gguf *g, struct cursor *c)
{
    static const char *const pre[] = { "gpt-2",       "llama-bpe", "qwen2",   "falcon",
                                       "deepseek-v3", "tekken",    "default", "no such name" };
    static const char *const model[] = { "llama", "gpt2", "gpt2", "bert" };
    uint8_t kind = byte(c), has = byte(c), n = byte(c), wrong = byte(c), bos = byte(c),
            eos = byte(c);
    uint8_t merges = byte(c), more = byte(c);

    key_text(g, "general.architecture", "llama");
    if (has & 1)
        key_text(g, "general.name", "Phi-3 mini");
    key_text(g, "tokenizer.ggml.model", model[kind & 3]);
    if (!(has & 2))
        key_text(g, "tokenizer.ggml.pre", pre[kind >> 2 & 7]);
    texts(g, "tokenizer.ggml.tokens", n, c);
    if (!(has & 4)) {
        size_t scores = count(n, wrong & 3);

        array(g, "tokenizer.ggml.scores", 6, scores);
        for (size_t i = 0; i < scores; i++) {
            uint8_t b = byte(c);
            float score = b == 0x80 ? (more & 1 ? NAN : -1e30f) : (int8_t)b;

            put(g, &score, 4);
        }
    }
    if (!(has & 8)) {
        size_t types = count(n, wrong >> 2 & 3);

        array(g, "tokenizer.ggml.token_type", 5, types);
        for (size_t i = 0; i < types; i++) {
            uint8_t b = byte(c);

            put_u32(g, (uint32_t)(b == 0xff ? -1 : b % 8));
        }
    }
    if (!(has & 16))
        texts(g, "tokenizer.ggml.merges", merges, c);
    if (has & 32) {
        key(g, "tokenizer.ggml.bos_token_id", 4);
        put_u32(g, bos == 0xff ? UINT32_MAX : bos);
        key(g, "tokenizer.ggml.eos_token_id", 5);
        put_u32(g, eos == 0xff ? (uint32_t)INT32_MIN : eos);
    }
    if (has & 64) {
        key(g, "tokenizer.ggml.add_bos_token", 7);
        put(g, &(uint8_t){ more >> 1 & 1 }, 1);
        key(g, "tokenizer.ggml.add_space_prefix", 7);
        put(g, &(uint8_t){ more >> 2 & 1 }, 1);
    }
    if (has & 128)
        key_text(g, "tokenizer.chat_template", "<|im_start|>");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = { data, size };
    struct gguf g = { SPN_BUF_INIT(8 << 20), 0 };
    struct spn_buf file = SPN_BUF_INIT(8 << 20);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    struct spn_tokenizer *t = NULL;
    const uint32_t version = 3;
    const uint64_t tensors = 0;
    static const char pad[64];

    build(&g, &c);
    finding_unless(
        spn_buf_add(&file, "GGUF", 4) == SPN_OK && spn_buf_add(&file, &version, 4) == SPN_OK &&
        spn_buf_add(&file, &tensors, 8) == SPN_OK && spn_buf_add(&file, &g.keys, 8) == SPN_OK &&
        spn_buf_add(&file, g.body.data, g.body.length) == SPN_OK &&
        spn_buf_add(&file, pad, sizeof pad) == SPN_OK);
    if (spn_reader_open_memory(&r, "gguf", file.data, file.length, &err) == SPN_OK) {
        if (spn_tokenizer_open(&t, r, &err) == SPN_OK)
            check_tokenizer_take(t, (const char *)c.p, c.left);
        else
            check_refusal(t, &err);
    }
    spn_reader_close(r);
    spn_buf_free(&file);
    spn_buf_free(&g.body);
    return 0;
}

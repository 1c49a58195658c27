/* test_hollow.h - GGUF files of a llama whose weights are a hole in the file. */
#ifndef LM_TEST_HOLLOW_H
#define LM_TEST_HOLLOW_H
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tensor/dtype.h"

struct raw {
    unsigned char b[1 << 16];
    size_t n;
};

static void put(struct raw *r, const void *p, size_t n)
{
    if (r->n + n <= sizeof r->b) {
        memcpy(r->b + r->n, p, n);
        r->n += n;
    }
}

static void put_u32(struct raw *r, uint32_t v) { put(r, &v, 4); }
static void put_u64(struct raw *r, uint64_t v) { put(r, &v, 8); }

static void put_text(struct raw *r, const char *s)
{
    put_u64(r, strlen(s));
    put(r, s, strlen(s));
}

static void put_int(struct raw *r, const char *key, uint32_t v)
{
    put_text(r, key);
    put_u32(r, 4);
    put_u32(r, v);
}

static void put_float(struct raw *r, const char *key, float v)
{
    put_text(r, key);
    put_u32(r, 6);
    put(r, &v, 4);
}

static void put_info(struct raw *r, const char *name, int n_dims, uint64_t a, uint64_t b,
                     uint64_t *offset)
{
    put_text(r, name);
    put_u32(r, (uint32_t)n_dims);
    put_u64(r, a);
    if (n_dims == 2)
        put_u64(r, b);
    put_u32(r, SPN_F32);
    put_u64(r, *offset);
    *offset += (a * (n_dims == 2 ? b : 1) * 4 + 31) / 32 * 32;
}

/* A llama of these numbers, its weights a hole in the file. */
static bool hollow(const char *path, const char *arch, uint32_t layers, uint32_t heads, uint32_t kv,
                   uint64_t embd, uint64_t ff, uint64_t vocab, uint32_t listed)
{
    static const char *const names[] = { "attn_norm",   "ffn_norm", "attn_q", "attn_k",  "attn_v",
                                         "attn_output", "ffn_gate", "ffn_up", "ffn_down" };
    static struct raw r;
    char name[64];
    uint64_t offset = 0;
    FILE *f;
    bool done;

    r.n = 0;
    put(&r, "GGUF", 4);
    put_u32(&r, 3);
    put_u64(&r, 2 + 9 * (uint64_t)listed);
    put_u64(&r, 8);
    put_text(&r, "general.architecture");
    put_u32(&r, 8);
    put_text(&r, arch);
    snprintf(name, sizeof name, "%s.", arch);
    put_int(&r, "llama.context_length", 512);
    put_int(&r, "llama.embedding_length", (uint32_t)embd);
    put_int(&r, "llama.block_count", layers);
    put_int(&r, "llama.feed_forward_length", (uint32_t)ff);
    put_int(&r, "llama.attention.head_count", heads);
    put_int(&r, "llama.attention.head_count_kv", kv);
    put_float(&r, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    put_info(&r, "token_embd.weight", 2, embd, vocab, &offset);
    put_info(&r, "output_norm.weight", 1, embd, 0, &offset);
    for (uint32_t l = 0; l < listed; l++)
        for (int i = 0; i < 9; i++) {
            uint64_t out = i == 3 || i == 4 ? embd / heads * kv : i == 6 || i == 7 ? ff : embd;

            snprintf(name, sizeof name, "blk.%u.%s.weight", l, names[i]);
            put_info(&r, name, i < 2 ? 1 : 2, i == 8 ? ff : embd, out, &offset);
        }
    f = fopen(path, "wb");
    if (f == NULL)
        return false;
    done = fwrite(r.b, 1, r.n, f) == r.n && fflush(f) == 0 &&
           ftruncate(fileno(f), (off_t)((r.n + 31) / 32 * 32 + offset)) == 0;
    return fclose(f) == 0 && done;
}

#endif

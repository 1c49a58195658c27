/* shapes.c - the tensors of CGRSeg and of its backbone, in the names of the official code. */
#include "config.h"

#include "shapes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define THREE_FOUR             \
    {                          \
        4, 4, 4, 4, 4, 4, 4, 4 \
    }

static const struct cgrseg_sizes sizes[3] = {
    { .width = { 32, 48, 120, 224 },
      .depth = { 3, 3, 9, 6 },
      .attention = 2,
      .expansion = { THREE_FOUR, THREE_FOUR, { 4, 4, 3, 3, 3, 3, 4, 4, 4 }, { 4, 4, 3, 3, 4, 4 } },
      .heads = 8,
      .key = 32,
      .value = 128,
      .down_key = 16,
      .down_value = 64,
      .side = 32,
      .channels = 128,
      .kernel = 11,
      .blocks = 5,
      .classes = 150 },
    { .width = { 32, 64, 144, 288 },
      .depth = { 4, 4, 12, 8 },
      .attention = 4,
      .expansion = { THREE_FOUR,
                     THREE_FOUR,
                     { 4, 4, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4 },
                     { 4, 4, 3, 3, 3, 3, 4, 4 } },
      .heads = 8,
      .key = 32,
      .value = 128,
      .down_key = 16,
      .down_value = 64,
      .side = 32,
      .channels = 256,
      .kernel = 11,
      .blocks = 6,
      .classes = 150 },
    { .width = { 40, 80, 192, 384 },
      .depth = { 5, 5, 15, 10 },
      .attention = 6,
      .expansion = { THREE_FOUR,
                     THREE_FOUR,
                     { 4, 4, 4, 4, 3, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4 },
                     { 4, 4, 4, 3, 3, 3, 3, 4, 4, 4 } },
      .heads = 8,
      .key = 32,
      .value = 128,
      .down_key = 16,
      .down_value = 64,
      .side = 32,
      .channels = 256,
      .kernel = 9,
      .blocks = 5,
      .classes = 150 },
};

const struct cgrseg_sizes *cgrseg_sizes_of(char variant)
{
    return variant == 'T'   ? &sizes[0]
           : variant == 'B' ? &sizes[1]
           : variant == 'L' ? &sizes[2]
                            : NULL;
}

struct list {
    cgrseg_each each;
    void *ctx;
    int result;
};

/* One tensor; the name is FMT's. NDIM and the dimensions come first. */
__attribute__((format(printf, 7, 8))) static void tensor(struct list *l, int ndim, int64_t d0,
                                                         int64_t d1, int64_t d2, int64_t d3,
                                                         const char *fmt, ...)
{
    int64_t dim[4] = { d0, d1, d2, d3 };
    char name[160];
    va_list ap;

    if (l->result < 0)
        return;
    va_start(ap, fmt);
    vsnprintf(name, sizeof name, fmt, ap);
    va_end(ap);
    l->result = l->each(l->ctx, name, ndim, dim);
}

static void norm(struct list *l, const char *name, int n)
{
    tensor(l, 1, n, 0, 0, 0, "%s.weight", name);
    tensor(l, 1, n, 0, 0, 0, "%s.bias", name);
    tensor(l, 1, n, 0, 0, 0, "%s.running_mean", name);
    tensor(l, 1, n, 0, 0, 0, "%s.running_var", name);
}

static void conv(struct list *l, const char *name, int out, int in, int kh, int kw, bool bias)
{
    tensor(l, 4, out, in, kh, kw, "%s.weight", name);
    if (bias)
        tensor(l, 1, out, 0, 0, 0, "%s.bias", name);
}

/* NAME.0 and its norm NAME.1. */
static void conv_norm(struct list *l, const char *name, int out, int in, int k)
{
    char sub[160];

    snprintf(sub, sizeof sub, "%s.0", name);
    conv(l, sub, out, in, k, k, true);
    snprintf(sub, sizeof sub, "%s.1", name);
    norm(l, sub, out);
}

#define SUB(text, ...) (snprintf(text, sizeof text, __VA_ARGS__), text)

static void attention(struct list *l, const struct cgrseg_sizes *s, const char *block, int w,
                      bool strided)
{
    int q = s->heads * s->key, v = s->heads * s->value, side = s->side / 2;
    char a[120], t[160];

    tensor(l, 3, w, 1, 1, 0, "%s.layer_scale_1", block);
    SUB(a, "%s.token_mixer", block);
    if (strided)
        conv_norm(l, SUB(t, "%s.stride_conv", a), w, 1, 3);
    conv_norm(l, SUB(t, "%s.q", a), q, w, 1);
    conv_norm(l, SUB(t, "%s.k", a), q, w, 1);
    conv_norm(l, SUB(t, "%s.v", a), v, w, 1);
    conv_norm(l, SUB(t, "%s.v_local", a), v, 1, 3);
    conv(l, SUB(t, "%s.talking_head1", a), s->heads, s->heads, 1, 1, true);
    conv(l, SUB(t, "%s.talking_head2", a), s->heads, s->heads, 1, 1, true);
    conv(l, SUB(t, "%s.proj.1", a), w, v, 1, 1, true);
    norm(l, SUB(t, "%s.proj.2", a), w);
    tensor(l, 2, s->heads, side * side, 0, 0, "%s.attention_biases_seg", a);
}

static void stage(struct list *l, const struct cgrseg_sizes *s, int i)
{
    int w = s->width[i];

    for (int j = 0; j < s->depth[i]; j++) {
        char block[100], t[160];
        int hidden = w * s->expansion[i][j];

        SUB(block, "backbone.network.%d.%d", 2 * i, j);
        if (i > 1 && j >= s->depth[i] - s->attention)
            attention(l, s, block, w, i == 2);
        tensor(l, 3, w, 1, 1, 0, "%s.layer_scale_2", block);
        conv(l, SUB(t, "%s.mlp.fc1", block), hidden, w, 1, 1, true);
        norm(l, SUB(t, "%s.mlp.norm1", block), hidden);
        conv(l, SUB(t, "%s.mlp.mid", block), hidden, 1, 3, 3, true);
        norm(l, SUB(t, "%s.mlp.mid_norm", block), hidden);
        conv(l, SUB(t, "%s.mlp.fc2", block), w, hidden, 1, 1, true);
        norm(l, SUB(t, "%s.mlp.norm2", block), w);
    }
}

static void embed_attention(struct list *l, const struct cgrseg_sizes *s)
{
    int w = s->width[2], to = s->width[3], q = s->heads * s->down_key, v = s->heads * s->down_value;

    conv(l, "backbone.network.5.attn.q.local.0", w, 1, 3, 3, true);
    conv_norm(l, "backbone.network.5.attn.q.proj", q, w, 1);
    conv_norm(l, "backbone.network.5.attn.k", q, w, 1);
    conv_norm(l, "backbone.network.5.attn.v", v, w, 1);
    conv_norm(l, "backbone.network.5.attn.v_local", v, 1, 3);
    conv(l, "backbone.network.5.attn.proj.1", to, v, 1, 1, true);
    norm(l, "backbone.network.5.attn.proj.2", to);
    tensor(l, 2, s->heads, s->side * s->side, 0, 0, "backbone.network.5.attn.attention_biases_seg");
    conv(l, "backbone.network.5.conv", to, w, 3, 3, true);
    norm(l, "backbone.network.5.bn", to);
}

static void backbone(struct list *l, const struct cgrseg_sizes *s)
{
    char t[160];

    conv(l, "backbone.patch_embed.0", s->width[0] / 2, 3, 3, 3, true);
    norm(l, "backbone.patch_embed.1", s->width[0] / 2);
    conv(l, "backbone.patch_embed.3", s->width[0], s->width[0] / 2, 3, 3, true);
    norm(l, "backbone.patch_embed.4", s->width[0]);
    for (int i = 0; i < 4; i++) {
        stage(l, s, i);
        if (i < 2) {
            conv(l, SUB(t, "backbone.network.%d.proj", 2 * i + 1), s->width[i + 1], s->width[i], 3,
                 3, true);
            norm(l, SUB(t, "backbone.network.%d.norm", 2 * i + 1), s->width[i + 1]);
        } else if (i == 2) {
            embed_attention(l, s);
        }
    }
}

static void rcm(struct list *l, const struct cgrseg_sizes *s, const char *block, int c)
{
    char t[160];

    tensor(l, 1, c, 0, 0, 0, "%s.gamma", block);
    conv(l, SUB(t, "%s.token_mixer.dwconv_hw", block), c, 1, 3, 3, true);
    conv(l, SUB(t, "%s.token_mixer.excite.0", block), c, 1, 1, s->kernel, true);
    norm(l, SUB(t, "%s.token_mixer.excite.1", block), c);
    conv(l, SUB(t, "%s.token_mixer.excite.3", block), c, 1, s->kernel, 1, true);
    norm(l, SUB(t, "%s.norm", block), c);
    conv(l, SUB(t, "%s.mlp.fc1", block), 2 * c, c, 1, 1, true);
    conv(l, SUB(t, "%s.mlp.fc2", block), c, 2 * c, 1, 1, true);
}

static void head(struct list *l, const struct cgrseg_sizes *s)
{
    int ch = s->channels, all = s->width[1] + s->width[2] + s->width[3];
    char t[160];

    conv(l, "decode_head.conv_seg", s->classes, ch, 1, 1, true);
    conv(l, "decode_head.linear_fuse.conv", ch, 1, 1, 1, false);
    norm(l, "decode_head.linear_fuse.bn", ch);
    for (int i = 0; i < s->blocks; i++)
        rcm(l, s, SUB(t, "decode_head.trans.transformer_blocks.%d", i), all);
    for (int i = 0; i < 3; i++) {
        rcm(l, s, SUB(t, "decode_head.meta.%d", i), s->width[i + 1]);
        for (int k = 1; k < 3; k++) {
            conv(l, SUB(t, "decode_head.SIM.%d.fuse%d.conv", i, k), ch, s->width[i + 1], 1, 1,
                 false);
            norm(l, SUB(t, "decode_head.SIM.%d.fuse%d.bn", i, k), ch);
        }
        if (i < 2)
            conv(l, SUB(t, "decode_head.conv.%d", i), s->width[i + 1], ch, 1, 1, true);
    }
    conv(l, "decode_head.lgc.conv_mask", 1, ch, 1, 1, true);
    conv(l, "decode_head.lgc.channel_mul_conv.0", ch, ch, 1, 1, true);
    tensor(l, 3, ch, 1, 1, 0, "decode_head.lgc.channel_mul_conv.1.weight");
    tensor(l, 3, ch, 1, 1, 0, "decode_head.lgc.channel_mul_conv.1.bias");
    conv(l, "decode_head.lgc.channel_mul_conv.3", ch, ch, 1, 1, true);
}

int cgrseg_tensors(const struct cgrseg_sizes *s, cgrseg_each each, void *ctx)
{
    struct list l = { each, ctx, 0 };

    backbone(&l, s);
    head(&l, s);
    return l.result;
}

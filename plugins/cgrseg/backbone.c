/* backbone.c - EfficientFormerV2: blocks of 1 x 1, 3 x 3 a channel, 1 x 1, and attention with
 * position biases in the last blocks of the late stages. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "media/resample.h"
#include "network.h"

/* One line of a layer: CONV at NAME.0, its norm at NAME.1. */
static spn_val conv_norm(struct spn_vnet *n, spn_val x, const char *name, int stride, int pad,
                         spn_val more)
{
    struct spn_vconv c = { .conv = spn_vnet_name(n, "%s.0", name),
                           .bn = spn_vnet_name(n, "%s.1", name),
                           .stride = stride,
                           .pad_h = pad,
                           .pad_w = pad };

    return spn_vnet_conv(n, x, &c, more);
}

/* x + ls2 fc2(gelu(mid(gelu(fc1 x)))). */
static spn_val ffn(struct spn_vnet *n, spn_val x, const char *block)
{
    struct spn_vconv fc1 = { .conv = spn_vnet_name(n, "%s.mlp.fc1", block),
                             .bn = spn_vnet_name(n, "%s.mlp.norm1", block),
                             .act = SPN_ACT_GELU };
    struct spn_vconv mid = { .conv = spn_vnet_name(n, "%s.mlp.mid", block),
                             .bn = spn_vnet_name(n, "%s.mlp.mid_norm", block),
                             .pad_h = 1,
                             .pad_w = 1,
                             .act = SPN_ACT_GELU };
    struct spn_vconv fc2 = { .conv = spn_vnet_name(n, "%s.mlp.fc2", block),
                             .bn = spn_vnet_name(n, "%s.mlp.norm2", block),
                             .scale = spn_vnet_name(n, "%s.layer_scale_2", block) };

    return spn_vnet_conv(n, spn_vnet_conv(n, spn_vnet_conv(n, x, &fc1, -1), &mid, -1), &fc2, x);
}

/* ---- position biases ---- */

struct biases {
    const char *table;
    int64_t heads, side; /* of the keys' map that the table was made for */
    bool down;           /* queries stand at every second place */
    int64_t nq, nk;
};

/* The table [heads, side^2] spread to all pairs of the map it was made for, then resized as a
   matrix of tokens: what the official code does, odd as it is. */
static spn_status make_bias(struct spn_vnet *n, void *ctx, float *to, struct spn_err *err)
{
    const struct biases *b = ctx;
    int64_t side = b->side, step = b->down ? 2 : 1, q_side = b->down ? (side + 1) / 2 : side;
    int64_t q0 = q_side * q_side, k0 = side * side;
    float *table = NULL, *pairs = spn_calloc((size_t)(q0 * k0), sizeof *pairs);
    spn_status st = spn_vnet_read(n, b->table, b->heads * side * side, &table, err);

    if (st == SPN_OK && pairs == NULL)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its biases", b->table);
    for (int64_t h = 0; st == SPN_OK && h < b->heads; h++) {
        for (int64_t q = 0; q < q0; q++)
            for (int64_t k = 0; k < k0; k++) {
                int64_t dy = step * (q / q_side) - k / side, dx = step * (q % q_side) - k % side;

                dy = dy < 0 ? -dy : dy;
                dx = dx < 0 ? -dx : dx;
                pairs[q * k0 + k] = table[h * k0 + dy * side + dx];
            }
        if (q0 == b->nq && k0 == b->nk)
            memcpy(to + h * q0 * k0, pairs, (size_t)(q0 * k0) * sizeof *to);
        else
            st = spn_resize_f32(to + h * b->nq * b->nk, b->nq, b->nk, pairs, q0, k0,
                                SPN_FILTER_BICUBIC, err);
    }
    spn_free(table);
    spn_free(pairs);
    return st;
}

static spn_val bias(struct spn_vnet *n, const char *mixer, bool down, int64_t nq, int64_t nk,
                    int *heads)
{
    struct biases b = { .table = spn_vnet_name(n, "%s.attention_biases_seg", mixer),
                        .down = down,
                        .nq = nq,
                        .nk = nk };
    int64_t size = spn_vnet_dim(n, b.table, 1);

    b.heads = spn_vnet_dim(n, b.table, 0);
    b.side = (int64_t)floor(sqrt((double)size) + 0.5);
    if (b.heads < 1 || b.heads > 64 || size < 1 || size > 4096 || b.side * b.side != size)
        return spn_vnet_fail(n, SPN_EFORMAT,
                             "%s: %lld heads and %lld offsets, wanted 1 to 64 and a square up to "
                             "4096",
                             b.table, (long long)b.heads, (long long)size);
    *heads = (int)b.heads;
    return spn_vnet_constant(n, b.table, 3, (int64_t[]){ b.heads, nq, nk }, false, make_bias, &b);
}

static int64_t places(struct spn_vnet *n, spn_val v)
{
    return spn_vnet_size(n, v, 1) * spn_vnet_size(n, v, 2);
}

/* Attention of q, k and v with MIXER's biases and, where it has them, talking heads. */
static spn_val attend(struct spn_vnet *n, const char *mixer, bool down, spn_val q, spn_val k,
                      spn_val v)
{
    struct spn_attend a = { 0 };
    const char *mix1 = spn_vnet_name(n, "%s.talking_head1", mixer),
               *mix2 = spn_vnet_name(n, "%s.talking_head2", mixer);
    spn_val b, m1 = -1, m2 = -1;

    if (q == -1 || k == -1 || v == -1)
        return -1;
    b = bias(n, mixer, down, places(n, q), places(n, k), &a.heads);
    if (!down) {
        m1 = spn_vnet_mix(n, mix1);
        m2 = spn_vnet_mix(n, mix2);
    }
    if (b == -1 || (!down && (m1 == -1 || m2 == -1)))
        return -1;
    a.dim_k = (int)(spn_vnet_size(n, q, 3) / a.heads);
    a.dim_v = (int)(spn_vnet_size(n, v, 3) / a.heads);
    a.scale = 1.0f / sqrtf((float)(a.dim_k > 0 ? a.dim_k : 1));
    return spn_op_attend(spn_vnet_plan(n), q, k, v, b, m1, m2, &a);
}

/* gelu, then proj.1 with its norm; plus MORE. */
static spn_val project(struct spn_vnet *n, const char *mixer, spn_val x, const char *scale,
                       spn_val more)
{
    struct spn_vconv c = { .conv = spn_vnet_name(n, "%s.proj.1", mixer),
                           .bn = spn_vnet_name(n, "%s.proj.2", mixer),
                           .scale = scale };

    if (x == -1)
        return -1;
    return spn_vnet_conv(n, spn_op_act(spn_vnet_plan(n), x, SPN_ACT_GELU), &c, more);
}

/* x + ls1 attn(x); at stride 2 inside where the block has a stride_conv. */
static spn_val attention_block(struct spn_vnet *n, spn_val x, const char *block)
{
    const char *mixer = spn_vnet_name(n, "%s.token_mixer", block);
    const char *narrow = spn_vnet_name(n, "%s.stride_conv", mixer);
    bool strided = spn_vnet_has(n, spn_vnet_name(n, "%s.0.weight", narrow));
    spn_val in = strided ? conv_norm(n, x, narrow, 2, 1, -1) : x, q, k, v, o;

    q = conv_norm(n, in, spn_vnet_name(n, "%s.q", mixer), 1, 0, -1);
    k = conv_norm(n, in, spn_vnet_name(n, "%s.k", mixer), 1, 0, -1);
    v = conv_norm(n, in, spn_vnet_name(n, "%s.v", mixer), 1, 0, -1);
    o = attend(n, mixer, false, q, k, v);
    o = o == -1 ? -1 : conv_norm(n, v, spn_vnet_name(n, "%s.v_local", mixer), 1, 1, o);
    if (o == -1)
        return -1;
    if (strided)
        o = spn_op_resize(spn_vnet_plan(n), o, 2 * spn_vnet_size(n, o, 1),
                          2 * spn_vnet_size(n, o, 2), false);
    return project(n, mixer, o, spn_vnet_name(n, "%s.layer_scale_1", block), x);
}

/* Half the size: a convolution plus attention of every second place to all. */
static spn_val embed_attention(struct spn_vnet *n, spn_val x, const char *embed)
{
    const char *mixer = spn_vnet_name(n, "%s.attn", embed);
    struct spn_vconv conv = { .conv = spn_vnet_name(n, "%s.conv", embed),
                              .bn = spn_vnet_name(n, "%s.bn", embed),
                              .stride = 2,
                              .pad_h = 1,
                              .pad_w = 1 };
    struct spn_vconv local = { .conv = spn_vnet_name(n, "%s.q.local.0", mixer),
                               .stride = 2,
                               .pad_h = 1,
                               .pad_w = 1,
                               .centre = 1 };
    spn_val y = spn_vnet_conv(n, x, &conv, -1), q, k, v, o;

    q = conv_norm(n, spn_vnet_conv(n, x, &local, -1), spn_vnet_name(n, "%s.q.proj", mixer), 1, 0,
                  -1);
    k = conv_norm(n, x, spn_vnet_name(n, "%s.k", mixer), 1, 0, -1);
    v = conv_norm(n, x, spn_vnet_name(n, "%s.v", mixer), 1, 0, -1);
    o = attend(n, mixer, true, q, k, v);
    o = o == -1 ? -1 : conv_norm(n, v, spn_vnet_name(n, "%s.v_local", mixer), 2, 1, o);
    return y == -1 ? -1 : project(n, mixer, o, NULL, y);
}

static spn_val stage(struct spn_vnet *n, spn_val x, const char *prefix, int i)
{
    for (int j = 0;; j++) {
        const char *block = spn_vnet_name(n, "%snetwork.%d.%d", prefix, i, j);

        if (!spn_vnet_has(n, spn_vnet_name(n, "%s.mlp.fc1.weight", block)) || x == -1)
            return x;
        if (spn_vnet_has(n, spn_vnet_name(n, "%s.token_mixer.q.0.weight", block)))
            x = attention_block(n, x, block);
        x = ffn(n, x, block);
    }
}

static spn_val embed_conv(struct spn_vnet *n, spn_val x, const char *prefix, int i)
{
    struct spn_vconv c = { .conv = spn_vnet_name(n, "%snetwork.%d.proj", prefix, i),
                           .bn = spn_vnet_name(n, "%snetwork.%d.norm", prefix, i),
                           .stride = 2,
                           .pad_h = 1,
                           .pad_w = 1 };

    return spn_vnet_conv(n, x, &c, -1);
}

static spn_val stem(struct spn_vnet *n, spn_val x, const char *prefix)
{
    for (int i = 0; i < 6; i += 3) {
        struct spn_vconv c = { .conv = spn_vnet_name(n, "%spatch_embed.%d", prefix, i),
                               .bn = spn_vnet_name(n, "%spatch_embed.%d", prefix, i + 1),
                               .stride = 2,
                               .pad_h = 1,
                               .pad_w = 1,
                               .act = SPN_ACT_GELU };

        x = spn_vnet_conv(n, x, &c, -1);
    }
    return x;
}

void ef2_backbone(struct spn_vnet *n, const char *prefix, spn_val x, spn_val maps[4])
{
    static const char *const names[4] = { "stage 1", "stage 2", "stage 3", "stage 4" };

    spn_vnet_stage(n, "stem");
    x = stem(n, x, prefix);
    spn_vnet_show(n, "stem", x);
    for (int i = 0; i < 7; i++) {
        if (i % 2 == 0) {
            spn_vnet_stage(n, names[i / 2]);
            x = maps[i / 2] = stage(n, x, prefix, i);
        } else if (i < 5) {
            x = embed_conv(n, x, prefix, i);
        } else {
            x = embed_attention(n, x, spn_vnet_name(n, "%snetwork.%d", prefix, i));
        }
        spn_vnet_show(n, spn_vnet_name(n, "network %d", i), x);
    }
}

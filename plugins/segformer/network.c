/* network.c - overlapping patches, attention with fewer keys, a 3 x 3 inside the MLP; the decoder
 * is one linear map a stage, brought to one size and mixed. */
#include "config.h"

#include "network.h"

#include <math.h>

#include "tensor/ops.h"

#define ENCODER "segformer.encoder"
#define EPS     1e-5f

static spn_val linear(struct spn_vnet *n, spn_val x, const char *name, spn_val more)
{
    struct spn_vconv c = { .conv = name };

    return spn_vnet_conv(n, x, &c, more);
}

/* softmax(q k / sqrt d) v; the keys' map is reduced by a filter of its own stride. */
static spn_val attention(struct spn_vnet *n, spn_val x, const char *block, int heads, int reduce,
                         spn_val more)
{
    const char *self = spn_vnet_name(n, "%s.attention.self", block);
    struct spn_attend a = { .heads = heads };
    spn_val q = linear(n, x, spn_vnet_name(n, "%s.query", self), -1), k, v;
    int64_t width = spn_vnet_size(n, q, 3);

    if (reduce > 1) {
        struct spn_vconv c = { .conv = spn_vnet_name(n, "%s.sr", self), .stride = reduce };

        x = spn_vnet_layer_norm(n, spn_vnet_conv(n, x, &c, -1),
                                spn_vnet_name(n, "%s.layer_norm", self), EPS);
    }
    k = linear(n, x, spn_vnet_name(n, "%s.key", self), -1);
    v = linear(n, x, spn_vnet_name(n, "%s.value", self), -1);
    if (q == -1 || k == -1 || v == -1)
        return -1;
    if (width % heads != 0)
        return spn_vnet_fail(n, SPN_EFORMAT, "%s: %lld channels, %d heads", block, (long long)width,
                             heads);
    a.dim_k = a.dim_v = (int)(width / heads);
    a.scale = 1.0f / sqrtf((float)a.dim_k);
    return linear(n, spn_op_attend(spn_vnet_plan(n), q, k, v, -1, -1, -1, &a),
                  spn_vnet_name(n, "%s.attention.output.dense", block), more);
}

static spn_val mlp(struct spn_vnet *n, spn_val x, const char *block, spn_val more)
{
    struct spn_vconv each = { .conv = spn_vnet_name(n, "%s.mlp.dwconv.dwconv", block),
                              .pad_h = 1,
                              .pad_w = 1,
                              .act = SPN_ACT_GELU };

    x = linear(n, x, spn_vnet_name(n, "%s.mlp.dense1", block), -1);
    return linear(n, spn_vnet_conv(n, x, &each, -1), spn_vnet_name(n, "%s.mlp.dense2", block),
                  more);
}

static spn_val stage(struct spn_vnet *n, spn_val x, int i, const struct segformer_config *c)
{
    const char *patch = spn_vnet_name(n, ENCODER ".patch_embeddings.%d", i);
    struct spn_vconv embed = { .conv = spn_vnet_name(n, "%s.proj", patch), .stride = c->stride[i] };

    embed.pad_h = (int)spn_vnet_dim(n, spn_vnet_name(n, "%s.weight", embed.conv), 2) / 2;
    embed.pad_w = (int)spn_vnet_dim(n, spn_vnet_name(n, "%s.weight", embed.conv), 3) / 2;
    x = spn_vnet_layer_norm(n, spn_vnet_conv(n, x, &embed, -1),
                            spn_vnet_name(n, "%s.layer_norm", patch), EPS);
    for (int j = 0; x != -1; j++) {
        const char *block = spn_vnet_name(n, ENCODER ".block.%d.%d", i, j);

        if (!spn_vnet_has(n, spn_vnet_name(n, "%s.mlp.dense1.weight", block)))
            break;
        x = attention(n, spn_vnet_layer_norm(n, x, spn_vnet_name(n, "%s.layer_norm_1", block), EPS),
                      block, c->heads[i], c->reduce[i], x);
        x = mlp(n, spn_vnet_layer_norm(n, x, spn_vnet_name(n, "%s.layer_norm_2", block), EPS),
                block, x);
    }
    return spn_vnet_layer_norm(n, x, spn_vnet_name(n, ENCODER ".layer_norm.%d", i), EPS);
}

static spn_val decode(struct spn_vnet *n, const spn_val maps[SEGFORMER_STAGES])
{
    struct spn_vconv fuse = { .conv = "decode_head.linear_fuse",
                              .bn = "decode_head.batch_norm",
                              .act = SPN_ACT_RELU };
    spn_val level[SEGFORMER_STAGES];

    for (int i = 0; i < SEGFORMER_STAGES; i++) {
        spn_val v = linear(n, maps[i], spn_vnet_name(n, "decode_head.linear_c.%d.proj", i), -1);

        if (v == -1)
            return -1;
        if (i > 0)
            v = spn_op_resize(spn_vnet_plan(n), v, spn_vnet_size(n, maps[0], 1),
                              spn_vnet_size(n, maps[0], 2), false);
        level[SEGFORMER_STAGES - 1 - i] = v; /* the coarsest first */
    }
    return linear(n,
                  spn_vnet_conv(n, spn_op_concat(spn_vnet_plan(n), level, SEGFORMER_STAGES), &fuse,
                                -1),
                  "decode_head.classifier", -1);
}

spn_val segformer_build(struct spn_vnet *n, spn_val x, const void *config)
{
    static const char *const names[SEGFORMER_STAGES] = { "stage 1", "stage 2", "stage 3",
                                                         "stage 4" };
    spn_val maps[SEGFORMER_STAGES];

    for (int i = 0; i < SEGFORMER_STAGES; i++) {
        spn_vnet_stage(n, names[i]);
        x = maps[i] = stage(n, x, i, config);
        if (x == -1)
            return -1;
    }
    spn_vnet_stage(n, "decoder");
    return decode(n, maps);
}

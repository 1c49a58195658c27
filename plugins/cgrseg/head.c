/* head.c - CGRSeg's head: context of all levels, spatial features made again from coarse to fine,
 * and the class prototypes that weigh the channels. */
#include "config.h"

#include "network.h"
#include "tensor/ops.h"

/* RCA: a strip a row and a strip a column mark a rectangle, two strip convolutions shape it, and
   what comes out gates a 3 x 3 map. */
static spn_val rca(struct spn_vnet *n, spn_val x, const char *mixer)
{
    struct spn_plan *p = spn_vnet_plan(n);
    const char *wide = spn_vnet_name(n, "%s.excite.0", mixer),
               *tall = spn_vnet_name(n, "%s.excite.3", mixer);
    int k_wide = (int)spn_vnet_dim(n, spn_vnet_name(n, "%s.weight", wide), 3),
        k_tall = (int)spn_vnet_dim(n, spn_vnet_name(n, "%s.weight", tall), 2);
    struct spn_vconv local = { .conv = spn_vnet_name(n, "%s.dwconv_hw", mixer),
                               .pad_h = 1,
                               .pad_w = 1 };
    struct spn_vconv first = { .conv = wide,
                               .bn = spn_vnet_name(n, "%s.excite.1", mixer),
                               .pad_w = k_wide / 2,
                               .act = SPN_ACT_RELU };
    struct spn_vconv second = { .conv = tall, .pad_h = k_tall / 2, .act = SPN_ACT_SIGMOID };
    spn_val here = spn_vnet_conv(n, x, &local, -1), gate;

    if (here == -1)
        return -1;
    gate = spn_op_spread_add(p, spn_op_pool(p, x, spn_vnet_size(n, x, 1), 1),
                             spn_op_pool(p, x, 1, spn_vnet_size(n, x, 2)));
    gate = spn_vnet_conv(n, spn_vnet_conv(n, gate, &first, -1), &second, -1);
    if (gate == -1)
        return -1;
    spn_vnet_show(n, spn_vnet_name(n, "gate %s", mixer), gate);
    return spn_op_spread_mul(p, gate, here);
}

/* RCM: x + gamma fc2(gelu(fc1(norm(rca(x))))). */
static spn_val rcm(struct spn_vnet *n, spn_val x, const char *block)
{
    struct spn_vconv fc1 = { .conv = spn_vnet_name(n, "%s.mlp.fc1", block),
                             .bn_before = spn_vnet_name(n, "%s.norm", block),
                             .act = SPN_ACT_GELU };
    struct spn_vconv fc2 = { .conv = spn_vnet_name(n, "%s.mlp.fc2", block),
                             .scale = spn_vnet_name(n, "%s.gamma", block) };
    spn_val y = rca(n, x, spn_vnet_name(n, "%s.token_mixer", block));

    return y == -1 ? -1 : spn_vnet_conv(n, spn_vnet_conv(n, y, &fc1, -1), &fc2, x);
}

/* Maps of the three levels pooled to half the smallest, one above the other, through the blocks of
   context; G gets each level's channels of it. */
static void context(struct spn_vnet *n, const spn_val x[3], spn_val g[3])
{
    struct spn_plan *p = spn_vnet_plan(n);
    int64_t h = (spn_vnet_size(n, x[2], 1) - 1) / 2 + 1,
            w = (spn_vnet_size(n, x[2], 2) - 1) / 2 + 1, first = 0;
    spn_val pooled[3], t;

    for (int i = 0; i < 3; i++)
        pooled[i] = spn_op_pool(p, x[i], h, w);
    t = spn_op_concat(p, pooled, 3);
    spn_vnet_show(n, "ppa", t);
    for (int i = 0; t != -1; i++) {
        const char *block = spn_vnet_name(n, "decode_head.trans.transformer_blocks.%d", i);

        if (!spn_vnet_has(n, spn_vnet_name(n, "%s.gamma", block)))
            break;
        t = rcm(n, t, block);
    }
    spn_vnet_show(n, "trans", t);
    for (int i = 0; i < 3; i++) {
        int64_t width = spn_vnet_size(n, x[i], 3);

        g[i] = t == -1 ? -1 : spn_op_slice(p, t, first, width);
        first += width;
    }
}

/* fuse1(l) * up(hard sigmoid(fuse2(g))). */
static spn_val sim(struct spn_vnet *n, spn_val l, spn_val g, int i)
{
    struct spn_plan *p = spn_vnet_plan(n);
    struct spn_vconv local = { .conv = spn_vnet_name(n, "decode_head.SIM.%d.fuse1.conv", i),
                               .bn = spn_vnet_name(n, "decode_head.SIM.%d.fuse1.bn", i) };
    struct spn_vconv global = { .conv = spn_vnet_name(n, "decode_head.SIM.%d.fuse2.conv", i),
                                .bn = spn_vnet_name(n, "decode_head.SIM.%d.fuse2.bn", i),
                                .act = SPN_ACT_HARD_SIGMOID };
    spn_val a = spn_vnet_conv(n, l, &local, -1), b = spn_vnet_conv(n, g, &global, -1);

    if (a == -1 || b == -1)
        return -1;
    b = spn_op_resize(p, b, spn_vnet_size(n, l, 1), spn_vnet_size(n, l, 2), false);
    return spn_op_spread_mul(p, a, b);
}

/* From the coarsest level to the finest. */
static spn_val top_down(struct spn_vnet *n, const spn_val x[3], const spn_val g[3])
{
    static const char *const names[3] = { "r0", "r1", "r2" };
    spn_val r = -1;

    for (int i = 2; i >= 0; i--) {
        struct spn_vconv c = { .conv = spn_vnet_name(n, "decode_head.conv.%d", i) };
        spn_val l = x[i];

        if (i < 2) {
            if (r == -1)
                return -1;
            l = spn_op_resize(spn_vnet_plan(n), r, spn_vnet_size(n, x[i], 1),
                              spn_vnet_size(n, x[i], 2), false);
            l = spn_vnet_conv(n, l, &c, x[i]);
        }
        r = sim(n, rcm(n, l, spn_vnet_name(n, "decode_head.meta.%d", i)), g[i], i);
        spn_vnet_show(n, names[i], r);
    }
    return r;
}

/* DPG: a first answer pools a prototype a class, attention pools these to one vector, which weighs
   the channels of x. */
static spn_val prototypes(struct spn_vnet *n, spn_val x)
{
    struct spn_plan *p = spn_vnet_plan(n);
    struct spn_vconv fuse = { .conv = "decode_head.linear_fuse.conv",
                              .bn = "decode_head.linear_fuse.bn",
                              .act = SPN_ACT_RELU };
    struct spn_vconv classes = { .conv = "decode_head.conv_seg" };
    struct spn_vconv mask = { .conv = "decode_head.lgc.conv_mask" };
    struct spn_vconv w1 = { .conv = "decode_head.lgc.channel_mul_conv.0" };
    struct spn_vconv w2 = { .conv = "decode_head.lgc.channel_mul_conv.3", .act = SPN_ACT_SIGMOID };
    spn_val fused = spn_vnet_conv(n, x, &fuse, -1), first, proto, v;

    first = spn_vnet_conv(n, fused, &classes, -1);
    if (first == -1)
        return -1;
    spn_vnet_show(n, "linear_fuse", fused);
    spn_vnet_show(n, "first", first);
    proto = spn_op_soft_pool(p, x, first);
    spn_vnet_show(n, "prototypes", proto);
    v = spn_vnet_conv(n, proto, &mask, -1);
    if (v == -1)
        return -1;
    v = spn_vnet_conv(n, spn_op_soft_pool(p, proto, v), &w1, -1);
    v = spn_vnet_layer_norm(n, v, "decode_head.lgc.channel_mul_conv.1", 1e-5f);
    if (v == -1)
        return -1;
    v = spn_vnet_conv(n, spn_op_act(p, v, SPN_ACT_RELU), &w2, -1);
    if (v == -1)
        return -1;
    x = spn_op_add(p, spn_op_spread_mul(p, x, v), x);
    spn_vnet_show(n, "weighed", x);
    return spn_vnet_conv(n, x, &classes, -1);
}

spn_val cgrseg_head(struct spn_vnet *n, const spn_val maps[4])
{
    spn_val g[3], r;

    if (maps[1] == -1 || maps[2] == -1 || maps[3] == -1)
        return -1;
    spn_vnet_stage(n, "context");
    context(n, maps + 1, g);
    spn_vnet_stage(n, "features");
    r = top_down(n, maps + 1, g);
    spn_vnet_stage(n, "prototypes");
    return r == -1 ? -1 : prototypes(n, r);
}

spn_val cgrseg_build(struct spn_vnet *n, spn_val x, const void *config)
{
    spn_val maps[4] = { -1, -1, -1, -1 };

    ef2_backbone(n, "backbone.", x, maps);
    return cgrseg_head(n, maps);
}

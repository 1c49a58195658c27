/* forward_mix.c - layers that are not plain attention: latent attention (DeepSeek-AI 2024), Mamba
 * (Gu and Dao 2023) and Mamba 2 (Dao and Gu 2024). */
#include "config.h"

#include <math.h>

#include "lm/forward.h"

/* ---- latent attention ---- */

/* Queries [R, heads * dim_k], through a narrow layer where the model has one. */
static spn_val queries(struct lm_pass *s, spn_val x, struct spn_lm_layer *w)
{
    if (w->q_a.t.data == NULL)
        return lm_linear(s, x, &w->q, NULL);
    x = lm_linear(s, x, &w->q_a, NULL);
    x = spn_op_rms_norm(s->p, x, lm_value(s, &w->q_a_norm), s->m->shape.norm_eps);
    return lm_linear(s, x, &w->q_b, NULL);
}

/* A latent row stands for keys and values of all heads.  Absorbed, each head's query is brought to
   where it can be compared with the row itself: q (K l) = (K^T q) l, and values are made of the sum
   of latent rows afterwards.  That form alone is used with a latent store, for prompts too, so that
   a row's bytes do not depend on how it came to be run. */
spn_val lm_latent(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, int layer)
{
    const struct spn_lm_shape *h = &s->m->shape;
    int heads = (int)w->n_head;
    int64_t nope = h->dim_k - h->n_rot;
    struct spn_attention a = {
        .heads = heads,
        .heads_kv = h->expand ? heads : 1,
        .dim_k = (int)(h->expand ? h->dim_k : h->kv_rank + h->n_rot),
        .dim_v = (int)(h->expand ? h->dim_v : h->kv_rank),
        .layer = layer,
        .scale = h->attn_scale != 0 ? h->attn_scale : (float)(1 / sqrt((double)h->dim_k)),
        .latent = !h->expand,
    };
    spn_val q = queries(s, x, w), both = lm_linear(s, x, &w->kv_a, NULL), k, v, y;
    spn_val q_nope = spn_op_columns(s->p, q, heads, 0, nope);
    spn_val q_rope = lm_rotate(s, spn_op_columns(s->p, q, heads, nope, h->n_rot), h->n_rot, w);
    spn_val latent = spn_op_columns(s->p, both, 1, 0, h->kv_rank);
    spn_val k_rope = lm_rotate(s, spn_op_columns(s->p, both, 1, h->kv_rank, h->n_rot), h->n_rot, w);

    latent = spn_op_rms_norm(s->p, latent, lm_value(s, &w->kv_a_norm), h->norm_eps);
    if (h->expand) {
        spn_val again = spn_op_join(s->p, latent, latent, 1, 1);

        for (int n = 2; n < heads; n++)
            again = spn_op_join(s->p, again, latent, 1, 1);
        again = heads > 1 ? again : latent;
        k = spn_op_join(s->p, spn_op_heads(s->p, again, &w->k_b), k_rope, heads, 1);
        v = spn_op_heads(s->p, again, &w->v_b);
        q = spn_op_join(s->p, q_nope, q_rope, heads, heads);
        y = spn_op_attention(s->p, q, k, v, &a);
    } else {
        q = spn_op_join(s->p, spn_op_heads(s->p, q_nope, &w->k_b), q_rope, heads, heads);
        k = spn_op_join(s->p, latent, k_rope, 1, 1);
        y = spn_op_heads(s->p, spn_op_attention(s->p, q, k, latent, &a), &w->v_b);
    }
    return lm_linear(s, y, &w->o, &w->o_bias);
}

/* ---- states ---- */

struct spn_ssm lm_ssm_of(const struct spn_lm *m, int64_t layer)
{
    const struct spn_lm_shape *h = &m->shape;
    struct spn_ssm s = { .layer = (int)layer };

    if (m->layer[layer].mix != SPN_MIX_MAMBA && m->layer[layer].mix != SPN_MIX_MAMBA2)
        return s;
    s.own_decay = m->layer[layer].mix == SPN_MIX_MAMBA;
    s.heads = (int)(s.own_decay ? h->ssm_inner : h->ssm_rank);
    s.dim = (int)(h->ssm_inner / s.heads);
    s.state = (int)h->ssm_state;
    s.groups = s.own_decay ? 1 : (int)h->ssm_groups;
    s.conv = (int)h->ssm_conv;
    s.channels = h->ssm_inner + (s.own_decay ? 0 : 2 * h->ssm_groups * h->ssm_state);
    return s;
}

static spn_val may_rms(struct lm_pass *s, spn_val x, struct spn_weight *w)
{
    return w->t.data != NULL ? spn_op_rms_norm(s->p, x, lm_value(s, w), s->m->shape.norm_eps) : x;
}

/* Mamba: step, B and C are made of the row behind its convolution. */
static spn_val mamba(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, const struct spn_ssm *m)
{
    const struct spn_lm_shape *h = &s->m->shape;
    spn_val both = lm_linear(s, x, &w->ssm_in, NULL), parts, dt, b, c;
    spn_val gate = spn_op_columns(s->p, both, 1, h->ssm_inner, h->ssm_inner);

    x = spn_op_columns(s->p, both, 1, 0, h->ssm_inner);
    x = spn_op_ssm_conv(s->p, x, lm_value(s, &w->ssm_conv), lm_value(s, &w->ssm_conv_bias), m);
    parts = lm_linear(s, x, &w->ssm_x, NULL);
    dt = spn_op_columns(s->p, parts, 1, 0, h->ssm_rank);
    b = spn_op_columns(s->p, parts, 1, h->ssm_rank, h->ssm_state);
    c = spn_op_columns(s->p, parts, 1, h->ssm_rank + h->ssm_state, h->ssm_state);
    dt = lm_linear(s, may_rms(s, dt, &w->ssm_dt_norm), &w->ssm_dt, &w->ssm_dt_bias);
    b = may_rms(s, b, &w->ssm_b_norm);
    c = may_rms(s, c, &w->ssm_c_norm);
    x = spn_op_ssm_scan(s->p, x, dt, b, c, lm_value(s, &w->ssm_a), lm_value(s, &w->ssm_d), m);
    return lm_linear(s, spn_op_silu_mul(s->p, gate, x), &w->ssm_out, NULL);
}

/* y / root mean square, over each group of columns, times its own weights. */
static spn_val group_norm(struct lm_pass *s, spn_val x, struct spn_lm_layer *w)
{
    const struct spn_lm_shape *h = &s->m->shape;

    if (h->ssm_groups == 1)
        return spn_op_rms_norm(s->p, x, lm_value(s, &w->ssm_norm), h->norm_eps);
    x = spn_op_rms_norm(s->p, x, lm_value(s, &s->m->group_ones), h->norm_eps);
    return spn_op_mul_vec(s->p, x, lm_value(s, &w->ssm_norm));
}

/* Mamba 2: gate, row, B, C and step come of one product; all but gate and step are convolved. */
static spn_val mamba2(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, const struct spn_ssm *m)
{
    const struct spn_lm_shape *h = &s->m->shape;
    int64_t wide = h->ssm_groups * h->ssm_state;
    spn_val all = lm_linear(s, x, &w->ssm_in, NULL), b, c, dt;
    spn_val gate = spn_op_columns(s->p, all, 1, 0, h->ssm_inner);

    x = spn_op_columns(s->p, all, 1, h->ssm_inner, m->channels);
    dt = spn_op_columns(s->p, all, 1, h->ssm_inner + m->channels, h->ssm_rank);
    dt = spn_op_add_vec(s->p, dt, lm_value(s, &w->ssm_dt_bias));
    all = spn_op_ssm_conv(s->p, x, lm_value(s, &w->ssm_conv), lm_value(s, &w->ssm_conv_bias), m);
    x = spn_op_columns(s->p, all, 1, 0, h->ssm_inner);
    b = spn_op_columns(s->p, all, 1, h->ssm_inner, wide);
    c = spn_op_columns(s->p, all, 1, h->ssm_inner + wide, wide);
    x = spn_op_ssm_scan(s->p, x, dt, b, c, lm_value(s, &w->ssm_a), lm_value(s, &w->ssm_d), m);
    return lm_linear(s, group_norm(s, spn_op_silu_mul(s->p, gate, x), w), &w->ssm_out, NULL);
}

spn_val lm_mamba(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, int layer)
{
    struct spn_ssm m = lm_ssm_of(s->m, layer);

    return m.own_decay ? mamba(s, x, w, &m) : mamba2(s, x, w, &m);
}

/* forward.c - the forward pass of a decoder, written once over the op table: it trains with the
 * tape and generates with a store. */
#include "config.h"

#include <math.h>

#include "lm/bind.h"
#include "lm/forward.h"
#include "lm/lora.h"

spn_val lm_value(struct lm_pass *s, struct spn_weight *w)
{
    return w->t.data != NULL ? spn_plan_weight(s->p, w) : -1;
}

spn_val lm_linear(struct lm_pass *s, spn_val x, struct spn_weight *w, struct spn_weight *bias)
{
    spn_val y = spn_op_matmul(s->p, x, lm_value(s, w), bias != NULL ? lm_value(s, bias) : -1), low;

    for (int i = 0; i < s->m->n_lora; i++) {
        struct lm_lora *l = &s->m->lora[i];

        if (l->of != w)
            continue;
        low = spn_op_matmul(s->p, x, spn_plan_weight(s->p, &l->a), -1);
        low = spn_op_matmul(s->p, low, spn_plan_weight(s->p, &l->b), -1);
        y = spn_op_add(s->p, y, spn_op_scale(s->p, low, l->scale));
    }
    return y;
}

static float or_one(float scale)
{
    return scale != 0 ? scale : 1;
}

static spn_val scaled(struct lm_pass *s, spn_val x, float factor)
{
    return or_one(factor) != 1 ? spn_op_scale(s->p, x, factor) : x;
}

static spn_val norm(struct lm_pass *s, spn_val x, struct spn_weight *w, struct spn_weight *bias)
{
    if (s->m->arch->norm == SPN_NORM_LAYER)
        return spn_op_layer_norm(s->p, x, lm_value(s, w), bias != NULL ? lm_value(s, bias) : -1,
                                 s->m->shape.norm_eps);
    return spn_op_rms_norm(s->p, x, lm_value(s, w), s->m->shape.norm_eps);
}

/* The norm where the layer has it. */
static spn_val may_norm(struct lm_pass *s, spn_val x, struct spn_weight *w, struct spn_weight *bias)
{
    return w->t.data != NULL ? norm(s, x, w, bias) : x;
}

spn_val lm_rotate(struct lm_pass *s, spn_val x, int64_t head_dim, const struct spn_lm_layer *w)
{
    const struct spn_lm_shape *h = &s->m->shape;
    bool own_base = w->windowed && h->base_windowed > 0;
    const struct spn_rope rope = {
        .head_dim = (int)head_dim,
        .n_rot = (int)h->n_rot,
        .pairs = s->m->pairs,
        .base = own_base ? h->base_windowed : h->rope_base,
        .freq_scale = own_base ? 1 : h->rope_scale,
        .mscale = own_base ? 1 : or_one(h->rope_mscale),
    };

    return h->n_rot > 0 && !w->nope ? spn_op_rope(s->p, x, own_base ? -1 : s->divisors, &rope) : x;
}

/* q or k: [R, heads*dim_k], normed where the description says so (a head at a time, or the row),
 * then rotated by the row's position. */
static spn_val rotated(struct lm_pass *s, spn_val x, struct spn_weight *head_norm,
                       const struct spn_lm_layer *w)
{
    if (s->m->arch->qk_norm)
        x = spn_op_rms_norm(s->p, x, lm_value(s, head_norm), s->m->shape.norm_eps);
    return lm_rotate(s, x, s->m->shape.dim_k, w);
}

static spn_val attention(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, int layer)
{
    const struct spn_lm_shape *h = &s->m->shape;
    const struct spn_attention a = {
        .heads = (int)w->n_head,
        .heads_kv = (int)w->n_head_kv,
        .dim_k = (int)h->dim_k,
        .dim_v = (int)h->dim_v,
        .layer = layer,
        .window = (int)w->window,
        .scale = h->attn_scale != 0 ? h->attn_scale : (float)(1 / sqrt((double)h->dim_k)),
        .softcap = h->attn_cap,
        .alibi = h->alibi,
        .whole = s->m->arch->encoder,
    };
    spn_val q = lm_linear(s, x, &w->q, &w->q_bias);
    spn_val k = lm_linear(s, x, &w->k, &w->k_bias);
    spn_val v = lm_linear(s, x, &w->v, &w->v_bias);

    q = rotated(s, q, &w->q_norm, w);
    k = rotated(s, k, &w->k_norm, w);
    x = spn_op_attention_sinks(s->p, q, k, v, lm_value(s, &w->sinks), &a);
    return lm_linear(s, x, &w->o, &w->o_bias);
}

/* What mixes the rows of layer L. */
static spn_val mixed(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, int l)
{
    switch (w->mix) {
    case SPN_MIX_ATTENTION:
        return attention(s, x, w, l);
    case SPN_MIX_LATENT:
        return lm_latent(s, x, w, l);
    case SPN_MIX_MAMBA:
    case SPN_MIX_MAMBA2:
        return lm_mamba(s, x, w, l);
    }
    return -1;
}

static spn_val feed_forward(struct lm_pass *s, spn_val x, struct spn_lm_layer *w)
{
    spn_val gate = -1, up;
    bool tanh_form = s->m->shape.ffn == SPN_FFN_GEGLU || s->m->shape.ffn == SPN_FFN_GELU;

    if (lm_gated(s->m->shape.ffn))
        gate = lm_linear(s, x, &w->gate, &w->gate_bias);
    up = lm_linear(s, x, &w->up, &w->up_bias);
    if (s->m->shape.ffn == SPN_FFN_RELU2)
        up = spn_op_relu2(s->p, up);
    else if (s->m->shape.ffn == SPN_FFN_SWIGLU)
        up = spn_op_silu_mul(s->p, gate, up);
    else if (gate != -1)
        up = spn_op_mul(s->p, spn_op_gelu(s->p, gate, tanh_form), up);
    else
        up = spn_op_gelu(s->p, up, tanh_form);
    return lm_linear(s, up, &w->down, &w->down_bias);
}

/* A mixture of experts, and beside it one that all rows take. */
static spn_val experts(struct lm_pass *s, spn_val x, struct spn_lm_layer *w)
{
    spn_val router = lm_linear(s, x, &w->router, &w->router_bias), shared = -1, gate = -1;

    if (w->shared_up.t.data != NULL) {
        shared = spn_op_silu_mul(s->p, lm_linear(s, x, &w->shared_gate, NULL),
                                 lm_linear(s, x, &w->shared_up, NULL));
        shared = lm_linear(s, shared, &w->shared_down, NULL);
        if (w->shared_router.t.data != NULL)
            gate = lm_linear(s, x, &w->shared_router, NULL);
    }
    return spn_op_experts(s->p, x, router, shared, gate, &w->experts);
}

static spn_val fed(struct lm_pass *s, spn_val x, struct spn_lm_layer *w)
{
    return w->experts.n > 0 ? experts(s, x, w) : feed_forward(s, x, w);
}

/* An encoder's layer: sums are normed, not what is added to them. */
static spn_val encoded(struct lm_pass *s, spn_val x, struct spn_lm_layer *w, int l)
{
    x = spn_op_add(s->p, x, mixed(s, x, w, l));
    x = may_norm(s, x, &w->post_attn_norm, &w->post_attn_norm_bias);
    x = spn_op_add(s->p, x, fed(s, x, w));
    return may_norm(s, x, &w->post_ffn_norm, &w->post_ffn_norm_bias);
}

/* x -> x + attention + feed-forward, one after the other or both of x. */
static spn_val layer(struct lm_pass *s, spn_val x, int l)
{
    struct spn_lm_layer *w = &s->m->layer[l];
    float scale = s->m->shape.residual_scale;
    spn_val in, part;

    if (s->m->arch->encoder)
        return encoded(s, x, w, l);
    in = may_norm(s, x, &w->attn_norm, &w->attn_norm_bias);
    part = may_norm(s, mixed(s, in, w, l), &w->post_attn_norm, NULL);
    part = scaled(s, part, scale);
    if (s->m->arch->no_ffn)
        return spn_op_add(s->p, x, part);
    if (!s->m->shape.parallel) {
        x = spn_op_add(s->p, x, part);
        in = x;
    } else if (w->ffn_norm.t.data != NULL) {
        in = x;
    }
    in = may_norm(s, in, &w->ffn_norm, &w->ffn_norm_bias);
    if (s->m->shape.parallel)
        x = spn_op_add(s->p, x, part);
    part = may_norm(s, fed(s, in, w), &w->post_ffn_norm, NULL);
    return spn_op_add(s->p, x, scaled(s, part, scale));
}

spn_val spn_lm_forward(struct spn_lm *m, struct spn_plan *p, enum spn_lm_use use)
{
    struct lm_pass s = { .m = m, .p = p };
    spn_val x, logits;

    s.divisors = lm_value(&s, &m->rope_divisors);
    x = spn_op_embed(p, lm_value(&s, &m->embed));

    x = scaled(&s, x, m->shape.embed_scale);
    if (m->pos_embed.t.data != NULL)
        x = spn_op_add(p, x, spn_op_embed_pos(p, lm_value(&s, &m->pos_embed), 0));
    if (m->token_type.t.data != NULL)
        x = spn_op_add_vec(p, x, lm_value(&s, &m->token_type));
    x = may_norm(&s, x, &m->embed_norm, &m->embed_norm_bias);
    spn_plan_mark(p, x);
    for (int64_t l = 0; l < m->shape.n_layer; l++) {
        x = layer(&s, x, (int)l);
        spn_plan_mark(p, x);
    }
    /* Norm and logits of the wanted rows only: the table is as large as several layers. */
    if (use == SPN_LM_GENERATE)
        x = spn_op_take_rows(p, x);
    x = may_norm(&s, x, &m->out_norm, &m->out_norm_bias);
    if (use == SPN_LM_EMBED || m->arch->encoder) {
        spn_plan_output(p, "hidden", x);
        return x;
    }
    logits = lm_linear(&s, x, m->shape.tied ? &m->embed : &m->output, &m->output_bias);
    logits = scaled(&s, logits, m->shape.logit_scale);
    if (m->shape.logit_cap > 0)
        logits = spn_op_softcap(p, logits, m->shape.logit_cap);
    spn_plan_output(p, "logits", logits);
    return logits;
}

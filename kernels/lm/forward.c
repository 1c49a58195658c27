/* forward.c - the forward pass of a decoder, written once over the op table: it trains with the
 * tape and generates with a store. */
#include "config.h"

#include <math.h>

#include "lm/model.h"

struct pass {
    struct spn_lm *m;
    struct spn_plan *p;
    spn_val divisors;
};

static spn_val weight(struct spn_plan *p, struct spn_weight *w)
{
    return w->t.data != NULL ? spn_plan_weight(p, w) : -1;
}

static spn_val linear(struct pass *s, spn_val x, struct spn_weight *w, struct spn_weight *bias)
{
    return spn_op_matmul(s->p, x, weight(s->p, w), bias != NULL ? weight(s->p, bias) : -1);
}

static spn_val norm(struct pass *s, spn_val x, struct spn_weight *w)
{
    if (s->m->arch->norm == SPN_NORM_LAYER)
        return spn_op_layer_norm(s->p, x, weight(s->p, w), -1, s->m->shape.norm_eps);
    return spn_op_rms_norm(s->p, x, weight(s->p, w), s->m->shape.norm_eps);
}

/* q or k: [R, heads*dim_k], each head normed where the description says so, then rotated by the
 * row's position. */
static spn_val rotated(struct pass *s, spn_val x, struct spn_weight *head_norm)
{
    const struct spn_lm_shape *h = &s->m->shape;
    const struct spn_rope rope = {
        .head_dim = (int)h->dim_k,
        .n_rot = (int)h->n_rot,
        .pairs = s->m->pairs,
        .base = h->rope_base,
        .freq_scale = h->rope_scale,
        .mscale = 1,
    };

    if (s->m->arch->qk_norm)
        x = spn_op_rms_norm(s->p, x, weight(s->p, head_norm), h->norm_eps);
    return h->n_rot > 0 ? spn_op_rope(s->p, x, s->divisors, &rope) : x;
}

static spn_val attention(struct pass *s, spn_val x, struct spn_lm_layer *w, int layer)
{
    const struct spn_lm_shape *h = &s->m->shape;
    const struct spn_attention a = {
        .heads = (int)h->n_head,
        .heads_kv = (int)h->n_head_kv,
        .dim_k = (int)h->dim_k,
        .dim_v = (int)h->dim_v,
        .layer = layer,
        .window = (int)h->window,
        .scale = (float)(1 / sqrt((double)h->dim_k)),
        .softcap = 0,
    };
    spn_val q = linear(s, x, &w->q, &w->q_bias);
    spn_val k = linear(s, x, &w->k, &w->k_bias);
    spn_val v = linear(s, x, &w->v, &w->v_bias);

    q = rotated(s, q, &w->q_norm);
    k = rotated(s, k, &w->k_norm);
    return linear(s, spn_op_attention(s->p, q, k, v, &a), &w->o, &w->o_bias);
}

static spn_val feed_forward(struct pass *s, spn_val x, struct spn_lm_layer *w)
{
    spn_val gate, up;

    switch (s->m->arch->ffn) {
    case SPN_FFN_SWIGLU:
        gate = linear(s, x, &w->gate, NULL);
        up = linear(s, x, &w->up, NULL);
        return linear(s, spn_op_silu_mul(s->p, gate, up), &w->down, NULL);
    case SPN_FFN_GEGLU:
        gate = linear(s, x, &w->gate, NULL);
        up = linear(s, x, &w->up, NULL);
        return linear(s, spn_op_mul(s->p, spn_op_gelu(s->p, gate, true), up), &w->down, NULL);
    case SPN_FFN_GELU:
        return linear(s, spn_op_gelu(s->p, linear(s, x, &w->up, NULL), true), &w->down, NULL);
    }
    return -1;
}

spn_val spn_lm_forward(struct spn_lm *m, struct spn_plan *p, enum spn_lm_use use)
{
    struct pass s = { .m = m, .p = p, .divisors = weight(p, &m->rope_divisors) };
    spn_val x = spn_op_embed(p, weight(p, &m->embed));
    spn_val logits;

    spn_plan_mark(p, x);
    for (int64_t l = 0; l < m->shape.n_layer; l++) {
        struct spn_lm_layer *w = &m->layer[l];

        x = spn_op_add(p, x, attention(&s, norm(&s, x, &w->attn_norm), w, (int)l));
        x = spn_op_add(p, x, feed_forward(&s, norm(&s, x, &w->ffn_norm), w));
        spn_plan_mark(p, x);
    }
    /* Norm and logits of the wanted rows only: the table is as large as several layers. */
    if (use == SPN_LM_GENERATE)
        x = spn_op_take_rows(p, x);
    x = norm(&s, x, &m->out_norm);
    logits = linear(&s, x, m->shape.tied ? &m->embed : &m->output, NULL);
    spn_plan_output(p, "logits", logits);
    return logits;
}

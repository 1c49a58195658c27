/* bind_floats.c - weights that ops read as plain floats: sinks, what a mixture is chosen by, the
 * small parts of layers with a state. */
#include "config.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "lm/bind.h"
#include "tensor/product.h"

#define AT(field) offsetof(struct spn_lm_layer, field)
#define STATES    (LM_MIX(MAMBA) | LM_MIX(MAMBA2))

const struct lm_float lm_floats[] = {
    { AT(sinks), LM_HEADS, LM_MIX(ATTENTION), .gguf = "attn_sinks.weight",
      .hf = "self_attn.sinks" },
    { AT(router_bias), LM_EXPERTS, 0, .gguf = "ffn_gate_inp.bias", .hf = "mlp.router.bias" },
    { AT(choice_bias), LM_EXPERTS, 0, .gguf = "exp_probs_b.bias",
      .hf = "mlp.gate.e_score_correction_bias" },
    { AT(expert_gate_bias), LM_EXPERTS_FF, 0, .gguf = "ffn_gate_exps.bias", .hf = "" },
    { AT(expert_up_bias), LM_EXPERTS_FF, 0, .gguf = "ffn_up_exps.bias", .hf = "" },
    { AT(expert_down_bias), LM_EXPERTS_EMBD, 0, .gguf = "ffn_down_exps.bias", .hf = "" },
    { AT(ssm_conv), LM_SSM_KERNELS, STATES, true, .gguf = "ssm_conv1d.weight",
      .hf = "mixer.conv1d.weight mamba.conv1d.weight" },
    { AT(ssm_conv_bias), LM_SSM_CHANNELS, STATES, .gguf = "ssm_conv1d.bias",
      .hf = "mixer.conv1d.bias mamba.conv1d.bias" },
    { AT(ssm_dt_bias), LM_SSM_STEPS, STATES, true, .gguf = "ssm_dt.bias",
      .hf = "mixer.dt_proj.bias mamba.dt_proj.bias mixer.dt_bias" },
    { AT(ssm_a), LM_SSM_DECAY, STATES, true, .decay = true, .gguf = "ssm_a",
      .hf = "mixer.A_log mamba.A_log" },
    { AT(ssm_d), LM_SSM_STEPS, STATES, true, .gguf = "ssm_d", .hf = "mixer.D mamba.D" },
    { AT(ssm_norm), LM_SSM_INNER, LM_MIX(MAMBA2), true, .gguf = "ssm_norm.weight",
      .hf = "mixer.norm.weight" },
    { AT(ssm_dt_norm), LM_SSM_RANK, LM_MIX(MAMBA), .gguf = "ssm_dt_norm.weight",
      .hf = "mamba.dt_layernorm.weight" },
    { AT(ssm_b_norm), LM_SSM_STATE, LM_MIX(MAMBA), .gguf = "ssm_b_norm.weight",
      .hf = "mamba.b_layernorm.weight" },
    { AT(ssm_c_norm), LM_SSM_STATE, LM_MIX(MAMBA), .gguf = "ssm_c_norm.weight",
      .hf = "mamba.c_layernorm.weight" },
};
const int lm_n_floats = sizeof lm_floats / sizeof *lm_floats;

static spn_status take(struct spn_lm *m, const struct lm_float *k, const struct spn_entry *e,
                       int64_t l, bool hf, struct spn_err *err)
{
    const char *path = spn_reader_path(m->reader);
    const struct spn_dtype_info *info = spn_dtype_info(e->t.dtype);
    struct spn_weight *w = (struct spn_weight *)((char *)&m->layer[l] + k->at);
    int64_t n = lm_dim_of(m, k->n, l);
    char name[96], got[128];
    float *f;
    spn_status st;

    if (info == NULL || !info->decode || spn_tensor_elems(&e->t) != n) {
        spn_tensor_shape_text(&e->t, got, sizeof got);
        return spn_fail(err, SPN_EFORMAT,
                        "%s: tensor %s is %s %s, the hyper-parameters ask for %" PRId64 " numbers",
                        path, e->name, spn_dtype_name(e->t.dtype), got, n);
    }
    snprintf(name, sizeof name, "blk.%" PRId64 ".%s", l, k->gguf);
    w->name = spn_arena_strndup(m->arena, name, strlen(name));
    f = spn_arena_alloc(m->arena, (size_t)n, sizeof *f);
    if (w->name == NULL || f == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for %s", path, name);
    st = spn_dequant(e->t.dtype, e->t.data, f, n, err);
    for (int64_t i = 0; i < n && hf && k->decay; i++)
        f[i] = -expf(f[i]);
    return st == SPN_OK ? spn_tensor_init(&w->t, SPN_F32, 1, &n, f, err) : st;
}

spn_status lm_bind_floats(struct spn_lm *m, int64_t l, bool hf, struct spn_err *err)
{
    spn_status st = SPN_OK;
    char name[160];

    for (int i = 0; i < lm_n_floats && st == SPN_OK; i++) {
        const struct lm_float *k = &lm_floats[i];
        const struct spn_entry *e;

        if (!lm_has(m, k->mixes, l) || lm_dim_of(m, k->n, l) == 0 || (hf && *k->hf == '\0'))
            continue;
        e = lm_find_named(m, lm_before_layer(m->arch, hf), l, hf ? k->hf : k->gguf, "", name,
                          sizeof name);
        if (e != NULL && (st = lm_whole_entry(m, &e, err)) == SPN_OK)
            st = take(m, k, e, l, hf, err);
        else if (e == NULL && (k->must || (k->at == AT(sinks) && m->arch->sinks)))
            st = spn_fail(err, SPN_EFORMAT, "%s: tensor %s is missing", spn_reader_path(m->reader),
                          name);
    }
    return st;
}

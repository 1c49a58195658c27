/* arch.c - the architectures: what each computes and what a Hugging Face folder calls its parts, a
 * row each. */
#include "config.h"

#include <string.h>

#include "lm/model.h"

#define REGISTERED_MAX 64

static const struct spn_arch_name sandwich_names[] = {
    { "ffn_norm", "pre_feedforward_layernorm" },
    { "post_attention_norm", "post_attention_layernorm" },
    { "post_ffw_norm", "post_feedforward_layernorm" },
    { NULL, NULL },
};
static const struct spn_arch_name post_names[] = {
    { "attn_norm", "" },
    { "ffn_norm", "" },
    { "post_attention_norm", "post_attention_layernorm" },
    { "post_ffw_norm", "post_feedforward_layernorm" },
    { NULL, NULL },
};
static const struct spn_arch_name phi2_names[] = {
    { "output_norm", "model.final_layernorm" },
    { "attn_output", "self_attn.dense" },
    { "ffn_norm", "" },
    { "ffn_up", "mlp.fc1" },
    { "ffn_down", "mlp.fc2" },
    { NULL, NULL },
};
static const struct spn_arch_name phi3_names[] = {
    { "attn_qkv", "self_attn.qkv_proj" },
    { "ffn_gate_up", "mlp.gate_up_proj" },
    { NULL, NULL },
};
static const struct spn_arch_name glm4_names[] = {
    { "ffn_gate_up", "mlp.gate_up_proj" },
    { "post_attention_norm", "post_self_attn_layernorm" },
    { "post_ffw_norm", "post_mlp_layernorm" },
    { NULL, NULL },
};
static const struct spn_arch_name gpt2_names[] = {
    { "blk", "transformer.h. h." },
    { "token_embd", "transformer.wte wte" },
    { "position_embd", "transformer.wpe wpe" },
    { "output_norm", "transformer.ln_f ln_f" },
    { "attn_norm", "ln_1" },
    { "ffn_norm", "ln_2" },
    { "attn_qkv", "attn.c_attn" },
    { "attn_output", "attn.c_proj" },
    { "ffn_up", "mlp.c_fc" },
    { "ffn_down", "mlp.c_proj" },
    { NULL, NULL },
};
static const struct spn_arch_name gptj_names[] = {
    { "blk", "transformer.h. h." },
    { "token_embd", "transformer.wte wte" },
    { "output_norm", "transformer.ln_f ln_f" },
    { "attn_norm", "ln_1" },
    { "ffn_norm", "" },
    { "attn_q", "attn.q_proj" },
    { "attn_k", "attn.k_proj" },
    { "attn_v", "attn.v_proj" },
    { "attn_output", "attn.out_proj" },
    { "ffn_up", "mlp.fc_in" },
    { "ffn_down", "mlp.fc_out" },
    { NULL, NULL },
};
static const struct spn_arch_name gptneox_names[] = {
    { "blk", "gpt_neox.layers." },
    { "token_embd", "gpt_neox.embed_in" },
    { "output_norm", "gpt_neox.final_layer_norm" },
    { "output", "embed_out" },
    { "attn_qkv", "attention.query_key_value" },
    { "attn_output", "attention.dense" },
    { "ffn_up", "mlp.dense_h_to_4h" },
    { "ffn_down", "mlp.dense_4h_to_h" },
    { NULL, NULL },
};
static const struct spn_arch_name falcon_names[] = {
    { "blk", "transformer.h. h." },
    { "token_embd", "transformer.word_embeddings word_embeddings" },
    { "output_norm", "transformer.ln_f ln_f" },
    { "attn_norm", "ln_attn input_layernorm" },
    { "ffn_norm", "ln_mlp" },
    { "attn_qkv", "self_attention.query_key_value" },
    { "attn_output", "self_attention.dense" },
    { "ffn_up", "mlp.dense_h_to_4h" },
    { "ffn_down", "mlp.dense_4h_to_h" },
    { NULL, NULL },
};
static const struct spn_arch_name bloom_names[] = {
    { "blk", "transformer.h. h." },
    { "token_embd", "transformer.word_embeddings word_embeddings" },
    { "token_embd_norm", "transformer.word_embeddings_layernorm word_embeddings_layernorm" },
    { "output_norm", "transformer.ln_f ln_f" },
    { "attn_qkv", "self_attention.query_key_value" },
    { "attn_output", "self_attention.dense" },
    { "ffn_up", "mlp.dense_h_to_4h" },
    { "ffn_down", "mlp.dense_4h_to_h" },
    { NULL, NULL },
};
static const struct spn_arch_name mpt_names[] = {
    { "blk", "transformer.blocks." },
    { "token_embd", "transformer.wte" },
    { "output_norm", "transformer.norm_f" },
    { "attn_norm", "norm_1" },
    { "ffn_norm", "norm_2" },
    { "attn_qkv", "attn.Wqkv" },
    { "attn_output", "attn.out_proj" },
    { "ffn_up", "ffn.up_proj" },
    { "ffn_down", "ffn.down_proj" },
    { NULL, NULL },
};
static const struct spn_arch_name starcoder2_names[] = {
    { "ffn_up", "mlp.c_fc" },
    { "ffn_down", "mlp.c_proj" },
    { NULL, NULL },
};
static const struct spn_arch_name cohere_names[] = { { "ffn_norm", "" }, { NULL, NULL } };
static const struct spn_arch_name openelm_names[] = {
    { "blk", "transformer.layers." },
    { "token_embd", "transformer.token_embeddings" },
    { "output_norm", "transformer.norm" },
    { "attn_norm", "attn_norm" },
    { "attn_qkv", "attn.qkv_proj" },
    { "attn_output", "attn.out_proj" },
    { "attn_q_norm", "attn.q_norm" },
    { "attn_k_norm", "attn.k_norm" },
    { "ffn_norm", "ffn_norm" },
    { "ffn_gate_up", "ffn.proj_1" },
    { "ffn_down", "ffn.proj_2" },
    { NULL, NULL },
};
static const struct spn_arch_name internlm2_names[] = {
    { "token_embd", "model.tok_embeddings" }, { "output", "output" },
    { "attn_norm", "attention_norm" },        { "attn_qkv", "attention.wqkv" },
    { "attn_output", "attention.wo" },        { "ffn_norm", "ffn_norm" },
    { "ffn_gate", "feed_forward.w1" },        { "ffn_up", "feed_forward.w3" },
    { "ffn_down", "feed_forward.w2" },        { NULL, NULL },
};
static const struct spn_arch_name baichuan_names[] = {
    { "attn_qkv", "self_attn.W_pack" },
    { NULL, NULL },
};
static const struct spn_arch_name exaone_names[] = {
    { "blk", "transformer.h. model.layers." },
    { "token_embd", "transformer.wte model.embed_tokens" },
    { "output_norm", "transformer.ln_f model.norm" },
    { "attn_norm", "ln_1 input_layernorm" },
    { "attn_q", "attn.attention.q_proj self_attn.q_proj" },
    { "attn_k", "attn.attention.k_proj self_attn.k_proj" },
    { "attn_v", "attn.attention.v_proj self_attn.v_proj" },
    { "attn_output", "attn.attention.out_proj self_attn.o_proj" },
    { "ffn_norm", "ln_2 post_attention_layernorm" },
    { "ffn_gate", "mlp.c_fc_0 mlp.gate_proj" },
    { "ffn_up", "mlp.c_fc_1 mlp.up_proj" },
    { "ffn_down", "mlp.c_proj mlp.down_proj" },
    { NULL, NULL },
};

static const struct spn_arch_name gpt_oss_names[] = {
    { "ffn_gate_inp", "mlp.router" },
    { NULL, NULL },
};
static const struct spn_arch_name gpt_oss_gguf[] = {
    { "ffn_norm", "post_attention_norm" },
    { "post_attention_norm", "" },
    { NULL, NULL },
};
static const struct spn_arch_name deepseek_names[] = {
    { "ffn_gate_shexp", "mlp.shared_experts.gate_proj" },
    { "ffn_up_shexp", "mlp.shared_experts.up_proj" },
    { "ffn_down_shexp", "mlp.shared_experts.down_proj" },
    { NULL, NULL },
};
static const struct spn_arch_name mamba_names[] = {
    { "blk", "backbone.layers." },
    { "token_embd", "backbone.embeddings backbone.embedding" },
    { "output_norm", "backbone.norm_f" },
    { "attn_norm", "norm" },
    { NULL, NULL },
};
static const struct spn_arch_name jamba_names[] = {
    { "output_norm", "model.final_layernorm" },
    { "ffn_norm", "pre_ff_layernorm" },
    { "ssm_in", "mamba.in_proj" },
    { "ssm_x", "mamba.x_proj" },
    { "ssm_dt", "mamba.dt_proj" },
    { "ssm_out", "mamba.out_proj" },
    { "ffn_gate", "feed_forward.gate_proj" },
    { "ffn_up", "feed_forward.up_proj" },
    { "ffn_down", "feed_forward.down_proj" },
    { "ffn_gate_inp", "feed_forward.router" },
    { "ffn_gate_exps", "feed_forward.experts.#.gate_proj" },
    { "ffn_up_exps", "feed_forward.experts.#.up_proj" },
    { "ffn_down_exps", "feed_forward.experts.#.down_proj" },
    { NULL, NULL },
};

static const struct spn_arch_name mixtral_names[] = {
    { "ffn_gate_inp", "block_sparse_moe.gate" },
    { "ffn_gate_exps", "block_sparse_moe.experts.#.w1" },
    { "ffn_up_exps", "block_sparse_moe.experts.#.w3" },
    { "ffn_down_exps", "block_sparse_moe.experts.#.w2" },
    { NULL, NULL },
};
static const struct spn_arch_name granitemoe_names[] = {
    { "ffn_gate_inp", "block_sparse_moe.router.layer" },
    { "ffn_gate_exps", "block_sparse_moe.input_linear" },
    { "ffn_up_exps", "block_sparse_moe.input_linear" },
    { "ffn_down_exps", "block_sparse_moe.output_linear" },
    { NULL, NULL },
};

#define NORMAL .pairs_gguf = SPN_ROPE_NORMAL, .pairs_hf = SPN_ROPE_NORMAL
#define NEOX   .pairs_gguf = SPN_ROPE_NEOX, .pairs_hf = SPN_ROPE_NEOX
/* Halves in folders, neighbours in files. */
#define LLAMA .pairs_gguf = SPN_ROPE_NORMAL, .pairs_hf = SPN_ROPE_NEOX

static const struct spn_arch archs[] = {
    { .name = "llama",
      LLAMA,
      .hf_names = "LlamaForCausalLM MistralForCausalLM",
      .writes = true,
      .experts = true,
      .expert_normed = true },
    { .name = "llama", /* its folders have names of their own */
      LLAMA,
      .hf_names = "MixtralForCausalLM",
      .hf = mixtral_names,
      .experts = true,
      .expert_normed = true },
    { .name = "qwen2", .qkv_bias = true, NEOX, .hf_names = "Qwen2ForCausalLM", .writes = true },
    { .name = "qwen3", .qk_norm = true, NEOX, .hf_names = "Qwen3ForCausalLM", .writes = true },
    { .name = "gemma",
      .ffn = SPN_FFN_GEGLU,
      .norm_plus_one = true,
      .embed_sqrt = true,
      NEOX,
      .hf_names = "GemmaForCausalLM" },
    { .name = "gemma2",
      .ffn = SPN_FFN_GEGLU,
      .norm_plus_one = true,
      .embed_sqrt = true,
      .full_every = 2,
      NEOX,
      .hf_names = "Gemma2ForCausalLM",
      .hf = sandwich_names },
    { .name = "gemma3",
      .ffn = SPN_FFN_GEGLU,
      .qk_norm = true,
      .norm_plus_one = true,
      .embed_sqrt = true,
      .full_every = 6,
      .base_windowed = 10000,
      NEOX,
      .hf_names = "Gemma3ForCausalLM",
      .hf = sandwich_names },
    { .name = "phi2",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU,
      .qkv_bias = true,
      .parallel = true,
      NEOX,
      .hf_names = "PhiForCausalLM",
      .hf = phi2_names },
    { .name = "phi3", NEOX, .hf_names = "Phi3ForCausalLM", .hf = phi3_names },
    { .name = "olmo",
      .norm = SPN_NORM_LAYER,
      .plain_norm = true,
      LLAMA,
      .hf_names = "OlmoForCausalLM" },
    { .name = "olmo2",
      .qk_norm = true,
      .qk_norm_row = true,
      .post_only = true,
      NEOX,
      .hf_names = "Olmo2ForCausalLM",
      .hf = post_names },
    { .name = "gpt2",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU,
      .qkv_bias = true,
      .no_rope = true,
      .hf_names = "GPT2LMHeadModel",
      .hf = gpt2_names,
      .transposed_hf = true },
    { .name = "starcoder",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU,
      .qkv_bias = true,
      .no_rope = true,
      .hf_names = "GPTBigCodeForCausalLM",
      .hf = gpt2_names },
    { .name = "gptj",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU,
      .parallel = true,
      NORMAL,
      .hf_names = "GPTJForCausalLM",
      .hf = gptj_names },
    { .name = "gptneox",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU_ERF,
      .qkv_bias = true,
      .parallel = true,
      NEOX,
      .hf_names = "GPTNeoXForCausalLM",
      .hf = gptneox_names,
      .qkv_hf = SPN_QKV_GROUPS },
    { .name = "falcon",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU_ERF,
      .parallel = true,
      NEOX,
      .hf_names = "FalconForCausalLM",
      .hf = falcon_names,
      .qkv_hf = SPN_QKV_GROUPS },
    { .name = "mpt",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU_ERF,
      .no_rope = true,
      .alibi = 8,
      .hf_names = "MptForCausalLM",
      .hf = mpt_names },
    { .name = "bloom",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU,
      .qkv_bias = true,
      .no_rope = true,
      .alibi = 8,
      .hf_names = "BloomForCausalLM",
      .hf = bloom_names,
      .qkv_hf = SPN_QKV_GROUPS },
    { .name = "stablelm", .norm = SPN_NORM_LAYER, NEOX, .hf_names = "StableLmForCausalLM" },
    { .name = "starcoder2",
      .norm = SPN_NORM_LAYER,
      .ffn = SPN_FFN_GELU,
      NEOX,
      .hf_names = "Starcoder2ForCausalLM",
      .hf = starcoder2_names },
    { .name = "smollm3", .nope_every = 4, LLAMA, .hf_names = "SmolLM3ForCausalLM" },
    { .name = "granite", .divides_logits = true, LLAMA, .hf_names = "GraniteForCausalLM" },
    { .name = "command-r",
      .norm = SPN_NORM_LAYER,
      .parallel = true,
      NORMAL,
      .hf_names = "CohereForCausalLM",
      .hf = cohere_names },
    { .name = "cohere2",
      .norm = SPN_NORM_LAYER,
      .parallel = true,
      .full_every = 4,
      .full_is_nope = true,
      NORMAL,
      .hf_names = "Cohere2ForCausalLM",
      .hf = cohere_names },
    { .name = "glm4", NORMAL, .hf_names = "Glm4ForCausalLM GlmForCausalLM", .hf = glm4_names },
    { .name = "openelm",
      .qk_norm = true,
      .layered = true,
      NEOX,
      .hf_names = "OpenELMForCausalLM OpenELMModel",
      .hf = openelm_names },
    { .name = "internlm2",
      LLAMA,
      .hf_names = "InternLM2ForCausalLM",
      .hf = internlm2_names,
      .qkv_hf = SPN_QKV_GROUPS },
    { .name = "baichuan",
      .alibi_layers = 40,
      .unit_rows = 125696,
      LLAMA,
      .hf_names = "BaichuanForCausalLM BaiChuanForCausalLM",
      .hf = baichuan_names },
    { .name = "minicpm", .divides_logits = true, LLAMA, .hf_names = "MiniCPMForCausalLM" },
    { .name = "exaone",
      NEOX,
      .hf_names = "ExaoneForCausalLM LlamaForCausalLM",
      .hf = exaone_names },
    { .name = "exaone4",
      .qk_norm = true,
      .post_only = true,
      .full_every = 4,
      .full_is_nope = true,
      NEOX,
      .hf_names = "Exaone4ForCausalLM",
      .hf = post_names },
    { .name = "qwen2moe",
      .qkv_bias = true,
      NEOX,
      .hf_names = "Qwen2MoeForCausalLM",
      .experts = true },
    { .name = "qwen3moe",
      .qk_norm = true,
      NEOX,
      .hf_names = "Qwen3MoeForCausalLM",
      .experts = true,
      .expert_normed = true },
    { .name = "olmoe",
      .qk_norm = true,
      .qk_norm_row = true,
      NEOX,
      .hf_names = "OlmoeForCausalLM",
      .experts = true },
    { .name = "granitemoe",
      .divides_logits = true,
      LLAMA,
      .hf_names = "GraniteMoeForCausalLM",
      .hf = granitemoe_names,
      .experts = true,
      .expert_normed = true },
    { .name = "gpt-oss",
      .qkv_bias = true,
      .full_every = 2,
      NEOX,
      .hf_names = "GptOssForCausalLM",
      .hf = gpt_oss_names,
      .gguf = gpt_oss_gguf,
      .experts = true,
      .expert_normed = true,
      .sinks = true,
      .rope_exact = true },
    { .name = "deepseek",
      LLAMA,
      .hf_names = "DeepseekForCausalLM",
      .hf = deepseek_names,
      .experts = true },
    { .name = "deepseek2",
      .mix = SPN_MIX_LATENT,
      NORMAL,
      .hf_names = "DeepseekV2ForCausalLM",
      .hf = deepseek_names,
      .experts = true },
    { .name = "deepseek2", /* version 3: experts are scored one by one */
      .mix = SPN_MIX_LATENT,
      NORMAL,
      .hf_names = "DeepseekV3ForCausalLM",
      .hf = deepseek_names,
      .experts = true,
      .expert_normed = true,
      .expert_sigmoid = true },
    { .name = "plm",
      .mix = SPN_MIX_LATENT,
      .ffn = SPN_FFN_RELU2,
      NORMAL,
      .hf_names = "PLMForCausalLM" },
    { .name = "mamba",
      .mix = SPN_MIX_MAMBA,
      .no_ffn = true,
      .no_rope = true,
      .hf_names = "MambaForCausalLM MambaLMHeadModel",
      .hf = mamba_names },
    { .name = "mamba2",
      .mix = SPN_MIX_MAMBA2,
      .no_ffn = true,
      .no_rope = true,
      .hf_names = "Mamba2ForCausalLM",
      .hf = mamba_names },
    { .name = "jamba",
      .mix = SPN_MIX_MAMBA,
      .hybrid = true,
      .layered = true,
      .no_rope = true,
      .hf_names = "JambaForCausalLM",
      .hf = jamba_names,
      .experts = true },
};
#define OWN_COUNT ((int)(sizeof archs / sizeof *archs))

/* Written at start only, as plugins are loaded. */
static const struct spn_arch *registered[REGISTERED_MAX];
static int n_registered;

const struct spn_arch *spn_arch_at(int i)
{
    if (i < 0 || i >= OWN_COUNT + n_registered)
        return NULL;
    return i < OWN_COUNT ? &archs[i] : registered[i - OWN_COUNT];
}

const struct spn_arch *spn_arch_find(const char *name)
{
    const struct spn_arch *a;

    for (int i = 0; (a = spn_arch_at(i)) != NULL; i++)
        if (strcmp(a->name, name) == 0)
            return a;
    return NULL;
}

spn_status spn_arch_register(const struct spn_arch *arch, struct spn_err *err)
{
    if (arch->name == NULL || spn_arch_find(arch->name) != NULL)
        return spn_fail(err, SPN_EUSAGE, "architecture %s is there already",
                        arch->name != NULL ? arch->name : "without a name");
    if (n_registered == REGISTERED_MAX)
        return spn_fail(err, SPN_ENOMEM,
                        "architecture %s is one more than the %d that can be added", arch->name,
                        REGISTERED_MAX);
    registered[n_registered++] = arch;
    return SPN_OK;
}

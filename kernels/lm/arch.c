/* arch.c - the architectures: what each computes, a row each. */
#include "config.h"

#include <string.h>

#include "lm/model.h"

static const struct spn_arch archs[] = {
    {
        .name = "llama",
        .norm = SPN_NORM_RMS,
        .ffn = SPN_FFN_SWIGLU,
        .pairs_gguf = SPN_ROPE_NORMAL,
        .pairs_hf = SPN_ROPE_NEOX,
        .hf_names = "LlamaForCausalLM MistralForCausalLM",
    },
    {
        .name = "qwen2",
        .norm = SPN_NORM_RMS,
        .ffn = SPN_FFN_SWIGLU,
        .qkv_bias = true,
        .pairs_gguf = SPN_ROPE_NEOX,
        .pairs_hf = SPN_ROPE_NEOX,
        .hf_names = "Qwen2ForCausalLM",
    },
    {
        .name = "qwen3",
        .norm = SPN_NORM_RMS,
        .ffn = SPN_FFN_SWIGLU,
        .qk_norm = true,
        .pairs_gguf = SPN_ROPE_NEOX,
        .pairs_hf = SPN_ROPE_NEOX,
        .hf_names = "Qwen3ForCausalLM",
    },
};

const struct spn_arch *spn_arch_at(int i)
{
    return i >= 0 && (size_t)i < sizeof archs / sizeof *archs ? &archs[i] : NULL;
}

const struct spn_arch *spn_arch_find(const char *name)
{
    for (size_t i = 0; i < sizeof archs / sizeof *archs; i++)
        if (strcmp(archs[i].name, name) == 0)
            return &archs[i];
    return NULL;
}

/* model_order.c - in which order a Hugging Face model has its parameters, by its model_type.
 *
 * safetensors sorts tensors by name, torch.optim counts parameters in the order in which the
 * model's code makes them.  For the model kinds below that order is written down; "#" is the layer.
 */
#include "config.h"

#include "format/model_order.h"

#include <stdlib.h>
#include <string.h>

static const struct order {
    const char *types; /* blank between, at both ends */
    const char *parts[24];
} orders[] = {
    { " llama mistral qwen2 qwen3 gemma gemma2 gemma3_text olmo olmo2 granite smollm3 phi3 ",
      { "embed_tokens.", "#.self_attn.q_proj.", "#.self_attn.k_proj.", "#.self_attn.v_proj.",
        "#.self_attn.o_proj.", "#.self_attn.qkv_proj.", "#.self_attn.q_norm.",
        "#.self_attn.k_norm.", "#.mlp.gate_proj.", "#.mlp.up_proj.", "#.mlp.gate_up_proj.",
        "#.mlp.down_proj.", "#.input_layernorm.", "#.post_attention_layernorm.",
        "#.pre_feedforward_layernorm.", "#.post_feedforward_layernorm.", "norm.", "lm_head." } },
    { " gpt2 ",
      { "wte.", "wpe.", "#.ln_1.", "#.attn.c_attn.", "#.attn.c_proj.", "#.ln_2.", "#.mlp.c_fc.",
        "#.mlp.c_proj.", "ln_f.", "lm_head." } },
    { " gpt_neox ",
      { "embed_in.", "#.input_layernorm.", "#.post_attention_layernorm.",
        "#.attention.query_key_value.", "#.attention.dense.", "#.mlp.dense_h_to_4h.",
        "#.mlp.dense_4h_to_h.", "final_layer_norm.", "embed_out." } },
    { " phi ",
      { "embed_tokens.", "#.self_attn.q_proj.", "#.self_attn.k_proj.", "#.self_attn.v_proj.",
        "#.self_attn.dense.", "#.mlp.fc1.", "#.mlp.fc2.", "#.input_layernorm.", "final_layernorm.",
        "lm_head." } },
    { " opt ",
      { "embed_tokens.", "embed_positions.", "decoder.final_layer_norm.", "#.self_attn.k_proj.",
        "#.self_attn.v_proj.", "#.self_attn.q_proj.", "#.self_attn.out_proj.",
        "#.self_attn_layer_norm.", "#.fc1.", "#.fc2.", "#.final_layer_norm.", "lm_head." } },
    { " bert ",
      { "embeddings.word_embeddings.", "embeddings.position_embeddings.",
        "embeddings.token_type_embeddings.", "embeddings.LayerNorm.", "#.attention.self.query.",
        "#.attention.self.key.", "#.attention.self.value.", "#.attention.output.dense.",
        "#.attention.output.LayerNorm.", "#.intermediate.dense.", "#.output.dense.",
        "#.output.LayerNorm.", "pooler.dense.", "predictions.bias",
        "predictions.transform.dense.", "predictions.transform.LayerNorm.",
        "predictions.decoder." } },
};

static const struct order *order_of(const char *type)
{
    size_t n = strlen(type);

    for (size_t i = 0; n > 0 && i < sizeof orders / sizeof *orders; i++)
        for (const char *p = orders[i].types; (p = strstr(p, type)) != NULL; p++)
            if (p[-1] == ' ' && p[n] == ' ')
                return &orders[i];
    return NULL;
}

/* The layer of NAME and what follows its number; NAME and -1: it has none. */
static const char *layer_of(const char *name, int64_t *layer)
{
    const char *p = name;

    *layer = -1;
    while (*p != '\0') {
        size_t n = strcspn(p, ".");

        if (n > 0 && n < 9 && strspn(p, "0123456789") == n && p[n] == '.') {
            *layer = strtol(p, NULL, 10);
            return p + n + 1;
        }
        p += n + (p[n] == '.');
    }
    return name;
}

/* PART is at the start of NAME or after a dot of it. */
static bool has_part(const char *name, const char *part)
{
    for (const char *p = name; (p = strstr(p, part)) != NULL; p++)
        if (p == name || p[-1] == '.')
            return true;
    return false;
}

struct place {
    const struct spn_entry *e;
    int64_t layer;
    int section, part, second; /* section: of all layers one; second: a bias comes after */
};

static bool find_place(const struct order *o, const struct spn_entry *e, struct place *out)
{
    size_t n = strlen(e->name);
    const char *rest = layer_of(e->name, &out->layer);
    int section = -1;

    out->e = e;
    out->second = n > 5 && strcmp(e->name + n - 5, ".bias") == 0;
    for (int i = 0; i < 24 && o->parts[i] != NULL; i++) {
        const char *part = o->parts[i];
        bool layered = part[0] == '#';

        if (layered && section < 0)
            section = i;
        if (layered != (out->layer >= 0))
            continue;
        if (layered ? strncmp(rest, part + 2, strlen(part + 2)) == 0 : has_part(e->name, part)) {
            out->part = i;
            out->section = layered ? section : i;
            return true;
        }
    }
    return false;
}

static int compare(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->section != y->section)
        return x->section - y->section;
    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (x->part != y->part)
        return x->part - y->part;
    return x->second - y->second;
}

spn_status k_model_order(struct spn_reader *r, const char *type, const struct spn_entry **list,
                         size_t n, bool *known, struct spn_err *err)
{
    const struct order *o = order_of(type);
    struct place *place = NULL;
    spn_status st;

    *known = o != NULL;
    if (o == NULL)
        return SPN_OK;
    st = k_reader_alloc(r, &place, n, sizeof *place, err);
    for (size_t i = 0; st == SPN_OK && *known && i < n; i++)
        *known = find_place(o, list[i], &place[i]);
    if (st != SPN_OK || !*known)
        return st;
    if (n > 1)
        qsort(place, n, sizeof *place, compare);
    for (size_t i = 0; i < n; i++) {
        /* Two in one place: the table does not tell them apart. */
        if (i > 0 && compare(&place[i - 1], &place[i]) == 0)
            *known = false;
        list[i] = place[i].e;
    }
    return SPN_OK;
}

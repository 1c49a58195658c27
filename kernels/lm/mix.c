/* mix.c - bits by the part that a tensor plays. */
#include "config.h"

#include "lm/mix.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum quality { PLAIN, SMALL, MEDIUM, LARGE };

static const struct entry {
    struct spn_mix mix;
    enum quality quality;
} mixes[] = {
    { { "f32", SPN_F32, 0 }, PLAIN },        { { "f16", SPN_F16, 1 }, PLAIN },
    { { "bf16", SPN_BF16, 32 }, PLAIN },     { { "q8_0", SPN_Q8_0, 7 }, PLAIN },
    { { "q4_0", SPN_Q4_0, 2 }, PLAIN },      { { "q4_1", SPN_Q4_1, 3 }, PLAIN },
    { { "q5_0", SPN_Q5_0, 8 }, PLAIN },      { { "q5_1", SPN_Q5_1, 9 }, PLAIN },
    { { "q2_k", SPN_Q2_K, 10 }, PLAIN },     { { "q3_k_s", SPN_Q3_K, 11 }, SMALL },
    { { "q3_k_m", SPN_Q3_K, 12 }, MEDIUM },  { { "q3_k_l", SPN_Q3_K, 13 }, LARGE },
    { { "q4_k_s", SPN_Q4_K, 14 }, SMALL },   { { "q4_k_m", SPN_Q4_K, 15 }, MEDIUM },
    { { "q5_k_s", SPN_Q5_K, 16 }, SMALL },   { { "q5_k_m", SPN_Q5_K, 17 }, MEDIUM },
    { { "q6_k", SPN_Q6_K, 18 }, PLAIN },     { { "iq4_nl", SPN_IQ4_NL, 25 }, PLAIN },
    { { "iq4_xs", SPN_IQ4_XS, 30 }, PLAIN }, { { "tq1_0", SPN_TQ1_0, 36 }, PLAIN },
    { { "tq2_0", SPN_TQ2_0, 37 }, PLAIN },   { { "mxfp4", SPN_MXFP4, 38 }, PLAIN },
};
enum { N_MIXES = sizeof mixes / sizeof *mixes };

const struct spn_mix *spn_mix_at(size_t i)
{
    return i < N_MIXES ? &mixes[i].mix : NULL;
}

const struct spn_mix *spn_mix_find(const char *name)
{
    static const char *const usual[] = { "q3_k", "q4_k", "q5_k" };

    for (size_t i = 0; i < N_MIXES; i++)
        if (strcasecmp(mixes[i].mix.name, name) == 0)
            return &mixes[i].mix;
    for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)
        if (strcasecmp(usual[i], name) == 0)
            return i == 0   ? spn_mix_find("q3_k_m")
                   : i == 1 ? spn_mix_find("q4_k_m")
                            : spn_mix_find("q5_k_m");
    return NULL;
}

static bool has(const char *name, const char *part)
{
    return strstr(name, part) != NULL;
}

/* Of a block "blk.N.…"; -1 outside. */
static int64_t layer_of(const char *name)
{
    return strncmp(name, "blk.", 4) == 0 ? strtol(name + 4, NULL, 10) : -1;
}

/* The layers at both ends, and every third between. */
static bool sensitive(int64_t i, int64_t n)
{
    return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

static bool keeps(const char *name, const struct spn_tensor *t)
{
    const char *const kept[] = { "_norm.weight", "ffn_gate_inp", "position_embd", "token_types",
                                 "ssm_conv1d" };

    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
        if (has(name, kept[i]))
            return true;
    return t->ndim < 2;
}

static int values_type(const struct entry *e, const struct spn_mix_model *m, int64_t i)
{
    int type = e->mix.dtype;

    if (type == SPN_Q2_K)
        type = m->queries_a_head >= 4 ? SPN_Q4_K : SPN_Q3_K;
    else if (type == SPN_Q3_K && e->quality == MEDIUM)
        type = i < 2 ? SPN_Q5_K : SPN_Q4_K;
    else if (type == SPN_Q3_K && e->quality == LARGE)
        type = SPN_Q5_K;
    else if (e->quality == MEDIUM && sensitive(i, m->n_layer))
        type = SPN_Q6_K;
    else if (type == SPN_Q4_K && e->quality == SMALL && i < 4)
        type = SPN_Q5_K;
    /* Eight queries on each value of 80 layers: its bits are few and cheap. */
    if (m->n_layer == 80 && m->queries_a_head == 8 && (type == SPN_Q3_K || type == SPN_Q4_K))
        type = SPN_Q5_K;
    return type;
}

static int down_type(const struct entry *e, const struct spn_mix_model *m, int64_t i)
{
    switch (e->mix.dtype) {
    case SPN_Q2_K:
        return SPN_Q3_K;
    case SPN_Q3_K:
        return e->quality == LARGE                           ? SPN_Q5_K
               : e->quality == MEDIUM && i < m->n_layer / 16 ? SPN_Q5_K
               : e->quality == MEDIUM                        ? SPN_Q4_K
                                                             : SPN_Q3_K;
    case SPN_Q4_K:
        if (e->quality == SMALL && i < m->n_layer / 8)
            return SPN_Q5_K;
        break;
    default:
        break;
    }
    return e->quality == MEDIUM && sensitive(i, m->n_layer) ? SPN_Q6_K : e->mix.dtype;
}

static int mixed_type(const struct entry *e, const struct spn_mix_model *m, const char *name)
{
    int64_t i = layer_of(name);
    int type = e->mix.dtype;

    if (strcmp(name, "output.weight") == 0 || (m->tied && strcmp(name, "token_embd.weight") == 0))
        return type == SPN_Q8_0 ? SPN_Q8_0 : SPN_Q6_K;
    if (has(name, "attn_v."))
        return values_type(e, m, i);
    if (has(name, "ffn_down"))
        return down_type(e, m, i);
    if (has(name, "attn_output.")) {
        if (type == SPN_Q2_K)
            return SPN_Q3_K;
        if (type == SPN_Q3_K)
            return e->quality == LARGE ? SPN_Q5_K : e->quality == MEDIUM ? SPN_Q4_K : type;
    }
    if (has(name, "attn_qkv.") && e->quality == MEDIUM)
        return type == SPN_Q3_K ? SPN_Q4_K : type == SPN_Q4_K ? SPN_Q5_K : SPN_Q6_K;
    return type;
}

/* TYPE, or what takes its place where rows of N numbers are no whole number of its blocks. */
static int fitting(int type, int64_t n)
{
    uint64_t bytes;

    if (spn_dtype_row_bytes(type, n, &bytes))
        return type;
    switch (type) {
    case SPN_Q4_K:
        type = SPN_Q5_0;
        break;
    case SPN_Q5_K:
        type = SPN_Q5_1;
        break;
    case SPN_Q6_K:
        type = SPN_Q8_0;
        break;
    default:
        type = SPN_IQ4_NL;
        break;
    }
    return spn_dtype_row_bytes(type, n, &bytes) ? type : SPN_F16;
}

int spn_mix_type(const struct spn_mix *m, const struct spn_mix_model *model, const char *name,
                 const struct spn_tensor *t, bool pure)
{
    const struct entry *e = mixes;

    while (&e->mix != m)
        e++;
    if (!spn_dtype_info(t->dtype)->decode || keeps(name, t))
        return t->dtype;
    if (pure || m->dtype == SPN_F32 || m->dtype == SPN_F16 || m->dtype == SPN_BF16)
        return fitting(m->dtype, t->dim[t->ndim - 1]);
    return fitting(mixed_type(e, model, name), t->dim[t->ndim - 1]);
}

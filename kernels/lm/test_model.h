/* test_model.h - tiny models with random weights for the tests of the language runtime. */
#ifndef LM_TEST_MODEL_H
#define LM_TEST_MODEL_H
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lm/model.h"

/* Rows of 256 and 512 numbers, so that every block type fits; grouped heads. */
static const struct spn_lm_shape tiny_shape = {
    .n_vocab = 320,
    .n_embd = 256,
    .n_layer = 3,
    .n_ff = 512,
    .n_head = 8,
    .n_head_kv = 2,
    .dim_k = 32,
    .dim_v = 32,
    .n_rot = 32,
    .context = 512,
    .norm_eps = 1e-5f,
    .rope_base = 10000,
    .rope_scale = 1,
    .tied = true,
};

/* Weights larger than training starts with, so that the logits of random weights differ. */
__attribute__((unused)) static struct spn_lm *tiny_new(const char *arch,
                                                       const struct spn_lm_shape *shape)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_lm *m = NULL;

    if (spn_lm_create(&m, spn_arch_find(arch), shape, 5, &err) != SPN_OK) {
        printf("# %s\n", err.text);
        return NULL;
    }
    for (int i = 0; i < m->n_list; i++)
        if (m->list[i]->t.ndim == 2)
            for (int64_t k = 0; k < spn_tensor_elems(&m->list[i]->t); k++)
                ((float *)m->list[i]->t.data)[k] *= 5;
    return m;
}

/* The model as DTYPE through a file of its own, opened for generation. */
__attribute__((unused)) static struct spn_lm *tiny_open(const char *arch,
                                                        const struct spn_lm_shape *shape, int dtype,
                                                        enum spn_act act, const char *path)
{
    struct spn_lm *m = tiny_new(arch, shape), *file = NULL;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_lm_options o;

    spn_lm_options_default(&o);
    o.tokenizer = false;
    o.act = act;
    if (m == NULL || spn_lm_write_gguf(m, path, dtype, NULL, "tiny", NULL, NULL, &err) != SPN_OK ||
        spn_lm_open(&file, path, &o, &err) != SPN_OK)
        printf("# %s\n", err.text);
    spn_lm_close(m);
    remove(path); /* the mapping stays */
    return file;
}

#endif

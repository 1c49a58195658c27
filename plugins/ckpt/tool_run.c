/* tool_run.c - writes a run of three steps below a folder, for test_screen.sh: a model of 24 layers
 * and 292 tensors with the moments of its weights. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/reader.h"

enum { LAYERS = 24, WIDTH = 32, WORDS = 96, STEPS = 3, KINDS = 12, NUMBERS_MAX = WIDTH * WORDS };

static const struct kind {
    const char *name;
    int64_t dim[2]; /* dim[1] 0: a vector */
} kinds[KINDS] = {
    { "attention.dense.bias", { WIDTH, 0 } },
    { "attention.dense.weight", { WIDTH, WIDTH } },
    { "attention.query_key_value.bias", { 3 * WIDTH, 0 } },
    { "attention.query_key_value.weight", { 3 * WIDTH, WIDTH } },
    { "input_layernorm.bias", { WIDTH, 0 } },
    { "input_layernorm.weight", { WIDTH, 0 } },
    { "mlp.dense_4h_to_h.bias", { WIDTH, 0 } },
    { "mlp.dense_4h_to_h.weight", { WIDTH, 2 * WIDTH } },
    { "mlp.dense_h_to_4h.bias", { 2 * WIDTH, 0 } },
    { "mlp.dense_h_to_4h.weight", { 2 * WIDTH, WIDTH } },
    { "post_attention_layernorm.bias", { WIDTH, 0 } },
    { "post_attention_layernorm.weight", { WIDTH, 0 } },
};
static const struct kind ends[] = {
    { "gpt_neox.embed_in.weight", { WORDS, WIDTH } },
    { "gpt_neox.final_layer_norm.bias", { WIDTH, 0 } },
    { "gpt_neox.final_layer_norm.weight", { WIDTH, 0 } },
    { "embed_out.weight", { WORDS, WIDTH } },
};

static struct spn_err err = SPN_ERR_INIT;

struct files {
    struct spn_writer *model, *optimizer;
    float *room; /* [3 * NUMBERS_MAX] */
};

/* Weights grow with the layer and move with the step; the last norm has infinities, the output
   rows without use. */
static spn_status put(struct files *f, const char *name, const struct kind *k, uint64_t seed,
                      double scale, int step)
{
    int ndim = k->dim[1] > 0 ? 2 : 1;
    float *x = f->room, *m = x + NUMBERS_MAX, *v = m + NUMBERS_MAX;
    struct spn_tensor t;
    struct spn_rng rng;
    char key[200];
    spn_status st = spn_tensor_init(&t, SPN_F32, ndim, k->dim, x, &err);
    int64_t n = spn_tensor_elems(&t);

    spn_rng_init(&rng, spn_key_seed(seed));
    for (int64_t i = 0; i < n; i++) {
        double wave = 0.5 + (double)(i / 16 % 5) / 4;

        x[i] = (float)(scale * wave * spn_rng_normal(&rng));
        for (int s = 0; s <= step; s++) {
            m[i] = (float)(1e-4 * spn_rng_normal(&rng));
            v[i] = (float)(1e-8 * (0.1 + fabs(spn_rng_normal(&rng))));
            x[i] += (float)(s > 0 ? 0.02 * scale * spn_rng_normal(&rng) : 0);
        }
    }
    if (strcmp(name, "gpt_neox.layers.23.input_layernorm.weight") == 0)
        x[3] = x[7] = x[9] = INFINITY;
    if (strcmp(name, "embed_out.weight") == 0)
        memset(x + 5 * WIDTH, 0, 4 * WIDTH * sizeof *x);
    if (st == SPN_OK)
        st = spn_writer_tensor(f->model, name, &t);
    t.data = m;
    snprintf(key, sizeof key, "%s.exp_avg", name);
    if (st == SPN_OK)
        st = spn_writer_tensor(f->optimizer, key, &t);
    t.data = v;
    snprintf(key, sizeof key, "%s.exp_avg_sq", name);
    return st == SPN_OK ? spn_writer_tensor(f->optimizer, key, &t) : st;
}

/* The writers keep the numbers until they commit: each tensor has its own. */
static spn_status put_all(struct files *f, float *numbers, int step)
{
    char name[200];
    uint64_t seed = 1;
    spn_status st = SPN_OK;

    for (int l = 0; st == SPN_OK && l < LAYERS; l++)
        for (int k = 0; st == SPN_OK && k < KINDS; k++) {
            f->room = numbers;
            numbers += 3 * NUMBERS_MAX;
            snprintf(name, sizeof name, "gpt_neox.layers.%d.%s", l, kinds[k].name);
            st = put(f, name, &kinds[k], seed++, 0.02 * (1 + l / 12.0), step);
        }
    for (size_t i = 0; st == SPN_OK && i < sizeof ends / sizeof *ends; i++) {
        f->room = numbers;
        numbers += 3 * NUMBERS_MAX;
        st = put(f, ends[i].name, &ends[i], seed++, 0.05, step);
    }
    return st;
}

static spn_status write_step(const char *dir, float *numbers, int step)
{
    static const char config[] = "{\"model_type\": \"gpt_neox\", \"hidden_size\": 32,\n"
                                 " \"num_hidden_layers\": 24, \"vocab_size\": 96}\n";
    struct files f = { NULL, NULL, NULL };
    char folder[4200], path[4400];
    spn_status st;

    snprintf(folder, sizeof folder, "%s/checkpoint-%d", dir, 1000 * (step + 1));
    st = spn_make_dirs(folder, &err);
    snprintf(path, sizeof path, "%s/config.json", folder);
    if (st == SPN_OK)
        st = spn_file_write(path, config, sizeof config - 1, &err);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    if (st == SPN_OK)
        st = spn_safetensors_create(&f.model, path, &err);
    snprintf(path, sizeof path, "%s/optimizer.safetensors", folder);
    if (st == SPN_OK)
        st = spn_safetensors_create(&f.optimizer, path, &err);
    if (st == SPN_OK)
        st = put_all(&f, numbers, step);
    if (st == SPN_OK)
        st = spn_writer_commit(f.model, &err);
    if (st == SPN_OK)
        st = spn_writer_commit(f.optimizer, &err);
    spn_writer_free(f.model);
    spn_writer_free(f.optimizer);
    return st;
}

int main(int argc, char **argv)
{
    float *numbers = spn_calloc((LAYERS * KINDS + 4) * (size_t)3 * NUMBERS_MAX, sizeof *numbers);
    spn_status st =
        argc == 2 && numbers != NULL ? SPN_OK : spn_fail(&err, SPN_EUSAGE, "tool_run FOLDER");

    for (int step = 0; st == SPN_OK && step < STEPS; step++)
        st = write_step(argv[1], numbers, step);
    spn_free(numbers);
    if (st != SPN_OK)
        fprintf(stderr, "tool_run: %s\n", err.text);
    return st != SPN_OK;
}

/* tool_ckpt.c - writes the checkpoints of test_ckpt.sh below a folder. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/reader.h"

enum { LAYERS = 5, ROWS = 48, COLS = 64, N = ROWS * COLS };

static char dir[4096];
static struct spn_err err = SPN_ERR_INIT;

struct change { /* what a variant has otherwise */
    int nan, zero_row, moved, renamed, without, shape, copy, hostile;
};

static float *numbers(uint64_t seed)
{
    float *x = spn_calloc(N, sizeof *x);
    struct spn_rng rng;

    spn_rng_init(&rng, spn_key_seed(seed));
    for (int i = 0; x != NULL && i < N; i++)
        x[i] = (float)(0.05 * spn_rng_normal(&rng));
    return x;
}

static spn_status write_variant(const char *name, const struct change *c)
{
    float *x[LAYERS + 1] = { NULL };
    struct spn_writer *w = NULL;
    char path[8192], key[64];
    const int64_t dim[2] = { ROWS, COLS }, turned[2] = { COLS, ROWS };
    struct spn_tensor t;
    spn_status st;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    st = spn_safetensors_create(&w, path, &err);
    for (int l = 0; st == SPN_OK && l <= LAYERS; l++) {
        bool last = l == LAYERS;

        x[l] = numbers((uint64_t)(c->copy && last ? 1 : l + 1));
        if (l == 1 && c->nan) {
            x[l][7] = NAN;
            x[l][9] = INFINITY;
        }
        if (l == 1 && c->zero_row)
            memset(x[l] + 5 * COLS, 0, COLS * sizeof *x[l]);
        for (int i = 0; l == 2 && i < N; i++)
            x[l][i] += (float)c->moved * 1e-4f;
        if (l == 1 && c->without)
            continue;
        st = spn_tensor_init(&t, SPN_F32, 2, l == 2 && c->shape ? turned : dim, x[l], &err);
        snprintf(key, sizeof key, last ? "head.weight" : "layers.%d.mlp.weight", l);
        if (l == 0 && c->renamed)
            snprintf(key, sizeof key, "first.weight");
        if (last && c->hostile)
            snprintf(key, sizeof key, "he\033[2Jad\n\t.weight");
        if (st == SPN_OK)
            st = spn_writer_tensor(w, key, &t);
    }
    if (st == SPN_OK)
        st = spn_writer_str(w, "made_by", "a test", 6);
    if (st == SPN_OK)
        st = spn_writer_commit(w, &err);
    spn_writer_free(w);
    for (int l = 0; l <= LAYERS; l++)
        spn_free(x[l]);
    return st;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        struct change c;
    } all[] = {
        { "plain.safetensors", { 0 } },
        { "again.safetensors", { 0 } },
        { "moved.safetensors", { .moved = 1 } },
        { "nan.safetensors", { .nan = 1 } },
        { "zero_row.safetensors", { .zero_row = 1 } },
        { "renamed.safetensors", { .renamed = 1 } },
        { "without.safetensors", { .without = 1 } },
        { "shape.safetensors", { .shape = 1 } },
        { "copy.safetensors", { .copy = 1 } },
        { "hostile.safetensors", { .hostile = 1 } },
        { "run/checkpoint-9.safetensors", { .moved = 1 } },
        { "run/checkpoint-10.safetensors", { .moved = 2 } },
        { "run/checkpoint-200.safetensors", { .moved = 5, .zero_row = 1 } },
    };
    char run[8192];
    spn_status st;

    if (argc != 2)
        return 2;
    snprintf(dir, sizeof dir, "%s", argv[1]);
    snprintf(run, sizeof run, "%s/run", dir);
    st = spn_make_dirs(run, &err);
    for (size_t i = 0; st == SPN_OK && i < sizeof all / sizeof *all; i++)
        st = write_variant(all[i].name, &all[i].c);
    if (st != SPN_OK)
        fprintf(stderr, "tool_ckpt: %s\n", err.text);
    return st != SPN_OK;
}

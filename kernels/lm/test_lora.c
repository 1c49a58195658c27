/* test_lora.c - adapters: applied logits equal merged ones, from a GGUF and from a PEFT folder, on
 * a model of either pairing; several at once; what does not fit is refused. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/reader.h"
#include "lm/logits.h"

#include "tap.h"
#include "test_model.h"

enum { RANK = 4, N_IDS = 40, EMBD = 256, OUT_Q = 256, OUT_K = 64, FF = 512 };

/* What is adapted in layer 1: queries, keys and the way down; B [out, rank], A [rank, in]. */
static const struct target {
    const char *gguf, *hf;
    int64_t out, in;
} targets[] = {
    { "blk.1.attn_q", "model.layers.1.self_attn.q_proj", OUT_Q, EMBD },
    { "blk.1.attn_k", "model.layers.1.self_attn.k_proj", OUT_K, EMBD },
    { "blk.1.ffn_down", "model.layers.1.mlp.down_proj", EMBD, FF },
};
enum { TARGETS = 3 };

static float a[TARGETS][RANK * FF], b[TARGETS][OUT_Q * RANK], turned[OUT_Q * RANK];
static float logits[3][N_IDS * 320];

/* Rows of heads of 32: neighbouring pairs from halves. */
static void to_neighbours(const float *from, int64_t rows, float *to)
{
    for (int64_t r = 0; r < rows; r++) {
        int64_t i = r % 32, src = r - i + i / 2 + i % 2 * 16;

        memcpy(to + r * RANK, from + src * RANK, RANK * sizeof *to);
    }
}

static void tensor(struct spn_writer *w, const char *stem, const char *tail, const float *f,
                   int64_t rows, int64_t cols)
{
    const int64_t dim[2] = { rows, cols };
    struct spn_tensor t;
    char name[160];

    snprintf(name, sizeof name, "%s%s", stem, tail);
    spn_tensor_init(&t, SPN_F32, 2, dim, (void *)f, NULL);
    spn_writer_tensor(w, name, &t);
}

/* B lies as folders of llama have it; a GGUF of llama's has rows of q and k as neighbours. */
static bool write_gguf(const char *path)
{
    struct spn_writer *w = NULL;
    static float q[OUT_Q * RANK], k[OUT_K * RANK];
    bool fine = spn_gguf_create(&w, path, NULL) == SPN_OK;

    if (!fine)
        return false;
    to_neighbours(b[0], OUT_Q, q);
    to_neighbours(b[1], OUT_K, k);
    spn_writer_str(w, "general.architecture", "llama", 5);
    spn_writer_str(w, "general.type", "adapter", 7);
    spn_writer_str(w, "adapter.type", "lora", 4);
    spn_writer_f32(w, "adapter.lora.alpha", 8);
    for (int i = 0; i < TARGETS; i++) {
        tensor(w, targets[i].gguf, ".weight.lora_a", a[i], RANK, targets[i].in);
        tensor(w, targets[i].gguf, ".weight.lora_b",
               i == 0   ? q
               : i == 1 ? k
                        : b[i],
               targets[i].out, RANK);
    }
    fine = spn_writer_commit(w, NULL) == SPN_OK;
    spn_writer_free(w);
    return fine;
}

static bool write_peft(const char *dir, const char *config, const char *extra)
{
    char path[160], stem[100];
    struct spn_writer *w = NULL;
    bool fine;

    mkdir(dir, 0777);
    snprintf(path, sizeof path, "%s/adapter_config.json", dir);
    fine = spn_file_write(path, config, strlen(config), NULL) == SPN_OK;
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", dir);
    fine = fine && spn_safetensors_create(&w, path, NULL) == SPN_OK;
    if (!fine)
        return false;
    for (int i = 0; i < TARGETS; i++) {
        snprintf(stem, sizeof stem, "base_model.model.%s", targets[i].hf);
        tensor(w, stem, ".lora_A.weight", a[i], RANK, targets[i].in);
        tensor(w, stem, ".lora_B.weight", b[i], targets[i].out, RANK);
    }
    if (extra != NULL)
        tensor(w, extra, "", a[0], RANK, 8);
    fine = spn_writer_commit(w, NULL) == SPN_OK;
    spn_writer_free(w);
    return fine;
}

static void drop_peft(const char *dir)
{
    char path[160];

    snprintf(path, sizeof path, "%s/adapter_config.json", dir);
    remove(path);
    snprintf(path, sizeof path, "%s/adapter_model.safetensors", dir);
    remove(path);
    rmdir(dir);
}

/* The matrices of M plus TIMES scale B A; rows as the model pairs them. */
static void merge(struct spn_lm *m, float times)
{
    struct spn_lm_layer *l = &m->layer[1];
    struct spn_weight *const w[TARGETS] = { &l->q, &l->k, &l->down };

    for (int i = 0; i < TARGETS; i++) {
        const float *rows = b[i];

        if (i < 2) { /* spn_lm_create pairs as a GGUF does */
            to_neighbours(b[i], targets[i].out, turned);
            rows = turned;
        }
        for (int64_t r = 0; r < targets[i].out; r++)
            for (int64_t c = 0; c < targets[i].in; c++) {
                float sum = 0;

                for (int k = 0; k < RANK; k++)
                    sum += rows[r * RANK + k] * a[i][k * targets[i].in + c];
                ((float *)w[i]->t.data)[r * targets[i].in + c] += times * sum;
            }
    }
}

static bool run_model(const char *path, const struct spn_lm_adapter *adapter, int n, float *out,
                      struct spn_err *err)
{
    struct spn_lm_options o;
    struct spn_lm *m = NULL;
    int32_t ids[N_IDS];
    spn_status st;

    for (int i = 0; i < N_IDS; i++)
        ids[i] = (i * i * 3 + 1) % 320;
    spn_lm_options_default(&o);
    o.tokenizer = false;
    o.act = SPN_ACT_F32;
    o.adapter = adapter;
    o.n_adapter = n;
    st = spn_lm_open(&m, path, &o, err);
    if (st == SPN_OK)
        st = spn_lm_logits(m, ids, N_IDS, out, NULL, err);
    spn_lm_close(m);
    return st == SPN_OK;
}

static double apart(const float *x, const float *y)
{
    double worst = 0;

    for (int r = 0; r < N_IDS; r++) {
        double off = 0, size = 0, e;

        for (int i = 0; i < 320; i++) {
            off += pow((double)x[r * 320 + i] - (double)y[r * 320 + i], 2);
            size += pow((double)y[r * 320 + i], 2);
        }
        e = sqrt(off / size);
        if (!(e <= worst))
            worst = e;
    }
    return worst;
}

int main(void)
{
    const char *config =
        "{\"peft_type\": \"LORA\", \"lora_alpha\": 8, \"r\": 4, \"bias\": \"none\"}";
    struct spn_lm *base = tiny_new("llama", &tiny_shape), *merged = tiny_new("llama", &tiny_shape);
    struct spn_err err = SPN_ERR_INIT;
    char file[64], other[64], folder[64], gguf[64], peft[64];
    struct spn_rng rng;
    bool fine = base != NULL && merged != NULL;

    snprintf(file, sizeof file, "test_lora.%ld.gguf", (long)getpid());
    snprintf(other, sizeof other, "test_lora.%ld.merged.gguf", (long)getpid());
    snprintf(folder, sizeof folder, "test_lora.%ld.folder", (long)getpid());
    snprintf(gguf, sizeof gguf, "test_lora.%ld.adapter.gguf", (long)getpid());
    snprintf(peft, sizeof peft, "test_lora.%ld.peft", (long)getpid());
    spn_rng_init(&rng, spn_key_seed(2));
    for (int i = 0; i < TARGETS; i++) {
        for (int64_t k = 0; k < RANK * targets[i].in; k++)
            a[i][k] = 0.2f * (float)spn_rng_normal(&rng);
        for (int64_t k = 0; k < RANK * targets[i].out; k++)
            b[i][k] = 0.2f * (float)spn_rng_normal(&rng);
    }
    if (fine)
        merge(merged, 2); /* alpha / rank */
    mkdir(folder, 0777);
    fine = fine && spn_lm_write_gguf(base, file, SPN_F32, NULL, "t", NULL, NULL, &err) == SPN_OK &&
           spn_lm_write_gguf(merged, other, SPN_F32, NULL, "t", NULL, NULL, &err) == SPN_OK &&
           spn_lm_write_hf(base, folder, SPN_F32, &err) == SPN_OK && write_gguf(gguf) &&
           write_peft(peft, config, NULL);
    ok(fine, "a model, merged and not, and its adapter in both forms %s", err.text);
    ok(run_model(file, NULL, 0, logits[0], &err) && run_model(other, NULL, 0, logits[1], &err) &&
           apart(logits[0], logits[1]) > 0.05,
       "the adapter changes something");

    const struct {
        const char *what, *base, *adapter;
    } cases[] = { { "GGUF on GGUF", file, gguf },
                  { "PEFT on GGUF", file, peft },
                  { "GGUF on a folder", folder, gguf },
                  { "PEFT on a folder", folder, peft } };

    for (int i = 0; i < 4; i++) {
        const struct spn_lm_adapter one = { cases[i].adapter, 1 };
        bool ran = run_model(cases[i].base, &one, 1, logits[2], &err);

        ok(ran && apart(logits[2], logits[1]) < 1e-5, "%s: %.1e %s", cases[i].what,
           apart(logits[2], logits[1]), ran ? "" : err.text);
    }
    {
        const struct spn_lm_adapter two[2] = { { gguf, 0.25f }, { peft, 0.75f } };
        const struct spn_lm_adapter none = { gguf, 0 };

        ok(run_model(file, two, 2, logits[2], &err) && apart(logits[2], logits[1]) < 1e-5,
           "two with scales that add to 1");
        ok(run_model(file, &none, 1, logits[2], &err) && apart(logits[2], logits[0]) < 1e-6,
           "a scale of 0 leaves the model");
    }
    const struct spn_lm_adapter peft_one = { peft, 1 }, model = { file, 1 };

    ok(!run_model(file, &model, 1, logits[2], &err), "refused: %s", err.text);
    write_peft(peft, config, "base_model.model.model.embed_tokens.lora_embedding_A");
    ok(!run_model(file, &peft_one, 1, logits[2], &err), "refused: %s", err.text);
    write_peft(peft, "{\"peft_type\": \"IA3\"}", NULL);
    ok(!run_model(file, &peft_one, 1, logits[2], &err), "refused: %s", err.text);
    write_peft(peft, "{\"peft_type\": \"LORA\", \"lora_alpha\": 8, \"use_dora\": true}", NULL);
    ok(!run_model(file, &peft_one, 1, logits[2], &err), "refused: %s", err.text);
    spn_lm_close(base);
    spn_lm_close(merged);
    drop_peft(peft);
    remove(file);
    remove(other);
    remove(gguf);
    snprintf(file, sizeof file, "%.40s/config.json", folder);
    remove(file);
    snprintf(file, sizeof file, "%.40s/model.safetensors", folder);
    remove(file);
    rmdir(folder);
    return done();
}

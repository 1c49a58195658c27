/* test_kinds.c - layers that are not plain attention: a latent cache gives what expanded keys and
 * values give; a state is the same however its tokens were cut, is copied by a fork and begins
 * anew.
 */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rng.h"
#include "format/reader.h"
#include "lm/embed.h"
#include "lm/generate.h"
#include "lm/logits.h"
#include "lm/model.h"
#include "lm/store.h"
#include "tensor/rows.h"

#include "tap.h"

enum { VOCAB = 96, LAYERS = 2 };

/* A file under way: random tensors, kept until it is written. */
struct maker {
    struct spn_writer *w;
    struct spn_rng rng;
    float *kept[64];
    int n;
};

static void tensor(struct maker *k, const char *name, int64_t rows, int64_t cols, float spread,
                   float mean)
{
    const int64_t dim[2] = { rows, cols };
    float *f = spn_calloc((size_t)(rows * (cols > 0 ? cols : 1)), sizeof *f);
    struct spn_tensor t;

    for (int64_t i = 0; i < rows * (cols > 0 ? cols : 1); i++)
        f[i] = mean + spread * (float)spn_rng_normal(&k->rng);
    spn_tensor_init(&t, SPN_F32, cols > 0 ? 2 : 1, dim, f, NULL);
    spn_writer_tensor(k->w, name, &t);
    k->kept[k->n++] = f;
}

static void in_layer(struct maker *k, int l, const char *name, int64_t rows, int64_t cols,
                     float spread, float mean)
{
    char full[96];

    snprintf(full, sizeof full, "blk.%d.%s", l, name);
    tensor(k, full, rows, cols, spread, mean);
}

static void begin(struct maker *k, const char *path, const char *arch, int64_t embd, uint64_t seed)
{
    memset(k, 0, sizeof *k);
    spn_rng_init(&k->rng, spn_key_seed(seed));
    if (spn_gguf_create(&k->w, path, NULL) != SPN_OK)
        return;
    spn_writer_str(k->w, "general.architecture", arch, strlen(arch));
    tensor(k, "token_embd.weight", VOCAB, embd, 0.5f, 0);
    tensor(k, "output_norm.weight", embd, 0, 0.1f, 1);
}

static void number(struct maker *k, const char *arch, const char *suffix, uint32_t v)
{
    char key[96];

    snprintf(key, sizeof key, "%s.%s", arch, suffix);
    spn_writer_u32(k->w, key, v);
}

static bool end(struct maker *k, const char *arch)
{
    struct spn_err err = SPN_ERR_INIT;
    char key[96];
    spn_status st;

    snprintf(key, sizeof key, "%s.attention.layer_norm_rms_epsilon", arch);
    spn_writer_f32(k->w, key, 1e-6f);
    st = spn_writer_commit(k->w, &err);
    if (st != SPN_OK)
        printf("# %s\n", err.text);
    spn_writer_free(k->w);
    for (int i = 0; i < k->n; i++)
        spn_free(k->kept[i]);
    return st == SPN_OK;
}

/* The sizes of a head that PLM has: 16 heads of 128 + 64, values of 128, a latent row of 512. */
static bool write_plm(const char *path)
{
    struct maker k;

    begin(&k, path, "plm", 64, 3);
    number(&k, "plm", "context_length", 1024);
    number(&k, "plm", "embedding_length", 64);
    number(&k, "plm", "block_count", 1);
    number(&k, "plm", "feed_forward_length", 96);
    number(&k, "plm", "attention.head_count", 16);
    number(&k, "plm", "attention.key_length", 192);
    number(&k, "plm", "attention.value_length", 128);
    number(&k, "plm", "attention.kv_lora_rank", 512);
    number(&k, "plm", "rope.dimension_count", 64);

    in_layer(&k, 0, "attn_norm.weight", 64, 0, 0.1f, 1);
    in_layer(&k, 0, "attn_q.weight", 16 * 192, 64, 0.2f, 0);
    in_layer(&k, 0, "attn_kv_a_mqa.weight", 576, 64, 0.1f, 0);
    in_layer(&k, 0, "attn_kv_a_norm.weight", 512, 0, 0.1f, 1);
    in_layer(&k, 0, "attn_kv_b.weight", 16 * 256, 512, 0.05f, 0);
    in_layer(&k, 0, "attn_output.weight", 64, 16 * 128, 0.05f, 0);
    in_layer(&k, 0, "ffn_norm.weight", 64, 0, 0.1f, 1);
    in_layer(&k, 0, "ffn_up.weight", 96, 64, 0.1f, 0);
    in_layer(&k, 0, "ffn_down.weight", 64, 96, 0.1f, 0);
    return end(&k, "plm");
}

static bool write_mamba2(const char *path, uint32_t heads)
{
    enum { EMBD = 32, INNER = 64, STATE = 16, GROUPS = 2, HEADS = 4 };
    const int64_t channels = INNER + 2 * GROUPS * STATE;
    struct maker k;

    begin(&k, path, "mamba2", EMBD, 4);
    number(&k, "mamba2", "context_length", 4096);
    number(&k, "mamba2", "embedding_length", EMBD);
    number(&k, "mamba2", "block_count", LAYERS);
    number(&k, "mamba2", "ssm.conv_kernel", 4);
    number(&k, "mamba2", "ssm.inner_size", INNER);
    number(&k, "mamba2", "ssm.state_size", STATE);
    number(&k, "mamba2", "ssm.time_step_rank", heads);
    number(&k, "mamba2", "ssm.group_count", GROUPS);
    for (int l = 0; l < LAYERS; l++) {
        in_layer(&k, l, "attn_norm.weight", EMBD, 0, 0.1f, 1);
        in_layer(&k, l, "ssm_in.weight", INNER + channels + HEADS, EMBD, 0.3f, 0);
        in_layer(&k, l, "ssm_conv1d.weight", channels, 4, 0.4f, 0);
        in_layer(&k, l, "ssm_conv1d.bias", channels, 0, 0.2f, 0);
        in_layer(&k, l, "ssm_dt.bias", HEADS, 0, 0.5f, 0);
        in_layer(&k, l, "ssm_a", HEADS, 1, 0.1f, -0.5f);
        in_layer(&k, l, "ssm_d", HEADS, 1, 0.5f, 0);
        in_layer(&k, l, "ssm_norm.weight", GROUPS, INNER / GROUPS, 0.1f, 1);
        in_layer(&k, l, "ssm_out.weight", EMBD, INNER, 0.2f, 0);
    }
    return end(&k, "mamba2");
}

static struct spn_lm *open_model(const char *path, bool expand)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_lm_options o;
    struct spn_lm *m = NULL;

    spn_lm_options_default(&o);
    o.tokenizer = false;
    o.expand = expand;
    if (spn_lm_open(&m, path, &o, &err) != SPN_OK)
        printf("# %s\n", err.text);
    return m;
}

/* Tokens IDS one at a time from a store, each row's logits into OUT. */
struct walk {
    struct spn_plan *plan;
    struct spn_exec *exec;
    struct spn_kv *kv;
    const struct spn_lm *m;
};

enum { CHUNK_MAX = 8 };

static bool walk_open(struct walk *w, struct spn_lm *m, int64_t tokens, int seqs)
{
    const int64_t most[SPN_DIM_SYMBOLS] = { CHUNK_MAX, CHUNK_MAX, 0 };
    struct spn_kv_layer layer[LAYERS];
    struct spn_kv_options o = {
        .n_layer = (int)m->shape.n_layer,
        .layer = layer,
        .n_tiers = 1,
        .tokens = { tokens },
        .max_seqs = seqs,
    };

    for (int l = 0; l < o.n_layer; l++)
        spn_lm_kv_layer(m, l, &layer[l]);
    *w = (struct walk){ .plan = spn_plan_new(SPN_F32), .m = m };
    spn_lm_forward(m, w->plan, SPN_LM_GENERATE);
    return spn_plan_finish(w->plan, NULL) == SPN_OK &&
           spn_exec_new(&w->exec, w->plan, most, NULL) == SPN_OK &&
           spn_kv_new(&w->kv, &o, NULL) == SPN_OK;
}

static void walk_close(struct walk *w)
{
    spn_exec_free(w->exec);
    spn_plan_free(w->plan);
    spn_kv_free(w->kv);
}

static bool walk_rows(struct walk *w, int32_t seq, const int32_t *ids, int64_t pos, int64_t n,
                      float *out)
{
    int32_t at[CHUNK_MAX], of[CHUNK_MAX], want[CHUNK_MAX];
    struct spn_rows rows = { .n = n, .token = ids, .pos = at, .seq = of, .out = want, .n_out = n };
    struct spn_run run = { .symbol = { n, n }, .batch = &rows, .store = spn_kv_store(w->kv) };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tensor view;

    for (int64_t i = 0; i < n; i++) {
        at[i] = (int32_t)(pos + i);
        of[i] = seq;
        want[i] = (int32_t)i;
    }
    if (spn_kv_reserve(w->kv, seq, -1, n, &err) != SPN_OK ||
        spn_exec_run(w->exec, &run, -1, spn_plan_marks(w->plan), &err) != SPN_OK ||
        spn_exec_output(w->exec, &run, "logits", &view, &err) != SPN_OK) {
        printf("# %s\n", err.text);
        return false;
    }
    memcpy(out, view.data, (size_t)(n * VOCAB) * sizeof *out);
    return true;
}

static void test_latent(const char *path)
{
    enum { STEPS = 500 };
    static float latent[STEPS][VOCAB], expanded[STEPS][VOCAB], chunked[STEPS][VOCAB];
    static int32_t ids[STEPS];
    struct spn_lm *m = NULL;
    uint64_t bytes[2] = { 0, 0 };
    double worst = 0;
    bool fine = write_plm(path);

    for (int i = 0; i < STEPS; i++)
        ids[i] = (i * i * 7 + 3) % VOCAB;
    for (int expand = 0; expand < 2 && fine; expand++) {
        struct walk w;
        int32_t seq;

        m = open_model(path, expand != 0);
        fine =
            m != NULL && walk_open(&w, m, STEPS, 2) && spn_kv_seq_new(w.kv, &seq, NULL) == SPN_OK;
        bytes[expand] = m != NULL ? spn_lm_kv_token_bytes(m, SPN_F32) : 0;
        for (int i = 0; i < STEPS && fine; i++)
            fine = walk_rows(&w, seq, ids + i, i, 1, expand ? expanded[i] : latent[i]);
        if (fine && !expand) {
            spn_kv_trim(w.kv, seq, -1, 0);
            for (int i = 0, n; i < STEPS && fine; i += n) {
                n = STEPS - i < CHUNK_MAX ? STEPS - i : CHUNK_MAX;
                fine = walk_rows(&w, seq, ids + i, i, n, chunked[i]);
            }
        }
        walk_close(&w);
        spn_lm_close(m);
    }
    for (int i = 0; i < STEPS * VOCAB; i++) {
        double off =
            fabs((double)latent[i / VOCAB][i % VOCAB] - (double)expanded[i / VOCAB][i % VOCAB]);

        if (!(off <= worst))
            worst = off;
    }
    ok(fine && worst < 1e-4, "latent and expanded decode over %d steps differ by %.1e at most",
       STEPS, worst);
    ok(bytes[0] == 576 * 4 && bytes[1] == 5120 * 4, "a token takes %d numbers instead of %d",
       (int)(bytes[0] / 4), (int)(bytes[1] / 4));
    ok(fine && memcmp(latent, chunked, sizeof latent) == 0,
       "token by token and in chunks give the same bytes");
    remove(path);
}

static void test_states(const char *path)
{
    enum { STEPS = 60 };
    static float once[STEPS][VOCAB], other[STEPS][VOCAB];
    static int32_t ids[STEPS];
    struct spn_lm *m = NULL;
    struct walk w = { 0 };
    int32_t seq = 0, child = 0;
    bool fine = write_mamba2(path, 3);
    struct spn_lm_options o;
    struct spn_err err = SPN_ERR_INIT;

    spn_lm_options_default(&o);
    o.tokenizer = false;
    ok(fine && spn_lm_open(&m, path, &o, &err) == SPN_EFORMAT, "refused: %s", err.text);
    fine = write_mamba2(path, 4);
    for (int i = 0; i < STEPS; i++)
        ids[i] = (i * i * 5 + 1) % VOCAB;
    m = fine ? open_model(path, false) : NULL;
    fine = m != NULL && walk_open(&w, m, STEPS, 4) && spn_kv_seq_new(w.kv, &seq, NULL) == SPN_OK;
    ok(fine && spn_lm_kv_token_bytes(m, SPN_F32) == 0 &&
           spn_lm_state_bytes(m) == LAYERS * 4 * (3 * 128 + 4 * 16 * 16),
       "a sequence takes the same whatever its length");
    for (int i = 0; i < STEPS && fine; i++)
        fine = walk_rows(&w, seq, ids + i, i, 1, once[i]);
    spn_kv_trim(w.kv, seq, -1, 0);
    for (int i = 0, n; i < STEPS && fine; i += n) {
        n = STEPS - i < 7 ? STEPS - i : 7;
        fine = walk_rows(&w, seq, ids + i, i, n, other[i]);
    }
    ok(fine && memcmp(once, other, sizeof once) == 0, "begun anew and in chunks: the same bytes");
    spn_kv_trim(w.kv, seq, -1, 0);
    for (int i = 0; i < STEPS / 2 && fine; i++)
        fine = walk_rows(&w, seq, ids + i, i, 1, other[i]);
    fine = fine && spn_kv_seq_fork(w.kv, seq, &child, NULL) == SPN_OK;
    for (int i = 0; i < STEPS / 2 && fine; i++) /* the parent goes another way */
        fine = walk_rows(&w, seq, ids, STEPS / 2 + i, 1, other[0]);
    for (int i = STEPS / 2; i < STEPS && fine; i++)
        fine = walk_rows(&w, child, ids + i, i, 1, other[i]);
    ok(fine && memcmp(once[STEPS / 2], other[STEPS / 2], sizeof once / 2) == 0,
       "a fork goes on from a copy");
    walk_close(&w);
    spn_lm_close(m);
}

/* Tokens of request K of N together. */
static bool generate(struct spn_lm *m, int n, int64_t tokens[][24], bool prefix)
{
    int32_t prompt[40];
    struct spn_gen_options o;
    struct spn_gen *g = NULL;
    struct spn_err err = SPN_ERR_INIT;
    int count[4] = { 0 };
    bool fine;

    spn_gen_options_default(&o);
    o.max_seqs = 3; /* the fourth waits */
    o.chunk = 9;
    o.prefix_cache = prefix;
    fine = spn_gen_new(&g, m, &o, &err) == SPN_OK;
    for (int k = 0; k < n && fine; k++) {
        struct spn_gen_request r = { .prompt = prompt, .n_prompt = 40, .max_tokens = 24 };
        int64_t id;

        for (int i = 0; i < 40; i++)
            prompt[i] = (i * (k + 3)) % VOCAB;
        spn_sampling_default(&r.sampling);
        r.sampling.temperature = 0;
        fine = spn_gen_add(g, &r, &id, &err) == SPN_OK;
    }
    while (fine && spn_gen_active(g) > 0) {
        const struct spn_gen_event *e;
        int events;

        fine = spn_gen_step(g, &e, &events, &err) == SPN_OK;
        for (int i = 0; i < events && fine; i++)
            if (e[i].token >= 0)
                tokens[e[i].id - 1][count[e[i].id - 1]++] = e[i].token;
    }
    if (!fine)
        printf("# %s\n", err.text);
    spn_gen_free(g);
    return fine && count[0] == 24;
}

static void test_generate(const char *path)
{
    int64_t all[4][24] = { { 0 } }, again[4][24] = { { 0 } }, alone[4][24] = { { 0 } };
    struct spn_lm *m = open_model(path, false);
    bool fine = m != NULL && generate(m, 4, all, true) && generate(m, 4, again, false) &&
                generate(m, 1, alone, true);

    ok(fine && memcmp(all, again, sizeof all) == 0,
       "a generator with states: blocks of keys are not shared, its texts stay");
    ok(fine && memcmp(all[0], alone[0], sizeof all[0]) == 0, "alone and in a batch");
    spn_lm_close(m);
    remove(path);
}

static bool write_bert(const char *path)
{
    struct maker k;

    memset(&k, 0, sizeof k);
    spn_rng_init(&k.rng, spn_key_seed(6));
    if (spn_gguf_create(&k.w, path, NULL) != SPN_OK)
        return false;
    spn_writer_str(k.w, "general.architecture", "bert", 4);
    tensor(&k, "token_embd.weight", VOCAB, 32, 0.5f, 0);
    tensor(&k, "token_types.weight", 2, 32, 0.5f, 0);
    tensor(&k, "position_embd.weight", 64, 32, 0.5f, 0);
    tensor(&k, "token_embd_norm.weight", 32, 0, 0.1f, 1);
    tensor(&k, "token_embd_norm.bias", 32, 0, 0.1f, 0);
    number(&k, "bert", "context_length", 64);
    number(&k, "bert", "embedding_length", 32);
    number(&k, "bert", "block_count", 1);
    number(&k, "bert", "feed_forward_length", 48);
    number(&k, "bert", "attention.head_count", 4);
    number(&k, "bert", "pooling_type", SPN_POOL_CLS);
    in_layer(&k, 0, "attn_q.weight", 32, 32, 0.3f, 0);
    in_layer(&k, 0, "attn_k.weight", 32, 32, 0.3f, 0);
    in_layer(&k, 0, "attn_v.weight", 32, 32, 0.3f, 0);
    in_layer(&k, 0, "attn_output.weight", 32, 32, 0.3f, 0);
    in_layer(&k, 0, "attn_output_norm.weight", 32, 0, 0.1f, 1);
    in_layer(&k, 0, "ffn_up.weight", 48, 32, 0.3f, 0);
    in_layer(&k, 0, "ffn_down.weight", 32, 48, 0.3f, 0);
    in_layer(&k, 0, "layer_output_norm.weight", 32, 0, 0.1f, 1);
    return end(&k, "bert");
}

static void test_encoder(const char *path)
{
    int32_t ids[3][40];
    struct spn_embed_text text[3] = { { ids[0], 5 }, { ids[1], 40 }, { ids[2], 17 } };
    float together[3][32], alone[32], mean[32];
    struct spn_lm *m = write_bert(path) ? open_model(path, false) : NULL;
    struct spn_embedder *e = NULL;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_gen *g = NULL;
    bool same = true;

    for (int i = 0; i < 3 * 40; i++)
        ids[i / 40][i % 40] = (i * 7 + 1) % VOCAB;
    if (!ok(m != NULL && spn_embedder_new(&e, m, 64, 3, NULL, &err) == SPN_OK &&
                spn_embedder_run(e, text, 3, SPN_POOL_NONE, true, &together[0][0], &err) == SPN_OK,
            "three texts have vectors %s", err.text)) {
        spn_lm_close(m);
        return;
    }
    for (int i = 0; i < 3; i++)
        same = same &&
               spn_embedder_run(e, &text[i], 1, SPN_POOL_CLS, true, alone, &err) == SPN_OK &&
               memcmp(alone, together[i], sizeof alone) == 0;
    ok(same, "alone and in a batch, the file's pooling and that by name: the same bytes");
    ids[1][39]++; /* the first row of an encoder sees the last */
    ok(spn_embedder_run(e, &text[1], 1, SPN_POOL_CLS, true, alone, &err) == SPN_OK &&
           memcmp(alone, together[1], sizeof alone) != 0 &&
           spn_embedder_run(e, &text[1], 1, SPN_POOL_MEAN, true, mean, &err) == SPN_OK &&
           memcmp(alone, mean, sizeof mean) != 0,
       "a later token counts, and so does the pooling");
    text[0].n = 0;
    ok(spn_embedder_run(e, text, 1, SPN_POOL_CLS, true, alone, &err) == SPN_EUSAGE, "refused: %s",
       err.text);
    text[0] = (struct spn_embed_text){ ids[0], 40 };
    ok(spn_embedder_run(e, text, 2, SPN_POOL_CLS, true, alone, &err) == SPN_EUSAGE, "refused: %s",
       err.text);
    ok(spn_gen_new(&g, m, NULL, &err) == SPN_EUSAGE, "refused: %s", err.text);
    spn_embedder_free(e);
    spn_lm_close(m);
    remove(path);
}

int main(void)
{
    char path[64];

    snprintf(path, sizeof path, "test_kinds.%ld.gguf", (long)getpid());
    test_latent(path);
    test_states(path);
    test_generate(path);
    test_encoder(path);
    return done();
}

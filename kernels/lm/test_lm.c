/* test_lm.c - models made, written and opened; the forward cut at layers; files that are wrong. */
#include "config.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/pool.h"
#include "lm/logits.h"
#include "lm/model.h"
#include "lm/store.h"
#include "lm/test_hollow.h"
#include "lm/test_model.h"
#include "tensor/rows.h"

#include "tap.h"

enum { ROWS = 64, VOCAB = 320 };

/* ---- created, written, opened ---- */

static void test_create(void)
{
    struct spn_lm *a = NULL, *b = NULL, *c = NULL;
    struct spn_lm_shape wrong = tiny_shape;
    struct spn_err err = SPN_ERR_INIT;
    const struct spn_arch *llama = spn_arch_find("llama");
    uint64_t at = 0;
    bool in_order = true;
    double sum = 0, down = 0;

    ok(spn_lm_create(&a, llama, &tiny_shape, 1, NULL) == SPN_OK, "a model is created");
    spn_lm_create(&b, llama, &tiny_shape, 1, NULL);
    spn_lm_create(&c, llama, &tiny_shape, 2, NULL);
    for (int i = 0; spn_lm_weight(a, i) != NULL; i++) {
        in_order = in_order && (float *)spn_lm_weight(a, i)->t.data == a->block + at;
        at += (uint64_t)spn_tensor_elems(&spn_lm_weight(a, i)->t);
    }
    ok(in_order && at == a->params, "%d weights lie one after another in one block", a->n_list);
    ok_str(spn_lm_weight(a, 0)->name, "token_embd.weight", "the first is the table");
    ok(spn_lm_weight(a, a->n_list) == NULL && spn_lm_weight(a, -1) == NULL, "NULL past the ends");
    ok(memcmp(a->block, b->block, a->params * sizeof *a->block) == 0, "same seed, same weights");
    ok(memcmp(a->block, c->block, a->params * sizeof *a->block) != 0, "another seed, others");
    for (int64_t i = 0; i < VOCAB * 256; i++)
        sum += pow(((float *)a->embed.t.data)[i], 2);
    for (int64_t i = 0; i < 256 * 512; i++)
        down += pow(((float *)a->layer[0].down.t.data)[i], 2);
    ok_near(sqrt(sum / (VOCAB * 256)), 0.02, 0.0003, "deviation of the table");
    ok_near(sqrt(down / (256 * 512)), 0.02 / sqrt(6), 0.0002,
            "deviation of what is added to the stream");
    wrong.n_head = 7;
    ok(spn_lm_create(&b, llama, &wrong, 1, &err) == SPN_EFORMAT, "refused: %s", err.text);
    spn_lm_close(a);
    spn_lm_close(b);
    spn_lm_close(c);
}

static void test_write(void)
{
    static const char *const archs[] = { "llama", "qwen2", "qwen3" };
    struct spn_lm_options o;

    spn_lm_options_default(&o);
    o.tokenizer = false;
    for (int i = 0; i < 3; i++) {
        struct spn_lm_shape shape = tiny_shape;
        struct spn_lm *m, *f = NULL;
        bool same;

        shape.tied = i != 1;
        shape.rope_scale = i == 0 ? 0.25f : 1;
        shape.window = i == 0 ? 100 : 0;
        m = tiny_new(archs[i], &shape);
        spn_lm_write_gguf(m, "test_lm-a.gguf", SPN_F32, NULL, "tiny", NULL, NULL, NULL);
        o.pack = false;
        same = spn_lm_open(&f, "test_lm-a.gguf", &o, NULL) == SPN_OK && f->n_list == m->n_list &&
               f->params == m->params && f->shape.window == shape.window &&
               f->shape.rope_scale == shape.rope_scale && f->shape.tied == shape.tied;
        for (int k = 0; same && k < m->n_list; k++)
            same = strcmp(m->list[k]->name, f->list[k]->name) == 0 &&
                   memcmp(m->list[k]->t.data, f->list[k]->t.data,
                          spn_tensor_bytes(&m->list[k]->t)) == 0;
        ok(same, "%s as f32 comes back as it was", archs[i]);
        spn_lm_close(f);
        spn_lm_close(m);
        remove("test_lm-a.gguf");
    }
    {
        struct spn_lm_shape narrow = tiny_shape;
        struct spn_lm *f;

        narrow.n_ff = 96; /* q4_K blocks do not divide 96, q4_0 blocks do */
        f = tiny_open("llama", &narrow, SPN_Q4_K, SPN_ACT_INT8, "test_lm-b.gguf");
        ok(f != NULL && f->layer[0].gate.t.dtype == SPN_Q4_K &&
               f->layer[0].down.t.dtype == SPN_Q4_0,
           "rows that q4_K does not divide are written as q4_0");
        spn_lm_close(f);
    }
}

/* ---- the forward, cut and continued ---- */

struct world {
    struct spn_lm *m;
    struct spn_plan *plan;
    struct spn_exec *exec;
    struct spn_kv *kv;
    int32_t token[ROWS], pos[ROWS], seq[ROWS], parent[ROWS], first[ROWS];
    struct spn_rows rows;
    struct spn_run run;
    float logits[ROWS][VOCAB];
};

static void world_open(struct world *w, struct spn_lm *m, bool store)
{
    const int64_t most[SPN_DIM_SYMBOLS] = { ROWS, ROWS, 0 };
    struct spn_kv_layer layer[3];
    struct spn_kv_options o = {
        .n_layer = 3, .layer = layer, .n_tiers = 1, .tokens = { 2048 }, .max_seqs = 16
    };

    for (int l = 0; l < 3; l++)
        spn_lm_kv_layer(m, l, &layer[l]);
    memset(w, 0, sizeof *w);
    w->m = m;
    w->plan = spn_plan_new(SPN_F32);
    spn_lm_forward(m, w->plan, SPN_LM_GENERATE);
    if (spn_plan_finish(w->plan, NULL) != SPN_OK ||
        spn_exec_new(&w->exec, w->plan, most, NULL) != SPN_OK ||
        (store && spn_kv_new(&w->kv, &o, NULL) != SPN_OK))
        printf("# no plan\n");
    w->rows =
        (struct spn_rows){ .token = w->token, .pos = w->pos, .seq = w->seq, .first = w->first };
    w->run = (struct spn_run){ .batch = &w->rows, .store = store ? spn_kv_store(w->kv) : NULL };
}

static void world_close(struct world *w)
{
    spn_exec_free(w->exec);
    spn_plan_free(w->plan);
    spn_kv_free(w->kv);
}

static void row(struct world *w, int32_t seq, int token, int pos, int parent)
{
    int64_t i = w->rows.n++;

    w->token[i] = token % VOCAB;
    w->pos[i] = pos;
    w->seq[i] = seq;
    w->parent[i] = parent;
    w->first[i] = 0;
}

/* Run the batch from mark FROM to mark TO; RESERVE: places for its keys are to be found first. */
static void run(struct world *w, int from, int to, bool reserve)
{
    struct spn_tensor view;
    struct spn_err err = SPN_ERR_INIT;

    for (int64_t i = 0; reserve && w->kv != NULL && i < w->rows.n; i++) {
        int64_t same = 0;

        for (int64_t j = 0; j < w->rows.n; j++)
            same += w->seq[j] == w->seq[i];
        spn_kv_reserve(w->kv, w->seq[i], -1, same, NULL);
    }
    w->rows.n_out = w->rows.n;
    w->run.symbol[-1 - SPN_DIM_ROWS] = w->run.symbol[-1 - SPN_DIM_OUT] = w->rows.n;
    if (spn_exec_run(w->exec, &w->run, from, to, &err) != SPN_OK)
        printf("# %s\n", err.text);
    if (w->kv != NULL && spn_kv_check(w->kv, &err) != SPN_OK)
        printf("# %s\n", err.text);
    if (to == spn_plan_marks(w->plan)) {
        if (spn_exec_output(w->exec, &w->run, "logits", &view, &err) == SPN_OK)
            memcpy(w->logits, view.data, (size_t)w->rows.n * sizeof w->logits[0]);
        else
            printf("# %s\n", err.text);
    }
}

static int32_t seq_new(struct world *w)
{
    int32_t s = -1;

    if (spn_kv_seq_new(w->kv, &s, NULL) != SPN_OK)
        printf("# no sequence\n");
    return s;
}

static void text(struct world *w, int32_t seq, int base, int from, int n)
{
    w->rows.n = 0;
    w->rows.parent = NULL;
    for (int i = 0; i < n; i++)
        row(w, seq, base + 3 * (from + i), from + i, -1);
}

/* The stream at mark M, copied out or put back. */
static void stream(struct world *w, int mark, float *copy, bool put)
{
    struct spn_tensor view;

    if (spn_exec_stream(w->exec, &w->run, mark, &view, NULL) != SPN_OK) {
        printf("# no stream\n");
        return;
    }
    if (put)
        memcpy(view.data, copy, spn_tensor_bytes(&view));
    else
        memcpy(copy, view.data, spn_tensor_bytes(&view));
}

static void test_cut(struct spn_lm *m, bool store)
{
    static struct world w;
    static float want[ROWS][VOCAB], hidden[ROWS * 256], zero[ROWS * 256];
    int32_t s = 0;
    int end;
    bool same = true;

    world_open(&w, m, store);
    end = spn_plan_marks(w.plan);
    ok_int(end, 4, "marks: after the embedding and after each of three layers");
    if (store)
        s = seq_new(&w);
    text(&w, s, 1, 0, 40);
    run(&w, -1, end, true);
    memcpy(want, w.logits, sizeof want);
    for (int a = 0; a < end; a++) {
        if (store)
            spn_kv_trim(w.kv, s, -1, 0);
        text(&w, s, 1, 0, 40);
        run(&w, -1, a, true);
        stream(&w, a, hidden, false);
        stream(&w, a, zero, true);
        stream(&w, a, hidden, true);
        run(&w, a, end, false);
        same = same && memcmp(w.logits, want, 40 * sizeof want[0]) == 0;
    }
    ok(same, "%s: layers a to b, then b to the end, equal the whole",
       store ? "with a store" : "without a store");
    world_close(&w);
}

static void test_dropped(struct spn_lm *m)
{
    static struct world w;
    static float want[ROWS][VOCAB], hidden[ROWS * 256];
    int32_t s, end;
    int kept = 0;

    world_open(&w, m, true);
    end = spn_plan_marks(w.plan);
    /* Only every second row, from the beginning. */
    s = seq_new(&w);
    w.rows.n = 0;
    for (int i = 0; i < 40; i += 2)
        row(&w, s, 1 + 3 * i, i, -1);
    run(&w, -1, end, true);
    memcpy(want, w.logits, sizeof want);
    /* All rows to the first mark, then only those. */
    s = seq_new(&w);
    text(&w, s, 1, 0, 40);
    run(&w, -1, 0, true);
    stream(&w, 0, hidden, false);
    w.rows.n = 0;
    for (int i = 0; i < 40; i += 2, kept++) {
        memmove(hidden + kept * 256, hidden + i * 256, 256 * sizeof *hidden);
        row(&w, s, 0, i, -1);
    }
    w.rows.token = NULL;
    w.run.symbol[-1 - SPN_DIM_ROWS] = w.run.symbol[-1 - SPN_DIM_OUT] = kept;
    stream(&w, 0, hidden, true);
    run(&w, 0, end, false);
    ok(memcmp(w.logits, want, (size_t)kept * sizeof want[0]) == 0,
       "dropped rows equal a run on the kept rows");
    world_close(&w);
}

static void test_tree(struct spn_lm *m)
{
    static struct world w;
    static float want[3][8][VOCAB], after[3][VOCAB];
    int32_t s, branch, path[5];
    int end;
    bool same = true;

    world_open(&w, m, true);
    end = spn_plan_marks(w.plan);
    s = seq_new(&w);
    text(&w, s, 1, 0, 30);
    run(&w, -1, end, true);
    for (int b = 0; b < 3; b++) {
        spn_kv_seq_fork(w.kv, s, &branch, NULL);
        text(&w, branch, 50 * (b + 1), 30, 5);
        run(&w, -1, end, true);
        memcpy(want[b], w.logits, 5 * sizeof want[b][0]);
        text(&w, branch, 7, 35, 1);
        run(&w, -1, end, true);
        memcpy(after[b], w.logits[0], sizeof after[b]);
        spn_kv_seq_free(w.kv, branch);
    }
    w.rows.n = 0;
    w.rows.parent = w.parent;
    for (int d = 0; d < 5; d++)
        for (int b = 0; b < 3; b++)
            row(&w, s, 50 * (b + 1) + 3 * (30 + d), 30 + d, d == 0 ? -1 : 3 * (d - 1) + b);
    run(&w, -1, end, true);
    for (int d = 0; d < 5; d++)
        for (int b = 0; b < 3; b++)
            same = same && memcmp(w.logits[3 * d + b], want[b][d], sizeof want[b][d]) == 0;
    ok(same, "a tree mask equals separate sequences");
    for (int d = 0; d < 5; d++)
        path[d] = 3 * d + 2;
    spn_kv_accept(w.kv, s, path, 5, NULL);
    text(&w, s, 7, 35, 1);
    run(&w, -1, end, true);
    ok(memcmp(w.logits[0], after[2], sizeof after[2]) == 0,
       "also after compaction of the accepted path");
    world_close(&w);
}

/* What tokens cost against the LOGITS [n, VOCAB] of the same sequence. */
static void check_nll(struct spn_lm *m, const int32_t *token, int64_t n, const float *logits)
{
    double cost[64], worst = 0;
    int64_t from = 13;

    ok(spn_lm_nll(m, token, n, from, cost, NULL, NULL) == SPN_OK, "what tokens cost");
    for (int64_t i = from; i < n - 1; i++) {
        double sum = 0, want;

        for (int k = 0; k < VOCAB; k++)
            sum += exp((double)logits[i * VOCAB + k]);
        want = log(sum) - logits[i * VOCAB + token[i + 1]];
        if (!(fabs(cost[i - from] - want) <= worst))
            worst = fabs(cost[i - from] - want);
    }
    ok(worst < 1e-6, "is the negative log of their probability: %.1e", worst);
    ok(spn_lm_nll(m, token, n, n - 1, cost, NULL, NULL) == SPN_EUSAGE, "nothing follows the last");
}

/* Training and generation are one forward: the same numbers but for the order of sums. */
static void test_train_use(void)
{
    static float out[40][VOCAB];
    struct spn_lm *m = tiny_new("llama", &tiny_shape);
    struct spn_plan *p = spn_plan_new(SPN_F32);
    const int64_t most[SPN_DIM_SYMBOLS] = { 40, 40, 0 };
    int32_t token[40], pos[40], first[40] = { 0 };
    struct spn_rows rows = { .n = 40, .token = token, .pos = pos, .first = first };
    struct spn_run r = { .batch = &rows, .symbol = { 40, 40, 0 } };
    struct spn_exec *e = NULL;
    struct spn_tensor view;
    double num = 0, den = 0;

    for (int i = 0; i < 40; i++) {
        token[i] = (1 + 7 * i) % VOCAB;
        pos[i] = i;
    }
    spn_lm_forward(m, p, SPN_LM_TRAIN);
    ok(spn_plan_finish(p, NULL) == SPN_OK && spn_exec_new(&e, p, most, NULL) == SPN_OK &&
           spn_exec_run(e, &r, -1, spn_plan_marks(p), NULL) == SPN_OK &&
           spn_exec_output(e, &r, "logits", &view, NULL) == SPN_OK && view.dim[0] == 40,
       "the forward for training gives logits of every row");
    ok(spn_lm_logits(m, token, 40, out[0], NULL, NULL) == SPN_OK,
       "and logits come from the same model, not packed");
    for (int i = 0; i < 40 * VOCAB; i++) {
        double got = ((float *)view.data)[i], want = out[i / VOCAB][i % VOCAB];

        num += pow(want - got, 2);
        den += want * want;
    }
    ok(sqrt(num / den) < 1e-5, "they agree: %.2e", sqrt(num / den));
    check_nll(m, token, 40, out[0]);
    spn_exec_free(e);
    spn_plan_free(p);
    spn_lm_close(m);
}

/* ---- files that are wrong ---- */

static void refused(const char *path, bool tokenizer, spn_status want, const char *sentence,
                    const char *what)
{
    struct spn_lm_options o;
    struct spn_lm *m = NULL;
    struct spn_err err = SPN_ERR_INIT;
    spn_status st;

    spn_lm_options_default(&o);
    o.tokenizer = tokenizer;
    st = spn_lm_open(&m, path, &o, &err);
    ok(st == want && m == NULL && strstr(err.text, sentence) != NULL, "%s: %s", what, err.text);
    spn_lm_close(m);
    remove(path);
}

static void test_bad(void)
{
    const char *p = "test_lm-bad.gguf";
    struct spn_lm *tiny = tiny_new("llama", &tiny_shape);

    ok(hollow(p, "llama", 2, 4, 2, 64, 96, 100, 2), "a hollow model is written");
    refused(p, true, SPN_EFORMAT, "tokenizer", "missing tokenizer");
    hollow(p, "megalosaur", 2, 4, 2, 64, 96, 100, 2);
    refused(p, false, SPN_EFORMAT, "\"megalosaur\"", "unknown architecture");
    hollow(p, "llama", 2, 4, 3, 64, 96, 100, 2);
    refused(p, false, SPN_EFORMAT, "4 heads cannot be shared by 3",
            "head counts that do not divide");
    hollow(p, "llama", 2, 5, 5, 64, 96, 100, 2);
    refused(p, false, SPN_EFORMAT, "64 cannot be split over 5", "a width that heads do not divide");
    hollow(p, "llama", 4000000000u, 4, 2, 64, 96, 100, 2);
    refused(p, false, SPN_EFORMAT, "number of layers is 4000000000", "absurd block count");
    hollow(p, "llama", 0, 4, 2, 64, 96, 100, 2);
    refused(p, false, SPN_EFORMAT, "number of layers is 0", "no layer");
    hollow(p, "llama", 3, 4, 2, 64, 96, 100, 2);
    refused(p, false, SPN_EFORMAT, "blk.2.attn_norm.weight is missing",
            "a layer that is not there");
    hollow(p, "llama", 2, 0, 0, 64, 96, 100, 0);
    refused(p, false, SPN_EFORMAT, "head count is 0", "no head");
    /* A width that the tensors do not have. */
    tiny->shape.n_ff = 480;
    spn_lm_write_gguf(tiny, p, SPN_F32, NULL, NULL, NULL, NULL, NULL);
    tiny->shape.n_ff = 512;
    refused(p, false, SPN_EFORMAT,
            "blk.0.ffn_gate.weight is [512, 256], the hyper-parameters ask for [480, 256]",
            "another shape");
    {
        struct spn_tokenizer *tok = NULL;
        const char *specials[] = { "<|end|>" };
        const struct spn_bpe_options bo = {
            .vocab = 330, .pre = "qwen2", .specials = specials, .n_specials = 1, .eos = "<|end|>"
        };
        char corpus[2000];

        for (size_t i = 0; i < sizeof corpus; i++)
            corpus[i] = (char)('a' + (i * i / 7 + i / 3) % 20);
        if (spn_bpe_train(&tok, corpus, sizeof corpus, &bo, NULL) == SPN_OK &&
            spn_lm_write_gguf(tiny, p, SPN_F32, tok, NULL, NULL, NULL, NULL) == SPN_OK)
            refused(p, true, SPN_EFORMAT,
                    "the tokenizer has 330 tokens, the embedding table only 320 rows",
                    "vocabulary size");
        else
            ok(false, "a tokenizer is trained");
        spn_tokenizer_free(tok);
    }
    if (hollow(p, "llama", 100, 64, 64, 16384, 65536, 200000, 100)) {
        refused(p, false, SPN_ENOMEM, "GB are free", "larger than memory");
    } else {
        remove(p);
        skip("this file system has no holes of that size");
    }
    spn_lm_close(tiny);
}

static void write_text(const char *path, const char *s)
{
    FILE *f = fopen(path, "wb");

    if (f == NULL || fputs(s, f) < 0)
        printf("# %s cannot be written\n", path);
    if (f != NULL)
        fclose(f);
}

static void test_folder(void)
{
    const struct {
        const char *more, *sentence, *what;
    } cases[] = {
        { "\"hidden_act\": \"relu\"", "hidden_act \"relu\"", "another activation" },
        { "\"rope_scaling\": {\"rope_type\": \"dynamic\", \"factor\": 4}",
          "\"dynamic\" is not handled", "another rotary scaling" },
        { "\"rope_scaling\": {\"rope_type\": \"yarn\"}", "YaRN without a factor",
          "YaRN without a factor" },
        { "\"rope_scaling\": {\"rope_type\": \"yarn\", \"factor\": -4}", "YaRN with factor -4",
          "YaRN that shrinks below nothing" },
        { "\"rope_scaling\": {\"rope_type\": \"longrope\", \"short_factor\": [1]}",
          "short_factor has not", "LongRoPE with too few factors" },
        { "\"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 4}",
          "llama3 rotary scaling without", "half a llama3 scaling" },
        { "\"use_sliding_window\": true", "use_sliding_window", "windows in some layers" },
        { "\"num_hidden_layers\": \"many\"", "num_hidden_layers is missing or not an integer",
          "a text for a number" },
    };
    int64_t dim[2] = { 10, 64 };
    float table[640] = { 0 };
    struct spn_tensor t;
    struct spn_writer *w = NULL;
    char text_of[1024];

    spn_tensor_init(&t, SPN_F32, 2, dim, table, NULL);
    if (mkdir("test_lm-folder", 0700) != 0 ||
        spn_safetensors_create(&w, "test_lm-folder/model.safetensors", NULL) != SPN_OK ||
        spn_writer_tensor(w, "model.embed_tokens.weight", &t) != SPN_OK ||
        spn_writer_commit(w, NULL) != SPN_OK)
        printf("# no folder\n");
    spn_writer_free(w);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct spn_lm *m = NULL;
        struct spn_err err = SPN_ERR_INIT;
        struct spn_lm_options o;

        spn_lm_options_default(&o);
        o.tokenizer = false;
        snprintf(text_of, sizeof text_of,
                 "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": 64, "
                 "%s\"intermediate_size\": 96, "
                 "\"num_attention_heads\": 4, \"max_position_embeddings\": 128, %s}",
                 i + 1 == sizeof cases / sizeof *cases ? "" : "\"num_hidden_layers\": 1, ",
                 cases[i].more);
        write_text("test_lm-folder/config.json", text_of);
        ok(spn_lm_open(&m, "test_lm-folder", &o, &err) == SPN_EFORMAT &&
               strstr(err.text, cases[i].sentence) != NULL,
           "%s: %s", cases[i].what, err.text);
        spn_lm_close(m);
    }
    remove("test_lm-folder/config.json");
    remove("test_lm-folder/model.safetensors");
    rmdir("test_lm-folder");
}

int main(void)
{
    struct spn_lm *m;

    test_create();
    test_write();
    m = tiny_open("qwen3", &tiny_shape, SPN_F32, SPN_ACT_F32, "test_lm-c.gguf");
    test_cut(m, true);
    test_cut(m, false);
    test_dropped(m);
    test_tree(m);
    spn_lm_close(m);
    test_train_use();
    test_bad();
    test_folder();
    return done();
}

/* tool_lm.c - a model from the command line, for tests that compare with other programs.
 *
 * tool_lm logits MODEL f32|int8 ID...   float32 [ids, vocabulary] to stdout
 * tool_lm steps MODEL f32|int8 ID...    the same, a token a run
 * tool_lm pair MODEL f32|int8 ID...     two sequences in each run, the ids and the ids backwards:
 *                                       first the logits of the one, then of the other
 * tool_lm embed MODEL f32|int8 ID...    vectors of these two, by mean and then by first row
 * tool_lm greedy MODEL f32|int8 N       N tokens behind each line of ids of stdin
 * tool_lm write MODEL OUT TYPE          the model as GGUF, matrices as TYPE
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "lm/embed.h"
#include "lm/generate.h"
#include "lm/logits.h"
#include "lm/model.h"
#include "lm/store.h"
#include "tensor/rows.h"

static spn_status logits(struct spn_lm *m, char **ids, int64_t n, struct spn_err *err)
{
    int32_t *id = spn_calloc((size_t)n + 1, sizeof *id);
    float *out = spn_calloc((size_t)n + 1, (size_t)m->shape.n_vocab * sizeof *out);
    spn_status st = id != NULL && out != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "no memory");

    for (int64_t i = 0; i < n && st == SPN_OK; i++)
        id[i] = (int32_t)strtol(ids[i], NULL, 10);
    if (st == SPN_OK)
        st = spn_lm_logits(m, id, n, out, NULL, err);
    if (st == SPN_OK && fwrite(out, sizeof *out, (size_t)(n * m->shape.n_vocab), stdout) !=
                            (size_t)(n * m->shape.n_vocab))
        st = spn_fail(err, SPN_EIO, "stdout: cannot be written");
    spn_free(id);
    spn_free(out);
    return st;
}

/* SEQS sequences in runs of CHUNK rows each, over one store. */
static spn_status chunks(struct spn_lm *m, char **ids, int64_t n, int seqs, int64_t chunk,
                         struct spn_err *err)
{
    const int64_t most[SPN_DIM_SYMBOLS] = { seqs * chunk, seqs * chunk, 0 };
    struct spn_kv_layer *layer = spn_calloc((size_t)m->shape.n_layer, sizeof *layer);
    struct spn_kv_options o = { .n_layer = (int)m->shape.n_layer,
                                .layer = layer,
                                .dtype = SPN_F32,
                                .n_tiers = 1,
                                .tokens = { seqs * (n + 64) },
                                .max_seqs = seqs };
    int32_t *row = spn_calloc((size_t)(seqs * chunk), 4 * sizeof *row), seq[2] = { 0, 0 };
    float *out = spn_calloc((size_t)(seqs * n * m->shape.n_vocab), sizeof *out);
    int32_t *token = row, *pos = row + seqs * chunk, *of = row + 2 * seqs * chunk,
            *want = row + 3 * seqs * chunk;
    struct spn_plan *plan = spn_plan_new(SPN_F32);
    struct spn_exec *exec = NULL;
    struct spn_kv *kv = NULL;
    struct spn_tensor view;
    spn_status st;

    for (int64_t l = 0; l < m->shape.n_layer; l++)
        spn_lm_kv_layer(m, l, &layer[l]);
    spn_lm_forward(m, plan, SPN_LM_GENERATE);
    st = spn_plan_finish(plan, err);
    if (st == SPN_OK)
        st = spn_exec_new(&exec, plan, most, err);
    if (st == SPN_OK)
        st = spn_kv_new(&kv, &o, err);
    for (int s = 0; s < seqs && st == SPN_OK; s++) {
        st = spn_kv_seq_new(kv, &seq[s], err);
        if (st == SPN_OK)
            st = spn_kv_reserve(kv, seq[s], -1, n, err);
    }
    for (int64_t at = 0; at < n && st == SPN_OK; at += chunk) {
        int64_t part = n - at < chunk ? n - at : chunk;
        struct spn_rows rows = { .n = 0, .token = token, .pos = pos, .seq = of, .out = want };
        struct spn_run run = { .batch = &rows, .store = spn_kv_store(kv) };

        for (int s = 0; s < seqs; s++)
            for (int64_t i = at; i < at + part; i++, rows.n++) {
                token[rows.n] = (int32_t)strtol(ids[s == 0 ? i : n - 1 - i], NULL, 10);
                pos[rows.n] = (int32_t)i;
                of[rows.n] = seq[s];
                want[rows.n] = (int32_t)rows.n;
            }
        rows.n_out = rows.n;
        run.symbol[-1 - SPN_DIM_ROWS] = run.symbol[-1 - SPN_DIM_OUT] = rows.n;
        st = spn_exec_run(exec, &run, -1, spn_plan_marks(plan), err);
        if (st == SPN_OK)
            st = spn_exec_output(exec, &run, "logits", &view, err);
        for (int s = 0; s < seqs && st == SPN_OK; s++)
            memcpy(out + (s * n + at) * m->shape.n_vocab,
                   (const float *)view.data + s * part * m->shape.n_vocab,
                   (size_t)(part * m->shape.n_vocab) * sizeof *out);
    }
    if (st == SPN_OK)
        fwrite(out, sizeof *out, (size_t)(seqs * n * m->shape.n_vocab), stdout);
    spn_exec_free(exec);
    spn_plan_free(plan);
    spn_kv_free(kv);
    spn_free(layer);
    spn_free(row);
    spn_free(out);
    return st;
}

/* Vectors of the two sequences of `pair`, first pooled by mean, then by the first row. */
static spn_status embed(struct spn_lm *m, char **ids, int64_t n, struct spn_err *err)
{
    int32_t *id = spn_calloc((size_t)n, 2 * sizeof *id);
    float *out = spn_calloc(4 * (size_t)m->shape.n_embd, sizeof *out);
    struct spn_embed_text text[2] = { { id, n }, { id + n, n } };
    struct spn_embedder *e = NULL;
    spn_status st = id != NULL && out != NULL ? SPN_OK : spn_fail(err, SPN_ENOMEM, "no memory");

    for (int64_t i = 0; i < n && st == SPN_OK; i++)
        id[i] = id[2 * n - 1 - i] = (int32_t)strtol(ids[i], NULL, 10);
    if (st == SPN_OK)
        st = spn_embedder_new(&e, m, 2 * n, 2, NULL, err);
    if (st == SPN_OK)
        st = spn_embedder_run(e, text, 2, SPN_POOL_MEAN, false, out, err);
    if (st == SPN_OK)
        st = spn_embedder_run(e, text, 2, SPN_POOL_CLS, false, out + 2 * m->shape.n_embd, err);
    if (st == SPN_OK && fwrite(out, sizeof *out, 4 * (size_t)m->shape.n_embd, stdout) !=
                            4 * (size_t)m->shape.n_embd)
        st = spn_fail(err, SPN_EIO, "stdout: cannot be written");
    spn_embedder_free(e);
    spn_free(id);
    spn_free(out);
    return st;
}

/* A prompt of ids on each line of stdin; the N tokens that follow it, the most probable each time,
 * on a line of stdout. */
static spn_status greedy(struct spn_lm *m, int64_t n, struct spn_err *err)
{
    struct spn_gen_options o;
    struct spn_gen *g = NULL;
    int32_t *ids = spn_calloc(4096, sizeof *ids), *all = spn_calloc(1024 * (size_t)n, sizeof *all);
    int64_t count[1024] = { 0 }, id = 0;
    bool *stop = spn_calloc((size_t)m->shape.n_vocab, sizeof *stop);
    char *line = NULL, *at, *end;
    size_t room = 0;
    spn_status st = ids != NULL && all != NULL && stop != NULL
                        ? SPN_OK
                        : spn_fail(err, SPN_ENOMEM, "no memory");

    spn_gen_options_default(&o);
    if (st == SPN_OK)
        st = spn_gen_new(&g, m, &o, err);
    while (st == SPN_OK && id < 1024 && getline(&line, &room, stdin) > 0) {
        struct spn_gen_request r = { .prompt = ids, .max_tokens = n, .stop_token = stop };

        for (at = line; r.n_prompt < 4096; at = end) {
            ids[r.n_prompt] = (int32_t)strtol(at, &end, 10);
            if (end == at)
                break;
            r.n_prompt++;
        }
        spn_sampling_default(&r.sampling);
        r.sampling.temperature = 0;
        st = spn_gen_add(g, &r, &id, err);
    }
    while (st == SPN_OK && spn_gen_active(g) > 0) {
        const struct spn_gen_event *e;
        int events;

        st = spn_gen_step(g, &e, &events, err);
        for (int i = 0; i < events && st == SPN_OK; i++)
            if (e[i].token >= 0)
                all[(e[i].id - 1) * n + count[e[i].id - 1]++] = e[i].token;
    }
    for (int64_t k = 0; k < id && st == SPN_OK; k++)
        for (int64_t i = 0; i < n; i++)
            printf("%d%c", (int)all[k * n + i], i + 1 < n ? ' ' : '\n');
    spn_gen_free(g);
    free(line);
    spn_free(ids);
    spn_free(all);
    spn_free(stop);
    return st;
}

int main(int argc, char **argv)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_lm_options o;
    struct spn_lm *m = NULL;
    spn_status st;

    if (argc < 5) {
        fprintf(stderr,
                "usage: tool_lm logits MODEL f32|int8 ID... | tool_lm write MODEL OUT TYPE\n");
        return 2;
    }
    spn_lm_options_default(&o);
    o.tokenizer = false;
    o.act = strcmp(argv[3], "f32") == 0 ? SPN_ACT_F32 : SPN_ACT_INT8;
    o.pack = strcmp(argv[1], "write") != 0;
    st = spn_lm_open(&m, argv[2], &o, &err);
    if (st == SPN_OK && strcmp(argv[1], "steps") == 0)
        st = chunks(m, argv + 4, argc - 4, 1, 1, &err);
    else if (st == SPN_OK && strcmp(argv[1], "pair") == 0)
        st = chunks(m, argv + 4, argc - 4, 2, 13, &err);
    else if (st == SPN_OK && strcmp(argv[1], "greedy") == 0)
        st = greedy(m, strtol(argv[4], NULL, 10), &err);
    else if (st == SPN_OK && strcmp(argv[1], "embed") == 0)
        st = embed(m, argv + 4, argc - 4, &err);
    else if (st == SPN_OK && o.pack)
        st = logits(m, argv + 4, argc - 4, &err);
    else if (st == SPN_OK)
        st = spn_lm_write_gguf(m, argv[3], spn_dtype_by_name(argv[4]), NULL, "peer", NULL, NULL,
                               &err);
    spn_lm_close(m);
    if (st != SPN_OK)
        fprintf(stderr, "%s\n", err.text);
    return spn_exit_code(st);
}

/* test_store.c - sequence memory and the attention over it: dense reference, same bytes whatever
 * the pages, forks, trees, tiers. */
#include "config.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "lm/store.h"
#include "tensor/attention.h"
#include "tensor/ops.h"

#include "tap.h"

enum { HEADS = 6, GROUPS = 2, DK = 24, DV = 40, LAYERS = 2, ROWS = 256 };

static struct spn_pool *pool;

static struct spn_attention shape(int layer)
{
    return (struct spn_attention){
        .heads = HEADS,
        .heads_kv = GROUPS,
        .dim_k = DK,
        .dim_v = DV,
        .layer = layer,
        .scale = 1 / sqrtf(DK),
    };
}

static struct spn_kv *store_new(int dtype, int64_t tokens, int64_t second_tier)
{
    const struct spn_kv_layer layer[LAYERS] = { { GROUPS * DK, GROUPS * DV, GROUPS },
                                                { GROUPS * DK, GROUPS * DV, GROUPS } };
    struct spn_kv_options o = {
        .n_layer = LAYERS,
        .layer = layer,
        .dtype = dtype,
        .n_tiers = second_tier > 0 ? 2 : 1,
        .tokens = { tokens, second_tier },
        .max_seqs = 40,
    };
    struct spn_kv *kv = NULL;

    if (spn_kv_new(&kv, &o, NULL) != SPN_OK)
        printf("# no store\n");
    return kv;
}

/* Query, key and value of text TOKEN at position POS: what a row holds depends on these two alone.
 */
static void row_of(int token, int pos, float *q, float *k, float *v)
{
    struct spn_rng r;

    spn_rng_init(&r, spn_key_int(spn_key_int(spn_key_seed(7), (uint64_t)token), (uint64_t)pos));
    for (int i = 0; i < HEADS * DK; i++)
        q[i] = 2 * (float)spn_rng_normal(&r);
    for (int i = 0; i < GROUPS * DK; i++)
        k[i] = (float)spn_rng_normal(&r);
    for (int i = 0; i < GROUPS * DV; i++)
        v[i] = (float)spn_rng_normal(&r);
}

/* A batch: what is run, and where the results lie. */
struct batch {
    int n;
    int32_t seq[ROWS], pos[ROWS], parent[ROWS], token[ROWS];
    bool tree;
    float y[ROWS][HEADS * DV];
};

static void add(struct batch *b, int32_t seq, int token, int pos, int parent)
{
    b->seq[b->n] = seq;
    b->token[b->n] = token;
    b->pos[b->n] = pos;
    b->parent[b->n++] = parent;
}

/* Run B through attention A; places are reserved in A's layer alone when ONE. */
static void run_with(struct spn_kv *kv, struct batch *b, const struct spn_attention *a, bool one)
{
    static float q[ROWS][HEADS * DK], k[ROWS][GROUPS * DK], v[ROWS][GROUPS * DV];
    struct spn_rows rows = {
        .n = b->n, .pos = b->pos, .seq = b->seq, .parent = b->tree ? b->parent : NULL
    };
    struct spn_run run = { .pool = pool, .batch = &rows, .store = spn_kv_store(kv) };
    struct spn_tensor tq, tk, tv, ty;
    struct spn_op_call c = { .in = { &tq, &tk, &tv }, .out = { &ty }, .params = a, .run = &run };
    const int64_t dq[2] = { b->n, HEADS * DK }, dk[2] = { b->n, GROUPS * DK },
                  dv[2] = { b->n, GROUPS * DV }, dy[2] = { b->n, HEADS * DV };

    for (int i = 0; i < b->n; i++) {
        int64_t same = 0;

        row_of(b->token[i], b->pos[i], q[i], k[i], v[i]);
        for (int j = 0; j < b->n; j++)
            same += b->seq[j] == b->seq[i];
        if (spn_kv_reserve(kv, b->seq[i], one ? a->layer : -1, same, NULL) != SPN_OK)
            printf("# no page\n");
    }
    spn_tensor_init(&tq, SPN_F32, 2, dq, q, NULL);
    spn_tensor_init(&tk, SPN_F32, 2, dk, k, NULL);
    spn_tensor_init(&tv, SPN_F32, 2, dv, v, NULL);
    spn_tensor_init(&ty, SPN_F32, 2, dy, b->y, NULL);
    spn_attention_store_f32(&c);
    if (spn_kv_check(kv, NULL) != SPN_OK)
        printf("# a key was lost\n");
}

static void run_batch(struct spn_kv *kv, struct batch *b)
{
    struct spn_attention a = shape(0);

    run_with(kv, b, &a, true);
}

/* Text of N tokens (T, T+1, ...) at positions FROM.. in chunks; the results of all rows into OUT
 * [n]. */
static void run_text(struct spn_kv *kv, int32_t seq, int text, int from, int n, int chunk,
                     float (*out)[HEADS * DV])
{
    static struct batch b;

    for (int i = 0; i < n; i += chunk) {
        b.n = 0;
        b.tree = false;
        for (int j = i; j < n && j < i + chunk; j++)
            add(&b, seq, text + from + j, from + j, -1);
        run_batch(kv, &b);
        memcpy(out + i, b.y, (size_t)b.n * sizeof b.y[0]);
    }
}

static int32_t seq_new(struct spn_kv *kv)
{
    int32_t s = -1;

    if (spn_kv_seq_new(kv, &s, NULL) != SPN_OK)
        printf("# no sequence\n");
    return s;
}

/* One row over keys (token, pos) by the definition, in double. */
static double error_of(const float *y, const struct spn_attention *a, int token, int pos,
                       const int *key_token, const int *key_pos, int n)
{
    static float q[HEADS * DK], k[ROWS][GROUPS * DK], v[ROWS][GROUPS * DV], spare[HEADS * DK];
    double num = 0, den = 0;

    for (int i = 0; i < n; i++)
        row_of(key_token[i], key_pos[i], spare, k[i], v[i]);
    row_of(token, pos, q, spare, (float[GROUPS * DV]){ 0 });
    for (int h = 0; h < HEADS; h++) {
        int g = h / (HEADS / GROUPS);
        double p[ROWS], total = 0, max = -INFINITY;

        for (int i = 0; i < n; i++) {
            double s = 0;

            for (int d = 0; d < DK; d++)
                s += (double)q[h * DK + d] * (double)k[i][g * DK + d];
            p[i] = s * (double)a->scale;
            if (a->softcap > 0)
                p[i] = (double)a->softcap * tanh(p[i] / (double)a->softcap);
            if (a->alibi > 0) /* six heads: four powers of a quarter, then two odd ones of a half */
                p[i] += (key_pos[i] - pos) * (h < 4 ? pow(0.25, h + 1) : pow(0.5, 2 * (h - 4) + 1));
            if (a->window > 0 && pos - key_pos[i] >= a->window)
                p[i] = -INFINITY;
            max = p[i] > max ? p[i] : max;
        }
        for (int i = 0; i < n; i++)
            total += p[i] = exp(p[i] - max);
        for (int d = 0; d < DV; d++) {
            double want = 0;

            for (int i = 0; i < n; i++)
                want += p[i] / total * (double)v[i][g * DV + d];
            num += (want - (double)y[h * DV + d]) * (want - (double)y[h * DV + d]);
            den += want * want;
        }
    }
    return sqrt(num / den);
}

static void test_dense(int dtype, double tol, const char *name)
{
    static struct batch b;
    struct spn_kv *kv = store_new(dtype, 1024, 0);
    struct spn_attention a = shape(0);
    int32_t s[3];
    const int before[3] = { 45, 3, 64 };
    double worst = 0, e;
    static float skip_out[ROWS][HEADS * DV];

    for (int kind = 0; kind < 4; kind++) {
        int key_token[ROWS], key_pos[ROWS];

        a.window = kind == 1 ? 20 : 0;
        a.softcap = kind == 2 ? 3 : 0;
        a.alibi = kind == 3 ? 8 : 0;
        b.n = 0;
        for (int i = 0; i < 3; i++) {
            s[i] = seq_new(kv);
            run_text(kv, s[i], 1000 * i, 0, before[i], 64, skip_out);
        }
        /* A ragged batch: one, nine and thirty-three rows. */
        for (int i = 0; i < 3; i++)
            for (int j = 0; j < (i == 0 ? 1 : i == 1 ? 9 : 33); j++)
                add(&b, s[i], 1000 * i + before[i] + j, before[i] + j, -1);
        run_with(kv, &b, &a, true);
        for (int r = 0; r < b.n; r++) {
            int text = b.token[r] - b.pos[r];

            for (int p = 0; p <= b.pos[r]; p++) {
                key_token[p] = text + p;
                key_pos[p] = p;
            }
            e = error_of(b.y[r], &a, b.token[r], b.pos[r], key_token, key_pos, b.pos[r] + 1);
            worst = e <= worst ? worst : e;
        }
        for (int i = 0; i < 3; i++)
            spn_kv_seq_free(kv, s[i]);
    }
    ok(worst <= tol, "%s, %s: ragged batch, window, softcap, ALiBi against a dense reference: %.2e",
       name, spn_dtype_name(dtype), worst);
    spn_kv_free(kv);
}

static void test_same_bytes(int dtype, const char *name)
{
    static float whole[ROWS][HEADS * DV], chunks[ROWS][HEADS * DV], other[ROWS][HEADS * DV];
    static struct batch b;
    struct spn_kv *kv = store_new(dtype, 4096, 0);
    struct spn_pool *two = spn_pool_new(2);
    int32_t s, c, t[16];
    const int n = 101;

    s = seq_new(kv);
    run_text(kv, s, 0, 0, n, ROWS, whole);
    c = seq_new(kv);
    run_text(kv, c, 0, 0, n, 7, chunks);
    ok(memcmp(whole, chunks, (size_t)n * sizeof whole[0]) == 0, "%s, %s: one chunk and chunks of 7",
       name, spn_dtype_name(dtype));
    pool = two;
    spn_kv_trim(kv, c, -1, 0);
    run_text(kv, c, 0, 0, n, 33, chunks);
    pool = NULL;
    ok(memcmp(whole, chunks, (size_t)n * sizeof whole[0]) == 0, "%s, %s: 1 and 2 threads", name,
       spn_dtype_name(dtype));
    /* The next row alone and as one of 16, each in its own text. */
    run_text(kv, s, 0, n, 1, 1, whole);
    spn_kv_trim(kv, c, -1, n);
    b.n = 0;
    b.tree = false;
    for (int i = 0; i < 16; i++) {
        if (i == 11) {
            add(&b, c, n, n, -1);
            continue;
        }
        t[i] = seq_new(kv);
        run_text(kv, t[i], 100 * i, 0, 3 * i + 1, 64, other);
        add(&b, t[i], 100 * i + 3 * i + 1, 3 * i + 1, -1);
    }
    run_batch(kv, &b);
    ok(memcmp(whole, b.y[11], sizeof whole[0]) == 0, "%s, %s: alone and in a batch of 16", name,
       spn_dtype_name(dtype));
    spn_kv_free(kv);
    spn_pool_free(two);
}

static void test_fork_and_trim(void)
{
    static float y[ROWS][HEADS * DV], want[ROWS][HEADS * DV];
    struct spn_kv *kv = store_new(SPN_F32, 2048, 0);
    struct spn_kv_stats st;
    int32_t a = seq_new(kv), child[8], plain = seq_new(kv);

    run_text(kv, plain, 0, 0, 100, 64, want);
    run_text(kv, plain, 500, 100, 20, 64, want);
    run_text(kv, a, 0, 0, 100, 64, y);
    for (int i = 0; i < 8; i++)
        spn_kv_seq_fork(kv, a, &child[i], NULL);
    spn_kv_trim(kv, plain, -1, 0);
    spn_kv_stats(kv, &st);
    ok_int(st.pages_used, 4, "nine sequences of 100 tokens hold four pages");
    ok_int(st.pages_shared, 4, "all of them shared");
    run_text(kv, a, 900, 100, 20, 64, y); /* the parent goes on: another text */
    run_text(kv, child[3], 500, 100, 20, 64, y);
    ok(memcmp(y, want, 20 * sizeof y[0]) == 0, "a fork goes on as a sequence of its own does");
    run_text(kv, child[4], 500, 100, 20, 64, y);
    ok(memcmp(y, want, 20 * sizeof y[0]) == 0, "and so does its sibling");
    spn_kv_stats(kv, &st);
    ok_int(st.pages_used, 7, "three writers copied the page they wrote");
    spn_kv_trim(kv, child[3], -1, 100);
    run_text(kv, child[3], 500, 100, 20, 64, y);
    ok(memcmp(y, want, 20 * sizeof y[0]) == 0, "trimmed and run again");
    spn_kv_trim(kv, child[5], -1, 70);
    run_text(kv, child[5], 0, 70, 30, 7, y);
    run_text(kv, child[5], 500, 100, 20, 64, y);
    ok(memcmp(y, want, 20 * sizeof y[0]) == 0, "trimmed into a shared page and run again");
    for (int i = 0; i < 8; i++)
        spn_kv_seq_free(kv, child[i]);
    spn_kv_seq_free(kv, a);
    spn_kv_stats(kv, &st);
    ok_int(st.pages_used, 0, "every page comes back");
    spn_kv_free(kv);
}

static void test_keep(void)
{
    static float y[ROWS][HEADS * DV], want[ROWS][HEADS * DV];
    static struct batch b, kept;
    struct spn_kv *kv = store_new(SPN_F32, 2048, 0);
    struct spn_attention second = shape(1);
    int32_t a = seq_new(kv), child, plain = seq_new(kv);
    bool keep[100];
    int64_t n = 0;

    b.n = kept.n = 0;
    for (int i = 0; i < 100; i++)
        n += keep[i] = i % 3 != 1 || i < 10;
    /* All rows in layer 0; only the kept ones go on to layer 1, where the sequence is shorter. */
    for (int i = 0; i < 100; i++)
        add(&b, a, i, i, -1);
    run_batch(kv, &b);
    for (int i = 0; i < 100; i++)
        if (keep[i])
            add(&kept, a, i, i, -1);
    run_with(kv, &kept, &second, true);
    ok(spn_kv_length(kv, a, 0) == 100 && spn_kv_length(kv, a, 1) == n,
       "layers have lengths of their own");
    {
        static struct batch alone;

        alone.n = 0;
        for (int i = 0; i < 100; i++)
            if (keep[i])
                add(&alone, plain, i, i, -1);
        run_batch(kv, &alone);
        ok(memcmp(alone.y, kept.y, (size_t)n * sizeof kept.y[0]) == 0,
           "dropped rows equal a run on the kept rows");
    }
    /* Dropping stored keys from a shared sequence: as if only the kept ones had been stored. */
    spn_kv_seq_fork(kv, a, &child, NULL);
    spn_kv_keep(kv, child, 0, keep, NULL);
    ok(spn_kv_length(kv, child, 0) == n && spn_kv_length(kv, a, 0) == 100,
       "keys are dropped from the fork alone");
    run_text(kv, plain, 300, 100, 40, 64, want);
    run_text(kv, child, 300, 100, 40, 7, y);
    ok(memcmp(y, want, 40 * sizeof y[0]) == 0,
       "after dropped keys the next rows equal a run on the kept ones");
    spn_kv_free(kv);
}

/* A prompt of 29 and a tree of 3 branches over the page border: every row as in a sequence of its
 * own, before and after. */
static void test_tree(void)
{
    static float want[3][ROWS][HEADS * DV], y[ROWS][HEADS * DV];
    static struct batch b;
    struct spn_kv *kv = store_new(SPN_F32, 4096, 0);
    int32_t tree = seq_new(kv), branch;
    const int prompt = 29, depth = 9;
    int32_t path[16], n_path = 0;
    bool same = true;

    run_text(kv, tree, 0, 0, prompt, 64, y);
    for (int i = 0; i < 3; i++) {
        spn_kv_seq_fork(kv, tree, &branch, NULL);
        run_text(kv, branch, 0, prompt, 2, 64, want[i]); /* a common stem of two */
        run_text(kv, branch, 1000 * (i + 1), prompt + 2, depth - 2, 64, want[i] + 2);
        run_text(kv, branch, 5000, prompt + depth, 40, 64, want[i] + depth);
        spn_kv_seq_free(kv, branch);
    }
    b.n = 0;
    b.tree = true;
    add(&b, tree, prompt, prompt, -1);
    add(&b, tree, prompt + 1, prompt + 1, 0);
    for (int d = 2; d < depth; d++)
        for (int i = 0; i < 3; i++)
            add(&b, tree, 1000 * (i + 1) + prompt + d, prompt + d, d == 2 ? 1 : b.n - 3);
    run_batch(kv, &b);
    for (int r = 0; r < b.n; r++) {
        int d = b.pos[r] - prompt, i = d < 2 ? 0 : (r - 2) % 3;

        same = same && memcmp(b.y[r], want[i][d], sizeof b.y[r]) == 0;
    }
    ok(same, "rows under a tree mask equal rows of separate sequences");
    path[n_path++] = 0;
    path[n_path++] = 1;
    for (int d = 2; d < depth; d++)
        path[n_path++] = 2 + 3 * (d - 2) + 1;
    ok(spn_kv_accept(kv, tree, path, n_path, NULL) == SPN_OK &&
           spn_kv_length(kv, tree, 0) == prompt + depth,
       "the accepted path stays");
    run_text(kv, tree, 5000, prompt + depth, 40, 7, y);
    ok(memcmp(y, want[1] + depth, 40 * sizeof y[0]) == 0,
       "after compaction the next rows equal those of the separate sequence");
    spn_kv_free(kv);
}

static void test_tiers(void)
{
    static float y[ROWS][HEADS * DV], want[ROWS][HEADS * DV];
    struct spn_kv *one = store_new(SPN_F32, 256, 0), *two = store_new(SPN_F32, 128, 128);
    int32_t a = seq_new(one), b = seq_new(two);

    run_text(one, a, 0, 0, 80, 64, want);
    run_text(two, b, 0, 0, 80, 64, y);
    ok(spn_kv_move(two, b, 0, 0, 1, NULL) == SPN_OK && spn_kv_move(two, b, 0, 1, 1, NULL) == SPN_OK,
       "two pages move to the second tier");
    ok(spn_kv_move(two, b, 0, 0, 2, NULL) == SPN_EUSAGE, "a tier that is not there is refused");
    run_text(one, a, 0, 80, 120, 64, want);
    run_text(two, b, 0, 80, 120, 64, y);
    ok(memcmp(y, want, 120 * sizeof y[0]) == 0, "two tiers equal one");
    spn_kv_free(one);
    spn_kv_free(two);
}

static void test_limits(void)
{
    struct spn_kv *kv = store_new(SPN_F32, 64, 0);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_rows rows = { .n = 1, .pos = (int32_t[]){ 0 }, .seq = (int32_t[]){ 0 } };
    float k[GROUPS * DK] = { 0 }, v[GROUPS * DV] = { 0 };
    int32_t a = seq_new(kv);
    struct spn_kv_options bad = { .n_layer = 1,
                                  .layer = &(struct spn_kv_layer){ 0, 1, 1 },
                                  .n_tiers = 1,
                                  .tokens = { 32 },
                                  .max_seqs = 1 };
    struct spn_kv *none = NULL;

    ok(spn_kv_reserve(kv, a, -1, 65, &err) == SPN_ENOMEM, "more keys than pages: %s", err.text);
    spn_kv_trim(kv, a, -1, 0);
    ok(spn_kv_reserve(kv, a, -1, 64, &err) == SPN_OK && spn_kv_pages_free(kv) == 0,
       "exactly as many fit");
    spn_kv_trim(kv, a, -1, 0);
    spn_kv_store(kv)->ops->append(spn_kv_store(kv), 0, &rows, k, v);
    ok(spn_kv_check(kv, &err) == SPN_EINTERNAL, "a key without a place is said: %s", err.text);
    ok(spn_kv_check(kv, &err) == SPN_OK, "once");
    ok(spn_kv_new(&none, &bad, &err) == SPN_EUSAGE, "a width of 0 is refused: %s", err.text);
    for (int i = 1; i < 40; i++)
        seq_new(kv);
    ok(spn_kv_seq_new(kv, &a, &err) == SPN_ENOMEM, "more sequences than agreed: %s", err.text);
    spn_kv_free(kv);
}

/* Every allocation fails once: nothing leaks, nothing is half done (the sanitizers watch). */
static void test_memory(void)
{
    bool passed = false;
    int n;

    for (n = 1; n < 200 && !passed; n++) {
        struct spn_kv *kv;
        int32_t a, b;

        spn_fail_at((uint64_t)n);
        kv = store_new(SPN_F32, 256, 0);
        if (kv == NULL)
            continue;
        if (spn_kv_seq_new(kv, &a, NULL) == SPN_OK &&
            spn_kv_reserve(kv, a, -1, 40, NULL) == SPN_OK &&
            spn_kv_seq_fork(kv, a, &b, NULL) == SPN_OK)
            passed = true;
        spn_fail_at(0);
        spn_kv_free(kv);
    }
    spn_fail_at(0);
    ok(passed && n > 5, "each of %d allocations failed in turn", n - 2);
}

int main(void)
{
    static const struct {
        enum spn_isa isa;
        double tol;
    } all[] = { { SPN_ISA_REF, 2e-6 }, { SPN_ISA_AVX2, 2e-6 }, { SPN_ISA_AVX512, 2e-6 } };
    enum spn_isa best = spn_isa_get();

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const char *name = spn_isa_name(all[i].isa);

        if (!spn_isa_force(all[i].isa)) {
            skip(name);
            continue;
        }
        test_dense(SPN_F32, all[i].tol, name);
        test_dense(SPN_F16, 2e-3, name);
        test_same_bytes(SPN_F32, name);
        test_same_bytes(SPN_F16, name);
        test_tree();
        test_keep();
    }
    spn_isa_force(best);
    test_fork_and_trim();
    test_tiers();
    test_limits();
    test_memory();
    return done();
}

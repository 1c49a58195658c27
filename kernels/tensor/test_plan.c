/* test_plan.c - plans and their runs: places in the arena, symbols, marks, refusals. */
#include "config.h"

#include <malloc.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "tap.h"
#include "tensor/ops.h"
#include "tensor/plan.h"
#include "tensor/rows.h"

#define ROWS 24
#define WIDE 8

/* The numbers of an input, drawn anew. */
static float *fill(struct spn_exec *e, struct spn_run *run, const char *name, struct spn_rng *rng)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tensor t;

    if (spn_exec_input(e, run, name, &t, &err) != SPN_OK) {
        ok(false, "%s", err.text);
        return NULL;
    }
    for (int64_t i = 0; i < spn_tensor_elems(&t); i++)
        ((float *)t.data)[i] = (float)spn_rng_normal(rng);
    return t.data;
}

/* ---- a random graph of sums and products against its direct evaluation ---- */

enum { NODES = 300, LEAVES = 5, KEPT = 4 };
struct graph {
    int op[NODES], a[NODES],
        b[NODES]; /* values 0..LEAVES-1 are inputs, node i is value LEAVES + i */
};

static spn_status build_graph(struct graph *g, struct spn_rng *rng, struct spn_plan *p,
                              struct spn_err *err)
{
    spn_val v[LEAVES + NODES];
    int64_t dim[2] = { SPN_DIM_ROWS, 0 };
    char name[16];

    dim[1] = 3;
    for (int i = 0; i < LEAVES; i++) {
        snprintf(name, sizeof name, "in%d", i);
        v[i] = spn_plan_input(p, name, SPN_F32, 2, dim);
    }
    for (int i = 0; i < NODES; i++) {
        /* Mostly recent values, now and then one from far back: long and short lives. */
        int near = i < 6 ? LEAVES + i : 6, all = LEAVES + i;

        g->op[i] = (int)spn_rng_below(rng, 3);
        g->a[i] = all - 1 - (int)spn_rng_below(rng, (uint64_t)near);
        g->b[i] = spn_rng_below(rng, 8) == 0 ? (int)spn_rng_below(rng, (uint64_t)all) : g->a[i];
        v[all] = g->op[i] == 0   ? spn_op_add(p, v[g->a[i]], v[g->b[i]])
                 : g->op[i] == 1 ? spn_op_mul(p, v[g->a[i]], v[g->b[i]])
                                 : spn_op_scale(p, v[g->a[i]], -0.5f);
        if (g->op[i] != 2)
            v[all] = spn_op_softmax(p, v[all]); /* keeps numbers from growing */
    }
    for (int k = 0; k < KEPT; k++) {
        snprintf(name, sizeof name, "out%d", k);
        spn_plan_output(p, name, v[LEAVES + NODES - 1 - k * 70]);
    }
    return spn_plan_finish(p, err);
}

static void evaluate(const struct graph *g, float (*v)[3])
{
    for (int i = 0; i < NODES; i++) {
        float *y = v[LEAVES + i], *a = v[g->a[i]], *b = v[g->b[i]], top, sum = 0;

        for (int j = 0; j < 3; j++)
            y[j] = g->op[i] == 0 ? a[j] + b[j] : g->op[i] == 1 ? a[j] * b[j] : a[j] * -0.5f;
        if (g->op[i] == 2)
            continue;
        top = fmaxf(y[0], fmaxf(y[1], y[2]));
        for (int j = 0; j < 3; j++)
            sum += y[j] = expf(y[j] - top);
        for (int j = 0; j < 3; j++)
            y[j] /= sum;
    }
}

static void test_graph(uint64_t seed)
{
    static float v[LEAVES + NODES][3];
    struct graph g;
    struct spn_rng rng;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    int64_t most[SPN_DIM_SYMBOLS] = { ROWS, 0, 0 };
    float *in[LEAVES];
    double worst = 0;
    bool fine;

    spn_rng_init(&rng, seed);
    fine = build_graph(&g, &rng, p, &err) == SPN_OK && spn_exec_new(&e, p, most, &err) == SPN_OK;
    for (int64_t rows = ROWS; rows > 0 && fine; rows -= 11) {
        struct spn_run run = { .symbol = { rows, 0, 0 } };
        struct spn_tensor out;
        char name[16];

        for (int i = 0; i < LEAVES; i++) {
            snprintf(name, sizeof name, "in%d", i);
            in[i] = fill(e, &run, name, &rng);
        }
        fine = spn_exec_run(e, &run, -1, 0, &err) == SPN_OK;
        for (int64_t r = 0; r < rows && fine; r++) {
            for (int i = 0; i < LEAVES; i++)
                memcpy(v[i], in[i] + r * 3, sizeof v[i]);
            evaluate(&g, v);
            for (int k = 0; k < KEPT; k++) {
                snprintf(name, sizeof name, "out%d", k);
                fine = fine && spn_exec_output(e, &run, name, &out, &err) == SPN_OK;
                for (int j = 0; j < 3 && fine; j++) {
                    float want = v[LEAVES + NODES - 1 - k * 70][j];
                    double off = fabs((double)((float *)out.data)[r * 3 + j] - (double)want);

                    if (!(off <= worst))
                        worst = off;
                }
            }
        }
    }
    ok(fine && worst <= 1e-5,
       "a graph of %d records, at several numbers of rows, differs by %.1e from its direct "
       "evaluation %s",
       fine ? spn_plan_records(p) : 0, worst, err.text);
    if (fine) {
        struct spn_exec *wide = NULL;
        uint64_t one = 3 * sizeof(float), more = 100 * ROWS, bytes = spn_exec_bytes(e);

        most[0] += (int64_t)more;
        fine = spn_exec_new(&wide, p, most, &err) == SPN_OK;
        bytes = fine ? (spn_exec_bytes(wide) - bytes) / more : 0;
        ok(fine && bytes > 9 * one && bytes < 30 * one,
           "%d values of %d bytes a row share %d bytes a row", spn_plan_records(p), (int)one,
           (int)bytes);
        spn_exec_free(wide);
    }
    spn_exec_free(e);
    spn_plan_free(p);
}

/* ---- layers and marks ---- */

struct layers {
    struct spn_weight norm, w[3], up[3];
    float numbers[7][WIDE * WIDE];
};

static void weight(struct spn_weight *w, const char *name, int ndim, float *data,
                   struct spn_rng *rng)
{
    int64_t dim[2] = { WIDE, WIDE };

    for (int i = 0; i < WIDE * WIDE; i++)
        data[i] = (float)spn_rng_normal(rng) * 0.4f;
    w->name = name;
    spn_tensor_init(&w->t, SPN_F32, ndim, dim, data, NULL);
}

/* Three layers with positions and attention, a mark before, between and after. */
static struct spn_plan *three_layers(struct layers *l, struct spn_err *err)
{
    static const char *const names[] = { "a", "b", "c", "d", "e", "f" };
    struct spn_rope rope = {
        .head_dim = 4, .n_rot = 4, .pairs = SPN_ROPE_NEOX, .base = 100, .freq_scale = 1, .mscale = 1
    };
    struct spn_attention a = { .heads = 2, .heads_kv = 2, .dim_k = 4, .dim_v = 4, .scale = 0.5f };
    struct spn_plan *p = spn_plan_new(SPN_F32);
    int64_t dim[2] = { SPN_DIM_ROWS, WIDE };
    struct spn_rng rng;
    spn_val x = spn_plan_input(p, "x", SPN_F32, 2, dim);

    spn_rng_init(&rng, 3);
    weight(&l->norm, "norm", 1, l->numbers[6], &rng);
    spn_plan_mark(p, x);
    for (int i = 0; i < 3; i++) {
        spn_val h = spn_op_rms_norm(p, x, spn_plan_weight(p, &l->norm), 1e-5f), q;

        weight(&l->w[i], names[i], 2, l->numbers[i], &rng);
        weight(&l->up[i], names[3 + i], 2, l->numbers[3 + i], &rng);
        h = spn_op_matmul(p, h, spn_plan_weight(p, &l->w[i]), -1);
        q = spn_op_rope(p, h, -1, &rope);
        a.layer = i;
        x = spn_op_add(p, x, spn_op_attention(p, q, q, h, &a));
        h = spn_op_matmul(p, x, spn_plan_weight(p, &l->up[i]), -1);
        x = spn_op_add(p, x, spn_op_silu_mul(p, h, x));
        spn_plan_mark(p, x);
    }
    x = spn_op_take_rows(p, x);
    spn_plan_output(p, "y", x);
    if (spn_plan_finish(p, err) != SPN_OK)
        ok(false, "%s", err->text);
    return p;
}

static void test_marks(void)
{
    static struct layers l;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_plan *p = three_layers(&l, &err);
    struct spn_exec *e = NULL, *other = NULL;
    int32_t pos[ROWS], out[ROWS], mapped[ROWS];
    int64_t most[SPN_DIM_SYMBOLS] = { ROWS, ROWS, 0 };
    struct spn_rows rows = { .n = ROWS, .pos = pos, .out = out, .n_out = 5 };
    struct spn_run run = { .symbol = { ROWS, 5, 0 }, .batch = &rows };
    struct spn_tensor y, stream, s2;
    struct spn_rng rng;
    float whole[5 * WIDE], x[ROWS * WIDE], *in;
    uint64_t allocations;

    spn_rng_init(&rng, 9);
    for (int i = 0; i < ROWS; i++)
        pos[i] = i + 3;
    for (int i = 0; i < 5; i++)
        out[i] = 4 * i + 1;
    ok_int(spn_plan_marks(p), 4, "marks");
    ok(spn_exec_new(&e, p, most, &err) == SPN_OK && spn_exec_new(&other, p, most, &err) == SPN_OK,
       "two runs of one plan %s", err.text);
    in = fill(e, &run, "x", &rng);
    memcpy(x, in, sizeof x);
    ok(spn_exec_run(e, &run, -1, 4, &err) == SPN_OK &&
           spn_exec_output(e, &run, "y", &y, &err) == SPN_OK,
       "the whole %s", err.text);
    memcpy(whole, y.data, sizeof whole);
    for (int cut = 0; cut < 4; cut++) {
        ok(spn_exec_run(e, &run, -1, cut, &err) == SPN_OK &&
               spn_exec_stream(e, &run, cut, &stream, &err) == SPN_OK &&
               spn_exec_stream(other, &run, cut, &s2, &err) == SPN_OK,
           "up to mark %d %s", cut, err.text);
        memcpy(s2.data, stream.data, (size_t)spn_tensor_bytes(&s2));
        ok(spn_exec_run(other, &run, cut, 4, &err) == SPN_OK &&
               spn_exec_output(other, &run, "y", &y, &err) == SPN_OK &&
               memcmp(whole, y.data, sizeof whole) == 0,
           "from mark %d in another run: the same bytes %s", cut, err.text);
    }
    ok(spn_exec_run(e, &run, -1, 1, &err) == SPN_OK &&
           spn_exec_run(e, &run, 1, 3, &err) == SPN_OK &&
           spn_exec_run(e, &run, 3, 4, &err) == SPN_OK &&
           spn_exec_output(e, &run, "y", &y, &err) == SPN_OK &&
           memcmp(whole, y.data, sizeof whole) == 0,
       "in three pieces: the same bytes");
    if (spn_isa_force(SPN_ISA_REF)) {
        struct spn_exec *plain = NULL;

        ok(spn_exec_new(&plain, p, most, &err) == SPN_OK, "plain versions");
        fill(plain, &run, "x", &rng);
        allocations = spn_alloc_count();
        ok(spn_exec_run(plain, &run, -1, 4, &err) == SPN_OK && spn_alloc_count() == allocations,
           "a run allocates nothing");
        spn_exec_free(plain);
    }

    /* Rows dropped at mark 1: as if the second and third layer had only ever seen the rest. */
    for (int i = 0, n = 0; i < ROWS; i++)
        if (i % 3 != 1)
            mapped[n++] = i;
    run.symbol[0] = rows.n = 16;
    run.symbol[1] = rows.n_out = 16;
    rows.out = NULL;
    spn_exec_stream(e, &run, 1, &stream, &err);
    spn_exec_stream(other, &run, 1, &s2, &err);
    for (int i = 0; i < 16; i++) {
        memcpy((float *)s2.data + i * WIDE, (float *)stream.data + mapped[i] * WIDE,
               WIDE * sizeof(float));
        pos[i] = mapped[i] + 3;
    }
    ok(spn_exec_run(other, &run, 1, 4, &err) == SPN_OK, "fewer rows from mark 1 on %s", err.text);
    for (int i = 0; i < 16; i++)
        memmove((float *)stream.data + i * WIDE, (float *)stream.data + mapped[i] * WIDE,
                WIDE * sizeof(float));
    ok(spn_exec_run(e, &run, 1, 4, &err) == SPN_OK &&
           spn_exec_output(e, &run, "y", &y, &err) == SPN_OK &&
           spn_exec_output(other, &run, "y", &s2, &err) == SPN_OK &&
           memcmp(y.data, s2.data, 16 * WIDE * sizeof(float)) == 0,
       "rows moved up in place: the same bytes");
    ok(memcmp(x, in, sizeof x) == 0, "inputs stay as they were");
    ok(spn_exec_run(e, &run, 2, 1, &err) == SPN_EUSAGE, "backwards: %s", err.text);
    ok(spn_exec_run(e, &run, 4, 4, &err) == SPN_EUSAGE, "from the end: %s", err.text);
    ok(spn_exec_stream(e, &run, 4, &stream, &err) == SPN_EUSAGE, "no such mark: %s", err.text);
    run.symbol[0] = rows.n = run.symbol[1] = rows.n_out = 0;
    ok(spn_exec_run(e, &run, -1, 4, &err) == SPN_OK, "no rows at all %s", err.text);
    run.symbol[0] = ROWS + 1;
    ok(spn_exec_run(e, &run, -1, 4, &err) == SPN_EUSAGE, "too many rows: %s", err.text);
    ok(spn_exec_input(e, &run, "x", &y, &err) == SPN_EUSAGE, "a view of too many rows: %s",
       err.text);
    ok(spn_exec_output(e, &run, "z", &y, &err) == SPN_ENOTFOUND, "no such output: %s", err.text);
    spn_exec_free(e);
    spn_exec_free(other);
    spn_plan_free(p);
}

/* A record behind the mark reads a value from before it. */
static void test_blocked_mark(void)
{
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    struct spn_err err = SPN_ERR_INIT;
    int64_t dim[2] = { SPN_DIM_ROWS, 2 }, most[SPN_DIM_SYMBOLS] = { 3, 0, 0 };
    struct spn_run run = { .symbol = { 3, 0, 0 } };
    spn_val x = spn_plan_input(p, "x", SPN_F32, 2, dim), early = spn_op_silu(p, x),
            late = spn_op_scale(p, early, 2);

    spn_plan_mark(p, late);
    late = spn_op_silu(p, late);
    spn_plan_mark(p, late);
    spn_plan_output(p, "y", spn_op_add(p, late, early));
    ok(spn_plan_finish(p, &err) == SPN_OK && spn_exec_new(&e, p, most, &err) == SPN_OK,
       "a plan with a value across marks");
    ok(spn_exec_run(e, &run, -1, 2, &err) == SPN_OK, "the whole runs");
    ok(spn_exec_run(e, &run, 0, 1, &err) == SPN_OK, "a part that does not read it runs");
    ok(spn_exec_run(e, &run, 0, 2, &err) == SPN_EUSAGE, "a start behind it is refused: %s",
       err.text);
    spn_exec_free(e);
    spn_plan_free(p);
}

/* ---- memory ---- */

static void test_bytes(void)
{
    static struct layers l;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_plan *p = three_layers(&l, &err);
    struct spn_exec *e = NULL;
    int64_t most[SPN_DIM_SYMBOLS] = { 20000, 20000, 0 };
    struct mallinfo2 before = mallinfo2(), after;
    double taken;

    ok(spn_exec_new(&e, p, most, &err) == SPN_OK, "a run of 20000 rows %s", err.text);
    after = mallinfo2();
    taken = (double)(after.uordblks + after.hblkhd) - (double)(before.uordblks + before.hblkhd);
    if (before.uordblks == 0)
        skip("this allocator keeps no figures");
    else
        ok(fabs(taken - (double)spn_exec_bytes(e)) < 16384, "%llu bytes are stated, %.0f taken",
           (unsigned long long)spn_exec_bytes(e), taken);
    spn_exec_free(e);
    most[0] = INT64_C(1) << 50;
    e = NULL;
    ok(spn_exec_new(&e, p, most, &err) == SPN_ENOMEM && e == NULL, "more than there is: %s",
       err.text);
    most[0] = INT64_MAX;
    ok(spn_exec_new(&e, p, most, &err) == SPN_ENOMEM && e == NULL, "a size that overflows: %s",
       err.text);
    most[0] = -1;
    ok(spn_exec_new(&e, p, most, &err) == SPN_EUSAGE && e == NULL, "a negative size: %s", err.text);
    spn_plan_free(p);
}

/* Every allocation fails in turn: an error, no crash, nothing lost (the sanitizers look). */
static void test_no_memory(void)
{
    int64_t most[SPN_DIM_SYMBOLS] = { 4, 4, 0 }, dim[2] = { SPN_DIM_ROWS, 4 };
    bool clean = true, passed = false;
    int n = 0;

    for (n = 1; n < 200 && !passed; n++) {
        struct spn_err err = SPN_ERR_INIT;
        struct spn_plan *p;
        struct spn_exec *e = NULL;
        spn_status st;
        spn_val x;

        spn_fail_at((uint64_t)n);
        p = spn_plan_new(SPN_F32);
        if (p == NULL)
            continue;
        x = spn_plan_input(p, "x", SPN_F32, 2, dim);
        for (int i = 0; i < 40; i++) {
            x = spn_op_softmax(p, x);
            spn_plan_mark(p, x);
        }
        spn_plan_output(p, "y", x);
        st = spn_plan_finish(p, &err);
        if (st == SPN_OK)
            st = spn_exec_new(&e, p, most, &err);
        clean = clean && (st == SPN_OK || (st == SPN_ENOMEM && err.text[0] != '\0' && e == NULL));
        passed = st == SPN_OK;
        spn_exec_free(e);
        spn_plan_free(p);
    }
    spn_fail_at(0);
    ok(clean && passed, "each of %d allocations fails in turn", n - 2);
}

int main(void)
{
    for (uint64_t seed = 1; seed <= 3; seed++)
        test_graph(seed);
    test_marks();
    test_blocked_mark();
    test_bytes();
    test_no_memory();
    return done();
}

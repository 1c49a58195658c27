/* test_arch.c - what descriptions are made of: experts, positions that are learned, caps; a kind of
 * model that is added. */
#include "config.h"

#include <math.h>
#include <string.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/rng.h"
#include "lm/model.h"
#include "tensor/rows.h"

#include "tap.h"

enum { N = 5, USED = 2, EMBD = 64, FF = 96, ROWS = 7 };

static float gate[N][FF * EMBD], up[N][FF * EMBD], down[N][EMBD * FF];
static struct spn_weight weight[3 * N];
static float x[ROWS * EMBD], router[ROWS * N], shared[ROWS * EMBD], part[ROWS];

static void fill(float *f, int n, struct spn_rng *rng, float scale)
{
    for (int i = 0; i < n; i++)
        f[i] = scale * (float)spn_rng_normal(rng);
}

static void matrix(struct spn_weight *w, float *data, int64_t rows, int64_t cols)
{
    const int64_t dim[2] = { rows, cols };

    *w = (struct spn_weight){ .name = "w" };
    spn_tensor_init(&w->t, SPN_F32, 2, dim, data, NULL);
}

/* One row in double, by the words of ops.h. */
static void slow(const struct spn_experts *e, int r, double *y)
{
    double mass = 0, taken = 0, share[N];
    bool chosen[N] = { false };

    for (int n = 0; n < N; n++)
        mass += share[n] = exp((double)router[r * N + n]);
    for (int k = 0; k < USED; k++) {
        int best = -1;

        for (int n = 0; n < N; n++)
            if (!chosen[n] && (best < 0 || share[n] > share[best]))
                best = n;
        chosen[best] = true;
        taken += share[best];
    }
    for (int d = 0; d < EMBD; d++)
        y[d] = (double)shared[r * EMBD + d] / (1 + exp(-(double)part[r]));
    for (int n = 0; n < N; n++)
        for (int f = 0; chosen[n] && f < FF; f++) {
            double g = 0, u = 0;

            for (int d = 0; d < EMBD; d++) {
                g += (double)gate[n][f * EMBD + d] * (double)x[r * EMBD + d];
                u += (double)up[n][f * EMBD + d] * (double)x[r * EMBD + d];
            }
            g = g / (1 + exp(-g)) * u * share[n] / (e->normed ? taken : mass);
            for (int d = 0; d < EMBD; d++)
                y[d] += g * (double)down[n][d * FF + f];
        }
}

/* Rows FIRST to FIRST + N_ROWS of the batch through the op. */
static bool run(const struct spn_experts *e, int first, int n_rows, float *y)
{
    const int64_t wide[2] = { SPN_DIM_ROWS, EMBD }, ex[2] = { SPN_DIM_ROWS, N },
                  one[2] = { SPN_DIM_ROWS, 1 };
    const int64_t most[SPN_DIM_SYMBOLS] = { ROWS, 0, 0 };
    struct spn_plan *p = spn_plan_new(SPN_F32);
    spn_val in[4] = { spn_plan_input(p, "x", SPN_F32, 2, wide),
                      spn_plan_input(p, "router", SPN_F32, 2, ex),
                      spn_plan_input(p, "shared", SPN_F32, 2, wide),
                      spn_plan_input(p, "part", SPN_F32, 2, one) };
    const struct {
        const char *name;
        const float *data;
        int width;
    } give[] = {
        { "x", x, EMBD }, { "router", router, N }, { "shared", shared, EMBD }, { "part", part, 1 }
    };
    struct spn_run at = { .symbol = { n_rows } };
    struct spn_exec *exec = NULL;
    struct spn_tensor view;
    bool fine;

    spn_plan_output(p, "y", spn_op_experts(p, in[0], in[1], in[2], in[3], e));
    fine = spn_plan_finish(p, NULL) == SPN_OK && spn_exec_new(&exec, p, most, NULL) == SPN_OK;
    for (int i = 0; i < 4 && fine; i++) {
        fine = spn_exec_input(exec, &at, give[i].name, &view, NULL) == SPN_OK;
        if (fine)
            memcpy(view.data, give[i].data + first * give[i].width,
                   (size_t)(n_rows * give[i].width) * sizeof(float));
    }
    fine = fine && spn_exec_run(exec, &at, -1, 0, NULL) == SPN_OK &&
           spn_exec_output(exec, &at, "y", &view, NULL) == SPN_OK;
    if (fine)
        memcpy(y, view.data, (size_t)(n_rows * EMBD) * sizeof *y);
    spn_exec_free(exec);
    spn_plan_free(p);
    return fine;
}

static void test_experts(void)
{
    struct spn_experts e = { .n = N,
                             .used = USED,
                             .embd = EMBD,
                             .ff = FF,
                             .gate = weight,
                             .up = weight + N,
                             .down = weight + 2 * N };
    struct spn_rng rng;

    spn_rng_init(&rng, spn_key_seed(5));
    fill(x, ROWS * EMBD, &rng, 1);
    fill(router, ROWS * N, &rng, 1);
    fill(shared, ROWS * EMBD, &rng, 1);
    fill(part, ROWS, &rng, 1);
    for (int n = 0; n < N; n++) {
        fill(gate[n], FF * EMBD, &rng, 0.2f);
        fill(up[n], FF * EMBD, &rng, 0.2f);
        fill(down[n], EMBD * FF, &rng, 0.2f);
        matrix(&e.gate[n], gate[n], FF, EMBD);
        matrix(&e.up[n], up[n], FF, EMBD);
        matrix(&e.down[n], down[n], EMBD, FF);
    }
    for (int isa = SPN_ISA_REF; isa <= SPN_ISA_AVX512; isa++) {
        float y[ROWS * EMBD], alone[EMBD];
        bool fine = true, same = true;
        double worst = 0;

        if (!spn_isa_force((enum spn_isa)isa))
            continue;
        for (int i = 0; i < 3 * N; i++)
            fine = fine &&
                   spn_pack_new(&weight[i].pack, &weight[i].t, SPN_ACT_F32, NULL, NULL) == SPN_OK;
        for (int normed = 0; normed < 2; normed++) {
            e.normed = normed != 0;
            fine = fine && run(&e, 0, ROWS, y);
            for (int r = 0; r < ROWS && fine; r++) {
                double want[EMBD], off = 0, size = 0;

                slow(&e, r, want);
                for (int d = 0; d < EMBD; d++) {
                    off += pow(want[d] - (double)y[r * EMBD + d], 2);
                    size += want[d] * want[d];
                }
                if (!(sqrt(off / size) <= worst))
                    worst = sqrt(off / size);
                same =
                    same && run(&e, r, 1, alone) && memcmp(alone, y + r * EMBD, sizeof alone) == 0;
            }
        }
        ok(fine && worst <= 2e-6, "%s: experts against double: %.1e", spn_isa_name(spn_isa_get()),
           worst);
        ok(same, "a row alone and among others");
        for (int i = 0; i < 3 * N; i++) {
            spn_pack_free(weight[i].pack);
            weight[i].pack = NULL;
        }
    }
    e.used = N + 1;
    ok(!run(&e, 0, 1, (float[EMBD]){ 0 }), "more experts than there are: refused");
}

static void test_positions(void)
{
    float table[4 * 2] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    struct spn_weight w;
    const int64_t most[SPN_DIM_SYMBOLS] = { 2, 0, 0 };
    int32_t pos[2] = { 1, 0 };
    struct spn_rows rows = { .n = 2, .pos = pos };
    struct spn_run at = { .symbol = { 2 }, .batch = &rows };
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *exec = NULL;
    struct spn_tensor view = { .data = table };
    struct spn_err err = SPN_ERR_INIT;
    bool fine;

    matrix(&w, table, 4, 2);
    spn_plan_output(p, "y", spn_op_softcap(p, spn_op_embed_pos(p, spn_plan_weight(p, &w), 2), 8));
    fine = spn_plan_finish(p, NULL) == SPN_OK && spn_exec_new(&exec, p, most, NULL) == SPN_OK &&
           spn_exec_run(exec, &at, -1, 0, NULL) == SPN_OK &&
           spn_exec_output(exec, &at, "y", &view, NULL) == SPN_OK;
    ok(fine, "rows of positions, capped");
    ok_near((double)((float *)view.data)[0], 8 * tanh(6.0 / 8), 1e-6, "position 1, offset 2");
    ok_near((double)((float *)view.data)[3], 8 * tanh(5.0 / 8), 1e-6, "position 0, offset 2");
    pos[0] = 2;
    ok(spn_exec_run(exec, &at, -1, 0, &err) == SPN_EUSAGE, "refused: %s", err.text);
    spn_exec_free(exec);
    spn_plan_free(p);
}

static void test_register(void)
{
    static const struct spn_arch added = { .name = "added",
                                           .norm = SPN_NORM_LAYER,
                                           .ffn = SPN_FFN_GELU_ERF,
                                           .parallel = true,
                                           .pairs_gguf = SPN_ROPE_NEOX,
                                           .hf_names = "AddedForCausalLM" };
    const struct spn_lm_shape shape = { .n_vocab = 32,
                                        .n_embd = 16,
                                        .n_layer = 1,
                                        .n_ff = 32,
                                        .n_head = 2,
                                        .n_head_kv = 1,
                                        .dim_k = 8,
                                        .dim_v = 8,
                                        .n_rot = 8,
                                        .context = 32,
                                        .norm_eps = 1e-5f,
                                        .rope_base = 10000,
                                        .rope_scale = 1,
                                        .tied = true };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_lm *m = NULL;

    ok(spn_arch_register(spn_arch_find("llama"), &err) == SPN_EUSAGE, "refused: %s", err.text);
    ok(spn_arch_register(&added, NULL) == SPN_OK && spn_arch_find("added") == &added,
       "another architecture");
    ok(spn_lm_create(&m, &added, &shape, 1, NULL) == SPN_OK && m->layer[0].gate.t.data == NULL &&
           m->layer[0].up.t.data != NULL,
       "a model of it is made, without a gate");
    spn_lm_close(m);
}

int main(void)
{
    test_experts();
    test_positions();
    test_register();
    return done();
}

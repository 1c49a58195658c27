/* test_float.c - every op and its gradient in float, on each instruction set here, against double;
 * the same bytes for any number of threads, and for a row whatever runs beside it. */
#include "config.h"

#include "base/cpu.h"
#include "base/pool.h"
#include "grad/cases.h"

/* Relative error of the tensor NAME: |got - want| / |want|. */
static double distance(struct bench *got, struct bench *want, const char *name)
{
    struct spn_tensor a = view(got, name, true), b = view(want, name, true);
    double off = 0, size = 0;

    for (int64_t i = 0; i < spn_tensor_elems(&b); i++) {
        double d = number(&a, i) - number(&b, i);

        off += d * d;
        size += number(&b, i) * number(&b, i);
    }
    if (off == 0)
        return 0;
    return sqrt(off) / (sqrt(size) + 1e-12);
}

static bool same_bytes(struct bench *a, struct bench *b, const char *name)
{
    struct spn_tensor x = view(a, name, true), y = view(b, name, true);

    return spn_tensor_bytes(&x) == spn_tensor_bytes(&y) &&
           memcmp(x.data, y.data, (size_t)spn_tensor_bytes(&x)) == 0;
}

/* "y", then "grad0" … */
static const char *output_name(int k, char *room, size_t size)
{
    snprintf(room, size, "grad%d", k - 1);
    return k == 0 ? "y" : room;
}

static void check_case(int i, bool large, struct spn_pool *pool)
{
    double worst = 0;
    bool fine = true, alike = true;
    struct spn_err err = SPN_ERR_INIT;

    for (uint64_t seed = 1; seed <= 4 && fine; seed++) {
        struct bench one, many, judge;
        char room[16];

        fine = case_new(&one, i, seed, SPN_F32, large, NULL, &err);
        fine = case_new(&many, i, seed, SPN_F32, large, pool, &err) && fine;
        fine = case_new(&judge, i, seed, SPN_F64, large, NULL, &err) && fine;
        for (int k = 0; k <= one.n_leaf && fine; k++) {
            double off = distance(&one, &judge, output_name(k, room, sizeof room));

            if (!(off <= worst))
                worst = off;
            alike = alike && same_bytes(&one, &many, output_name(k, room, sizeof room));
        }
        case_free(&one);
        case_free(&many);
        case_free(&judge);
    }
    ok(fine && worst <= 1e-5 && alike,
       "%s, %s, %s shapes: relative error %.1e, %s bytes with 3 threads%s%s",
       spn_isa_name(spn_isa_get()), cases[i].name, large ? "large" : "small", worst,
       alike ? "the same" : "other", fine ? "" : ": ", fine ? "" : err.text);
}

/* The first rows alone give the same bytes as together with the rest. */
static void check_prefix(int i)
{
    struct bench all, some;
    struct spn_err err = SPN_ERR_INIT;
    bool fine = case_new(&all, i, 11, SPN_F32, true, NULL, &err);
    bool by_row = fine && spn_plan_shape(all.plan, all.y)->ndim == 2 &&
                  spn_plan_shape(all.plan, all.y)->dim[0] == SPN_DIM_ROWS;
    int64_t kept = all.rows.n / 2 + 1;

    fine = fine && case_new(&some, i, 11, SPN_F32, true, NULL, &err);
    if (fine && by_row) {
        struct spn_tensor y = view(&all, "y", true), part;

        some.run.symbol[0] = some.rows.n = kept;
        fine = spn_exec_run(some.exec, &some.run, -1, 0, &err) == SPN_OK;
        part = view(&some, "y", true);
        fine = fine && memcmp(part.data, y.data, (size_t)spn_tensor_bytes(&part)) == 0;
        ok(fine, "%s, %s: %d of %d rows alone are the same bytes", spn_isa_name(spn_isa_get()),
           cases[i].name, (int)kept, (int)all.rows.n);
    }
    if (fine)
        case_free(&some);
    case_free(&all);
}

/* An example gives the same bytes alone and behind another one, wherever tiles of rows fall. */
static void check_neighbour(void)
{
    enum { HEADS = 2, WIDE = 16, D = HEADS * WIDE, FRONT = 37, OWN = 75 };
    static const char *const name[] = { "q", "k", "v" };
    struct spn_attention a = {
        .heads = HEADS, .heads_kv = HEADS, .dim_k = WIDE, .dim_v = WIDE, .scale = 0.25f
    };
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    struct spn_err err = SPN_ERR_INIT;
    int32_t first[FRONT + OWN], pos[FRONT + OWN];
    int64_t dim[2] = { SPN_DIM_ROWS, D };
    struct spn_rows rows = { .n = FRONT + OWN, .first = first, .pos = pos };
    struct spn_run run = { .symbol = { FRONT + OWN }, .batch = &rows };
    struct spn_tensor t[3], y;
    float kept[OWN * D];
    struct spn_rng rng;
    spn_val in[3];
    bool fine;

    spn_rng_init(&rng, 5);
    for (int i = 0; i < FRONT + OWN; i++) {
        first[i] = i < FRONT ? 0 : FRONT;
        pos[i] = i - first[i];
    }
    for (int k = 0; k < 3; k++)
        in[k] = spn_plan_input(p, name[k], SPN_F32, 2, dim);
    spn_plan_output(p, "y", spn_op_attention(p, in[0], in[1], in[2], &a));
    fine = spn_plan_finish(p, &err) == SPN_OK && spn_exec_new(&e, p, run.symbol, &err) == SPN_OK;
    for (int k = 0; k < 3 && fine; k++) {
        fine = spn_exec_input(e, &run, name[k], &t[k], &err) == SPN_OK;
        for (int i = 0; i < (FRONT + OWN) * D; i++)
            ((float *)t[k].data)[i] = (float)spn_rng_normal(&rng);
    }
    fine = fine && spn_exec_run(e, &run, -1, 0, &err) == SPN_OK &&
           spn_exec_output(e, &run, "y", &y, &err) == SPN_OK;
    if (fine)
        memcpy(kept, (float *)y.data + FRONT * D, sizeof kept);
    for (int k = 0; k < 3 && fine; k++)
        memmove(t[k].data, (float *)t[k].data + FRONT * D, sizeof kept);
    for (int i = 0; i < OWN; i++) {
        first[i] = 0;
        pos[i] = i;
    }
    rows.n = run.symbol[0] = OWN;
    fine = fine && spn_exec_run(e, &run, -1, 0, &err) == SPN_OK &&
           memcmp(kept, y.data, sizeof kept) == 0;
    ok(fine, "%s, attention: an example alone and behind another is the same bytes %s",
       spn_isa_name(spn_isa_get()), err.text);
    spn_exec_free(e);
    spn_plan_free(p);
}

int main(void)
{
    struct spn_pool *pool = spn_pool_new(3);

    for (int isa = SPN_ISA_REF; isa <= SPN_ISA_AVX512; isa++) {
        if (!spn_isa_force((enum spn_isa)isa)) {
            skip("this processor lacks the instruction set");
            continue;
        }
        for (int i = 0; i < CASES; i++) {
            check_case(i, false, pool);
            check_case(i, true, pool);
            check_prefix(i);
        }
        check_neighbour();
    }
    spn_pool_free(pool);
    return done();
}

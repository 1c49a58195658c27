/* bench_measure.c - statistics and differences of a state of F32 against the read bandwidth, in one
 * run: bench_measure [MEGABYTES] [THREADS].  Medians of 7 rounds in which all parts take turns.
 */
#include "config.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cpu.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/rng.h"
#include "measure/measure.h"

enum { ROUNDS = 7, PARTS = 4, GRAIN = 1 << 17 };

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* Reading alone: every number is added, in 8 vectors side by side. */
typedef float wide __attribute__((vector_size(64), aligned(4)));
static float sink[64];
static void read_only(void *ctx, int64_t begin, int64_t end, int worker)
{
    const float *p = (const float *)ctx + begin;
    wide s[8] = { 0 };

    /* From two places at once: this is what a core reads fastest. */
    for (int64_t i = 0; i + 64 <= (end - begin) / 2; i += 64)
        for (int k = 0; k < 4; k++) {
            s[k] += *(const wide *)(const void *)(p + i + 16 * k);
            s[4 + k] += *(const wide *)(const void *)(p + (end - begin) / 2 + i + 16 * k);
        }
    s[0] += s[1] + s[2] + s[3] + s[4] + s[5] + s[6] + s[7];
    for (int k = 0; k < 16; k++)
        sink[worker % 64] += s[0][k];
}

int main(int argc, char **argv)
{
    int64_t n = (argc > 1 ? strtoll(argv[1], NULL, 10) : 1000) * 250000, count[64];
    int threads = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 2;
    static const double percent[] = { 1, 5, 25, 50, 75, 95, 99 };
    static const char *const names[PARTS] = { "read", "stats", "stats, histogram, percentiles",
                                              "diff" };
    double value[7], took[PARTS][ROUNDS];
    struct spn_spread s = { percent, 7, value, 64, NAN, NAN, count };
    struct spn_stats stats;
    struct spn_difference d;
    struct spn_pool *pool = spn_pool_new(threads);
    struct spn_measure how = { .pool = pool };
    float *x = spn_aligned_alloc(64, (size_t)n * sizeof *x);
    struct spn_tensor t, half;
    struct spn_rng rng;
    int64_t dim[] = { n }, half_dim[] = { n / 2 };

    if (pool == NULL || x == NULL)
        return 1;
    spn_rng_init(&rng, spn_key_seed(1));
    for (int64_t i = 0; i < n; i++) /* 16 million draws, again and again */
        x[i] = i < 1 << 24 ? (float)(0.02 * spn_rng_normal(&rng)) : x[i & ((1 << 24) - 1)];
    spn_tensor_init(&t, SPN_F32, 1, dim, x, NULL);
    spn_tensor_init(&half, SPN_F32, 1, half_dim, x, NULL);
    for (int r = 0; r < ROUNDS; r++)
        for (int p = 0; p < PARTS; p++) {
            struct spn_tensor other = half;
            double from;

            other.data = x + n / 2;
            from = now();
            if (p == 0)
                spn_pool_run(pool, n, GRAIN, read_only, x);
            else if (p == 1)
                spn_stats_run(&stats, &t, &how, NULL);
            else if (p == 2)
                spn_spread_run(&stats, &s, &t, &how, NULL);
            else
                spn_difference_run(&d, &half, &other, NULL, &how, NULL);
            took[p][r] = now() - from;
        }
    printf("%.0f MB of f32, %d threads, %s\n", (double)n * 4e-6, threads,
           spn_isa_name(spn_isa_get()));
    for (int p = 0; p < PARTS; p++) {
        qsort(took[p], ROUNDS, sizeof *took[p], by_value);
        printf("%-31s %7.2f GB/s  %5.1f %% of read\n", names[p],
               (double)n * 4e-9 / took[p][ROUNDS / 2],
               100 * took[0][ROUNDS / 2] / took[p][ROUNDS / 2]);
    }
    spn_free(x);
    spn_pool_free(pool);
    return 0;
}

/* bench_product.c - speed of packed products beside limits measured in the same run.  Not part of
 * any check.
 *
 *   bench_product [TYPE…]      default: f32 bf16 q8_0 q4_0 q4_k q6_k
 *
 * One thread.  Peak: a loop of dot products (or fused multiply-adds) that touches no memory.  For
 * each type: GOP/s of a 1024 x 1024 weight that stays in cache and 256 rows, GB/s of one row from
 * memory, and the time of N rows relative to one.
 */
#include "config.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef HAVE_X86
#include <immintrin.h>
#endif

#include "base/cpu.h"
#include "tensor/product.h"

static const int columns[] = { 1, 2, 4, 6, 8, 12, 16 };
#define COLUMNS ((int)(sizeof columns / sizeof *columns))

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *take(size_t bytes)
{
    void *p = aligned_alloc(64, (bytes + 127) / 64 * 64);

    if (p == NULL)
        exit(4);
    memset(p, 0, bytes);
    return p;
}

struct bench {
    struct spn_pack **packs; /* enough of them that none is in cache when its turn comes, or one */
    int count;
    float *x, *y;
    void *scratch;
    int64_t n, k;
};

/* Seconds of one product of ROWS rows: the best of some passes over all packs. */
static double time_rows(const struct bench *b, int64_t rows)
{
    double best = 1e30;

    for (int pass = 0; pass < 5; pass++) {
        int repeat =
            b->count > 1 ? 1 : (int)(2e7 / ((double)rows * (double)b->n * (double)b->k)) + 1;
        double t = seconds();

        for (int i = 0; i < repeat; i++)
            for (int j = 0; j < b->count; j++)
                spn_product(b->packs[j], b->x, b->k, rows, NULL, b->y, b->n, b->scratch, NULL);
        t = (seconds() - t) / repeat / b->count;
        best = t < best ? t : best;
    }
    return best;
}

static void bench_new(struct bench *b, int type, enum spn_act act, int64_t n, int64_t k,
                      size_t total)
{
    struct spn_tensor w;
    struct spn_err err = SPN_ERR_INIT;
    int64_t dim[2] = { n, k };
    uint64_t row = 0;
    float *values = take((size_t)k * sizeof *values);

    spn_dtype_row_bytes(type, k, &row);
    if (spn_tensor_init(&w, type, 2, dim, take((size_t)n * row), &err) != SPN_OK)
        exit(3);
    for (int64_t i = 0; i < k; i++)
        values[i] = (float)(rand() % 2001 - 1000) * 1e-3f;
    for (int64_t i = 0; i < n; i++)
        (void)spn_quant(type, values, (char *)w.data + (uint64_t)i * row, k, &err);
    b->count = (int)(total / ((size_t)n * row)) + 1;
    b->packs = take((size_t)b->count * sizeof *b->packs);
    for (int i = 0; i < b->count; i++)
        if (spn_pack_new(&b->packs[i], &w, act, NULL, &err) != SPN_OK) {
            fprintf(stderr, "bench_product: %s\n", err.text);
            exit(4);
        }
    b->n = n;
    b->k = k;
    b->x = take((size_t)(256 * k) * sizeof *b->x);
    b->y = take((size_t)(256 * n) * sizeof *b->y);
    b->scratch = take(spn_product_scratch(b->packs[0], 256) + 64);
    for (int64_t i = 0; i < 256 * k; i++)
        b->x[i] = (float)(rand() % 2001 - 1000) * 1e-3f;
    free(values);
    free(w.data);
}

static void bench_free(struct bench *b)
{
    for (int i = 0; i < b->count; i++)
        spn_pack_free(b->packs[i]);
    free(b->packs);
    free(b->x);
    free(b->y);
    free(b->scratch);
}

/* The compiler must believe that the sums are wanted. */
static volatile uint64_t sink;

static double read_gbps(void)
{
    size_t bytes = (size_t)256 << 20;
    uint64_t *p = take(bytes);
    double best = 1e30;

    for (int pass = 0; pass < 5; pass++) {
        uint64_t sum[8] = { 0 };
        double t = seconds();

        for (size_t i = 0; i < bytes / 8; i += 8)
            for (size_t j = 0; j < 8; j++)
                sum[j] += p[i + j];
        for (int j = 0; j < 8; j++)
            sink += sum[j];
        t = seconds() - t;
        best = t < best ? t : best;
    }
    free(p);
    return (double)bytes / best * 1e-9;
}

#ifdef HAVE_X86
/* Twelve independent chains of what the tiles are made of; the empty statement keeps the compiler
 * from folding them. */
#define TWELVE(m) m(0) m(1) m(2) m(3) m(4) m(5) m(6) m(7) m(8) m(9) m(10) m(11)
#define CHAIN(i)       \
    a##i = STEP(a##i); \
    __asm__ volatile("" : "+v"(a##i));
#define CHAIN_DECLARE(i) VEC a##i = x;
#define PEAK(x_value)                   \
    VEC x = x_value;                    \
    double t;                           \
    TWELVE(CHAIN_DECLARE)               \
    t = seconds();                      \
    for (int n = 0; n < 5000000; n++) { \
        TWELVE(CHAIN)                   \
    }                                   \
    t = seconds() - t;                  \
    return 12.0 * 5e6 * sizeof x / t * 1e-9;

/* Each returns bytes of operands a second; a byte is two int8 operations, four bytes are two f32
 * operations. */
#define VEC     __m512i
#define STEP(a) _mm512_dpbusd_epi32(a, x, x)
__attribute__((target("avx512f,avx512vnni"))) static double peak_int8_bytes(void)
{
    PEAK(_mm512_setzero_si512())
}
#undef VEC
#undef STEP
#define VEC     __m512
#define STEP(a) _mm512_fmadd_ps(x, x, a)
__attribute__((target("avx512f"))) static double peak_f32_bytes_512(void)
{
    PEAK(_mm512_setzero_ps())
}
#undef VEC
#undef STEP
#define VEC     __m256
#define STEP(a) _mm256_fmadd_ps(x, x, a)
__attribute__((target("avx2,fma"))) static double peak_f32_bytes_256(void)
{
    PEAK(_mm256_setzero_ps())
}

static void peaks(void)
{
    if (spn_isa_get() == SPN_ISA_AVX512)
        printf("peak: f32 %.0f, int8 %.0f GOP/s\n", peak_f32_bytes_512() / 2,
               peak_int8_bytes() * 2);
    else if (spn_isa_get() == SPN_ISA_AVX2)
        printf("peak: f32 %.0f GOP/s\n", peak_f32_bytes_256() / 2);
}
#else
static void peaks(void)
{
}
#endif

static void report(int type, enum spn_act act)
{
    struct bench near, far;
    double one_near, one_far, gops;

    bench_new(&near, type, act, 1024, 1024, 0);
    gops = 2e-9 * 256 * 1024 * 1024 / time_rows(&near, 256);
    one_near = time_rows(&near, 1);
    printf("%-5s %-4s %6.0f GOP/s, cache: %5.1f GB/s;", spn_dtype_name(type),
           act == SPN_ACT_F32 ? "f32" : "int8", gops,
           (double)spn_pack_bytes(near.packs[0]) / one_near * 1e-9);
    for (int i = 0; i < COLUMNS; i++)
        printf(" %d:%.2f", columns[i], time_rows(&near, columns[i]) / one_near);
    bench_free(&near);
    bench_new(&far, type, act, 2048, 4096, (size_t)192 << 20);
    one_far = time_rows(&far, 1);
    printf("  memory: %5.1f GB/s;", (double)spn_pack_bytes(far.packs[0]) / one_far * 1e-9);
    for (int i = 0; i < COLUMNS; i++)
        printf(" %d:%.2f", columns[i], time_rows(&far, columns[i]) / one_far);
    putchar('\n');
    fflush(stdout);
    bench_free(&far);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = { "f32", "bf16", "q8_0", "q4_0", "q4_k", "q6_k" };
    int count = argc > 1 ? argc - 1 : 6;
    struct bench small;

    printf("%s, %s; memory read %.1f GB/s\n", spn_cpu_get()->name, spn_isa_name(spn_isa_get()),
           read_gbps());
    peaks();
    bench_new(&small, SPN_Q8_0, SPN_ACT_INT8, 352, 128, 0);
    printf("q8_0 352 x 128, one row: %.2f us\n", 1e6 * time_rows(&small, 1));
    bench_free(&small);
    for (int i = 0; i < count; i++) {
        int type = spn_dtype_by_name(argc > 1 ? argv[i + 1] : usual[i]);

        if (type < 0) {
            fprintf(stderr, "bench_product: no type '%s'\n", argv[i + 1]);
            return 2;
        }
        if (type != SPN_F32)
            report(type, SPN_ACT_INT8);
        report(type, SPN_ACT_F32);
    }
    return 0;
}

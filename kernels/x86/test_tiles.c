/* test_tiles.c - tables of kernels that the dispatch does not choose on this processor, because it
 * has a better one. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "tensor/pack.h"
#include "tap.h"

static uint32_t state = 1;

/* Any bytes make a valid block; scales, which are f16, are set apart. */
static uint8_t noise(void)
{
    state = state * 1664525u + 1013904223u;
    return (uint8_t)(state >> 24);
}

static void check(int type, const struct k_tiles *tiles, const char *name)
{
    enum { N = 70, K = 512, ROWS = 7 };
    static float x[ROWS * K], want[ROWS * N], got[ROWS * N];
    static struct k_act act[ROWS * K / 32];
    const struct spn_dtype_info *info = spn_dtype_info(type);
    const int64_t dim[2] = { N, K };
    const size_t scale_at = type == SPN_Q6_K ? 208 : 0, scales = type == SPN_Q4_K ? 2 : 1;
    size_t bytes = (size_t)N * K / (size_t)info->block_elems * (size_t)info->block_bytes;
    uint8_t *data = malloc(bytes);
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tensor w;
    struct spn_pack *p = NULL;

    if (data == NULL || spn_tensor_init(&w, type, 2, dim, data, &err) != SPN_OK)
        exit(99);
    for (size_t i = 0; i < bytes; i++)
        data[i] = noise();
    for (size_t b = 0; b < bytes; b += (size_t)info->block_bytes)
        for (size_t s = 0; s < scales; s++)
            data[b + scale_at + 2 * s + 1] = 0x2c; /* f16 of about 0.07 */
    for (int i = 0; i < ROWS * K; i++)
        x[i] = i < K ? 1.0f : i < 2 * K ? -1.0f : ((float)noise() - 128) / 64;
    if (spn_pack_new(&p, &w, SPN_ACT_INT8, NULL, &err) != SPN_OK)
        exit(98);
    spn_product_ref(&w, SPN_ACT_INT8, x, K, ROWS, NULL, want, N);
    for (int r = 0; r < ROWS; r++)
        tiles->quantize(x + r * K, K / 32, act + r * K / 32);
    struct k_product q = { .w = p->data,
                           .panel_bytes = p->panel_bytes,
                           .n = N,
                           .k = K,
                           .rows = ROWS,
                           .act = act,
                           .y = got,
                           .ldy = N };
    tiles->by_int8[p->form](&q, 0, p->panels);
    ok(memcmp(want, got, sizeof want) == 0, "%s, %s: the bytes of the reference", info->name, name);
    spn_pack_free(p);
    free(data);
}

int main(void)
{
    static const int types[] = { SPN_Q8_0, SPN_Q4_0, SPN_Q4_K, SPN_Q6_K };
    const struct spn_cpu *cpu = spn_cpu_get();

    if (!cpu->avx2 || !cpu->fma || !cpu->f16c)
        return skip_all("this processor has no AVX2");
    for (int i = 0; i < 4; i++) {
        check(types[i], &k_tiles_avx2, "avx2");
        if (cpu->avx_vnni)
            check(types[i], &k_tiles_avxvnni, "avx-vnni");
        if (cpu->avx512 && cpu->avx512_vnni)
            check(types[i], &k_tiles_avx512, "avx512");
    }
    return done();
}

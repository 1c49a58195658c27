/* test_tensor.c - element types and views: the sizes of the format's table, refusals, overflow. */
#include "config.h"

#include "tensor/dtype.h"
#include "tensor/tensor.h"

#include "tap.h"

/* Elements and bytes a block as the GGUF table gives them. */
static const struct {
    int id, elems, bytes;
    const char *name;
} table[] = {
    { 0, 1, 4, "F32" },         { 1, 1, 2, "F16" },         { 30, 1, 2, "BF16" },
    { 2, 32, 18, "Q4_0" },      { 3, 32, 20, "Q4_1" },      { 6, 32, 22, "Q5_0" },
    { 7, 32, 24, "Q5_1" },      { 8, 32, 34, "Q8_0" },      { 9, 32, 36, "Q8_1" },
    { 10, 256, 84, "Q2_K" },    { 11, 256, 110, "Q3_K" },   { 12, 256, 144, "Q4_K" },
    { 13, 256, 176, "Q5_K" },   { 14, 256, 210, "Q6_K" },   { 15, 256, 292, "Q8_K" },
    { 16, 256, 66, "IQ2_XXS" }, { 17, 256, 74, "IQ2_XS" },  { 18, 256, 98, "IQ3_XXS" },
    { 19, 256, 50, "IQ1_S" },   { 20, 32, 18, "IQ4_NL" },   { 21, 256, 110, "IQ3_S" },
    { 22, 256, 82, "IQ2_S" },   { 23, 256, 136, "IQ4_XS" }, { 24, 1, 1, "I8" },
    { 25, 1, 2, "I16" },        { 26, 1, 4, "I32" },        { 27, 1, 8, "I64" },
    { 28, 1, 8, "F64" },        { 29, 256, 56, "IQ1_M" },   { 34, 256, 54, "TQ1_0" },
    { 35, 256, 66, "TQ2_0" },   { 39, 32, 17, "MXFP4" },    { 40, 64, 36, "NVFP4" },
    { 41, 128, 18, "Q1_0" },    { 42, 64, 18, "Q2_0" },
};

static void test_types(void)
{
    static const int removed[] = { 4, 5, 31, 32, 33, 36, 37, 38, -1, 43, 63, 77, 1 << 20 };
    static const int coded[] = {
        SPN_F32, SPN_F16, SPN_BF16, SPN_Q8_0, SPN_Q4_0, SPN_Q4_K, SPN_Q6_K, SPN_Q4_1,
        SPN_Q5_0, SPN_Q5_1, SPN_Q2_K, SPN_Q3_K, SPN_Q5_K, SPN_IQ4_NL, SPN_IQ4_XS, SPN_TQ1_0,
        SPN_TQ2_0, SPN_MXFP4
    };
    int n_coded = 0;
    uint64_t bytes = 0;

    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        const struct spn_dtype_info *info = spn_dtype_info(table[i].id);

        ok(info != NULL && info->block_elems == table[i].elems &&
               info->block_bytes == table[i].bytes &&
               spn_dtype_by_name(table[i].name) == table[i].id,
           "type %d is %s, %d elements in %d bytes", table[i].id, table[i].name, table[i].elems,
           table[i].bytes);
    }
    for (size_t i = 0; i < sizeof removed / sizeof *removed; i++)
        ok(spn_dtype_info(removed[i]) == NULL, "number %d is no type", removed[i]);
    for (int i = 0; i < SPN_DTYPE_COUNT; i++)
        n_coded +=
            spn_dtype_info(i) != NULL && spn_dtype_info(i)->decode && spn_dtype_info(i)->encode;
    for (size_t i = 0; i < sizeof coded / sizeof *coded; i++)
        n_coded -= spn_dtype_info(coded[i])->decode;
    ok_int(n_coded, 0, "exactly these types are decoded and encoded");
    ok_str(spn_dtype_name(SPN_Q8_0), "q8_0", "name of a type");
    ok_str(spn_dtype_name(4), "?", "name of no type");
    ok_int(spn_dtype_by_name("f33"), -1, "no such name");
    ok(spn_dtype_row_bytes(SPN_Q4_K, 512, &bytes) && bytes == 288,
       "a row of 512 q4_k elements takes 288 bytes");
    ok(!spn_dtype_row_bytes(SPN_Q4_K, 300, &bytes), "300 elements are not whole q4_k blocks");
    ok(!spn_dtype_row_bytes(SPN_F32, -1, &bytes), "a negative count");
    ok(!spn_dtype_row_bytes(SPN_F64, INT64_MAX, &bytes), "a size that overflows");
    ok_int((long long)bytes, 288, "the output is left alone on refusal");
}

static void test_views(void)
{
    static const struct {
        int type, n;
        int64_t dim[SPN_DIMS_MAX];
    } bad[] = {
        { SPN_F32, 2, { 3, -1 } },
        { SPN_F32, 9, { 1 } },
        { SPN_F32, -1, { 1 } },
        { 4, 1, { 32 } },
        { SPN_Q8_0, 2, { 4, 33 } },
        { SPN_F32, 2, { INT64_C(1) << 40, INT64_C(1) << 40 } },
        { SPN_F64, 2, { INT64_C(1) << 31, INT64_C(1) << 30 } },
        { SPN_Q8_0, 0, { 0 } },
    };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tensor t = { .ndim = 77 };
    int64_t dim[3] = { 2, 3, 64 };
    char text[64], tiny[5];

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ok(spn_tensor_init(&t, bad[i].type, bad[i].n, bad[i].dim, NULL, &err) == SPN_EFORMAT &&
               t.ndim == 77,
           "refused: %s", err.text);
    ok_int(spn_tensor_init(&t, SPN_Q8_0, 3, dim, NULL, &err), SPN_OK, "a view of blocks");
    ok_int(spn_tensor_elems(&t), 384, "elements");
    ok_int((long long)spn_tensor_bytes(&t), 408, "bytes");
    ok(t.stride[2] == 1 && t.stride[1] == 64 && t.stride[0] == 192 && spn_tensor_contiguous(&t),
       "strides");
    t.stride[0] = 200;
    ok(!spn_tensor_contiguous(&t), "a wider stride is not contiguous");
    t.dim[0] = 1;
    ok(spn_tensor_contiguous(&t), "the stride of a single row does not matter");
    t.dim[1] = SPN_DIMS_MAX;
    t.dim[0] = -1;
    spn_tensor_shape_text(&t, text, sizeof text);
    ok_str(text, "[rows, 8, 64]", "a shape as text");
    spn_tensor_shape_text(&t, tiny, sizeof tiny);
    ok_str(tiny, "[row", "cut to the room");
    dim[1] = 0;
    ok(spn_tensor_init(&t, SPN_F32, 3, dim, NULL, &err) == SPN_OK && spn_tensor_elems(&t) == 0 &&
           spn_tensor_bytes(&t) == 0,
       "an empty view");
    ok(spn_tensor_init(&t, SPN_F32, 0, NULL, NULL, &err) == SPN_OK && spn_tensor_elems(&t) == 1 &&
           spn_tensor_bytes(&t) == 4,
       "no dimension: one element");
}

int main(void)
{
    test_types();
    test_views();
    return done();
}

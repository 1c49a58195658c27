/* block.c - a tensor's numbers block by block. */
#include "config.h"

#include "measure/block.h"

#include <inttypes.h>
#include <string.h>

#include "base/arith.h"
#include "base/cpu.h"
#include "base/mem.h"
#include "tensor/dtype.h"
#include "tensor/product.h"

enum k_kind k_kind_of(int dtype)
{
    const struct spn_dtype_info *info = spn_dtype_info(dtype);

    switch (dtype) {
    case SPN_F64:
    case SPN_I8:
    case SPN_I16:
    case SPN_I32:
    case SPN_I64:
    case SPN_U8:
    case SPN_BOOL:
        return K_DOUBLES;
    default:
        return info != NULL && info->decode ? K_FLOATS : K_NO_NUMBERS;
    }
}

bool spn_measurable(int dtype)
{
    return k_kind_of(dtype) != K_NO_NUMBERS;
}

spn_status k_check_numbers(const struct spn_tensor *t, const char *what, struct spn_err *err)
{
    const struct spn_dtype_info *info = spn_dtype_info(t->dtype);

    if (!spn_measurable(t->dtype))
        return spn_fail(err, SPN_EFORMAT, "%s: numbers of type %s are not decoded here", what,
                        spn_dtype_name(t->dtype));
    if (info->block_elems > 1 && !spn_tensor_contiguous(t))
        return spn_fail(err, SPN_EFORMAT, "%s: rows of type %s do not follow one another", what,
                        spn_dtype_name(t->dtype));
    return SPN_OK;
}

/* Elements of SIZE bytes in row-major order, whatever the strides. */
static void gather(const struct spn_tensor *t, int64_t begin, int64_t n, char *out, size_t size)
{
    int64_t at[SPN_DIMS_MAX] = { 0 }, left = begin, offset = 0;
    const char *base = t->data;

    for (int d = t->ndim - 1; d >= 0; d--) {
        at[d] = left % t->dim[d];
        left /= t->dim[d];
        offset += at[d] * t->stride[d];
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy(out + (size_t)i * size, base + offset * (int64_t)size, size);
        for (int d = t->ndim - 1; d >= 0; d--) {
            offset += t->stride[d];
            if (++at[d] < t->dim[d])
                break;
            offset -= at[d] * t->stride[d];
            at[d] = 0;
        }
    }
}

/* N numbers at P, of any alignment, as doubles. */
static void to_doubles(int dtype, const char *p, double *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        uint64_t u;
        uint32_t v;
        int32_t w;
        int16_t h;

        switch (dtype) {
        case SPN_F64:
            memcpy(&out[i], p + 8 * i, 8);
            break;
        case SPN_U64:
            memcpy(&u, p + 8 * i, 8);
            out[i] = (double)u;
            break;
        case SPN_I64:
            memcpy(&u, p + 8 * i, 8);
            out[i] = (double)(int64_t)u;
            break;
        case SPN_U32:
            memcpy(&v, p + 4 * i, 4);
            out[i] = v;
            break;
        case SPN_U16:
            memcpy(&h, p + 2 * i, 2);
            out[i] = (uint16_t)h;
            break;
        case SPN_I32:
            memcpy(&w, p + 4 * i, 4), out[i] = w;
            break;
        case SPN_I16:
            memcpy(&h, p + 2 * i, 2), out[i] = h;
            break;
        case SPN_I8:
            out[i] = (signed char)p[i];
            break;
        default:
            out[i] = (unsigned char)p[i];
            break;
        }
    }
}

static void to_floats(int dtype, const char *p, float *out, int64_t n)
{
#ifdef HAVE_X86
    enum spn_isa isa = spn_isa_get();

    if (isa != SPN_ISA_REF && (dtype == SPN_F16 || dtype == SPN_BF16)) {
        k_widen_fn *const widen[2][2] = { { k_widen_f16_avx2, k_widen_bf16_avx2 },
                                          { k_widen_f16_avx512, k_widen_bf16_avx512 } };

        widen[isa == SPN_ISA_AVX512][dtype == SPN_BF16](p, out, n);
        return;
    }
#endif
    if (dtype == SPN_F32)
        memcpy(out, p, (size_t)n * 4);
    else
        (void)spn_dequant(dtype, p, out, n, NULL); /* the type was checked before the first block */
}

const void *k_fetch(const struct spn_tensor *t, int64_t begin, int64_t n, void *room)
{
    const struct spn_dtype_info *info = spn_dtype_info(t->dtype);
    size_t size = (size_t)info->block_bytes;
    const char *p;

    if (spn_tensor_contiguous(t)) {
        p = (const char *)t->data + (uint64_t)(begin / info->block_elems) * size;
    } else {
        /* Beside the numbers: K_BLOCK doubles take the first half. */
        char *beside = (char *)room + 8 * K_BLOCK;

        gather(t, begin, n, beside, size);
        p = beside;
    }
    if (k_kind_of(t->dtype) == K_DOUBLES) {
        if (t->dtype == SPN_F64 && (uintptr_t)p % sizeof(double) == 0)
            return p;
        to_doubles(t->dtype, p, room, n);
    } else {
        if (t->dtype == SPN_F32 && (uintptr_t)p % sizeof(float) == 0)
            return p;
        to_floats(t->dtype, p, room, n);
    }
    return room;
}

spn_status k_rooms_new(struct k_rooms *r, const struct spn_measure *how, int64_t each,
                       struct spn_err *err)
{
    int threads = spn_pool_threads(k_pool(how));

    r->each = each;
    r->bytes = spn_aligned_alloc(64, (size_t)(each * threads));
    if (r->bytes == NULL)
        return spn_fail(err, SPN_ENOMEM, "no memory for %d blocks of %" PRId64 " bytes", threads,
                        each);
    return SPN_OK;
}

void k_rooms_free(struct k_rooms *r)
{
    spn_free(r->bytes);
    r->bytes = NULL;
}

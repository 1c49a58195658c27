/* block.h - private: a tensor's numbers block by block as floats or doubles, and the kernels that
 * read a block.
 */
#ifndef K_MEASURE_BLOCK_H
#define K_MEASURE_BLOCK_H
#include <stdbool.h>
#include <stdint.h>

#include "measure/measure.h"

/* Numbers of a block: a multiple of every type's block, and of the lanes below; 64 KiB of floats
   stay in a core's own cache while several kernels read them. */
#define K_BLOCK ((int64_t)16384)
/* Blocks between two looks at the cancel flag. */
#define K_WAVE ((int64_t)2048)

enum k_kind { K_NO_NUMBERS, K_FLOATS, K_DOUBLES };
/* How numbers of this type are read. */
enum k_kind k_kind_of(int dtype);
/* SPN_EFORMAT when T cannot be read as numbers; WHAT begins the sentence. */
spn_status k_check_numbers(const struct spn_tensor *t, const char *what, struct spn_err *err);

/* Numbers [begin, begin + n), n <= K_BLOCK, as k_kind_of says: T's own memory where it will do,
   else ROOM of 16 K_BLOCK bytes.  BEGIN is a multiple of the type's block. */
const void *k_fetch(const struct spn_tensor *t, int64_t begin, int64_t n, void *room);

/* Rooms for k_fetch, one a worker. */
struct k_rooms {
    char *bytes;
    int64_t each;
};
spn_status k_rooms_new(struct k_rooms *r, const struct spn_measure *how, int64_t each,
                       struct spn_err *err);
void k_rooms_free(struct k_rooms *r);
static inline void *k_room(const struct k_rooms *r, int worker)
{
    return r->bytes + r->each * worker;
}

static inline bool k_stopped(const struct spn_measure *how)
{
    return how != NULL && spn_cancelled(how->cancel);
}
static inline struct spn_pool *k_pool(const struct spn_measure *how)
{
    return how != NULL ? how->pool : NULL;
}
static inline void k_progress(const struct spn_measure *how, int64_t done, int64_t total)
{
    if (how != NULL && how->progress != NULL)
        how->progress(how->progress_ctx, done, total);
}

/* ---- one block's sums ---- */

#define K_LANES 16 /* number i is added to lane i % K_LANES; lanes are added as a tree */

struct k_sums {
    double sum, squares, lo, hi;
    int64_t zeros;
    bool odd; /* a NaN or an infinity is among them: all else is void */
};
struct k_part { /* of a block, and of blocks merged */
    int64_t finite, zeros, nan, inf;
    double lo, hi, squares, mean, m2; /* m2: sum of squared distances from the mean */
};
#define K_PART_INIT                              \
    {                                            \
        0, 0, 0, 0, INFINITY, -INFINITY, 0, 0, 0 \
    }

typedef void k_sums_fn(const float *x, int64_t n, struct k_sums *out);
k_sums_fn k_sums_f32_ref, k_sums_f32_avx2, k_sums_f32_avx512;

/* A block's part, by the kernel of this machine; X as k_fetch gave it. */
void k_part_of(struct k_part *p, enum k_kind kind, const void *x, int64_t n);
/* Add B, which comes after A. */
void k_part_add(struct k_part *a, const struct k_part *b);
void k_part_stats(struct spn_stats *out, const struct k_part *p);

/* Lanes down to one number, always in the same order. */
static inline double k_fold(double *lane, int n)
{
    for (int s = n / 2; s > 0; s /= 2)
        for (int j = 0; j < s; j++)
            lane[j] += lane[j + s];
    return lane[0];
}

/* ---- one block of pairs ---- */

#define K_PAIR_LANES 8

struct k_pairs {
    double aa, bb, dd, ab, far; /* far: largest |a - b| */
    int64_t differ;
    bool odd;
};
typedef void k_pairs_fn(const float *a, const float *b, int64_t n, struct k_pairs *out);
k_pairs_fn k_pairs_f32_ref, k_pairs_f32_avx2, k_pairs_f32_avx512;

/* ---- 16-bit floats as floats ---- */

typedef void k_widen_fn(const void *x, float *y, int64_t n);
k_widen_fn k_widen_f16_avx2, k_widen_f16_avx512, k_widen_bf16_avx2, k_widen_bf16_avx512;

/* ---- counts by the upper half of a float ---- */

#define K_TALLY 65536

#endif

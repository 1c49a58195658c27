/* measure.h - what can be said of a tensor's numbers: statistics, percentiles, histograms,
 * differences, and a coarse picture.
 *
 * Numbers are taken in row-major order in blocks of a fixed size; sums are doubles in a fixed
 * number of lanes a block, blocks are merged from the first to the last.  So a result depends on
 * the numbers alone: not on the threads, not on the instruction set.  Integers are taken as
 * doubles: exact up to 2^53.
 *
 * Tensors may be of any type that spn_measurable accepts and of any strides.  A job stops early
 * with SPN_ECANCEL when CANCEL (may be NULL) says so.
 */
#ifndef SPN_MEASURE_H
#define SPN_MEASURE_H
#include <stdbool.h>
#include <stdint.h>
#include "base/cancel.h"
#include "base/err.h"
#include "base/pool.h"
#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Can the values of this type be read as numbers? */
bool spn_measurable(int dtype);

/* Who works, and who may stop it. */
struct spn_measure {
    struct spn_pool *pool; /* NULL: the caller alone */
    struct spn_cancel *cancel;
    /* After every stretch of work: numbers done of all; may be NULL. Called by the caller's thread
     * only. */
    void (*progress)(void *ctx, int64_t done, int64_t total);
    void *progress_ctx;
};

struct spn_stats {
    int64_t count;           /* numbers */
    int64_t zeros, nan, inf; /* of them */
    /* Over the finite ones; NaN where there is none. */
    double min, max, mean;
    double std;  /* of the population: the root of the mean squared distance from the mean */
    double norm; /* root of the sum of squares */
};
spn_status spn_stats_run(struct spn_stats *out, const struct spn_tensor *t,
                         const struct spn_measure *how, struct spn_err *err);

#define SPN_PERCENTILES_MAX 16
#define SPN_BINS_MAX        256

/* Statistics, exact percentiles and a histogram of the finite numbers, in two readings of T (one
 * for 16-bit floats).
 *
 * PERCENT[n_percent], each 0 to 100; VALUE gets as many: with the N numbers sorted, place
 * p/100 (N - 1), between two places by their distance (as NumPy's default); NaN where N is 0.
 *
 * BINS counts of equal width from LO to HI, each with its lower edge and without its upper, the
 * last with both; edges are lo + (hi - lo) k / bins in double.  LO and HI of NaN: the smallest and
 * largest number (widened by a half either way when they are the same).  Numbers outside are not
 * counted.  BINS 0: none wanted. */
struct spn_spread {
    const double *percent;
    int n_percent;
    double *value; /* [n_percent] out */
    int bins;
    double lo, hi;  /* in and out */
    int64_t *count; /* [bins] out */
};
spn_status spn_spread_run(struct spn_stats *stats, struct spn_spread *s, const struct spn_tensor *t,
                          const struct spn_measure *how, struct spn_err *err);

/* A against B, element by element.  Shapes are the same but for the type.  ROW (NULL: as they
 * stand) says which row of A, of its first dimension (of a vector: which number), belongs to row r
 * of B. */
struct spn_difference {
    int64_t count;
    int64_t differ; /* pairs that are not the same number (two NaN are the same) */
    int64_t nan_a, nan_b, inf_a, inf_b;
    int64_t lost; /* pairs of which exactly one is finite, or infinities or NaN that
                     do not match */
    /* Over the pairs that are both finite: */
    double max_abs; /* largest |a - b| */
    double rel;     /* norm of a - b over norm of b; 0 where both are 0 */
    double cosine;  /* 1 where both are 0, NaN where one is */
    double squares_a, squares_b, squares_d, dot; /* sums, to add up over tensors */
};
struct spn_row_map {
    int64_t (*row)(const void *ctx, int64_t r);
    const void *ctx;
};
spn_status spn_difference_run(struct spn_difference *out, const struct spn_tensor *a,
                              const struct spn_tensor *b, const struct spn_row_map *row,
                              const struct spn_measure *how, struct spn_err *err);
/* Add X, of other tensors, to TOTAL (all zero at first) and set TOTAL's rel and cosine. */
void spn_difference_add(struct spn_difference *total, const struct spn_difference *x);

/* T as a matrix: its last dimension across, all others down.  A vector is one row. */
int64_t spn_matrix_rows(const struct spn_tensor *t);
int64_t spn_matrix_cols(const struct spn_tensor *t);

/* One cell of a picture: the rectangle of T that it stands for. */
struct spn_cell {
    float mean; /* of the finite numbers; NaN: none */
    float peak; /* the finite number farthest from 0, with its sign */
    float rms;
    uint32_t odd; /* NaN and infinities in it */
};
/* Rows [row, row + rows) and columns [col, col + cols) of T as a matrix into CELL [down][across],
   DOWN at most ROWS, ACROSS at most COLS.  Cell (i, j) covers rows row + rows i / down up to the
   next cell's. */
struct spn_window {
    int64_t row, rows, col, cols;
};
spn_status spn_grid_run(struct spn_cell *cell, int down, int across, const struct spn_tensor *t,
                        const struct spn_window *w, const struct spn_measure *how,
                        struct spn_err *err);

/* Rows of T as a matrix that hold nothing but zeros. */
spn_status spn_zero_rows(int64_t *n, int64_t *first, const struct spn_tensor *t,
                         const struct spn_measure *how, struct spn_err *err);

/* Numbers [begin, begin + n) of T, in row-major order, as doubles (of T's type: exact but for
   integers past 2^53).  SPN_EUSAGE: not that many. */
spn_status spn_numbers(double *out, const struct spn_tensor *t, int64_t begin, int64_t n,
                       struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif

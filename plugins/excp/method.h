/* method.h - ExCP's arithmetic on one parameter: prune, cluster, index, and back.
 *
 * After Li and others, "ExCP: Extreme LLM Checkpoint Compression via Weight-Momentum Joint
 * Shrinking" (arXiv 2406.11257).  E1 is Adam's exp_avg, E2 its exp_avg_sq, R the weights'
 * difference to what the step before unpacks to.
 */
#ifndef EXCP_METHOD_H
#define EXCP_METHOD_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"

#define EXCP_ALPHA    5e-5
#define EXCP_BETA     2.0
#define EXCP_RHO_MAX  2.5
#define EXCP_BOOK_MAX 255   /* centres of 8 bits */
#define EXCP_ALPHA_OF 4.1e8 /* parameters of the model that EXCP_ALPHA was found on */

enum { EXCP_R, EXCP_E1, EXCP_E2, EXCP_PARTS };

struct excp_rule {
    double alpha, beta;
    bool joint;           /* moments go where their weight goes */
    int bits[EXCP_PARTS]; /* of an index: 1, 2, 4 or 8 */
    bool half;            /* centres are kept as f16 */
    bool shared;          /* E1 has an index only where R is not zero, E2 only where E1 is not */
    bool clamp;           /* E2 >= E1^2 where E1 is not zero */
    bool uniform;         /* centres at even distances: what the clusters are compared with */
};

/* alpha for a model of PARAMETERS weights that prunes like EXCP_ALPHA does at its own size: the
   gradient of one weight falls with the root of their number. */
double excp_alpha_auto(double parameters);

/* Three arrays of N numbers; E1 and E2 may be NULL. */
struct excp_arrays {
    float *x[EXCP_PARTS];
    size_t n;
};
struct excp_cut {
    bool finite;               /* no NaN or infinity; false: nothing was pruned */
    double rho;                /* min(2.5, alpha / sqrt(mean E2)) */
    float tau, s;              /* R goes unless |R| > tau, moments unless |E1| > s */
    uint64_t kept[EXCP_PARTS]; /* not zero afterwards */
};
/* Prune A in place by the digest's two rules.  SPN_ENOMEM. */
spn_status excp_prune(const struct excp_rule *rule, struct spn_pool *pool, struct excp_arrays *a,
                      struct excp_cut *out, struct spn_err *err);
/* The lower middle value of |x|; 0 of none. */
spn_status excp_median_abs(struct spn_pool *pool, const float *x, size_t n, float *out,
                           struct spn_err *err);

/* Centres, ascending; index I + 1 stands for c[I], index 0 for zero. */
struct excp_book {
    int k;
    float c[EXCP_BOOK_MAX];
};
/* Cluster the KEPT values of X that are not zero in 2^BITS - 1 centres: Lloyd's 25 rounds on at
   most 256 values a centre, drawn with a fixed seed.  No more values than centres: they are the
   centres, and nothing is lost. SPN_ENOMEM. */
spn_status excp_cluster(const float *x, size_t n, uint64_t kept, int bits, struct excp_book *out,
                        struct spn_err *err);
/* The same with centres at even distances from the smallest to the largest value. */
void excp_spread(const float *x, size_t n, int bits, struct excp_book *out);
/* Round the centres to f16, as the official files keep them. Indices are found before. */
void excp_book_half(struct excp_book *b);

/* Bytes of N indices. */
size_t excp_packed_bytes(size_t n, int bits);
/* Nearest centre of each of X, the lower one of two as near, first index in the most significant
   bits; at OUT, [excp_packed_bytes].  Where WHERE (NULL: everywhere) is zero X has no index. The
   number of indices. */
size_t excp_index(const struct excp_book *b, int bits, const float *x, const float *where, size_t n,
                  unsigned char *out);
/* Values of A's parts from their indices, N of each part that is not NULL. COUNT: indices that each
   part has. False: an index has no centre, or there are not as many as are wanted. */
bool excp_values(const struct excp_rule *rule, const struct excp_book book[EXCP_PARTS],
                 const unsigned char *const packed[EXCP_PARTS], const size_t count[EXCP_PARTS],
                 struct excp_arrays *a);
/* E2 = max(E2, E1^2) where E1 is not zero: without it a first step after resuming has no bound. */
void excp_clamp(const float *e1, float *e2, size_t n);

#endif

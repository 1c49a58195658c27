/* pool.h - a pool of threads that run one loop at a time. */
#ifndef SPN_POOL_H
#define SPN_POOL_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct spn_pool;

/* THREADS workers in all, the caller among them (1 = no thread is made). NULL: no memory. */
struct spn_pool *spn_pool_new(int threads);
void spn_pool_free(struct spn_pool *p);         /* NULL is fine */
int spn_pool_threads(const struct spn_pool *p); /* NULL: 1 */

/* Run FN(ctx, begin, end, worker) over [0, n) in chunks of GRAIN items (the last one shorter);
   returns when all are done. worker is in 0..threads-1, so FN may use scratch of its own. What a
   chunk computes must not depend on who runs it. A NULL pool, or n <= grain, runs here. Not
   reentrant: FN never calls spn_pool_run on the same pool. */
typedef void (*spn_pool_fn)(void *ctx, int64_t begin, int64_t end, int worker);
void spn_pool_run(struct spn_pool *p, int64_t n, int64_t grain, spn_pool_fn fn, void *ctx);

#ifdef __cplusplus
}
#endif
#endif

/* bench.h - how fast a model runs here: prompt, one sequence, several sequences, and the memory it
 * can read in that time. */
#ifndef SPN_LM_BENCH_H
#define SPN_LM_BENCH_H
#include <stdint.h>
#include "base/err.h"
#include "base/pool.h"
#include "lm/model.h"

#ifdef __cplusplus
extern "C" {
#endif

struct spn_lm_bench_options {
    int64_t prompt, generate; /* tokens: default 512, 128 */
    int batch;                /* sequences of the batched run over a shared prompt, default 8 */
    int repeat;               /* runs of each, the fastest counts, default 3 */
    int kv_dtype;             /* SPN_F32 (default) or SPN_F16 */
    struct spn_pool *pool;
};
void spn_lm_bench_default(struct spn_lm_bench_options *o);

struct spn_lm_bench {
    double prefill_tps, decode_tps,
        batch_decode_tps;          /* tokens a second (the batch: of all sequences together) */
    double step_ms, batch_step_ms; /* one decode step of 1 and of `batch` sequences */
    double batch_step_ratio;       /* batch_step_ms / step_ms */
    uint64_t bytes_per_token;      /* weights a decode step reads */
    double read_gbps_measured;     /* what all threads read from memory by a plain sum */
    int64_t pages_used,
        pages_shared;         /* at the end of the batched run: the shared prompt counts once */
    int64_t prompt, generate; /* as run */
    int batch, threads;
};
/* Prompt and generated tokens are cut to the model's context (prompt first halved). SPN_EUSAGE: a
 * count below 1. */
spn_status spn_lm_bench(struct spn_lm *m, const struct spn_lm_bench_options *o,
                        struct spn_lm_bench *out, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif

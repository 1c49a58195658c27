/* codec.h - extension point "codec": how a training step is made small against the step before, and
 * restored.
 *
 * A codec sees parameters one at a time and a stream of bytes, never whole files.  What a store
 * looks like on disk, which steps are key frames, and where the rest of a step (configuration,
 * schedule, random states) is kept, is the business of `spinney ckpt compress` and `restore`.
 *
 * The loop is closed: a step is packed against what the steps before unpack to, bit for bit, never
 * against the originals; so errors do not add up.  That is why pack hands back what it has written.
 */
#ifndef SPINNEY_CODEC_H
#define SPINNEY_CODEC_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/cancel.h"
#include "base/err.h"
#include "base/pool.h"
#include "spinney/option.h"
#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One parameter of a step: contiguous tensors of the same shape; data NULL: it has none. */
struct spn_codec_param {
    const char *name;
    struct spn_tensor weight, exp_avg, exp_avg_sq;
};

/* The parameters of a step, by number.  The order and the names are the same in every step of a
   chain. */
struct spn_codec_source {
    size_t n;
    /* Lent until the next get, or forget, of the same I. Any thread, different I at once. */
    spn_status (*get)(void *ctx, size_t i, struct spn_codec_param *out, struct spn_err *err);
    /* I is not needed for now: copies may go. */
    void (*forget)(void *ctx, size_t i);
    void *ctx;
};

/* Where packed bytes go, in order; SPN_EIO: a full disk. */
struct spn_codec_sink {
    spn_status (*write)(void *ctx, const void *bytes, size_t n, struct spn_err *err);
    void *ctx;
};

/* Who takes what a step unpacks to, and knows the shapes of it. */
struct spn_codec_taker {
    size_t n;
    /* Name and shapes of parameter I, as f32; the numbers there are not to be looked at. */
    spn_status (*shape)(void *ctx, size_t i, struct spn_codec_param *out, struct spn_err *err);
    /* Once a parameter, in any order, from any thread; P is lent for the call, in f32.  From then
       on BEFORE's parameter I is gone: the next get of it gives P's numbers. */
    spn_status (*put)(void *ctx, size_t i, const struct spn_codec_param *p, struct spn_err *err);
    void *ctx;
};

struct spn_codec_figures {
    uint64_t bytes_raw;    /* of the tensors given */
    uint64_t bytes_packed; /* written, or expected */
    double kept_weights;   /* shares that are not zero after pruning, 0 to 1; NaN: not such a codec
                            */
    double kept_moments;
    double bits; /* a value packed, over weights and moments */
};

/* How the work is done. */
struct spn_codec_job {
    const struct spn_values *options;                       /* of the codec's table */
    struct spn_pool *pool;                                  /* NULL: the caller alone */
    struct spn_cancel *cancel;                              /* NULL: none */
    void (*progress)(void *ctx, double done, double total); /* NULL: none; bytes of tensors */
    void *progress_ctx;
    int64_t step, before; /* numbers of the steps; BEFORE -1: a key frame */
};

/* Packed bytes of one step, mapped. */
struct spn_codec_packed {
    const void *bytes;
    size_t n;
    const char *path; /* for messages */
};

struct spn_codec {
    const char *summary;
    const char *suffix; /* of a packed step's file: "spx" */
    const struct spn_option *options;
    /* What packing NOW against BEFORE would give, without doing it: for a screen that changes
       options while one looks. INDEX: of this parameter alone; SIZE_MAX: of all. */
    spn_status (*estimate)(const struct spn_codec_job *job, const struct spn_codec_source *now,
                           const struct spn_codec_source *before, size_t index,
                           struct spn_codec_figures *out, struct spn_err *err);
    /* NOW against BEFORE (NULL: a key frame, without loss) into SINK; REBUILT (NULL: nobody) takes
       what unpack would give. */
    spn_status (*pack)(const struct spn_codec_job *job, const struct spn_codec_source *now,
                       const struct spn_codec_source *before, const struct spn_codec_sink *sink,
                       const struct spn_codec_taker *rebuilt, struct spn_codec_figures *out,
                       struct spn_err *err);
    /* The step that PACKED holds, over BEFORE (NULL: it is a key frame), into TAKER. SPN_EFORMAT:
       packed bytes that are no step, or against another BEFORE. */
    spn_status (*unpack)(const struct spn_codec_job *job, const struct spn_codec_packed *packed,
                         const struct spn_codec_source *before, const struct spn_codec_taker *taker,
                         struct spn_err *err);
    /* Is PACKED whole (structure, checksums)?  *STEP and *BEFORE (-1: key frame) are what it says.
     */
    spn_status (*verify)(const struct spn_codec_packed *packed, int64_t *step, int64_t *before,
                         struct spn_err *err);
    /* The step that PACKED holds as file PATH of the form that the method's own program writes
       (written beside, renamed), and such a file over BEFORE into TAKER. SHAPES knows names and
       shapes. NULL: there is no such form. */
    spn_status (*export_)(const struct spn_codec_job *job, const struct spn_codec_packed *packed,
                          const struct spn_codec_taker *shapes, const char *path,
                          struct spn_err *err);
    spn_status (*import_)(const struct spn_codec_job *job, const char *path,
                          const struct spn_codec_source *before,
                          const struct spn_codec_taker *taker, struct spn_err *err);
};

#ifdef __cplusplus
}
#endif
#endif

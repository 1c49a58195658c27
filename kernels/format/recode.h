/* recode.h - tensors and keys of an open checkpoint written again, numbers as another type. */
#ifndef SPN_RECODE_H
#define SPN_RECODE_H
#include "base/err.h"
#include "base/pool.h"
#include "format/reader.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Tensors on their way from one reader to one writer; must live until the writer's commit. */
struct spn_recoder;
/* POOL: who decodes and encodes, NULL the caller alone.  The bytes do not depend on it. */
spn_status spn_recoder_new(struct spn_recoder **out, const struct spn_reader *r,
                           struct spn_pool *pool, struct spn_err *err);
void spn_recoder_free(struct spn_recoder *c); /* NULL is fine */
/* Write E under its name as DTYPE, or byte for byte where that is its type. DTYPE must be writable
 * (spn_dtype_info: encode) and E's type readable, rows whole blocks of both; what the writer
 * refuses its commit says. */
spn_status spn_recoder_add(struct spn_recoder *c, struct spn_writer *w, const struct spn_entry *e,
                           int dtype, struct spn_err *err);
/* WATCH is called now and then while the writer commits, on its thread, with the numbers converted
 * so far; not SPN_OK ends the commit. */
void spn_recoder_watch(struct spn_recoder *c, spn_status (*watch)(void *ctx, uint64_t done),
                       void *ctx);

/* The reader's metadata: all that a GGUF holds (NUMBERS), or its texts alone. SKIP (ends with NULL;
 * NULL: none) names keys left out. Arrays: of texts, of integers of 32 bits, of floats. */
spn_status spn_recode_keys(struct spn_writer *w, const struct spn_reader *r, bool numbers,
                           const char *const *skip, struct spn_err *err);

#ifdef __cplusplus
}
#endif
#endif

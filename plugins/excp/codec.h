/* codec.h - ExCP as a codec. */
#ifndef EXCP_CODEC_H
#define EXCP_CODEC_H
#include "spinney/codec.h"

extern const struct spn_option excp_options[];
spn_status excp_pack(const struct spn_codec_job *job, const struct spn_codec_source *now,
                     const struct spn_codec_source *before, const struct spn_codec_sink *sink,
                     const struct spn_codec_taker *rebuilt, struct spn_codec_figures *out,
                     struct spn_err *err);
spn_status excp_unpack(const struct spn_codec_job *job, const struct spn_codec_packed *packed,
                       const struct spn_codec_source *before, const struct spn_codec_taker *taker,
                       struct spn_err *err);
spn_status excp_verify(const struct spn_codec_packed *packed, int64_t *step, int64_t *before,
                       struct spn_err *err);
/* The released code's compressed.pt. */
spn_status excp_export(const struct spn_codec_job *job, const struct spn_codec_packed *packed,
                       const struct spn_codec_taker *shapes, const char *path,
                       struct spn_err *err);
spn_status excp_import(const struct spn_codec_job *job, const char *path,
                       const struct spn_codec_source *before, const struct spn_codec_taker *taker,
                       struct spn_err *err);
spn_status excp_estimate(const struct spn_codec_job *job, const struct spn_codec_source *now,
                         const struct spn_codec_source *before, size_t index,
                         struct spn_codec_figures *out, struct spn_err *err);

#endif

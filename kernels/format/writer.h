/* writer.h - private: what a file under construction holds, and what one format has to offer. */
#ifndef SPN_WRITER_H
#define SPN_WRITER_H
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/file.h"
#include "format/reader.h"
#include "format/source.h"

struct k_written {
    char *name;                        /* first: sorted through it */
    struct spn_tensor t;
    spn_fill fill;                     /* NULL: t.data is written */
    void *ctx;
    const struct spn_reader *reader;   /* ENTRY's */
    const struct spn_entry *entry;     /* not NULL: it is read and written */
};
struct k_key { char *name; };

struct spn_writer {
    const struct k_writer_format *format;
    char *path;
    struct spn_err why;                /* the first failure; commit reports it */
    struct spn_buf pairs;              /* metadata as it will stand in the file */
    uint64_t alignment;                /* GGUF: general.alignment, 0: not set */
    struct k_key *keys;
    size_t n_keys, room_keys;
    struct k_written *tensors;
    size_t n_tensors, room_tensors;
};

struct k_writer_format {
    const char *name;
    /* Append one pair to w->pairs. TYPE as in GGUF; BYTES little-endian, strings as u64 length and
     * bytes. COUNT -1: no array. */
    spn_status (*pair)(struct spn_writer *w, const char *key, int type, int64_t count,
                       const void *bytes, size_t n);
    spn_status (*check)(struct spn_writer *w, const char *name,
                        const struct spn_tensor *t); /* can it be written? */
    spn_status (*write)(struct spn_writer *w, FILE *f, struct spn_err *err);
};

extern const struct k_writer_format k_gguf_writer, k_safetensors_writer, k_npz_writer,
    k_torch_writer, k_torch_optimizer_writer, k_torch_dicts_writer;

void k_store_u32(unsigned char *p, uint32_t v);
void k_store_u64(unsigned char *p, uint64_t v);
/* SPN_EIO with errno's reason. */
spn_status k_put(const struct spn_writer *w, FILE *f, const void *bytes, size_t n,
                 struct spn_err *err);
spn_status k_put_zeros(const struct spn_writer *w, FILE *f, uint64_t n, struct spn_err *err);
/* Takes the bytes of a tensor, part by part. */
typedef spn_status (*k_sink)(void *ctx, const void *bytes, size_t n, struct spn_err *err);
/* All of X, in parts that fit a fixed block, to SINK. */
spn_status k_each_part(const struct spn_writer *w, const struct k_written *x, k_sink sink,
                       void *ctx, struct spn_err *err);
spn_status k_put_tensor(const struct spn_writer *w, FILE *f, const struct k_written *x,
                        struct spn_err *err);

#endif

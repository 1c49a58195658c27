/* reader.h - one interface over every file that holds tensors: opened by its header, tensors
 * mapped, read on demand; and the two writers.
 *
 * A new format is one file with a `struct spn_format` and a line in formats[] (format.c).
 * Memory while a file is open: at most its size and 64 MiB.
 */
#ifndef SPN_READER_H
#define SPN_READER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "tensor/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

enum spn_meta_kind {
    SPN_META_INT, SPN_META_UINT, SPN_META_FLOAT, SPN_META_BOOL, SPN_META_STRING, SPN_META_ARRAY
};

/* Metadata value. Integers of any width are read by value: use the getters below. */
struct spn_meta {
    enum spn_meta_kind kind;
    enum spn_meta_kind elem;      /* of an array */
    int64_t  i;
    uint64_t u;
    double   f;
    bool     b;
    const char *s;                /* lent by the reader; NUL-terminated, may hold NULs inside */
    size_t   s_length;
    uint64_t count;               /* of an array */
    const void *raw;              /* of an array: private to the reader */
    int      raw_type;
};

struct spn_layout;                /* private */

/* One tensor of a file. t is always contiguous. t.data points into the mapping (aligned to 1 byte
   only), or is NULL where the bytes do not lie in the file as t says: a transposed or expanded
   view, numbers of another byte order, shards of several ranks, compressed data. spn_entry_read
   and spn_entry_view work for all of them. */
struct spn_entry {
    const char *name;
    struct spn_tensor t;
    uint64_t offset;              /* of its (first) bytes in FILE */
    const char *file;
    const struct spn_layout *layout;   /* NULL when t.data is the tensor */
};

struct spn_reader;

/* Open a file, or a folder: a Hugging Face model (config.json, model.safetensors, pytorch_model.bin
   or the shards of an index) with what a trainer left beside it (optimizer.pt, our own
   optimizer.safetensors: optimizer.state.NAME.WHAT), torch.distributed.checkpoint, DeepSpeed ZeRO
   (optimizer.state.NAME.fp32, .exp_avg … put together from all ranks), Megatron.
   Headers only are read, nothing in the file is executed. *OUT is set on success alone;
   close it with spn_reader_close. Names of tensors and keys are unique, tensors lie inside the
   file; only those of a pickle may share bytes (tied weights, slices). Anything else is
   SPN_EFORMAT: one sentence with place and numbers. */
spn_status spn_reader_open(struct spn_reader **out, const char *path, struct spn_err *err);
/* The same of a file that may still be being written, or was cut: what is there whole is there, of
   a GGUF, safetensors and torch.save file and of shards of an index. A table of contents that is
   not whole itself is SPN_EFORMAT; spn_reader_short says what is missing. */
spn_status spn_reader_open_partial(struct spn_reader **out, const char *path, struct spn_err *err);
/* A sentence: how many tensors are not there whole, the first of them by name. NULL: none. */
const char *spn_reader_short(const struct spn_reader *r);
/* The same for N bytes in memory, lent until the reader is closed. FORMAT: "gguf", "safetensors",
   "zip" (a torch.save file or an NPZ), "pickle", "npy", or of "hf folder", "deepspeed",
   "megatron", "torch distributed" the files of a folder one after another, each after a line
   `@@ NAME`; with " partial" behind it as by spn_reader_open_partial. Nothing is opened on disk. */
spn_status spn_reader_open_memory(struct spn_reader **out, const char *format, const void *bytes,
                                  size_t n, struct spn_err *err);
/* All that the reader lent ends here. NULL is fine. */
void       spn_reader_close(struct spn_reader *r);

/* "gguf v3", "safetensors", "hf folder", "torch zip", "torch legacy", "pickle", "npz", "npy". */
const char *spn_reader_format(const struct spn_reader *r);
/* As it was given to spn_reader_open. */
const char *spn_reader_path(const struct spn_reader *r);
/* Path of the file NAME (tokenizer.json, tokenizer.model, …) in an open folder; NULL when R is no
   folder, the file is not there or memory is short. The caller's, free with spn_free. */
char      *spn_reader_folder_file(const struct spn_reader *r, const char *name);

/* Tensors, in the order of the header (of a folder: shard after shard, sorted by file name). */
size_t     spn_reader_count(const struct spn_reader *r);
/* NULL: I is out of range. */
const struct spn_entry *spn_reader_at(const struct spn_reader *r, size_t i);
/* NULL: no tensor of this name. */
const struct spn_entry *spn_reader_find(const struct spn_reader *r, const char *name);
/* Elements [FIRST, FIRST + N) of E in row-major order, in this machine's byte order, into DST; of a
   block type whole blocks. Any part of a tensor larger than memory can be read, by any number of
   threads. */
spn_status spn_entry_read(const struct spn_reader *r, const struct spn_entry *e, int64_t first,
                          int64_t n, void *dst, struct spn_err *err);
/* E whole as the contiguous *T: over the mapping, *COPY NULL, or over a copy that *COPY then holds;
   free it with spn_free. */
spn_status spn_entry_view(const struct spn_reader *r, const struct spn_entry *e,
                          struct spn_tensor *t, void **copy, struct spn_err *err);
/* SPN_EIO when a mapped file shrank or changed since it was opened. Call after a job that read
   tensors. */
spn_status spn_reader_check(const struct spn_reader *r, struct spn_err *err);

/* The same, and SPN_EIO when the name of a file now leads to another one, or to none: what is
   mapped is still whole, but it is the old one. */
spn_status spn_reader_current(const struct spn_reader *r, struct spn_err *err);

/* Metadata: keys of a GGUF; __metadata__ of a safetensors file; of a folder config.json,
   generation_config.json and tokenizer_config.json flattened with dots ("config.hidden_size",
   "config.rope_scaling.factor"), chat_template.jinja as tokenizer_config.chat_template.
   Of a pickle: its numbers, strings and lists of them by dotted key
   ("optimizer.param_groups.0.lr"), and pickle.globals, every class and function that it names
   (strings, sorted); pickle.unknown, those of them that are no part of a checkpoint. All were
   looked at as data, none was called. */
size_t      spn_reader_meta_count(const struct spn_reader *r);
/* Key and value of number I; NULL, *VALUE untouched, when out of range. */
const char *spn_reader_meta_at(const struct spn_reader *r, size_t i, struct spn_meta *value);
/* False, *VALUE untouched, when there is no such key. */
bool        spn_reader_meta(const struct spn_reader *r, const char *key, struct spn_meta *value);
/* By value, whatever the width; false, *OUT untouched, when absent, of another kind or out of
   range. An integer is a float too. */
bool        spn_meta_int(const struct spn_reader *r, const char *key, int64_t *out);
bool        spn_meta_float(const struct spn_reader *r, const char *key, double *out);
bool        spn_meta_bool(const struct spn_reader *r, const char *key, bool *out);
/* Lent, NUL-terminated; NULL: absent or not a string. */
const char *spn_meta_str(const struct spn_reader *r, const char *key);
/* Element I of an array; false when out of range or of another kind. Booleans are integers here,
   integers are floats. S is lent and not NUL-terminated. */
bool        spn_meta_elem_int(const struct spn_meta *array, uint64_t i, int64_t *out);
bool        spn_meta_elem_float(const struct spn_meta *array, uint64_t i, double *out);
bool        spn_meta_elem_str(const struct spn_meta *array, uint64_t i, const char **s,
                              size_t *length);

/* The N bytes of a zip archive (a torch.save file, an NPZ) had the numbers of tensors changed where
   they stand: make the checksums of its stored entries right again. NAME: for messages.
   SPN_EFORMAT: no archive, or a damaged one. */
spn_status spn_zip_refresh(void *bytes, uint64_t n, const char *name, struct spn_err *err);

/* ---- writers: everything is written beside and renamed at the end ---- */
struct spn_writer;

/* GGUF version 3, and safetensors. Nothing is written before spn_writer_commit. */
spn_status spn_gguf_create(struct spn_writer **out, const char *path, struct spn_err *err);
spn_status spn_safetensors_create(struct spn_writer **out, const char *path, struct spn_err *err);
/* NPZ, each tensor as NAME.npy; bf16 and 8-bit floats as |V2 and |V1, which NumPy lacks. */
spn_status spn_npz_create(struct spn_writer **out, const char *path, struct spn_err *err);
/* A file that torch.load reads with weights_only=True.
   SPN_TORCH_STATE_DICT: one dict of the tensors; it holds no metadata, which is left out.
   SPN_TORCH_OPTIMIZER: optimizer.pt of Hugging Face's Trainer. Tensors are named
   [optimizer.]state.ID.WHAT, metadata [optimizer.]param_groups.GROUP.KEY; other keys are left
   out.
   SPN_TORCH_DICTS: a dict of dicts. Tensors are named KEY.WHAT, WHAT without a dot; those of a KEY
   are added one after another. No metadata. */
enum spn_torch_layout { SPN_TORCH_STATE_DICT, SPN_TORCH_OPTIMIZER, SPN_TORCH_DICTS };
spn_status spn_torch_create(struct spn_writer **out, const char *path, enum spn_torch_layout layout,
                            struct spn_err *err);
/* Metadata (GGUF keys; for safetensors only strings, under __metadata__); key and value are
   copied. The first failure of any of these calls is kept: the later ones return it and
   spn_writer_commit reports it, so one check at the end is enough. */
spn_status spn_writer_str(struct spn_writer *w, const char *key, const char *s, size_t length);
spn_status spn_writer_u32(struct spn_writer *w, const char *key, uint32_t v);
spn_status spn_writer_f32(struct spn_writer *w, const char *key, float v);
spn_status spn_writer_bool(struct spn_writer *w, const char *key, bool v);
spn_status spn_writer_i64(struct spn_writer *w, const char *key, int64_t v);
spn_status spn_writer_f64(struct spn_writer *w, const char *key, double v);
spn_status spn_writer_f64s(struct spn_writer *w, const char *key, const double *v, size_t n);
spn_status spn_writer_strs(struct spn_writer *w, const char *key, const char *const *s,
                           const size_t *length, size_t n);
spn_status spn_writer_i32s(struct spn_writer *w, const char *key, const int32_t *v, size_t n);
spn_status spn_writer_f32s(struct spn_writer *w, const char *key, const float *v, size_t n);
/* A contiguous tensor, of at most 4 dimensions in a GGUF. NAME is copied; T's data is written at
   spn_writer_commit and must live until then. */
spn_status spn_writer_tensor(struct spn_writer *w, const char *name, const struct spn_tensor *t);
/* The same for a tensor that is made while it is written: SHAPE tells type and dimensions, FILL
   gives elements [FIRST, FIRST + N) in row-major order at DST, from the first to the last, parts of
   at most 4 MiB. CTX must live until the commit. */
typedef spn_status (*spn_fill)(void *ctx, int64_t first, int64_t n, void *dst, struct spn_err *err);
spn_status spn_writer_stream(struct spn_writer *w, const char *name, const struct spn_tensor *shape,
                             spn_fill fill, void *ctx);
/* The same for a tensor of an open reader, whatever its layout. */
spn_status spn_writer_entry(struct spn_writer *w, const char *name, const struct spn_reader *r,
                            const struct spn_entry *e);
/* Writes, fsyncs, renames. Names used twice are SPN_EUSAGE, a full disk SPN_EIO; then whatever
   was at the path is as it was. W is still to be freed. */
spn_status spn_writer_commit(struct spn_writer *w, struct spn_err *err);
/* NULL is fine. */
void       spn_writer_free(struct spn_writer *w);

#ifdef __cplusplus
}
#endif
#endif

/* reader.h - one interface over every file that holds tensors: opened by its header, tensors mapped, read on demand.
 *
 * A new format is one file with a `struct spn_format` and a line in formats[] (format.c).
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

/* Metadata value. Integers of any width are read by value: use the getters below. */
enum spn_meta_kind { SPN_META_INT, SPN_META_UINT, SPN_META_FLOAT, SPN_META_BOOL, SPN_META_STRING, SPN_META_ARRAY };
struct spn_meta {
    enum spn_meta_kind kind;
    enum spn_meta_kind elem;                   /* of an array */
    int64_t  i; uint64_t u; double f; bool b;
    const char *s; size_t s_length;            /* lent by the reader; NUL-terminated, may hold NULs inside */
    uint64_t count;                            /* of an array */
    const void *raw; int raw_type;             /* of an array: private to the reader */
};

struct spn_entry {                             /* one tensor of a file */
    const char       *name;
    struct spn_tensor t;                       /* t.data points into the mapping: aligned to 1 byte only */
    uint64_t          offset;                  /* of its bytes in FILE */
    const char       *file;
};

struct spn_reader;
/* Open a file or folder (folder: config.json + *.safetensors shards of Hugging Face). Reads headers only.
   SPN_EFORMAT: one sentence with the place and the numbers; nothing in the file is executed. */
spn_status spn_reader_open(struct spn_reader **out, const char *path, struct spn_err *err);
/* The same for N bytes in memory, lent until the reader is closed. FORMAT: "gguf", "safetensors", or "hf folder": the files
   of a folder one after another, each after a line `@@ NAME`. Nothing is opened on disk. */
spn_status spn_reader_open_memory(struct spn_reader **out, const char *format, const void *bytes, size_t n, struct spn_err *err);
void       spn_reader_close(struct spn_reader *r);               /* NULL is fine */
const char *spn_reader_format(const struct spn_reader *r);       /* "gguf v3", "safetensors", "hf folder" */
const char *spn_reader_path(const struct spn_reader *r);
/* Path of the file NAME (tokenizer.json, tokenizer.model, …) in an open folder; NULL when R is no folder, the file is not
   there or memory is short. The caller's, free with spn_free. */
char      *spn_reader_folder_file(const struct spn_reader *r, const char *name);
size_t     spn_reader_count(const struct spn_reader *r);
const struct spn_entry *spn_reader_at(const struct spn_reader *r, size_t i);
const struct spn_entry *spn_reader_find(const struct spn_reader *r, const char *name);      /* NULL: none */
/* SPN_EIO when a mapped file shrank or changed since it was opened. Call after a job that read tensors. */
spn_status spn_reader_check(const struct spn_reader *r, struct spn_err *err);

/* Metadata: keys of a GGUF; of a folder `config.json` and friends flattened with dots ("config.hidden_size"). */
size_t     spn_reader_meta_count(const struct spn_reader *r);
const char *spn_reader_meta_at(const struct spn_reader *r, size_t i, struct spn_meta *value);
bool       spn_reader_meta(const struct spn_reader *r, const char *key, struct spn_meta *value);
/* By value, whatever the width; false when absent or of another kind. */
bool       spn_meta_int(const struct spn_reader *r, const char *key, int64_t *out);
bool       spn_meta_float(const struct spn_reader *r, const char *key, double *out);
bool       spn_meta_bool(const struct spn_reader *r, const char *key, bool *out);
const char *spn_meta_str(const struct spn_reader *r, const char *key);                      /* NULL: absent or not a string */
/* Element I of an array; false when out of range or of another kind. */
bool       spn_meta_elem_int(const struct spn_meta *array, uint64_t i, int64_t *out);
bool       spn_meta_elem_float(const struct spn_meta *array, uint64_t i, double *out);
bool       spn_meta_elem_str(const struct spn_meta *array, uint64_t i, const char **s, size_t *length);

/* ---- writers: everything is written beside and renamed at the end ---- */
struct spn_writer;
spn_status spn_gguf_create(struct spn_writer **out, const char *path, struct spn_err *err);
spn_status spn_safetensors_create(struct spn_writer **out, const char *path, struct spn_err *err);
/* Metadata (GGUF keys; for safetensors only strings, under __metadata__). */
spn_status spn_writer_str(struct spn_writer *w, const char *key, const char *s, size_t length);
spn_status spn_writer_u32(struct spn_writer *w, const char *key, uint32_t v);
spn_status spn_writer_f32(struct spn_writer *w, const char *key, float v);
spn_status spn_writer_bool(struct spn_writer *w, const char *key, bool v);
spn_status spn_writer_strs(struct spn_writer *w, const char *key, const char *const *s, const size_t *length, size_t n);
spn_status spn_writer_i32s(struct spn_writer *w, const char *key, const int32_t *v, size_t n);
spn_status spn_writer_f32s(struct spn_writer *w, const char *key, const float *v, size_t n);
/* T's data is written at spn_writer_commit and must live until then. */
spn_status spn_writer_tensor(struct spn_writer *w, const char *name, const struct spn_tensor *t);
spn_status spn_writer_commit(struct spn_writer *w, struct spn_err *err);     /* writes, fsyncs, renames; w is still to be freed */
void       spn_writer_free(struct spn_writer *w);

#ifdef __cplusplus
}
#endif
#endif

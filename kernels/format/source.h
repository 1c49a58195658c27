/* source.h - private to kernels/format: what an open reader holds, and what one format has to
 * offer.
 *
 * Memory: all that parsing keeps is charged to the reader and may not exceed the bytes of its files
 * plus READER_SPARE, so a small file with absurd counts is refused by a sum and not by the machine
 * running out.
 */
#ifndef SPN_SOURCE_H
#define SPN_SOURCE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/reader.h"

#define READER_SPARE ((uint64_t)64 << 20)

struct k_file {                        /* one file of a reader; lives in its arena */
    struct k_file *next;
    const char *name;                  /* for messages and spn_entry.file */
    const unsigned char *data;
    uint64_t size;
    struct spn_map map; /* unused when the bytes were lent by spn_reader_open_memory */
    bool mapped;
};

struct k_meta {
    const char *key;                   /* first, as in spn_entry: both are sorted through it */
    struct spn_meta v;
};

/* Raw form of a string array: element i is bytes [start[i] + 8, start[i + 1]) of BASE. */
struct k_strings {
    const unsigned char *base;
    const uint64_t *start;             /* count + 1 of them */
};

enum { /* value types of GGUF, used for arrays of every format */
       K_U8,
       K_I8,
       K_U16,
       K_I16,
       K_U32,
       K_I32,
       K_F32,
       K_BOOL,
       K_STRING,
       K_ARRAY,
       K_U64,
       K_I64,
       K_F64,
       K_VALUE_TYPES
};

struct spn_format;

struct spn_reader {
    const struct spn_format *format;
    char name[32];                     /* "gguf v3" */
    char *path;
    struct spn_arena *arena;
    uint64_t used, budget;
    struct k_file *files;              /* last opened first */
    bool in_memory;                    /* opened by spn_reader_open_memory */
    bool partial;                      /* tensors may be absent */
    uint64_t n_absent;
    const char *absent;                /* the first of them */
    char *short_of;                    /* said of them; NULL: none is */

    struct spn_entry *entries;
    size_t n_entries, room_entries;
    const struct spn_entry **by_name;

    struct k_meta *meta;
    size_t n_meta, room_meta;
    const struct k_meta **by_key;

    const char **globals;              /* named by pickles: "module.name", as often as named */
    size_t n_globals, room_globals;

    struct k_cursor *cursor;           /* where unpacking stands: one for all compressed tensors */
};

struct spn_format {
    const char *name;
    bool folder;
    /* The first bytes or the name say that F is of this format; a folder is asked with data NULL.
     */
    bool (*knows)(const struct k_file *f);
    spn_status (*read)(struct spn_reader *r, const struct k_file *f, struct spn_err *err);
};

extern const struct spn_format k_format_gguf, k_format_safetensors, k_format_hf_folder,
    k_format_zip, k_format_pickle, k_format_npy;

/* Map PATH and add it to R's files; its size is added to the budget. */
spn_status k_reader_map(struct spn_reader *r, const char *path, const struct k_file **out,
                        struct spn_err *err);
/* Unmap a file whose contents were copied; its size stays in the budget. */
void       k_reader_unmap(struct spn_reader *r, const struct k_file *f);

/* SPN_EFORMAT past the budget, SPN_ENOMEM when memory is short. Zeroed. */
spn_status k_reader_alloc(struct spn_reader *r, void *out, uint64_t count, size_t size,
                          struct spn_err *err);
spn_status k_reader_dup(struct spn_reader *r, const char **out, const void *s, uint64_t length,
                        struct spn_err *err);

/* Make room for MORE items; the next k_reader_add_… calls then need no memory. */
spn_status k_reader_reserve_entries(struct spn_reader *r, uint64_t more, struct spn_err *err);
spn_status k_reader_reserve_meta(struct spn_reader *r, uint64_t more, struct spn_err *err);
/* NAME and KEY must live as long as the reader. */
spn_status k_reader_add_entry(struct spn_reader *r, const char *name, const struct spn_tensor *t,
                              const struct k_file *f, uint64_t offset, struct spn_err *err);
spn_status k_reader_add_meta(struct spn_reader *r, const char *key, const struct spn_meta *v,
                             struct spn_err *err);
/* Tensor NAME, which lives as long as the reader, is not there whole; only where R is partial. */
void k_reader_absent(struct spn_reader *r, const char *name);
/* NAME must live as long as the reader. */
spn_status k_reader_add_global(struct spn_reader *r, const char *name, struct spn_err *err);
/* An array of N strings as metadata; the strings are copied. */
spn_status k_reader_add_strings(struct spn_reader *r, const char *key, const char *const *s,
                                const size_t *length, size_t n, struct spn_err *err);

/* Init T over DIM as spn_tensor_init does, for a tensor of a file: where one dimension is 0 the
   product of the others must not overflow either, because others will multiply them.
   NAME is for the message. */
spn_status k_tensor_init(struct spn_tensor *t, int dtype, int ndim, const int64_t *dim,
                         const void *data, const struct k_file *f, const char *name,
                         struct spn_err *err);

/* Compare structs whose first member is a name, through pointers to them (qsort). */
int         k_compare_names(const void *a, const void *b);
/* Sort POINTERS to such structs and give the first name that is there twice, or NULL. */
const char *k_sort_names(const void **pointers, size_t n);

/* Sort the names and refuse doubles; afterwards spn_reader_find works. Once more does nothing. */
spn_status  k_reader_index(struct spn_reader *r, struct spn_err *err);

/* Least significant byte first, any alignment. */
static inline uint16_t k_load_u16(const unsigned char *p)
{
    return (uint16_t)(p[0] | (unsigned)p[1] << 8);
}

static inline uint32_t k_load_u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t k_load_u64(const unsigned char *p)
{
    return (uint64_t)k_load_u32(p) | (uint64_t)k_load_u32(p + 4) << 32;
}

#endif

/* test_gguf.c - GGUF read and written: what a good file holds, and a generator of bad ones. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "format/source.h"
#include "format/test_bytes.h"

static void put_head(struct spn_buf *b, uint32_t version, uint64_t tensors, uint64_t pairs)
{
    put_text(b, "GGUF");
    put_u32(b, version);
    put_u64(b, tensors);
    put_u64(b, pairs);
}

static void put_key(struct spn_buf *b, const char *key, uint32_t type)
{
    put_str(b, key);
    put_u32(b, type);
}

static void put_array(struct spn_buf *b, const char *key, uint32_t type, uint64_t count)
{
    put_key(b, key, K_ARRAY);
    put_u32(b, type);
    put_u64(b, count);
}

static void put_info(struct spn_buf *b, const char *name, uint32_t n_dims, const uint64_t *dims,
                     uint32_t type, uint64_t offset)
{
    put_str(b, name);
    put_u32(b, n_dims);
    for (uint32_t i = 0; i < n_dims; i++)
        put_u64(b, dims[i]);
    put_u32(b, type);
    put_u64(b, offset);
}

static void put_row(struct spn_buf *b, const char *name, uint64_t n, uint32_t type, uint64_t offset)
{
    put_info(b, name, 1, &n, type, offset);
}

static void pad(struct spn_buf *b, size_t align)
{
    while (b->length % align != 0)
        put_int(b, 0, 1);
}

static void put_data(struct spn_buf *b, size_t n)
{
    pad(b, 32);
    for (size_t i = 0; i < n; i++)
        put_int(b, i, 1);
}

/* Every kind of value and three tensors; its last tensor ends at *END. */
static void make_good(struct spn_buf *b, uint32_t version, size_t *end)
{
    const uint64_t dims[2] = { 32, 3 };

    put_head(b, version, 3, 16);
    put_key(b, "u8", K_U8), put_int(b, 200, 1);
    put_key(b, "i8", K_I8), put_int(b, (uint64_t)-3, 1);
    put_key(b, "u16", K_U16), put_int(b, 65535, 2);
    put_key(b, "i16", K_I16), put_int(b, (uint64_t)-300, 2);
    put_key(b, "u32", K_U32), put_u32(b, 4000000000u);
    put_key(b, "i32", K_I32), put_u32(b, (uint32_t)-70000);
    put_key(b, "f32", K_F32), put_u32(b, 0x3fc00000);
    put_key(b, "bool", K_BOOL), put_int(b, 1, 1);
    put_key(b, "str", K_STRING), put_str(b, "text");
    put_key(b, "u64", K_U64), put_u64(b, UINT64_MAX);
    put_key(b, "i64", K_I64), put_u64(b, (uint64_t)-5);
    put_key(b, "f64", K_F64), put_u64(b, 0x4000000000000000);
    put_array(b, "strs", K_STRING, 3), put_str(b, "a"), put_str(b, ""), put_str(b, "ccc");
    put_array(b, "i16s", K_I16, 2), put_int(b, 7, 2), put_int(b, (uint64_t)-7, 2);
    put_array(b, "f32s", K_F32, 1), put_u32(b, 0x40200000);
    put_array(b, "none", K_U8, 0);
    put_info(b, "w", 2, dims, SPN_Q8_0, 0);
    put_row(b, "v", 4, SPN_F32, 128);
    put_row(b, "empty", 0, SPN_F32, 160);
    put_data(b, 144);
    *end = b->length;
    pad(b, 32);
}

/* So long that each part of it needs memory of its own. */
static void make_large(struct spn_buf *b)
{
    char name[32];

    put_head(b, 3, 6000, 3);
    put_key(b, "text", K_STRING), put_u64(b, 70000);
    for (int i = 0; i < 70000; i++)
        put_int(b, 'x', 1);
    put_u64(b, 60000);
    for (int i = 0; i < 60000; i++)
        put_int(b, 'k', 1);
    put_u32(b, K_U8), put_int(b, 1, 1);
    put_array(b, "words", K_STRING, 9000);
    for (int i = 0; i < 9000; i++)
        put_str(b, "w");
    for (int i = 0; i < 6000; i++) {
        snprintf(name, sizeof name, "tensor %d", i);
        put_row(b, name, 1, SPN_F32, 32 * (uint64_t)i);
    }
    put_data(b, 32 * 6000);
}

static void test_good(uint32_t version)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_buf b = BYTES_INIT;
    struct spn_reader *r = NULL;
    const struct spn_entry *e;
    struct spn_meta v;
    const char *s = NULL;
    size_t end, length = 0;
    int64_t n = 0;
    double f = 0;
    bool t = false;

    make_good(&b, version, &end);
    if (!ok(spn_reader_open_memory(&r, "gguf", b.data, b.length, &err) == SPN_OK,
            "a good file of version %u is read %s", version, err.text))
        return;
    ok_str(spn_reader_format(r), version == 2 ? "gguf v2" : "gguf v3", "its format");
    ok_int((long long)spn_reader_meta_count(r), 16, "its keys");
    ok(spn_meta_int(r, "u8", &n) && n == 200, "u8");
    ok(spn_meta_int(r, "i8", &n) && n == -3, "i8");
    ok(spn_meta_int(r, "u16", &n) && n == 65535, "u16");
    ok(spn_meta_int(r, "i16", &n) && n == -300, "i16");
    ok(spn_meta_int(r, "u32", &n) && n == 4000000000, "u32");
    ok(spn_meta_int(r, "i32", &n) && n == -70000, "i32");
    ok(spn_meta_int(r, "i64", &n) && n == -5, "i64");
    ok(!spn_meta_int(r, "u64", &n) && n == -5, "a u64 past the signed range is no integer");
    ok(spn_meta_float(r, "f32", &f) && f == 1.5, "f32");
    ok(spn_meta_float(r, "f64", &f) && f == 2, "f64");
    ok(spn_meta_float(r, "i8", &f) && f == -3, "an integer is a float too");
    ok(!spn_meta_int(r, "f32", &n) && !spn_meta_int(r, "absent", &n), "a float is no integer");
    ok(spn_meta_bool(r, "bool", &t) && t && !spn_meta_bool(r, "u8", &t), "bool");
    ok_str(spn_meta_str(r, "str"), "text", "str");
    ok(spn_meta_str(r, "u8") == NULL && spn_meta_str(r, "absent") == NULL, "no string");
    ok(spn_reader_meta(r, "strs", &v) && v.count == 3 && v.elem == SPN_META_STRING, "strs");
    ok(spn_meta_elem_str(&v, 2, &s, &length) && length == 3 && memcmp(s, "ccc", 3) == 0, "strs 2");
    ok(spn_meta_elem_str(&v, 1, &s, &length) && length == 0, "strs 1 is empty");
    ok(!spn_meta_elem_str(&v, 3, &s, &length) && !spn_meta_elem_int(&v, 0, &n), "strs end");
    ok(spn_reader_meta(r, "i16s", &v) && spn_meta_elem_int(&v, 1, &n) && n == -7, "i16s");
    ok(spn_meta_elem_float(&v, 0, &f) && f == 7, "an integer element is a float too");
    ok(spn_reader_meta(r, "f32s", &v) && spn_meta_elem_float(&v, 0, &f) && f == 2.5, "f32s");
    ok(!spn_meta_elem_int(&v, 0, &n), "a float element is no integer");
    e = spn_reader_find(r, "w");
    ok(e != NULL && e->t.ndim == 2 && e->t.dim[0] == 3 && e->t.dim[1] == 32, "dims are reversed");
    ok(e != NULL && e->t.dtype == SPN_Q8_0 && e->offset % 32 == 0, "type and place");
    ok(e != NULL && ((unsigned char *)e->t.data)[5] == 5, "its data");
    e = spn_reader_find(r, "v");
    ok(e != NULL && ((unsigned char *)e->t.data)[0] == 128, "data of the second tensor");
    ok(spn_reader_find(r, "x") == NULL && spn_reader_at(r, 3) == NULL, "what is not there");
    ok_int(spn_reader_check(r, &err), SPN_OK, "nothing changed");
    spn_reader_close(r);
    spn_buf_free(&b);
}

/* ---- bad files ---- */

static void bad_heads(void)
{
    struct spn_buf b = BYTES_INIT;

    refused("gguf", &b, "0 bytes", "an empty file");
    put_text(&b, "GGUF");
    refused("gguf", &b, "4 bytes", "nothing but the magic");
    spn_buf_trim(&b, 0), put_text(&b, "GGML"), put_bytes(&b, "\3\0\0\0", 4);
    put_u64(&b, 0), put_u64(&b, 0);
    refused("gguf", &b, "not with GGUF", "another magic");
    spn_buf_trim(&b, 0), put_head(&b, 1, 0, 0);
    refused("gguf", &b, "version 1", "version 1");
    spn_buf_trim(&b, 0), put_head(&b, 4, 0, 0);
    refused("gguf", &b, "version 4", "version 4");
    spn_buf_trim(&b, 0), put_head(&b, 0x03000000, 0, 0);
    refused("gguf", &b, "big-endian", "the other byte order");
    spn_buf_trim(&b, 0), put_head(&b, 3, UINT64_MAX, 0);
    refused("gguf", &b, "18446744073709551615 tensors", "an absurd count of tensors");
    spn_buf_trim(&b, 0), put_head(&b, 3, 0, (uint64_t)1 << 60);
    refused("gguf", &b, "1152921504606846976 keys", "an absurd count of keys");
    spn_buf_free(&b);
}

/* One pair, begun by the caller's bytes after the header. */
static void bad_pair(const char *what, const char *words, void (*put)(struct spn_buf *b))
{
    struct spn_buf b = BYTES_INIT;

    put_head(&b, 3, 0, 1);
    put(&b);
    put_u64(&b, 0), put_u64(&b, 0);        /* so that the count is not what is refused */
    refused("gguf", &b, words, what);
    spn_buf_free(&b);
}

static void key_empty(struct spn_buf *b) { put_key(b, "", K_U8), put_int(b, 1, 1); }
static void key_long(struct spn_buf *b) { put_u64(b, (uint64_t)1 << 62), put_text(b, "k"); }
static void key_past_end(struct spn_buf *b) { put_u64(b, 4000), put_text(b, "key"); }
static void key_nul(struct spn_buf *b) { put_u64(b, 3), put_bytes(b, "k\0k", 3), put_u32(b, 0); }
static void type_unknown(struct spn_buf *b) { put_key(b, "k", 13); }
static void type_negative(struct spn_buf *b) { put_key(b, "k", UINT32_MAX); }
static void string_past_end(struct spn_buf *b) { put_key(b, "k", K_STRING), put_u64(b, 17); }
static void string_huge(struct spn_buf *b) { put_key(b, "k", K_STRING), put_u64(b, UINT64_MAX); }
static void array_nested(struct spn_buf *b) { put_array(b, "k", K_ARRAY, 1); }
static void array_unknown(struct spn_buf *b) { put_array(b, "k", 99, 1); }
static void array_wraps(struct spn_buf *b) { put_array(b, "k", K_U64, (uint64_t)1 << 61); }
static void array_long(struct spn_buf *b) { put_array(b, "k", K_U8, 17); }
static void strings_huge(struct spn_buf *b) { put_array(b, "k", K_STRING, UINT64_MAX); }
static void strings_many(struct spn_buf *b) { put_array(b, "k", K_STRING, 3); }
static void strings_past_end(struct spn_buf *b) { put_array(b, "k", K_STRING, 1), put_u64(b, 99); }

static void align_type(struct spn_buf *b)
{
    put_key(b, "general.alignment", K_U64), put_u64(b, 32);
}

static void align_zero(struct spn_buf *b)
{
    put_key(b, "general.alignment", K_U32), put_u32(b, 0);
}

static void align_odd(struct spn_buf *b)
{
    put_key(b, "general.alignment", K_U32), put_u32(b, 48);
}

static void align_string(struct spn_buf *b)
{
    put_key(b, "general.alignment", K_STRING), put_str(b, "32");
}

static void bad_pairs(void)
{
    bad_pair("an empty key", "0 bytes", key_empty);
    bad_pair("an endless key", "4611686018427387904 bytes", key_long);
    bad_pair("a key past the end", "4000 bytes", key_past_end);
    bad_pair("a key with a NUL", "NUL", key_nul);
    bad_pair("an unknown type", "type 13", type_unknown);
    bad_pair("a negative type", "type 4294967295", type_negative);
    bad_pair("a string past the end", "17 bytes", string_past_end);
    bad_pair("an endless string", "18446744073709551615 bytes", string_huge);
    bad_pair("an array of arrays", "array of arrays", array_nested);
    bad_pair("an array of unknown type", "type 99", array_unknown);
    bad_pair("an array whose size wraps", "2305843009213693952 values", array_wraps);
    bad_pair("an array past the end", "17 values", array_long);
    bad_pair("endless strings", "18446744073709551615 strings", strings_huge);
    bad_pair("3 strings in 16 bytes", "3 strings", strings_many);
    bad_pair("strings past the end", "99 bytes", strings_past_end);
    bad_pair("an alignment of type u64", "type 10", align_type);
    bad_pair("an alignment of 0", "alignment is 0", align_zero);
    bad_pair("an alignment of 48", "alignment is 48", align_odd);
    bad_pair("an alignment that is a string", "alignment", align_string);
}

static void bad_doubles(void)
{
    struct spn_buf b = BYTES_INIT;

    put_head(&b, 3, 0, 2);
    put_key(&b, "same", K_U8), put_int(&b, 1, 1), put_key(&b, "same", K_U32), put_u32(&b, 1);
    refused("gguf", &b, "same is there twice", "a key twice");
    spn_buf_trim(&b, 0), put_head(&b, 3, 2, 0);
    put_row(&b, "same", 4, SPN_F32, 0), put_row(&b, "same", 4, SPN_F32, 32), put_data(&b, 64);
    refused("gguf", &b, "two tensors are named same", "a tensor's name twice");
    spn_buf_free(&b);
}

/* One tensor and 64 bytes of data. */
static void bad_info(const char *what, const char *words, uint32_t n_dims, const uint64_t *dims,
                     uint32_t type, uint64_t offset)
{
    struct spn_buf b = BYTES_INIT;

    put_head(&b, 3, 1, 0);
    put_info(&b, "w", n_dims, dims, type, offset);
    put_data(&b, 64);
    refused("gguf", &b, words, what);
    spn_buf_free(&b);
}

static void bad_infos(void)
{
    const uint64_t small[5] = { 4, 1, 1, 1, 1 }, negative[2] = { 4, (uint64_t)-1 };
    const uint64_t wraps[4] = { (uint64_t)1 << 32, (uint64_t)1 << 32, 1, 1 };
    const uint64_t bytes_wrap[2] = { (uint64_t)1 << 61, 1 }, empty_wrap[3] = { 0, INT64_MAX, 4 };
    const uint64_t empty_sign[3] = { 0, (uint64_t)1 << 62, 2 };
    const uint64_t row = 33, much = 17, block = 256;
    struct spn_buf b = BYTES_INIT;

    bad_info("no dimension", "0 dimensions", 0, small, SPN_F32, 0);
    bad_info("five dimensions", "5 dimensions", 5, small, SPN_F32, 0);
    bad_info("a negative dimension", "18446744073709551615", 2, negative, SPN_F32, 0);
    bad_info("elements that wrap", "overflow", 4, wraps, SPN_F32, 0);
    bad_info("bytes that wrap", "overflow", 2, bytes_wrap, SPN_F32, 0);
    bad_info("an empty tensor of wrapping dimensions", "overflow", 3, empty_wrap, SPN_F32, 0);
    bad_info("an empty tensor of 2^63 rows", "overflow", 3, empty_sign, SPN_F32, 0);
    bad_info("half a block", "blocks of 32", 1, &row, SPN_Q8_0, 0);
    bad_info("a removed type", "type 4", 1, small, 4, 0);
    bad_info("an unknown type", "type 43", 1, small, 43, 0);
    bad_info("a type that is ours alone", "type 64", 1, small, SPN_U8, 0);
    bad_info("a negative type", "type 4294967295", 1, small, UINT32_MAX, 0);
    bad_info("a crooked offset", "begins at 4", 1, small, SPN_F32, 4);
    bad_info("an offset past the end", "at 96 of the data, which has 64", 1, small, SPN_F32, 96);
    bad_info("an offset that wraps", "18446744073709551584", 1, small, SPN_F32, UINT64_MAX - 31);
    bad_info("a tensor longer than the file", "68 bytes", 1, &much, SPN_F32, 0);
    bad_info("a block longer than the file", "144 bytes", 1, &block, SPN_Q4_K, 0);

    put_head(&b, 3, 1, 0), put_str(&b, "w"), put_u32(&b, UINT32_MAX), put_data(&b, 64);
    refused("gguf", &b, "4294967295 dimensions", "4 billion dimensions");
    spn_buf_trim(&b, 0), put_head(&b, 3, 2, 0);
    put_row(&b, "one", 16, SPN_F32, 0), put_row(&b, "two", 4, SPN_F32, 32), put_data(&b, 64);
    refused("gguf", &b, "tensor two begins at offset", "two tensors that share bytes");
    spn_buf_trim(&b, 0), put_head(&b, 3, 1, 0), put_row(&b, "", 4, SPN_F32, 0), put_data(&b, 64);
    refused("gguf", &b, "0 bytes", "a tensor without a name");
    spn_buf_trim(&b, 0), put_head(&b, 3, 1, 0), put_u64(&b, 1 << 20), put_data(&b, 64);
    refused("gguf", &b, "1048576 bytes", "a tensor with an endless name");
    spn_buf_trim(&b, 0), put_head(&b, 3, 1, 1), put_key(&b, "general.alignment", K_U32);
    put_u32(&b, 1u << 31), put_row(&b, "w", 4, SPN_F32, 0), put_data(&b, 64);
    refused("gguf", &b, "which has 0", "an alignment larger than the file");
    spn_buf_free(&b);
}

/* What is kept of a file is bounded by its size: 1.5 million keys of 14 bytes would take 7 times
   as much. */
static void bad_budget(void)
{
    struct spn_buf b = BYTES_INIT;

    put_head(&b, 3, 0, 1500000);
    for (uint64_t i = 0; i < 1500000; i++)
        put_u64(&b, 1), put_int(&b, 'k', 1), put_u32(&b, K_U8), put_int(&b, 0, 1);
    refused("gguf", &b, "are allowed for a file of this size", "keys that would fill the memory");
    spn_buf_free(&b);
}

/* ---- fine, though unusual ---- */

static void unusual(void)
{
    struct spn_buf b = BYTES_INIT;
    struct spn_err err;

    put_head(&b, 3, 0, 0);
    ok_int(try_bytes("gguf", b.data, b.length, &err), SPN_OK, "a file of nothing");
    spn_buf_trim(&b, 0), put_head(&b, 3, 2, 0);
    put_row(&b, "two", 4, SPN_F32, 32), put_row(&b, "one", 4, SPN_F32, 0), put_data(&b, 64);
    ok_int(try_bytes("gguf", b.data, b.length, &err), SPN_OK, "tensors in another order");
    spn_buf_trim(&b, 0), put_head(&b, 3, 2, 0);
    put_row(&b, "one", 4, SPN_F32, 0), put_row(&b, "two", 4, SPN_F32, 64), put_data(&b, 80);
    ok_int(try_bytes("gguf", b.data, b.length, &err), SPN_OK, "a gap between tensors");
    spn_buf_trim(&b, 0), put_head(&b, 3, 1, 0);
    put_row(&b, "grid", 256, SPN_IQ2_XXS, 0), put_data(&b, 66);
    ok_int(try_bytes("gguf", b.data, b.length, &err), SPN_OK, "a type that is known by size");
    spn_buf_free(&b);
}

/* ---- files on disk, and the writer ---- */

static char dir[256];

static const char *in_dir(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void test_disk(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_buf b = BYTES_INIT;
    struct spn_reader *r = NULL;
    char path[512];
    size_t end;
    FILE *f;

    snprintf(path, sizeof path, "%s", in_dir("x.gguf"));
    ok_int(spn_reader_open(&r, path, &err), SPN_ENOTFOUND, "no such file");
    spn_file_write(path, "", 0, &err);
    ok(spn_reader_open(&r, path, &err) == SPN_EFORMAT && strstr(err.text, "0 bytes") != NULL,
       "empty: %s", err.text);
    spn_file_write(path, "hello, this is text", 19, &err);
    ok(spn_reader_open(&r, path, &err) == SPN_EFORMAT, "text by name: %s", err.text);
    spn_file_write(in_dir("x.bin"), "hello, this is text", 19, &err);
    ok(spn_reader_open(&r, in_dir("x.bin"), &err) == SPN_EFORMAT &&
       strstr(err.text, "68 65 6c") != NULL, "text: %s", err.text);
    unlink(in_dir("x.bin"));
    make_good(&b, 3, &end);
    spn_file_write(path, b.data, b.length, &err);
    ok(spn_reader_open(&r, path, &err) == SPN_OK, "mapped %s", r == NULL ? err.text : "");
    if (r != NULL) {
        walk_reader(r);
        ok_str(spn_reader_path(r), path, "its path");
        ok_str(spn_reader_at(r, 0)->file, path, "the file of a tensor");
        ok(spn_reader_folder_file(r, "tokenizer.json") == NULL, "a file is no folder");
        f = fopen(path, "r+b");
        ok(f != NULL && ftruncate(fileno(f), 100) == 0, "the file is cut to 100 bytes");
        if (f != NULL)
            fclose(f);
        walk_reader(r);
        ok(spn_reader_check(r, &err) == SPN_EIO, "found out: %s", err.text);
        spn_reader_close(r);
    }
    unlink(path);
    spn_buf_free(&b);
}

/* Part NO of COUNT with one tensor, its name a letter; TENSORS: in the whole model. */
static void write_part(const char *name, uint32_t no, uint32_t count, uint32_t tensors)
{
    const char letter[2] = { (char)('a' + no), 0 };
    struct spn_buf b = BYTES_INIT;

    put_head(&b, 3, 1, 4);
    put_key(&b, "split.no", K_U16), put_int(&b, no, 2);
    put_key(&b, "split.count", K_U16), put_int(&b, count, 2);
    put_key(&b, "split.tensors.count", K_I32), put_u32(&b, tensors);
    put_key(&b, "part", K_STRING), put_str(&b, letter);
    put_row(&b, letter, 4, SPN_F32, 0), put_data(&b, 32);
    spn_file_write(in_dir(name), b.data, b.length, NULL);
    spn_buf_free(&b);
}

static void refused_split(const char *name, const char *words, const char *what)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    spn_status st = spn_reader_open(&r, in_dir(name), &err);

    ok(st == SPN_EFORMAT && strstr(err.text, words) != NULL, "%s: %s", what, err.text);
    spn_reader_close(r);
}

static void test_split(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    const char *one = "m-00001-of-00003.gguf", *two = "m-00002-of-00003.gguf";
    const char *three = "m-00003-of-00003.gguf";

    write_part(one, 0, 3, 3), write_part(two, 1, 3, 3), write_part(three, 2, 3, 3);
    ok(spn_reader_open(&r, in_dir(one), &err) == SPN_OK, "three parts %s", err.text);
    if (r != NULL) {
        ok_int((long long)spn_reader_count(r), 3, "tensors of all parts");
        ok_str(spn_meta_str(r, "part"), "a", "keys of the first");
        ok(spn_reader_find(r, "c") != NULL && strstr(spn_reader_find(r, "c")->file, three) != NULL,
           "a tensor knows its part");
        walk_reader(r);
        spn_reader_close(r);
    }
    refused_split(two, "open the one that ends in -00001-of-00003.gguf", "a later part");
    write_part(two, 2, 3, 3);
    refused_split(one, "split.no is 2 of 3, 1 of 3 is wanted", "parts exchanged");
    write_part(two, 1, 4, 3);
    refused_split(one, "split.no is 1 of 4", "a part of another model");
    write_part(two, 0, 3, 3);
    refused_split(one, "split.no is 0", "the first part again");
    write_part(two, 1, 3, 3), write_part(one, 0, 3, 4);
    refused_split(one, "split.tensors.count is 4, the 3 parts hold 3", "a tensor too few");
    write_part(one, 1, 3, 3);
    refused_split(one, "part 2 of 3", "a later part under the name of the first");
    write_part(one, 0, 60000, 3);
    refused_split(one, "split.count is 60000", "absurd parts");
    write_part(one, 0, 3, 3), unlink(in_dir(two));
    refused_split(one, "part 2 of 3 is missing", "a missing part");
    unlink(in_dir(one)), unlink(in_dir(three));
    write_part("other.gguf", 0, 3, 3);
    refused_split("other.gguf", "ends in -00001-of-00003.gguf", "renamed");
    unlink(in_dir("other.gguf"));
}

int main(void)
{
    struct spn_buf b = BYTES_INIT;
    size_t end = 0;

    snprintf(dir, sizeof dir, "/tmp/spinney-gguf-XXXXXX");
    if (mkdtemp(dir) == NULL)
        return 99;
    test_good(2);
    test_good(3);
    bad_heads();
    bad_pairs();
    bad_doubles();
    bad_infos();
    bad_budget();
    unusual();
    make_good(&b, 3, &end);
    cut_everywhere("gguf", &b, end);
    mutate("gguf", &b, 20000);
    short_of_memory("gguf", &b);
    spn_buf_trim(&b, 0);
    make_large(&b);
    short_of_memory("gguf", &b);
    spn_buf_free(&b);
    test_disk();
    test_split();
    rmdir(dir);
    return done();
}

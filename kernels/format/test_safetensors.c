/* test_safetensors.c - safetensors files read and written, and bad ones refused. */
#include "config.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "format/test_bytes.h"

/* A file of HEADER (padded by nothing) and N bytes of data. */
static void make(struct spn_buf *b, const char *header, size_t n)
{
    spn_buf_trim(b, 0);
    put_u64(b, strlen(header));
    put_text(b, header);
    for (size_t i = 0; i < n; i++)
        put_int(b, i, 1);
}

static void bad(const char *header, size_t n, const char *words, const char *what)
{
    struct spn_buf b = BYTES_INIT;

    make(&b, header, n);
    refused("safetensors", &b, words, what);
    spn_buf_free(&b);
}

#define GOOD                                                                 \
    "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"a\\u0001\\\"b\"},"      \
    "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"    \
    " \"a.x\" : {\"shape\":[2],\"dtype\":\"F32\",\"data_offsets\":[0,8]},\n" \
    "\"s\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[20,21]},"        \
    "\"e\":{\"dtype\":\"I64\",\"shape\":[0,5],\"data_offsets\":[20,20]}}  "

static void test_good(void)
{
    struct spn_err err = SPN_ERR_INIT;
    struct spn_buf b = BYTES_INIT;
    struct spn_reader *r = NULL;
    const struct spn_entry *e;
    struct spn_meta v;

    make(&b, GOOD, 21);
    if (!ok(spn_reader_open_memory(&r, "safetensors", b.data, b.length, &err) == SPN_OK,
            "a good file is read %s", err.text))
        return;
    ok_str(spn_reader_format(r), "safetensors", "its format");
    ok_int((long long)spn_reader_count(r), 4, "its tensors");
    ok_str(spn_meta_str(r, "format"), "pt", "metadata");
    ok(spn_reader_meta(r, "note", &v) && v.s_length == 4 && memcmp(v.s, "a\1\"b", 4) == 0,
       "escapes");
    e = spn_reader_find(r, "b");
    ok(e != NULL && e->t.dtype == SPN_BF16 && e->t.ndim == 2 && e->t.dim[0] == 2 &&
           e->t.dim[1] == 3,
       "type and shape");
    ok(e != NULL && ((unsigned char *)e->t.data)[0] == 8 && e->offset == 8 + strlen(GOOD) + 8,
       "its data");
    e = spn_reader_find(r, "s");
    ok(e != NULL && e->t.ndim == 0 && ((unsigned char *)e->t.data)[0] == 20, "a single number");
    e = spn_reader_find(r, "e");
    ok(e != NULL && spn_tensor_bytes(&e->t) == 0, "an empty tensor");
    spn_reader_close(r);
    spn_buf_free(&b);
}

#define F32_AT(shape, from, to)                                                                   \
    "{\"w\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}}"

static void bad_lengths(void)
{
    struct spn_buf b = BYTES_INIT;

    refused("safetensors", &b, "0 bytes", "an empty file");
    put_u64(&b, 2), spn_buf_trim(&b, 7);
    refused("safetensors", &b, "7 bytes", "half a length");
    spn_buf_trim(&b, 0), put_u64(&b, UINT64_MAX), put_text(&b, "{}");
    refused("safetensors", &b, "18446744073709551615 bytes", "an absurd header");
    spn_buf_trim(&b, 0), put_u64(&b, 3), put_text(&b, "{}");
    refused("safetensors", &b, "3 bytes; 2 are left", "a header past the end");
    spn_buf_trim(&b, 0), put_u64(&b, 100000001), put_text(&b, "{}");
    refused("safetensors", &b, "100000000 is the limit", "a header past the limit");
    spn_buf_trim(&b, 0), put_u64(&b, 0), put_text(&b, "{}");
    refused("safetensors", &b, "begin with {", "no header");
    spn_buf_free(&b);
}

static void bad_headers(void)
{
    bad(" {}", 0, "begin with {", "a header that begins with space");
    bad("[]", 0, "begin with {", "a header that is an array");
    bad("{", 0, "a key wanted", "an open object");
    bad("{}x", 0, "the end wanted", "more behind the object");
    bad("{\"w\"", 0, ": wanted", "a key alone");
    bad("{\"w", 0, ": wanted", "half a key");
    bad("{\"w\":", 0, "a value wanted", "no value");
    bad("{\"w\":{\"dtype\":[[", 0, "a value wanted", "a value cut");
    bad("{\"w\":{\"dtype\":[}}}", 0, "not JSON", "brackets that do not match");
    bad("{\"w\":1}", 0, "lacks a dtype", "a value that is no object");
    bad("{\"__metadata__\":{},}", 0, "a key wanted", "a comma at the end");
    bad("{\"__metadata__\":{}\"w\":1}", 0, ", or } wanted", "no comma");
    bad("{\"__metadata__\":1}", 0, "{ wanted", "metadata that is a number");
    bad("{\"__metadata__\":{\"k\":1}}", 0, "not a string", "metadata that is no string");
    bad("{\"__metadata__\":{\"k\":\"a\",\"k\":\"b\"}}", 0, "k is there twice", "a key twice");
    bad("{\"__metadata__\":{\"\":\"a\"}}", 0, "name of 0 bytes", "an empty key");
    bad("{\"__metadata__\":{\"a\\u0000b\":\"a\"}}", 0, "none of them 0", "a key with a NUL");
    bad("{\"w\xff\":1}", 0, "not JSON", "a name that is not UTF-8");
    bad("{\"w\":{\"dtype\":\"F32\",\"shape\":[],\"shape\":[],\"data_offsets\":[0,4]}}", 4,
        "duplicate", "a shape twice");
}

static void bad_entries(void)
{
    bad("{\"w\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "lacks a dtype", "no type");
    bad("{\"w\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "data_offsets", "no place");
    bad("{\"w\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "its shape", "no shape");
    bad("{\"w\":{\"dtype\":\"F99\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "type F99",
        "a new type");
    bad("{\"w\":{\"dtype\":\"F4\",\"shape\":[8],\"data_offsets\":[0,4]}}", 4, "F4",
        "a type that is not read");
    bad(F32_AT("[-1]", 0, 4), 4, "dimension 0", "a negative dimension");
    bad(F32_AT("[1.5]", 0, 4), 4, "dimension 0", "half a dimension");
    bad(F32_AT("[1e0]", 0, 4), 4, "dimension 0", "a real dimension");
    bad(F32_AT("[99999999999999999999]", 0, 4), 4, "dimension 0", "a dimension past 64 bits");
    bad(F32_AT("[4294967296,4294967296]", 0, 4), 4, "overflow", "elements that wrap");
    bad(F32_AT("[0,4294967296,4294967296]", 0, 0), 0, "overflow", "empty, but wrapping");
    bad(F32_AT("[2305843009213693952]", 0, 4), 4, "overflow", "bytes that wrap");
    bad(F32_AT("[1,1,1,1,1,1,1,1,1]", 0, 4), 4, "at most 8", "nine dimensions");
    bad(F32_AT("[2]", 0, 4), 4, "its shape takes 8", "a shape larger than its data");
    bad(F32_AT("[1]", 0, 8), 8, "its shape takes 4", "data larger than its shape");
    bad(F32_AT("[1]", 4, 0), 4, "two growing", "an end before the begin");
    bad(F32_AT("[1]", -4, 0), 4, "two growing", "a negative begin");
    bad(F32_AT("[1]", 0, 8), 4, "which has 4 bytes", "an end past the file");
    bad(F32_AT("[1]", 18446744073709551612, 18446744073709551616), 4, "two growing",
        "offsets past 64 bits");
    bad("{\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "two growing",
        "one offset");
    bad(F32_AT("[1]", 4, 8), 8, "after the last one's end", "a gap before the first");
    bad(F32_AT("[1]", 0, 4), 8, "the file at", "more data than tensors");
    bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}", 12, "before the last",
        "tensors that share bytes");
    bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12, "after the last",
        "a gap between tensors");
    bad("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "named a",
        "a name twice");
}

/* Headers that cost more than they are worth. */
static void bad_bombs(void)
{
    struct spn_buf b = BYTES_INIT, deep = BYTES_INIT;

    put_text(&deep, "{\"w\":");
    for (int i = 0; i < 100000; i++)
        put_text(&deep, "[");
    bad(deep.data, 0, "a value wanted", "100000 open brackets");
    spn_buf_trim(&deep, 0), put_text(&deep, "{\"w\":");
    for (int i = 0; i < 100; i++)
        put_text(&deep, "[");
    for (int i = 0; i < 100; i++)
        put_text(&deep, "]");
    put_text(&deep, "}");
    bad(deep.data, 0, "a value wanted", "100 arrays in each other");
    spn_buf_trim(&deep, 0), put_text(&deep, "{\"w\":{\"shape\":[");
    for (int i = 0; i < 300000; i++)
        put_text(&deep, "1,");
    put_text(&deep, "1]}}");
    bad(deep.data, 0, "more than 262144 values", "300000 dimensions");
    spn_buf_trim(&deep, 0), put_text(&deep, "{\"w\":\"");
    for (int i = 0; i < 5 << 16; i++)
        put_text(&deep, "0123456789abcdef");
    put_text(&deep, "\"}");
    bad(deep.data, 0, "4194304 are read", "a value of 5 MiB");
    spn_buf_free(&deep);
    spn_buf_free(&b);
}

/* The parser's own allocations fail in turn too. */
static uint64_t parser_allocs, parser_fail_at;

static void *parser_alloc(size_t n)
{
    return ++parser_allocs == parser_fail_at ? NULL : malloc(n);
}

static void parser_short_of_memory(void)
{
    struct spn_buf b = BYTES_INIT;
    struct spn_err err;
    uint64_t n, bad_ones = 0;

    make(&b, GOOD, 21);
    json_set_alloc_funcs(parser_alloc, free);
    try_bytes("safetensors", b.data, b.length, &err);
    n = parser_allocs;
    for (uint64_t i = 1; i <= n; i++) {
        parser_allocs = 0;
        parser_fail_at = i;
        if (try_bytes("safetensors", b.data, b.length, &err) == SPN_OK || err.text[0] == '\0')
            bad_ones++;
    }
    json_set_alloc_funcs(malloc, free);
    ok(bad_ones == 0 && n > 0, "each of %llu allocations of the parser", (unsigned long long)n);
    spn_buf_free(&b);
}

/* A file of holes, larger than any header may be. */
static void test_limit(void)
{
    char path[] = "/tmp/spinney-st-XXXXXX";
    const unsigned char length[9] = { 0x01, 0xe1, 0xf5, 0x05, 0, 0, 0, 0, '{' };    /* 100000001 */
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    int fd = mkstemp(path);

    ok(fd >= 0 && write(fd, length, 9) == 9 && ftruncate(fd, 100000100) == 0, "a file of holes");
    ok(spn_reader_open(&r, path, &err) == SPN_EFORMAT && strstr(err.text, "is the limit") != NULL,
       "a header of 100000001 bytes: %s", err.text);
    spn_reader_close(r);
    if (fd >= 0)
        close(fd);
    unlink(path);
}

int main(void)
{
    struct spn_buf b = BYTES_INIT;

    test_good();
    bad_lengths();
    bad_headers();
    bad_entries();
    bad_bombs();
    test_limit();
    make(&b, GOOD, 21);
    cut_everywhere("safetensors", &b, b.length);
    mutate("safetensors", &b, 20000);
    short_of_memory("safetensors", &b);
    parser_short_of_memory();
    spn_buf_free(&b);
    return done();
}

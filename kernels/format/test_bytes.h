/* test_bytes.h - for tests of readers: files built byte by byte, read from blocks that end where
 * the file does, so that a sanitizer sees one byte too many. */
#ifndef TEST_BYTES_H
#define TEST_BYTES_H
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "base/rng.h"
#include "format/reader.h"
#include "tap.h"

#define BYTES_INIT SPN_BUF_INIT(64 << 20)

__attribute__((unused))
static void put_bytes(struct spn_buf *b, const void *p, size_t n)
{
    if (spn_buf_add(b, p, n) != SPN_OK)
        abort();
}

__attribute__((unused))
static void put_int(struct spn_buf *b, uint64_t v, int width)
{
    unsigned char p[8];

    for (int i = 0; i < width; i++)
        p[i] = (unsigned char)(v >> 8 * i);
    put_bytes(b, p, (size_t)width);
}

__attribute__((unused))
static void put_u32(struct spn_buf *b, uint32_t v)
{
    put_int(b, v, 4);
}

__attribute__((unused))
static void put_u64(struct spn_buf *b, uint64_t v)
{
    put_int(b, v, 8);
}

__attribute__((unused))
static void put_text(struct spn_buf *b, const char *s)
{
    put_bytes(b, s, strlen(s));
}

/* u64 length and bytes. */
__attribute__((unused))
static void put_str(struct spn_buf *b, const char *s)
{
    put_u64(b, strlen(s));
    put_text(b, s);
}

/* All that a reader lends is touched, so that a pointer into nowhere is noticed. */
__attribute__((unused))
static uint64_t walk_reader(const struct spn_reader *r)
{
    uint64_t sum = 0;
    struct spn_meta v;

    for (size_t i = 0; i < spn_reader_meta_count(r); i++) {
        const char *key = spn_reader_meta_at(r, i, &v), *s;
        size_t length;
        int64_t n;
        double f;

        sum += strlen(key) + (v.kind == SPN_META_STRING ? strlen(v.s) : 0);
        for (uint64_t k = 0; v.kind == SPN_META_ARRAY && k < v.count; k++) {
            if (spn_meta_elem_str(&v, k, &s, &length))
                for (size_t c = 0; c < length; c++)
                    sum += (unsigned char)s[c];
            else if (spn_meta_elem_int(&v, k, &n))
                sum += (uint64_t)n;
            else if (spn_meta_elem_float(&v, k, &f))
                sum += f > 0;
        }
    }
    for (size_t i = 0; i < spn_reader_count(r); i++) {
        const struct spn_entry *e = spn_reader_at(r, i);
        const unsigned char *p = e->t.data;
        uint64_t n = spn_tensor_bytes(&e->t);
        unsigned char part[16 * 64];
        int64_t elems = spn_tensor_elems(&e->t);

        if (spn_reader_find(r, e->name) != e || (p == NULL && n > 0 && e->layout == NULL))
            abort();
        if (e->layout != NULL) {
            int64_t k = elems < 64 ? elems : 64;

            if (spn_entry_read(r, e, 0, k, part, NULL) == SPN_OK && k > 0)
                sum += part[0];
            if (spn_entry_read(r, e, elems - k, k, part, NULL) == SPN_OK && k > 0)
                sum += part[0];
            continue;
        }
        for (uint64_t k = 0; k < n; k += k + 64 < n ? 64 : 1)
            sum += p[k];
    }
    return sum;
}

/* Open the bytes from a block of exactly their size, walk, close. */
__attribute__((unused))
static spn_status try_bytes(const char *format, const void *bytes, size_t n, struct spn_err *err)
{
    unsigned char *block = malloc(n > 0 ? n : 1);
    struct spn_reader *r = NULL;
    spn_status st;

    if (block == NULL)
        abort();
    memcpy(block, bytes, n);
    *err = (struct spn_err)SPN_ERR_INIT;
    st = spn_reader_open_memory(&r, format, block, n, err);
    if (st == SPN_OK)
        walk_reader(r);
    spn_reader_close(r);
    free(block);
    return st;
}

/* The bytes are refused as a wrong file, in one sentence that says WORDS. */
__attribute__((unused))
static void refused(const char *format, const struct spn_buf *b, const char *words,
                    const char *what)
{
    struct spn_err err;
    spn_status st = try_bytes(format, b->data != NULL ? b->data : "", b->length, &err);

    ok(st == SPN_EFORMAT && strstr(err.text, words) != NULL && strchr(err.text, '\n') == NULL,
       "%s: %s", what, st == SPN_OK ? "(read without complaint)" : err.text);
}

/* Files cut at every length below LIMIT are refused; longer ones may be read. */
__attribute__((unused))
static void cut_everywhere(const char *format, const struct spn_buf *b, size_t limit)
{
    struct spn_err err;
    size_t bad = 0;

    for (size_t n = 0; n < b->length; n++) {
        spn_status st = try_bytes(format, b->data, n, &err);

        if (st != SPN_EFORMAT && (st != SPN_OK || n < limit)) {
            printf("# cut to %zu of %zu bytes: status %d, %s\n", n, b->length, st, err.text);
            bad++;
        }
    }
    ok_int((long long)bad, 0, "cut at every byte");
}

/* TIMES copies with 1 to 4 bytes replaced: any answer is right, a crash is not. */
__attribute__((unused))
static void mutate(const char *format, const struct spn_buf *b, int times)
{
    static const unsigned char edges[] = { 0, 1, 0x7f, 0x80, 0xff, '"', '{', '}', '[', ',' };
    struct spn_err err;
    struct spn_rng rng;
    char *copy = malloc(b->length);
    int read = 0, wrong = 0;

    if (copy == NULL)
        abort();
    spn_rng_init(&rng, spn_key_str(spn_key_seed(7), format));
    for (int i = 0; i < times; i++) {
        spn_status st;

        memcpy(copy, b->data, b->length);
        for (uint64_t k = spn_rng_below(&rng, 4) + 1; k > 0; k--) {
            uint64_t at = spn_rng_below(&rng, b->length), pick = spn_rng_u64(&rng);

            copy[at] = (char)(pick % 2 ? edges[pick / 2 % sizeof edges] : pick >> 8);
        }
        st = try_bytes(format, copy, b->length, &err);
        read += st == SPN_OK;
        wrong += st != SPN_OK && (st != SPN_EFORMAT || err.text[0] == '\0');
    }
    free(copy);
    ok(wrong == 0 && read > 0 && read < times,
       "%d mutated files: %d still read, the others refused", times, read);
}

/* Each allocation of an opening is made to fail in turn. */
__attribute__((unused))
static void short_of_memory(const char *format, const struct spn_buf *b)
{
    struct spn_err err;
    uint64_t before = spn_alloc_count(), n, bad = 0;

    if (try_bytes(format, b->data, b->length, &err) != SPN_OK)
        printf("# %s\n", err.text);
    n = spn_alloc_count() - before;
    for (uint64_t i = 1; i <= n; i++) {
        spn_fail_at(i);
        if (try_bytes(format, b->data, b->length, &err) != SPN_ENOMEM || err.text[0] == '\0') {
            printf("# allocation %llu of %llu: %s\n", (unsigned long long)i, (unsigned long long)n,
                   err.text);
            bad++;
        }
        spn_fail_at(0);
    }
    ok(bad == 0 && n > 0, "each of %llu allocations fails with a sentence", (unsigned long long)n);
}

#endif

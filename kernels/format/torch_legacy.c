/* torch_legacy.c - torch.save before 1.6: five pickles back to back (a magic number, a protocol
 * number, facts of the machine, the object, the storages' keys), then for each key i64 elements and
 * the bytes; and pickles alone, which may hold NumPy arrays.
 *
 * The bytes are little-endian whatever machine wrote them.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arith.h"
#include "format/torch.h"

static const unsigned char magic[10] = { 0x6c, 0xfc, 0x9c, 0x46, 0xf9,
                                         0x20, 0x6a, 0xa8, 0x50, 0x19 };
static const char magic_text[] = "L119547037146038801333356L\n";

struct stored { const char *key; const unsigned char *data; uint64_t bytes; int dtype; };

struct stream {
    struct spn_reader *r;
    const struct k_file *f;
    uint64_t at;                       /* the next byte */
    struct stored *items;
    const struct stored **by_key;
    size_t n;
};

/* The number may follow a protocol, a frame, and comes as LONG1 or in digits. */
static bool is_legacy(const struct k_file *f)
{
    size_t n = f->size < 32 ? (size_t)f->size : 32;

    return n == 32 && (memmem(f->data, n, magic, sizeof magic) != NULL ||
                       memcmp(f->data, magic_text, sizeof magic_text - 1) == 0);
}

static spn_status next_pickle(struct stream *s, struct k_pickle *p, struct spn_err *err)
{
    spn_status st = k_pickle_read(p, s->r, s->f->name, s->f->data + s->at, s->f->size - s->at,
                                  s->at, err);

    if (st == SPN_OK)
        s->at += p->bytes;
    return st;
}

/* The storages that the object refers to, each once. */
static spn_status list_storages(struct stream *s, const struct k_value *persistent,
                                struct spn_err *err)
{
    struct k_storage_id id = { .dtype = -1 };
    size_t kept = 0;
    spn_status st = k_reader_alloc(s->r, &s->items, persistent->n, sizeof *s->items, err);

    if (st == SPN_OK)
        st = k_reader_alloc(s->r, &s->by_key, persistent->n, sizeof *s->by_key, err);
    for (uint64_t i = 0; st == SPN_OK && i < persistent->n; i++) {
        struct stored *x = &s->items[i];

        if (!k_torch_storage_id(persistent->u.items[i], &id) || id.dtype < 0)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: reference %" PRIu64 " of its pickle is no storage that is known",
                            s->f->name, i);
        st = k_reader_dup(s->r, &x->key, id.key, id.key_bytes, err);
        x->dtype = id.dtype;
        s->by_key[i] = x;
    }
    if (st != SPN_OK)
        return st;
    s->n = (size_t)persistent->n;
    if (s->n > 1)
        qsort(s->by_key, s->n, sizeof *s->by_key, k_compare_names);
    for (size_t i = 0; i < s->n; i++) {
        if (kept > 0 && strcmp(s->by_key[kept - 1]->key, s->by_key[i]->key) == 0) {
            if (s->by_key[kept - 1]->dtype != s->by_key[i]->dtype)
                return spn_fail(err, SPN_EFORMAT, "%s: storage %.100s has two types", s->f->name,
                                s->by_key[i]->key);
            continue;
        }
        s->by_key[kept++] = s->by_key[i];
    }
    s->n = kept;
    return SPN_OK;
}

static struct stored *find_stored(const struct stream *s, const void *key, uint64_t n)
{
    for (size_t lo = 0, hi = s->n; lo < hi;) {
        size_t mid = lo + (hi - lo) / 2, k = strlen(s->by_key[mid]->key);
        int c = memcmp(key, s->by_key[mid]->key, n < k ? (size_t)n : k);

        if (c == 0)
            c = (n > k) - (n < k);
        if (c == 0)
            return (struct stored *)(uintptr_t)s->by_key[mid];
        if (c < 0)
            hi = mid;
        else
            lo = mid + 1;
    }
    return NULL;
}

/* The bytes of all storages, in the order of KEYS. */
static spn_status place_storages(struct stream *s, const struct k_value *keys, struct spn_err *err)
{
    if (keys->kind != KV_LIST && keys->kind != KV_TUPLE)
        return spn_fail(err, SPN_EFORMAT, "%s: its list of storages is none", s->f->name);
    for (uint64_t i = 0; i < keys->n; i++) {
        const struct k_value *key = keys->u.items[i];
        struct stored *x = key->kind == KV_TEXT ? find_stored(s, key->u.s, key->n) : NULL;
        uint64_t count, bytes, left = s->f->size - s->at;

        if (x == NULL || x->data != NULL)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: storage %" PRIu64 " of its list is not one that tensors use once",
                            s->f->name, i);
        if (s->r->partial && left < 8)
            return SPN_OK;
        if (left < 8)
            return spn_fail(err, SPN_EFORMAT,
                            "%s: the file ends before storage %.100s, %" PRIu64 " of %" PRIu64,
                            s->f->name, x->key, i + 1, keys->n);
        count = k_load_u64(s->f->data + s->at);
        if (!spn_mul_u64(count, (uint64_t)spn_dtype_info(x->dtype)->block_bytes, &bytes) ||
            bytes > left - 8) {
            if (s->r->partial)
                return SPN_OK;
            return spn_fail(err, SPN_EFORMAT,
                            "%s: storage %.100s of %" PRIu64 " elements at byte %" PRIu64
                            ", %" PRIu64 " bytes are left",
                            s->f->name, x->key, count, s->at, left - 8);
        }
        x->data = s->f->data + s->at + 8;
        x->bytes = bytes;
        s->at += 8 + bytes;
    }
    return SPN_OK;
}

static spn_status find_storage(struct k_torch *t, const struct k_storage_id *id,
                               struct k_storage *out, struct spn_err *err)
{
    const struct stream *s = t->ctx;
    const struct stored *x = find_stored(s, id->key, id->key_bytes);
    uint64_t from = 0, bytes = id->bytes, size = (uint64_t)spn_dtype_info(id->dtype)->block_bytes;
    int64_t offset = 0, numel = 0;

    if (x != NULL && x->data == NULL && t->r->partial) {
        *out = (struct k_storage){ .file = t->f, .bytes = id->bytes, .absent = true };
        return SPN_OK;
    }
    if (x == NULL || x->data == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: storage %.*s of its pickle is not in the file",
                        t->f->name, id->key_bytes < 100 ? (int)id->key_bytes : 100,
                        (const char *)id->key);
    if (id->view != NULL &&
        (!k_int(k_item(id->view, 1), &offset) || !k_int(k_item(id->view, 2), &numel) ||
         offset < 0 || numel < 0 || !spn_mul_u64((uint64_t)offset, size, &from) ||
         !spn_mul_u64((uint64_t)numel, size, &bytes)))
        return spn_fail(err, SPN_EFORMAT, "%s: storage %.100s: no part of it is told", t->f->name,
                        x->key);
    if (!spn_inside_u64(from, bytes, x->bytes))
        return spn_fail(err, SPN_EFORMAT,
                        "%s: storage %.100s has %" PRIu64 " bytes, its pickle says %" PRIu64
                        " from %" PRIu64 " on",
                        t->f->name, x->key, x->bytes, bytes, from);
    *out = (struct k_storage){ .data = x->data + from,
                               .bytes = bytes,
                               .offset = (uint64_t)(x->data - t->f->data) + from,
                               .file = t->f };
    return SPN_OK;
}

static spn_status read_legacy(struct spn_reader *r, const struct k_file *f, const char *prefix,
                              struct spn_err *err)
{
    struct stream s = { .r = r, .f = f };
    struct k_torch t = { .r = r, .f = f, .find = find_storage, .ctx = &s };
    struct k_pickle p, object = { .value = NULL };
    spn_status st = SPN_OK;

    for (int i = 0; st == SPN_OK && i < 3; i++)
        st = next_pickle(&s, &p, err);
    if (st == SPN_OK)
        st = next_pickle(&s, &object, err);
    if (st == SPN_OK)
        st = next_pickle(&s, &p, err);
    if (st == SPN_OK)
        st = list_storages(&s, &object.persistent, err);
    if (st == SPN_OK)
        st = place_storages(&s, p.value, err);
    return st == SPN_OK ? k_torch_flatten(&t, object.value, prefix, object.bytes, err) : st;
}

spn_status k_torch_stream(struct spn_reader *r, const struct k_file *f, const char *prefix,
                          struct spn_err *err)
{
    struct k_torch t = { .r = r, .f = f };
    struct k_pickle p;
    spn_status st;

    if (is_legacy(f))
        return read_legacy(r, f, prefix, err);
    st = k_pickle_read(&p, r, f->name, f->data, f->size, 0, err);
    return st == SPN_OK ? k_torch_flatten(&t, p.value, prefix, p.bytes, err) : st;
}

static spn_status read_pickle(struct spn_reader *r, const struct k_file *f, struct spn_err *err)
{
    spn_status st = k_torch_stream(r, f, "", err);

    if (is_legacy(f))
        snprintf(r->name, sizeof r->name, "torch legacy");
    return st == SPN_OK ? k_torch_globals(r, err) : st;
}

static bool ends(const char *s, const char *tail)
{
    size_t n = strlen(s), k = strlen(tail);

    return n >= k && strcmp(s + n - k, tail) == 0;
}

/* Protocols from 2 on begin with their number and end with a dot; older ones are known by name. */
static bool knows_pickle(const struct k_file *f)
{
    if (f->size < 2)
        return false;
    return is_legacy(f) || (f->data[0] == 0x80 && f->data[1] >= 2 && f->data[1] <= 5) ||
           ends(f->name, ".pkl") || ends(f->name, ".pickle");
}

const struct spn_format k_format_pickle = { .name = "pickle", .knows = knows_pickle,
                                            .read = read_pickle };

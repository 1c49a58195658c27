/* torch_write.c - archives that torch.load reads with weights_only=True: a pickle of protocol 2
 * that names only what that loader allows, and a storage a tensor.
 */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "format/zip_write.h"

#define ROOT "archive/"
enum { PICKLE_BYTES_MAX = 1 << 30 };

static const struct { int dtype; const char *storage, *name; } types[] = {
    { SPN_F32, "FloatStorage", NULL }, { SPN_F64, "DoubleStorage", NULL },
    { SPN_F16, "HalfStorage", NULL }, { SPN_BF16, "BFloat16Storage", NULL },
    { SPN_I64, "LongStorage", NULL }, { SPN_I32, "IntStorage", NULL },
    { SPN_I16, "ShortStorage", NULL }, { SPN_I8, "CharStorage", NULL },
    { SPN_U8, "ByteStorage", NULL }, { SPN_BOOL, "BoolStorage", NULL },
    { SPN_C64, "ComplexFloatStorage", NULL }, { SPN_C128, "ComplexDoubleStorage", NULL },
    /* Younger types have no storage class: bytes, and the type by name. */
    { SPN_U16, NULL, "uint16" }, { SPN_U32, NULL, "uint32" }, { SPN_U64, NULL, "uint64" },
    { SPN_F8_E4M3, NULL, "float8_e4m3fn" }, { SPN_F8_E5M2, NULL, "float8_e5m2" },
    { SPN_F8_E4M3FNUZ, NULL, "float8_e4m3fnuz" }, { SPN_F8_E5M2FNUZ, NULL, "float8_e5m2fnuz" },
    { SPN_F8_E8M0, NULL, "float8_e8m0fnu" }, { SPN_C32, NULL, "complex32" },
};

static int type_at(int dtype)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i].dtype == dtype)
            return (int)i;
    return -1;
}

/* ---- a pickle under construction: the first failure stays in the buffer ---- */

static void put_op(struct spn_buf *b, const char *op)
{
    spn_buf_puts(b, op);
}

static void put_bytes(struct spn_buf *b, const void *bytes, size_t n)
{
    spn_buf_add(b, bytes, n);
}

static void put_text(struct spn_buf *b, const char *s, size_t n)
{
    unsigned char head[5] = "X";

    k_store_u32(head + 1, (uint32_t)n);
    put_bytes(b, head, 5);
    put_bytes(b, s, n);
}

static void put_word(struct spn_buf *b, const char *s)
{
    put_text(b, s, strlen(s));
}

static void put_int(struct spn_buf *b, int64_t v)
{
    unsigned char p[10];

    if (v >= INT32_MIN && v <= INT32_MAX) {
        p[0] = 'J';
        k_store_u32(p + 1, (uint32_t)(int32_t)v);
        put_bytes(b, p, 5);
    } else {
        p[0] = 0x8a;
        p[1] = 8;
        k_store_u64(p + 2, (uint64_t)v);
        put_bytes(b, p, 10);
    }
}

static void put_float(struct spn_buf *b, double v)
{
    unsigned char p[9] = "G";
    uint64_t bits;

    memcpy(&bits, &v, sizeof bits);
    for (int i = 0; i < 8; i++)
        p[1 + i] = (unsigned char)(bits >> 8 * (7 - i));
    put_bytes(b, p, 9);
}

static void put_bool(struct spn_buf *b, bool v)
{
    put_op(b, v ? "\x88" : "\x89");
}

static void put_ints(struct spn_buf *b, const int64_t *v, int n)
{
    put_op(b, "(");
    for (int i = 0; i < n; i++)
        put_int(b, v[i]);
    put_op(b, "t");
}

/* Tensor I, whose storage is data/I. */
static void put_tensor(struct spn_buf *b, const struct spn_tensor *t, size_t i)
{
    int type = type_at(t->dtype);
    bool plain = types[type].storage != NULL;
    char key[24];

    snprintf(key, sizeof key, "%zu", i);
    put_op(b, plain ? "ctorch._utils\n_rebuild_tensor_v2\n((" : "ctorch._utils\n"
                                                                "_rebuild_tensor_v3\n((");
    put_word(b, "storage");
    put_op(b, plain ? "ctorch\n" : "ctorch.storage\n");
    put_op(b, plain ? types[type].storage : "UntypedStorage");
    put_op(b, "\n");
    put_word(b, key);
    put_word(b, "cpu");
    put_int(b, plain ? spn_tensor_elems(t) : (int64_t)spn_tensor_bytes(t));
    put_op(b, "tQ");
    put_int(b, 0);
    put_ints(b, t->dim, t->ndim);
    put_ints(b, t->stride, t->ndim);
    put_op(b, "\x89" "ccollections\nOrderedDict\n)R");
    if (!plain) {
        put_op(b, "ctorch\n");
        put_op(b, types[type].name);
        put_op(b, "\n");
    }
    put_op(b, "tR");
}

/* ---- metadata of an optimizer ---- */

/* A pair as it is kept in w->pairs: i64 length of the key, i64 type, i64 count, i64 bytes; key;
 * bytes. */
struct kept { const char *key; size_t key_bytes; int type; int64_t count; const unsigned char *p; };

static spn_status keep_pair(struct spn_writer *w, const char *key, int type, int64_t count,
                            const void *bytes, size_t n)
{
    unsigned char head[32];

    k_store_u64(head, strlen(key));
    k_store_u64(head + 8, (uint64_t)type);
    k_store_u64(head + 16, (uint64_t)count);
    k_store_u64(head + 24, n);
    if (spn_buf_add(&w->pairs, head, sizeof head) != SPN_OK ||
        spn_buf_puts(&w->pairs, key) != SPN_OK || spn_buf_add(&w->pairs, bytes, n) != SPN_OK)
        return spn_fail(&w->why, SPN_ENOMEM, "%s: no memory for its metadata", w->path);
    return SPN_OK;
}

static spn_status drop_pair(struct spn_writer *w, const char *key, int type, int64_t count,
                            const void *bytes, size_t n)
{
    return SPN_OK;
}

static bool next_pair(const struct spn_writer *w, size_t *at, struct kept *out)
{
    const unsigned char *p = (const unsigned char *)w->pairs.data + *at;

    if (*at >= w->pairs.length)
        return false;
    out->key_bytes = (size_t)k_load_u64(p);
    out->type = (int)k_load_u64(p + 8);
    out->count = (int64_t)k_load_u64(p + 16);
    out->key = (const char *)p + 32;
    out->p = p + 32 + out->key_bytes;
    *at += 32 + out->key_bytes + (size_t)k_load_u64(p + 24);
    return true;
}

static size_t scalar_bytes(int type)
{
    return type == K_BOOL ? 1 : type == K_I64 || type == K_F64 || type == K_U64 ? 8 : 4;
}

static void put_scalar(struct spn_buf *b, int type, const unsigned char *p)
{
    uint64_t wide;
    uint32_t bits;
    double f;
    float single;

    switch (type) {
    case K_BOOL: put_bool(b, p[0] != 0); break;
    case K_U32:  put_int(b, k_load_u32(p)); break;
    case K_I32:  put_int(b, (int32_t)k_load_u32(p)); break;
    case K_I64:
    case K_U64:  put_int(b, (int64_t)k_load_u64(p)); break;
    case K_F64:
        wide = k_load_u64(p);
        memcpy(&f, &wide, sizeof f);
        put_float(b, f);
        break;
    default:
        bits = k_load_u32(p);
        memcpy(&single, &bits, sizeof single);
        put_float(b, (double)single);
    }
}

/* betas is a tuple in PyTorch, params a list. */
static void put_value(struct spn_buf *b, const struct kept *k, bool tuple)
{
    const unsigned char *p = k->p;

    if (k->count >= 0)
        put_op(b, tuple ? "(" : "](");
    for (int64_t i = 0; i < (k->count >= 0 ? k->count : 1); i++) {
        if (k->type == K_STRING) {
            size_t n = (size_t)k_load_u64(p);

            put_text(b, (const char *)p + 8, n);
            p += 8 + n;
        } else {
            put_scalar(b, k->type, p);
            p += scalar_bytes(k->type);
        }
    }
    if (k->count >= 0)
        put_op(b, tuple ? "t" : "e");
}

/* What follows WORD and a dot: a number, then a dot and the rest; false: another name. */
static bool numbered(const char *s, size_t n, const char *word, int64_t *number, const char **rest)
{
    const char *end = s + n, *p;
    size_t k = strlen(word);
    int64_t v = 0;

    if (n > 10 && memcmp(s, "optimizer.", 10) == 0)
        s += 10;
    if ((size_t)(end - s) <= k || memcmp(s, word, k) != 0)
        return false;
    for (p = s + k; p < end && *p >= '0' && *p <= '9' && v < (1 << 28); p++)
        v = v * 10 + (*p - '0');
    if (p == s + k || p == end || *p != '.')
        return false;
    *number = v;
    *rest = p + 1;
    return true;
}

static void put_group(struct spn_buf *b, const struct spn_writer *w, int64_t group)
{
    struct kept k;
    int64_t g = 0;
    const char *rest;

    put_op(b, "}(");
    for (size_t at = 0; next_pair(w, &at, &k);) {
        size_t n;

        if (!numbered(k.key, k.key_bytes, "param_groups.", &g, &rest) || g != group)
            continue;
        n = (size_t)(k.key + k.key_bytes - rest);
        put_text(b, rest, n);
        put_value(b, &k, n == 5 && memcmp(rest, "betas", 5) == 0);
    }
    put_op(b, "u");
}

static int64_t count_groups(const struct spn_writer *w)
{
    int64_t most = 0, g = 0;
    const char *rest;
    struct kept k;

    for (size_t at = 0; next_pair(w, &at, &k);)
        if (numbered(k.key, k.key_bytes, "param_groups.", &g, &rest) && g >= most && g < 4096)
            most = g + 1;
    return most;
}

/* ---- the layouts ---- */

static void put_state_dict(struct spn_buf *b, const struct spn_writer *w)
{
    put_op(b, "\x80\x02}(");
    for (size_t i = 0; i < w->n_tensors; i++) {
        put_word(b, w->tensors[i].name);
        put_tensor(b, &w->tensors[i].t, i);
    }
    put_op(b, "u.");
}

/* How long KEY is in KEY.WHAT; 0: there is no dot. */
static size_t key_bytes(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL ? (size_t)(dot - name) : 0;
}

static void put_dicts(struct spn_buf *b, const struct spn_writer *w)
{
    size_t last = 0;

    put_op(b, "\x80\x02}(");
    for (size_t i = 0; i < w->n_tensors; i++) {
        const char *name = w->tensors[i].name;
        size_t n = key_bytes(name);

        if (i == 0 || n != last || memcmp(name, w->tensors[i - 1].name, n) != 0) {
            put_op(b, i == 0 ? "" : "u");
            put_text(b, name, n);
            put_op(b, "}(");
            last = n;
        }
        put_word(b, name + n + 1);
        put_tensor(b, &w->tensors[i].t, i);
    }
    put_op(b, w->n_tensors > 0 ? "uu." : "u.");
}

struct moment { int64_t id; const char *what; size_t tensor; };

static int compare_moments(const void *a, const void *b)
{
    const struct moment *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

static spn_status put_optimizer(struct spn_buf *b, const struct spn_writer *w, struct spn_err *err)
{
    struct moment *m = spn_calloc(w->n_tensors, sizeof *m);
    int64_t groups = count_groups(w);

    if (m == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory to sort its tensors", w->path);
    for (size_t i = 0; i < w->n_tensors; i++) {
        numbered(w->tensors[i].name, strlen(w->tensors[i].name), "state.", &m[i].id, &m[i].what);
        m[i].tensor = i;
    }
    if (w->n_tensors > 1)
        qsort(m, w->n_tensors, sizeof *m, compare_moments);
    put_op(b, "\x80\x02}(");
    put_word(b, "state");
    put_op(b, "}(");
    for (size_t i = 0; i < w->n_tensors; i++) {
        if (i == 0 || m[i].id != m[i - 1].id) {
            put_int(b, m[i].id);
            put_op(b, "}(");
        }
        put_word(b, m[i].what);
        put_tensor(b, &w->tensors[m[i].tensor].t, m[i].tensor);
        if (i + 1 == w->n_tensors || m[i].id != m[i + 1].id)
            put_op(b, "u");
    }
    put_op(b, "u");
    put_word(b, "param_groups");
    put_op(b, "](");
    for (int64_t g = 0; g < groups; g++)
        put_group(b, w, g);
    put_op(b, "eu.");
    spn_free(m);
    return SPN_OK;
}

/* ---- the archive ---- */

static spn_status put_part(void *ctx, const void *bytes, size_t n, struct spn_err *err)
{
    return k_zip_put(ctx, bytes, n, err);
}

static spn_status put_archive(const struct spn_writer *w, FILE *f, const struct spn_buf *pickle,
                              struct spn_err *err)
{
    struct k_zip_out z;
    char name[64];
    spn_status st;

    k_zip_out_init(&z, w, f);
    st = k_zip_entry(&z, ROOT "data.pkl", pickle->data, pickle->length, err);
    if (st == SPN_OK)
        st = k_zip_entry(&z, ROOT "byteorder", "little", 6, err);
    for (size_t i = 0; st == SPN_OK && i < w->n_tensors; i++) {
        snprintf(name, sizeof name, ROOT "data/%zu", i);
        st = k_zip_begin(&z, name, spn_tensor_bytes(&w->tensors[i].t), err);
        if (st == SPN_OK)
            st = k_each_part(w, &w->tensors[i], put_part, &z, err);
        if (st == SPN_OK)
            st = k_zip_end(&z, err);
    }
    if (st == SPN_OK)
        st = k_zip_entry(&z, ROOT "version", "3\n", 2, err);
    if (st == SPN_OK)
        st = k_zip_finish(&z, err);
    k_zip_out_free(&z);
    return st;
}

static spn_status write_layout(struct spn_writer *w, FILE *f, enum spn_torch_layout layout,
                               struct spn_err *err)
{
    struct spn_buf b = SPN_BUF_INIT(PICKLE_BYTES_MAX);
    spn_status st = SPN_OK;

    if (layout == SPN_TORCH_OPTIMIZER)
        st = put_optimizer(&b, w, err);
    else if (layout == SPN_TORCH_DICTS)
        put_dicts(&b, w);
    else
        put_state_dict(&b, w);
    if (st == SPN_OK && b.failed)
        st = spn_fail(err, SPN_ENOMEM, "%s: no memory for its pickle", w->path);
    if (st == SPN_OK)
        st = put_archive(w, f, &b, err);
    spn_buf_free(&b);
    return st;
}

static spn_status write_state_dict(struct spn_writer *w, FILE *f, struct spn_err *err)
{
    return write_layout(w, f, SPN_TORCH_STATE_DICT, err);
}

static spn_status write_optimizer(struct spn_writer *w, FILE *f, struct spn_err *err)
{
    return write_layout(w, f, SPN_TORCH_OPTIMIZER, err);
}

static spn_status write_dicts(struct spn_writer *w, FILE *f, struct spn_err *err)
{
    return write_layout(w, f, SPN_TORCH_DICTS, err);
}

static spn_status check_type(struct spn_writer *w, const char *name, const struct spn_tensor *t)
{
    if (type_at(t->dtype) < 0)
        return spn_fail(&w->why, SPN_EUSAGE,
                        "%s: tensor %.100s is of type %s, which PyTorch lacks", w->path, name,
                        spn_dtype_name(t->dtype));
    return SPN_OK;
}

static spn_status check_moment(struct spn_writer *w, const char *name, const struct spn_tensor *t)
{
    const char *what;
    int64_t id;

    if (!numbered(name, strlen(name), "state.", &id, &what))
        return spn_fail(&w->why, SPN_EUSAGE,
                        "%s: tensor %.100s: an optimizer's are named state.NUMBER.WHAT", w->path,
                        name);
    return check_type(w, name, t);
}

static spn_status check_pair(struct spn_writer *w, const char *name, const struct spn_tensor *t)
{
    if (key_bytes(name) == 0)
        return spn_fail(&w->why, SPN_EUSAGE, "%s: tensor %.100s is not named KEY.WHAT", w->path,
                        name);
    return check_type(w, name, t);
}

const struct k_writer_format k_torch_dicts_writer = { "torch dicts", drop_pair, check_pair,
                                                      write_dicts };
const struct k_writer_format k_torch_writer = { "torch", drop_pair, check_type, write_state_dict };
const struct k_writer_format k_torch_optimizer_writer = { "torch optimizer", keep_pair,
                                                          check_moment, write_optimizer };

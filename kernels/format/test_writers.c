/* test_writers.c - GGUF and safetensors written and read back, and what a writer refuses. */
#include "config.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "format/test_bytes.h"

static char dir[] = "/tmp/spinney-write-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

static void test_gguf(void)
{
    static const int32_t ints[2] = { 5, -6 };
    static const float floats[3] = { 0.25f, -1, 3 };
    static const char *const words[2] = { "un", "deux" };
    static const size_t lengths[2] = { 2, 4 };
    float data[64];
    const int64_t dim[2] = { 2, 32 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_writer *w = NULL;
    struct spn_reader *r = NULL;
    struct spn_tensor t, one;
    const struct spn_entry *e;
    struct spn_meta v;
    const char *s = NULL, *path = in_dir("w.gguf");
    size_t length;
    int64_t n = 0;
    double f = 0;

    for (int i = 0; i < 64; i++)
        data[i] = (float)i;
    spn_tensor_init(&t, SPN_F32, 2, dim, data, &err);
    spn_tensor_init(&one, SPN_F32, 0, NULL, data + 7, &err);
    ok_int(spn_gguf_create(&w, path, &err), SPN_OK, "created");
    spn_writer_str(w, "general.architecture", "llama", 5);
    spn_writer_u32(w, "general.alignment", 64);
    spn_writer_f32(w, "eps", 1e-5f);
    spn_writer_bool(w, "flag", true);
    spn_writer_strs(w, "words", words, lengths, 2);
    spn_writer_i32s(w, "ints", ints, 2);
    spn_writer_f32s(w, "floats", floats, 3);
    spn_writer_tensor(w, "w", &t);
    spn_writer_tensor(w, "one", &one);
    ok(!spn_path_exists(path), "nothing is there before the commit");
    ok(spn_writer_commit(w, &err) == SPN_OK, "committed %s", err.text);
    spn_writer_free(w);
    ok(spn_reader_open(&r, path, &err) == SPN_OK, "read back %s", r == NULL ? err.text : "");
    if (r == NULL)
        return;
    ok_str(spn_meta_str(r, "general.architecture"), "llama", "string");
    ok(spn_meta_float(r, "eps", &f) && f == (double)1e-5f, "float");
    ok(spn_reader_meta(r, "words", &v) && spn_meta_elem_str(&v, 1, &s, &length) && length == 4 &&
       memcmp(s, "deux", 4) == 0, "strings");
    ok(spn_reader_meta(r, "ints", &v) && spn_meta_elem_int(&v, 1, &n) && n == -6, "integers");
    ok(spn_reader_meta(r, "floats", &v) && spn_meta_elem_float(&v, 0, &f) && f == 0.25, "floats");
    e = spn_reader_find(r, "w");
    ok(e != NULL && e->offset % 64 == 0 && e->t.dim[0] == 2 && memcmp(e->t.data, data, 256) == 0,
       "a tensor at a multiple of the alignment");
    e = spn_reader_find(r, "one");
    ok(e != NULL && e->t.ndim == 1 && e->t.dim[0] == 1 && memcmp(e->t.data, data + 7, 4) == 0,
       "one number");
    spn_reader_close(r);
    unlink(path);
}

/* The same with each allocation failing: an error, and no file. */
static void write_short_of_memory(void)
{
    static const char *const words[1] = { "un" };
    static const size_t lengths[1] = { 2 };
    float data[1] = { 1 };
    struct spn_err err = SPN_ERR_INIT;
    uint64_t before = spn_alloc_count(), n = 0, bad = 0;
    struct spn_tensor t;

    spn_tensor_init(&t, SPN_F32, 0, NULL, data, &err);
    for (uint64_t i = 0; i <= n; i++) {
        struct spn_writer *w = NULL;
        spn_status st;

        spn_fail_at(i);
        st = spn_gguf_create(&w, in_dir("short.gguf"), &err);
        if (st == SPN_OK) {
            spn_writer_str(w, "s", "text", 4);
            spn_writer_strs(w, "a", words, lengths, 1);
            spn_writer_f32s(w, "f", data, 1);
            spn_writer_tensor(w, "one", &t);
            st = spn_writer_commit(w, &err);
        }
        spn_fail_at(0);
        spn_writer_free(w);
        if (i == 0)
            n = spn_alloc_count() - before;
        /* The last one only serves to sync the folder, and may fail unnoticed. */
        if ((st != SPN_OK && st != SPN_ENOMEM) || (st == SPN_OK) != (i == 0 || i == n) ||
            spn_path_exists(in_dir("short.gguf")) != (st == SPN_OK))
            bad++;
        unlink(in_dir("short.gguf"));
    }
    ok(bad == 0 && n > 0, "each of %llu allocations of a writer", (unsigned long long)n);
}

/* One thing that a writer refuses; nothing must be left on disk. */
static void refused_gguf(const char *what, void (*add)(struct spn_writer *w, struct spn_tensor *t))
{
    float data[64] = { 0 };
    const int64_t dim[5] = { 2, 2, 2, 2, 4 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_writer *w = NULL;
    struct spn_tensor t;
    spn_status st;

    spn_tensor_init(&t, SPN_F32, 5, dim, data, &err);
    spn_gguf_create(&w, in_dir("bad.gguf"), &err);
    add(w, &t);
    st = spn_writer_commit(w, &err);
    ok(st == SPN_EUSAGE && !spn_path_exists(in_dir("bad.gguf")), "%s: %s", what, err.text);
    spn_writer_free(w);
}

static void add_five(struct spn_writer *w, struct spn_tensor *t) { spn_writer_tensor(w, "x", t); }

static void add_long_name(struct spn_writer *w, struct spn_tensor *t)
{
    t->ndim = 1;
    t->stride[0] = 1;
    spn_writer_tensor(w, "0123456789012345678901234567890123456789012345678901234567890123", t);
}

static void add_twice(struct spn_writer *w, struct spn_tensor *t)
{
    t->ndim = 1;
    t->stride[0] = 1;
    spn_writer_tensor(w, "x", t);
    spn_writer_tensor(w, "x", t);
}

static void add_strided(struct spn_writer *w, struct spn_tensor *t)
{
    t->ndim = 1;
    t->stride[0] = 2;
    spn_writer_tensor(w, "x", t);
}

static void add_bytes(struct spn_writer *w, struct spn_tensor *t)
{
    t->ndim = 1;
    t->stride[0] = 1;
    t->dtype = SPN_U8;
    spn_writer_tensor(w, "x", t);
}

static void add_key_twice(struct spn_writer *w, struct spn_tensor *t)
{
    spn_writer_u32(w, "k", 1);
    spn_writer_u32(w, "k", 2);
}

static void add_no_key(struct spn_writer *w, struct spn_tensor *t) { spn_writer_u32(w, "", 1); }

static void add_alignment(struct spn_writer *w, struct spn_tensor *t)
{
    spn_writer_u32(w, "general.alignment", 3);
}

static void test_safetensors(void)
{
    float data[6] = { 1, 2, 3, 4, 5, 6 };
    unsigned char bytes[3] = { 7, 8, 9 };
    const int64_t dim[2] = { 2, 3 }, three = 3;
    char path[512];
    struct spn_err err = SPN_ERR_INIT;
    struct spn_writer *w = NULL;
    struct spn_reader *r = NULL;
    struct spn_tensor t, u, q;
    const struct spn_entry *e;

    snprintf(path, sizeof path, "%s", in_dir("w.safetensors"));
    spn_tensor_init(&t, SPN_F32, 2, dim, data, &err);
    spn_tensor_init(&u, SPN_U8, 1, &three, bytes, &err);
    spn_safetensors_create(&w, path, &err);
    spn_writer_str(w, "format", "pt", 2);
    spn_writer_str(w, "quote \"", "line\n", 5);
    spn_writer_tensor(w, "bytes", &u);
    spn_writer_tensor(w, "floats", &t);
    ok(spn_writer_commit(w, &err) == SPN_OK, "committed %s", err.text);
    spn_writer_free(w);
    ok(spn_reader_open(&r, path, &err) == SPN_OK, "read back %s", r == NULL ? err.text : "");
    if (r == NULL)
        return;
    ok_str(spn_meta_str(r, "quote \""), "line\n", "metadata with escapes");
    e = spn_reader_find(r, "floats");
    ok(e != NULL && e->offset % 8 == 0 && memcmp(e->t.data, data, sizeof data) == 0,
       "the widest type comes first, at a multiple of 8");
    e = spn_reader_find(r, "bytes");
    ok(e != NULL && e->t.dtype == SPN_U8 && memcmp(e->t.data, bytes, 3) == 0, "bytes");
    spn_reader_close(r);
    unlink(path);

    spn_safetensors_create(&w, path, &err);
    ok(spn_writer_u32(w, "k", 1) == SPN_EUSAGE && spn_writer_commit(w, &err) == SPN_EUSAGE,
       "a number as metadata: %s", err.text);
    spn_writer_free(w);
    spn_safetensors_create(&w, path, &err);
    q = t;
    q.dtype = SPN_Q8_0;
    spn_writer_tensor(w, "q", &q);
    ok(spn_writer_commit(w, &err) == SPN_EUSAGE, "a block type: %s", err.text);
    spn_writer_free(w);
    spn_safetensors_create(&w, path, &err);
    spn_writer_tensor(w, "\xff", &t);
    ok(spn_writer_commit(w, &err) == SPN_EUSAGE && !spn_path_exists(path),
       "a name that is no text: %s", err.text);
    spn_writer_free(w);
    spn_safetensors_create(&w, path, &err);
    spn_writer_tensor(w, "__metadata__", &t);
    ok(spn_writer_commit(w, &err) == SPN_EUSAGE, "a reserved name: %s", err.text);
    spn_writer_free(w);
}

/* 0.5 I at place I, but not past STOP. */
struct made { int64_t stop; };

static spn_status make_halves(void *ctx, int64_t first, int64_t n, void *dst, struct spn_err *err)
{
    const struct made *m = ctx;
    float *f = dst;

    if (first + n > m->stop)
        return spn_fail(err, SPN_EIO, "nothing at %lld", (long long)(first + n));
    for (int64_t i = 0; i < n; i++)
        f[i] = (float)(first + i) / 2;
    return SPN_OK;
}

static spn_status create_kind(struct spn_writer **w, const char *kind, const char *path)
{
    return strcmp(kind, "npz") == 0 ? spn_npz_create(w, path, NULL)
           : strcmp(kind, "pt") == 0 ? spn_torch_create(w, path, SPN_TORCH_STATE_DICT, NULL)
                                     : spn_safetensors_create(w, path, NULL);
}

/* Streamed, read back, streamed again with a failure half way: the file is as it was. */
static void test_stream(const char *kind)
{
    const int64_t dim[2] = { 3, 1000001 };
    struct made all = { INT64_MAX }, some = { 2000000 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_writer *w = NULL;
    struct spn_reader *r = NULL;
    struct spn_tensor t;
    const struct spn_entry *e;
    const float *f;
    char path[512];
    int wrong = 0;

    snprintf(path, sizeof path, "%s", in_dir("stream"));
    spn_tensor_init(&t, SPN_F32, 2, dim, NULL, &err);
    create_kind(&w, kind, path);
    spn_writer_stream(w, "a.b", &t, make_halves, &all);
    ok(spn_writer_commit(w, &err) == SPN_OK, "%s: committed %s", kind, err.text);
    spn_writer_free(w);
    ok(spn_reader_open(&r, path, &err) == SPN_OK, "%s: read back %s", kind, r ? "" : err.text);
    e = r != NULL ? spn_reader_find(r, "a.b") : NULL;
    ok(e != NULL && e->layout == NULL && e->t.ndim == 2 && e->t.dim[1] == dim[1] &&
       e->offset % 8 == 0, "%s: one tensor, in one piece", kind);
    f = e != NULL ? e->t.data : NULL;
    for (int64_t i = 0; f != NULL && i < 3 * dim[1]; i += 997) {
        float v;

        memcpy(&v, f + i, sizeof v);
        wrong += !(v == (float)i / 2);
    }
    ok(f != NULL && wrong == 0, "%s: %d of its numbers are wrong", kind, wrong);
    spn_reader_close(r);
    r = NULL;
    create_kind(&w, kind, path);
    spn_writer_stream(w, "other", &t, make_halves, &some);
    ok(spn_writer_commit(w, &err) == SPN_EIO, "%s: %s", kind, err.text);
    spn_writer_free(w);
    ok(spn_reader_open(&r, path, &err) == SPN_OK && spn_reader_find(r, "a.b") != NULL,
       "%s: the file is as it was", kind);
    spn_reader_close(r);
    unlink(path);
}

static void test_optimizer(void)
{
    const double betas[] = { 0.9, 0.95 };
    const int32_t params[] = { 0, 1 };
    float data[2] = { 1, 2 };
    const int64_t two = 2;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_writer *w = NULL;
    struct spn_reader *r = NULL;
    struct spn_tensor t;
    struct spn_meta v;
    double f = 0;
    char path[512];

    snprintf(path, sizeof path, "%s", in_dir("optimizer.pt"));
    spn_tensor_init(&t, SPN_F32, 1, &two, data, &err);
    spn_torch_create(&w, path, SPN_TORCH_OPTIMIZER, &err);
    spn_writer_tensor(w, "state.1.exp_avg", &t);
    spn_writer_tensor(w, "optimizer.state.0.exp_avg", &t);
    spn_writer_tensor(w, "state.1.exp_avg_sq", &t);
    spn_writer_f64(w, "param_groups.0.lr", 0.001);
    spn_writer_bool(w, "param_groups.0.amsgrad", false);
    spn_writer_i64(w, "optimizer.param_groups.0.far", (int64_t)1 << 40);
    spn_writer_f64s(w, "param_groups.0.betas", betas, 2);
    spn_writer_i32s(w, "param_groups.0.params", params, 2);
    ok(spn_writer_commit(w, &err) == SPN_OK, "optimizer.pt: committed %s", err.text);
    spn_writer_free(w);
    ok(spn_reader_open(&r, path, &err) == SPN_OK && spn_reader_count(r) == 3 &&
       spn_reader_find(r, "optimizer.state.1.exp_avg_sq") != NULL, "read back %s", err.text);
    ok(spn_meta_float(r, "optimizer.param_groups.0.lr", &f) && f == 0.001 &&
       spn_reader_meta(r, "optimizer.param_groups.0.betas", &v) && v.count == 2 &&
       spn_meta_elem_float(&v, 1, &f) && f == 0.95, "its group");
    spn_reader_close(r);
    unlink(path);
    spn_torch_create(&w, path, SPN_TORCH_OPTIMIZER, &err);
    spn_writer_tensor(w, "weight", &t);
    ok(spn_writer_commit(w, &err) == SPN_EUSAGE && !spn_path_exists(path), "no state: %s",
       err.text);
    spn_writer_free(w);
}

int main(void)
{
    if (mkdtemp(dir) == NULL)
        return 99;
    test_gguf();
    write_short_of_memory();
    refused_gguf("five dimensions", add_five);
    refused_gguf("a name of 64 bytes", add_long_name);
    refused_gguf("a name twice", add_twice);
    refused_gguf("a view with gaps", add_strided);
    refused_gguf("a type that GGUF lacks", add_bytes);
    refused_gguf("a key twice", add_key_twice);
    refused_gguf("an empty key", add_no_key);
    refused_gguf("an alignment of 3", add_alignment);
    test_safetensors();
    test_stream("safetensors");
    test_stream("npz");
    test_stream("pt");
    test_optimizer();
    ok_int(rmdir(dir), 0, "nothing is left behind");
    return done();
}

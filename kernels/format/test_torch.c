/* test_torch.c - torch.save archives made by hand: what is read, and what is refused. */
#include "config.h"

#include "format/test_zip.h"

#include "tensor/dtype.h"

/* ---- pickles: a few opcodes under their names ---- */

static void p_text(struct spn_buf *b, const char *s)
{
    put_int(b, 'X', 1);
    put_u32(b, (uint32_t)strlen(s));
    put_text(b, s);
}

static void p_int(struct spn_buf *b, int64_t v)
{
    put_int(b, 0x8a, 1);
    put_int(b, 8, 1);
    put_u64(b, (uint64_t)v);
}

/* _rebuild_tensor_v2(storage KEY of TYPE and NUMEL, FIRST, DIM, STRIDE, …): N dimensions. */
static void p_tensor(struct spn_buf *b, const char *type, const char *key, int64_t numel,
                     int64_t first, int n, const int64_t *dim, const int64_t *stride)
{
    put_text(b, "ctorch._utils\n_rebuild_tensor_v2\n((");
    p_text(b, "storage");
    put_text(b, "ctorch\n");
    put_text(b, type);
    put_text(b, "\n");
    p_text(b, key);
    p_text(b, "cpu");
    p_int(b, numel);
    put_text(b, "tQ");
    p_int(b, first);
    for (int k = 0; k < 2; k++) {
        put_text(b, "(");
        for (int i = 0; i < n; i++)
            p_int(b, (k == 0 ? dim : stride)[i]);
        put_text(b, "t");
    }
    put_text(b, "\x89" "ccollections\nOrderedDict\n)RtR");
}

static const float numbers[] = { 1, 2, 3, 4, 5, 6 };

/* An archive of the pickle B and one storage of six floats. */
static void archive(struct zip_made *z, const struct spn_buf *b, const struct zip_lie *lie)
{
    zip_add(z, "a/data.pkl", b->data, b->length);
    zip_add(z, "a/data/0", numbers, sizeof numbers);
    zip_end(z, lie);
}

/* The pickle B, which is freed, is refused with WORDS. */
static void bad(struct spn_buf *b, const char *words, const char *what)
{
    struct zip_made z = ZIP_INIT;

    archive(&z, b, NULL);
    refused("zip", &z.file, words, what);
    spn_buf_free(&z.file);
    spn_buf_free(b);
    *b = (struct spn_buf)BYTES_INIT;
}

static void bad_text(const char *pickle, const char *words, const char *what)
{
    struct spn_buf b = BYTES_INIT;

    put_text(&b, pickle);
    bad(&b, words, what);
}

/* {"w": [2, 3] transposed, "tied": the whole, "lr": 0.5} */
static void good_pickle(struct spn_buf *b)
{
    const int64_t dim[] = { 3, 2 }, stride[] = { 1, 3 }, six = 6, one = 1;

    put_text(b, "\x80\x02}(");
    p_text(b, "w");
    p_tensor(b, "FloatStorage", "0", 6, 0, 2, dim, stride);
    p_text(b, "tied");
    p_tensor(b, "FloatStorage", "0", 6, 0, 1, &six, &one);
    p_text(b, "lr");
    put_text(b, "F0.5\n");
    p_text(b, "betas");
    put_text(b, "(I1\nF0.25\nt");
    put_text(b, "u.");
}

static void test_good(void)
{
    static const float want[] = { 1, 4, 2, 5, 3, 6 };
    struct spn_buf b = BYTES_INIT;
    struct zip_made z = ZIP_INIT;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    const struct spn_entry *e;
    struct spn_tensor t;
    struct spn_meta v;
    float got[6];
    double f = 0;
    void *copy;

    good_pickle(&b);
    archive(&z, &b, NULL);
    ok(spn_reader_open_memory(&r, "zip", z.file.data, z.file.length, &err) == SPN_OK, "opened %s",
       err.text);
    if (r == NULL)
        return;
    ok_str(spn_reader_format(r), "torch zip", "its format");
    ok_int((long long)spn_reader_count(r), 2, "two tensors");
    e = spn_reader_find(r, "w");
    ok(e != NULL && e->t.data == NULL && e->layout != NULL && e->t.dim[0] == 3 && e->t.dim[1] == 2,
       "the transposed one is not in one piece");
    ok(spn_entry_read(r, e, 0, 6, got, &err) == SPN_OK && memcmp(got, want, sizeof want) == 0,
       "its numbers");
    for (int64_t from = 0; from < 6; from++)
        for (int64_t n = 0; from + n <= 6; n++)
            if (spn_entry_read(r, e, from, n, got, &err) != SPN_OK ||
                memcmp(got, want + from, (size_t)n * sizeof *want) != 0)
                ok(false, "%lld numbers from %lld on", (long long)n, (long long)from);
    ok(spn_entry_read(r, e, 3, 4, got, &err) == SPN_EUSAGE, "past its end: %s", err.text);
    ok(spn_entry_view(r, e, &t, &copy, &err) == SPN_OK && copy != NULL &&
       memcmp(t.data, want, sizeof want) == 0, "as a copy");
    spn_free(copy);
    e = spn_reader_find(r, "tied");
    ok(e != NULL && e->layout == NULL && memcmp(e->t.data, numbers, sizeof numbers) == 0,
       "the tied one is in the file");
    ok(spn_entry_view(r, e, &t, &copy, &err) == SPN_OK && copy == NULL && t.data == e->t.data,
       "without a copy");
    ok(spn_meta_float(r, "lr", &f) && f == 0.5, "a number");
    ok(spn_reader_meta(r, "betas", &v) && v.count == 2 && spn_meta_elem_float(&v, 1, &f) &&
       f == 0.25, "a list of numbers");
    ok(spn_reader_meta(r, "pickle.globals", &v) && v.count == 3 &&
       !spn_reader_meta(r, "pickle.unknown", &v), "what the pickle names");
    spn_reader_close(r);
    cut_everywhere("zip", &z.file, z.file.length);
    mutate("zip", &z.file, 4000);
    short_of_memory("zip", &z.file);
    spn_buf_free(&z.file);
    spn_buf_free(&b);
}

static void test_hostile_pickles(void)
{
    struct spn_buf b = BYTES_INIT;
    struct zip_made z = ZIP_INIT;
    struct spn_reader *r = NULL;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_meta v;
    const char *s = "";
    size_t n = 0;

    put_text(&b, "cposix\nsystem\n(S'touch /tmp/spinney-was-here'\ntR.");
    archive(&z, &b, NULL);
    ok(spn_reader_open_memory(&r, "zip", z.file.data, z.file.length, &err) == SPN_OK &&
       spn_reader_meta(r, "pickle.unknown", &v) && spn_meta_elem_str(&v, 0, &s, &n) &&
       n == 12 && memcmp(s, "posix.system", n) == 0, "os.system is a name");
    spn_reader_close(r);
    spn_buf_free(&z.file);
    spn_buf_free(&b);

    for (int i = 0; i < 100000; i++)
        put_text(&b, "]");
    for (int i = 1; i < 100000; i++)
        put_text(&b, "a");
    put_text(&b, ".");
    bad(&b, "deep", "lists in lists, 100,000 deep");
    put_text(&b, "]q");
    put_int(&b, 0, 1);
    for (int i = 1; i < 60; i++) {
        put_text(&b, "](h");
        put_int(&b, (uint64_t)i - 1, 1);
        put_text(&b, "h");
        put_int(&b, (uint64_t)i - 1, 1);
        put_text(&b, "eq");
        put_int(&b, (uint64_t)i, 1);
    }
    put_text(&b, ".");
    bad(&b, "more often", "each list holds the last one twice, 60 times over");
    put_text(&b, "]q");
    put_int(&b, 0, 1);
    put_text(&b, "h");
    put_int(&b, 0, 1);
    put_text(&b, "a.");
    bad(&b, "", "a list that holds itself");
    put_text(&b, "Nr");
    put_u32(&b, 4999999);
    put_text(&b, ".");
    bad(&b, "memo index", "a memo of five million from nine bytes");
    put_text(&b, "\x8e");
    put_u64(&b, (uint64_t)1 << 60);
    put_text(&b, ".");
    bad(&b, "left", "bytes of 2^60");
    put_text(&b, "\x95");
    put_u64(&b, UINT64_MAX);
    put_text(&b, "N.");
    bad(&b, "frame", "a frame past the end");
    bad_text("\x80\x06N.", "protocol", "protocol 6");
    bad_text("N", "no end", "without STOP");
    bad_text(".", "empty", "nothing at all");
    bad_text("0.", "nothing to take", "POP of nothing");
    bad_text("1.", "no mark", "POP_MARK of nothing");
    bad_text("t.", "no mark", "TUPLE of nothing");
    bad_text("(Nd.", "key without", "a dict with half a pair");
    bad_text("Na.", "no container", "APPEND of nothing");
    bad_text("NNa.", "no such container", "APPEND to None");
    bad_text("]NNs.", "no such container", "SETITEM into a list");
    bad_text("(\x85.", "more values", "TUPLE1 over a mark");
    bad_text("NR.", "more values", "REDUCE of one value");
    bad_text("NNR.", "tuple", "REDUCE with None");
    bad_text("NNb.", "no object", "BUILD of None");
    bad_text("NN\x93.", "no text", "STACK_GLOBAL of None");
    bad_text("ios\nsystem\n.", "instance of os.system", "INST");
    bad_text("o.", "instances", "OBJ");
    bad_text("\x82" "a.", "registry", "EXT1");
    bad_text("\x97.", "outside", "NEXT_BUFFER");
    bad_text("?.", "no such opcode", "no opcode");
    bad_text("h\1.", "memo index", "GET of nothing");
    bad_text("gx\n.", "memo index", "GET of no number");
    bad_text("I12x\n.", "no integer", "INT of no number");
    bad_text("L999999999999999999999999999999999999999999L\n.", "no integer", "a very long LONG");
    bad_text("Fx\n.", "no number", "FLOAT of no number");
    bad_text("S'x\n.", "no text", "STRING without its end");
    bad_text("S'\\q'\n.", "no text", "STRING with an unknown escape");
    bad_text("V\\u12\n.", "no text", "UNICODE cut short");
    bad_text("VABC", "without an end", "a line without an end");
    bad_text("\x8a\xff.", "left", "LONG1 past the end");
    put_text(&b, "\x8b");
    put_u32(&b, 300);
    bad(&b, "255", "LONG4 of 300 bytes");
    put_text(&b, "}(X");
    put_u32(&b, 3);
    put_bytes(&b, "a\0b", 3);
    put_text(&b, "Nu.");
    bad(&b, "NUL", "a key with a NUL");
}

static void test_hostile_tensors(void)
{
    const int64_t one = 1, zero = 0, huge = (int64_t)1 << 60, minus = -1;
    const int64_t many[] = { (int64_t)1 << 30, (int64_t)1 << 30, 8 }, none[] = { 0, 0, 0 };
    const int64_t six = 6, seven = 7;
    struct spn_buf b = BYTES_INIT;

    p_tensor(&b, "FloatStorage", "0", huge, 0, 1, &huge, &one);
    put_text(&b, ".");
    bad(&b, "has 24 bytes", "2^60 elements");
    p_tensor(&b, "FloatStorage", "0", INT64_MAX, 0, 1, &six, &one);
    put_text(&b, ".");
    bad(&b, "storage", "a storage of more bytes than 64 bits count");
    p_tensor(&b, "FloatStorage", "0", 6, 0, 1, &huge, &zero);
    put_text(&b, ".");
    bad(&b, "repeats", "2^60 copies of one element");
    p_tensor(&b, "FloatStorage", "0", 6, 0, 3, many, none);
    put_text(&b, ".");
    bad(&b, "overflows", "2^63 elements");
    p_tensor(&b, "FloatStorage", "0", 6, 0, 1, &seven, &one);
    put_text(&b, ".");
    bad(&b, "past the 6 elements", "one element too many");
    p_tensor(&b, "FloatStorage", "0", 6, 6, 1, &one, &one);
    put_text(&b, ".");
    bad(&b, "past the 6 elements", "a view that begins at the end");
    p_tensor(&b, "FloatStorage", "0", 6, 0, 1, &six, &huge);
    put_text(&b, ".");
    bad(&b, "past the 6 elements", "a stride of 2^60");
    p_tensor(&b, "FloatStorage", "0", 6, 0, 1, &six, &minus);
    put_text(&b, ".");
    bad(&b, "stride 0 is -1", "a stride of -1");
    p_tensor(&b, "FloatStorage", "0", 6, -1, 1, &one, &one);
    put_text(&b, ".");
    bad(&b, "from element -1", "an offset of -1");
    p_tensor(&b, "FloatStorage", "0", 6, 0, 1, &minus, &one);
    put_text(&b, ".");
    bad(&b, "dimension", "a dimension of -1");
    p_tensor(&b, "FloatStorage", "1", 6, 0, 1, &six, &one);
    put_text(&b, ".");
    bad(&b, "storage 1", "a storage that is not there");
    p_tensor(&b, "StrangeStorage", "0", 6, 0, 1, &six, &one);
    put_text(&b, ".");
    bad(&b, "not known", "a storage of an unknown type");
    p_tensor(&b, "FloatStorage", "../0", 6, 0, 1, &six, &one);
    put_text(&b, ".");
    bad(&b, "storage ../0", "a storage outside");
    bad_text("ctorch._utils\n_rebuild_tensor_v2\n)R.", "storage", "a tensor of nothing");
}

static void bad_zip(int entry, int at, int width, uint64_t value, const char *words,
                    const char *what)
{
    struct zip_lie lie = { entry, at, width, value };
    struct spn_buf b = BYTES_INIT;
    struct zip_made z = ZIP_INIT;

    good_pickle(&b);
    archive(&z, &b, &lie);
    refused("zip", &z.file, words, what);
    spn_buf_free(&z.file);
    spn_buf_free(&b);
}

static void bad_name(const char *name, const char *words, const char *what)
{
    struct spn_buf b = BYTES_INIT;
    struct zip_made z = ZIP_INIT;

    good_pickle(&b);
    zip_add(&z, "a/data.pkl", b.data, b.length);
    zip_add(&z, name, numbers, sizeof numbers);
    zip_end(&z, NULL);
    refused("zip", &z.file, words, what);
    spn_buf_free(&z.file);
    spn_buf_free(&b);
}

static void test_hostile_zips(void)
{
    bad_zip(1, 8, 2, 1, "encrypted", "an encrypted entry");
    bad_zip(1, 10, 2, 8, "compressed", "a deflated storage");
    bad_zip(1, 20, 4, 25, "stored, with", "two sizes");
    bad_zip(1, 20, 8, 0x7fffffff7fffffff, "of a file of", "a size past the end");
    bad_zip(1, 24, 4, UINT32_MAX, "64-bit", "no 64-bit size");
    bad_zip(1, 42, 4, 0x7fffffff, "header", "an entry past the end");
    bad_zip(1, 42, 4, 1, "header", "no header there");
    bad_zip(0, 20, 8, 0x0000020000000200, "overlap", "an entry that reaches into the next");
    bad_zip(0, 0, 4, 7, "no entry", "no entry of the table");
    bad_zip(1, 30, 2, 999, "wants", "an extra field past the table");
    bad_zip(1, 28, 2, 3, "header", "another name than in the header");
    bad_name("../data/0", "no plain name", "a name that leads out");
    bad_name("a/../../0", "no plain name", "a name that leads out further down");
    bad_name("/data/0", "no plain name", "a name from the root");
    bad_name("a\\data", "no plain name", "a name with a backslash");
    bad_name("a/data.pkl", "two zip entries", "the same name twice");
    bad_name("a/data/7", "storage 0", "another storage than the pickle's");
}

int main(void)
{
    test_good();
    test_hostile_pickles();
    test_hostile_tensors();
    test_hostile_zips();
    return done();
}

/* test_cgrseg.c - the digest's test vectors (papers/cgrseg.md): every number of the network is a
 * hash of its key, what comes out is what the official modules give in double. */
#include "config.h"

#include <inttypes.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/pool.h"
#include "fill.h"
#include "network.h"
#include "shapes.h"
#include "tap.h"
#include "vision/model.h"

static void fill_floats(const char *key, int ndim, const int64_t *dim, int64_t first, int64_t n,
                        float *to)
{
    uint64_t hash = fill_hash(key);
    double lo, hi;

    fill_range(key, ndim, dim, &lo, &hi);
    for (int64_t i = 0; i < n; i++)
        to[i] = (float)(lo + (hi - lo) * fill_unit(hash, (uint64_t)(first + i)));
}

/* ---- a checkpoint of these numbers ---- */

struct kept {
    char name[160];
    struct spn_tensor t;
};
struct making {
    struct spn_writer *w;
    struct kept *tensor;
    int n;
    uint64_t parameters;
};

static spn_status stream(void *ctx, int64_t first, int64_t n, void *dst, struct spn_err *err)
{
    const struct kept *k = ctx;

    fill_floats(k->name, k->t.ndim, k->t.dim, first, n, dst);
    return SPN_OK;
}

static int add(void *ctx, const char *name, int ndim, const int64_t *dim)
{
    struct making *m = ctx;
    struct kept *k = &m->tensor[m->n];

    if (m->n++ >= 2000 || spn_tensor_init(&k->t, SPN_F32, ndim, dim, NULL, NULL) != SPN_OK)
        return -1;
    snprintf(k->name, sizeof k->name, "%s", name);
    if (strstr(name, "running_") == NULL)
        m->parameters += (uint64_t)spn_tensor_elems(&k->t);
    return spn_writer_stream(m->w, name, &k->t, stream, k);
}

static bool write_model(const char *path, char variant, uint64_t *parameters)
{
    struct making m = { .tensor = spn_calloc(2000, sizeof *m.tensor) };
    struct spn_err err = SPN_ERR_INIT;
    bool fine = m.tensor != NULL && spn_safetensors_create(&m.w, path, &err) == SPN_OK &&
                cgrseg_tensors(cgrseg_sizes_of(variant), add, &m) == SPN_OK &&
                spn_writer_commit(m.w, &err) == SPN_OK;

    *parameters = m.parameters;
    if (!fine)
        ok(false, "cgrseg-%c: %s", variant, err.text);
    spn_writer_free(m.w);
    spn_free(m.tensor);
    return fine;
}

/* ---- vectors ---- */

/* The input in the order of channels, as NHWC. */
static float *make_input(int64_t h, int64_t w)
{
    float *x = spn_calloc((size_t)(3 * h * w), sizeof *x);
    uint64_t hash = fill_hash("input");

    for (int64_t c = 0; x != NULL && c < 3; c++)
        for (int64_t i = 0; i < h * w; i++)
            x[i * 3 + c] = (float)(-2 + 4 * fill_unit(hash, (uint64_t)(c * h * w + i)));
    return x;
}

struct summary {
    double mean, mean_abs, first;
};

static struct summary summary_of(const struct spn_tensor *t)
{
    struct summary s = { .first = (double)((const float *)t->data)[0] };
    int64_t n = spn_tensor_elems(t);

    for (int64_t i = 0; i < n; i++) {
        s.mean += (double)((const float *)t->data)[i] / (double)n;
        s.mean_abs += fabs((double)((const float *)t->data)[i]) / (double)n;
    }
    return s;
}

struct vector {
    const char *map;
    struct summary want;
};
static const struct vector inner_t[] = {
    { "stem", { .202783, .320561, -.169410 } },
    { "network 0", { .255428, .362777, -.111297 } },
    { "network 1", { -.068750, .439568, .001185 } },
    { "network 2", { -.068063, .462058, .114292 } },
    { "network 3", { -.016434, .455603, .146703 } },
    { "network 4", { -.019555, .562508, -.246807 } },
    { "network 5", { -.054645, .757977, .282471 } },
    { "network 6", { -.106184, .990808, .121877 } },
    { "ppa", { -.074997, .578171, -.189404 } },
    { "trans", { -.078032, .609941, -.046432 } },
    { "r2", { .055100, .515018, .091326 } },
    { "r1", { -.002385, .395144, -.126137 } },
    { "r0", { -.003976, .347631, .017293 } },
    { "linear_fuse", { .152748, .152748, 0 } },
    { "first", { .044496, .266842, .268879 } },
    { "prototypes", { -.004048, .245948, .093844 } },
    { "weighed", { .001554, .515690, .021442 } },
};

static void check_inner(struct spn_vision *v)
{
    struct spn_err err = SPN_ERR_INIT;

    for (size_t i = 0; i < sizeof inner_t / sizeof *inner_t; i++) {
        const struct vector *k = &inner_t[i];
        struct spn_tensor t;
        struct summary got;

        if (spn_vision_map(v, k->map, &t, &err) != SPN_OK) {
            ok(false, "%s: %s", k->map, err.text);
            continue;
        }
        got = summary_of(&t);
        ok(fabs(got.mean - k->want.mean) <= 1e-5 && fabs(got.mean_abs - k->want.mean_abs) <= 1e-5 &&
               fabs(got.first - k->want.first) <= 1e-4,
           "cgrseg-T, %s: mean %.6f, mean of sizes %.6f, first %.6f", k->map, got.mean,
           got.mean_abs, got.first);
    }
}

struct logits {
    char variant;
    int64_t h, w;
    double mean, mean_abs, at[4], last;
    int classes[3];
    int64_t counts[3]; /* pixels of these classes at full size; 0: not in the digest */
};
static const struct logits wanted[] = {
    { 'T',
      128,
      128,
      -.007971,
      .516264,
      { .747225, -.147650, .542605, -.030771 },
      .911630,
      { 107, 30, 72 },
      { 3966, 2539, 2049 } },
    { 'T',
      96,
      160,
      -.010900,
      .491228,
      { .672382, -.415160, -.336422, -.252824 },
      -.104877,
      { 107, 30, 20 },
      { 4712, 2003, 1427 } },
    { 'B',
      128,
      128,
      .039140,
      .687740,
      { .587960, .765481, .001507, -.007776 },
      .633480,
      { 0 },
      { 0 } },
    { 'L',
      128,
      128,
      -.173700,
      1.654367,
      { 1.466279, -.390295, .586271, -1.255262 },
      -1.054680,
      { 0 },
      { 0 } },
};

/* Pixels of each class when the logits are interpolated to H x W. */
static void count_classes(const struct spn_tensor *t, int64_t h, int64_t w, int64_t count[256])
{
    struct spn_plan *p = spn_plan_new(SPN_F32);
    struct spn_exec *e = NULL;
    struct spn_run run = { 0 };
    struct spn_err err = SPN_ERR_INIT;
    struct spn_tensor x, y;
    int64_t n = t->dim[3];

    spn_plan_output(p, "y",
                    spn_op_resize(p, spn_plan_input(p, "x", SPN_F32, 4, t->dim), h, w, false));
    memset(count, 0, 256 * sizeof *count);
    if (spn_plan_finish(p, &err) != SPN_OK || spn_exec_new(&e, p, run.symbol, &err) != SPN_OK ||
        spn_exec_input(e, &run, "x", &x, &err) != SPN_OK) {
        ok(false, "%s", err.text);
        spn_plan_free(p);
        return;
    }
    memcpy(x.data, t->data, (size_t)spn_tensor_bytes(t));
    if (spn_exec_run(e, &run, -1, 0, &err) == SPN_OK &&
        spn_exec_output(e, &run, "y", &y, &err) == SPN_OK)
        for (int64_t i = 0; i < h * w; i++) {
            const float *l = (const float *)y.data + i * n;
            int64_t best = 0;

            for (int64_t k = 1; k < n; k++)
                best = l[k] > l[best] ? k : best;
            count[best]++;
        }
    spn_exec_free(e);
    spn_plan_free(p);
}

static void check_logits(const struct logits *k, const struct spn_tensor *t)
{
    static const int at[4] = { 0, 1, 74, 149 };
    const float *l = t->data;
    struct summary got = summary_of(t);
    double off = fabs((double)l[spn_tensor_elems(t) - 1] - k->last);
    int64_t count[256];

    for (int i = 0; i < 4; i++)
        off = fmax(off, fabs((double)l[at[i]] - k->at[i]));
    ok(off <= 1e-4 && fabs(got.mean - k->mean) <= 1e-5 && fabs(got.mean_abs - k->mean_abs) <= 1e-5,
       "cgrseg-%c, %" PRId64 " x %" PRId64 ": logits differ by %.1e, mean %.6f, of sizes %.6f",
       k->variant, k->h, k->w, off, got.mean, got.mean_abs);
    if (k->counts[0] == 0)
        return;
    count_classes(t, k->h, k->w, count);
    ok(count[k->classes[0]] == k->counts[0] && count[k->classes[1]] == k->counts[1] &&
           count[k->classes[2]] == k->counts[2],
       "cgrseg-%c, %" PRId64 " x %" PRId64 ": classes %d, %d, %d take %" PRId64 ", %" PRId64
       ", %" PRId64 " pixels",
       k->variant, k->h, k->w, k->classes[0], k->classes[1], k->classes[2], count[k->classes[0]],
       count[k->classes[1]], count[k->classes[2]]);
}

static void check_cost(struct spn_vision *v, char variant)
{
    double want = variant == 'T' ? 3.867 : variant == 'B' ? 7.436 : 14.631;
    double want_attention = variant == 'T' ? 0.503 : variant == 'B' ? 0.839 : 1.174;
    struct spn_vision_cost c;
    struct spn_err err = SPN_ERR_INIT;

    if (spn_vision_prepare(v, 1, 512, 512, &err) != SPN_OK) {
        ok(false, "%s", err.text);
        return;
    }
    c = spn_vision_cost(v);
    ok(fabs((double)c.macs.convs / 1e9 - want) <= 0.0005 &&
           fabs((double)c.macs.attention / 1e9 - want_attention) <= 0.0005,
       "cgrseg-%c at 512 x 512: %.3f G multiply-adds, %.3f G of attention products, %.1f MB for a "
       "run",
       variant, (double)c.macs.convs / 1e9, (double)c.macs.attention / 1e9,
       (double)c.run_bytes / 1e6);
}

static void check_variant(char variant, uint64_t want, struct spn_pool *pool)
{
    char path[] = "test_cgrseg-XXXXXX";
    int fd = mkstemp(path);
    uint64_t parameters = 0;
    struct spn_err err = SPN_ERR_INIT;
    struct spn_reader *r = NULL;
    struct spn_vision *v = NULL;
    struct spn_vision_setup setup = { .build = cgrseg_build, .channels = 3, .pool = pool };

    if (fd >= 0)
        close(fd);
    if (fd < 0 || !write_model(path, variant, &parameters)) {
        ok(fd >= 0, "a file to write");
        return;
    }
    ok(parameters == want, "cgrseg-%c: %" PRIu64 " parameters", variant, parameters);
    if (spn_reader_open(&r, path, &err) != SPN_OK || spn_vision_open(&v, r, &setup, &err) != SPN_OK)
        ok(false, "%s", err.text);
    for (size_t i = 0; v != NULL && i < sizeof wanted / sizeof *wanted; i++) {
        struct spn_tensor t;
        float *x;

        if (wanted[i].variant != variant)
            continue;
        x = make_input(wanted[i].h, wanted[i].w);
        spn_vision_inside(v, i == 0);
        if (spn_vision_run(v, x, 1, wanted[i].h, wanted[i].w, &t, &err) != SPN_OK)
            ok(false, "%s", err.text);
        else
            check_logits(&wanted[i], &t);
        if (i == 0)
            check_inner(v);
        spn_free(x);
    }
    if (v != NULL)
        check_cost(v, variant);
    spn_vision_close(v);
    spn_reader_close(r);
    unlink(path);
}

static void check_generator(void)
{
    uint64_t h = fill_hash("backbone.patch_embed.0.weight");

    ok(fill_hash("input") == UINT64_C(0x1ebbae8f5810b65b) &&
           fabs(fill_unit(fill_hash("input"), 2) - 0.5740844483) < 1e-9 &&
           fabs(fill_unit(h, 0) - 0.2738616) < 1e-7 && fabs(fill_unit(h, 1) - 0.2247513) < 1e-7,
       "the numbers of the vectors");
}

int main(void)
{
    struct spn_pool *pool = spn_pool_new(2);

    check_generator();
    check_variant('T', 9364647, pool);
    check_variant('B', 19114871, pool);
    check_variant('L', 35677703, pool);
    spn_pool_free(pool);
    return done();
}

/* net.c - layers by the names of a checkpoint: folded, laid out and packed once. */
#include "config.h"

#include "vision/net.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/arith.h"
#include "tensor/half.h"
#include "tensor/ops.h"
#include "vision/net_impl.h"

#define NAME_MAX_BYTES 256

const char *spn_vnet_name(struct spn_vnet *n, const char *fmt, ...)
{
    char text[NAME_MAX_BYTES];
    const char *kept;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    kept = spn_arena_strndup(n->arena, text, strlen(text));
    if (kept == NULL) {
        spn_vnet_fail(n, SPN_ENOMEM, "%s: no memory for the name %s", spn_reader_path(n->v->r),
                      text);
        return "";
    }
    return kept;
}

struct spn_plan *spn_vnet_plan(struct spn_vnet *n)
{
    return n->plan;
}

bool spn_vnet_has(const struct spn_vnet *n, const char *name)
{
    return spn_reader_find(n->v->r, name) != NULL;
}

int64_t spn_vnet_dim(const struct spn_vnet *n, const char *name, int i)
{
    const struct spn_entry *e = spn_reader_find(n->v->r, name);

    return e != NULL && i < e->t.ndim ? e->t.dim[i] : 0;
}

int64_t spn_vnet_size(const struct spn_vnet *n, spn_val v, int i)
{
    const struct spn_tensor *t = spn_plan_shape(n->plan, v);

    return t != NULL && i < t->ndim ? t->dim[i] : 0;
}

spn_val spn_vnet_fail(struct spn_vnet *n, spn_status code, const char *fmt, ...)
{
    va_list ap;

    if (n->err.code != SPN_OK)
        return -1;
    n->err.code = code;
    va_start(ap, fmt);
    vsnprintf(n->err.text, sizeof n->err.text, fmt, ap);
    va_end(ap);
    return -1;
}

/* ---- numbers of the checkpoint ---- */

static spn_status widen(const struct spn_entry *e, const char *path, const void *from,
                        int64_t count, float *to, struct spn_err *err)
{
    if (e->t.dtype == SPN_F64) {
        for (int64_t i = 0; i < count; i++)
            to[i] = (float)((const double *)from)[i];
        return SPN_OK;
    }
    if (e->t.dtype != SPN_F32 && e->t.dtype != SPN_F16 && e->t.dtype != SPN_BF16)
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is %s, wanted f32, f16, bf16 or f64", path,
                        e->name, spn_dtype_name(e->t.dtype));
    return spn_dequant(e->t.dtype, from, to, count, err);
}

spn_status k_net_read(const struct spn_vision *v, const char *name, int64_t want, float **out,
                      struct spn_err *err)
{
    const char *path = spn_reader_path(v->r);
    const struct spn_entry *e = spn_reader_find(v->r, name);
    struct spn_tensor t;
    void *copy = NULL;
    float *to;
    int64_t count;
    spn_status st;

    if (e == NULL)
        return spn_fail(err, SPN_EFORMAT, "%s: it has no tensor %s", path, name);
    count = spn_tensor_elems(&e->t);
    if (count != want) {
        char text[160];

        spn_tensor_shape_text(&e->t, text, sizeof text);
        return spn_fail(err, SPN_EFORMAT, "%s: tensor %s is %s, wanted %" PRId64 " numbers", path,
                        name, text, want);
    }
    to = spn_calloc((size_t)count + 1, sizeof *to);
    if (to == NULL)
        return spn_fail(err, SPN_ENOMEM, "%s: no memory for tensor %s", path, name);
    st = spn_entry_view(v->r, e, &t, &copy, err);
    if (st == SPN_OK) {
        /* A mapping promises no alignment. */
        if (copy == NULL && t.dtype == SPN_F32)
            memcpy(to, t.data, (size_t)count * sizeof *to);
        else
            st = widen(e, path, t.data, count, to, err);
    }
    spn_free(copy);
    if (st != SPN_OK) {
        spn_free(to);
        return st;
    }
    *out = to;
    return SPN_OK;
}

spn_status spn_vnet_read(struct spn_vnet *n, const char *name, int64_t want, float **out,
                         struct spn_err *err)
{
    return k_net_read(n->v, name, want, out, err);
}

/* The same with the failure kept; NULL. */
static float *read_floats(struct spn_vnet *n, const char *name, int64_t want)
{
    struct spn_err err = SPN_ERR_INIT;
    float *out = NULL;

    if (n->err.code != SPN_OK)
        return NULL;
    if (k_net_read(n->v, name, want, &out, &err) != SPN_OK)
        spn_vnet_fail(n, err.code, "%s", err.text);
    return out;
}

/* ---- what is made ---- */

struct k_made *k_net_find(struct spn_vnet *n, const char *key)
{
    struct k_made *const list[2] = { n->made, n->v->made };

    for (int i = 0; i < 2; i++)
        for (struct k_made *m = list[i]; m != NULL; m = m->next)
            if (strcmp(m->key, key) == 0)
                return m;
    return NULL;
}

struct k_made *k_net_new(struct spn_vnet *n, const char *key, int ndim, const int64_t *dim,
                         bool lasts)
{
    struct spn_arena *arena = lasts ? n->v->arena : n->arena;
    struct k_made **list = lasts ? &n->v->made : &n->made;
    struct k_made *m;

    if (n->err.code != SPN_OK)
        return NULL;
    m = spn_arena_alloc(arena, 1, sizeof *m);
    if (m != NULL)
        m->key = spn_arena_strndup(arena, key, strlen(key));
    if (m == NULL || m->key == NULL ||
        spn_tensor_init(&m->w.t, SPN_F32, ndim, dim, NULL, &n->err) != SPN_OK ||
        (m->own = spn_calloc((size_t)spn_tensor_elems(&m->w.t) + 1, sizeof(float))) == NULL) {
        spn_vnet_fail(n, SPN_ENOMEM, "%s: no memory for %s", spn_reader_path(n->v->r), key);
        return NULL;
    }
    m->w.name = m->key;
    m->w.t.data = m->own;
    m->next = *list;
    *list = m;
    if (lasts)
        n->v->weight_bytes += spn_tensor_bytes(&m->w.t);
    return m;
}

void k_made_free(struct k_made *m)
{
    for (; m != NULL; m = m->next) { /* the entries themselves are their arena's */
        spn_pack_free(m->w.pack);
        spn_free(m->own);
        m->own = NULL;
        m->w.pack = NULL;
    }
}

spn_val k_net_weight(struct spn_vnet *n, struct k_made *m)
{
    if (m == NULL || n->err.code != SPN_OK)
        return -1;
    return spn_plan_weight(n->plan, &m->w);
}

/* ---- folding ---- */

/* Scale and shift of a batch norm of COUNT channels; both freed by the caller, also on failure. */
static bool norm_factors(struct spn_vnet *n, const char *bn, int64_t count, float eps,
                         float **scale, float **shift)
{
    float *w = read_floats(n, spn_vnet_name(n, "%s.weight", bn), count),
          *b = read_floats(n, spn_vnet_name(n, "%s.bias", bn), count),
          *mean = read_floats(n, spn_vnet_name(n, "%s.running_mean", bn), count),
          *var = read_floats(n, spn_vnet_name(n, "%s.running_var", bn), count);
    bool fine = w != NULL && b != NULL && mean != NULL && var != NULL;

    for (int64_t i = 0; fine && i < count; i++) {
        double s = (double)w[i] / sqrt((double)var[i] + (double)(eps > 0 ? eps : 1e-5f));

        b[i] = (float)((double)b[i] - (double)mean[i] * s);
        w[i] = (float)s;
    }
    spn_free(mean);
    spn_free(var);
    *scale = w;
    *shift = b;
    return fine;
}

/* A filter with all that goes into it, as [o][taps][in] and one number an output. */
struct filter {
    int64_t o, in, kh, kw; /* in: channels of one group */
    bool each;             /* a filter a channel */
    float *w, *b;
};

static int64_t weight_at(const struct filter *f, int64_t o, int64_t tap, int64_t i)
{
    return f->each ? tap * f->o + o : (o * f->kh * f->kw + tap) * f->in + i;
}

static void fold_before(struct spn_vnet *n, struct filter *f, const struct spn_vconv *c)
{
    int64_t channels = f->each ? f->o : f->in;
    float *scale = NULL, *shift = NULL;

    if (f->kh * f->kw != 1)
        spn_vnet_fail(n, SPN_EINTERNAL, "%s: a norm before a filter of %" PRId64 " x %" PRId64,
                      c->conv, f->kh, f->kw);
    else if (norm_factors(n, c->bn_before, channels, c->eps, &scale, &shift))
        for (int64_t o = 0; o < f->o; o++) {
            double sum = 0;

            for (int64_t i = 0; i < f->in; i++) {
                float *w = f->w + weight_at(f, o, 0, i);
                int64_t ch = f->each ? o : i;

                sum += (double)*w * (double)shift[ch];
                *w *= scale[ch];
            }
            f->b[o] += (float)sum;
        }
    spn_free(scale);
    spn_free(shift);
}

/* Each output times SCALE, plus SHIFT (NULL: nothing). */
static void fold_after(struct filter *f, const float *scale, const float *shift)
{
    for (int64_t o = 0; o < f->o; o++) {
        for (int64_t tap = 0; tap < f->kh * f->kw; tap++)
            for (int64_t i = 0; i < f->in; i++)
                f->w[weight_at(f, o, tap, i)] *= scale[o];
        f->b[o] = f->b[o] * scale[o] + (shift != NULL ? shift[o] : 0);
    }
}

static void fold(struct spn_vnet *n, struct filter *f, const struct spn_vconv *c)
{
    float *scale = NULL, *shift = NULL;

    if (c->centre != 0)
        for (int64_t o = 0; o < f->o; o++)
            f->w[weight_at(f, o, f->kh / 2 * f->kw + f->kw / 2, 0)] += c->centre;
    if (c->bn_before != NULL)
        fold_before(n, f, c);
    if (c->bn != NULL && norm_factors(n, c->bn, f->o, c->eps, &scale, &shift))
        fold_after(f, scale, shift);
    spn_free(scale);
    spn_free(shift);
    if (c->scale != NULL) {
        scale = read_floats(n, c->scale, f->o);
        if (scale != NULL)
            fold_after(f, scale, NULL);
        spn_free(scale);
    }
}

/* The checkpoint's [O][I][kh][kw] into the filter's order. */
static void lay_out(struct filter *f, const float *from)
{
    int64_t taps = f->kh * f->kw;

    for (int64_t o = 0; o < f->o; o++)
        for (int64_t i = 0; i < f->in; i++)
            for (int64_t tap = 0; tap < taps; tap++)
                f->w[weight_at(f, o, tap, i)] = from[(o * f->in + i) * taps + tap];
}

/* Packed tiles instead of the numbers. */
static void pack(struct spn_vnet *n, struct k_made *m, const struct filter *f)
{
    struct spn_tensor flat;
    int64_t dim[2] = { f->o, f->kh * f->kw * f->in };
    uint16_t *half = NULL;
    struct spn_err err = SPN_ERR_INIT;
    spn_status st = spn_tensor_init(&flat, SPN_F32, 2, dim, m->own, &err);

    if (st == SPN_OK && n->v->setup.bf16) {
        half = spn_calloc((size_t)(dim[0] * dim[1]) + 1, sizeof *half);
        if (half == NULL)
            st = spn_fail(&err, SPN_ENOMEM, "%s: no memory for %s", spn_reader_path(n->v->r),
                          m->key);
        for (int64_t i = 0; half != NULL && i < dim[0] * dim[1]; i++)
            half[i] = spn_bf16_of_f32(m->own[i]);
        flat.dtype = SPN_BF16;
        flat.data = half;
    }
    if (st == SPN_OK)
        st = spn_pack_new(&m->w.pack, &flat, n->v->setup.bf16 ? SPN_ACT_INT8 : SPN_ACT_F32,
                          n->v->setup.pool, &err);
    spn_free(half);
    if (st != SPN_OK) {
        spn_vnet_fail(n, st, "%s", err.text);
        return;
    }
    n->v->weight_bytes += spn_pack_bytes(m->w.pack);
    n->v->weight_bytes -= spn_tensor_bytes(&m->w.t);
    spn_free(m->own);
    m->own = NULL;
    m->w.t.data = NULL;
}

static void make_filter(struct spn_vnet *n, const struct spn_vconv *c, struct filter *f,
                        struct k_made **w, struct k_made **b)
{
    int64_t dim[4] = { f->o, f->kh, f->kw, f->in }, each[3] = { f->kh, f->kw, f->o };
    const char *bias = spn_vnet_name(n, "%s.bias", c->conv);
    float *from =
        read_floats(n, spn_vnet_name(n, "%s.weight", c->conv), f->o * f->in * f->kh * f->kw);
    float *own = spn_vnet_has(n, bias) ? read_floats(n, bias, f->o) : NULL;

    if (from != NULL)
        *w = f->each ? k_net_new(n, c->conv, 3, each, true) : k_net_new(n, c->conv, 4, dim, true);
    if (*w != NULL)
        *b = k_net_new(n, bias, 1, &f->o, true);
    if (*b != NULL) {
        f->w = (*w)->own;
        f->b = (*b)->own;
        lay_out(f, from);
        if (own != NULL)
            memcpy(f->b, own, (size_t)f->o * sizeof *own);
        fold(n, f, c);
        if (!f->each && n->err.code == SPN_OK)
            pack(n, *w, f);
    }
    spn_free(from);
    spn_free(own);
}

/* The shape of CONV.weight, checked against the CHANNELS that it is to read. */
static bool filter_shape(struct spn_vnet *n, const struct spn_vconv *c, int64_t channels,
                         struct filter *f)
{
    const char *name = spn_vnet_name(n, "%s.weight", c->conv);
    const struct spn_entry *e = spn_reader_find(n->v->r, name);
    char text[160];

    if (n->err.code != SPN_OK)
        return false;
    if (e == NULL) {
        spn_vnet_fail(n, SPN_EFORMAT, "%s: it has no tensor %s", spn_reader_path(n->v->r), name);
        return false;
    }
    *f = (struct filter){ .o = e->t.dim[0], .in = e->t.dim[1], .kh = 1, .kw = 1 };
    if (e->t.ndim == 4) {
        f->kh = e->t.dim[2];
        f->kw = e->t.dim[3];
    }
    f->each = e->t.ndim == 4 && f->in == 1 && f->o == channels && channels > 1;
    if ((e->t.ndim != 4 && e->t.ndim != 2) || spn_tensor_elems(&e->t) < 1 ||
        (!f->each && f->in != channels)) {
        spn_tensor_shape_text(&e->t, text, sizeof text);
        spn_vnet_fail(n, SPN_EFORMAT, "%s: tensor %s is %s, its input has %" PRId64 " channels",
                      spn_reader_path(n->v->r), name, text, channels);
        return false;
    }
    return true;
}

spn_val spn_vnet_conv(struct spn_vnet *n, spn_val x, const struct spn_vconv *c, spn_val more)
{
    struct spn_conv conv = {
        .stride = c->stride > 0 ? c->stride : 1, .pad_h = c->pad_h, .pad_w = c->pad_w, .act = c->act
    };
    struct k_made *w = k_net_find(n, c->conv), *b = NULL;
    struct filter f;
    spn_val weight, bias;

    if (x == -1 || !filter_shape(n, c, spn_vnet_size(n, x, 3), &f))
        return -1;
    if (w != NULL)
        b = k_net_find(n, spn_vnet_name(n, "%s.bias", c->conv));
    else
        make_filter(n, c, &f, &w, &b);
    weight = k_net_weight(n, w);
    bias = k_net_weight(n, b);
    if (weight == -1 || bias == -1)
        return -1;
    return f.each ? spn_op_depthwise(n->plan, x, weight, bias, more, &conv)
                  : spn_op_conv(n->plan, x, weight, bias, more, &conv);
}

/* ---- other numbers ---- */

struct read_ctx {
    const char *name;
    int64_t count;
};

static spn_status copy_numbers(struct spn_vnet *n, void *ctx, float *to, struct spn_err *err)
{
    const struct read_ctx *r = ctx;
    float *from = NULL;
    spn_status st = k_net_read(n->v, r->name, r->count, &from, err);

    if (st == SPN_OK)
        memcpy(to, from, (size_t)r->count * sizeof *to);
    spn_free(from);
    return st;
}

spn_val spn_vnet_constant(struct spn_vnet *n, const char *key, int ndim, const int64_t *dim,
                          bool lasts, spn_vnet_make make, void *ctx)
{
    struct k_made *m = k_net_find(n, key);
    struct spn_err err = SPN_ERR_INIT;

    if (n->err.code != SPN_OK)
        return -1;
    if (m == NULL) {
        m = k_net_new(n, key, ndim, dim, lasts);
        if (m != NULL && make(n, ctx, m->own, &err) != SPN_OK)
            return spn_vnet_fail(n, err.code, "%s", err.text);
    }
    return k_net_weight(n, m);
}

spn_val spn_vnet_vector(struct spn_vnet *n, const char *name)
{
    const struct spn_entry *e = spn_reader_find(n->v->r, name);
    struct read_ctx r = { name, e != NULL ? spn_tensor_elems(&e->t) : 1 };

    return spn_vnet_constant(n, name, 1, &r.count, true, copy_numbers, &r);
}

spn_val spn_vnet_layer_norm(struct spn_vnet *n, spn_val x, const char *norm, float eps)
{
    spn_val w = spn_vnet_vector(n, spn_vnet_name(n, "%s.weight", norm)),
            b = spn_vnet_vector(n, spn_vnet_name(n, "%s.bias", norm));

    if (x == -1 || w == -1 || b == -1)
        return -1;
    if (spn_vnet_size(n, w, 0) != spn_vnet_size(n, x, 3))
        return spn_vnet_fail(n, SPN_EFORMAT,
                             "%s: %s.weight has %" PRId64 " numbers, its input %" PRId64
                             " channels",
                             spn_reader_path(n->v->r), norm, spn_vnet_size(n, w, 0),
                             spn_vnet_size(n, x, 3));
    return spn_op_layer_norm(n->plan, x, w, b, eps);
}

static spn_status make_mix(struct spn_vnet *n, void *ctx, float *to, struct spn_err *err)
{
    const struct read_ctx *r = ctx;
    char name[NAME_MAX_BYTES];
    float *w = NULL, *b = NULL;
    int64_t heads = r->count;
    spn_status st;

    snprintf(name, sizeof name, "%s.weight", r->name);
    st = k_net_read(n->v, name, heads * heads, &w, err);
    snprintf(name, sizeof name, "%s.bias", r->name);
    if (st == SPN_OK)
        st = k_net_read(n->v, name, heads, &b, err);
    for (int64_t i = 0; st == SPN_OK && i < heads; i++) {
        memcpy(to + i * (heads + 1), w + i * heads, (size_t)heads * sizeof *to);
        to[i * (heads + 1) + heads] = b[i];
    }
    spn_free(w);
    spn_free(b);
    return st;
}

spn_val spn_vnet_mix(struct spn_vnet *n, const char *conv)
{
    struct read_ctx r = { conv, spn_vnet_dim(n, spn_vnet_name(n, "%s.weight", conv), 0) };
    int64_t dim[2] = { r.count, r.count + 1 };

    if (r.count < 1 || r.count > 64)
        return spn_vnet_fail(n, SPN_EFORMAT, "%s: %s.weight mixes %" PRId64 " heads",
                             spn_reader_path(n->v->r), conv, r.count);
    return spn_vnet_constant(n, conv, 2, dim, true, make_mix, &r);
}

/* ---- what is measured and shown ---- */

void spn_vnet_stage(struct spn_vnet *n, const char *name)
{
    if (n->n_stage < K_NET_STAGES)
        n->stage[n->n_stage++] = (struct k_stage){ name, spn_plan_records(n->plan) };
}

void spn_vnet_show(struct spn_vnet *n, const char *name, spn_val v)
{
    if (!n->inside || v == -1 || n->n_shown == K_NET_SHOWN)
        return;
    n->shown[n->n_shown++] = name;
    spn_plan_output(n->plan, name, v);
}
